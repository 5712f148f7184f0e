//! Looking at what the machine made.
//!
//! What one opcode makes alone is decoded when it is looked at. That takes as long as it is long, and a pickle can
//! refer to one long text a million times: who looks at many values must remember what it saw.

use super::Machine;
use super::value::{Leaf, Node, Ref, RefTarget, Value};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Op, Parser};

impl<'a> Machine<'a> {
    /// Follows a reference through the memo, so that equal answers mean the same object.
    #[inline]
    pub fn resolve(&self, reference: Ref) -> Ref {
        self.memo_index(reference).and_then(|(index, at)| self.memo.get(index, at)).unwrap_or(reference)
    }

    /// The memo slot and the place of the GET that this reference stands for, if it stands for one.
    #[inline]
    pub fn memo_index(&self, reference: Ref) -> Option<(u64, u64)> {
        let RefTarget::Get(at) = reference.target() else { return None };
        Some((self.index_at(at)?, at))
    }

    /// What is in a memo slot at the end.
    pub fn in_slot(&self, slot: u64) -> Option<Ref> {
        self.memo.get(slot, u64::MAX)
    }

    /// A value that was put together, without decoding others.
    #[inline]
    pub fn node(&self, reference: Ref) -> Option<&Node> {
        match self.resolve(reference).target() {
            RefTarget::Node(index) => self.nodes.get(index),
            RefTarget::Leaf(_) | RefTarget::Get(_) | RefTarget::Inner(_) => None,
        }
    }

    /// Shows a value.
    pub fn value(&self, reference: Ref) -> Value<'_, 'a> {
        let leaf = match self.resolve(reference).target() {
            RefTarget::Node(index) => return self.nodes.get(index).map_or(Value::Leaf(Leaf::None), Value::Node),
            RefTarget::Leaf(at) => {
                self.op_at(at).map_or(Leaf::None, |op| self.contents(&op).unwrap_or_else(|| leaf(op)))
            }
            RefTarget::Inner(inner) => Leaf::Inner(inner),
            RefTarget::Get(at) => Leaf::Earlier(self.memo_index(Ref::get(at)).map_or(0, |(index, _)| index)),
        };
        Value::Leaf(leaf)
    }

    /// The bytes that a reference takes: from the first opcode to behind the last. For what comes from the memo,
    /// that is the GET alone.
    pub fn span(&self, reference: Ref) -> (u64, u64) {
        match reference.target() {
            RefTarget::Node(index) => self.nodes.get(index).map_or((0, 0), |node| (node.start, node.end)),
            RefTarget::Leaf(at) | RefTarget::Get(at) => {
                let Some(op) = self.op_at(at) else { return (at, at) };
                self.raw_behind(&op).map_or((at, op.end), |raw| (raw.start, raw.end))
            }
            RefTarget::Inner(_) => (0, 0),
        }
    }

    /// The bytes of the single opcode that a value was made by; empty for what was put together.
    pub fn opcode_bytes(&self, reference: Ref) -> &'a [u8] {
        let RefTarget::Leaf(at) = self.resolve(reference).target() else { return &[] };
        let end = self.op_at(at).map_or(at, |op| op.end);
        let place = |at: u64| usize::try_from(at.saturating_sub(self.base)).ok();
        let range = place(at).zip(place(end));
        range.and_then(|(start, end)| self.bytes.get(start..end)).unwrap_or_default()
    }

    /// Where the first opcode that made this begins.
    pub fn start(&self, reference: Ref) -> u64 {
        match reference.target() {
            RefTarget::Node(index) => self.nodes.get(index).map_or(0, |node| node.start),
            RefTarget::Leaf(at) | RefTarget::Get(at) => at,
            RefTarget::Inner(_) => 0,
        }
    }

    /// The opcode at a place where one was read before.
    fn op_at(&self, at: u64) -> Option<Op<'a>> {
        self.again(at)?.next()?.ok()
    }

    /// The memo index of a GET at a place where one was read before.
    fn index_at(&self, at: u64) -> Option<u64> {
        self.again(at)?.step().ok()?.map(|op| op.index)
    }

    fn again(&self, at: u64) -> Option<Parser<'a>> {
        let position = usize::try_from(at.checked_sub(self.base)?).ok()?;
        Some(Parser::again(self.bytes, self.base, position))
    }
}

/// What an opcode that pushes what it holds shows.
fn leaf(op: Op<'_>) -> Leaf<'_> {
    match (op.opcode, op.argument) {
        (Opcode::NewTrue, _) => Leaf::Bool(true),
        (Opcode::NewFalse, _) => Leaf::Bool(false),
        (Opcode::NextBuffer, _) => Leaf::Buffer,
        (Opcode::Ext1 | Opcode::Ext2 | Opcode::Ext4, Argument::Int(code)) => Leaf::Extension(code),
        (Opcode::PersId, Argument::Text(text)) => Leaf::Persistent(text),
        (Opcode::ByteArray8, Argument::Bytes(bytes)) => Leaf::ByteArray(bytes),
        (_, Argument::Nothing) => Leaf::None,
        (_, Argument::Int(value)) => Leaf::Int(value),
        (_, Argument::LargeInt) => Leaf::LargeInt,
        (_, Argument::Bool(value)) => Leaf::Bool(value),
        (_, Argument::Float(value)) => Leaf::Float(value),
        (_, Argument::Bytes(bytes)) => Leaf::Bytes(bytes),
        (_, Argument::Text(text)) => Leaf::Text(text),
        (_, Argument::OldText(bytes)) => Leaf::OldText(bytes),
        (_, Argument::Name(module, name)) => Leaf::Global(module, name),
    }
}

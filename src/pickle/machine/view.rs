//! Reads the values that the machine has made.
//!
//! A value that a single opcode makes is decoded whenever it is read. That takes time in proportion to its length, and
//! a pickle can refer to one long string a million times: a caller that reads many values must remember them.

use super::memo_slots::FarSlot;
use super::state::{Machine, RawArray};
use super::value::{Leaf, Node, Ref, RefTarget, Value};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Op, Parser};

impl<'a> Machine<'a> {
    /// Follows a reference through the memo: equal results mean the same object.
    #[inline]
    pub fn resolve(&self, reference: Ref) -> Ref {
        self.memo_index(reference).and_then(|(index, at)| self.memo.get(index, at)).unwrap_or(reference)
    }

    /// The memo slot and the offset of the GET, if this reference is one.
    #[inline]
    pub fn memo_index(&self, reference: Ref) -> Option<(u64, u64)> {
        let RefTarget::Get(at) = reference.target() else { return None };
        Some((self.index_at(at)?, at))
    }

    /// The value in a memo slot at the end of the run.
    pub fn in_slot(&self, slot: u64) -> Option<Ref> {
        self.memo.get(slot, u64::MAX)
    }

    /// The first PUT that leaves a gap in the memo which is too large for an honest pickle.
    pub fn far_slot(&self) -> Option<FarSlot> {
        self.memo.far()
    }

    /// The node of a value with parts; `None`, without decoding anything, for other values.
    #[inline]
    pub fn node(&self, reference: Ref) -> Option<&Node> {
        match self.resolve(reference).target() {
            RefTarget::Node(index) => self.nodes.get(index),
            RefTarget::Leaf(_) | RefTarget::Get(_) | RefTarget::Inner(_) => None,
        }
    }

    /// A value, decoded if it has no parts.
    pub fn value(&self, reference: Ref) -> Value<'_, 'a> {
        let leaf = match self.resolve(reference).target() {
            RefTarget::Node(index) => return self.nodes.get(index).map_or(Value::Leaf(Leaf::None), Value::Node),
            RefTarget::Leaf(at) => {
                self.op_at(at).map_or(Leaf::None, |op| self.contents(&op).unwrap_or_else(|| leaf(op)))
            }
            RefTarget::Inner(inner) => Leaf::Inner(inner),
            // `resolve` has found nothing in the slot: an earlier segment filled it.
            RefTarget::Get(at) => Leaf::Earlier(self.memo_index(Ref::get(at)).map_or(0, |(index, _)| index)),
        };
        Value::Leaf(leaf)
    }

    /// The range of bytes that a value takes, from its first opcode to the end of its last. For a value that comes
    /// from the memo, that is the GET alone.
    pub fn span(&self, reference: Ref) -> (u64, u64) {
        match reference.target() {
            RefTarget::Node(index) => self.nodes.get(index).map_or((0, 0), |node| (node.start(), node.end())),
            RefTarget::Leaf(at) | RefTarget::Get(at) => {
                let Some(op) = self.op_at(at) else { return (at, at) };
                self.raw_array_after(&op).map_or((at, op.end), |raw| (raw.start, raw.end))
            }
            RefTarget::Inner(_) => (0, 0),
        }
    }

    /// The bytes of the single opcode that makes a value; empty for a value with parts.
    pub fn opcode_bytes(&self, reference: Ref) -> &'a [u8] {
        let RefTarget::Leaf(at) = self.resolve(reference).target() else { return &[] };
        let end = self.op_at(at).map_or(at, |op| op.end);
        let index = |at: u64| usize::try_from(at.saturating_sub(self.base)).ok();
        let range = index(at).zip(index(end));
        range.and_then(|(start, end)| self.bytes.get(start..end)).unwrap_or_default()
    }

    /// The bytes of the single opcode that makes a value, found without decoding its argument; empty for a value with
    /// parts, `None` if they are more than `longest`.
    pub(crate) fn opcode_within(&self, reference: Ref, longest: usize) -> Option<&'a [u8]> {
        let RefTarget::Leaf(at) = self.resolve(reference).target() else { return Some(&[]) };
        self.parser_at(at)?.opcode_within(longest)
    }

    /// The single opcode that makes a value, without decoding its argument.
    pub(crate) fn opcode(&self, reference: Ref) -> Option<Opcode> {
        let RefTarget::Leaf(at) = self.resolve(reference).target() else { return None };
        let position = usize::try_from(at.checked_sub(self.base)?).ok()?;
        Opcode::from_byte(*self.bytes.get(position)?)
    }

    /// The opcode at an offset where one was parsed before.
    fn op_at(&self, at: u64) -> Option<Op<'a>> {
        let op = self.parser_at(at)?.next()?.ok();
        #[cfg(test)]
        self.decoded.set(self.decoded.get() + op.as_ref().map_or(0, |op| op.end - op.start));
        op
    }

    /// The memo index of a GET at an offset where one was parsed before.
    fn index_at(&self, at: u64) -> Option<u64> {
        self.parser_at(at)?.step().ok()?.map(|op| op.index)
    }

    fn parser_at(&self, at: u64) -> Option<Parser<'a>> {
        let position = usize::try_from(at.checked_sub(self.base)?).ok()?;
        Some(Parser::resume(self.bytes, self.base, position))
    }

    /// The contents of the array whose bytes follow this BUILD.
    fn contents(&self, op: &Op<'_>) -> Option<Leaf<'a>> {
        let raw = self.raw_array_after(op)?;
        let range = usize::try_from(raw.start.checked_sub(self.base)?).ok()?..usize::try_from(raw.end).ok()?;
        self.bytes.get(range).map(Leaf::Bytes)
    }

    fn raw_array_after(&self, op: &Op<'_>) -> Option<&RawArray> {
        if op.opcode != Opcode::Build {
            return None;
        }
        let index = self.arrays.raw.binary_search_by_key(&op.start, |raw| raw.opcode).ok()?;
        self.arrays.raw.get(index)
    }
}

/// The value that an opcode pushes.
fn leaf(op: Op<'_>) -> Leaf<'_> {
    match (op.opcode, op.argument) {
        (Opcode::NewTrue, _) => Leaf::Bool(true),
        (Opcode::NewFalse, _) => Leaf::Bool(false),
        (Opcode::NextBuffer, _) => Leaf::Buffer,
        (Opcode::Ext1 | Opcode::Ext2 | Opcode::Ext4, Argument::Int(code)) => Leaf::Extension(code),
        (Opcode::PersId, Argument::Str(string)) => Leaf::Persistent(string),
        (Opcode::ByteArray8, Argument::Bytes(bytes)) => Leaf::ByteArray(bytes),
        // NONE. The other opcodes without an argument are above, or make nodes.
        (_, Argument::Nothing) => Leaf::None,
        (_, Argument::Int(value)) => Leaf::Int(value),
        (_, Argument::LargeInt) => Leaf::LargeInt,
        (_, Argument::Bool(value)) => Leaf::Bool(value),
        (_, Argument::Float(value)) => Leaf::Float(value),
        (_, Argument::Bytes(bytes)) => Leaf::Bytes(bytes),
        (_, Argument::Str(string)) => Leaf::Str(string),
        (_, Argument::OldStr(bytes)) => Leaf::OldStr(bytes),
        (_, Argument::Name(module, name)) => Leaf::Global(module, name),
    }
}

//! The pass that finds the spans of a segment: it keeps for each value on the stack where its opcodes begin, and which
//! slot holds it.

use std::collections::{BTreeSet, HashSet};

use super::value_spans::{SlotSpan, Span, SpanError, ValueSpans, index, slot_read};
use crate::pickle::format::opcode::{MemoUse, Opcode, Takes};
use crate::pickle::format::parse::{Argument, Op, Parser};
use crate::pickle::known;

/// A value on the stack.
#[derive(Clone, Copy, Debug)]
struct StackOperand {
    /// Where the opcodes that push it begin.
    start: usize,
    /// The slot that holds it.
    slot: Option<u64>,
    /// Whether it was read from that slot.
    is_read: bool,
    kind: OperandKind,
}

/// The properties of a value that matter here.
#[derive(Clone, Copy, Debug)]
enum OperandKind {
    Other,
    /// A string: names of globals are read at `start`.
    String,
    /// A global that changes its first argument and nothing else.
    Setter,
    /// A tuple, and the span of its first item.
    Tuple(usize, usize),
    /// The result of a call.
    Call(Changed),
}

/// Which objects a call may change.
#[derive(Clone, Copy, Debug)]
enum Changed {
    /// The objects that this range of opcodes names.
    Range(usize, usize),
    Any,
}

/// Follows the opcodes of a segment.
#[derive(Default)]
pub(super) struct SpanPass<'a> {
    opcodes: &'a [u8],
    spans: ValueSpans,
    stack: Vec<StackOperand>,
    /// The height of the stack at each mark, and the offset of the MARK.
    marks: Vec<(usize, usize)>,
    setters: HashSet<u64>,
}

impl<'a> SpanPass<'a> {
    /// Begins a pass that fills `spans`.
    pub(super) fn new(opcodes: &'a [u8], spans: ValueSpans) -> Self {
        Self { opcodes, spans, ..Self::default() }
    }

    pub(super) fn finish(self) -> ValueSpans {
        self.spans
    }

    pub(super) fn step(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
        let end = offset(op.end);
        match (op.opcode, op.opcode.memo(), op.opcode.takes()) {
            (_, MemoUse::Reads, _) => self.get(op),
            (Opcode::Memoize, ..) => self.memoize(op),
            (_, MemoUse::Writes, _)
            | (Opcode::Dup | Opcode::PersId | Opcode::BinPersId | Opcode::Proto | Opcode::Frame | Opcode::Stop, ..) => {
                Err(unexpected(op))
            }
            (Opcode::Mark, ..) => {
                self.marks.push((self.stack.len(), offset(op.start)));
                Ok(())
            }
            (Opcode::Pop, ..) => self.pop(op),
            (Opcode::PopMark, ..) => self.pop_mark(op),
            (Opcode::Append | Opcode::SetItem | Opcode::Build, _, Takes::Items(count)) => {
                self.take(usize::from(count) - 1, op)?;
                self.changed(end, op)
            }
            (Opcode::Appends | Opcode::SetItems | Opcode::AddItems, ..) => {
                self.take_marked(op)?;
                self.changed(end, op)
            }
            (_, _, Takes::ToMark(_)) => self.make_of_marked(op),
            (_, _, Takes::Items(count)) => self.make(usize::from(count), op),
        }
    }

    fn fence(&self) -> usize {
        self.marks.last().map_or(0, |(height, _)| *height)
    }

    /// Takes values from the stack, the lowest first.
    fn take(&mut self, count: usize, op: &Op<'_>) -> Result<Vec<StackOperand>, SpanError> {
        let height = self.stack.len().checked_sub(count).filter(|height| *height >= self.fence());
        Ok(self.stack.split_off(height.ok_or_else(|| unexpected(op))?))
    }

    /// Takes the values above the topmost mark. Returns the offset of that mark, and the first value.
    fn take_marked(&mut self, op: &Op<'_>) -> Result<(usize, Option<StackOperand>, Option<StackOperand>), SpanError> {
        let (height, start) = self.marks.pop().ok_or_else(|| unexpected(op))?;
        let (first, second) = (self.stack.get(height).copied(), self.stack.get(height + 1).copied());
        self.stack.truncate(height);
        Ok((start, first, second))
    }

    fn push(&mut self, start: usize, kind: OperandKind) {
        self.stack.push(StackOperand { start, slot: None, is_read: false, kind });
    }

    /// An opcode that makes one value of a fixed number of others.
    fn make(&mut self, count: usize, op: &Op<'_>) -> Result<(), SpanError> {
        let at = offset(op.start);
        if op.opcode == Opcode::NextBuffer {
            self.spans.buffers.push(at);
        }
        if count == 0 {
            let kind = match &op.argument {
                Argument::Name(module, name) if is_setter(module.as_str(), name.as_str()) => OperandKind::Setter,
                Argument::Str(_) => OperandKind::String,
                _ if op.opcode == Opcode::EmptyTuple => OperandKind::Tuple(at, at),
                _ => OperandKind::Other,
            };
            self.push(at, kind);
            return Ok(());
        }
        let taken = self.take(count, op)?;
        let start = taken.first().map_or(at, |first| first.start);
        let kind = match (op.opcode, taken.as_slice()) {
            (Opcode::StackGlobal, [module, name]) if self.names_setter(module, name) => OperandKind::Setter,
            (Opcode::Tuple1 | Opcode::Tuple2 | Opcode::Tuple3, [_, rest @ ..]) => {
                OperandKind::Tuple(start, rest.first().map_or(at, |second| second.start))
            }
            (Opcode::Reduce, [callee, arguments]) => OperandKind::Call(changed_by(callee, arguments, offset(op.end))),
            (Opcode::NewObj | Opcode::NewObjEx, _) => OperandKind::Call(Changed::Range(start, offset(op.end))),
            _ => OperandKind::Other,
        };
        self.push(start, kind);
        Ok(())
    }

    /// An opcode that makes one value of all values above the topmost mark.
    fn make_of_marked(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
        let (start, first, second) = self.take_marked(op)?;
        let at = offset(op.start);
        let kind = match (op.opcode, first) {
            (Opcode::Tuple, None) => OperandKind::Tuple(at, at),
            (Opcode::Tuple, Some(first)) => OperandKind::Tuple(first.start, second.map_or(at, |second| second.start)),
            (Opcode::Inst | Opcode::Obj, _) => OperandKind::Call(Changed::Range(start, offset(op.end))),
            _ => OperandKind::Other,
        };
        self.push(start, kind);
        Ok(())
    }

    fn names_setter(&self, module: &StackOperand, name: &StackOperand) -> bool {
        let text = |entry: &StackOperand| {
            let at = match entry.slot.filter(|_| entry.is_read) {
                Some(slot) => self.spans.slot(slot)?.start,
                None => entry.start,
            };
            match Parser::segment(self.opcodes.get(at..)?, 0).next()?.ok()?.argument {
                Argument::Str(text) => text.as_str().map(str::to_owned),
                _ => None,
            }
        };
        is_setter(text(module).as_deref(), text(name).as_deref())
    }

    fn get(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
        let slot = op.argument.index().filter(|slot| *slot < self.spans.memo_end()).ok_or_else(|| unexpected(op))?;
        let kind = if self.setters.contains(&slot) { OperandKind::Setter } else { OperandKind::Other };
        self.stack.push(StackOperand { start: offset(op.start), slot: Some(slot), is_read: true, kind });
        Ok(())
    }

    fn memoize(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
        let next = self.spans.memo_end();
        let top = self.stack.last_mut().ok_or_else(|| unexpected(op))?;
        self.spans.slots.push(SlotSpan { start: top.start, end: offset(op.end), memoize: offset(op.start) });
        match top.slot {
            Some(slot) => drop(self.spans.aliases.insert(next, slot)),
            None => top.slot = Some(next),
        }
        if let OperandKind::Setter = top.kind {
            self.setters.insert(next);
        }
        Ok(())
    }

    /// The value on top of the stack was changed by an opcode that ends at `end`.
    fn changed(&mut self, end: usize, op: &Op<'_>) -> Result<(), SpanError> {
        let fence = self.fence();
        let top = self.stack.get(fence..).and_then(|above| above.last()).copied().ok_or_else(|| unexpected(op))?;
        let Some(slot) = top.slot else { return Ok(()) };
        if top.is_read {
            self.spans.note(Span { start: top.start, end, pushes: true }, [slot]);
        } else if let Some(span) = index(slot - self.spans.memo).and_then(|number| self.spans.slots.get_mut(number)) {
            // It is still being made.
            span.end = end;
        }
        Ok(())
    }

    fn pop(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
        if self.stack.len() <= self.fence() {
            // POP removes a mark if that is on top.
            return self.marks.pop().map(drop).ok_or_else(|| unexpected(op));
        }
        let top = self.stack.pop().ok_or_else(|| unexpected(op))?;
        // A call that was memoized was made for its result, which is read from its slot later.
        if let (OperandKind::Call(changed), None) = (top.kind, top.slot) {
            self.note_call(Span { start: top.start, end: offset(op.end), pushes: false }, changed);
        }
        Ok(())
    }

    fn pop_mark(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
        let (height, start) = *self.marks.last().ok_or_else(|| unexpected(op))?;
        let above = self.stack.get(height..).unwrap_or_default();
        let calls = above.iter().any(|entry| entry.slot.is_none() && matches!(entry.kind, OperandKind::Call(_)));
        self.take_marked(op)?;
        if calls {
            let end = offset(op.end);
            self.note_call(Span { start, end, pushes: false }, Changed::Range(start, end));
        }
        Ok(())
    }

    /// A call whose result is dropped was made to change something.
    fn note_call(&mut self, span: Span, changed: Changed) {
        let Changed::Range(start, end) = changed else {
            self.spans.changes_of_any.push(self.spans.changes.len());
            self.spans.changes.push(span);
            return;
        };
        let bytes = self.opcodes.get(start..end).unwrap_or_default();
        let read = Parser::segment(bytes, 0).map_while(Result::ok).filter_map(|op| slot_read(&op));
        let slots: BTreeSet<u64> = read.chain(self.spans.made_in(start..end)).collect();
        self.spans.note(span, slots);
    }
}

/// Which objects a call of this callee with these arguments may change. The opcodes of the call end at `end`.
fn changed_by(callee: &StackOperand, arguments: &StackOperand, end: usize) -> Changed {
    match (callee.kind, arguments.kind) {
        // The items of a tuple that was read from a slot are not in these opcodes.
        _ if arguments.is_read => Changed::Any,
        (OperandKind::Setter, OperandKind::Tuple(first, first_end)) => Changed::Range(first, first_end),
        _ => Changed::Range(callee.start, end),
    }
}

fn is_setter(module: Option<&str>, name: Option<&str>) -> bool {
    module.zip(name).is_some_and(|(module, name)| known::changes_first_argument(module, name))
}

fn offset(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn unexpected(op: &Op<'_>) -> SpanError {
    SpanError::Unexpected(op.start, op.opcode)
}

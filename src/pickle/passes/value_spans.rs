//! Finds the opcodes that make single objects of a segment, so that a load can make these and nothing else.
//!
//! One pass over the opcodes keeps, for each memo slot that the segment fills, the span of the opcodes that make its
//! object, and the spans of those that change it later: BUILD and the opcodes that add items after a GET, and calls
//! whose result is popped. [`ValueSpans::part`] follows the GETs in these spans until nothing is missing.
//!
//! Opcodes that read or write slots or the stack in another way than snapcli's pickler (DUP, PUT, persistent IDs) are
//! errors: such a segment is loaded as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use thiserror::Error;

use crate::pickle::format::opcode::{MemoUse, Opcode, Takes};
use crate::pickle::format::parse::{Argument, Op, ParseError, Parser};
use crate::pickle::known;

/// Why a segment cannot be divided.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpanError {
    /// The bytes are not opcodes.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// snapcli's pickler does not write this opcode at this offset.
    #[error("{1} at byte {0} cannot be cut out of its segment")]
    Unexpected(u64, Opcode),
}

/// A span of opcodes that leaves the rest of the stack as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it pushes one object; otherwise it pushes nothing.
    pub(super) pushes: bool,
}

/// The spans of a segment. Offsets are those of the bytes that were passed in.
#[derive(Debug, Default)]
pub struct ValueSpans {
    /// The first slot that the segment fills.
    memo: u64,
    /// By slot: the opcodes that make its object, and the offset of its MEMOIZE.
    slots: Vec<SlotSpan>,
    /// Slots that hold the object of an earlier slot of the segment.
    aliases: HashMap<u64, u64>,
    changes: Vec<Span>,
    /// By slot: the changes of its object, as indices into `changes`.
    changes_of: BTreeMap<u64, Vec<usize>>,
    /// Changes that may concern any object.
    changes_of_any: Vec<usize>,
    /// The offsets of NEXT_BUFFER.
    buffers: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct SlotSpan {
    start: usize,
    end: usize,
    memoize: usize,
}

/// The opcodes that make some objects of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// In the order of the segment; they do not overlap.
    spans: Vec<Span>,
    /// The slots of earlier segments that it reads.
    pub takes: BTreeSet<u64>,
    /// The NEXT_BUFFER opcodes that it contains, numbered from 0 within the segment.
    pub buffers: Vec<usize>,
}

impl Part {
    /// The number of bytes of its opcodes.
    pub fn length(&self) -> usize {
        self.spans.iter().map(|span| span.end - span.start).sum()
    }
}

/// A piece of the input of an unpickler that makes a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartPiece {
    /// Opcodes that are not in the segment.
    Opcodes(Vec<u8>),
    /// A range of the segment.
    Segment(Range<usize>),
}

impl ValueSpans {
    /// Follows the opcodes of a value, or of a whole segment, whose first MEMOIZE fills the slot `memo`.
    ///
    /// # Errors
    /// If there are opcodes that snapcli's pickler does not write.
    pub fn new(opcodes: &[u8], memo: u64) -> Result<Self, SpanError> {
        let mut pass = SpanPass { opcodes, spans: Self { memo, ..Self::default() }, ..SpanPass::default() };
        for op in Parser::segment(opcodes, 0) {
            pass.step(&op?)?;
        }
        Ok(pass.spans)
    }

    /// The slot after the last one that the segment fills.
    pub fn memo_end(&self) -> u64 {
        self.memo.saturating_add(self.slots.len() as u64)
    }

    /// The opcodes that make the objects of some slots, with everything in them and all that changes them. `opcodes`
    /// are those that this was made from.
    pub fn part(&self, opcodes: &[u8], slots: &[u64]) -> Part {
        let mut search = PartSearch { spans: self, opcodes, kept: BTreeMap::new(), takes: BTreeSet::new() };
        search.add_slots(slots);
        let inside = |at: &usize| {
            let before = search.kept.range(..=*at).next_back();
            before.is_some_and(|(_, span)| span.end > *at)
        };
        let buffers = self.buffers.iter().enumerate().filter(|(_, at)| inside(at)).map(|(number, _)| number).collect();
        Part { spans: search.kept.values().copied().collect(), takes: search.takes, buffers }
    }

    /// The input that makes a part: its spans, with LONG_BINPUT in place of MEMOIZE, as the slots are not filled one
    /// after the other. It leaves None on the stack. `None` if a slot has too high a number.
    pub fn pieces(&self, opcodes: &[u8], part: &Part) -> Option<Vec<PartPiece>> {
        let mut pieces = Vec::new();
        for span in &part.spans {
            let mut from = span.start;
            for slot in self.made_in(span.start..span.end) {
                let memoize = self.slots.get(index(slot.checked_sub(self.memo)?)?)?.memoize;
                push_segment(&mut pieces, opcodes, from..memoize);
                let number = u32::try_from(slot).ok()?;
                push_opcodes(&mut pieces, &[Opcode::LongBinPut as u8]);
                push_opcodes(&mut pieces, &number.to_le_bytes());
                from = memoize + 1;
            }
            push_segment(&mut pieces, opcodes, from..span.end);
            if span.pushes {
                push_opcodes(&mut pieces, &[Opcode::Pop as u8]);
            }
        }
        push_opcodes(&mut pieces, &[Opcode::None as u8]);
        Some(pieces)
    }

    /// The slots that the MEMOIZE opcodes in a range fill.
    fn made_in(&self, range: Range<usize>) -> Range<u64> {
        let before = |at: usize| self.memo.saturating_add(self.slots.partition_point(|slot| slot.memoize < at) as u64);
        before(range.start)..before(range.end)
    }

    fn slot(&self, slot: u64) -> Option<&SlotSpan> {
        self.slots.get(index(slot.checked_sub(self.memo)?)?)
    }
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number).ok()
}

/// Ranges of at least this length stay ranges; shorter ones are copied, as each range costs a read.
const MIN_RANGE: usize = 1 << 16;

fn push_segment(pieces: &mut Vec<PartPiece>, opcodes: &[u8], range: Range<usize>) {
    if range.len() >= MIN_RANGE {
        pieces.push(PartPiece::Segment(range));
    } else {
        push_opcodes(pieces, opcodes.get(range).unwrap_or_default());
    }
}

fn push_opcodes(pieces: &mut Vec<PartPiece>, opcodes: &[u8]) {
    match pieces.last_mut() {
        Some(PartPiece::Opcodes(last)) => last.extend_from_slice(opcodes),
        _ => pieces.push(PartPiece::Opcodes(opcodes.to_vec())),
    }
}

/// Collects the spans of a part.
struct PartSearch<'s> {
    spans: &'s ValueSpans,
    opcodes: &'s [u8],
    /// The outermost spans so far, by their start.
    kept: BTreeMap<usize, Span>,
    takes: BTreeSet<u64>,
}

impl PartSearch<'_> {
    fn add_slots(&mut self, slots: &[u64]) {
        let spans = self.spans;
        let mut first: Vec<Span> = slots.iter().filter_map(|slot| self.span_of(*slot)).collect();
        // Enclosing spans first: those within them are then covered. The list is worked off from its end.
        first.sort_unstable_by_key(|span| (std::cmp::Reverse(span.start), span.end));
        let mut waiting: Vec<Span> =
            spans.changes_of_any.iter().filter_map(|change| spans.changes.get(*change)).copied().collect();
        waiting.extend(first);
        for slot in slots {
            waiting.extend(spans.aliases.get(slot).and_then(|slot| self.span_of(*slot)));
        }
        while let Some(span) = waiting.pop() {
            if self.keep(span) {
                self.needs_of(span, &mut waiting);
            }
        }
    }

    fn span_of(&self, slot: u64) -> Option<Span> {
        self.spans.slot(slot).map(|slot| Span { start: slot.start, end: slot.end, pushes: true })
    }

    /// Adds a span, unless it is covered.
    fn keep(&mut self, span: Span) -> bool {
        let before = self.kept.range(..=span.start).next_back();
        if before.is_some_and(|(_, kept)| kept.end >= span.end) {
            return false;
        }
        let within: Vec<usize> = self.kept.range(span.start..span.end).map(|(start, _)| *start).collect();
        for start in within {
            self.kept.remove(&start);
        }
        self.kept.insert(span.start, span);
        true
    }

    /// Appends what a span needs: the objects that its GETs read, and the changes of those that it makes.
    fn needs_of(&mut self, span: Span, waiting: &mut Vec<Span>) {
        let spans = self.spans;
        let change = |number: &usize| spans.changes.get(*number).copied();
        let bytes = self.opcodes.get(span.start..span.end).unwrap_or_default();
        for slot in Parser::segment(bytes, 0).map_while(Result::ok).filter_map(|op| slot_read(&op)) {
            if slot < spans.memo {
                self.takes.insert(slot);
                continue;
            }
            waiting.extend(self.span_of(slot));
            waiting.extend(spans.aliases.get(&slot).and_then(|slot| self.span_of(*slot)));
        }
        let made = spans.made_in(span.start..span.end);
        let changes = spans.changes_of.range(made).flat_map(|(_, changes)| changes);
        waiting.extend(changes.filter_map(change));
    }
}

fn slot_read(op: &Op<'_>) -> Option<u64> {
    if op.opcode.memo() == MemoUse::Reads { op.argument.index() } else { None }
}

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

/// What must be known of a value.
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
    /// Those that this range of opcodes names.
    Range(usize, usize),
    Any,
}

#[derive(Default)]
struct SpanPass<'a> {
    opcodes: &'a [u8],
    spans: ValueSpans,
    stack: Vec<StackOperand>,
    /// The height of the stack at each mark, and the offset of the MARK.
    marks: Vec<(usize, usize)>,
    setters: HashSet<u64>,
}

impl SpanPass<'_> {
    fn step(&mut self, op: &Op<'_>) -> Result<(), SpanError> {
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

    /// An opcode that makes one value of all those above the topmost mark.
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

impl ValueSpans {
    fn note(&mut self, change: Span, slots: impl IntoIterator<Item = u64>) {
        let number = self.changes.len();
        self.changes.push(change);
        for slot in slots {
            // `part` looks for the changes of the slot that the others are aliases of.
            let slot = self.aliases.get(&slot).copied().unwrap_or(slot);
            self.changes_of.entry(slot).or_default().push(number);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The opcodes that make the objects in some slots of a value whose first slot is 3, with `r0` to `r9` for
    /// LONG_BINPUT, and the slots that they take.
    fn part(opcodes: &[u8], slots: &[u64]) -> (String, Vec<u64>) {
        let spans = ValueSpans::new(opcodes, 3).expect("opcodes of snapcli's pickler");
        let part = spans.part(opcodes, slots);
        let pieces = spans.pieces(opcodes, &part).expect("low slots");
        let mut made = Vec::new();
        for piece in &pieces {
            match piece {
                PartPiece::Opcodes(opcodes) => made.extend_from_slice(opcodes),
                PartPiece::Segment(range) => made.extend_from_slice(&opcodes[range.clone()]),
            }
        }
        let text: String = made.iter().map(|byte| char::from(*byte)).collect();
        let text = (0..16_u8).fold(text, |text, slot| {
            text.replace(&format!("r{}\0\0\0", char::from(slot)), &format!("r{slot}"))
                .replace(&format!("h{}", char::from(slot)), &format!("h{slot}"))
        });
        (text, part.takes.into_iter().collect())
    }

    fn made(opcodes: &[u8], slots: &[u64]) -> String {
        part(opcodes, slots).0
    }

    #[test]
    fn an_object_is_made_without_those_around_it() {
        // [[True], [False], (None,)]
        let lists = b"]\x94(]\x94\x88a]\x94\x89aN\x85\x94e";
        assert_eq!(made(lists, &[4]), "]r4\u{88}a0N");
        assert_eq!(made(lists, &[5, 6]), "]r5\u{89}a0N\u{85}r60N");
        assert_eq!(made(lists, &[3]), "]r3(]r4\u{88}a]r5\u{89}aN\u{85}r6e0N");
        // Slots within others are made once.
        assert_eq!(made(lists, &[3, 5]), made(lists, &[3]));
    }

    #[test]
    fn objects_that_are_read_come_along() {
        // a = []; b = [a, slot 1]; c = [b]
        let lists = b"(]\x94]\x94(h\x03h\x01e]\x94h\x04at";
        assert_eq!(part(lists, &[5]), ("]r30]r4(h3h1e0]r5h4a0N".to_owned(), vec![1]));
        assert_eq!(part(lists, &[3]), ("]r30N".to_owned(), vec![]));
    }

    #[test]
    fn later_changes_come_along() {
        // A list that is filled after another one was begun, within that one.
        assert_eq!(made(b"]\x94(]\x94h\x04Nae", &[4]), "]r40h4Na0N");
        // A state that an instance gets by a GET.
        let state = b"(cm\nC\n)\x81\x94]\x94h\x03}\x94b0t";
        assert_eq!(made(state, &[3]), "cm\nC\n)\u{81}r30h3}r5b0N");
        assert_eq!(made(state, &[4]), "]r40N");
        assert_eq!(made(state, &[5]), "}r50N");
    }

    #[test]
    fn calls_for_an_effect_come_along_with_what_they_change() {
        // setattr(slot 3, 'a', slot 4): the list in slot 4 is not changed.
        let known = b"cm\nC\n)\x81\x94]\x94cbuiltins\nsetattr\n\x94h\x03Nh\x04\x87R0";
        assert_eq!(made(known, &[3]), "cm\nC\n)\u{81}r30]r40cbuiltins\nsetattr\nr5h3Nh4\u{87}R0N");
        assert_eq!(made(known, &[4]), "]r40N");
        // Any other function may change all that it is given.
        let unknown = b"]\x94]\x94cm\nf\n\x94h\x03h\x04\x86R0";
        assert_eq!(made(unknown, &[4]), "]r30]r40cm\nf\nr5h3h4\u{86}R0N");
        // A call whose result is kept changes nothing.
        let kept = b"]\x94cm\nf\n\x94h\x03\x85R";
        assert_eq!(made(kept, &[3]), "]r30N");
    }

    #[test]
    fn a_cycle_is_one_object() {
        // l = [(l,)], as CPython writes it: the tuple is made first within the list.
        let cycle = b"]\x94h\x03\x85\x94a";
        assert_eq!(made(cycle, &[4]), "]r3h3\u{85}r4a0N");
    }

    #[test]
    fn opcodes_of_other_picklers_are_errors() {
        for opcodes in [&b"]q\x03"[..], b"]2", b"NQ", b"\x80\x05N", b"N.", b"a", b"h\x09", b"0", b"(h\x02R"] {
            assert!(ValueSpans::new(opcodes, 3).is_err(), "{opcodes:?}");
        }
    }

    #[test]
    fn buffers_are_counted() {
        let spans = ValueSpans::new(b"(\x97\x94\x97\x98\x94\x97\x94t", 3).expect("opcodes");
        let buffers = |slots: &[u64]| spans.part(b"(\x97\x94\x97\x98\x94\x97\x94t", slots).buffers;
        assert_eq!((buffers(&[4]), buffers(&[3, 5])), (vec![1], vec![0, 2]));
    }
}

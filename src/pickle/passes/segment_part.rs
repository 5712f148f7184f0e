//! The part of a segment that makes some of its objects: which spans it consists of, and the input of an unpickler that
//! carries it out.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;

use super::value_spans::{Span, ValueSpans, index, slot_read};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::Parser;

/// Ranges of at least this many bytes stay ranges; shorter ones are copied, as each range costs a read.
const MIN_RANGE: usize = 1 << 16;

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
    /// The opcodes that make the objects of some slots, with everything in them and all changes of them. `opcodes` must
    /// be those that the spans were found in.
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

    /// The input that makes a part: its spans, with LONG_BINPUT instead of MEMOIZE, as some slots are not filled. It
    /// leaves None on the stack. `None` if a slot has too high a number.
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
}

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
        // Enclosing spans first: the spans within them are then covered. The list is processed from its end.
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

    /// Appends the needs of a span: the objects that its GETs read, and the changes of the objects that it makes.
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

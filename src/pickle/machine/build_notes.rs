//! Notes of the machine for a load that builds the objects instead of executing the pickle: where the order of the
//! opcodes matters, and which actions of an unpickler leave no trace in the values.

use std::rc::Rc;

use super::limits::MachineError;
use super::state::{ArrayReader, Done, Machine};
use super::value::{Leaf, Ref, RefTarget, Value};
use crate::pickle::format::lines::{MAX_DIGITS, TextInteger};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{NEWEST_PROTOCOL, OpStep, Parser};
use crate::pickle::work_budget::WorkBudget;

/// The notes of one run.
#[derive(Debug)]
pub(crate) struct BuildNotes {
    /// Nodes that were changed through the memo, with the end of the opcode: such opcodes are not within the span of
    /// the node.
    pub(crate) late: Vec<(usize, u64)>,
    /// The offsets of NEXT_BUFFER and READONLY_BUFFER.
    pub(crate) buffers: Vec<(u64, Opcode)>,
    /// The first opcode that begins within a frame and ends after it, or begins a frame within another one. Unpicklers
    /// disagree about the meaning of such a pickle.
    pub(crate) crossed_frame: Option<u64>,
    /// The first integer that is written as text and has too many digits.
    pub(crate) long_integer: Option<u64>,
    /// Where strings of Python 2 are that are not ASCII, in ascending order.
    pub(crate) old_strings: Vec<u64>,
    /// The protocol before the first PROTO.
    first_protocol: u64,
    /// The offset of each PROTO, and its argument.
    protocols: Vec<(u64, u64)>,
    /// The end of the frame that was begun last.
    frame_end: u64,
}

impl Default for BuildNotes {
    fn default() -> Self {
        let (late, buffers, old_strings, protocols) = Default::default();
        // A segment of snapcli's own stream has its PROTO in the prelude.
        let first_protocol = NEWEST_PROTOCOL.into();
        let (crossed_frame, long_integer, frame_end) = (None, None, u64::MAX);
        Self { late, buffers, crossed_frame, long_integer, old_strings, first_protocol, protocols, frame_end }
    }
}

impl BuildNotes {
    /// Notes an opcode that ends after the frame, or is the first one after it.
    #[cold]
    fn beyond_frame(&mut self, op: OpStep) {
        if op.start < self.frame_end {
            self.crossed_frame.get_or_insert(op.start);
        }
        self.frame_end = u64::MAX;
    }

    /// Notes a FRAME of this length.
    pub(super) fn frame(&mut self, op: OpStep) {
        if self.frame_end != u64::MAX && op.end < self.frame_end {
            self.crossed_frame.get_or_insert(op.start);
        }
        self.frame_end = op.end.saturating_add(op.index);
    }

    /// Notes that a whole pickle begins, which has a protocol older than 2 if it has no PROTO.
    pub(super) fn begin_pickle(&mut self) {
        self.first_protocol = 0;
    }

    pub(super) fn protocol(&mut self, op: OpStep, budget: &WorkBudget) -> Done {
        Ok(budget.push(&mut self.protocols, (op.start, op.index))?)
    }

    /// The protocol of an opcode at this offset.
    pub(crate) fn protocol_at(&self, at: u64) -> u64 {
        let before = self.protocols.partition_point(|(start, _)| *start < at);
        let last = before.checked_sub(1).and_then(|last| self.protocols.get(last));
        last.map_or(self.first_protocol, |(_, protocol)| *protocol)
    }

    pub(super) fn buffer(&mut self, op: OpStep, budget: &WorkBudget) -> Done {
        Ok(budget.push(&mut self.buffers, (op.start, op.opcode))?)
    }
}

impl<'a> Machine<'a> {
    /// The notes for a load that builds the objects.
    pub(crate) fn notes(&self) -> &BuildNotes {
        &self.notes
    }

    /// The bytes from an offset on, at which an opcode was parsed before.
    pub(crate) fn bytes_from(&self, at: u64) -> &'a [u8] {
        let position = at.checked_sub(self.base).and_then(|position| usize::try_from(position).ok());
        position.and_then(|position| self.bytes.get(position..)).unwrap_or_default()
    }

    /// Whether a value is the contents of an array that joblib wrote as a pickle.
    pub(crate) fn holds_pickle(&self, contents: Ref) -> bool {
        let raw = contents.leaf_offset().map(|at| self.raw().binary_search_by_key(&at, |raw| raw.opcode));
        let raw = raw.and_then(Result::ok).and_then(|found| self.raw().get(found));
        raw.is_some_and(|raw| raw.is_pickle)
    }

    /// Follows a pickle that another one holds, which is not read by joblib.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub(crate) fn run_within(bytes: &'a [u8], budget: &Rc<WorkBudget>) -> Result<(Self, Ref), MachineError> {
        let mut machine = Self::new(bytes, 0, 0, budget);
        machine.arrays.reader = ArrayReader::Plain;
        machine.follow(None)
    }

    /// Checks that an opcode lies within its frame.
    #[inline(always)]
    pub(super) fn check_frame(&mut self, op: OpStep) {
        if op.end > self.notes.frame_end {
            self.notes.beyond_frame(op);
        }
    }

    /// Notes an integer as text with too many digits.
    pub(super) fn check_digits(&mut self, op: OpStep) {
        let length = op.end.saturating_sub(op.start);
        if length > MAX_DIGITS as u64 && matches!(op.opcode, Opcode::Int | Opcode::Long) {
            let bytes = self.bytes_from(op.start).get(..usize::try_from(length).unwrap_or(usize::MAX));
            if bytes.and_then(TextInteger::of_opcode).is_none_or(|integer| integer.is_too_long()) {
                self.notes.long_integer.get_or_insert(op.start);
            }
        }
    }

    /// Notes a string of Python 2 that is not ASCII.
    pub(super) fn check_old_string(&mut self, op: OpStep) -> Done {
        let is_old = matches!(op.opcode, Opcode::String | Opcode::BinString | Opcode::ShortBinString);
        if is_old && matches!(self.value(Ref::leaf(op.start)), Value::Leaf(Leaf::OldStr(text)) if !text.is_ascii()) {
            self.budget.push(&mut self.notes.old_strings, op.start)?;
        }
        Ok(())
    }

    /// Notes that a node is changed through the memo.
    #[inline(always)]
    pub(super) fn note_late(&mut self, top: Ref, target: Ref, op: OpStep) -> Done {
        if let (RefTarget::Get(_), RefTarget::Node(index)) = (top.target(), target.target()) {
            self.budget.push(&mut self.notes.late, (index, op.end))?;
        }
        Ok(())
    }

    /// Follows opcodes that leave one value each, without PROTO and STOP, as several loads with one memo do. `ends` are
    /// the ends of these loads within the bytes, in ascending order. Also returns the values.
    ///
    /// # Errors
    /// As for [`Self::run`], or if a load leaves more or less than one value.
    pub fn run_loads(bytes: &'a [u8], ends: &[u64], budget: &Rc<WorkBudget>) -> Result<(Self, Vec<Ref>), MachineError> {
        let mut machine = Self::new(bytes, 0, 0, budget);
        let (mut values, mut start) = (Vec::with_capacity(ends.len()), 0);
        for end in ends {
            let range = usize::try_from(start).ok().zip(usize::try_from(*end).ok());
            let opcodes = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            machine.steps(&mut Parser::segment(opcodes, start), |_, _, _| Ok(()))?;
            match machine.stack.pop() {
                Some(value) if machine.stack.is_empty() && machine.marks.is_empty() => values.push(value),
                _ => return Err(MachineError::Underflow { at: *end, opcode: Opcode::Stop }),
            }
            start = *end;
        }
        Ok((machine, values))
    }
}

//! The inputs of one unpickler that restore the variables of a file, and the memo slots that they fill.

use super::{InputPiece, Load, UnpicklerInput, VariableSegment};
use crate::pickle::format::emit;
use crate::pickle::format::opcode::Opcode;
use crate::snapshot::index::Variable;

/// The loads that restore variables, in the order of the file, with one memo.
///
/// The opcodes of a variable refer to memo slots by number, so the slots of all variables before it must be filled. If
/// a variable is not loaded, its slots are filled with None before the next one. If only some of its objects are
/// loaded, their slots are then filled again.
#[derive(Debug)]
pub(crate) struct LoadSequence {
    /// The number of slots that are filled.
    filled: u64,
}

impl LoadSequence {
    /// Begins with slot 0, which the prelude of the file fills with the module. A trusted load stores the module there
    /// (NEXT_BUFFER takes it); a guarded load stores None, so that the file cannot reach the module.
    pub(crate) fn start(guarded: bool) -> (Self, UnpicklerInput) {
        let object = if guarded { Opcode::None } else { Opcode::NextBuffer };
        let input = UnpicklerInput::of_opcodes(vec![object as u8, Opcode::Memoize as u8]);
        (Self { filled: emit::PRELUDE_MEMO }, input)
    }

    /// The inputs that load a variable, in order; the last one makes its value, or some of its objects. An input before
    /// it fills slots of skipped segments. Their number is less than the length of the file, which is checked when the
    /// index is read.
    pub(crate) fn inputs(&mut self, segment: &VariableSegment<'_>, load: &Load) -> Vec<UnpicklerInput> {
        let (first, end) = segment.variable().memo;
        match load {
            Load::Nothing => Vec::new(),
            Load::Whole => self.fill_up_to(first).into_iter().chain([segment.input()]).collect(),
            Load::Objects(objects) => self.fill_up_to(end).into_iter().chain([objects.input.clone()]).collect(),
        }
    }

    /// The inputs that load variables which follow one another in the file and have no raw buffers; the last one makes
    /// a dict of them.
    pub(crate) fn joined_inputs(
        &mut self,
        first: &VariableSegment<'_>,
        last: &VariableSegment<'_>,
    ) -> impl Iterator<Item = UnpicklerInput> {
        let segments = first.range.start..last.range.end;
        let mut opcodes = vec![Opcode::EmptyDict as u8, Opcode::Frame as u8];
        opcodes.extend((segments.len() as u64).to_le_bytes());
        let input = UnpicklerInput { pieces: vec![InputPiece::Opcodes(opcodes), InputPiece::File(segments)] };
        self.fill_up_to(first.variable().memo.0).into_iter().chain([input])
    }

    /// The input that fills all slots before `end` that are not filled yet.
    pub(crate) fn fill_up_to(&mut self, end: u64) -> Option<UnpicklerInput> {
        let missing = usize::try_from(end.checked_sub(self.filled)?).ok().filter(|missing| *missing > 0)?;
        self.filled = end;
        // One None is enough: MEMOIZE leaves it on the stack, to be stored in the next slot.
        let mut opcodes = vec![Opcode::None as u8];
        opcodes.extend(std::iter::repeat_n(Opcode::Memoize as u8, missing));
        Some(UnpicklerInput::of_opcodes(opcodes))
    }

    /// Notes that only the slots before `end` are filled, in a new unpickler.
    pub(crate) fn cut(&mut self, end: u64) {
        self.filled = end;
    }

    /// Notes that all slots up to the last one of a variable are filled, as they are after it was loaded.
    pub(crate) fn filled_by(&mut self, variable: &Variable) {
        self.filled = variable.memo.1;
    }
}

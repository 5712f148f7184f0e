//! Whether opcodes find what they need on the stack and in the memo: heights and slot numbers only, so a pickle of any
//! size is checked in next to no memory.
//!
//! The symbolic machine checks the same and keeps all that it makes; this is for pickles that are checked, not looked
//! into. What an opcode takes and leaves is in the table.

use super::scan::Slots;
use crate::pickle::format::opcode::{Opcode, Takes};
use crate::pickle::format::parse::{Op, ParseError};
use crate::pickle::machine::{MAX_MARKS, MAX_MEMO, MAX_STACK, MachineError};

pub use self::StackCheck as Balance; // compat

/// The height of the stack and of its marks, and which memo slots are filled.
#[derive(Debug)]
pub struct StackCheck {
    height: usize,
    marks: Vec<usize>,
    memo: Slots,
}

impl StackCheck {
    /// A stack that so many values lie on, and a memo with so many slots filled.
    pub fn new(height: usize, memo: u64) -> Self {
        Self { height, marks: Vec::new(), memo: Slots::new(memo) }
    }

    /// Whether so many values lie on the stack, and no mark.
    pub fn is(&self, height: usize) -> bool {
        self.height == height && self.marks.is_empty()
    }

    /// The number of memo slots that are filled.
    pub fn memo_len(&self) -> u64 {
        self.memo.len()
    }

    /// Follows an opcode.
    pub fn step(&mut self, op: &Op<'_>) -> Result<(), MachineError> {
        self.stack(op)?;
        self.memo(op)
    }

    fn memo(&mut self, op: &Op<'_>) -> Result<(), MachineError> {
        let index = op.argument.index();
        match op.opcode {
            Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => {
                let index = index.unwrap_or(u64::MAX);
                if !self.memo.is_filled(index) {
                    return Err(ParseError::EmptyMemo { at: op.start, index }.into());
                }
            }
            Opcode::Put | Opcode::BinPut | Opcode::LongBinPut | Opcode::Memoize => {
                if self.memo.scattered() >= MAX_MEMO {
                    return Err(MachineError::TooLarge { at: op.start, what: "memo slots", limit: MAX_MEMO });
                }
                self.memo.fill(index.unwrap_or_else(|| self.memo.len()));
            }
            _ => {}
        }
        Ok(())
    }

    fn stack(&mut self, op: &Op<'_>) -> Result<(), MachineError> {
        let (at, opcode) = (op.start, op.opcode);
        let underflow = MachineError::Underflow { at, opcode };
        if self.height >= MAX_STACK {
            return Err(MachineError::TooLarge { at, what: "values on the stack", limit: MAX_STACK });
        }
        let fence = self.marks.last().copied().unwrap_or(0);
        let row = opcode.row();
        match (opcode, row.takes) {
            (Opcode::Mark, _) if self.marks.len() >= MAX_MARKS => {
                return Err(MachineError::TooLarge { at, what: "marks", limit: MAX_MARKS });
            }
            (Opcode::Mark, _) => self.marks.push(self.height),
            // POP takes a mark, too, where that is on top.
            (Opcode::Pop, _) if self.height > fence => self.height -= 1,
            (Opcode::Pop, _) => self.marks.pop().map(drop).ok_or(underflow)?,
            (_, Takes::Items(needed)) => {
                self.height = self.below(fence, self.height, usize::from(needed)).ok_or(underflow)? + row.leaves;
            }
            (_, Takes::ToMark(needed)) => {
                let mark = self.marks.pop().ok_or(MachineError::NoMark { at, opcode })?;
                // OBJ has its class above the mark.
                if opcode == Opcode::Obj && self.height == mark {
                    return Err(underflow);
                }
                let outer = self.marks.last().copied().unwrap_or(0);
                let left = self.below(outer, mark, usize::from(needed)).ok_or(underflow)?;
                if matches!(opcode, Opcode::Dict | Opcode::SetItems) && (self.height - mark) % 2 == 1 {
                    return Err(MachineError::OddItems { at, opcode });
                }
                self.height = left + row.leaves;
            }
        }
        Ok(())
    }

    /// The height without so many values, where those are above the fence.
    fn below(&self, fence: usize, height: usize, needed: usize) -> Option<usize> {
        height.checked_sub(needed).filter(|height| *height >= fence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::format::parse::Parser;
    use crate::pickle::machine::Machine;
    use crate::pickle::samples;

    fn balance(pickle: &[u8]) -> Result<(), MachineError> {
        let mut balance = StackCheck::new(0, 0);
        for op in Parser::new(pickle) {
            balance.step(&op?)?;
        }
        Ok(())
    }

    #[test]
    fn the_machine_finds_the_same() {
        for pickle in samples::all() {
            assert_eq!(balance(pickle), Ok(()));
            for damaged in samples::flipped(pickle, 200) {
                assert_eq!(Machine::run(&damaged).map(drop), balance(&damaged));
            }
        }
    }

    #[test]
    fn of_two_faults_in_one_opcode_the_machine_names_the_same() {
        // A key without a value, and no dict below the mark.
        let pickle = b"(Nu.";
        assert_eq!(balance(pickle), Err(MachineError::Underflow { at: 2, opcode: Opcode::SetItems }));
        assert_eq!(Machine::run(pickle).map(drop), balance(pickle));
    }
}

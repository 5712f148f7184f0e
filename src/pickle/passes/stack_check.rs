//! Checks that opcodes find their arguments on the stack and in the memo.
//!
//! `verify`, `restore --partial` and the verdict use it if they do not need the values. The symbolic machine
//! makes the same checks, but keeps every value; this keeps the height of the stack and the numbers of the filled
//! slots only, so a pickle of any size is checked in next to no memory. A hostile one fills it with marks and with
//! slots out of order, which a [`WorkBudget`] pays for.

use super::filled_slots::{FilledSlots, SCATTERED_SLOT};
use crate::pickle::format::opcode::{MemoUse, Opcode, Takes};
use crate::pickle::format::parse::{Op, ParseError};
use crate::pickle::machine::{MAX_MARKS, MAX_MEMO, MAX_STACK, MachineError};
use crate::pickle::work_budget::WorkBudget;

/// The height of the stack and of its marks, and which memo slots are filled.
#[derive(Debug)]
pub struct StackCheck<'b> {
    height: usize,
    /// How many values at the bottom of the stack must stay there.
    floor: usize,
    marks: Vec<usize>,
    memo: FilledSlots,
    budget: Option<&'b WorkBudget>,
}

impl Drop for StackCheck<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.budget {
            budget.release_list(std::mem::take(&mut self.marks));
            budget.release(self.memo.scattered().saturating_mul(SCATTERED_SLOT));
        }
    }
}

impl<'b> StackCheck<'b> {
    /// Starts with `height` values on the stack and the first `memo` slots filled. No budget limits its memory.
    pub fn new(height: usize, memo: u64) -> Self {
        Self { height, floor: 0, marks: Vec::new(), memo: FilledSlots::new(memo), budget: None }
    }

    /// The same, with a budget that limits its memory.
    pub(crate) fn within(budget: &'b WorkBudget, height: usize, memo: u64) -> Self {
        Self { height, floor: 0, marks: Vec::new(), memo: FilledSlots::new(memo), budget: Some(budget) }
    }

    /// Whether the stack holds exactly `height` values and no mark.
    pub fn is(&self, height: usize) -> bool {
        self.floor == 0 && self.has(height)
    }

    fn has(&self, height: usize) -> bool {
        self.height == height && self.marks.is_empty()
    }

    /// The current values on the stack must stay there, until [`end_value`](Self::end_value).
    pub fn begin_value(&mut self) {
        self.floor = self.height;
    }

    /// Ends the value that [`begin_value`](Self::begin_value) began. Returns whether exactly one value was added since.
    pub fn end_value(&mut self) -> bool {
        let floor = std::mem::take(&mut self.floor);
        self.has(floor + 1)
    }

    /// Follows an opcode.
    ///
    /// # Errors
    /// The same error that the symbolic machine gives for this opcode.
    pub fn step(&mut self, op: &Op<'_>) -> Result<(), MachineError> {
        self.stack(op)?;
        self.memo(op)
    }

    fn memo(&mut self, op: &Op<'_>) -> Result<(), MachineError> {
        let index = op.argument.index();
        match op.opcode.memo() {
            MemoUse::Unused => {}
            MemoUse::Reads => {
                let index = index.unwrap_or(u64::MAX);
                if !self.memo.is_filled(index) {
                    return Err(ParseError::EmptyMemo { at: op.start, index }.into());
                }
            }
            MemoUse::Writes => {
                if self.memo.scattered() >= MAX_MEMO {
                    return Err(MachineError::TooLarge { at: op.start, what: "memo slots", limit: MAX_MEMO });
                }
                let before = self.memo.scattered();
                // MEMOIZE has no index: it fills the next slot.
                self.memo.fill(index.unwrap_or_else(|| self.memo.len()));
                if let Some(budget) = self.budget {
                    let after = self.memo.scattered();
                    budget.charge(after.saturating_sub(before).saturating_mul(SCATTERED_SLOT))?;
                    budget.release(before.saturating_sub(after).saturating_mul(SCATTERED_SLOT));
                }
            }
        }
        Ok(())
    }

    fn stack(&mut self, op: &Op<'_>) -> Result<(), MachineError> {
        let (at, opcode) = (op.start, op.opcode);
        let underflow = MachineError::Underflow { at, opcode };
        if self.height >= MAX_STACK {
            return Err(MachineError::TooLarge { at, what: "values on the stack", limit: MAX_STACK });
        }
        // Opcodes may not take values from below the topmost mark.
        let fence = self.marks.last().copied().unwrap_or(self.floor);
        let row = opcode.row();
        match (opcode, row.takes) {
            (Opcode::Mark, _) if self.marks.len() >= MAX_MARKS => {
                return Err(MachineError::TooLarge { at, what: "marks", limit: MAX_MARKS });
            }
            (Opcode::Mark, _) => match self.budget {
                Some(budget) => budget.push(&mut self.marks, self.height)?,
                None => self.marks.push(self.height),
            },
            (Opcode::Pop, _) if self.height > fence => self.height -= 1,
            // POP removes a mark if that is on top.
            (Opcode::Pop, _) => self.marks.pop().map(drop).ok_or(underflow)?,
            (_, Takes::Items(needed)) => {
                self.height = height_below(fence, self.height, needed).ok_or(underflow)? + row.leaves;
            }
            (_, Takes::ToMark(needed)) => {
                let mark = self.marks.pop().ok_or(MachineError::NoMark { at, opcode })?;
                // OBJ needs its class above the mark.
                if opcode == Opcode::Obj && self.height == mark {
                    return Err(underflow);
                }
                // The values below the mark must be above the next one.
                let outer = self.marks.last().copied().unwrap_or(self.floor);
                let left = height_below(outer, mark, needed).ok_or(underflow)?;
                if matches!(opcode, Opcode::Dict | Opcode::SetItems) && (self.height - mark) % 2 == 1 {
                    return Err(MachineError::OddItems { at, opcode });
                }
                self.height = left + row.leaves;
            }
        }
        Ok(())
    }
}

/// The height of the stack without `needed` values; `None` if these are not all above the fence.
fn height_below(fence: usize, height: usize, needed: u8) -> Option<usize> {
    height.checked_sub(usize::from(needed)).filter(|height| *height >= fence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::format::parse::Parser;
    use crate::pickle::machine::Machine;
    use crate::pickle::samples;

    fn check(pickle: &[u8]) -> Result<(), MachineError> {
        let mut check = StackCheck::new(0, 0);
        Parser::new(pickle).try_for_each(|op| check.step(&op?))
    }

    #[test]
    fn the_machine_gives_the_same_errors() {
        for pickle in samples::all() {
            assert_eq!(check(pickle), Ok(()));
            for damaged in samples::flipped(pickle, 200) {
                assert_eq!(Machine::run(&damaged).map(drop), check(&damaged));
            }
        }
    }

    #[test]
    fn marks_and_scattered_slots_are_paid_for_and_given_back() {
        let put = |slot: u32| [&b"r"[..], &(2 * slot).to_le_bytes()].concat();
        let scattered: Vec<u8> = (1..2_000_000).flat_map(put).collect();
        for pickle in [vec![b'('; 4_000_000], [b"N".to_vec(), scattered].concat()] {
            for (memory, is_enough) in [(24_000_000, false), (200_000_000, true)] {
                let budget = WorkBudget::new(0, Some(memory));
                let left = budget.memory_left();
                let mut check = StackCheck::within(&budget, 0, 0);
                let followed: Result<(), MachineError> = Parser::new(&pickle).try_for_each(|op| check.step(&op?));
                assert_eq!(matches!(followed, Err(MachineError::OverBudget(_))), !is_enough);
                drop(check);
                assert_eq!(budget.memory_left() == left, is_enough);
            }
        }
    }

    #[test]
    fn the_machine_reports_the_same_one_of_two_faults() {
        // A key without a value, and no dict below the mark.
        let pickle = b"(Nu.";
        assert_eq!(check(pickle), Err(MachineError::Underflow { at: 2, opcode: Opcode::SetItems }));
        assert_eq!(Machine::run(pickle).map(drop), check(pickle));
    }
}

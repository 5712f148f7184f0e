//! Salvages our own file whose index is lost: the segments before the offset where its pickle is cut short or damaged.
//!
//! The segments are followed opcode by opcode, and get the end that every snapshot has. No hash proves that their bytes
//! are the saved ones, so the result is treated like any other pickle that is not trusted.

use crate::pickle::format::emit;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::Parser;
use crate::pickle::passes::stack_check::StackCheck;
use crate::pickle::work_budget::WorkBudget;

/// The height of the stack between two segments: the module and the dict.
const HEIGHT_BETWEEN: usize = 2;

/// A pickle of the intact segments of a file; `None` if it has none, or is not our own.
pub(super) fn salvage(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(emit::HEAD) {
        return None;
    }
    let budget = WorkBudget::new(bytes.len() as u64, None);
    let mut balance = StackCheck::within(&budget, 0, 0);
    let mut end = None;
    for op in Parser::new(bytes) {
        let Ok(op) = op else { break };
        // BUILD between two segments is the regular end of the pickle.
        if op.opcode == Opcode::Build && balance.is(HEIGHT_BETWEEN) || balance.step(&op).is_err() {
            break;
        }
        // SETITEM at this height completes a segment.
        if op.opcode == Opcode::SetItem && balance.is(HEIGHT_BETWEEN) {
            end = Some(op.end);
        }
    }
    let mut pickle = bytes.get(..usize::try_from(end?).ok()?)?.to_vec();
    emit::end(&mut pickle).ok()?;
    Some(pickle)
}

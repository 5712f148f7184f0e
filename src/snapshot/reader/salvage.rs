//! What is left of our own file whose index is lost: the segments in front of the place where its pickle breaks off.
//!
//! They are followed opcode by opcode, and get the end that every snapshot has. Nothing proves that their bytes are
//! those that were saved, so what comes of it is another's pickle, as that of a file that has lost its trailer only.

use crate::pickle::balance::Balance;
use crate::pickle::emit;
use crate::pickle::opcode::Opcode;
use crate::pickle::parse::Parser;

/// Module and dict: what lies on the stack between two segments.
const BETWEEN: usize = 2;

/// A pickle of the whole segments of a file; `None` where it has none, or is not our own.
pub(super) fn salvage(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(emit::HEAD) {
        return None;
    }
    let mut balance = Balance::new(0, 0);
    let mut end = None;
    for op in Parser::new(bytes) {
        let Ok(op) = op else { break };
        if op.opcode == Opcode::Build && balance.is(BETWEEN) || balance.step(&op).is_err() {
            break;
        }
        if op.opcode == Opcode::SetItem && balance.is(BETWEEN) {
            end = Some(op.end);
        }
    }
    let mut pickle = bytes.get(..usize::try_from(end?).ok()?)?.to_vec();
    emit::end(&mut pickle).ok()?;
    Some(pickle)
}

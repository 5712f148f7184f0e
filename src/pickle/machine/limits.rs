//! Why a pickle cannot be followed, and how much of one is followed.

use thiserror::Error;

use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::ParseError;

/// The most values that are put together from others; about 100 bytes each.
pub const MAX_NODES: usize = 1 << 22;
/// The most items of all values together; 8 bytes each.
pub const MAX_ITEMS: usize = 1 << 26;
/// The most memo slots; about 20 bytes each.
pub const MAX_MEMO: usize = 1 << 25;
/// The most values that wait on the stack; 8 bytes each.
pub const MAX_STACK: usize = 1 << 26;
/// The most marks that wait there; about 70 bytes each. Each is for a value that is put together from what is above it,
/// so there are no more of them than there may be such values.
pub const MAX_MARKS: usize = MAX_NODES;

/// Why a pickle cannot be followed. `at` is the place of the opcode at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MachineError {
    /// It is no run of opcodes.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The stack holds less than the opcode needs.
    #[error(
        "{opcode} at byte {at} finds too little on the stack: this is no pickle, or it is damaged; copy the file again"
    )]
    Underflow {
        /// The opcode's place.
        at: u64,
        /// Which one.
        opcode: Opcode,
    },
    /// There is no mark.
    #[error(
        "{opcode} at byte {at} finds no mark on the stack: this is no pickle, or it is damaged; copy the file again"
    )]
    NoMark {
        /// The opcode's place.
        at: u64,
        /// Which one.
        opcode: Opcode,
    },
    /// A key without a value.
    #[error("{opcode} at byte {at} finds a key without a value: the pickle is damaged; copy the file again")]
    OddItems {
        /// The opcode's place.
        at: u64,
        /// Which one.
        opcode: Opcode,
    },
    /// An array of joblib, of which it cannot be told where its bytes end.
    #[error("the array that joblib wrote at byte {at} {problem}: load it with joblib.load, if you trust it")]
    UntoldArray {
        /// The place of the BUILD in front of its bytes.
        at: u64,
        /// What is odd about it.
        problem: &'static str,
    },
    /// One of the limits.
    #[error(
        "the pickle has more than {limit} {what} up to byte {at}, too many to look into: load it only if you trust it"
    )]
    TooLarge {
        /// The place where it went beyond.
        at: u64,
        /// Of what there are too many.
        what: &'static str,
        /// CallKind many may be.
        limit: usize,
    },
}

/// Refuses one more of what there are `count` already.
pub(crate) fn limit(count: usize, limit: usize, what: &'static str, at: u64) -> Result<(), MachineError> {
    if count < limit { Ok(()) } else { Err(MachineError::TooLarge { at, what, limit }) }
}

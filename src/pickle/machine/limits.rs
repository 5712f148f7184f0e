//! The limits of the symbolic machine, and the errors for a pickle that it cannot follow.

use thiserror::Error;

use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::ParseError;

/// The most values with parts; about 100 bytes each.
pub(crate) const MAX_NODES: usize = 1 << 22;
/// The most items of all values together; 8 bytes each.
pub(crate) const MAX_ITEMS: usize = 1 << 26;
/// The most memo slots; about 20 bytes each.
pub(crate) const MAX_MEMO: usize = 1 << 25;
/// The most values on the stack; 8 bytes each.
pub(crate) const MAX_STACK: usize = 1 << 26;
/// The most marks on the stack; about 70 bytes each. Each mark begins a value that is put together from
/// everything above it, so the limit is the same as for such values.
pub(crate) const MAX_MARKS: usize = MAX_NODES;

/// Why a pickle cannot be followed. `at` is the offset of the opcode at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MachineError {
    /// The bytes are not opcodes.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The stack holds fewer values than the opcode takes.
    #[error(
        "{opcode} at byte {at} needs more values than the stack holds: the file is not a pickle, or it is damaged; \
         copy it again"
    )]
    Underflow {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
    },
    /// The stack has no mark.
    #[error(
        "{opcode} at byte {at} needs a mark, and the stack has none: the file is not a pickle, or it is damaged; \
         copy it again"
    )]
    NoMark {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
    },
    /// A key without a value.
    #[error("{opcode} at byte {at} has a key without a value: the pickle is damaged; copy the file again")]
    OddItems {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
    },
    /// An array of joblib whose length in bytes is unknown.
    #[error("the joblib array at byte {at} {problem}: load the file with joblib.load if you trust it")]
    UnknownArrayLength {
        /// The offset of the BUILD before its bytes.
        at: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// One of the limits was exceeded.
    #[error(
        "the pickle is too large to inspect (more than {limit} {what} up to byte {at}): load it only if you trust it"
    )]
    TooLarge {
        /// The offset at which it exceeded the limit.
        at: u64,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Refuses one more of `what`, of which there are `count` already, if that exceeds the limit.
pub(super) fn limit(count: usize, limit: usize, what: &'static str, at: u64) -> Result<(), MachineError> {
    if count < limit { Ok(()) } else { Err(MachineError::TooLarge { at, what, limit }) }
}

//! The limits of the symbolic machine that do not depend on the pickle's length, and the errors for a pickle that
//! it cannot follow. A [`WorkBudget`](crate::pickle::work_budget::WorkBudget) pays for all that it allocates.

use thiserror::Error;

use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::ParseError;
use crate::pickle::work_budget::OverBudget;

/// The most memo slots; about 20 bytes each.
pub(crate) const MAX_MEMO: usize = 1 << 25;
/// The most values on the stack; 8 bytes each.
pub(crate) const MAX_STACK: usize = 1 << 26;
/// The most marks on the stack; about 70 bytes each.
pub(crate) const MAX_MARKS: usize = 1 << 22;

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
        /// The fault.
        problem: &'static str,
    },
    /// The budget is spent.
    #[error("the pickle is too large to look at: {0}")]
    OverBudget(OverBudget),
    /// One of the fixed limits was exceeded.
    #[error(
        "the pickle is too large to inspect (more than {limit} {what} up to byte {at}): load it only if you trust it"
    )]
    TooLarge {
        /// The offset at which it exceeded the limit.
        at: u64,
        /// The things of which there are too many.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

// Without `#[from]`, which would show the same cause twice.
impl From<OverBudget> for MachineError {
    fn from(over: OverBudget) -> Self {
        Self::OverBudget(over)
    }
}

impl MachineError {
    /// Whether a limit was exceeded: then the pickle may still be sound.
    pub(crate) fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::OverBudget(_)
                | Self::TooLarge { .. }
                | Self::Parse(ParseError::BeyondMemory { .. } | ParseError::LongLine { .. })
        )
    }
}

/// Refuses one more of `what`, of which there are `count` already, if that exceeds the limit.
pub(super) fn limit(count: usize, limit: usize, what: &'static str, at: u64) -> Result<(), MachineError> {
    if count < limit { Ok(()) } else { Err(MachineError::TooLarge { at, what, limit }) }
}

//! Why bytes cannot be parsed as opcodes.

use thiserror::Error;

use super::opcode::{NEWEST_PROTOCOL, Opcode};

/// Why bytes cannot be parsed as opcodes. `at` is the offset of the opcode at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The bytes end within an opcode.
    #[error("the pickle is truncated at byte {end}, while reading {opcode} at byte {at}: copy the file again")]
    Truncated {
        /// The offset of the opcode.
        at: u64,
        /// The offset at which the bytes end.
        end: u64,
        /// The opcode.
        opcode: Opcode,
    },
    /// A frame is longer than the bytes that follow.
    #[error(
        "the pickle is truncated at byte {end}: the frame at byte {at} needs {missing} more bytes; copy the file again"
    )]
    FrameBeyondEnd {
        /// The offset of the frame.
        at: u64,
        /// The offset at which the bytes end.
        end: u64,
        /// The number of bytes that are missing.
        missing: u64,
    },
    /// The bytes end where another opcode should begin.
    #[error("the pickle is truncated at byte {end}: it has no STOP; copy the file again")]
    NoStop {
        /// The offset at which the bytes end.
        end: u64,
    },
    /// A byte that is no opcode.
    #[error("unknown opcode {byte:#04x} at byte {at}: the file is not a pickle, or it is damaged; copy it again")]
    UnknownOpcode {
        /// The offset of the byte.
        at: u64,
        /// The byte.
        byte: u8,
    },
    /// A length that no data can have.
    #[error("{opcode} at byte {at} has the impossible length {length}: the pickle is damaged; copy the file again")]
    BadLength {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
        /// The length: negative, or larger than 63 bits.
        length: i128,
    },
    /// Strings that are longer than the memory of this machine.
    #[error("{opcode} at byte {at} ends strings that are longer than the memory of this machine: use a larger one")]
    BeyondMemory {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
    },
    /// A line without an end.
    #[error("{opcode} at byte {at} has an argument of more than 1 GiB: save the object with a later protocol")]
    LongLine {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
    },
    /// An argument that CPython rejects.
    #[error("{opcode} at byte {at} has an invalid argument ({problem}): the pickle is damaged; copy the file again")]
    BadArgument {
        /// The offset of the opcode.
        at: u64,
        /// The opcode.
        opcode: Opcode,
        /// The fault.
        problem: &'static str,
    },
    /// A protocol that this version does not know.
    #[error("the pickle at byte {at} uses protocol {protocol}, newer than {NEWEST_PROTOCOL}: update snapcli")]
    NewerProtocol {
        /// The offset of PROTO.
        at: u64,
        /// Its argument.
        protocol: u8,
    },
    /// STOP within a segment.
    #[error("STOP at byte {at}, within a variable: the snapshot is damaged; copy the file again")]
    EarlyStop {
        /// The offset of STOP.
        at: u64,
    },
    /// A GET of a memo slot that was not filled.
    #[error(
        "byte {at} reads memo slot {index}, which is empty: the file is not a pickle, or it is damaged; copy it again"
    )]
    EmptyMemo {
        /// The offset of the GET.
        at: u64,
        /// The slot.
        index: u64,
    },
}

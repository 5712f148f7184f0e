//! Why bytes are not opcodes.

use thiserror::Error;

use super::opcode::{NEWEST_PROTOCOL, Opcode};

/// Why bytes are not opcodes. `at` is the place of the opcode at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The bytes end within an opcode.
    #[error("the pickle is cut short at byte {end}, while reading {opcode} at byte {at}: copy the file again")]
    Truncated {
        /// The opcode's place.
        at: u64,
        /// Where the bytes end.
        end: u64,
        /// Which one.
        opcode: Opcode,
    },
    /// A frame says that more bytes follow than do.
    #[error(
        "the pickle is cut short at byte {end}, as the frame at byte {at} needs {missing} bytes more: copy the file again"
    )]
    FrameBeyondEnd {
        /// The frame's place.
        at: u64,
        /// Where the bytes end.
        end: u64,
        /// CallKind many are missing.
        missing: u64,
    },
    /// The bytes end where another opcode should be.
    #[error("the pickle is cut short at byte {end}, as it has no STOP: copy the file again")]
    NoStop {
        /// Where the bytes end.
        end: u64,
    },
    /// A byte that is no opcode.
    #[error("unknown opcode {byte:#04x} at byte {at}: this is no pickle, or it is damaged; copy the file again")]
    UnknownOpcode {
        /// The byte's place.
        at: u64,
        /// The byte.
        byte: u8,
    },
    /// A length that no data can have.
    #[error("{opcode} at byte {at} has the impossible length {length}: the pickle is damaged; copy the file again")]
    BadLength {
        /// The opcode's place.
        at: u64,
        /// Which one.
        opcode: Opcode,
        /// The length, negative or beyond 63 bits.
        length: i128,
    },
    /// A text argument that CPython would refuse.
    #[error("the argument of {opcode} at byte {at} is wrong ({problem}): the pickle is damaged; copy the file again")]
    BadArgument {
        /// The opcode's place.
        at: u64,
        /// Which one.
        opcode: Opcode,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A protocol that does not exist yet.
    #[error("the pickle at byte {at} is of protocol {protocol}, newer than {NEWEST_PROTOCOL}: update snapcli")]
    NewerProtocol {
        /// The place of PROTO.
        at: u64,
        /// Its argument.
        protocol: u8,
    },
    /// STOP within a segment.
    #[error("STOP at byte {at}, within a variable: the snapshot is damaged; copy the file again")]
    EarlyStop {
        /// Its place.
        at: u64,
    },
    /// A GET of a slot that was not filled.
    #[error(
        "memo slot {index} is empty when byte {at} asks for it: this is no pickle, or it is damaged; copy the file again"
    )]
    EmptyMemo {
        /// The GET's place.
        at: u64,
        /// The slot.
        index: u64,
    },
}

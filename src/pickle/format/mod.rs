//! The bytes of a pickle: which opcodes there are, how they are parsed, and how snapcli writes its own.

mod argument;
pub(crate) mod emit;
pub(crate) mod lines;
mod memory_size;
pub(crate) mod opcode;
pub(crate) mod parse;
mod parse_error;
pub(crate) mod py_str;

/// The smallest number of items of a list that snapcli writes as one joined string: `str.split(joined, "\0")`.
///
/// One opcode instead of one for each string makes saving and restoring faster. The pickler writes a list so if all of
/// its items are strings without a NUL; a comparison splits it again.
pub(crate) const MIN_JOINED_ITEMS: usize = 512;
/// The byte between the strings of a joined list.
pub(crate) const SEPARATOR: u8 = 0;

pub(crate) fn split_joined(joined: &[u8]) -> impl Iterator<Item = &[u8]> {
    joined.split(|byte| *byte == SEPARATOR)
}

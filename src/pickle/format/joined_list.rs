//! Long lists of strings as snapcli's pickler writes them: `str.split(joined, "\0")`.
//!
//! One opcode instead of one for each string makes saving and restoring faster. The pickler writes a list so if all
//! of its items are strings without a NUL and it has at least [`MIN_ITEMS`]; a comparison splits it again.

/// The smallest number of items of a list that is written this way.
pub(crate) const MIN_ITEMS: usize = 512;
/// The byte between the strings.
pub(crate) const SEPARATOR: u8 = 0;

/// The strings of such a list.
pub(crate) fn split(joined: &[u8]) -> impl Iterator<Item = &[u8]> {
    joined.split(|byte| *byte == SEPARATOR)
}

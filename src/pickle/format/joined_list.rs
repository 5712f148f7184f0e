//! Long lists of texts as our pickler writes them: `str.split(text, separator)`, where nothing else is in the list.

/// The fewest items of a list that is written so.
pub(crate) const SHORTEST: usize = 512;
/// What stands between texts.
pub(crate) const SEPARATOR: u8 = 0;

/// The texts of such a list.
pub(crate) fn split(joined: &[u8]) -> impl Iterator<Item = &[u8]> {
    joined.split(|byte| *byte == SEPARATOR)
}

//! A Python `str` as a pickle stores it: UTF-8 in which lone surrogates may occur (Python's `surrogatepass`).
//!
//! Rust's `str` cannot hold surrogates, so the bytes are kept as they are. Where a string is shown, each surrogate
//! becomes a replacement character.

use std::borrow::Cow;

/// A string of a pickle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PyStr<'a>(Cow<'a, [u8]>);

impl<'a> PyStr<'a> {
    /// The string of these bytes; `None` if they are not UTF-8, surrogates aside.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        Pieces(&bytes).all(|piece| piece != Piece::Invalid).then_some(Self(bytes))
    }

    /// The string of bytes that [`new`](Self::new) has accepted before.
    pub(super) fn checked(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(in crate::pickle) fn into_bytes(self) -> Cow<'a, [u8]> {
        self.0
    }

    /// The string; `None` if it has surrogates.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The string, with a replacement character for each surrogate.
    pub fn lossy(&self) -> Cow<'_, str> {
        match self.as_str() {
            Some(string) => Cow::Borrowed(string),
            None => Cow::Owned(Pieces(&self.0).map(Piece::shown).collect()),
        }
    }

    /// The first characters of the string, and whether they are all of it.
    pub fn start(&self, characters: usize) -> (String, bool) {
        // A character has at most four bytes. Cut first: the string can be as long as the file.
        let cut = self.0.get(..characters.saturating_mul(4)).unwrap_or(&self.0);
        let string: String = Pieces(cut).map(Piece::shown).collect();
        let start: String = string.chars().take(characters).collect();
        let whole = cut.len() == self.0.len() && start.len() == string.len();
        (start, whole)
    }

    /// Its `len()` in Python: the number of code points.
    pub fn characters(&self) -> u64 {
        // Every byte but 0x80 to 0xBF begins a code point.
        self.0.iter().filter(|byte| !(0x80..0xc0).contains(*byte)).count() as u64
    }
}

/// Splits bytes into the longest runs that are valid, surrogates, and invalid bytes.
struct Pieces<'a>(&'a [u8]);

#[derive(PartialEq, Eq)]
enum Piece<'a> {
    Valid(&'a str),
    Surrogate,
    Invalid,
}

impl<'a> Piece<'a> {
    fn shown(self) -> &'a str {
        match self {
            Self::Valid(string) => string,
            Self::Surrogate | Self::Invalid => "\u{fffd}",
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let valid = match std::str::from_utf8(self.0) {
            Ok(string) => string,
            Err(error) => self.0.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())?,
        };
        if !valid.is_empty() {
            self.0 = self.0.get(valid.len()..)?;
            return Some(Piece::Valid(valid));
        }
        // The rest starts with bytes that are not UTF-8: U+D800 to U+DFFF, encoded as UTF-8 would encode them.
        let (piece, length) = match self.0 {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => (Piece::Surrogate, 3),
            _ => (Piece::Invalid, 1),
        };
        self.0 = self.0.get(length..)?;
        Some(piece)
    }
}

/// Appends a code point, which may be a surrogate. Returns `false` if it is beyond Unicode.
pub(super) fn push_code_point(bytes: &mut Vec<u8>, code: u32) -> bool {
    if let Some(character) = char::from_u32(code) {
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        return true;
    }
    let surrogate = (0xd800..0xe000).contains(&code);
    if surrogate {
        // The first byte takes the upper four bits, the others six each, so the casts lose nothing.
        bytes.extend([0xe0 | (code >> 12) as u8, 0x80 | (code >> 6 & 0x3f) as u8, 0x80 | (code & 0x3f) as u8]);
    }
    surrogate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_are_accepted_and_other_invalid_bytes_are_not() {
        let string = PyStr::new(&b"a\xed\xa0\x80\xc3\xa9"[..]).expect("a surrogate is accepted");
        assert_eq!((string.as_str(), string.lossy().as_ref(), string.characters()), (None, "a\u{fffd}é", 3));
        for bad in [&b"\xff"[..], b"\xc3", b"a\xed\xa0", b"\xed\xc0\x80", b"\xf8\x88\x80\x80\x80"] {
            assert_eq!(PyStr::new(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn start_cuts_between_characters() {
        let string = PyStr::new("éééé".as_bytes()).expect("UTF-8");
        assert_eq!(string.start(2), ("éé".to_owned(), false));
        assert_eq!(string.start(4), ("éééé".to_owned(), true));
        assert_eq!(PyStr::new(&b""[..]).expect("UTF-8").start(0), (String::new(), true));
    }

    #[test]
    fn code_points_become_utf8_with_surrogates() {
        let mut bytes = Vec::new();
        assert!(push_code_point(&mut bytes, 0x1f600) && push_code_point(&mut bytes, 0xdc80));
        assert_eq!(bytes, b"\xf0\x9f\x98\x80\xed\xb2\x80");
        assert!(!push_code_point(&mut bytes, 0x11_0000));
    }
}

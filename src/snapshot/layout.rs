//! The trailer: the last 96 bytes of a snapshot, which say where its index is and seal it.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `SNAPCLI` and the version of the layout, 1 |
//! | 8, 8, 8 | index offset, index length, file length, little-endian |
//! | 32 | BLAKE3 of the index |
//! | 32 | BLAKE3 of the index with the user's key, or zeros |

use thiserror::Error;

/// The length of a trailer.
pub const TRAILER: usize = 96;
/// The version of the layout.
pub const VERSION: u8 = 1;
/// Raw buffers begin at multiples of this, in bytes: what numpy and SIMD code like best, and a divisor of every page.
pub const ALIGNMENT: u64 = 64;
/// The longest index that is read.
pub const MAX_INDEX: u64 = 1 << 30;

const NAME: &[u8; 7] = b"SNAPCLI";

/// A trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Where the index begins, which is where the pickle ends.
    pub index_offset: u64,
    /// The length of the index, which ends where the trailer begins.
    pub index_length: u64,
    /// BLAKE3 of the index.
    pub index_hash: [u8; 32],
    /// BLAKE3 of the index with the user's key; zeros where there is none.
    pub keyed_hash: [u8; 32],
}

/// Why a trailer is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// Of a later version.
    #[error("the file has layout {version}, newer than {VERSION}: update snapcli")]
    Newer {
        /// Its version.
        version: u8,
    },
    /// The file is not as long as it was.
    #[error("the file has {found} bytes, but had {expected} when it was saved: copy it again")]
    FileLength {
        /// What the trailer says.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// Pickle, index and trailer do not add up to the file.
    #[error("the trailer puts the index at byte {offset} with {length} bytes, which does not fit: copy the file again")]
    IndexPlace {
        /// Where the index should begin.
        offset: u64,
        /// How long it should be.
        length: u64,
    },
    /// This version signs nothing, so a signature is a later version's, or damage.
    #[error("the file is damaged at its end, or signed by a newer snapcli: copy it again, or update snapcli")]
    Signed,
    /// An index that nobody wrote.
    #[error("the index has {length} bytes, more than {MAX_INDEX}: copy the file again")]
    IndexLength {
        /// How long it should be.
        length: u64,
    },
}

impl Trailer {
    /// The length of the file that this trailer ends.
    pub fn file_length(&self) -> Option<u64> {
        self.index_offset.checked_add(self.index_length)?.checked_add(TRAILER as u64)
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; TRAILER] {
        let mut bytes = [0; TRAILER];
        let parts: [&[u8]; 7] = [
            NAME,
            &[VERSION],
            &self.index_offset.to_le_bytes(),
            &self.index_length.to_le_bytes(),
            // Nobody writes a file that is longer than 64 bits can say.
            &self.file_length().unwrap_or(u64::MAX).to_le_bytes(),
            &self.index_hash,
            &self.keyed_hash,
        ];
        for (to, from) in bytes.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        bytes
    }

    /// Reads the last bytes of a file that is `file_length` long. `None` where they are no trailer.
    pub fn decode(bytes: &[u8; TRAILER], file_length: u64) -> Result<Option<Self>, LayoutError> {
        let mut rest = bytes.as_slice();
        if rest.split_off(..NAME.len()) != Some(NAME.as_slice()) {
            return Ok(None);
        }
        match array(&mut rest) {
            [VERSION] => {}
            [version] => return Err(LayoutError::Newer { version }),
        }
        let index_offset = u64::from_le_bytes(array(&mut rest));
        let index_length = u64::from_le_bytes(array(&mut rest));
        let expected = u64::from_le_bytes(array(&mut rest));
        let trailer = Self { index_offset, index_length, index_hash: array(&mut rest), keyed_hash: array(&mut rest) };
        if expected != file_length {
            return Err(LayoutError::FileLength { expected, found: file_length });
        }
        if trailer.file_length() != Some(file_length) {
            return Err(LayoutError::IndexPlace { offset: index_offset, length: index_length });
        }
        if index_length > MAX_INDEX {
            return Err(LayoutError::IndexLength { length: index_length });
        }
        if trailer.keyed_hash != [0; 32] {
            return Err(LayoutError::Signed);
        }
        Ok(Some(trailer))
    }
}

/// Takes the next bytes, of which the caller knows that they are there.
fn array<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    rest.split_off(..N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer() -> Trailer {
        Trailer { index_offset: 100, index_length: 50, index_hash: [1; 32], keyed_hash: [0; 32] }
    }

    #[test]
    fn a_trailer_comes_back() {
        let bytes = trailer().encode();
        assert_eq!(bytes.get(..16), Some(&b"SNAPCLI\x01\x64\0\0\0\0\0\0\0"[..]));
        assert_eq!(Trailer::decode(&bytes, 246), Ok(Some(trailer())));
    }

    #[test]
    fn other_bytes_are_no_trailer() {
        assert_eq!(Trailer::decode(&[0; TRAILER], 246), Ok(None));
    }

    #[test]
    fn a_later_layout_is_named() {
        let mut bytes = trailer().encode();
        bytes[7] = 2;
        assert_eq!(Trailer::decode(&bytes, 246), Err(LayoutError::Newer { version: 2 }));
    }

    #[test]
    fn a_signature_is_refused() {
        let signed = Trailer { keyed_hash: [2; 32], ..trailer() };
        assert_eq!(Trailer::decode(&signed.encode(), 246), Err(LayoutError::Signed));
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        let error = LayoutError::FileLength { expected: 246, found: 245 };
        assert_eq!(Trailer::decode(&trailer().encode(), 245), Err(error));
    }

    #[test]
    fn an_index_outside_the_file_is_refused() {
        for (offset, length) in [(101, 50), (u64::MAX, 1), (0, u64::MAX)] {
            let mut bytes = Trailer { index_offset: offset, index_length: length, ..trailer() }.encode();
            bytes[24..32].copy_from_slice(&246_u64.to_le_bytes());
            assert_eq!(Trailer::decode(&bytes, 246), Err(LayoutError::IndexPlace { offset, length }));
        }
    }

    #[test]
    fn an_index_that_is_too_long_is_refused() {
        let long = Trailer { index_length: MAX_INDEX + 1, ..trailer() };
        let file_length = long.file_length().expect("it fits");
        let error = LayoutError::IndexLength { length: MAX_INDEX + 1 };
        assert_eq!(Trailer::decode(&long.encode(), file_length), Err(error));
    }
}

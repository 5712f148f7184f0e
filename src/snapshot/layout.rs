//! The trailer: the last 96 bytes of a snapshot, which say where its index is and seal it.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `SNAPCLI` and the version of the layout, 1 |
//! | 8, 8, 8 | index offset, index length, file length, little-endian |
//! | 32 | BLAKE3 of the index |
//! | 24, 8 | signature of the 64 bytes before with the user's key ([`trust`](super::trust)) and its check sum, or zeros |

use thiserror::Error;

/// The length of a trailer.
pub const TRAILER: usize = 96;
/// The length of a signature with its check sum.
pub const SIGNATURE: usize = 32;
/// How much of that is the signature itself.
const PROOF: usize = 24;
/// The version of the layout.
pub const VERSION: u8 = 1;
/// Raw buffers begin at multiples of this, in bytes: what numpy and SIMD code like best, and a divisor of every page.
pub const ALIGNMENT: u64 = 64;
/// What stands before the contents of a raw buffer: BYTEARRAY8 or BINBYTES8 and a length of 8 bytes.
pub const RAW_HEADER: u64 = 9;
/// The longest index that is read.
const MAX_INDEX: u64 = 1 << 30;
/// An index may always have so many bytes, as what was left out has no bytes in the pickle.
const INDEX_ALWAYS: u64 = 16 << 20;
/// And so many more for each byte of the pickle: a million numbers under names of eight letters need 15.
const INDEX_PER_BYTE: u64 = 64;

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
    /// The user's signature; zeros where there is none.
    pub signature: [u8; SIGNATURE],
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
    /// The signature is none that anybody wrote. Who has not the key could not tell that damage otherwise.
    #[error("the file is damaged in its last {SIGNATURE} bytes, which hold the signature: copy it again")]
    Signature,
    /// An index that nobody wrote.
    #[error("the index has {length} bytes, more than the {most} that its pickle can need: copy the file again")]
    IndexLength {
        /// How long it should be.
        length: u64,
        /// How long it may be.
        most: u64,
    },
}

/// How long the index of a pickle of this length may be. The writer keeps to it, and the reader looks no further at an
/// index that is longer: a small file is not to take much memory.
pub fn longest_index(pickle_length: u64) -> u64 {
    INDEX_PER_BYTE.saturating_mul(pickle_length).saturating_add(INDEX_ALWAYS).min(MAX_INDEX)
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
            &self.signature,
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
        let trailer = Self { index_offset, index_length, index_hash: array(&mut rest), signature: array(&mut rest) };
        if expected != file_length {
            return Err(LayoutError::FileLength { expected, found: file_length });
        }
        if trailer.file_length() != Some(file_length) {
            return Err(LayoutError::IndexPlace { offset: index_offset, length: index_length });
        }
        let most = longest_index(index_offset);
        if index_length > most {
            return Err(LayoutError::IndexLength { length: index_length, most });
        }
        if trailer.is_signed() && trailer.signature != with_check_sum(&trailer.signature) {
            return Err(LayoutError::Signature);
        }
        Ok(Some(trailer))
    }

    /// Whether anybody signed it.
    pub fn is_signed(&self) -> bool {
        self.signature != [0; SIGNATURE]
    }
}

/// The first bytes of a hash as a signature, followed by the check sum of them.
pub(super) fn with_check_sum(hash: &[u8; 32]) -> [u8; SIGNATURE] {
    let (proof, _) = hash.split_at(PROOF);
    let sum = blake3::hash(proof);
    let mut signature = [0; SIGNATURE];
    for (to, from) in signature.iter_mut().zip(proof.iter().chain(sum.as_bytes())) {
        *to = *from;
    }
    signature
}

/// Takes the next bytes, of which the caller knows that they are there.
fn array<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    rest.split_off(..N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer() -> Trailer {
        Trailer { index_offset: 100, index_length: 50, index_hash: [1; 32], signature: [0; 32] }
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
    fn a_signature_comes_back() {
        let mut signed = Trailer { signature: with_check_sum(&[2; 32]), ..trailer() };
        assert_eq!(Trailer::decode(&signed.encode(), 246), Ok(Some(signed.clone())));
        signed.signature[0] ^= 1;
        assert_eq!(Trailer::decode(&signed.encode(), 246), Err(LayoutError::Signature));
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
        for (index_offset, most) in [(0, 16 << 20), (100, (16 << 20) + 6400), (1 << 40, 1 << 30)] {
            let decode = |length| {
                let long = Trailer { index_offset, index_length: length, ..trailer() };
                Trailer::decode(&long.encode(), long.file_length().expect("it fits"))
            };
            assert!(decode(most).is_ok_and(|found| found.is_some()));
            assert_eq!(decode(most + 1), Err(LayoutError::IndexLength { length: most + 1, most }));
        }
    }
}

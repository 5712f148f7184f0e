//! The constants of the file format, version 1, and the trailer. `docs/format.md` describes the format in full.
//!
//! A file is a pickle of protocol 5 without frames, then an index in JSON, then a trailer of 96 bytes. Integers are
//! little-endian; offsets count from the start of the file. The trailer:
//!
//! | offset | bytes | contents |
//! | --- | --- | --- |
//! | 0 | 7 | `SNAPCLI` |
//! | 7 | 1 | version of the format, 1 |
//! | 8 | 8 | offset of the index, which is the length of the pickle |
//! | 16 | 8 | length of the index, which ends where the trailer begins |
//! | 24 | 8 | length of the file |
//! | 32 | 32 | BLAKE3 of the index |
//! | 64 | 24 | [`signature`](super::signature): the start of the keyed BLAKE3 of bytes 0 to 63, or zeros |
//! | 88 | 8 | checksum of the signature: the start of its BLAKE3, or zeros |

use thiserror::Error;

/// The length of the trailer, in bytes.
pub const TRAILER: usize = 96;
/// The length of a signature with its checksum, in bytes.
pub const SIGNATURE: usize = 32;
/// The length of a signature without its checksum, in bytes.
const PROOF: usize = 24;
/// The version of the file format.
pub(crate) const VERSION: u8 = 1;
/// The contents of a raw buffer begin at a multiple of this many bytes: a cache line, which suits numpy and SIMD code,
/// and a divisor of every page size. Padding before the opcode is SHORT_BINBYTES with zeros, and POP.
pub(crate) const ALIGNMENT: u64 = 64;
/// The bytes before the contents of a raw buffer: BYTEARRAY8 (writable) or BINBYTES8 (read-only), and a length of 8
/// bytes.
pub(crate) const RAW_HEADER: u64 = 9;
/// The longest index that is read, in bytes.
const MAX_INDEX: u64 = 1 << 30;
/// An index may always have this many bytes: names that were left out are in the index, but not in the pickle.
const MIN_INDEX_LIMIT: u64 = 16 << 20;
/// The bytes of index that are allowed in addition for each byte of the pickle. A million numbers with names of eight
/// letters need 15.
const INDEX_PER_BYTE: u64 = 64;

/// The first bytes of the trailer.
const NAME: &[u8; 7] = b"SNAPCLI";

/// A decoded trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Where the index begins and the pickle ends, in bytes from the start of the file.
    pub index_offset: u64,
    /// The length of the index in bytes.
    pub index_length: u64,
    /// BLAKE3 of the index.
    pub index_hash: [u8; 32],
    /// The signature with its checksum; zeros if there is none.
    pub signature: [u8; SIGNATURE],
}

/// Why a trailer is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The file was written by a later version.
    #[error("the file has format {version}, which is newer than {VERSION}: update snapcli")]
    Newer {
        /// The version of the file.
        version: u8,
    },
    /// The file does not have the length that the trailer says.
    #[error("the file has {found} bytes, but had {expected} when it was saved: copy it again")]
    FileLength {
        /// The length in the trailer.
        expected: u64,
        /// The length of the file.
        found: u64,
    },
    /// The lengths of pickle, index and trailer do not add up to that of the file.
    #[error("the trailer puts the index at byte {offset} with {length} bytes, which does not fit: copy the file again")]
    IndexRange {
        /// Where the index should begin.
        offset: u64,
        /// The length that it should have.
        length: u64,
    },
    /// The signature does not match its checksum. Without the key, nothing else would show this damage.
    #[error("the file is damaged in its last {SIGNATURE} bytes, which hold the signature: copy it again")]
    Signature,
    /// The index is longer than snapcli writes any.
    #[error("the index has {length} bytes, but a pickle of this length needs at most {most}: copy the file again")]
    IndexLength {
        /// The length that it should have.
        length: u64,
        /// The length that it may have.
        most: u64,
    },
}

/// The longest index, in bytes, that a pickle of this length may have. The writer keeps to it, and the reader refuses
/// an index that is longer, so that a small file cannot take much memory.
pub fn longest_index(pickle_length: u64) -> u64 {
    INDEX_PER_BYTE.saturating_mul(pickle_length).saturating_add(MIN_INDEX_LIMIT).min(MAX_INDEX)
}

impl Trailer {
    /// The length of the whole file in bytes; `None` if it overflows.
    pub fn file_length(&self) -> Option<u64> {
        self.index_offset.checked_add(self.index_length)?.checked_add(TRAILER as u64)
    }

    /// The trailer as it is in a file.
    pub fn encode(&self) -> [u8; TRAILER] {
        let mut bytes = [0; TRAILER];
        let parts: [&[u8]; 7] = [
            NAME,
            &[VERSION],
            &self.index_offset.to_le_bytes(),
            &self.index_length.to_le_bytes(),
            // No real file is that long: decoding refuses it.
            &self.file_length().unwrap_or(u64::MAX).to_le_bytes(),
            &self.index_hash,
            &self.signature,
        ];
        // The parts add up to the length of the trailer.
        for (to, from) in bytes.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        bytes
    }

    /// Decodes the last bytes of a file of `file_length` bytes. `None` if they are not a trailer.
    ///
    /// # Errors
    /// If they are a trailer that does not fit the file, or is damaged. The hash of the index is not checked.
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
        // The index must end exactly where the trailer begins, so no bytes are unaccounted for.
        if trailer.file_length() != Some(file_length) {
            return Err(LayoutError::IndexRange { offset: index_offset, length: index_length });
        }
        let most = longest_index(index_offset);
        if index_length > most {
            return Err(LayoutError::IndexLength { length: index_length, most });
        }
        if trailer.is_signed() && trailer.signature != with_checksum(&trailer.signature) {
            return Err(LayoutError::Signature);
        }
        Ok(Some(trailer))
    }

    /// Whether there is a signature.
    pub fn is_signed(&self) -> bool {
        self.signature != [0; SIGNATURE]
    }
}

/// The first `PROOF` bytes of a keyed hash, which are the signature, and their checksum.
pub(super) fn with_checksum(hash: &[u8; 32]) -> [u8; SIGNATURE] {
    // 192 of 256 bits are still far beyond guessing, and leave room for a checksum that needs no key.
    let (proof, _) = hash.split_at(PROOF);
    let sum = blake3::hash(proof);
    let mut signature = [0; SIGNATURE];
    for (to, from) in signature.iter_mut().zip(proof.iter().chain(sum.as_bytes())) {
        *to = *from;
    }
    signature
}

/// Takes the next bytes. The caller knows that they exist; otherwise it gets zeros.
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
    fn a_trailer_is_decoded_as_it_was_encoded() {
        let bytes = trailer().encode();
        assert_eq!(bytes.get(..16), Some(&b"SNAPCLI\x01\x64\0\0\0\0\0\0\0"[..]));
        assert_eq!(Trailer::decode(&bytes, 246), Ok(Some(trailer())));
    }

    #[test]
    fn other_bytes_are_not_a_trailer() {
        assert_eq!(Trailer::decode(&[0; TRAILER], 246), Ok(None));
    }

    #[test]
    fn a_later_version_is_reported() {
        let mut bytes = trailer().encode();
        bytes[7] = 2;
        assert_eq!(Trailer::decode(&bytes, 246), Err(LayoutError::Newer { version: 2 }));
    }

    #[test]
    fn a_signature_is_decoded_and_its_damage_found() {
        let mut signed = Trailer { signature: with_checksum(&[2; 32]), ..trailer() };
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
            assert_eq!(Trailer::decode(&bytes, 246), Err(LayoutError::IndexRange { offset, length }));
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

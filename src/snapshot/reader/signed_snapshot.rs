//! Whose signature a file has, and signing it.

use std::io::Write;

use super::{ReadError, Snapshot, Source};
use crate::snapshot::layout::Trailer;
use crate::snapshot::signature::SigningKey;

impl Snapshot {
    /// Whether the owner of this key signed the file. The signature proves the index, and its hashes prove the rest.
    pub fn is_signed_by(&self, key: &SigningKey) -> bool {
        if let Some(assembled) = self.assembled() {
            return assembled.seal().is_signed_by(key);
        }
        self.trailer.as_ref().is_some_and(|trailer| key.has_signed(trailer))
    }

    /// Whether the file is signed with the key of this user. If that cannot be read, it is not.
    pub(crate) fn is_signed_by_user(&self) -> bool {
        matches!(SigningKey::existing(), Ok(Some(key)) if self.is_signed_by(&key))
    }

    /// Whether the file has a signature.
    pub fn is_signed(&self) -> bool {
        if let Some(assembled) = self.assembled() {
            return assembled.seal().is_signed();
        }
        self.trailer.as_ref().is_some_and(Trailer::is_signed)
    }

    /// Writes our own file with a new signature, compressed if it is seekable zstd. Returns whether it is our own.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn write_signed(&self, key: &SigningKey, out: &mut dyn Write) -> Result<bool, ReadError> {
        let Some(trailer) = &self.trailer else { return Ok(false) };
        let signed = key.sign(trailer).encode();
        if let Source::Ranged(file) = &self.source
            && file.reader().write_with_end(&signed, out)?
        {
            return Ok(true);
        }
        // Pickle and index stay as they are; only the trailer changes.
        let end = usize::try_from(trailer.index_offset.saturating_add(trailer.index_length)).unwrap_or(usize::MAX);
        let bytes = self.source.bytes()?;
        out.write_all(bytes.get(..end).ok_or(ReadError::CutShort { at: bytes.len() as u64 })?)?;
        out.write_all(&signed)?;
        Ok(true)
    }

    /// Signs a snapshot of a store, which is not written again for that. Returns whether it is one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn sign_stored(&self, key: &SigningKey) -> Result<bool, ReadError> {
        let Some(assembled) = self.assembled() else { return Ok(false) };
        assembled.sign(key)?;
        Ok(true)
    }
}

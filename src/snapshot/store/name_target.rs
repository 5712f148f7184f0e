//! What the file of a name holds: the number of a snapshot, and the checksum of its file. A number alone could come to
//! stand for another snapshot: in a store that was copied while something saved to it, or that lost its newest file.

use std::fmt::Write;

use super::snapshot_header::{HASH, SnapshotHeader};
use super::store_error::StoreError;
use super::store_folder::Store;

/// The snapshot that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameTarget {
    pub(super) number: u64,
    /// The BLAKE3 in the snapshot's file, which a new signature leaves as it is. Old stores do not have it.
    pub(super) manifest: Option<[u8; HASH]>,
}

impl NameTarget {
    /// Reads the file of a name; `None` if it holds something else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
        let number = words.next()?.parse().ok()?;
        let manifest = words.next().map(blake3::Hash::from_hex).transpose().ok()?;
        Some(Self { number, manifest: manifest.map(|hash| *hash.as_bytes()) })
    }

    /// The contents of the file of a name.
    pub(super) fn text(&self) -> String {
        let mut text = self.number.to_string();
        if let Some(manifest) = self.manifest {
            // Writing to a string cannot fail.
            let _ = text.write_char(' ').and_then(|()| text.write_str(&blake3::Hash::from(manifest).to_hex()));
        }
        text + "\n"
    }

    /// Whether the file of the snapshot with this number is the one that was named. A damaged file may be.
    pub(super) fn fits(&self, file: &[u8]) -> bool {
        match (self.manifest, SnapshotHeader::decode(file)) {
            (Some(manifest), Ok((_, seal))) => seal.is_of(&manifest),
            _ => true,
        }
    }

    /// Whether the snapshot is in the store.
    pub(super) fn is_in(&self, store: &Store) -> Result<bool, StoreError> {
        let path = store.snapshot_path(self.number);
        match store.read_snapshot(&path) {
            Ok(file) => Ok(self.fits(&file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => match StoreError::io(&path)(error) {
                StoreError::Remote(error) if error.is_missing() => Ok(false),
                StoreError::Remote(error) => Err(error.into()),
                _ => Ok(true),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_number_with_or_without_a_checksum() {
        for manifest in [None, Some([7; HASH])] {
            let target = NameTarget { number: 12, manifest };
            assert_eq!(NameTarget::parse(target.text().as_bytes()), Some(target));
        }
        assert_eq!(NameTarget::parse(b"4\n"), Some(NameTarget { number: 4, manifest: None }));
        for text in [&b""[..], b"x", b"4 x", b"-1", b"4 07"] {
            assert_eq!(NameTarget::parse(text), None);
        }
    }
}

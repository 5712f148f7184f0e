//! Kinds of files that users mistake for snapshots, and the advice for each.
//!
//! A kind is recognised by its signature (the first bytes), else as text or unknown.

use std::fmt;

/// The kind of a file that is not a pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// LZ4.
    Lz4,
    /// zlib, joblib's default compression.
    Zlib,
    /// zlib with the header of joblib up to 0.9.
    JoblibZlib,
    /// The format of `xz --format=lzma`, as joblib's `compress="lzma"` writes it.
    Lzma,
    /// zip, which `numpy.savez` and `torch.save` write, too.
    Zip,
    /// The format of `numpy.save`.
    Npy,
    /// HDF5.
    Hdf5,
    /// Parquet.
    Parquet,
    /// Arrow or Feather.
    Arrow,
    /// SQLite.
    Sqlite,
    /// Any text.
    Text,
    /// Anything else.
    Unknown,
}

const SIGNATURES: &[(&[u8], FileKind)] = &[
    (b"\x1f\x8b", FileKind::Gzip),
    (b"BZh", FileKind::Bzip2),
    (b"\xfd7zXZ\0", FileKind::Xz),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"\x04\x22\x4d\x18", FileKind::Lz4),
    (b"\x78\x01", FileKind::Zlib),
    (b"\x78\x5e", FileKind::Zlib),
    (b"\x78\x9c", FileKind::Zlib),
    (b"\x78\xda", FileKind::Zlib),
    (b"ZF0x", FileKind::JoblibZlib),
    // A list (`]`), followed by bytes that are not opcodes.
    (b"\x5d\0\0", FileKind::Lzma),
    (b"PK\x03\x04", FileKind::Zip),
    (b"PK\x05\x06", FileKind::Zip),
    (b"\x93NUMPY", FileKind::Npy),
    (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (b"PAR1", FileKind::Parquet),
    (b"ARROW1", FileKind::Arrow),
    (b"SQLite format 3\0", FileKind::Sqlite),
];

/// How many bytes of a file are inspected to see whether it is text.
const TEXT_SAMPLE: usize = 4096;

impl FileKind {
    /// The kind of a file by its signature. Only for files that are not pickles: a pickle can begin with `BZh`, too.
    pub(super) fn by_signature(bytes: &[u8]) -> Option<Self> {
        let found = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|(_, kind)| *kind);
        // Text can begin with `x^`, which is a signature of zlib.
        found.filter(|kind| *kind != Self::Zlib || Self::by_contents(bytes) == Self::Unknown)
    }

    /// Whether a file is text or unknown.
    pub(super) fn by_contents(bytes: &[u8]) -> Self {
        let start = bytes.get(..TEXT_SAMPLE).unwrap_or(bytes);
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            // The sample may end within a character.
            Err(error) if error.error_len().is_none() => {
                start.get(..error.valid_up_to()).and_then(|start| std::str::from_utf8(start).ok()).unwrap_or("\0")
            }
            Err(_) => "\0",
        };
        if text.chars().any(|c| c.is_control() && !c.is_whitespace()) { Self::Unknown } else { Self::Text }
    }

    /// The advice for a user with such a file.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Gzip => "decompress it first, with gzip -d",
            Self::Bzip2 => "decompress it first, with bzip2 -d",
            Self::Xz => "decompress it first, with xz -d",
            Self::Zstd => "decompress it first, with zstd -d",
            Self::Lz4 => "decompress it first, with lz4 -d",
            Self::Zlib | Self::JoblibZlib | Self::Lzma => "it cannot be decompressed: copy it again",
            Self::Zip => "load it with numpy.load or torch.load, or unzip it first",
            Self::Npy => "load it with numpy.load",
            Self::Hdf5 => "load it with h5py or pandas.read_hdf",
            Self::Parquet => "load it with pandas.read_parquet",
            Self::Arrow => "load it with pandas.read_feather",
            Self::Sqlite => "open it with sqlite3",
            Self::Text | Self::Unknown => "pass a file written by snapcli, dill or pickle",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "a gzip file",
            Self::Bzip2 => "a bzip2 file",
            Self::Xz => "an xz file",
            Self::Zstd => "a Zstandard file",
            Self::Lz4 => "an LZ4 file",
            Self::Zlib => "a zlib file, such as joblib.dump(compress=True) writes",
            Self::JoblibZlib => "a file compressed by joblib 0.9 or older",
            Self::Lzma => "an lzma file",
            Self::Zip => "a zip archive, such as an .npz or .pt file",
            Self::Npy => "a .npy file",
            Self::Hdf5 => "an HDF5 file",
            Self::Parquet => "a Parquet file",
            Self::Arrow => "an Arrow file",
            Self::Sqlite => "an SQLite database",
            Self::Text => "a text file",
            Self::Unknown => "a file of an unknown kind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zlib_is_distinguished_from_text() {
        assert_eq!(FileKind::by_signature(b"x^\x8b\x00\x01"), Some(FileKind::Zlib));
        assert_eq!(FileKind::by_signature(b"x^2 + 1"), None);
    }

    #[test]
    fn text_is_distinguished_from_other_bytes() {
        assert_eq!(FileKind::by_contents("x = 1\n# é".as_bytes()), FileKind::Text);
        assert_eq!(FileKind::by_contents(b"a\0b"), FileKind::Unknown);
        assert_eq!(FileKind::by_contents(b"\xff\xfe"), FileKind::Unknown);
        let mut long = vec![b'a'; TEXT_SAMPLE - 1];
        long.extend("é".as_bytes());
        assert_eq!(FileKind::by_contents(&long), FileKind::Text);
    }
}

//! Compressed files (gzip, bzip2, xz, Zstandard) are decompressed into a temporary file without a name.
//!
//! The size of that file is limited, so a decompression bomb cannot fill the disk.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use niffler::send::compression::Format;

use super::file_kind::FileKind;
use super::read_error::ReadError;

/// The decompressed size in bytes that is always allowed.
const MIN_LIMIT: u64 = 1 << 30;
/// For a larger file, the allowed size as a multiple of the compressed size. A file of zeros can exceed it without
/// being a bomb; the user can decompress such a file first.
const MAX_RATIO: u64 = 200;
/// How many bytes are decompressed at a time.
const PIECE: usize = 256 << 10;

/// Whether these are the first bytes of a file that this module decompresses.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    matches!(FileKind::by_signature(head), Some(FileKind::Gzip | FileKind::Bzip2 | FileKind::Xz | FileKind::Zstd))
}

/// Decompresses a file of `length` bytes. `None` if it only looked compressed: a pickle can begin with `BZh`, too.
pub(super) fn decompress(compressed: impl Read + Send, length: u64) -> Result<Option<File>, ReadError> {
    let Ok((mut decompressed, format)) = niffler::send::get_reader(Box::new(compressed)) else { return Ok(None) };
    if format == Format::No {
        return Ok(None);
    }
    let most = MIN_LIMIT.max(length.saturating_mul(MAX_RATIO));
    let mut file = tempfile::tempfile()?;
    let mut buffer = vec![0; PIECE];
    let mut written: u64 = 0;
    loop {
        let count = match decompressed.read(&mut buffer) {
            Ok(count) => count,
            // Nothing could be decompressed: it is another kind of file.
            Err(_) if written == 0 => return Ok(None),
            Err(error) => return Err(ReadError::BadCompression { problem: error.to_string() }),
        };
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        // Checked before the bytes are written, so the disk never holds more than the limit.
        written = written.saturating_add(count as u64);
        if written > most {
            return Err(ReadError::Bomb { most });
        }
        file.write_all(piece)?;
    }
    file.rewind()?;
    Ok(Some(file))
}

/// The first bytes of a file, as many as a signature needs. The file is then at its start again.
pub(super) fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    Read::by_ref(file).take(16).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(format: Format, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = niffler::send::get_writer(Box::new(&mut out), format, niffler::Level::One).expect("a writer");
        writer.write_all(bytes).expect("a vector takes all");
        drop(writer);
        out
    }

    #[test]
    fn all_four_formats_are_decompressed() {
        for format in [Format::Gzip, Format::Bzip, Format::Lzma, Format::Zstd] {
            let bytes = packed(format, b"some bytes");
            assert!(is_compressed(&bytes), "{format:?}");
            let mut file = decompress(bytes.as_slice(), bytes.len() as u64).expect("sound").expect("compressed");
            let mut found = Vec::new();
            file.read_to_end(&mut found).expect("a file");
            assert_eq!(found, b"some bytes", "{format:?}");
        }
    }

    #[test]
    fn a_truncated_file_is_an_error_and_one_that_only_looks_compressed_is_not() {
        let bytes = packed(Format::Gzip, &vec![7; 1 << 20]);
        let cut = bytes.get(..bytes.len() - 20).unwrap_or_default();
        assert!(matches!(decompress(cut, 1), Err(ReadError::BadCompression { .. })));
        assert!(matches!(decompress(&b"BZhN."[..], 5), Ok(None)));
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = io::repeat(0).take(MIN_LIMIT + PIECE as u64);
        let mut out = Vec::new();
        let mut writer =
            niffler::send::get_writer(Box::new(&mut out), Format::Zstd, niffler::Level::One).expect("a writer");
        io::copy(&mut { zeros }, &mut writer).expect("a vector takes all");
        drop(writer);
        assert!(matches!(decompress(out.as_slice(), out.len() as u64), Err(ReadError::Bomb { most: MIN_LIMIT })));
    }
}

//! Compressed files (gzip, bzip2, xz, lzma, zlib, Zstandard) are decompressed into a temporary file without a name.
//!
//! zlib is the default compression of `joblib.dump`. Up to version 0.9, joblib wrote a header before it: `ZF`, and the
//! length of the data in hexadecimal, padded with spaces (joblib/numpy_pickle_compat.py).
//! The size of the temporary file is limited, so a decompression bomb cannot fill the disk.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use flate2::read::ZlibDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::Stream;
use niffler::send::compression::Format;

use super::file_kind::FileKind;
use super::read_error::ReadError;
use crate::snapshot::seekable::Strictness;

/// The decompressed size in bytes that is always allowed.
const MIN_LIMIT: u64 = 1 << 30;
/// For a larger file, the allowed size as a multiple of the compressed size. A file of zeros can exceed it without
/// being a bomb; the user can decompress such a file first.
const MAX_RATIO: u64 = 200;
/// How many bytes of a file tell how it is compressed.
const HEAD: u64 = 32;
/// `ZF`, and as many characters as the largest length has in Python: `0x10000000000000000`.
const JOBLIB_HEADER: usize = 2 + 19;
/// The memory that a decoder of the old lzma format may take, in bytes. A file can ask for up to 4 GiB.
const MAX_LZMA_MEMORY: u64 = 256 << 20;
/// How many bytes are decompressed at a time.
const PIECE: usize = 256 << 10;

/// Whether these are the first bytes of a file that this module decompresses.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    use FileKind::{Bzip2, Gzip, JoblibZlib, Lzma, Xz, Zlib, Zstd};
    matches!(FileKind::by_signature(head), Some(Gzip | Bzip2 | Xz | Zstd | Lzma | Zlib | JoblibZlib))
}

/// Decompresses a file of `length` bytes. `None` if it only looked compressed: a pickle can begin with `BZh`, too. To
/// salvage what there is, damage counts as the end.
pub(super) fn decompress(
    compressed: impl Read + Send,
    length: u64,
    strictness: Strictness,
) -> Result<Option<File>, ReadError> {
    let Some(mut decompressed) = decoder(compressed)? else { return Ok(None) };
    let most = most_data(length);
    let mut file = tempfile::tempfile()?;
    let mut buffer = vec![0; PIECE];
    let mut written: u64 = 0;
    loop {
        let count = match decompressed.read(&mut buffer) {
            Ok(count) => count,
            // Nothing could be decompressed: it is another kind of file.
            Err(_) if written == 0 => return Ok(None),
            Err(_) if strictness == Strictness::Salvaging => break,
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

/// The most bytes that a file of this length may decompress to without being asked for.
pub(super) fn most_data(length: u64) -> u64 {
    MIN_LIMIT.max(length.saturating_mul(MAX_RATIO))
}

/// What decompresses these bytes. `None` if they only look compressed.
fn decoder<'r>(mut compressed: impl Read + Send + 'r) -> Result<Option<Box<dyn Read + Send + 'r>>, ReadError> {
    let mut head = Vec::new();
    compressed.by_ref().take(HEAD).read_to_end(&mut head)?;
    let kind = FileKind::by_signature(&head);
    let skipped = if kind == Some(FileKind::JoblibZlib) { joblib_header(&head) } else { 0 };
    let start = head.split_off(skipped.min(head.len()));
    let whole = io::Cursor::new(start).chain(compressed);
    Ok(match kind {
        Some(FileKind::Zlib | FileKind::JoblibZlib) => Some(Box::new(ZlibDecoder::new(whole))),
        Some(FileKind::Lzma) => {
            let stream = Stream::new_lzma_decoder(MAX_LZMA_MEMORY).map_err(io::Error::from)?;
            Some(Box::new(XzDecoder::new_stream(whole, stream)))
        }
        _ => match niffler::send::get_reader(Box::new(whole)) {
            Ok((decompressed, format)) if format != Format::No => Some(decompressed),
            _ => None,
        },
    })
}

/// The length of joblib's header before zlib data. Python 2 wrote one more space.
fn joblib_header(head: &[u8]) -> usize {
    let data = head.get(JOBLIB_HEADER..).unwrap_or_default();
    JOBLIB_HEADER + usize::from(data.first() == Some(&b' '))
}

/// The first bytes of a file, as many as a signature needs. The file is then at its start again.
pub(super) fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    Read::by_ref(file).take(HEAD).read_to_end(&mut head)?;
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
            let mut file = decompress(bytes.as_slice(), bytes.len() as u64, Strictness::Checked)
                .expect("sound")
                .expect("compressed");
            let mut found = Vec::new();
            file.read_to_end(&mut found).expect("a file");
            assert_eq!(found, b"some bytes", "{format:?}");
        }
    }

    #[test]
    fn zlib_is_decompressed_with_and_without_the_header_of_joblib() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(b"some bytes").expect("a vector takes all");
        let zlib = zlib.finish().expect("a vector takes all");
        let header = format!("ZF{:<19}", "0xa").into_bytes();
        assert_eq!(header.len(), JOBLIB_HEADER);
        for head in [Vec::new(), header.clone(), [&header[..], b" "].concat()] {
            let bytes = [head, zlib.clone()].concat();
            assert!(is_compressed(&bytes));
            let mut file = decompress(bytes.as_slice(), bytes.len() as u64, Strictness::Checked)
                .expect("sound")
                .expect("compressed");
            let mut found = Vec::new();
            file.read_to_end(&mut found).expect("a file");
            assert_eq!(found, b"some bytes");
        }
        assert!(matches!(decompress(&b"x\x9cNo zlib"[..], 9, Strictness::Checked), Ok(None)));
    }

    #[test]
    fn a_truncated_file_is_an_error_and_one_that_only_looks_compressed_is_not() {
        let bytes = packed(Format::Gzip, &vec![7; 1 << 20]);
        let cut = bytes.get(..bytes.len() - 20).unwrap_or_default();
        assert!(matches!(decompress(cut, 1, Strictness::Checked), Err(ReadError::BadCompression { .. })));
        let salvaged = decompress(cut, 1, Strictness::Salvaging);
        assert!(salvaged.is_ok_and(|file| file.is_some_and(|file| file.metadata().is_ok_and(|file| file.len() > 0))));
        assert!(matches!(decompress(&b"BZhN."[..], 5, Strictness::Checked), Ok(None)));
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = io::repeat(0).take(MIN_LIMIT + PIECE as u64);
        let mut out = Vec::new();
        let mut writer =
            niffler::send::get_writer(Box::new(&mut out), Format::Zstd, niffler::Level::One).expect("a writer");
        io::copy(&mut { zeros }, &mut writer).expect("a vector takes all");
        drop(writer);
        assert!(matches!(
            decompress(out.as_slice(), out.len() as u64, Strictness::Checked),
            Err(ReadError::Bomb { most: MIN_LIMIT })
        ));
    }
}

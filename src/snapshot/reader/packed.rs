//! Files in gzip, bzip2, xz or Zstandard are unpacked into a file without a name, and read from there.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use niffler::send::compression::Format;

use super::ReadError;
use super::kind::FileKind;

/// A file may always unpack to so many bytes.
const ALWAYS: u64 = 1 << 30;
/// A larger one, to so many times its own length: more is a bomb, or a file of zeros that can be unpacked by hand.
const RATIO: u64 = 200;
/// How many bytes are unpacked at a time.
const PIECE: usize = 256 << 10;

/// Whether bytes are the start of a file that is unpacked here.
pub(super) fn is_packed(head: &[u8]) -> bool {
    matches!(FileKind::by_signature(head), Some(FileKind::Gzip | FileKind::Bzip2 | FileKind::Xz | FileKind::Zstd))
}

/// Unpacks what is `length` bytes long. Returns None where it is not packed after all: `BZh` can begin a pickle, too.
pub(super) fn unpack(packed: impl Read + Send, length: u64) -> Result<Option<File>, ReadError> {
    let Ok((mut unpacked, format)) = niffler::send::get_reader(Box::new(packed)) else { return Ok(None) };
    if format == Format::No {
        return Ok(None);
    }
    let most = ALWAYS.max(length.saturating_mul(RATIO));
    let mut file = tempfile::tempfile()?;
    let mut buffer = vec![0; PIECE];
    let mut written: u64 = 0;
    loop {
        let count = match unpacked.read(&mut buffer) {
            Ok(count) => count,
            // It only looked like one.
            Err(_) if written == 0 => return Ok(None),
            Err(error) => return Err(ReadError::BadPacking { problem: error.to_string() }),
        };
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        written = written.saturating_add(count as u64);
        if written > most {
            return Err(ReadError::Bomb { most });
        }
        file.write_all(piece)?;
    }
    file.rewind()?;
    Ok(Some(file))
}

/// The first bytes of a file, as many as signatures have; the file is at its start again afterwards.
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
    fn all_four_formats_are_unpacked() {
        for format in [Format::Gzip, Format::Bzip, Format::Lzma, Format::Zstd] {
            let bytes = packed(format, b"some bytes");
            assert!(is_packed(&bytes), "{format:?}");
            let mut file = unpack(bytes.as_slice(), bytes.len() as u64).expect("sound").expect("packed");
            let mut found = Vec::new();
            file.read_to_end(&mut found).expect("a file");
            assert_eq!(found, b"some bytes", "{format:?}");
        }
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_what_only_looks_packed_is_not() {
        let bytes = packed(Format::Gzip, &vec![7; 1 << 20]);
        let cut = bytes.get(..bytes.len() - 20).unwrap_or_default();
        assert!(matches!(unpack(cut, 1), Err(ReadError::BadPacking { .. })));
        assert!(matches!(unpack(&b"BZhN."[..], 5), Ok(None)));
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = io::repeat(0).take(ALWAYS + PIECE as u64);
        let mut out = Vec::new();
        let mut writer =
            niffler::send::get_writer(Box::new(&mut out), Format::Zstd, niffler::Level::One).expect("a writer");
        io::copy(&mut { zeros }, &mut writer).expect("a vector takes all");
        drop(writer);
        assert!(matches!(unpack(out.as_slice(), out.len() as u64), Err(ReadError::Bomb { most: ALWAYS })));
    }
}

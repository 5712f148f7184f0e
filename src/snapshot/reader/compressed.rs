//! Compressed files (gzip, bzip2, xz, lzma, zlib, Zstandard) are decompressed into a temporary file without a name.
//!
//! zlib is the default compression of `joblib.dump`. Up to version 0.9, joblib wrote a header before it: `ZF`, and the
//! length of the data in hexadecimal, padded with spaces (joblib/numpy_pickle_compat.py).
//! The size of the temporary file is limited, so a decompression bomb cannot fill the disk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use flate2::bufread::ZlibDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use niffler::send::compression::Format;

use super::file_kind::FileKind;
use super::read_error::ReadError;
use crate::pickle::format::parse::declared_end;
use crate::snapshot::seekable::{SKIPPABLE, Strictness};

/// The decompressed size in bytes that is always allowed.
const MIN_LIMIT: u64 = 1 << 30;
/// For a larger file, the allowed size as a multiple of the compressed size. A file of zeros can exceed it without
/// being a bomb; the user can decompress such a file first.
const MAX_RATIO: u64 = 200;
/// How many bytes of a file reveal its compression.
const HEAD: u64 = 32;
/// `ZF`, and as many characters as the largest length has in Python: `0x10000000000000000`.
const JOBLIB_HEADER: usize = 2 + 19;
/// The memory that a decoder of xz or of the old lzma format may take, in bytes: twice the memory that `xz -9` needs. A
/// file can ask for up to 4 GiB. Zstandard has the same limit by default.
const MAX_LZMA_MEMORY: u64 = 128 << 20;
/// How every frame of a zstd file with data begins.
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// How many bytes are decompressed at a time.
const PIECE: usize = 256 << 10;

/// Whether these are the first bytes of a file that this module decompresses.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    use FileKind::{Bzip2, Gzip, JoblibZlib, Lzma, Xz, Zlib, Zstd};
    matches!(FileKind::by_signature(head), Some(Gzip | Bzip2 | Xz | Zstd | Lzma | Zlib | JoblibZlib))
}

/// Decompresses a file of `length` bytes. `None` if it only looked compressed: a pickle can begin with `BZh`, too. For
/// a salvage, damage counts as the end: of a zstd file, only frames with the right checksum are kept.
pub(super) fn decompress(
    mut compressed: impl BufRead + Send,
    length: u64,
    strictness: Strictness,
) -> Result<Option<Decompressed>, ReadError> {
    let mut out = LimitedFile { file: tempfile::tempfile()?, written: 0, most: most_data(length), strictness };
    // No pickle begins with this signature.
    if compressed.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let ends_with_table = match decompress_frames(compressed, strictness, &mut out) {
            // There is hardly more than the signature.
            Err(ReadError::BadCompression { .. }) if out.written == 0 && length <= HEAD => return Ok(None),
            done => done?,
        };
        return Ok(Some(Decompressed { file: out.rewound()?, ends_with_table }));
    }
    let Some(mut decompressed) = decoder(compressed)? else { return Ok(None) };
    match out.copy(&mut decompressed)? {
        Ok(()) => {}
        // A file that is cut short is the beginning of a saved file. After any other damage no byte is proven: the
        // checksums follow the data.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            // A short pickle can look like the beginning of such a file.
            if out.written == 0 && length <= HEAD {
                return Ok(None);
            }
            if out.written == 0 || strictness == Strictness::Checked {
                return Err(ReadError::BadCompression { problem: "it is truncated".to_owned() });
            }
        }
        Err(error) if needs_more_memory(&error) => {
            let problem = format!("it takes more than {MAX_LZMA_MEMORY} bytes of memory: decompress it with xz first");
            return Err(ReadError::BadCompression { problem });
        }
        // Nothing could be decompressed: it is another kind of file.
        Err(_) if out.written == 0 => return Ok(None),
        Err(error) => return Err(ReadError::BadCompression { problem: error.to_string() }),
    }
    Ok(Some(Decompressed { file: out.rewound()?, ends_with_table: false }))
}

/// Decompresses a zstd file frame by frame. The bytes of a frame that is damaged or cut short are taken back: its
/// checksum is at its end. Returns whether the last frame is one of a seek table, damaged or not.
fn decompress_frames(
    mut compressed: impl BufRead,
    strictness: Strictness,
    out: &mut LimitedFile,
) -> Result<bool, ReadError> {
    let mut is_table = false;
    loop {
        let head = compressed.fill_buf()?;
        if head.is_empty() {
            return Ok(is_table);
        }
        is_table = head.starts_with(&SKIPPABLE.to_le_bytes());
        let start = out.written;
        let mut frame = zstd::Decoder::with_buffer(compressed)?.single_frame();
        match out.copy(&mut frame)? {
            Ok(()) => compressed = frame.finish(),
            Err(_) if strictness != Strictness::Checked && start > 0 => {
                out.cut(start)?;
                return Ok(false);
            }
            Err(error) => {
                let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
                let problem = if is_cut { "it is truncated".to_owned() } else { error.to_string() };
                return Err(ReadError::BadCompression { problem });
            }
        }
    }
}

/// A file that was decompressed.
#[derive(Debug)]
pub(super) struct Decompressed {
    /// Its data.
    pub(super) file: File,
    /// Whether the last frame of the compressed file is one of a seek table.
    pub(super) ends_with_table: bool,
}

/// The temporary file.
struct LimitedFile {
    file: File,
    written: u64,
    most: u64,
    strictness: Strictness,
}

impl LimitedFile {
    /// Appends the output of a decoder; the inner error is one of the decoder.
    fn copy(&mut self, decompressed: &mut dyn Read) -> Result<io::Result<()>, ReadError> {
        let mut buffer = vec![0; PIECE];
        loop {
            let (count, ended) = fill(decompressed, &mut buffer);
            let piece = buffer.get(..count).unwrap_or_default();
            // A string of gigabytes is refused by the length in front of it.
            let is_first = self.written == 0 && self.strictness == Strictness::Checked;
            if is_first && declared_end(piece).is_some_and(|end| end > self.most) {
                return Err(ReadError::Bomb { most: self.most });
            }
            // Checked before the bytes are written, so the disk never holds more than the limit.
            self.written = self.written.saturating_add(count as u64);
            if self.written > self.most {
                return Err(ReadError::Bomb { most: self.most });
            }
            self.file.write_all(piece)?;
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    /// Removes everything that was written after this many bytes.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn rewound(mut self) -> io::Result<File> {
        self.file.rewind()?;
        Ok(self.file)
    }
}

/// Reads until the buffer is full. Returns how many bytes were read, and how the data ended, if it did.
fn fill(decompressed: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match decompressed.read(rest) {
            Ok(0) => return (count, Some(Ok(()))),
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (count, Some(Err(error))),
        }
    }
    (count, None)
}

/// The most bytes that a file of this length may decompress to without being asked for.
pub(super) fn most_data(length: u64) -> u64 {
    MIN_LIMIT.max(length.saturating_mul(MAX_RATIO))
}

/// The decoder of these bytes. `None` if they only look compressed.
fn decoder<'r>(mut compressed: impl Read + Send + 'r) -> Result<Option<Box<dyn Read + Send + 'r>>, ReadError> {
    let mut head = Vec::new();
    compressed.by_ref().take(HEAD).read_to_end(&mut head)?;
    let kind = FileKind::by_signature(&head);
    let skipped = if kind == Some(FileKind::JoblibZlib) { joblib_header(&head) } else { 0 };
    let start = head.split_off(skipped.min(head.len()));
    let whole = BufReader::new(io::Cursor::new(start).chain(compressed));
    Ok(match kind {
        Some(FileKind::Zlib | FileKind::JoblibZlib) => {
            let has_more = |decoder: &mut ZlibDecoder<_>| has_more(decoder.get_mut());
            Some(Box::new(SingleStream { decoder: ZlibDecoder::new(whole), has_more }))
        }
        Some(FileKind::Lzma) => {
            let stream = Stream::new_lzma_decoder(MAX_LZMA_MEMORY).map_err(io::Error::from)?;
            let has_more = |decoder: &mut XzDecoder<_>| has_more(decoder.get_mut());
            Some(Box::new(SingleStream { decoder: XzDecoder::new_stream(whole, stream), has_more }))
        }
        Some(FileKind::Xz) => {
            let stream = Stream::new_stream_decoder(MAX_LZMA_MEMORY, CONCATENATED).map_err(io::Error::from)?;
            Some(Box::new(XzDecoder::new_stream(whole, stream)))
        }
        _ => match niffler::send::get_reader(Box::new(whole)) {
            Ok((decompressed, format)) if format != Format::No => Some(decompressed),
            _ => None,
        },
    })
}

/// The decoder of a format that has one stream in a file. Other readers continue with a second stream, which would not
/// be inspected here, so any data after the first is an error.
struct SingleStream<D> {
    decoder: D,
    /// Whether bytes are left after the end of the stream.
    has_more: fn(&mut D) -> io::Result<bool>,
}

impl<D: Read> Read for SingleStream<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        if count == 0 && !buffer.is_empty() && (self.has_more)(&mut self.decoder)? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has data after its end"));
        }
        Ok(count)
    }
}

fn has_more(rest: &mut impl BufRead) -> io::Result<bool> {
    rest.fill_buf().map(|bytes| !bytes.is_empty())
}

/// Whether a decoder has stopped at its limit of memory.
fn needs_more_memory(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<liblzma::stream::Error>());
    matches!(cause, Some(liblzma::stream::Error::MemLimit))
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
                .expect("compressed")
                .file;
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
                .expect("compressed")
                .file;
            let mut found = Vec::new();
            file.read_to_end(&mut found).expect("a file");
            assert_eq!(found, b"some bytes");
        }
        assert!(matches!(decompress(&b"x\x9cNo zlib"[..], 9, Strictness::Checked), Ok(None)));
    }

    #[test]
    fn what_follows_the_first_stream_is_read_or_refused() {
        let contents = |bytes: &[u8]| {
            let mut found = Vec::new();
            decompress(bytes, bytes.len() as u64, Strictness::Checked)?
                .expect("compressed")
                .file
                .read_to_end(&mut found)?;
            Ok::<_, ReadError>(found)
        };
        for format in [Format::Gzip, Format::Bzip, Format::Lzma, Format::Zstd] {
            let twice = [packed(format, b"some"), packed(format, b" bytes")].concat();
            assert!(contents(&twice).is_ok_and(|found| found == b"some bytes"), "{format:?}");
        }
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(b"some").expect("a vector takes all");
        let zlib = zlib.finish().expect("a vector takes all");
        let options = liblzma::stream::LzmaOptions::new_preset(1).expect("options");
        let stream = Stream::new_lzma_encoder(&options).expect("an encoder");
        let mut lzma = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        lzma.write_all(b"some").expect("a vector takes all");
        let lzma = lzma.finish().expect("a vector takes all");
        for stream in [zlib, lzma] {
            assert!(contents(&stream).is_ok_and(|found| found == b"some"));
            for more in [stream.as_slice(), b"x"] {
                let refused = contents(&[&stream, more].concat());
                assert!(refused.is_err_and(|error| error.to_string().contains("data after its end")));
            }
        }
    }

    #[test]
    fn a_truncated_file_is_an_error_and_one_that_only_looks_compressed_is_not() {
        let bytes = packed(Format::Gzip, &vec![7; 1 << 20]);
        let cut = bytes.get(..bytes.len() - 20).unwrap_or_default();
        assert!(matches!(decompress(cut, 1, Strictness::Checked), Err(ReadError::BadCompression { .. })));
        let salvaged = decompress(cut, 1, Strictness::Salvaging);
        assert!(
            salvaged.is_ok_and(|file| file.is_some_and(|done| done.file.metadata().is_ok_and(|file| file.len() > 0)))
        );
        assert!(matches!(decompress(&b"BZhN."[..], 5, Strictness::Checked), Ok(None)));
    }

    #[test]
    fn only_zstd_frames_with_the_right_checksum_are_salvaged() {
        let frame = |value: u8| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
            encoder.include_checksum(true).expect("a checksum");
            encoder.write_all(&vec![value; 300 << 10]).expect("a vector takes all");
            encoder.finish().expect("a vector takes all")
        };
        let (first, second) = (frame(1), frame(2));
        let whole = [first.as_slice(), second.as_slice()].concat();
        let damaged = |at: usize| {
            let mut bytes = whole.clone();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
            bytes
        };
        let cut = whole.get(..whole.len() - 3).unwrap_or_default().to_vec();
        for bytes in [damaged(whole.len() - 1), damaged(first.len() + 12), cut] {
            let length = bytes.len() as u64;
            let refused = decompress(bytes.as_slice(), length, Strictness::Checked);
            assert!(matches!(refused, Err(ReadError::BadCompression { .. })));
            let salvaged = decompress(bytes.as_slice(), length, Strictness::Salvaging).expect("a frame").expect("zstd");
            assert_eq!(salvaged.file.metadata().expect("a file").len(), 300 << 10);
        }
        let bytes = damaged(first.len() - 1);
        assert!(decompress(bytes.as_slice(), bytes.len() as u64, Strictness::Salvaging).is_err());
        let mut gzip = packed(Format::Gzip, &vec![7; 1 << 20]);
        let checksum = gzip.len() - 6;
        gzip.get_mut(checksum).map(|byte| *byte ^= 1).expect("a checksum");
        assert!(decompress(gzip.as_slice(), gzip.len() as u64, Strictness::Salvaging).is_err());
    }

    #[test]
    fn a_decoder_that_would_take_much_memory_is_refused() {
        // The first block begins at byte 12, with its length, flags, one filter with its properties, and a checksum.
        let mut xz = packed(Format::Lzma, b"\x80\x04N.");
        let end = 12 + (usize::from(xz[12]) + 1) * 4 - 4;
        assert_eq!(xz[14..16], [0x21, 1]);
        // A dictionary of 1 GiB.
        xz[16] = 36;
        let mut checksum = flate2::Crc::new();
        checksum.update(&xz[12..end]);
        xz[end..end + 4].copy_from_slice(&checksum.sum().to_le_bytes());
        let lzma = [&b"\x5d\0\0\0\x40"[..], &[0xff; 8], &[0; 16]].concat();
        for bytes in [xz, lzma] {
            match decompress(bytes.as_slice(), bytes.len() as u64, Strictness::Checked) {
                Err(ReadError::BadCompression { problem }) => assert!(problem.contains("memory"), "{problem}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_length_before_it_is_decompressed() {
        // The files end long before the length that they state.
        for head in
            [&b"\x80\x05\x8d\0\0\0\0\0\x01\0\0"[..], b"\x80\x04](K\x01\x8e\0\0\0\0\0\x01\0\0", b"\x80\x02X\0\0\0\xf0"]
        {
            for format in [Format::Gzip, Format::Bzip, Format::Lzma, Format::Zstd] {
                let bytes = packed(format, &[head, &[0; 1000]].concat());
                let refused = decompress(bytes.as_slice(), bytes.len() as u64, Strictness::Checked);
                assert!(matches!(refused, Err(ReadError::Bomb { most: MIN_LIMIT })), "{format:?}: {refused:?}");
                // What is there of a file that was cut can be salvaged.
                let salvaged = decompress(bytes.as_slice(), bytes.len() as u64, Strictness::Salvaging);
                assert!(salvaged.is_ok_and(|file| file.is_some()), "{format:?}");
            }
        }
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

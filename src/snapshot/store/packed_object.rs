//! Objects that are not raw buffers: packs of opcodes, and descriptions of snapshots. `docs/format.md` describes them.
//!
//! | offset | bytes | contents |
//! | --- | --- | --- |
//! | 0 | 7 | `SNAPOBJ` |
//! | 7 | 1 | 0: stored as it is; 1: zstd; 2: zstd with another object's contents as its dictionary |
//! | 8 | 8 | length of the contents in bytes |
//! | 16 | 32 | only with 2: the name of that other object |
//! | … | … | the contents |
//!
//! How much the contents may be longer than the file is limited, so that a small store cannot take much memory.

use std::io::{self, Read, Write};

use zstd::bulk::Decompressor;
use zstd::stream::write::Encoder;
use zstd::zstd_safe::{self, CCtx, CParameter};

use super::object_name::ObjectName;

const MAGIC: &[u8; 7] = b"SNAPOBJ";
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const DELTA: u8 = 2;
/// The length of magic, encoding and length in bytes.
const HEAD: usize = 16;
/// Contents of up to this many bytes more than [`MOST_PER_BYTE`] allows are read.
const ALWAYS: u64 = 64 << 10;
/// The bytes of contents that are allowed for each byte of the file.
const MOST_PER_BYTE: u64 = 64;
/// The longest contents that are read.
const MOST: u64 = 1 << 40;
/// zstd's usual level: faster than a disk.
const LEVEL: i32 = 3;
/// For what is small and may be kept for long.
const HIGH_LEVEL: i32 = 12;
/// Contents up to this length are compressed with [`HIGH_LEVEL`].
const SMALL: usize = 64 << 10;
/// How much of long contents is compressed to see whether that helps.
const SAMPLE: usize = 64 << 10;
/// The magic number of a skippable frame of zstd (RFC 8878, 3.1.2), and the length of its head in bytes.
const SKIPPABLE: u32 = 0x184D_2A50;
const SKIPPABLE_HEAD: u64 = 8;
/// The largest window of a decoder that was not told to take more, as a power of two.
const MAX_WINDOW: u32 = 27;

/// Why an object cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// It is no packed object, or of a later version.
    #[error("it is not a packed object of this version")]
    Unknown,
    /// It claims to unpack to more than its length allows.
    #[error("it would unpack to {length} bytes, more than its length allows")]
    TooLong {
        /// The length of its contents.
        length: u64,
    },
    /// The compressed bytes are damaged.
    #[error("its contents cannot be unpacked ({0})")]
    Damaged(String),
}

/// The head of a packed object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedHead {
    encoding: u8,
    /// The length of the contents in bytes.
    pub(super) length: u64,
    /// The object whose contents it was compressed with.
    pub(super) base: Option<ObjectName>,
}

impl PackedHead {
    /// Reads the head, and checks the length against that of the file.
    pub(super) fn of(file: &[u8]) -> Result<Self, UnpackError> {
        let (head, rest) = file.split_first_chunk::<HEAD>().ok_or(UnpackError::Unknown)?;
        let (magic, numbers) = head.split_at(MAGIC.len());
        let (encoding, length) = numbers.split_first().ok_or(UnpackError::Unknown)?;
        if magic != MAGIC || *encoding > DELTA {
            return Err(UnpackError::Unknown);
        }
        let length = u64::from_le_bytes(length.try_into().map_err(|_| UnpackError::Unknown)?);
        if length > MOST {
            return Err(UnpackError::TooLong { length });
        }
        let base = match encoding {
            &DELTA => {
                let name = rest.first_chunk::<32>().ok_or(UnpackError::Unknown)?;
                Some(ObjectName::from(blake3::Hash::from_bytes(*name)))
            }
            _ => None,
        };
        Ok(Self { encoding: *encoding, length, base })
    }
}

/// Packs contents; with `base`, as what differs from those of another object.
pub(super) fn pack(contents: &[u8], base: Option<(ObjectName, &[u8])>) -> io::Result<Vec<u8>> {
    let delta = base.map(|(name, dictionary)| delta(contents, name, dictionary)).transpose()?;
    let whole = || -> io::Result<Vec<u8>> {
        let compressible = is_compressible(contents)?;
        let compressed = if compressible { zstd::bulk::compress(contents, level_for(contents))? } else { Vec::new() };
        let mut packed = joined(ZSTD, contents.len(), &[&compressed]);
        pad(&mut packed, contents.len())?;
        let helps = !compressed.is_empty() && packed.len() < contents.len().saturating_add(HEAD);
        Ok(if helps { packed } else { joined(PLAIN, contents.len(), &[contents]) })
    };
    match delta.zip(base) {
        Some((packed, (_, dictionary))) if contents.len() as u64 <= most_contents(packed.len(), dictionary.len()) => {
            Ok(packed)
        }
        _ => whole(),
    }
}

/// Long contents that are packed while they are made: packed and unpacked ones are never in memory together.
pub(super) struct LongContents<'c> {
    pub(super) length: u64,
    /// Bytes that compress about as well as they do.
    pub(super) sample: &'c [u8],
    /// Writes all of them; may be called again.
    pub(super) write: &'c dyn Fn(&mut dyn Write) -> io::Result<()>,
}

impl LongContents<'_> {
    /// The forms to try, the best one first: another one is tried if [`is_good`](Self::is_good) says no.
    pub(super) fn forms(&self) -> io::Result<&'static [PackedForm]> {
        let compressed = is_compressible(self.sample)?;
        Ok(if compressed { &[PackedForm::Zstd, PackedForm::Plain] } else { &[PackedForm::Plain] })
    }

    /// Writes the bytes of the object's file.
    pub(super) fn pack(&self, form: PackedForm, out: &mut dyn Write) -> io::Result<()> {
        let encoding = if form == PackedForm::Zstd { ZSTD } else { PLAIN };
        out.write_all(&head(encoding, self.length))?;
        match form {
            PackedForm::Plain => (self.write)(out),
            PackedForm::Zstd => {
                let mut encoder = Encoder::new(CountedOutput { out, length: HEAD as u64 }, LEVEL)?;
                encoder.set_pledged_src_size(Some(self.length))?;
                (self.write)(&mut encoder)?;
                let CountedOutput { out, length } = encoder.finish()?;
                write_skippable(padding(length, self.length), out)
            }
        }
    }

    /// Whether a file of this length is worth its form.
    pub(super) fn is_good(&self, form: PackedForm, file: u64) -> bool {
        form == PackedForm::Plain || file < self.length.saturating_add(HEAD as u64)
    }
}

/// A form that needs no other object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackedForm {
    Zstd,
    Plain,
}

/// Unpacks the bytes of an object's file; `base` holds the contents of the object that its head names.
pub(super) fn unpack(file: &[u8], base: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let head = PackedHead::of(file)?;
    let skipped = if head.base.is_some() { HEAD + 32 } else { HEAD };
    let payload = file.get(skipped..).unwrap_or_default();
    if head.encoding == PLAIN {
        let is_whole = payload.len() as u64 == head.length;
        return if is_whole { Ok(payload.to_vec()) } else { Err(UnpackError::Damaged("it is cut short".to_owned())) };
    }
    let dictionary = if head.base.is_some() { base } else { &[] };
    if head.length > most_contents(file.len(), dictionary.len()) {
        return Err(UnpackError::TooLong { length: head.length });
    }
    let damaged = |error: io::Error| UnpackError::Damaged(error.to_string());
    let length = usize::try_from(head.length).map_err(|_| UnpackError::TooLong { length: head.length })?;
    let mut decompressor = Decompressor::with_dictionary(dictionary).map_err(damaged)?;
    let mut contents = Vec::with_capacity(length);
    decompressor.decompress_to_buffer(payload, &mut contents).map_err(damaged)?;
    if contents.len() == length { Ok(contents) } else { Err(UnpackError::Damaged("it is cut short".to_owned())) }
}

fn level_for(contents: &[u8]) -> i32 {
    if contents.len() <= SMALL { HIGH_LEVEL } else { LEVEL }
}

fn most_contents(file: usize, base: usize) -> u64 {
    MOST_PER_BYTE.saturating_mul(file as u64).saturating_add(ALWAYS).saturating_add(base as u64)
}

/// How many bytes a file of this length lacks to have as many contents as it may.
fn padding(file: u64, contents: u64) -> u64 {
    let least = contents.saturating_sub(ALWAYS).div_ceil(MOST_PER_BYTE);
    let lacks = least.saturating_sub(file);
    if lacks == 0 { 0 } else { lacks.max(SKIPPABLE_HEAD) }
}

/// Writes a frame of zstd that a decoder skips, of this many bytes with its head; nothing for 0.
fn write_skippable(bytes: u64, out: &mut dyn Write) -> io::Result<()> {
    let Some(length) = bytes.checked_sub(SKIPPABLE_HEAD) else { return Ok(()) };
    out.write_all(&SKIPPABLE.to_le_bytes())?;
    out.write_all(&u32::try_from(length).map_err(io::Error::other)?.to_le_bytes())?;
    io::copy(&mut io::repeat(0).take(length), out).map(drop)
}

/// Makes a file long enough for the most compressible contents: 64 bytes for one are still worth it.
fn pad(file: &mut Vec<u8>, contents: usize) -> io::Result<()> {
    write_skippable(padding(file.len() as u64, contents as u64), file)
}

/// Counts what is written.
struct CountedOutput<'o> {
    out: &'o mut dyn Write,
    length: u64,
}

impl Write for CountedOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.length = self.length.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Long contents would take up to a thousand times longer with a higher level, or with a dictionary that is prepared,
/// and would not come to fewer bytes.
fn delta(contents: &[u8], name: ObjectName, dictionary: &[u8]) -> io::Result<Vec<u8>> {
    let failed = |code| io::Error::other(zstd_safe::get_error_name(code));
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(level_for(contents))).map_err(failed)?;
    // The window must reach back over the whole dictionary.
    let reach = contents.len().saturating_add(dictionary.len()).max(1 << 10).next_power_of_two().ilog2();
    context.set_parameter(CParameter::WindowLog(reach.min(MAX_WINDOW))).map_err(failed)?;
    // Finds what was moved, however far.
    context.set_parameter(CParameter::EnableLongDistanceMatching(true)).map_err(failed)?;
    context.ref_prefix(dictionary).map_err(failed)?;
    let mut compressed = Vec::with_capacity(zstd_safe::compress_bound(contents.len()));
    context.compress2(&mut compressed, contents).map_err(failed)?;
    Ok(joined(DELTA, contents.len(), &[name.as_bytes(), &compressed]))
}

fn head(encoding: u8, length: u64) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.push(encoding);
    head.extend(length.to_le_bytes());
    head
}

fn joined(encoding: u8, length: usize, parts: &[&[u8]]) -> Vec<u8> {
    let mut file = head(encoding, length as u64);
    parts.iter().for_each(|part| file.extend_from_slice(part));
    file
}

/// A quick look at the beginning of long contents decides.
fn is_compressible(contents: &[u8]) -> io::Result<bool> {
    match contents.get(..SAMPLE) {
        Some(sample) if contents.len() > 2 * SAMPLE => {
            Ok(zstd::bulk::compress(sample, 1)?.len() < SAMPLE - SAMPLE / 16)
        }
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn contents_come_back() -> io::Result<()> {
        let text = b"one variable after the other, ".repeat(300);
        for contents in [Vec::new(), b"x".to_vec(), text.clone(), noise(300_000), vec![0; 9_000_000], text.repeat(500)]
        {
            let packed = pack(&contents, None)?;
            assert!(unpack(&packed, &[]).as_ref() == Ok(&contents), "{}", contents.len());
            assert!(packed.len() <= contents.len() + HEAD);
        }
        assert!(pack(&text, None)?.len() < text.len() / 10);
        for length in [70_000, 1_000_000, 9_000_000, 20_000_001] {
            assert!(pack(&vec![7; length], None)?.len() <= length / 64 + 20, "{length}");
        }
        Ok(())
    }

    #[test]
    fn long_contents_are_packed_piece_by_piece() -> io::Result<()> {
        let text: String = noise(1_000_000).iter().map(|byte| format!("{byte:02x}")).collect();
        let text = text.into_bytes();
        for (contents, expected) in
            [(text, PackedForm::Zstd), (noise(3_000_000), PackedForm::Plain), (vec![0; 9_000_000], PackedForm::Zstd)]
        {
            let pieces = |out: &mut dyn Write| contents.chunks(70_001).try_for_each(|piece| out.write_all(piece));
            let long = LongContents { length: contents.len() as u64, sample: &contents, write: &pieces };
            let mut tried = Vec::new();
            for form in long.forms()? {
                let mut file = Vec::new();
                long.pack(*form, &mut file)?;
                assert!(
                    unpack(&file, &[]).is_ok_and(|found| found == contents) || !long.is_good(*form, file.len() as u64)
                );
                tried.push((*form, long.is_good(*form, file.len() as u64)));
            }
            let chosen = tried.iter().find(|(_, is_good)| *is_good).map(|(form, _)| *form);
            assert_eq!(chosen, Some(expected), "{tried:?}");
        }
        Ok(())
    }

    #[test]
    fn what_differs_is_small() -> io::Result<()> {
        let base = noise(3_000_000);
        let name = ObjectName::of(b"base");
        let mut changed = base.clone();
        changed.splice(1_000_000..1_000_003, *b"other");
        let packed = pack(&changed, Some((name, &base)))?;
        assert!(packed.len() < 8000, "{}", packed.len());
        assert_eq!(PackedHead::of(&packed).map(|head| head.base), Ok(Some(name)));
        assert!(unpack(&packed, &base) == Ok(changed.clone()));
        assert!(unpack(&packed, &base[1..]) != Ok(changed));
        Ok(())
    }

    #[test]
    fn bombs_and_damage_are_refused() -> io::Result<()> {
        let bomb = joined(ZSTD, 100 << 20, &[&zstd::bulk::compress(&vec![0; 100 << 20], 19)?]);
        assert_eq!(unpack(&bomb, &[]), Err(UnpackError::TooLong { length: 100 << 20 }));
        let lie = joined(ZSTD, 5, &[&zstd::bulk::compress(b"123456", 1)?]);
        assert!(matches!(unpack(&lie, &[]), Err(UnpackError::Damaged(_))));
        assert!(matches!(unpack(&joined(ZSTD, 7, &[b"nonsense"]), &[]), Err(UnpackError::Damaged(_))));
        assert!(matches!(unpack(&joined(PLAIN, 7, &[b"short"]), &[]), Err(UnpackError::Damaged(_))));
        for bytes in [&b""[..], b"SNAPOBJ", b"SNAPOBJ\x03\0\0\0\0\0\0\0\0", b"SNAPOBJ\x02\0\0\0\0\0\0\0\0short"] {
            assert_eq!(unpack(bytes, &[]), Err(UnpackError::Unknown));
        }
        let huge = joined(PLAIN, usize::MAX, &[b""]);
        assert_eq!(unpack(&huge, &[]), Err(UnpackError::TooLong { length: usize::MAX as u64 }));
        Ok(())
    }
}

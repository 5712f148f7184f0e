//! The bytes of a file: hashes and index are read piece by piece, a pickle is mapped.
//!
//! Compressed files are decompressed first. The mapping is the only unsafe code here.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;
use std::sync::OnceLock;

use memmap2::Mmap;

use super::compressed::{self, Decompressed};
use super::parallel_hash::PIECE;
use super::range_reader::{RangeReader, WantedRange};
use super::ranged_file::RangedFile;
use super::read_error::ReadError;
use super::remote_ranges::RemoteRanges;
use crate::snapshot::layout::{TRAILER, Trailer};
use crate::snapshot::remote::{FaultKind, RemoteAddress, RemoteClient};
use crate::snapshot::seekable::{PackedBytes, SeekableFile, Strictness};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::store::{AssembledSnapshot, Store, StoreError};

#[derive(Debug)]
pub(super) enum Source {
    Memory(Vec<u8>),
    File {
        file: File,
        length: u64,
        /// The length before it was decompressed, if it was.
        packed: Option<u64>,
        /// Whether it was compressed, and ends with a seek table that is damaged.
        has_bad_table: bool,
        map: OnceLock<Mmap>,
        /// Asked before each read: an error ends it.
        stop: Option<StopCheck>,
    },
    /// A snapshot of a store.
    Assembled(Box<AssembledSnapshot>),
    /// A file of which only ranges are read.
    Ranged(Box<RangedFile>),
}

/// Whether a read continues.
pub(crate) type StopCheck = fn() -> io::Result<()>;

impl Source {
    /// Opens a file. A pipe or a device cannot be mapped and is read into memory.
    pub(super) fn open(path: &Path, strictness: Strictness) -> Result<Self, ReadError> {
        match RemoteAddress::of(path)? {
            Some(address) => Self::open_remote(&address, strictness),
            None => match Self::open_file(File::open(path).map_err(ReadError::Open)?, strictness) {
                Err(ReadError::Folder) => Err(damaged_store(path).unwrap_or(ReadError::Folder)),
                opened => opened,
            },
        }
    }

    /// Opens an object in object storage. Of a snapshot only ranges are read, or only frames if it is compressed; any
    /// other file is read as a whole.
    fn open_remote(address: &RemoteAddress, strictness: Strictness) -> Result<Self, ReadError> {
        let client = RemoteClient::new(address)?;
        let ranges = match RemoteRanges::open(client.clone()) {
            Err(error) if error.kind() == Some(FaultKind::NoRanges) => {
                return Self::open_file(client.download_whole(None)?, strictness);
            }
            ranges => ranges?,
        };
        let (end, _) = ranges.end();
        let trailer = end.last_chunk::<TRAILER>();
        // A damaged trailer is an error of ours as well.
        let is_own = trailer.is_some_and(|bytes| !matches!(Trailer::decode(bytes, ranges.length()), Ok(None)));
        if is_own {
            return Ok(Self::ranged(Box::new(ranges)));
        }
        match Self::seekable(PackedBytes::Remote(Box::new(ranges.clone())), strictness)? {
            Ok(source) => Ok(source),
            Err(_) => Self::open_file(ranges.download()?, strictness),
        }
    }

    fn open_file(mut file: File, strictness: Strictness) -> Result<Self, ReadError> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ReadError::Folder);
        }
        let kind = metadata.file_type();
        if (kind.is_char_device() || kind.is_block_device()) && !file.is_terminal() {
            return Err(ReadError::Device);
        }
        // Files of `/proc` have contents, and a length of 0.
        if !metadata.is_file() || metadata.len() == 0 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            return Self::memory(bytes, strictness);
        }
        let length = metadata.len();
        if !compressed::is_compressed(&compressed::head(&mut file)?) {
            return Ok(Self::of_length(file, length, None));
        }
        let packed = match Self::seekable(PackedBytes::File(file.try_clone()?, length), strictness)? {
            Ok(source) => return Ok(source),
            Err(_) => compressed::decompress(BufReader::new(file.try_clone()?), length, strictness)?,
        };
        match packed {
            Some(decompressed) => Ok(Self::decompressed(decompressed, length)?),
            None => Ok(Self::of_length(file, length, None)),
        }
    }

    /// A seekable zstd file with a snapshot of our own; otherwise its bytes. It is not decompressed as a whole, so it
    /// may be longer than other files if this user made it.
    fn seekable(bytes: PackedBytes, strictness: Strictness) -> io::Result<Result<Self, PackedBytes>> {
        // Of a file on another machine, following the frames takes many requests: not if this user made it.
        let is_deferred = strictness == Strictness::Checked && matches!(bytes, PackedBytes::Remote(_));
        let at_first = if is_deferred { Strictness::Salvaging } else { strictness };
        let file = match SeekableFile::open(bytes, at_first)? {
            Ok(file) => file,
            Err(bytes) => return Ok(Err(bytes)),
        };
        let (length, mut trailer) = (file.length(), [0; TRAILER]);
        let start = length.checked_sub(TRAILER as u64);
        let is_read =
            start.is_some_and(|offset| file.read(&mut [WantedRange { offset, buffer: &mut trailer }]).is_ok());
        let Ok(Some(trailer)) = (if is_read { Trailer::decode(&trailer, length) } else { Ok(None) }) else {
            return Ok(Err(file.into_bytes()));
        };
        let is_own = || matches!(SigningKey::existing(), Ok(Some(key)) if key.has_signed(&trailer));
        let is_short = length <= compressed::most_data(file.packed_length().unwrap_or_default());
        let is_allowed = (is_short && !is_deferred) || is_own() || (is_short && file.has_frames()?);
        Ok(if is_allowed { Ok(Self::ranged(Box::new(file))) } else { Err(file.into_bytes()) })
    }

    fn of_length(file: File, length: u64, packed: Option<u64>) -> Self {
        Self::File { file, length, packed, has_bad_table: false, map: OnceLock::new(), stop: None }
    }

    /// A file of this length that was decompressed as a whole. Of one of our own, [`seekable`](Self::seekable) has
    /// refused the seek table, if there is one.
    fn decompressed(decompressed: Decompressed, packed: u64) -> io::Result<Self> {
        let mut source = Self::of_length(decompressed.file, 0, Some(packed)).measured()?;
        if let Self::File { has_bad_table, .. } = &mut source {
            *has_bad_table = decompressed.ends_with_table;
        }
        Ok(source)
    }

    /// Whether it was compressed, and ends with a seek table that is damaged. Only for a snapshot of our own.
    pub(super) fn has_bad_table(&self) -> bool {
        matches!(self, Self::File { has_bad_table: true, .. })
    }

    /// With the length that the file has.
    fn measured(mut self) -> io::Result<Self> {
        if let Self::File { file, length, .. } = &mut self {
            *length = file.metadata()?.len();
        }
        Ok(self)
    }

    /// A file that is not compressed.
    pub(super) fn of_file(file: File) -> io::Result<Self> {
        Self::of_length(file, 0, None).measured()
    }

    /// Bytes that came through a pipe.
    pub(super) fn memory(bytes: Vec<u8>, strictness: Strictness) -> Result<Self, ReadError> {
        if !compressed::is_compressed(&bytes) {
            return Ok(Self::Memory(bytes));
        }
        let length = bytes.len() as u64;
        let bytes = match Self::seekable(PackedBytes::Memory(bytes), strictness)? {
            Ok(source) => return Ok(source),
            Err(PackedBytes::Memory(bytes)) => bytes,
            Err(PackedBytes::File(file, _)) => return Ok(Self::of_file(file)?),
            Err(PackedBytes::Remote(_)) => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        };
        match compressed::decompress(bytes.as_slice(), length, strictness)? {
            Some(decompressed) => Ok(Self::decompressed(decompressed, length)?),
            None => Ok(Self::Memory(bytes)),
        }
    }

    /// A file of which only ranges are read.
    pub(super) fn ranged(reader: Box<dyn RangeReader>) -> Self {
        Self::Ranged(Box::new(RangedFile::new(reader)))
    }

    /// Asks `check` before each read from now on.
    pub(super) fn stop_at(&mut self, check: StopCheck) {
        match self {
            Self::File { stop, .. } => *stop = Some(check),
            Self::Assembled(snapshot) => snapshot.stop_at(check),
            Self::Ranged(file) => file.stop_at(check),
            Self::Memory(_) => {}
        }
    }

    /// Whether the file begins with these bytes.
    pub(super) fn starts_with(&self, prefix: &[u8]) -> io::Result<bool> {
        if self.length() < prefix.len() as u64 {
            return Ok(false);
        }
        let mut head = vec![0; prefix.len()];
        self.read(0, &mut head)?;
        Ok(head == prefix)
    }

    pub(super) fn file(&self) -> Option<&File> {
        match self {
            Self::Memory(_) | Self::Assembled(_) | Self::Ranged(_) => None,
            Self::File { file, .. } => Some(file),
        }
    }

    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
            Self::Assembled(snapshot) => snapshot.length(),
            Self::Ranged(file) => file.reader().length(),
        }
    }

    /// The length of the file before it was decompressed; `None` if it is not compressed.
    pub(super) fn packed_length(&self) -> Option<u64> {
        match self {
            Self::Memory(_) | Self::Assembled(_) => None,
            Self::File { packed, .. } => *packed,
            Self::Ranged(file) => file.reader().packed_length(),
        }
    }

    /// Fills a buffer with the bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File { file, stop, .. } => {
                stop.map_or(Ok(()), |stop| stop())?;
                file.read_exact_at(buffer, offset)
            }
            Self::Assembled(snapshot) => snapshot.read(offset, buffer),
            Self::Ranged(file) => file.read(offset, buffer),
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let found = rest.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(found);
                Ok(())
            }
        }
    }

    /// How many bytes of a long range are best read at a time, and by how many threads, if not by one on each
    /// processor.
    pub(super) fn reading(&self) -> (usize, Option<usize>) {
        match self {
            Self::Ranged(file) => (file.reader().piece(), file.reader().parallel_reads()),
            _ => (PIECE, None),
        }
    }

    /// As [`bytes`](Self::bytes). For a file of which only ranges are read, it has the loaded ranges, and zeros.
    pub(super) fn loaded(&self) -> Result<&[u8], ReadError> {
        if let Self::Ranged(file) = self { Ok(file.loaded()?) } else { self.bytes() }
    }

    /// All bytes, as they were when the file was opened or mapped.
    pub(super) fn bytes(&self) -> Result<&[u8], ReadError> {
        match self {
            Self::Ranged(file) => Ok(file.all()?),
            Self::Memory(bytes) => Ok(bytes),
            Self::Assembled(snapshot) => Ok(snapshot.bytes()?),
            Self::File { file, length, map, .. } => {
                if map.get().is_none() {
                    let mapped = map_file(file)?;
                    // If another thread has mapped it meanwhile, one of the mappings is dropped.
                    let _ = map.set(mapped);
                }
                let mapped = map.get().map(|map| &map[..]).unwrap_or_default();
                // If the file grew since it was opened, the rest is ignored.
                usize::try_from(*length)
                    .ok()
                    .and_then(|length| mapped.get(..length))
                    .ok_or(ReadError::CutShort { at: mapped.len() as u64 })
            }
        }
    }
}

fn map_file(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapping is sound as long as the file under it does not change. snapcli never writes into an existing
    // snapshot: it renames a new one over it, which leaves the mapped file as it was. Against other programs that write
    // into the file there is no defence except not to map it; its bytes are treated as hostile in any case.
    unsafe { Mmap::map(file) }
}

/// The error for a folder that is a store which cannot be opened; `None` for any other folder.
fn damaged_store(folder: &Path) -> Option<ReadError> {
    match Store::open(folder) {
        Err(error @ (StoreError::DamagedMarker(_) | StoreError::LostMarker(_) | StoreError::Newer { .. })) => {
            Some(error.into())
        }
        _ => None,
    }
}

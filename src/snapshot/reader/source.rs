//! The bytes of a file: read piece by piece where a hash or an index is wanted, mapped where a pickle is.
//!
//! The one place of `pickle/` and `snapshot/` with unsafe code, for the mapping.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use memmap2::Mmap;

use super::{ReadError, packed};

/// Where bytes come from.
#[derive(Debug)]
pub(super) enum Source {
    Memory(Vec<u8>),
    File { file: File, length: u64, map: OnceLock<Mmap> },
}

impl Source {
    /// Opens a file. What cannot be mapped (a pipe, a device) is read into memory.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let mut file = File::open(path).map_err(ReadError::Open)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ReadError::Folder);
        }
        // Files of `/proc` say that they are empty, and are not.
        if !metadata.is_file() || metadata.len() == 0 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            return Self::memory(bytes);
        }
        let mut length = metadata.len();
        if packed::is_packed(&packed::head(&mut file)?)
            && let Some(unpacked) = packed::unpack(BufReader::new(file.try_clone()?), length)?
        {
            length = unpacked.metadata()?.len();
            file = unpacked;
        }
        Ok(Self::File { file, length, map: OnceLock::new() })
    }

    /// Bytes that came through a pipe.
    pub(super) fn memory(bytes: Vec<u8>) -> Result<Self, ReadError> {
        if packed::is_packed(&bytes)
            && let Some(file) = packed::unpack(bytes.as_slice(), bytes.len() as u64)?
        {
            return Ok(Self::File { length: file.metadata()?.len(), file, map: OnceLock::new() });
        }
        Ok(Self::Memory(bytes))
    }

    pub(super) fn file(&self) -> Option<&File> {
        match self {
            Self::Memory(_) => None,
            Self::File { file, .. } => Some(file),
        }
    }

    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Fills a buffer with the bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.read_exact_at(buffer, offset),
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let found = rest.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(found);
                Ok(())
            }
        }
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> Result<&[u8], ReadError> {
        match self {
            Self::Memory(bytes) => Ok(bytes),
            Self::File { file, length, map } => {
                if map.get().is_none() {
                    let mapped = map_file(file)?;
                    // Another thread may have mapped it meanwhile: then one mapping is dropped.
                    let _ = map.set(mapped);
                }
                let mapped = map.get().map(|map| &map[..]).unwrap_or_default();
                // What the file grew by since is not looked at.
                usize::try_from(*length)
                    .ok()
                    .and_then(|length| mapped.get(..length))
                    .ok_or(ReadError::CutShort { at: mapped.len() as u64 })
            }
        }
    }
}

fn map_file(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapping is sound as long as nobody changes the file under it. snapcli never writes into a snapshot
    // that exists, it renames a new one over it, and that leaves the mapped file as it was. Against other programs
    // that write into it there is no defence but not to map; the bytes are checked as hostile either way.
    unsafe { Mmap::map(file) }
}

//! A snapshot of a store, put together again: the bytes of the file that it would be, as far as they are asked for.
//!
//! The layout follows from the description alone. Opcodes are read all at once, when the first are needed, into memory
//! of the length of the file; the contents of raw buffers are read from their objects. Nothing here believes the
//! store: opcodes must match their hash, and whatever does not fit its place counts as damaged.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::assembled_image::{AssembledImage, PackNumbers};
use super::description::{Description, PackReference, SegmentPlace, laid_out};
use super::header_claims;
use super::object_name::ObjectName;
use super::parent_snapshot::opcodes_of;
use super::snapshot_header::{HeaderSeal, SnapshotHeader, signed_again};
use super::store_address::{StoreAddress, WhichSnapshot};
use super::store_error::StoreError;
use super::store_folder::Store;
use super::store_locks::StoreLock;
use crate::pickle::format::emit;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::StopCheck;
use crate::snapshot::signature::SigningKey;

/// How many files of objects stay open.
const OPEN_FILES: usize = 8;

/// A snapshot of a store as a file.
#[derive(Debug)]
pub(in crate::snapshot) struct AssembledSnapshot {
    pub(super) store: Store,
    path: PathBuf,
    seal: HeaderSeal,
    has_failed: bool,
    pub(super) packs: Vec<PackReference>,
    pub(super) segments: Vec<AssembledSegment>,
    /// The contents of all raw buffers, in the order of the file.
    pub(super) contents: Vec<BufferContents>,
    pub(super) prelude: Vec<u8>,
    pub(super) end: Vec<u8>,
    pub(super) length: u64,
    pub(super) image: OnceLock<AssembledImage>,
    open_files: Mutex<Vec<(ObjectName, Arc<File>)>>,
    /// Asked before each read: an error ends it.
    stop: Option<StopCheck>,
    /// Keeps a `prune` from removing it between its opening and its first read. [`hold`](Self::hold) takes it.
    lock: Mutex<Option<StoreLock>>,
}

/// While it exists, no object of the store is removed.
#[derive(Debug, Default)]
pub(crate) struct HeldStore {
    _lock: Option<StoreLock>,
}

#[derive(Debug)]
pub(super) struct AssembledSegment {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) memo: (u64, u64),
    pub(super) uses: Vec<(u64, u64)>,
    pub(super) place: SegmentPlace,
    /// The hash of its opcodes as they are stored.
    pub(super) opcodes: Option<ObjectName>,
    /// Its raw buffers among all.
    pub(super) contents: Range<usize>,
}

/// The contents of a raw buffer.
#[derive(Clone, Debug)]
pub(in crate::snapshot) struct BufferContents {
    /// Where they are in the file.
    pub(in crate::snapshot) range: Range<u64>,
    /// Their object.
    pub(in crate::snapshot) name: ObjectName,
}

impl AssembledSnapshot {
    /// Opens a snapshot, and returns its index as the file would have it, without the hashes of a file.
    pub(in crate::snapshot) fn open(address: &StoreAddress) -> Result<(Self, Index), StoreError> {
        let store = Store::open(&address.folder)?;
        let lock = store.lock_reading();
        let number = address.number(&store)?;
        let path = match (&address.which, number) {
            (WhichSnapshot::File(path), _) => path.clone(),
            (_, number) => store.snapshot_path(number.unwrap_or_default()),
        };
        let file = store.read_snapshot(&path).map_err(StoreError::io(&path))?;
        let damaged = |problem: String| StoreError::DamagedSnapshot {
            folder: store.name(),
            number: number.unwrap_or_default(),
            problem: format!("{problem}: copy the store again, or use another snapshot"),
        };
        let (header, seal) = read_header(&file, number).map_err(damaged)?;
        let object = header.description.ok_or_else(|| damaged("it names no description".to_owned()))?;
        let (Description { index, parts }, _) = Description::read(&store, object)?;
        let index = checked_index(&store, &header, &seal, index).map_err(damaged)?;
        let (prelude, end) = ends(&index).map_err(|error| damaged(error.to_string()))?;
        let (segments, contents) = cut(&index, parts.segments, parts.buffers);
        let (image, open_files) = Default::default();
        let assembled = Self {
            store,
            path,
            seal,
            has_failed: header.failed,
            packs: parts.packs,
            segments,
            contents,
            prelude,
            end,
            length: index.stream.length,
            image,
            open_files,
            stop: None,
            lock: Mutex::new(lock),
        };
        Ok((assembled, index))
    }

    /// Asks before each read whether it goes on.
    pub(in crate::snapshot) fn stop_at(&mut self, check: StopCheck) {
        self.stop = Some(check);
    }

    /// Keeps others from removing objects while it is read.
    pub(in crate::snapshot) fn hold(&self) -> Result<HeldStore, StoreError> {
        let opened = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        let lock = opened.or_else(|| self.store.lock_reading());
        // Removed after it was opened, perhaps with its objects.
        if self.store.upstream().is_none() && !self.path.exists() {
            return Err(StoreError::Removed(self.path.clone()));
        }
        Ok(HeldStore { _lock: lock })
    }

    /// Whether both are in the same store.
    pub(in crate::snapshot) fn is_beside(&self, other: &Self) -> bool {
        self.store.name() == other.store.name()
    }

    /// The length of the pickle in bytes.
    pub(in crate::snapshot) fn length(&self) -> u64 {
        self.length
    }

    /// Fails if an object is missing or has another length, or if one with opcodes is damaged. Of a store in object
    /// storage, nothing is asked for.
    pub(in crate::snapshot) fn check_objects(&self) -> Result<(), StoreError> {
        if self.is_remote() {
            return Ok(());
        }
        let image = self.image(BTreeSet::new(), None).map_err(StoreError::io(&self.path))?;
        for segment in self.segments.iter().filter(|segment| image.last().damaged.contains(&segment.offset)) {
            if let Some(PackReference(name, length)) = self.packs.get(segment.place.0 as usize) {
                self.store.read_object(name, *length)?;
            }
        }
        self.contents.iter().try_for_each(|contents| self.open_contents(contents).map(drop))
    }

    /// Whether its script or a check of it failed.
    pub(in crate::snapshot) fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(in crate::snapshot) fn seal(&self) -> &HeaderSeal {
        &self.seal
    }

    /// Signs the snapshot with this key, and leaves the rest of it as it is.
    pub(in crate::snapshot) fn sign(&self, key: &SigningKey) -> Result<(), StoreError> {
        let sign = || -> io::Result<()> {
            let file = self.store.read_snapshot(&self.path)?;
            // What is signed is what was checked.
            let is_same = SnapshotHeader::decode(&file).is_ok_and(|(_, seal)| seal == self.seal);
            let changed = || io::Error::other("the snapshot has changed in the meantime");
            let signed = signed_again(&file, key).filter(|_| is_same).ok_or_else(changed)?;
            self.store.replace_snapshot(&self.path, &signed)
        };
        sign().map_err(StoreError::io(&self.path))
    }

    /// All bytes, without the opcodes that are damaged, and without the contents of raw buffers except those that
    /// [`load_contents`](Self::load_contents) was called for.
    pub(in crate::snapshot) fn bytes(&self) -> io::Result<&[u8]> {
        Ok(&self.image(BTreeSet::new(), None)?.bytes)
    }

    /// Whether it is in object storage. Then only the opcodes that are needed are read.
    pub(in crate::snapshot) fn is_remote(&self) -> bool {
        self.store.upstream().is_some()
    }

    /// As [`bytes`](Self::bytes). In object storage, with the opcodes in these ranges only.
    pub(in crate::snapshot) fn bytes_with(&self, ranges: impl Iterator<Item = Range<u64>>) -> io::Result<&[u8]> {
        Ok(&self.image(BTreeSet::new(), self.packs_of(ranges))?.bytes)
    }

    /// The packs with the opcodes of the segments in these ranges; of a folder all, which cost nothing.
    fn packs_of(&self, ranges: impl Iterator<Item = Range<u64>>) -> PackNumbers {
        if !self.is_remote() {
            return None;
        }
        let mut packs = BTreeSet::new();
        for range in ranges {
            let first = self.segments.partition_point(|it| it.offset.saturating_add(it.length) <= range.start);
            let inside = self.segments.iter().skip(first).take_while(|it| it.offset < range.end);
            packs.extend(inside.map(|segment| segment.place.0));
        }
        Some(packs)
    }

    /// Reads the contents of the raw buffers of the segments at these offsets.
    pub(in crate::snapshot) fn load_contents(&self, segments: &[u64]) -> io::Result<()> {
        let wanted = segments.iter().copied().filter(|segment| !self.contents_of(*segment).is_empty());
        let packs = self.packs_of(segments.iter().map(|segment| *segment..segment.saturating_add(1)));
        self.image(wanted.collect(), packs).map(drop)
    }

    /// Whether the opcodes of the segment at this offset match their hash, and fit.
    pub(in crate::snapshot) fn has_opcodes(&self, segment: u64) -> io::Result<bool> {
        let packs = self.packs_of(std::iter::once(segment..segment.saturating_add(1)));
        Ok(!self.image(BTreeSet::new(), packs)?.damaged.contains(&segment))
    }

    /// The contents of the raw buffers of the segment at this offset.
    pub(in crate::snapshot) fn contents_of(&self, segment: u64) -> &[BufferContents] {
        let found = self.segments.binary_search_by_key(&segment, |segment| segment.offset);
        let range = found.ok().and_then(|number| self.segments.get(number)).map(|segment| segment.contents.clone());
        range.and_then(|range| self.contents.get(range)).unwrap_or_default()
    }

    /// Brings the contents of raw buffers here that are in object storage, several at a time.
    pub(in crate::snapshot) fn fetch_contents<'c>(
        &self,
        contents: impl Iterator<Item = &'c BufferContents>,
    ) -> io::Result<()> {
        let length = |contents: &BufferContents| contents.range.end.saturating_sub(contents.range.start);
        Ok(self.store.fetch(contents.map(|contents| (contents.name, length(contents))))?)
    }

    /// The file of an object with the contents of a raw buffer.
    pub(in crate::snapshot) fn open_contents(&self, contents: &BufferContents) -> Result<Arc<File>, StoreError> {
        let mut open = self.open_files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = open.iter().find(|(name, _)| *name == contents.name) {
            return Ok(Arc::clone(file));
        }
        let length = contents.range.end.saturating_sub(contents.range.start);
        let file = Arc::new(self.store.open_object(&contents.name, length)?);
        if open.len() >= OPEN_FILES {
            open.remove(0);
        }
        open.push((contents.name, Arc::clone(&file)));
        Ok(file)
    }

    /// Fills a buffer with the bytes from `offset` on.
    pub(in crate::snapshot) fn read(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        self.stop.map_or(Ok(()), |stop| stop())?;
        while !buffer.is_empty() {
            let number = self.contents.partition_point(|contents| contents.range.end <= offset);
            let next = self.contents.get(number);
            let inside = next.filter(|contents| contents.range.start <= offset);
            let end = match (inside, next) {
                (Some(contents), _) => contents.range.end,
                (None, Some(contents)) => contents.range.start,
                (None, None) => self.length,
            };
            let count = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (head, tail) = std::mem::take(&mut buffer).split_at_mut(count);
            match inside {
                Some(contents) => {
                    let file = self.open_contents(contents)?;
                    file.read_exact_at(head, offset.saturating_sub(contents.range.start))?;
                }
                None => {
                    let start = usize::try_from(offset).map_err(io::Error::other)?;
                    let range = offset..offset.saturating_add(count as u64);
                    let found = self.bytes_with(std::iter::once(range))?.get(start..start.saturating_add(count));
                    head.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                }
            }
            buffer = tail;
            offset = offset.saturating_add(count as u64);
        }
        Ok(())
    }
}

/// What the file of a snapshot says, if it is that of the snapshot with this number.
fn read_header(file: &[u8], number: Option<u64>) -> Result<(SnapshotHeader, HeaderSeal), String> {
    let (header, seal) = SnapshotHeader::decode(file).map_err(str::to_owned)?;
    // A copy of an older snapshot under a newer number would be a lie.
    match number {
        Some(number) if number != header.number => Err(format!("its file is that of @{}", header.number)),
        _ => Ok((header, seal)),
    }
}

/// The index with its layout, which agrees with what `log` shows.
fn checked_index(store: &Store, header: &SnapshotHeader, seal: &HeaderSeal, index: Index) -> Result<Index, String> {
    let index = laid_out(index).ok_or_else(|| "its layout overflows".to_owned())?;
    // Nothing else proves what `log` shows.
    if matches!(SigningKey::existing(), Ok(Some(key)) if seal.is_signed_by(&key)) {
        return Ok(index);
    }
    match header_claims::false_claim(store, header, &index) {
        Some(problem) => Err(problem),
        None => Ok(index),
    }
}

/// The bytes before the first segment, and those after the last one.
fn ends(index: &Index) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut prelude, mut end) = (Vec::new(), Vec::new());
    emit::prelude(&mut prelude, &index.module)?;
    emit::end(&mut end)?;
    Ok((prelude, end))
}

/// The segments of an index with their places, and the contents of all raw buffers.
fn cut(
    index: &Index,
    places: Vec<SegmentPlace>,
    buffers: Vec<ObjectName>,
) -> (Vec<AssembledSegment>, Vec<BufferContents>) {
    let mut memos: HashMap<&str, (u64, u64)> = HashMap::new();
    let (mut segments, mut contents) = (Vec::with_capacity(places.len()), Vec::with_capacity(buffers.len()));
    let mut buffers = buffers.into_iter();
    for (place, (_, variable)) in places.into_iter().zip(index.segments()) {
        let Variable { offset, length, memo, .. } = *variable;
        let first = contents.len();
        for (buffer, name) in variable.buffers.iter().zip(buffers.by_ref()) {
            let end = buffer.offset.saturating_add(buffer.length);
            contents.push(BufferContents { range: buffer.offset..end, name });
        }
        let uses = variable.uses.iter().map(|name| memos.get(name.as_str()).copied().unwrap_or((0, 0))).collect();
        let opcodes = ObjectName::from_hex(opcodes_of(variable).as_bytes());
        segments.push(AssembledSegment { offset, length, memo, uses, place, opcodes, contents: first..contents.len() });
        memos.entry(variable.name.as_str()).or_insert(memo);
    }
    (segments, contents)
}

/// Whether the newest bytes of the snapshot that a path names have this user's signature; `None` for a file.
pub(in crate::snapshot) fn is_signed_by(path: &Path, key: &SigningKey) -> Option<bool> {
    let address = match StoreAddress::of(path) {
        Ok(address) => address?,
        Err(_) => return Some(false),
    };
    let read = || -> Option<HeaderSeal> {
        let store = Store::open(&address.folder).ok()?;
        let number = address.number(&store).ok()??;
        let file = store.read_snapshot(&store.snapshot_path(number)).ok()?;
        Some(SnapshotHeader::decode(&file).ok()?.1)
    };
    Some(read().is_some_and(|seal| seal.is_signed_by(key)))
}

//! A save into a store: takes the stream of a file apart into objects, and writes those that the store does not have.
//!
//! The stream comes with marks ([`SegmentMark`]). The contents of each raw buffer are an object. The opcodes of a
//! segment are brought into a form that does not depend on the segments before it; those that the snapshot before does
//! not have go into a pack together.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::description::without_layout;
use super::description::{Description, PackReference, SegmentPlace, SnapshotParts};
use super::name_target::NameTarget;
use super::object_name::ObjectName;
use super::object_writer::ObjectWriter;
use super::packed_object;
use super::parent_snapshot::ParentSnapshot;
use super::reused_objects::ReusedObjects;
use super::snapshot_header::{SnapshotHeader, checksum_of};
use super::snapshot_names::{OF_FAILED, is_name};
use super::store_error::{MAX_MESSAGE, StoreError};
use super::store_files::{new_file, random_id};
use super::store_folder::Store;
use super::store_locks::StoreLock;
use super::stored_opcodes::StoredOpcodes;
use super::upstream::SharedManifest;
use crate::pickle::passes::relative_slots::{Cut, SegmentPosition};
use crate::snapshot::atomic::signals::{SignalGuard, UnbrokenStep};
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::save_target::{SaveTarget, SegmentMark};
use crate::snapshot::signature::SigningKey;

/// A pack is complete at this many bytes of opcodes.
const PACK: usize = 4 << 20;

/// A save into a store.
#[derive(Debug)]
pub(crate) struct StoreTarget {
    store: Store,
    /// While it is held, no object is removed.
    lock: Option<StoreLock>,
    _guard: SignalGuard,
    parent: Option<ParentSnapshot>,
    objects: ObjectWriter,
    stream: StreamParts,
    /// What [`SaveTarget::mark`] cannot return.
    failed: Option<io::Error>,
    ready: Option<ReadySnapshot>,
    /// The manifest that a check reads before the save is complete.
    provisional: Option<NamedTempFile>,
    /// The same in object storage.
    shared: Option<SharedManifest>,
    /// A random number of the run of the script, or nothing.
    run: String,
    /// A forked child inherits this struct, but only its parent saves.
    process: u32,
}

/// The segments so far.
#[derive(Debug, Default)]
struct StreamParts {
    open: Option<OpenParts>,
    parts: SnapshotParts,
    /// What stands for the value of each complete segment.
    values: Vec<SegmentValue>,
    /// The memo slots of segments by name.
    memos: HashMap<String, (u64, u64)>,
    /// Where the opcodes with a hash are, of this save.
    known: HashMap<ObjectName, SegmentPlace>,
    packs: HashMap<ObjectName, u32>,
    /// The opcodes of the next pack. Its number in `parts` is reserved when the first ones come.
    pack: Vec<u8>,
    pack_number: Option<u32>,
}

#[derive(Debug, Default)]
struct OpenParts {
    opcodes: Vec<u8>,
    cuts: Vec<Cut>,
    buffers: Vec<ObjectName>,
}

#[derive(Debug)]
struct SegmentValue {
    /// The hash of the opcodes in the form in which they are stored.
    opcodes: ObjectName,
    /// The same for two segments only if they have the same name and value.
    value: ObjectName,
}

/// All of a snapshot but its number.
#[derive(Debug, Default)]
struct ReadySnapshot {
    header: SnapshotHeader,
    key: Option<SigningKey>,
}

/// What is noted with a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SnapshotNotes<'n> {
    /// A name that it gets.
    pub(crate) name: Option<&'n str>,
    /// What the user says about it.
    pub(crate) message: Option<&'n str>,
    /// Whether the script or a check failed: then it does not count as the newest one.
    pub(crate) failed: bool,
    /// Whether it must be on the disk afterwards. The contents of its objects are in any case.
    pub(crate) sync: bool,
}

/// A snapshot that is in a store.
#[derive(Clone, Debug)]
pub(crate) struct StoredSnapshot {
    /// Its number.
    pub(crate) number: u64,
    /// What was written for it, in bytes.
    pub(crate) added: u64,
    /// The number of variables that are new or differ.
    pub(crate) changed: u64,
    /// The path that names it: `runs.snaps/@3`.
    pub(crate) address: PathBuf,
}

impl StoreTarget {
    /// Begins a save into a store, which is made if it does not exist.
    pub(crate) fn create(folder: &Path) -> Result<Self, StoreError> {
        Self::create_or_wait(folder, &mut || {})
    }

    /// The same. `waiting` is called once if a `prune` has to be waited for.
    pub(crate) fn create_or_wait(folder: &Path, waiting: &mut dyn FnMut()) -> Result<Self, StoreError> {
        let store = Store::open_or_create(folder)?;
        let guard = SignalGuard::new();
        // Before the snapshot before it is read, whose objects may be used again.
        let lock = store.lock_shared(waiting)?;
        let parent = ParentSnapshot::newest(&store)?;
        let rewritten = match (store.upstream(), &parent) {
            (Some(upstream), Some(parent)) => upstream.expect(parent.number, &parent.objects)?,
            _ => HashSet::new(),
        };
        let reused = ReusedObjects::after(&store, parent.as_ref(), rewritten)?;
        let objects = ObjectWriter::new(&store, reused);
        Ok(Self {
            store,
            lock,
            _guard: guard,
            parent,
            objects,
            stream: StreamParts::default(),
            failed: None,
            ready: None,
            provisional: None,
            shared: None,
            run: String::new(),
            process: std::process::id(),
        })
    }

    /// The snapshot is of this run of a script: if the run fails, it does not count as a good one any more.
    #[must_use]
    pub(crate) fn of_run(mut self, run: &str) -> Self {
        run.clone_into(&mut self.run);
        self
    }

    /// The folder of the store, as the user named it.
    pub(super) fn folder(&self) -> &Path {
        self.store.shown()
    }

    /// Completes the snapshot, and gives it a number.
    pub(crate) fn commit(mut self, notes: SnapshotNotes<'_>) -> Result<StoredSnapshot, StoreError> {
        let SnapshotNotes { name, failed: has_failed, sync, .. } = notes;
        let message = notes.check()?;
        self.publish(sync).map_err(StoreError::io(&self.store.objects()))?;
        let ReadySnapshot { mut header, key } = self.ready.take().unwrap_or_default();
        message.clone_into(&mut header.message);
        header.failed = has_failed;
        header.run = std::mem::take(&mut self.run);
        let folder = self.store.snapshots();
        let failed = |error| StoreError::io(&folder)(error);
        self.note_save(&mut header)?;
        header.number = self.store.last_number()?;
        let _unbroken = UnbrokenStep::begin().map_err(failed)?;
        loop {
            header.number += 1;
            let bytes = header.encode(key.as_ref()).map_err(|error| failed(error.into()))?;
            let length = bytes.len() as u64;
            let target = NameTarget { number: header.number, manifest: checksum_of(&bytes) };
            // If not, another save has taken the number in the meantime.
            if self.store.add_snapshot(header.number, bytes, sync)? {
                self.check_lock(header.number)?;
                let stored = StoredSnapshot {
                    number: header.number,
                    added: header.added.saturating_add(length),
                    changed: header.changed,
                    address: self.store.address_of(header.number),
                };
                return self.named(stored, name, target, sync);
            }
        }
    }

    /// Gives a snapshot that is complete its name.
    fn named(
        &self,
        stored: StoredSnapshot,
        name: Option<&str>,
        target: NameTarget,
        sync: bool,
    ) -> Result<StoredSnapshot, StoreError> {
        let Some(name) = name else { return Ok(stored) };
        match self.store.set_name(name, target, sync) {
            Ok(()) => Ok(stored),
            Err(problem) => {
                let StoredSnapshot { number, added, changed, address } = stored;
                let (name, problem) = (name.to_owned(), Box::new(problem));
                Err(StoreError::Unnamed { address, number, added, changed, name, problem })
            }
        }
    }

    /// Marks the file of a snapshot in object storage with a random number: if the answer to its upload is lost, the
    /// save can tell its own file from that of another save.
    fn note_save(&self, header: &mut SnapshotHeader) -> Result<(), StoreError> {
        if self.store.upstream().is_some() {
            header.save = random_id::<8>().map_err(StoreError::io(self.store.folder()))?;
        }
        Ok(())
    }

    /// A lease can be lost if this process was stopped for long: then a `prune` may have removed what the snapshot
    /// needs.
    fn check_lock(&mut self, number: u64) -> Result<(), StoreError> {
        let Some(upstream) = self.store.upstream().cloned() else { return Ok(()) };
        if let Some(StoreLock::Lease(lease)) = &self.lock
            && lease.is_lost()
        {
            self.lock = None;
            // Waits for a `prune` that is running. One that begins later knows the snapshot.
            self.lock = self.store.lock_shared(&mut || {})?;
            upstream.check_needed(&self.store, number)?;
        }
        Ok(())
    }

    /// As [`SaveTarget::read_path`], for a process that this one does not fork.
    pub(crate) fn shared_path(&mut self) -> io::Result<Option<PathBuf>> {
        let Some(path) = self.read_path()? else { return Ok(None) };
        match self.store.upstream() {
            Some(upstream) => {
                let shared = SharedManifest::new(upstream, &path)?;
                let path = shared.path();
                self.shared = Some(shared);
                Ok(Some(path))
            }
            None => Ok(Some(path)),
        }
    }

    fn check_process(&self) -> io::Result<()> {
        match self.process == std::process::id() {
            true => Ok(()),
            false => Err(io::Error::other("this is a forked child process: only its parent saves the session")),
        }
    }

    fn publish(&mut self, sync: bool) -> io::Result<()> {
        self.check_process()?;
        self.objects.publish(sync)
    }

    /// Ends the open segment.
    fn close(&mut self, variable: &Variable) -> io::Result<()> {
        let Some(OpenParts { opcodes, cuts, buffers }) = self.stream.open.take() else { return Ok(()) };
        let uses = self.stream.memos_of(&variable.uses);
        let around = uses.as_ref().map(|uses| SegmentPosition { offset: variable.offset, memo: variable.memo, uses });
        let stored = StoredOpcodes::new(&opcodes, &cuts, around);
        let place = self.place_of(&stored)?;
        let (name, is_relative) = (stored.name, stored.is_relative);
        let form = u8::from(!is_relative);
        let cuts = stored.cuts.iter().map(|cut| cut.at as u64).collect();
        self.stream.parts.segments.push(SegmentPlace(place.0, place.1, place.2, form, cuts));
        let value = value_of(name, is_relative, variable, uses.as_deref().unwrap_or_default(), &buffers);
        self.stream.values.push(SegmentValue { opcodes: name, value });
        self.stream.parts.buffers.extend(buffers);
        // As in `uses`: a variable comes before what has the same name in other lists.
        self.stream.memos.entry(variable.name.clone()).or_insert(variable.memo);
        Ok(())
    }

    /// Where these opcodes are: in a pack of the snapshot before, or of this one.
    fn place_of(&mut self, opcodes: &StoredOpcodes<'_>) -> io::Result<SegmentPlace> {
        let StoredOpcodes { name, length, .. } = *opcodes;
        let stream = &mut self.stream;
        if let Some(place) = stream.known.get(&name) {
            return Ok(place.clone());
        }
        if let Some((pack, at, length)) = self.parent.as_ref().and_then(|parent| parent.place_of(&name))
            && self.objects.has(pack.0, pack.1)
        {
            let number = *stream.packs.entry(pack.0).or_insert_with(|| {
                stream.parts.packs.push(pack);
                stream.parts.packs.len() as u32 - 1
            });
            return Ok(SegmentPlace(number, at, length, 0, Vec::new()));
        }
        let place = if let Some(bytes) = opcodes.short_bytes() {
            let number = self.stream.pack_number.unwrap_or_else(|| self.stream.reserve_pack());
            self.stream.pack_number = Some(number);
            let at = self.stream.pack.len() as u64;
            self.stream.pack.extend_from_slice(bytes);
            SegmentPlace(number, at, length, 0, Vec::new())
        } else {
            let number = self.stream.reserve_pack();
            let (object, file_length) = self.objects.put_packed(opcodes)?;
            self.set_pack(number, PackReference(object, file_length));
            SegmentPlace(number, 0, length, 0, Vec::new())
        };
        self.stream.known.insert(name, place.clone());
        if self.stream.pack.len() >= PACK {
            self.end_pack()?;
        }
        Ok(place)
    }

    fn end_pack(&mut self) -> io::Result<()> {
        let pack = std::mem::take(&mut self.stream.pack);
        let Some(number) = self.stream.pack_number.take() else { return Ok(()) };
        let file = packed_object::pack(&pack, None)?;
        let reference = PackReference(self.objects.put(&file)?, file.len() as u64);
        self.set_pack(number, reference);
        Ok(())
    }

    /// Notes which object a pack has become.
    fn set_pack(&mut self, number: u32, reference: PackReference) {
        if let Some(slot) = self.stream.parts.packs.get_mut(number as usize) {
            *slot = reference;
        }
        self.stream.packs.insert(reference.0, number);
    }

    /// The description of what was written, with its object.
    fn describe(&mut self, index: &mut Index) -> io::Result<(ObjectName, u64)> {
        self.end_pack()?;
        for (variable, value) in index.segments_mut().zip(&self.stream.values) {
            variable.blake3 = value.value.to_string();
            variable.opcodes = if value.value == value.opcodes { String::new() } else { value.opcodes.to_string() };
        }
        let mut parts = self.stream.parts.clone();
        if let Some(parent) = &self.parent {
            parent.order_packs(&mut parts);
        }
        let description = Description { index: without_layout(index), parts };
        let file = description.pack(self.parent.as_ref().map(|parent| &parent.encoded))?;
        Ok((self.objects.put(&file)?, file.len() as u64))
    }

    fn header(&self, index: &Index, description: (ObjectName, u64)) -> SnapshotHeader {
        let mut header = SnapshotHeader {
            created: index.created.clone(),
            kind: index.script.kind.clone(),
            script: index.script.path.clone(),
            how: index.script.ended.how.clone(),
            variables: index.variables.len() as u64,
            pickle: index.stream.length,
            added: self.objects.added,
            description: Some(description),
            ..SnapshotHeader::default()
        };
        match &self.parent {
            Some(parent) => parent.note_changes(index, &mut header),
            None => {
                header.changed = header.variables;
                header.name_changes(&index.variables.iter().collect::<Vec<_>>(), std::iter::empty());
            }
        }
        header
    }
}

impl<'n> SnapshotNotes<'n> {
    /// Checks what the user says of a snapshot. Returns the message.
    ///
    /// # Errors
    /// If the name is not allowed, or the message is too long.
    pub(crate) fn check(&self) -> Result<&'n str, StoreError> {
        // What the names of failed snapshots stand for must not be a good one.
        let is_allowed = |name: &str| is_name(name) && (self.failed || !OF_FAILED.contains(&name));
        if let Some(name) = self.name.filter(|name| !is_allowed(name)) {
            return Err(StoreError::BadName(name.to_owned()));
        }
        let message = self.message.unwrap_or_default();
        if message.len() > MAX_MESSAGE { Err(StoreError::LongMessage(message.len())) } else { Ok(message) }
    }
}

impl StreamParts {
    /// The memo slots of segments with these names; `None` if one is unknown.
    fn memos_of(&self, names: &[String]) -> Option<Vec<(u64, u64)>> {
        names.iter().map(|name| self.memos.get(name).copied()).collect()
    }

    fn reserve_pack(&mut self) -> u32 {
        self.parts.packs.push(PackReference(ObjectName::of(&[]), 0));
        self.parts.packs.len() as u32 - 1
    }
}

/// What stands for the value of a segment.
fn value_of(
    opcodes: ObjectName,
    is_relative: bool,
    variable: &Variable,
    uses: &[(u64, u64)],
    buffers: &[ObjectName],
) -> ObjectName {
    if is_relative && buffers.is_empty() {
        return opcodes;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(opcodes.as_bytes()).update(&[u8::from(is_relative)]);
    if !is_relative {
        // These opcodes mean something else in other places.
        for (first, end) in [variable.memo].iter().chain(uses) {
            hasher.update(&first.to_le_bytes()).update(&end.to_le_bytes());
        }
    }
    for (buffer, name) in variable.buffers.iter().zip(buffers) {
        hasher.update(name.as_bytes()).update(&[u8::from(buffer.writable)]);
    }
    ObjectName::from(hasher.finalize())
}

impl Drop for StoreTarget {
    fn drop(&mut self) {
        // The temporary files belong to the parent.
        if self.check_process().is_err() {
            self.objects.forget();
            std::mem::forget(self.provisional.take());
        }
    }
}

impl Write for StoreTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        // What is outside of segments follows from the index.
        if let Some(open) = &mut self.stream.open {
            open.opcodes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SaveTarget for StoreTarget {
    const MARKED: bool = true;
    const TAKES_CONTENTS: bool = true;

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.stream.open = None;
        if length == 0 {
            // The session is written again. Objects that are not needed any more stay: only a `prune` removes any.
            self.stream = StreamParts::default();
            (self.failed, self.ready, self.provisional) = (None, None, None);
        }
        Ok(())
    }

    fn mark(&mut self, mark: SegmentMark<'_>) {
        match mark {
            SegmentMark::Begin => self.stream.open = Some(OpenParts::default()),
            SegmentMark::Contents(length) => {
                if let Some(open) = &mut self.stream.open {
                    open.cuts.push(Cut { at: open.opcodes.len(), length });
                }
            }
            SegmentMark::Opcodes => {}
            SegmentMark::End(variable) => {
                if let Err(error) = self.close(variable) {
                    self.failed.get_or_insert(error);
                }
            }
        }
    }

    fn contents(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check_process()?;
        let may_be_known = self.parent.as_ref().is_some_and(|parent| parent.has_buffer_of(bytes.len() as u64));
        let name = self.objects.put_contents(bytes, may_be_known)?;
        if let Some(open) = &mut self.stream.open {
            open.buffers.push(name);
        }
        Ok(())
    }

    fn take_index(&mut self, index: &mut Index, key: Option<&SigningKey>) -> io::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let description = self.describe(index)?;
        if self.store.upstream().is_some() {
            // Only then it is known what was new.
            self.publish(false)?;
        }
        let header = self.header(index, description);
        self.ready = Some(ReadySnapshot { header, key: key.cloned() });
        Ok(true)
    }

    fn read_path(&mut self) -> io::Result<Option<PathBuf>> {
        self.publish(false)?;
        let Some(ready) = &self.ready else { return Ok(None) };
        let file = new_file(&self.store.snapshots(), &ready.header.encode(ready.key.as_ref())?)?;
        let path = std::path::absolute(file.path())?;
        self.provisional = Some(file);
        Ok(Some(path))
    }

    fn free(&self) -> Option<u64> {
        // Most of what is saved may be there already: `put_contents` asks when it writes.
        None
    }
}

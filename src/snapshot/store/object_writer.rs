//! Writes the objects of a save that the store does not have yet.
//!
//! An object gets its name when its bytes are on the disk: a power cut must not leave a name with other contents, which
//! later saves would take for the object. Until then it is a temporary file, which a failed save removes.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::{NamedTempFile, TempPath};

use super::object_name::ObjectName;
use super::packed_object::LongContents;
use super::reused_objects::ReusedObjects;
use super::store_files::{new_temporary, sync_folder};
use super::store_folder::Store;
use super::stored_opcodes::StoredOpcodes;
use super::upstream::object_key;
use crate::snapshot::atomic::{signals, sync};
use crate::snapshot::hash_tree::{self, TreeHasher};
use crate::snapshot::remote::Uploads;
use crate::snapshot::save_target::check_room;
use crate::snapshot::system;
use crate::snapshot::worker_threads::in_threads;

/// How many bytes are copied, hashed and written at a time: less than a processor's own cache.
const PIECE: usize = 256 << 10;
/// How many bytes a thread hashes at a time.
const HASHED: usize = 1 << 20;
/// More threads than this would only wait for memory.
const MAX_THREADS: usize = 16;
/// How many files of new objects stay open.
const MOST_OPEN: usize = 64;

#[derive(Debug)]
pub(super) struct ObjectWriter {
    store: Store,
    /// The folder of objects, to ask for free space.
    folder: Option<File>,
    reused: ReusedObjects,
    /// The objects that have no name yet.
    pending: HashMap<ObjectName, PendingObject>,
    /// Those that are known to be in the store, with their lengths.
    present: HashSet<(ObjectName, u64)>,
    /// The bytes of all new objects.
    pub(super) added: u64,
    /// Those on their way to object storage.
    uploads: Option<Uploads>,
}

/// An object that was written to a temporary file.
#[derive(Debug)]
struct PendingObject {
    path: TempPath,
    /// `None` if many others are open: a process may have 1,024 open files, and a session more arrays.
    file: Option<File>,
    length: u64,
}

impl PendingObject {
    fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some(file) => sync(file),
            None => sync(&File::open(&self.path)?),
        }
    }
}

impl ObjectWriter {
    pub(super) fn new(store: &Store, reused: ReusedObjects) -> Self {
        let folder = File::open(store.objects()).ok();
        let (pending, present) = Default::default();
        Self { store: store.clone(), folder, reused, pending, present, added: 0, uploads: None }
    }

    /// The free bytes on the store's disk; `None` if that is unknown.
    pub(super) fn free(&self) -> Option<u64> {
        self.folder.as_ref().and_then(system::free_space)
    }

    /// Whether an object need not be written.
    pub(super) fn has(&mut self, name: ObjectName, length: u64) -> bool {
        if self.pending.contains_key(&name) || self.present.contains(&(name, length)) {
            return true;
        }
        let is_there = self.store.object_length(&name) == Some(length) && !self.is_damaged(&name, length);
        if is_there {
            self.present.insert((name, length));
        }
        is_there
    }

    /// Whether an object of the right length has other bytes, as far as this save looks.
    fn is_damaged(&self, name: &ObjectName, length: u64) -> bool {
        if self.store.upstream().is_some() {
            return self.reused.is_marked(name);
        }
        self.reused.must_read(&self.store, name, length) && !self.store.has_hash(name)
    }

    /// Adds an object with these bytes, unless the store has it.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<ObjectName> {
        let name = ObjectName::of(bytes);
        if !self.has(name, bytes.len() as u64) {
            let mut file = self.new_file()?;
            file.as_file_mut().write_all(bytes)?;
            self.keep(name, bytes.len() as u64, file)?;
        }
        Ok(name)
    }

    /// Adds an object with the contents of a raw buffer, unless the store has it. Another thread of the script may be
    /// writing to that memory: what is stored is what was hashed. `may_be_known` says whether it is worth a look before
    /// anything is written.
    pub(super) fn put_contents(&mut self, contents: &[u8], may_be_known: bool) -> io::Result<ObjectName> {
        let length = contents.len() as u64;
        if may_be_known {
            let name = ObjectName::from(hash_memory(contents)?);
            if self.has(name, length) {
                return Ok(name);
            }
        }
        check_room(self.free(), length)?;
        let mut file = self.new_file()?;
        let mut hasher = TreeHasher::new(PIECE);
        let mut copy = vec![0; PIECE.min(contents.len())];
        for piece in contents.chunks(PIECE) {
            signals::check()?;
            let copy = copy.get_mut(..piece.len()).unwrap_or_default();
            copy.copy_from_slice(piece);
            hasher.update(copy);
            if is_zero(copy) {
                // A hole in the file takes no room on the disk, and is read and mapped as zeros.
                file.as_file_mut().seek_relative(copy.len() as i64)?;
            } else {
                file.as_file_mut().write_all(copy)?;
            }
        }
        // It may end with a hole.
        file.as_file().set_len(length)?;
        let name = ObjectName::from(hasher.finalize());
        if !self.has(name, length) {
            self.keep(name, length, file)?;
        }
        Ok(name)
    }

    /// Adds an object with these opcodes, packed, unless the store has it. Returns its name and the length of its file.
    pub(super) fn put_packed(&mut self, opcodes: &StoredOpcodes<'_>) -> io::Result<(ObjectName, u64)> {
        let write = |out: &mut dyn Write| opcodes.write(out);
        let contents = LongContents { length: opcodes.length, sample: opcodes.sample(), write: &write };
        for form in contents.forms()? {
            let mut file = HashedFile::new(self.new_file()?);
            contents.pack(*form, &mut file)?;
            let (file, name, length) = file.finish()?;
            if contents.is_good(*form, length) {
                if !self.has(name, length) {
                    self.keep(name, length, file)?;
                }
                return Ok((name, length));
            }
        }
        Err(io::Error::other("no form of an object can be read again"))
    }

    /// Gives all new objects their names. Their bytes are on the disk then; with `sync`, so are the names of all
    /// objects.
    pub(super) fn publish(&mut self, sync: bool) -> io::Result<()> {
        if let Some(uploads) = &mut self.uploads {
            let known = uploads.finish()?;
            self.added = self.added.saturating_sub(known);
            self.uploads = None;
        }
        sync_together(&self.pending.values().collect::<Vec<_>>())?;
        let names: Vec<ObjectName> = self.pending.keys().copied().collect();
        for name in names {
            let Some(PendingObject { path, length, .. }) = self.pending.remove(&name) else { continue };
            // Another save may have been faster with the same bytes: they are replaced by themselves.
            path.persist(self.store.object_path(&name)).map_err(|error| error.error)?;
            self.present.insert((name, length));
        }
        self.store.unmark(self.reused.marked_among(self.present.iter().map(|(name, _)| name)))?;
        if !sync || self.store.upstream().is_some() {
            return Ok(());
        }
        // Also for objects that another save has just written.
        sync_folder(&self.store.objects())
    }

    /// Leaves the temporary files to another process.
    pub(super) fn forget(&mut self) {
        self.pending.drain().for_each(|(_, object)| std::mem::forget(object));
    }

    fn new_file(&self) -> io::Result<NamedTempFile> {
        new_temporary(&self.store.objects())
    }

    fn keep(&mut self, name: ObjectName, length: u64, file: NamedTempFile) -> io::Result<()> {
        self.added = self.added.saturating_add(length);
        if let Some(upstream) = self.store.upstream() {
            let file = file.persist(self.store.object_path(&name)).map_err(|error| error.error)?;
            self.present.insert((name, length));
            let uploads = match &mut self.uploads {
                Some(uploads) => uploads,
                none => none.insert(upstream.client().uploads()?),
            };
            uploads.add(object_key(&name), file, length, !self.reused.is_marked(&name));
            return Ok(());
        }
        let (file, path) = file.into_parts();
        let file = (self.pending.len() < MOST_OPEN).then_some(file);
        self.pending.insert(name, PendingObject { path, file, length });
        Ok(())
    }
}

/// Whether there are only zeros. Looks at several bytes at a time, and ends soon if there are others.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(256).all(|some| some.iter().fold(0, |all, byte| all | byte) == 0)
}

/// A new file that is hashed while it is written.
struct HashedFile {
    file: BufWriter<File>,
    path: TempPath,
    hasher: TreeHasher,
    length: u64,
}

impl HashedFile {
    fn new(file: NamedTempFile) -> Self {
        let (file, path) = file.into_parts();
        Self { file: BufWriter::with_capacity(PIECE, file), path, hasher: TreeHasher::new(PIECE), length: 0 }
    }

    /// The file, its name as an object, and its length.
    fn finish(self) -> io::Result<(NamedTempFile, ObjectName, u64)> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((NamedTempFile::from_parts(file, self.path), ObjectName::from(self.hasher.finalize()), self.length))
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        signals::check()?;
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.length = self.length.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Brings files to the disk. The waits for the disk overlap.
fn sync_together(objects: &[&PendingObject]) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            signals::check()?;
            object.sync()?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others =
            (1..objects.len().min(MAX_THREADS)).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
        let others: Vec<_> = others.collect();
        let mut done = work();
        for other in others {
            done = done.and(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

/// BLAKE3 of memory, on all processors if it is long.
pub(super) fn hash_memory(bytes: &[u8]) -> io::Result<blake3::Hash> {
    let pieces = bytes.len().div_ceil(HASHED);
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(pieces / 2).min(MAX_THREADS);
    if threads < 2 {
        return Ok(blake3::hash(bytes));
    }
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<Vec<(usize, [u8; 32])>> {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let start = number.saturating_mul(HASHED);
            let Some(piece) = bytes.get(start..bytes.len().min(start.saturating_add(HASHED))) else { return Ok(done) };
            if piece.is_empty() {
                return Ok(done);
            }
            signals::check()?;
            done.push((number, hash_tree::hash_piece(number, HASHED, piece)));
        }
    };
    let mut values = vec![[0; 32]; pieces];
    for done in in_threads(threads, work) {
        for (number, value) in done? {
            if let Some(slot) = values.get_mut(number) {
                *slot = value;
            }
        }
    }
    Ok(hash_tree::merge_pieces(&values))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    type StoreOutcome = Result<(), Box<dyn std::error::Error>>;

    fn files(store: &Store) -> Vec<String> {
        let entries = fs::read_dir(store.objects()).expect("a folder").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn memory_is_hashed_by_many_threads() -> io::Result<()> {
        for length in [0, 1, HASHED, 2 * HASHED, 2 * HASHED + 1, 5 * HASHED - 3, 8 * HASHED] {
            let bytes: Vec<u8> = (0..length).map(|number| (number * 7 % 251) as u8).collect();
            assert_eq!(hash_memory(&bytes)?, blake3::hash(&bytes), "{length}");
        }
        Ok(())
    }

    #[test]
    fn objects_are_written_once_and_named_when_they_are_complete() -> StoreOutcome {
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let contents: Vec<u8> = (0..PIECE * 3 + 5).map(|number| (number % 251) as u8).collect();
        let mut writer = ObjectWriter::new(&store, ReusedObjects::default());
        let name = writer.put_contents(&contents, false)?;
        assert_eq!((name, writer.put(&contents)?), (ObjectName::of(&contents), name));
        assert_eq!((writer.added, store.object_length(&name)), (contents.len() as u64, None));
        writer.publish(true)?;
        assert_eq!(store.read_object(&name, contents.len() as u64)?, contents);
        let mut second = ObjectWriter::new(&store, ReusedObjects::default());
        for may_be_known in [true, false] {
            assert_eq!(second.put_contents(&contents, may_be_known)?, name);
        }
        assert_eq!(second.added, 0);
        // Damaged bytes are written again, whatever their length says.
        fs::write(store.object_path(&name), vec![0; contents.len()])?;
        let mut third = ObjectWriter::new(&store, ReusedObjects::default());
        third.put(&contents)?;
        third.publish(true)?;
        assert_eq!(store.read_object(&name, contents.len() as u64)?, contents);
        // A save that fails leaves nothing.
        second.put(b"other")?;
        drop(second);
        assert_eq!(files(&store), [name.to_string()]);
        Ok(())
    }
}

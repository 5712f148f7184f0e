//! A store in object storage, and the local folder that stands for it while a process works with it.
//!
//! The folder is a store like any other, but an incomplete one: objects are downloaded when they are first needed, and
//! new ones are uploaded from it. So all code that works on the files of a store works with this one as well. The
//! folder is locked while its process runs; if the process is killed, the next one removes the folder.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::name_target::NameTarget;
use super::object_name::ObjectName;
use super::snapshot_names::is_name;
use super::store_error::StoreError;
use super::store_files::{
    DAMAGED, LOCK, MARKER, MAX_MARKER, MAX_SNAPSHOT, NAMES, OBJECTS, SNAPSHOTS, snapshot_key, snapshot_number,
};
use super::store_folder::Store;
use crate::snapshot::remote::{FaultKind, RemoteAddress, RemoteClient, RemoteError, WantedObject};
use crate::snapshot::system;

/// The beginning of the names of local folders.
const PREFIX: &str = "snapcli-copy-";
/// Up to this many objects, there is one request for each; for more, all objects of the store are listed.
const ASKED: usize = 256;

/// How often to try again if another process removes a new folder before it is locked.
const TRIES: usize = 100;

/// The local folders of this process.
static COPIES: Mutex<Vec<(PathBuf, Weak<Upstream>)>> = Mutex::new(Vec::new());

/// A store in object storage.
#[derive(Debug)]
pub(super) struct Upstream {
    client: RemoteClient,
    /// As the user named it.
    shown: PathBuf,
    copy: PathBuf,
    /// The lengths of objects that are known to be there.
    known: Mutex<HashMap<ObjectName, u64>>,
    _lock: File,
    process: u32,
}

impl Upstream {
    /// Opens a store. If there is none, `marker` makes one.
    pub(super) fn open(
        address: &RemoteAddress,
        shown: &Path,
        marker: Option<Vec<u8>>,
    ) -> Result<(Arc<Self>, Vec<u8>), StoreError> {
        let client = RemoteClient::new(&address.as_folder())?;
        let found = match client.read(MARKER, MAX_MARKER) {
            Err(error) if error.is_missing() => None,
            found => Some(found?),
        };
        let marker = match (found, marker) {
            (Some(found), _) => found,
            (None, Some(marker)) => {
                client.create(MARKER, marker)?;
                // If another process was faster, its marker counts.
                client.read(MARKER, MAX_MARKER)?
            }
            (None, None) => return Err(StoreError::NotAStore(shown_name(shown))),
        };
        let (copy, lock) = new_copy().map_err(|error| {
            let why = format!("a folder for copies of objects cannot be made in {} ({error})", temp_dir().display());
            RemoteError::new(FaultKind::Disk, "use", "", why)
        })?;
        let (shown, process) = (shown.to_path_buf(), std::process::id());
        let upstream = Arc::new(Self { client, shown, copy, known: Mutex::default(), _lock: lock, process });
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|(_, upstream)| upstream.strong_count() > 0);
        copies.push((upstream.copy.clone(), Arc::downgrade(&upstream)));
        Ok((upstream, marker))
    }

    /// The store that a local folder of this process, or of the one that it was forked from, stands for.
    pub(super) fn of_copy(folder: &Path) -> Option<Arc<Self>> {
        let copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        copies.iter().find(|(copy, _)| copy == folder).and_then(|(_, upstream)| upstream.upgrade())
    }

    pub(super) fn client(&self) -> &RemoteClient {
        &self.client
    }

    /// The local folder.
    pub(super) fn copy(&self) -> &Path {
        &self.copy
    }

    /// The address, as the user wrote it.
    pub(super) fn shown(&self) -> &Path {
        &self.shown
    }

    pub(super) fn name(&self) -> String {
        shown_name(&self.shown)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ObjectName, u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of all snapshots.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let folder = format!("{SNAPSHOTS}/");
        let listed = match self.client.list(&folder) {
            Err(error) if self.is_web() && error.kind() != Some(FaultKind::Unreachable) => {
                let why = format!(
                    "the server does not list its files ({error}); a snapshot with its number can be read, as {}/@1",
                    self.name()
                );
                return Err(
                    RemoteError::new(FaultKind::Missing, "list", self.client.address().join(&folder), why).into()
                );
            }
            listed => listed?,
        };
        Ok(listed.iter().filter_map(|object| snapshot_number(object.key.strip_prefix(&folder)?)).collect())
    }

    /// Whether a snapshot can be read although the server lists nothing.
    pub(super) fn is_web(&self) -> bool {
        self.client.address().scheme.is_web()
    }

    /// The names of snapshots and what they stand for.
    pub(super) fn names(&self) -> Result<Vec<(String, Option<NameTarget>)>, StoreError> {
        let folder = format!("{NAMES}/");
        let listed = match self.client.list(&folder) {
            // Object storage has no empty folders.
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            listed => listed?,
        };
        let keys = listed.into_iter().map(|object| object.key);
        let keys = keys.filter(|key| key.strip_prefix(&folder).is_some_and(is_name)).collect();
        let read = self.client.read_all(keys, MAX_MARKER)?;
        let name = |(key, bytes): (String, Option<Vec<u8>>)| {
            Some((key.strip_prefix(&folder)?.to_owned(), NameTarget::parse(&bytes?)))
        };
        Ok(read.into_iter().filter_map(name).collect())
    }

    /// What a name stands for.
    pub(super) fn named(&self, name: &str) -> Result<Option<NameTarget>, StoreError> {
        match self.client.read(&format!("{NAMES}/{name}"), MAX_MARKER) {
            Err(error) if error.is_missing() => Ok(None),
            read => Ok(NameTarget::parse(&read?)),
        }
    }

    /// Downloads the files of snapshots that are not in the local folder yet.
    pub(super) fn fetch_snapshots(&self, numbers: &[u64]) -> Result<(), RemoteError> {
        let keys: Vec<String> =
            numbers.iter().map(|number| snapshot_key(*number)).filter(|key| !self.copy.join(key).exists()).collect();
        for (key, bytes) in self.client.read_all(keys, MAX_SNAPSHOT)? {
            if let Some(bytes) = bytes {
                self.keep(&key, &bytes)?;
            }
        }
        Ok(())
    }

    /// The bytes of the file of a snapshot.
    pub(super) fn read_snapshot(&self, path: &Path) -> io::Result<Vec<u8>> {
        let key = format!("{SNAPSHOTS}/{}", file_name(path));
        match fs::read(self.copy.join(&key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        let bytes = self.client.read(&key, MAX_SNAPSHOT)?;
        self.keep(&key, &bytes)?;
        Ok(bytes)
    }

    pub(super) fn replace_snapshot(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let key = format!("{SNAPSHOTS}/{}", file_name(path));
        self.client.put(&key, bytes.to_vec())?;
        Ok(self.keep(&key, bytes)?)
    }

    fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), RemoteError> {
        fs::write(self.copy.join(key), bytes).map_err(|error| self.disk(&error))
    }

    fn disk(&self, error: &io::Error) -> RemoteError {
        let address = self.client.address().to_string();
        RemoteError::new(FaultKind::Disk, "keep copies of", address, error.to_string())
    }

    /// Downloads objects that are not in the local folder yet. Skips those that do not exist.
    pub(super) fn fetch(&self, objects: impl IntoIterator<Item = (ObjectName, u64)>) -> Result<(), RemoteError> {
        let mut wanted = Vec::new();
        for (name, length) in objects {
            let key = object_key(&name);
            let path = self.copy.join(&key);
            if !path.exists() && !wanted.iter().any(|other: &WantedObject| other.key == key) {
                wanted.push(WantedObject { key, length, path });
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.client.download(wanted).map(drop)
    }

    /// The objects with a mark that they are damaged.
    pub(super) fn marks(&self) -> Result<HashSet<ObjectName>, RemoteError> {
        let listed = match self.client.list(&format!("{DAMAGED}/")) {
            // Object storage has no empty folders.
            Err(error) if error.is_missing() => return Ok(HashSet::new()),
            listed => listed?,
        };
        Ok(listed.iter().filter_map(|object| name_in(DAMAGED, &object.key)).collect())
    }

    /// The length of an object; `None` if there is none.
    pub(super) fn object_length(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        if let Some(length) = self.known_length(name) {
            return Ok(Some(length));
        }
        let lengths = self.client.lengths(vec![object_key(name)])?;
        Ok(lengths.into_iter().next().flatten())
    }

    /// The same for an object that is here, or that [`expect`](Self::expect) has found.
    pub(super) fn known_length(&self, name: &ObjectName) -> Option<u64> {
        let found = fs::symlink_metadata(self.copy.join(object_key(name))).ok();
        found.map(|found| found.len()).or_else(|| self.known().get(name).copied())
    }

    /// Finds out which of these objects of a snapshot exist, and remembers their lengths. Returns those that were
    /// written after it: somebody has put other bytes there, or a save has mended them.
    pub(super) fn expect(
        &self,
        number: u64,
        objects: &[(ObjectName, u64)],
    ) -> Result<HashSet<ObjectName>, RemoteError> {
        let snapshot = snapshot_key(number);
        let (mut found, mut asked) = (Vec::new(), vec![snapshot.clone()]);
        match objects.len() > ASKED {
            true => found = self.client.list(&format!("{OBJECTS}/"))?,
            false => asked.extend(objects.iter().map(|(name, _)| object_key(name))),
        }
        found.extend(self.client.heads(asked)?.into_iter().flatten());
        let written = found.iter().find(|object| object.key == snapshot).map(|object| object.modified);
        let objects = || found.iter().filter_map(|object| Some((object_of(&object.key)?, object)));
        self.known().extend(objects().map(|(name, object)| (name, object.length)));
        // Seconds: what was written in the same one is not told apart.
        let is_later = |modified: i64| written.is_some_and(|written| modified > written);
        Ok(objects().filter(|(_, object)| is_later(object.modified)).map(|(name, _)| name).collect())
    }

    /// Fails if an object of a snapshot is missing. Removes the snapshot in that case.
    pub(super) fn check_needed(&self, store: &Store, number: u64) -> Result<(), StoreError> {
        let history = store.history()?;
        let Some(entry) = history.iter().find(|entry| entry.number == number) else { return Ok(()) };
        let needed: Vec<(ObjectName, u64)> = store.needed_by(entry)?.into_iter().collect();
        let lengths = self.client.lengths(needed.iter().map(|(name, _)| object_key(name)).collect())?;
        if needed.iter().zip(lengths).all(|((_, length), found)| found == Some(*length)) {
            return Ok(());
        }
        self.client.remove(vec![snapshot_key(number)])?;
        let why = "a `prune` has removed objects of the snapshot while this process was stopped";
        Err(RemoteError::new(FaultKind::Broken, "save to", self.name(), why).into())
    }

    /// All objects, with their lengths.
    pub(super) fn objects(&self) -> Result<Vec<(ObjectName, u64)>, RemoteError> {
        let listed = self.client.list(&format!("{OBJECTS}/"))?;
        let listed = listed.iter().filter_map(|object| Some((object_of(&object.key)?, object.length)));
        if !self.is_web() {
            return Ok(listed.collect());
        }
        // A page that lists files does not say how long they are.
        let names = Vec::from_iter(listed.map(|(name, _)| name));
        let lengths = self.client.lengths(names.iter().map(object_key).collect())?;
        Ok(names.into_iter().zip(lengths).filter_map(|(name, length)| Some((name, length?))).collect())
    }

    /// Which of these objects match their names; `None` for those that cannot be read.
    pub(super) fn hash(
        &self,
        objects: &[(ObjectName, u64)],
    ) -> Result<Vec<(ObjectName, Option<ObjectName>)>, RemoteError> {
        let wanted = objects.iter().map(|(name, length)| (object_key(name), *length)).collect();
        let hashed = self.client.hash_all(wanted)?;
        let hashed = hashed.into_iter();
        Ok(hashed.filter_map(|(key, hash)| Some((object_of(&key)?, hash.map(ObjectName::from)))).collect())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // A forked child has a copy of this struct, but the folder is its parent's.
        if self.process == std::process::id() {
            let _ = fs::remove_dir_all(&self.copy);
        }
    }
}

/// The file of a snapshot that is not complete yet, in object storage until it is dropped.
#[derive(Debug)]
pub(super) struct SharedManifest {
    upstream: Arc<Upstream>,
    key: String,
    process: u32,
}

impl SharedManifest {
    /// Uploads the file at this path.
    pub(super) fn new(upstream: &Arc<Upstream>, path: &Path) -> io::Result<Self> {
        let key = format!("{SNAPSHOTS}/{}.snap", file_name(path));
        upstream.client.put(&key, fs::read(path)?)?;
        Ok(Self { upstream: Arc::clone(upstream), key, process: std::process::id() })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.upstream.shown.join(&self.key)
    }
}

impl Drop for SharedManifest {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // If that fails, the next `prune` removes it.
            self.upstream.client.remove_soon(&self.key);
        }
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

pub(super) fn object_key(name: &ObjectName) -> String {
    format!("{OBJECTS}/{name}")
}

/// The mark that an object is damaged.
pub(super) fn mark_key(name: &ObjectName) -> String {
    format!("{DAMAGED}/{name}")
}

/// The object that a key names.
pub(super) fn object_of(key: &str) -> Option<ObjectName> {
    name_in(OBJECTS, key)
}

fn name_in(folder: &str, key: &str) -> Option<ObjectName> {
    ObjectName::from_hex(key.strip_prefix(folder)?.strip_prefix('/')?.as_bytes())
}

pub(super) fn shown_name(shown: &Path) -> String {
    shown.display().to_string().trim_end_matches('/').to_owned()
}

fn temp_dir() -> PathBuf {
    std::env::temp_dir()
}

/// A new local folder with the parts of a store, and its lock.
fn new_copy() -> io::Result<(PathBuf, File)> {
    remove_abandoned(&temp_dir());
    for _ in 0..TRIES {
        // Created with mode 0700: other users must not read it.
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(temp_dir());
        let folder = made.map_err(system::without_temporary_name)?;
        let lock = File::create(folder.path().join(LOCK))?;
        // If the file system has no locks, no process removes the folder: that takes a lock.
        let is_mine = system::try_lock(&lock).unwrap_or(true);
        // Before it was locked, another process may have removed it as abandoned.
        if !is_mine || !folder.path().join(LOCK).exists() {
            continue;
        }
        for part in [OBJECTS, SNAPSHOTS, NAMES] {
            fs::DirBuilder::new().mode(0o700).create(folder.path().join(part))?;
        }
        return Ok((folder.keep(), lock));
    }
    Err(io::Error::other("another process keeps deleting it"))
}

/// Removes the folders of processes that were killed.
fn remove_abandoned(temp_dir: &Path) {
    let Ok(entries) = fs::read_dir(temp_dir) else { return };
    let mine = system::user_id();
    for entry in entries.flatten() {
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // `metadata` of an entry does not follow symlinks.
        let is_mine = is_copy && entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == mine);
        if is_mine
            && let Ok(lock) = File::options().write(true).open(entry.path().join(LOCK))
            && system::try_lock(&lock).unwrap_or(false)
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

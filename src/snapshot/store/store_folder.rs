//! The folder of a store: its parts, and the files in them. Anyone who can write to the folder can put anything
//! there, so files are opened without following symlinks, and only regular files of a bounded length are read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::object_name::ObjectName;
use super::store_error::{ObjectProblem, StoreError};
use super::upstream::Upstream;
use crate::snapshot::atomic::persist_new;
use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::system;

/// The file that makes a folder a store.
pub(super) const MARKER: &str = "snapcli-store.json";
pub(super) const OBJECTS: &str = "objects";
pub(super) const SNAPSHOTS: &str = "snapshots";
pub(super) const NAMES: &str = "names";
pub(super) const LOCK: &str = "lock";
/// The marks of damaged objects.
pub(super) const DAMAGED: &str = "damaged";
/// The ending of the file of a snapshot.
const SNAPSHOT_ENDING: &str = ".snap";
/// The beginning of the names of files that are being written.
pub(super) const TEMP_PREFIX: &str = ".new-";
/// The longest file of a snapshot that is read, and the longest marker, in bytes.
pub(super) const MAX_SNAPSHOT: u64 = 256 << 10;
pub(super) const MAX_MARKER: u64 = 4096;
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    snapcli_store: u64,
    /// Random: tells two stores apart.
    id: String,
}

/// A store in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// The store in object storage for which the folder stands.
    upstream: Option<Arc<Upstream>>,
}

impl Store {
    /// Opens a store.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        if let Some(address) = RemoteAddress::of(folder)? {
            return Self::open_upstream(&address, folder, None);
        }
        if let Some(upstream) = Upstream::of_copy(folder) {
            return Ok(Self { folder: folder.to_path_buf(), upstream: Some(upstream) });
        }
        let store = Self { folder: folder.to_path_buf(), upstream: None };
        let marker = match store.read_file(&folder.join(MARKER), MAX_MARKER) {
            Ok(marker) => marker,
            Err(error) => {
                return Err(match fs::metadata(folder) {
                    Err(missing) if missing.kind() == io::ErrorKind::NotFound => StoreError::Missing(store.name()),
                    Ok(found) if !found.is_dir() => StoreError::IsFile(store.name()),
                    _ if error.kind() == io::ErrorKind::NotFound => store.without_marker(),
                    // It is too long, or no regular file.
                    _ if error.kind() == io::ErrorKind::InvalidData => StoreError::DamagedMarker(folder.join(MARKER)),
                    _ => StoreError::io(&folder.join(MARKER))(error),
                });
            }
        };
        store.check_marker(&marker)?;
        for part in [OBJECTS, SNAPSHOTS, NAMES, DAMAGED] {
            let path = folder.join(part);
            // A symlink could lead a save or a `prune` anywhere.
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                // git, zip and copies to object storage drop empty folders.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(_) => return Err(StoreError::LinkedPart(path)),
                Err(error) => return Err(StoreError::io(&path)(error)),
            }
        }
        Ok(store)
    }

    /// The error for a folder that has no marker.
    fn without_marker(&self) -> StoreError {
        match self.numbers() {
            Ok(numbers) if !numbers.is_empty() && self.objects().is_dir() => StoreError::LostMarker(self.name()),
            _ => StoreError::NotAStore(self.name()),
        }
    }

    /// Makes the folders of a store that are missing.
    fn make_parts(&self) -> Result<(), StoreError> {
        if self.upstream.is_some() {
            return Ok(());
        }
        for part in [OBJECTS, SNAPSHOTS, NAMES] {
            match DirBuilder::new().mode(0o700).create(self.folder.join(part)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::io(&self.folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn open_upstream(address: &RemoteAddress, shown: &Path, marker: Option<Vec<u8>>) -> Result<Self, StoreError> {
        let (upstream, marker) = Upstream::open(address, shown, marker)?;
        let store = Self { folder: upstream.copy().to_path_buf(), upstream: Some(upstream) };
        store.check_marker(&marker)?;
        Ok(store)
    }

    fn check_marker(&self, marker: &[u8]) -> Result<(), StoreError> {
        let damaged = |_| StoreError::DamagedMarker(self.shown().join(MARKER));
        let marker: Marker = serde_json::from_slice(marker).map_err(damaged)?;
        match marker.snapcli_store > VERSION {
            true => Err(StoreError::Newer { folder: self.name(), version: marker.snapcli_store }),
            false => Ok(()),
        }
    }

    /// Opens a store, or makes one in a folder that is new or empty, or at an address in object storage.
    pub(crate) fn open_or_create(folder: &Path) -> Result<Self, StoreError> {
        if let Some(address) = RemoteAddress::of(folder)? {
            return Self::open_upstream(&address, folder, Some(new_marker().map_err(StoreError::io(folder))?));
        }
        match Self::open(folder) {
            Ok(store) => {
                store.make_parts()?;
                return Ok(store);
            }
            Err(
                StoreError::Missing(_) | StoreError::NotAStore(_) | StoreError::LostMarker(_) | StoreError::Io { .. },
            ) => {}
            failed => return failed,
        }
        let failed = |error| StoreError::io(folder)(error);
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        // Two processes may make it at the same time: the parts of a store are no other files.
        let mine = [OBJECTS, SNAPSHOTS, NAMES, LOCK, MARKER];
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            if !mine.contains(&name.as_ref()) && !name.starts_with(TEMP_PREFIX) {
                return Err(StoreError::OtherFolder(folder.to_path_buf()));
            }
        }
        Self { folder: folder.to_path_buf(), upstream: None }.make_parts()?;
        let marker = new_marker().map_err(failed)?;
        // Last, and at once: the folder is a store when all of it is there.
        new_file(folder, &marker)
            .and_then(|file| {
                file.as_file().sync_all()?;
                persist_new(file, &folder.join(MARKER))
            })
            .map_err(failed)?;
        sync_folder(folder).map_err(failed)?;
        Self::open(folder)
    }

    /// Replaces the marker of a store if it is damaged. The snapshots stay.
    #[cfg(feature = "python")]
    pub(crate) fn renew_marker(folder: &Path) -> Result<(), StoreError> {
        if !matches!(Self::open(folder), Err(StoreError::DamagedMarker(_))) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let file = new_file(folder, &new_marker()?)?;
            file.as_file().sync_all()?;
            file.persist(folder.join(MARKER)).map_err(|error| error.error)?;
            sync_folder(folder)
        };
        write().map_err(StoreError::io(folder))
    }

    /// Fails if nothing can be written to the store: opening one that exists only reads.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        if let Some(upstream) = &self.upstream {
            return Ok(upstream.client().check_writable("locks/check")?);
        }
        self.open_lock()?;
        for folder in [self.objects(), self.snapshots()] {
            // Dropped at once, which removes it again.
            new_temporary(&folder).map_err(StoreError::io(&folder))?;
        }
        Ok(())
    }

    /// Whether a folder is a store.
    pub(crate) fn is_at(folder: &Path) -> bool {
        Self::open(folder).is_ok()
    }

    /// The path without the last `/`, for messages.
    pub(crate) fn name(&self) -> String {
        if let Some(upstream) = &self.upstream {
            return upstream.name();
        }
        let name = self.folder.display().to_string();
        let trimmed = name.trim_end_matches('/');
        if trimmed.is_empty() { name } else { trimmed.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The store in object storage for which the folder stands.
    pub(super) fn upstream(&self) -> Option<&Arc<Upstream>> {
        self.upstream.as_ref()
    }

    /// The path that names a snapshot: `runs.snaps/@3`.
    pub(super) fn address_of(&self, number: u64) -> PathBuf {
        self.shown().join(format!("@{number}"))
    }

    /// The folder or address, as the user named it.
    fn shown(&self) -> &Path {
        self.upstream.as_ref().map_or(self.folder.as_path(), |upstream| upstream.shown())
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.folder.join(OBJECTS)
    }

    pub(super) fn snapshots(&self) -> PathBuf {
        self.folder.join(SNAPSHOTS)
    }

    pub(super) fn object_path(&self, name: &ObjectName) -> PathBuf {
        self.folder.join(OBJECTS).join(name.to_string())
    }

    pub(super) fn snapshot_path(&self, number: u64) -> PathBuf {
        self.folder.join(snapshot_key(number))
    }

    pub(super) fn name_path(&self, name: &str) -> PathBuf {
        self.folder.join(NAMES).join(name)
    }

    /// The numbers of all snapshots, ascending.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let folder = self.snapshots();
        let mut numbers = Vec::new();
        if let Some(upstream) = &self.upstream {
            numbers = upstream.numbers()?;
            numbers.sort_unstable();
            return Ok(numbers);
        }
        for entry in entries_of(&folder).map_err(StoreError::io(&folder))? {
            numbers.extend(entry.file_name().to_str().and_then(snapshot_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The bytes of a snapshot's file.
    pub(super) fn read_snapshot(&self, path: &Path) -> io::Result<Vec<u8>> {
        match &self.upstream {
            Some(upstream) => upstream.read_snapshot(path),
            None => self.read_file(path, MAX_SNAPSHOT),
        }
    }

    /// Writes the file of a new snapshot. Returns false if there is one with this number.
    pub(super) fn add_snapshot(&self, number: u64, bytes: Vec<u8>, sync: bool) -> Result<bool, StoreError> {
        if let Some(upstream) = &self.upstream {
            return Ok(upstream.client().create(&snapshot_key(number), bytes)?);
        }
        let folder = self.snapshots();
        let add = || -> io::Result<bool> {
            let file = new_file(&folder, &bytes)?;
            if sync {
                file.as_file().sync_all()?;
            }
            let is_new = persist_new(file, &self.snapshot_path(number))?;
            if is_new && sync { sync_folder(&folder).map(|()| true) } else { Ok(is_new) }
        };
        add().map_err(StoreError::io(&folder))
    }

    /// Replaces the file of a snapshot.
    pub(super) fn replace_snapshot(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(upstream) = &self.upstream {
            return upstream.replace_snapshot(path, bytes);
        }
        let file = new_file(&self.snapshots(), bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(&self.snapshots())
    }

    /// Brings objects here that are in object storage, several at a time.
    pub(super) fn fetch(&self, objects: impl IntoIterator<Item = (ObjectName, u64)>) -> Result<(), StoreError> {
        match &self.upstream {
            Some(upstream) => Ok(upstream.fetch(objects)?),
            None => Ok(()),
        }
    }

    /// Opens an object, which must have this length.
    pub(super) fn open_object(&self, name: &ObjectName, length: u64) -> Result<File, StoreError> {
        self.fetch([(*name, length)])?;
        let wrong = |problem| StoreError::Object { name: name.to_string(), problem };
        match open_regular(&self.object_path(name)) {
            Ok((file, found)) if found == length => Ok(file),
            Ok(_) => Err(wrong(ObjectProblem::Length)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(wrong(ObjectProblem::Missing)),
            Err(error) => Err(wrong(ObjectProblem::Io(error))),
        }
    }

    /// The length of an object; `None` if there is none.
    pub(super) fn find_object(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        match &self.upstream {
            Some(upstream) => Ok(upstream.object_length(name)?),
            None => Ok(self.object_length(name)),
        }
    }

    /// The length of an object's file, or that of one which [`Upstream::expect`] has found; `None` if there is none.
    pub(super) fn object_length(&self, name: &ObjectName) -> Option<u64> {
        if let Some(upstream) = &self.upstream {
            return upstream.known_length(name);
        }
        let found = fs::symlink_metadata(self.object_path(name)).ok()?;
        found.is_file().then_some(found.len())
    }

    /// All bytes of an object's file, which match its name. `length` is what they should be.
    pub(super) fn read_object(&self, name: &ObjectName, length: u64) -> Result<Vec<u8>, StoreError> {
        let wrong = |problem| StoreError::Object { name: name.to_string(), problem };
        let file = self.open_object(name, length)?;
        // The file has this length, so no more is allocated than exists.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(length).read_to_end(&mut bytes).map_err(|error| wrong(ObjectProblem::Io(error)))?;
        if ObjectName::of(&bytes) == *name { Ok(bytes) } else { Err(wrong(ObjectProblem::Checksum)) }
    }

    pub(super) fn read_file(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let (file, length) = open_regular(path)?;
        if length > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
        }
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The entries of a folder; none if there is no such folder.
pub(super) fn entries_of(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

fn new_marker() -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Marker { snapcli_store: VERSION, id: random_id::<16>()? })?)
}

/// `BYTES` random bytes in hex.
pub(super) fn random_id<const BYTES: usize>() -> io::Result<String> {
    let mut id = [0; BYTES];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Opens a regular file for reading, and returns its length.
pub(super) fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    // Opening a named pipe would wait.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    match found.is_file() {
        true => Ok((file, found.len())),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file")),
    }
}

/// A new file in a folder, with these bytes, which is removed unless it gets a name.
pub(super) fn new_file(folder: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = new_temporary(folder)?;
    file.as_file_mut().write_all(bytes)?;
    Ok(file)
}

/// A temporary file in a folder. Its name says whose it is. Write to its file: an error of the struct around it would
/// name that, which means nothing to the user.
pub(super) fn new_temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let prefix = temporary_prefix(std::process::id());
    tempfile::Builder::new().prefix(&prefix).make_in(folder, |path| system::create_new(path, 0o600))
}

fn temporary_prefix(process: u32) -> String {
    format!("{TEMP_PREFIX}{process}-")
}

/// Removes the temporary files that a process which was killed has left in a store.
pub(crate) fn remove_leftovers(store: &Path, process: u32) {
    let prefix = temporary_prefix(process);
    for folder in [store.join("objects"), store.join("snapshots"), store.join("names"), store.to_path_buf()] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                // What stays is removed by a prune.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Makes the names of new files survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    crate::snapshot::atomic::sync_directory(folder)
}

/// The path of a snapshot's file in a store, and its key in object storage.
pub(super) fn snapshot_key(number: u64) -> String {
    format!("{SNAPSHOTS}/{number:08}{SNAPSHOT_ENDING}")
}

/// The number in the name of a snapshot's file.
pub(super) fn snapshot_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SNAPSHOT_ENDING)?;
    let number: u64 = digits.parse().ok()?;
    // One number, one name.
    (number > 0 && format!("{number:08}") == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    type StoreOutcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_store_is_made_in_an_empty_folder_only() -> StoreOutcome {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("runs.snaps");
        assert!(matches!(Store::open(&folder), Err(StoreError::Missing(_))));
        Store::open_or_create(&folder)?;
        assert!(Store::is_at(&folder) && Store::open_or_create(&folder).is_ok());
        let other = root.path().join("other");
        fs::create_dir(&other)?;
        assert!(matches!(Store::open(&other), Err(StoreError::NotAStore(_))));
        Store::open_or_create(&other)?;
        assert!(matches!(Store::open_or_create(root.path()), Err(StoreError::OtherFolder(_))));
        fs::write(root.path().join("file"), "x")?;
        assert!(matches!(Store::open_or_create(&root.path().join("file")), Err(StoreError::IsFile(_))));
        assert!(matches!(Store::open_or_create(&root.path().join("no/where")), Err(StoreError::Io { .. })));
        Ok(())
    }

    #[test]
    fn stores_of_a_later_version_and_symlinks_are_refused() -> StoreOutcome {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("s");
        let store = Store::open_or_create(&folder)?;
        let name = ObjectName::of(b"secret");
        fs::write(root.path().join("secret"), "secret")?;
        symlink(root.path().join("secret"), store.object_path(&name))?;
        assert!(store.read_object(&name, 6).is_err() && store.object_length(&name).is_none());
        fs::remove_file(store.object_path(&name))?;
        fs::write(store.object_path(&name), "secret")?;
        assert_eq!(store.read_object(&name, 6)?, b"secret");
        assert!(store.read_object(&name, 7).is_err());
        fs::write(store.object_path(&name), "Secret")?;
        assert!(store.read_object(&name, 6).is_err_and(|error| error.to_string().contains("checksum")));
        fs::remove_dir(folder.join(NAMES))?;
        symlink(root.path(), folder.join(NAMES))?;
        assert!(matches!(Store::open(&folder), Err(StoreError::LinkedPart(_))));
        fs::write(folder.join(MARKER), r#"{"snapcli_store":2,"id":""}"#)?;
        assert!(matches!(Store::open(&folder), Err(StoreError::Newer { version: 2, .. })));
        Ok(())
    }
}

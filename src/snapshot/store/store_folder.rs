//! The folder of a store: its parts, its snapshots and its objects.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::object_name::ObjectName;
use super::store_error::{ObjectProblem, StoreError};
use super::store_files::{
    DAMAGED, MARKER, MAX_MARKER, MAX_SNAPSHOT, NAMES, OBJECTS, SNAPSHOTS, entries_of, new_file, new_temporary,
    open_regular, read_file, snapshot_key, snapshot_number, sync_folder,
};
use super::upstream::Upstream;
use crate::snapshot::atomic::persist_new;
use crate::snapshot::remote::RemoteAddress;

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
        let store = Self::at(folder);
        let marker = read_file(&folder.join(MARKER), MAX_MARKER);
        store.check_marker(&marker.map_err(|error| store.without_marker(error))?)?;
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

    /// The folder, which may not be a store yet.
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), upstream: None }
    }

    /// Whether the folder has the parts of a store, with a snapshot.
    fn has_snapshots(&self) -> bool {
        self.objects().is_dir() && self.numbers().is_ok_and(|numbers| !numbers.is_empty())
    }

    /// Why it is no store: its marker cannot be read.
    fn without_marker(&self, error: io::Error) -> StoreError {
        let marker = self.folder.join(MARKER);
        match fs::metadata(&self.folder) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => StoreError::Missing(self.name()),
            Ok(found) if !found.is_dir() => StoreError::IsFile(self.name()),
            _ if error.kind() == io::ErrorKind::NotFound => match self.has_snapshots() {
                true => StoreError::LostMarker(self.name()),
                false => StoreError::NotAStore(self.name()),
            },
            // It is too long, or no regular file.
            _ if error.kind() == io::ErrorKind::InvalidData => StoreError::DamagedMarker(marker),
            _ => StoreError::io(&marker)(error),
        }
    }

    pub(super) fn open_upstream(
        address: &RemoteAddress,
        shown: &Path,
        marker: Option<Vec<u8>>,
    ) -> Result<Self, StoreError> {
        let (upstream, marker) = Upstream::open(address, shown, marker)?;
        let store = Self { folder: upstream.copy().to_path_buf(), upstream: Some(upstream) };
        store.check_marker(&marker)?;
        Ok(store)
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
    pub(super) fn shown(&self) -> &Path {
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
            None => read_file(path, MAX_SNAPSHOT),
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

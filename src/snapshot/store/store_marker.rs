//! Makes stores. The marker, a file of JSON, is what makes a folder a store.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::store_error::StoreError;
use super::store_files::{LOCK, MARKER, NAMES, OBJECTS, SNAPSHOTS, TEMP_PREFIX, new_file, random_id, sync_folder};
use super::store_folder::Store;
use crate::snapshot::atomic::persist_new;
use crate::snapshot::remote::RemoteAddress;

const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    snapcli_store: u64,
    /// Random: tells two stores apart.
    id: String,
}

impl Store {
    /// # Errors
    /// If a marker is damaged, or that of a later version.
    pub(super) fn check_marker(&self, marker: &[u8]) -> Result<(), StoreError> {
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
        if has_other_files(folder).map_err(failed)? {
            return Err(StoreError::OtherFolder(folder.to_path_buf()));
        }
        Self::at(folder).make_parts()?;
        // Last, and at once: the folder is a store when all of it is there.
        synced_marker(folder).and_then(|file| persist_new(file, &folder.join(MARKER))).map_err(failed)?;
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
            synced_marker(folder)?.persist(folder.join(MARKER)).map_err(|error| error.error)?;
            sync_folder(folder)
        };
        write().map_err(StoreError::io(folder))
    }

    /// Makes the folders of a store that are missing.
    fn make_parts(&self) -> Result<(), StoreError> {
        if self.upstream().is_some() {
            return Ok(());
        }
        for part in [OBJECTS, SNAPSHOTS, NAMES] {
            match DirBuilder::new().mode(0o700).create(self.folder().join(part)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::io(self.folder())(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a folder has anything but the parts of a store: another process may be making it at the same time.
fn has_other_files(folder: &Path) -> io::Result<bool> {
    let mine = [OBJECTS, SNAPSHOTS, NAMES, LOCK, MARKER];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !mine.contains(&name.as_ref()) && !name.starts_with(TEMP_PREFIX) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A marker on the disk that has no name yet.
fn synced_marker(folder: &Path) -> io::Result<NamedTempFile> {
    let file = new_file(folder, &new_marker()?)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn new_marker() -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Marker { snapcli_store: VERSION, id: random_id::<16>()? })?)
}

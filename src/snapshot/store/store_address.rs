//! What a path says about a store: `runs.snaps/` is its newest snapshot, `runs.snaps/@3` and `runs.snaps/@best` are one
//! by its number or name. Any other path is that of a file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::name_target::NameTarget;
use super::snapshot_header::{FailedRuns, SnapshotHeader};
use super::snapshot_names::{OF_NEWEST, is_name};
use super::store_error::StoreError;
use super::store_files::snapshot_number;
use super::store_folder::Store;
use crate::snapshot::remote::RemoteAddress;

/// A snapshot in a store, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreAddress {
    /// The store.
    pub(crate) folder: PathBuf,
    /// The snapshot.
    pub(crate) which: WhichSnapshot,
}

/// Which snapshot of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WhichSnapshot {
    /// The newest one.
    Newest,
    /// The one with this number.
    Number(u64),
    /// The one with this name, or with this number if that is too large for a number.
    Name(String),
    /// The one in this file, while its save is not complete yet.
    File(PathBuf),
}

impl StoreAddress {
    /// What a path to read names; `None` for the path of a file.
    ///
    /// # Errors
    /// If it is the form of an address, but there is no store.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        let newest = || Some(Self::newest_of(path));
        if let Some(address) = RemoteAddress::of(path)? {
            return Self::of_remote(path, &address);
        }
        if ends_with_slash(path) {
            return Store::open(path).map(|_| newest());
        }
        if let Some((folder, selector)) = selected(path) {
            // A file can have such a name, too.
            let store = Store::open(folder);
            if store.is_err() && path.exists() {
                return Ok(None);
            }
            store?;
            let which = which(selector)?;
            return Ok(Some(Self { folder: folder.to_path_buf(), which }));
        }
        if path.is_dir() {
            return if Store::is_at(path) { Ok(newest()) } else { Ok(None) };
        }
        Ok(in_store(path))
    }

    /// The store to which a path that is written to refers; `None` for the path of a file.
    ///
    /// # Errors
    /// If it names a snapshot.
    pub(crate) fn target(path: &Path) -> Result<Option<PathBuf>, StoreError> {
        if let Some(address) = RemoteAddress::of(path)? {
            if selected(path).is_some() {
                return Err(StoreError::NamesSnapshot(path.to_path_buf()));
            }
            // A store may be named without its `/`.
            return Ok((address.is_folder() || Store::is_at(path)).then(|| path.to_path_buf()));
        }
        if let Some((folder, _)) = selected(path)
            && Store::is_at(folder)
        {
            return Err(StoreError::NamesSnapshot(path.to_path_buf()));
        }
        let is_store = ends_with_slash(path) || (path.is_dir() && Store::is_at(path));
        Ok(is_store.then(|| path.to_path_buf()))
    }

    /// Whether a path has the form of a store or of a snapshot in one: `runs.snaps`, `runs.snaps/`, `runs/@3`. There
    /// may be none.
    pub(crate) fn has_form(path: &Path) -> bool {
        let is_folder = |folder: &Path| folder.extension().is_some_and(|ending| ending == "snaps");
        let has_selector = path.as_os_str().as_bytes().contains(&b'/') && selected(path).is_some();
        is_folder(path) || has_selector || path.parent().is_some_and(is_folder)
    }

    /// The newest snapshot of a store.
    pub(crate) fn newest_of(store: &Path) -> Self {
        Self { folder: store.to_path_buf(), which: WhichSnapshot::Newest }
    }

    /// Whether a path names a store as such, and no snapshot of it.
    pub(crate) fn is_whole_store(path: &Path) -> bool {
        if let Ok(Some(address)) = RemoteAddress::of(path) {
            return selected(path).is_none() && (address.is_folder() || Store::is_at(path));
        }
        selected(path).is_none() && path.is_dir() && Store::is_at(path)
    }

    /// Whether a folder is a store that cannot be opened as it is.
    pub(crate) fn is_damaged_store(path: &Path) -> bool {
        use StoreError::{DamagedMarker, LinkedPart, LostMarker, Newer};
        matches!(Store::open(path), Err(DamagedMarker(_) | LinkedPart(_) | LostMarker(_) | Newer { .. }))
    }

    /// The same for an address in object storage. Whether there is a store is not asked yet.
    fn of_remote(path: &Path, address: &RemoteAddress) -> Result<Option<Self>, StoreError> {
        let folder = |folder: &Path, which| Ok(Some(Self { folder: folder.to_path_buf(), which }));
        if address.is_folder() {
            return folder(path, WhichSnapshot::Newest);
        }
        if let Some((of, selector)) = selected(path) {
            return folder(of, which(selector)?);
        }
        match path.parent().and_then(|snapshots| Some((snapshots.parent()?, snapshots.file_name()?))) {
            Some((store, name)) if name == "snapshots" && path.extension().is_some_and(|ending| ending == "snap") => {
                let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
                match snapshot_number(name) {
                    Some(number) => folder(store, WhichSnapshot::Number(number)),
                    None => folder(store, WhichSnapshot::File(path.to_path_buf())),
                }
            }
            _ => Ok(None),
        }
    }

    /// The number of the snapshot. `None` for one that is not complete yet.
    pub(super) fn number(&self, store: &Store) -> Result<Option<u64>, StoreError> {
        // A web server may not list its files, and listing takes time: what a number needs is asked for at once.
        if store.upstream().is_some()
            && let Some(number) = self.number_upstream(store)?
        {
            return Ok(Some(number));
        }
        if let WhichSnapshot::File(_) = self.which {
            return Ok(None);
        }
        let known = store.numbers()?;
        let no_number = |number: &dyn ToString| StoreError::NoNumber {
            folder: store.name(),
            number: number.to_string(),
            known: known.clone(),
        };
        match &self.which {
            WhichSnapshot::File(_) => Ok(None),
            WhichSnapshot::Newest => newest(store, &known).map(Some).ok_or_else(|| StoreError::Empty(store.name())),
            WhichSnapshot::Number(_) | WhichSnapshot::Name(_) if known.is_empty() => {
                Err(StoreError::Empty(store.name()))
            }
            WhichSnapshot::Number(number) if known.contains(number) => Ok(Some(*number)),
            WhichSnapshot::Number(number) => Err(no_number(number)),
            WhichSnapshot::Name(name) if is_number(name) => Err(no_number(name)),
            WhichSnapshot::Name(name) => match store.find_name(name)? {
                Some(target) if target.is_in(store)? => Ok(Some(target.number)),
                Some(NameTarget { number, .. }) => {
                    Err(StoreError::DanglingName { folder: store.name(), name: name.clone(), number })
                }
                None => {
                    let known = store.names()?.into_iter().map(|(name, _)| name).collect();
                    Err(StoreError::NoName { folder: store.name(), name: name.clone(), known })
                }
            },
        }
    }

    /// The number, if it can be known without a list of all, and there is such a snapshot.
    fn number_upstream(&self, store: &Store) -> Result<Option<u64>, StoreError> {
        let number = match &self.which {
            WhichSnapshot::Number(number) => *number,
            WhichSnapshot::Name(name) if is_number(name) => return Ok(None),
            WhichSnapshot::Name(name) => match store.find_name(name)? {
                Some(target) if target.is_in(store)? => target.number,
                _ => return Ok(None),
            },
            WhichSnapshot::Newest | WhichSnapshot::File(_) => return Ok(None),
        };
        match store.read_snapshot(&store.snapshot_path(number)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(|_| Some(number)).map_err(StoreError::io(store.folder())),
        }
    }
}

/// The newest snapshot whose script did not fail, then or later; if all did, the newest one.
fn newest(store: &Store, known: &[u64]) -> Option<u64> {
    let mut failed = FailedRuns::default();
    let mut has_failed = |number: &u64| {
        let file = store.read_snapshot(&store.snapshot_path(*number));
        file.is_ok_and(|file| SnapshotHeader::decode(&file).is_ok_and(|(header, _)| failed.include(&header)))
    };
    known.iter().rev().find(|number| !has_failed(number)).or(known.last()).copied()
}

/// Whether a path ends with `/`: the parts of a [`Path`] do not show it.
pub(crate) fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

/// The folder, and what follows `@` in the last part of the path.
fn selected(path: &Path) -> Option<(&Path, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'/');
    let (folder, last) = match at {
        Some(at) => bytes.split_at_checked(at + 1)?,
        None => (&b"."[..], bytes),
    };
    // Without the `/`, so that messages name the store as the user would.
    let folder = folder.strip_suffix(b"/").filter(|folder| !folder.is_empty()).unwrap_or(folder);
    let selector = last.strip_prefix(b"@")?;
    Some((Path::new(OsStr::from_bytes(folder)), OsStr::from_bytes(selector)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn which(selector: &OsStr) -> Result<WhichSnapshot, StoreError> {
    let text = selector.to_string_lossy();
    if is_number(&text) {
        // A number that does not fit belongs to no snapshot, and is shown as it was typed.
        return Ok(text.parse().map_or_else(|_| WhichSnapshot::Name(text.into_owned()), WhichSnapshot::Number));
    }
    match text.as_ref() {
        "" => Ok(WhichSnapshot::Newest),
        name if OF_NEWEST.contains(&name) => Ok(WhichSnapshot::Newest),
        name if is_name(name) => Ok(WhichSnapshot::Name(name.to_owned())),
        name => Err(StoreError::BadName(name.to_owned())),
    }
}

/// The address of the file of a snapshot: `runs.snaps/snapshots/00000003.snap`.
fn in_store(path: &Path) -> Option<StoreAddress> {
    let folder = path.parent()?;
    let store = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "snapshots"))?;
    Store::open(store).ok()?;
    let name = path.file_name()?.to_str()?;
    let which = match snapshot_number(name) {
        Some(number) => WhichSnapshot::Number(number),
        None => WhichSnapshot::File(path.to_path_buf()),
    };
    Some(StoreAddress { folder: store.to_path_buf(), which })
}

#[cfg(test)]
mod tests {
    use super::*;

    type StoreOutcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn paths_name_snapshots_or_files() -> StoreOutcome {
        let root = tempfile::tempdir()?;
        let at = |path: &str| root.path().join(path);
        Store::open_or_create(&at("s"))?;
        std::fs::create_dir(at("folder"))?;
        std::fs::write(at("file.pkl"), "x")?;
        std::fs::write(at("@3"), "x")?;
        let of = |path: &str| StoreAddress::of(&at(path));
        let which = |path: &str| of(path).map(|address| address.map(|address| address.which));
        for (path, expected) in [
            ("s/", WhichSnapshot::Newest),
            ("s", WhichSnapshot::Newest),
            ("s/@", WhichSnapshot::Newest),
            ("s/@3", WhichSnapshot::Number(3)),
            ("s/@003", WhichSnapshot::Number(3)),
            ("s/@99999999999999999999", WhichSnapshot::Name("99999999999999999999".to_owned())),
            ("s/@latest", WhichSnapshot::Newest),
            ("s/@best", WhichSnapshot::Name("best".to_owned())),
            ("s/snapshots/00000003.snap", WhichSnapshot::Number(3)),
        ] {
            assert_eq!(which(path)?, Some(expected), "{path}");
        }
        for path in ["file.pkl", "folder", "@3", "none.pkl", "none/x"] {
            assert_eq!(of(path)?, None, "{path}");
        }
        assert!(matches!(of("folder/"), Err(StoreError::NotAStore(_))));
        assert!(matches!(of("none/"), Err(StoreError::Missing(_))));
        assert!(matches!(of("none/@3"), Err(StoreError::Missing(_))));
        assert!(matches!(of("folder/@3"), Err(StoreError::NotAStore(_))));
        assert!(matches!(of("file.pkl/@3"), Err(StoreError::IsFile(_))));
        assert!(matches!(of("s/@a\nb"), Err(StoreError::BadName(_))));
        let target = |path: &str| StoreAddress::target(&at(path)).map(|target| target.is_some());
        assert!(target("s")? && target("s/")? && target("none/")? && target("folder/")?);
        assert!(!target("file.pkl")? && !target("folder")? && !target("none")?);
        assert!(matches!(target("s/@4"), Err(StoreError::NamesSnapshot(_))));
        Ok(())
    }
}

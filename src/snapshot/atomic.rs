//! A file that appears under its name when it is complete, or not at all.
//!
//! It is written beside its place under a name of its own and then renamed, which is one step for the file system.
//! Dropped without [`AtomicFile::commit`], or ended by a signal, it leaves no trace, and what was in its place stays
//! untouched. What SIGKILL or a power cut leaves is removed by the next save to the same place.

mod fault;
mod place;
mod temporary;

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use self::place::resolve;
use self::temporary::Temporary;
use super::target::Target;

/// Large enough for few system calls, small enough to stay in the cache.
const BUFFER: usize = 256 * 1024;

/// A file that is being written.
#[derive(Debug)]
pub struct AtomicFile {
    file: BufWriter<Temporary>,
    target: PathBuf,
}

/// Why a file cannot be put in its place.
#[derive(Debug, Error)]
pub enum AtomicError {
    /// A folder has that name.
    #[error("{} is a folder: name a file in it", .0.display())]
    IsFolder(PathBuf),
    /// A device, a pipe or a socket has that name, which a rename would destroy.
    #[error("{} is not a regular file: choose another name, or write to standard output with -", .0.display())]
    NotRegular(PathBuf),
    /// Somebody else may have put a link there to have another file overwritten.
    #[error("{} is a link of another user's in a folder that all may write to: name the file it leads to", .0.display())]
    OthersLink(PathBuf),
    /// The name is no file name, or links to itself.
    #[error("{} is not a name for a file: choose another one", .0.display())]
    BadName(PathBuf),
    /// The other name is in another folder.
    #[error("{} is not in the folder of the file that was begun: choose a name there", .0.display())]
    OtherFolder(PathBuf),
    /// Nothing can be written there.
    #[error("cannot create a file in {}: check that the folder exists and may be written to", folder.display())]
    Create {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was written did not reach the disk.
    #[error("cannot complete {}: {}", target.display(), advice(source))]
    Complete {
        /// The file's place.
        target: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What to do where a file cannot be completed.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space, or choose another disk"
        }
        io::ErrorKind::ResourceBusy => "something is mounted there; choose another name",
        _ => "choose another place",
    }
}

impl AtomicFile {
    /// Begins a file that is to be at `target`. Where that is a symbolic link, the file it leads to is replaced.
    pub fn create(target: &Path) -> Result<Self, AtomicError> {
        let target = resolve(target)?;
        let folder = folder(&target);
        let file = Temporary::new(folder, target.file_name().unwrap_or_default());
        let file = file.map_err(|source| AtomicError::Create { folder: folder.to_path_buf(), source })?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), target })
    }

    /// The file as it is now called. It is complete after [`Write::flush`].
    pub fn path(&self) -> &Path {
        self.file.get_ref().path()
    }

    /// The place that it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the file in its place, once it is on the disk.
    pub fn commit(self) -> Result<(), AtomicError> {
        let target = self.target.clone();
        self.persist(&target, Sync::Disk)
    }

    /// Puts the file in its place, and leaves it to the system when to bring it to the disk: a power cut in the next half
    /// minute can cost both the old file and the new one.
    pub fn commit_without_sync(self) -> Result<(), AtomicError> {
        let target = self.target.clone();
        self.persist(&target, Sync::Later)
    }

    /// Puts the file in another place in the same folder, and leaves its own place as it is.
    pub fn commit_to(self, other: &Path) -> Result<(), AtomicError> {
        let other = resolve(other)?;
        if folder(&other) != folder(&self.target) {
            return Err(AtomicError::OtherFolder(other));
        }
        self.persist(&other, Sync::Disk)
    }

    fn persist(self, target: &Path, sync: Sync) -> Result<(), AtomicError> {
        let failed = |source| AtomicError::Complete { target: target.to_path_buf(), source };
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        // The contents must be on the disk before the name is: else a power cut leaves an empty file there.
        if sync == Sync::Disk {
            file.sync().map_err(failed)?;
        }
        file.rename(target).map_err(failed)?;
        match sync {
            Sync::Disk => sync_folder(folder(target)).map_err(failed),
            Sync::Later => Ok(()),
        }
    }
}

/// When a file is brought to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    Disk,
    Later,
}

impl Target for AtomicFile {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(length))?;
        self.file.get_ref().set_len(length)
    }

    fn free(&self) -> Option<u64> {
        self.file.get_ref().free_space()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the rename last. Some network file systems cannot, and then they do not need it.
fn sync_folder(folder: &Path) -> io::Result<()> {
    fault::point()?;
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        // A folder that may be written to but not read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// The folder of a path that [`resolve`] returned.
fn folder(target: &Path) -> &Path {
    target.parent().unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::snapshot::target::check_room;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name =
            |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_committed_file_replaces_the_old_one() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        fs::write(&target, "old")?;
        let mut file = AtomicFile::create(&target)?;
        file.write_all(b"new")?;
        file.flush()?;
        assert_eq!((fs::read(file.path())?.as_slice(), fs::read(&target)?.as_slice()), (&b"new"[..], &b"old"[..]));
        file.commit()?;
        assert_eq!((fs::read_to_string(&target)?.as_str(), names(folder.path())), ("new", vec!["a.pkl".to_owned()]));
        assert_eq!(fs::metadata(&target)?.permissions().mode() & 0o777, 0o600);
        Ok(())
    }

    #[test]
    fn a_dropped_file_leaves_the_old_one() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        fs::write(&target, "old")?;
        let mut file = AtomicFile::create(&target)?;
        file.write_all(&[0; 2 * BUFFER])?;
        assert!(file.path().file_name().is_some_and(|name| name.to_string_lossy().starts_with(".snapcli-")));
        drop(file);
        assert_eq!((fs::read_to_string(&target)?.as_str(), names(folder.path())), ("old", vec!["a.pkl".to_owned()]));
        Ok(())
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() -> Outcome {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("far"))?;
        let (link, real) = (folder.path().join("link.pkl"), folder.path().join("far/real.pkl"));
        symlink("far/real.pkl", &link)?;
        // At first the link leads nowhere.
        for text in ["one", "two"] {
            let mut file = AtomicFile::create(&link)?;
            file.write_all(text.as_bytes())?;
            file.commit()?;
            assert_eq!(fs::read_to_string(&real)?, text);
            assert!(fs::symlink_metadata(&link)?.is_symlink());
        }
        Ok(())
    }

    #[test]
    fn it_can_be_committed_beside_its_place() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (target, beside) = (folder.path().join("a.pkl"), folder.path().join("a.crash.pkl"));
        fs::write(&target, "old")?;
        let mut file = AtomicFile::create(&target)?;
        file.write_all(b"new")?;
        file.commit_to(&beside)?;
        assert_eq!((fs::read_to_string(&target)?.as_str(), fs::read_to_string(&beside)?.as_str()), ("old", "new"));
        let elsewhere = tempfile::tempdir()?;
        let error = AtomicFile::create(&target)?.commit_to(&elsewhere.path().join("a.pkl"));
        assert!(matches!(error, Err(AtomicError::OtherFolder(_))));
        Ok(())
    }

    #[test]
    fn what_is_no_regular_file_is_refused() -> Outcome {
        let folder = tempfile::tempdir()?;
        let create = |path: &Path| AtomicFile::create(path).map(drop);
        assert!(matches!(create(folder.path()), Err(AtomicError::IsFolder(_))));
        assert!(matches!(create(Path::new("/dev/null")), Err(AtomicError::NotRegular(_))));
        assert!(matches!(create(&folder.path().join("none/a.pkl")), Err(AtomicError::Create { .. })));
        let circle = folder.path().join("circle");
        symlink("circle", &circle)?;
        assert!(matches!(create(&circle), Err(AtomicError::BadName(_))));
        Ok(())
    }

    #[test]
    fn a_path_through_links_and_parents_leads_to_its_file() -> Outcome {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?;
        fs::create_dir_all(root.join("a/b"))?;
        fs::create_dir(root.join("c"))?;
        symlink("../a/b", root.join("c/to_b"))?;
        symlink(root.join("c"), root.join("to_c"))?;
        symlink("to_c/to_b/../two.pkl", root.join("one.pkl"))?;
        for (path, place) in [
            ("a/../x.pkl", "x.pkl"),
            ("c/to_b/../x.pkl", "a/x.pkl"),
            ("to_c/to_b/./x.pkl", "a/b/x.pkl"),
            ("one.pkl", "a/two.pkl"),
        ] {
            assert_eq!(resolve(&root.join(path))?, root.join(place), "{path}");
        }
        assert!(matches!(resolve(&root.join("to_c/..")), Err(AtomicError::IsFolder(_))));
        fs::write(root.join("file"), "")?;
        assert!(matches!(resolve(&root.join("file/x.pkl")), Err(AtomicError::Create { .. })));
        Ok(())
    }

    /// Every call that changes the disk is made to fail, one after the other, and all behind it.
    #[test]
    fn a_fault_at_any_call_leaves_the_old_file_or_the_new_one() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        let save = |contents: &[u8]| -> Outcome {
            let mut file = AtomicFile::create(&target)?;
            for piece in contents.chunks(BUFFER / 3) {
                file.write_all(piece)?;
            }
            file.cut(contents.len() as u64)?;
            Ok(file.commit()?)
        };
        let (old, new) = (vec![1; 100], vec![2; 5 * BUFFER + 7]);
        save(&old)?;
        fault::fail_at(None);
        save(&new)?;
        let calls = fault::passed();
        assert!(calls > 8, "{calls}");
        for call in 0..calls {
            fault::fail_at(None);
            save(&old)?;
            fault::fail_at(Some(call));
            assert!(save(&new).is_err(), "call {call}");
            let found = fs::read(&target)?;
            // Only the last call, which makes the new name last, comes behind the rename.
            assert_eq!(found == new, call == calls - 1, "call {call}");
            assert!(found == new || found == old, "call {call}: {} bytes", found.len());
            assert_eq!(names(folder.path()), ["a.pkl"], "call {call}");
        }
        fault::fail_at(None);
        Ok(())
    }

    #[test]
    fn two_at_once_end_well_and_the_last_one_wins() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        let (mut first, mut second) = (AtomicFile::create(&target)?, AtomicFile::create(&target)?);
        first.write_all(b"first")?;
        second.write_all(b"second")?;
        second.commit()?;
        assert_eq!(fs::read_to_string(&target)?, "second");
        first.commit()?;
        assert_eq!((fs::read_to_string(&target)?.as_str(), names(folder.path())), ("first", vec!["a.pkl".to_owned()]));
        Ok(())
    }

    #[test]
    fn what_cannot_fit_is_refused_before_it_is_written() -> Outcome {
        let folder = tempfile::tempdir()?;
        let file = AtomicFile::create(&folder.path().join("a.pkl"))?;
        check_room(file.free(), 1)?;
        assert_eq!(check_room(file.free(), u64::MAX).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        Ok(())
    }
}

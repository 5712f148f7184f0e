//! A file that appears under its name when it is complete, or not at all.
//!
//! It is written beside its place under a name of its own and then renamed, which is one step for the file system.
//! Dropped without [`AtomicFile::commit`], it leaves no trace, and what was in its place stays untouched.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use super::target::Target;

/// Large enough for few system calls, small enough to stay in the cache.
const BUFFER: usize = 256 * 1024;
/// How many symbolic links are followed, as in Linux.
const MAX_LINKS: usize = 40;

/// A file that is being written.
#[derive(Debug)]
pub struct AtomicFile {
    file: BufWriter<NamedTempFile>,
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
    #[error("cannot complete {}: free some space, or choose another disk", target.display())]
    Complete {
        /// The file's place.
        target: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AtomicFile {
    /// Begins a file that is to be at `target`. Where that is a symbolic link, the file it leads to is replaced.
    pub fn create(target: &Path) -> Result<Self, AtomicError> {
        let target = resolve(target)?;
        let folder = folder(&target).to_path_buf();
        // Its mode is 0600 from the start: a session may hold what nobody else should read.
        let file = tempfile::Builder::new().prefix(".snapcli-").tempfile_in(&folder);
        let file = file.map_err(|source| AtomicError::Create { folder, source })?;
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
            file.as_file().sync_all().map_err(failed)?;
        }
        file.persist(target).map_err(|error| failed(error.error))?;
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
        self.file.get_ref().as_file().set_len(length)
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

/// The absolute path of the regular file, there or not yet, to which a path leads.
fn resolve(path: &Path) -> Result<PathBuf, AtomicError> {
    let bad_name = || AtomicError::BadName(path.to_path_buf());
    let mut path_now = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        if path_now.is_dir() {
            return Err(AtomicError::IsFolder(path.to_path_buf()));
        }
        let name = path_now.file_name().ok_or_else(bad_name)?.to_owned();
        let parent = path_now.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(parent);
        let folder = folder.map_err(|source| AtomicError::Create { folder: parent.to_path_buf(), source })?;
        let here = folder.join(name);
        match fs::symlink_metadata(&here) {
            // A link leads on from the folder it is in; an absolute one replaces that.
            Ok(found) if found.is_symlink() => path_now = folder.join(fs::read_link(&here).map_err(|_| bad_name())?),
            Ok(found) if !found.is_file() => return Err(AtomicError::NotRegular(path.to_path_buf())),
            _ => return Ok(here),
        }
    }
    Err(bad_name())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

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
}

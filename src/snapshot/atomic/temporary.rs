//! A file under a name that nobody asked for, which is gone when it is dropped without having got another.
//!
//! It is called `.snapcli-<target>-<process>-<random>`, and locked as long as its process lives: what a process left
//! that was killed, or that a power cut ended, has no lock, and the next save to that target removes it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fault;
use crate::snapshot::signals::{Guard, Listed};
use crate::snapshot::system;

/// As many characters of the target's name are in that of its temporary file: a name has 255 bytes at most.
const NAME: usize = 50;
/// The length of the random part.
const RANDOM: usize = 6;
/// A new file may be taken for a dead one in the moment before it is locked; so often in a row it is not.
const TRIES: usize = 100;

#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    /// None once it has got its name.
    path: Option<PathBuf>,
    process: u32,
    // Dropped in this order, behind the removal.
    _listed: Listed,
    _guard: Guard,
}

impl Temporary {
    /// Makes one in a folder, for the target with this name, and removes those that dead processes left there.
    pub(super) fn new(folder: &Path, target: &OsStr) -> io::Result<Self> {
        let guard = Guard::new();
        let prefix = prefix(target);
        sweep(folder, &prefix);
        let process = std::process::id();
        for _ in 0..TRIES {
            fault::point()?;
            let prefix = format!("{prefix}{process}-");
            // Its mode is 0600 from the start: a session may hold what nobody else should read.
            let made = tempfile::Builder::new().prefix(&prefix).rand_bytes(RANDOM).tempfile_in(folder)?;
            let (file, path) = made.keep()?;
            let _listed = Listed::new(&path);
            let made = Self { file, path: Some(path), process, _listed, _guard: Guard::new() };
            // Where there are no locks, nobody can take it for dead.
            let locked = system::try_lock(&made.file).unwrap_or(true);
            if locked && made.file.metadata()?.nlink() > 0 {
                drop(guard);
                return Ok(made);
            }
        }
        Err(io::Error::other("its new files are removed by another program"))
    }

    /// What it is called now.
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Brings it to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        fault::point()?;
        self.file.sync_all()
    }

    /// Gives it its name, in one step.
    pub(super) fn rename(mut self, target: &Path) -> io::Result<()> {
        fault::point()?;
        fs::rename(self.path(), target)?;
        self.path = None;
        Ok(())
    }

    /// Cuts it.
    pub(super) fn set_len(&self, length: u64) -> io::Result<()> {
        fault::point()?;
        self.file.set_len(length)
    }

    /// The bytes that are free where it is.
    pub(super) fn free_space(&self) -> Option<u64> {
        system::free_space(&self.file)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A child that a script forked has this in its memory, too.
        if let Some(path) = self.path.take_if(|_| std::process::id() == self.process) {
            // Where even that fails, a later save sweeps it.
            let _ = fs::remove_file(path);
        }
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault::point()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Temporary {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.file.seek(place)
    }
}

fn prefix(target: &OsStr) -> String {
    let name: String = target.to_string_lossy().chars().take(NAME).collect();
    format!(".snapcli-{name}-")
}

/// Removes the temporary files of a target whose processes are dead.
fn sweep(folder: &Path, prefix: &str) {
    // A folder that may be written to but not read keeps what it has.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if is_temporary(&entry.file_name(), prefix) {
            remove_if_dead(&entry.path());
        }
    }
}

fn is_temporary(name: &OsStr, prefix: &str) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(prefix.as_bytes()) else { return false };
    let mut parts = rest.splitn(2, |byte| *byte == b'-');
    let (process, random) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    !process.is_empty()
        && process.iter().all(u8::is_ascii_digit)
        && random.len() == RANDOM
        && random.iter().all(u8::is_ascii_alphanumeric)
}

fn remove_if_dead(path: &Path) {
    // A link or a pipe of that name is not ours.
    let open = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let Ok(file) = open else { return };
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    if is_file && system::try_lock(&file).unwrap_or(false) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_dead_processes_left_is_swept_and_nothing_else() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let alive = Temporary::new(folder.path(), OsStr::new("a.pkl"))?;
        let dead = [".snapcli-a.pkl-1-abcDE1", ".snapcli-a.pkl-4194304-000000"];
        let others = [".snapcli-a.pkl-1-abcDE", ".snapcli-a.pkl-b-1-abcDE1", ".snapcli-b.pkl-1-abcDE1", "a.pkl"];
        for name in dead.iter().chain(&others) {
            fs::write(folder.path().join(name), "x")?;
        }
        std::os::unix::fs::symlink("a.pkl", folder.path().join(".snapcli-a.pkl-2-abcDE1"))?;
        let second = Temporary::new(folder.path(), OsStr::new("a.pkl"))?;
        let name = |file: &Temporary| file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut expected: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
        expected.extend([".snapcli-a.pkl-2-abcDE1".to_owned(), name(&alive), name(&second)]);
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        Ok(())
    }

    #[test]
    fn the_longest_names_have_temporary_files() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["n".repeat(255), "é".repeat(127), "語".repeat(85)] {
            let file = Temporary::new(folder.path(), OsStr::new(&name))?;
            assert!(is_temporary(file.path().file_name().unwrap_or_default(), &prefix(OsStr::new(&name))));
        }
        assert_eq!(names(folder.path()), Vec::<String>::new());
        Ok(())
    }
}

//! A temporary file that is removed when it is dropped, unless it was renamed before.
//!
//! It is named `.snapcli-<target>-<process>-<random>` and locked while its process lives. A file without a lock was
//! left by a process that was killed, or by a power cut: the next save to the same target removes it. A process that
//! saves to one target again and again looks for such files once a second.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::fault_injection;
use super::replaced_file::ReplacedFile;
use super::signals::{self, CleanupEntry, SignalGuard};
use crate::snapshot::{system, work_meter};

/// A sync of this many bytes may take seconds.
const LONG_SYNC: u64 = 16 << 20;
/// How often signals are looked for meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
/// The most characters of the target's name that go into the temporary name: a file name has at most 255 bytes.
const NAME_CHARS: usize = 50;
const RANDOM_CHARS: usize = 6;
/// How long a process that has looked for the files of dead processes does not look again.
const LOOKED: Duration = Duration::from_secs(1);
/// The most targets that it remembers.
const MOST_LOOKED: usize = 16;
/// How often to try again if another process removes the new file before it is locked: once may happen, not this often.
const TRIES: usize = 100;

/// Brings a file to the disk, unless a signal comes first.
///
/// # Errors
/// Those of the file system, and [`signals::Interrupted`].
pub(crate) fn sync(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    if length < LONG_SYNC {
        return file.sync_all();
    }
    // Another thread waits for the disk. If a signal comes first, that thread is left to itself, and ends soon.
    let (of_thread, (sender, synced)) = (file.try_clone()?, channel());
    let is_wanted = Arc::new(());
    let wanted = Arc::downgrade(&is_wanted);
    let work = move || {
        let is_wanted = |done| {
            work_meter::synced(done, length);
            wanted.strong_count() > 0
        };
        system::write_back(&of_thread, length, is_wanted)?;
        if is_wanted(length) { of_thread.sync_all() } else { Ok(()) }
    };
    let started = thread::Builder::new().spawn(move || sender.send(work()));
    if started.is_err() {
        return file.sync_all();
    }
    loop {
        match synced.recv_timeout(PAUSE) {
            Ok(synced) => return synced,
            Err(RecvTimeoutError::Timeout) => signals::check()?,
            Err(RecvTimeoutError::Disconnected) => return file.sync_all(),
        }
    }
}

#[derive(Debug)]
pub(super) struct TempFile {
    file: File,
    /// `None` once it was renamed.
    path: Option<PathBuf>,
    process: u32,
    // Dropped after `Drop::drop` has removed the file.
    _cleanup: CleanupEntry,
    _guard: SignalGuard,
}

impl TempFile {
    /// Creates a file for `target` in `folder`, and removes those that dead processes left there for the same target.
    /// `mode` are the permissions, of which the umask takes some.
    pub(super) fn new(folder: &Path, target: &OsStr, mode: u32) -> io::Result<Self> {
        // Held from here on, so that the handlers are in place before there is a file to remove.
        let guard = SignalGuard::new();
        let prefix = prefix(target);
        if must_look(folder.join(&prefix)) {
            remove_abandoned(folder, &prefix);
        }
        let process = std::process::id();
        for _ in 0..TRIES {
            fault_injection::point()?;
            // The process id is for people; the lock shows whether the process lives.
            let prefix = format!("{prefix}{process}-");
            let made = tempfile::Builder::new()
                .prefix(&prefix)
                .rand_bytes(RANDOM_CHARS)
                .make_in(folder, |path| system::create_new(path, mode))?;
            let (file, path) = made.keep()?;
            let _cleanup = CleanupEntry::new(&path);
            let made = Self { file, path: Some(path), process, _cleanup, _guard: SignalGuard::new() };
            // Without locks on this file system, no other process can lock the file, so none removes it.
            let locked = system::try_lock(&made.file).unwrap_or(true);
            // Another save may have removed it as abandoned in the moment before it was locked.
            if locked && made.file.metadata()?.nlink() > 0 {
                drop(guard);
                return Ok(made);
            }
        }
        Err(io::Error::other("another process keeps deleting our temporary files"))
    }

    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        fault_injection::point()?;
        sync(&self.file)
    }

    /// Renames it, which replaces `target` in a single step.
    pub(super) fn rename(mut self, target: &Path) -> io::Result<()> {
        fault_injection::point()?;
        ReplacedFile::hold(target).while_it_is(|| fs::rename(self.path(), target))?;
        self.path = None;
        Ok(())
    }

    /// The same without a rename over the other file. ext4 writes a file to the disk at once that replaces another one
    /// in that way, which a save that does not wait for the disk does not want either.
    #[cfg_attr(not(target_os = "linux"), allow(unused_mut, reason = "changed only on Linux"))]
    pub(super) fn exchange(mut self, target: &Path) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            let swap = || renameat_with(CWD, self.path(), CWD, target, RenameFlags::EXCHANGE);
            fault_injection::point()?;
            let _replaced = ReplacedFile::hold_unsynced(target);
            if swap().is_ok() {
                self.remove_replaced().inspect_err(|_| {
                    // Perhaps it is no file any more: it gets its name back.
                    let _ = swap();
                })?;
                self.path = None;
                return Ok(());
            }
        }
        // There was no such file, or the file system does not know this.
        self.rename(target)
    }

    /// Removes the file that has been exchanged with this one.
    #[cfg(target_os = "linux")]
    fn remove_replaced(&self) -> io::Result<()> {
        fault_injection::point()?;
        match fs::remove_file(self.path()) {
            // Another save takes it for the temporary file of a process that was killed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    pub(super) fn set_len(&self, length: u64) -> io::Result<()> {
        fault_injection::point()?;
        self.file.set_len(length)
    }

    /// The file for reading, and its length.
    pub(super) fn reopened(&self) -> io::Result<(File, u64)> {
        Ok((self.file.try_clone()?, self.file.metadata()?.len()))
    }

    pub(super) fn free_space(&self) -> Option<u64> {
        system::free_space(&self.file)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A child process that the script forked has a copy of this struct, but the file is the parent's.
        if let Some(path) = self.path.take_if(|_| std::process::id() == self.process) {
            // If that fails, a later save removes it.
            let _ = fs::remove_file(path);
        }
    }
}

impl Write for TempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault_injection::point()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for TempFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

fn prefix(target: &OsStr) -> String {
    let name: String = target.to_string_lossy().chars().take(NAME_CHARS).collect();
    format!(".snapcli-{name}-")
}

/// Removes the temporary files for a target that were left by a process that has just ended.
pub(super) fn remove_leftovers(folder: &Path, target: &OsStr, process: u32) {
    let (prefix, own) = (prefix(target), format!("{}{process}-", prefix(target)));
    for _ in 0..TRIES {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let left: Vec<_> = entries
            .filter(|entry| entry.file_name().as_bytes().starts_with(own.as_bytes()))
            .filter(|entry| is_temp_name(&entry.file_name(), &prefix))
            .collect();
        if left.is_empty() {
            return;
        }
        // The system releases the locks of a process a moment after its pipes are closed.
        left.iter().for_each(|entry| remove_if_unlocked(&entry.path()));
        thread::sleep(PAUSE / 10);
    }
}

/// Whether this process has not looked for the temporary files of a target lately. `start` is how their paths begin.
fn must_look(start: PathBuf) -> bool {
    static LAST: Mutex<Vec<(Instant, PathBuf)>> = Mutex::new(Vec::new());
    // In a child that was forked while another thread had the lock, it stays locked.
    let Ok(mut last) = LAST.try_lock() else { return true };
    last.retain(|(looked, _)| looked.elapsed() < LOOKED);
    if last.iter().any(|(_, known)| *known == start) {
        return false;
    }
    if last.len() < MOST_LOOKED {
        last.push((Instant::now(), start));
    }
    true
}

/// Removes the temporary files of a target whose processes are dead.
fn remove_abandoned(folder: &Path, prefix: &str) {
    // A directory that may be written to but not read keeps its abandoned files.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if is_temp_name(&entry.file_name(), prefix) {
            remove_if_unlocked(&entry.path());
        }
    }
}

/// Whether a name is `prefix`, a process id, `-` and the random part. Strict, because what matches is deleted.
fn is_temp_name(name: &OsStr, prefix: &str) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(prefix.as_bytes()) else { return false };
    let mut parts = rest.splitn(2, |byte| *byte == b'-');
    let (process, random) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    !process.is_empty()
        && process.iter().all(u8::is_ascii_digit)
        && random.len() == RANDOM_CHARS
        && random.iter().all(u8::is_ascii_alphanumeric)
}

fn remove_if_unlocked(path: &Path) {
    // Do not follow a symlink or wait for a named pipe: neither is one of ours.
    let open = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let Ok(file) = open else { return };
    // The lock is released when `file` is dropped, after the removal.
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
    fn files_of_dead_processes_are_removed_and_nothing_else() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let alive = TempFile::new(folder.path(), OsStr::new("a.pkl"), 0o600)?;
        let dead = [".snapcli-a.pkl-1-abcDE1", ".snapcli-a.pkl-4194304-000000"];
        let others = [".snapcli-a.pkl-1-abcDE", ".snapcli-a.pkl-b-1-abcDE1", ".snapcli-b.pkl-1-abcDE1", "a.pkl"];
        for name in dead.iter().chain(&others) {
            fs::write(folder.path().join(name), "x")?;
        }
        std::os::unix::fs::symlink("a.pkl", folder.path().join(".snapcli-a.pkl-2-abcDE1"))?;
        // This process has just looked.
        let second = TempFile::new(folder.path(), OsStr::new("a.pkl"), 0o600)?;
        assert!(folder.path().join(dead[0]).exists());
        thread::sleep(LOOKED);
        let third = TempFile::new(folder.path(), OsStr::new("a.pkl"), 0o600)?;
        let name = |file: &TempFile| file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut expected: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
        expected.extend([".snapcli-a.pkl-2-abcDE1".to_owned(), name(&alive), name(&second), name(&third)]);
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        Ok(())
    }

    #[test]
    fn the_longest_names_have_temporary_files() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["n".repeat(255), "é".repeat(127), "語".repeat(85)] {
            let file = TempFile::new(folder.path(), OsStr::new(&name), 0o600)?;
            assert!(is_temp_name(file.path().file_name().unwrap_or_default(), &prefix(OsStr::new(&name))));
        }
        assert_eq!(names(folder.path()), Vec::<String>::new());
        Ok(())
    }
}

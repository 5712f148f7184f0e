//! A file that appears under its name when it is complete, or not at all.
//!
//! It is written to a temporary file in the same directory, which is then renamed: a single step for the file system.
//! If it is dropped without a commit, or a signal ends the process, the temporary file is removed and the old file
//! stays untouched. A temporary file left by SIGKILL or a power cut is removed by the next save to the same path.

mod atomic_error;
mod directory_sync;
mod fault_injection;
mod left_memory;
mod new_name;
mod replaced_file;
mod resolve;
pub(crate) mod signals;
mod temp_file;

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(crate) use self::atomic_error::{AtomicError, full_disk_advice};
pub(in crate::snapshot) use self::directory_sync::sync_directory;
pub(in crate::snapshot) use self::new_name::persist_new;
use self::resolve::resolve;
use self::temp_file::TempFile;
pub(crate) use self::temp_file::sync;
use super::reader::FileOutput;
use super::remote::{FaultKind, RemoteAddress, RemoteClient, RemoteError};
use super::save_target::SaveTarget;

/// The size of the write buffer in bytes. Nearly everything comes in larger pieces, which pass it by; to allocate and
/// free more memory would take longer than the system calls that it saves.
const BUFFER: usize = 32 * 1024;

#[derive(Debug)]
pub(crate) struct AtomicFile {
    file: BufWriter<TempFile>,
    target: PathBuf,
    /// The address that it is sent to instead.
    remote: Option<RemoteAddress>,
    /// Whether all that was written is on the disk.
    is_synced: bool,
}

/// The path of the file that a save to `path` replaces, without symlinks; `None` if it cannot be replaced.
pub(crate) fn resolved(path: &Path) -> Option<PathBuf> {
    if RemoteAddress::is_at(path) { Some(path.to_path_buf()) } else { resolve(path).ok() }
}

impl AtomicFile {
    /// Starts a file that will replace `target`. If that is a symlink, the file that it points to is replaced.
    /// Only this user can read it: a session is not for others.
    pub(crate) fn create(target: &Path) -> Result<Self, AtomicError> {
        Self::create_with_mode(target, 0o600)
    }

    /// The same for a file that others may read, as far as the umask allows it: a page for a web server.
    pub(crate) fn create_public(target: &Path) -> Result<Self, AtomicError> {
        Self::create_with_mode(target, 0o666)
    }

    fn create_with_mode(target: &Path, mode: u32) -> Result<Self, AtomicError> {
        if let Some(address) = RemoteAddress::of(target)? {
            return Self::create_remote(target, address);
        }
        let target = resolve(target)?;
        let folder = directory(&target);
        let file = TempFile::new(folder, target.file_name().unwrap_or_default(), mode);
        let file = file.map_err(|source| AtomicError::Create { folder: folder.to_path_buf(), source })?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), target, remote: None, is_synced: false })
    }

    /// The same for an object in object storage: it is sent there when it is complete.
    fn create_remote(target: &Path, address: RemoteAddress) -> Result<Self, AtomicError> {
        let folder = std::env::temp_dir();
        let file = TempFile::new(&folder, target.file_name().unwrap_or_default(), 0o600);
        let file = file.map_err(|source| AtomicError::Create { folder, source })?;
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { file, target: target.to_path_buf(), remote: Some(address), is_synced: false })
    }

    /// Fails if the target is an address that cannot be written to. Writes nothing.
    pub(crate) fn check_remote(target: &Path) -> Result<(), AtomicError> {
        match RemoteAddress::of(target)? {
            Some(address) => Ok(RemoteClient::new(&address)?.check_writable("")?),
            None => Ok(()),
        }
    }

    /// The path of the temporary file. After [`Write::flush`] it holds everything written so far.
    pub(crate) fn path(&self) -> &Path {
        self.file.get_ref().path()
    }

    /// Brings what was written so far to the disk: a commit that follows takes no time, and no signal interrupts it.
    /// Fails once a handled signal has arrived.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.remote.is_some() {
            return Ok(());
        }
        self.file.get_ref().sync()?;
        self.is_synced = true;
        Ok(())
    }

    /// Syncs the file to the disk and renames it to its target.
    pub(crate) fn commit(self) -> Result<(), AtomicError> {
        let target = self.target.clone();
        self.persist(&target, SyncMode::Now)
    }

    /// The same for a program that goes on: its contents are on the disk, and its name follows within milliseconds. A
    /// power cut in between leaves the old file.
    pub(crate) fn commit_and_go_on(self) -> Result<(), AtomicError> {
        let target = self.target.clone();
        self.persist(&target, SyncMode::Contents)
    }

    /// Renames the file to its target without a sync: a power cut in the next half minute can lose both the old file
    /// and the new one.
    pub(crate) fn commit_without_sync(self) -> Result<(), AtomicError> {
        let target = self.target.clone();
        self.persist(&target, SyncMode::Later)
    }

    /// Syncs the file and renames it to another name in the same directory; the target stays as it is.
    pub(crate) fn commit_to(self, other: &Path) -> Result<(), AtomicError> {
        if self.remote.is_some() {
            let remote = RemoteAddress::of(other)?;
            return Self { remote, ..self }.persist(other, SyncMode::Now);
        }
        let other = resolve(other)?;
        if directory(&other) != directory(&self.target) {
            return Err(AtomicError::OtherDirectory(other));
        }
        self.persist(&other, SyncMode::Now)
    }

    fn persist(self, target: &Path, sync: SyncMode) -> Result<(), AtomicError> {
        // Dropping `self.file` on an error removes the temporary file.
        let failed = |source| AtomicError::Complete { target: target.to_path_buf(), source };
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        if let Some(address) = self.remote {
            return send(&address, &file).map_err(AtomicError::Remote);
        }
        // The contents must be on the disk before the rename is: otherwise a power cut can leave an empty file.
        if sync == SyncMode::Later {
            return file.exchange(target).map_err(failed);
        }
        if !self.is_synced {
            file.sync().map_err(failed)?;
        }
        file.rename(target).map_err(failed)?;
        match sync {
            SyncMode::Contents => directory_sync::begin(directory(target)),
            _ => sync_directory(directory(target)),
        }
        .map_err(failed)
    }
}

/// Removes a file that was saved, at a path or an address.
pub(crate) fn remove_saved(path: &Path) -> io::Result<()> {
    match RemoteAddress::of(path)? {
        Some(address) => Ok(RemoteClient::new(&address)?.remove(vec![String::new()])?),
        None => std::fs::remove_file(path),
    }
}

/// Uploads a file to an address. The object appears when the upload is complete.
fn send(address: &RemoteAddress, file: &TempFile) -> Result<(), RemoteError> {
    let disk = |error: io::Error| RemoteError::new(FaultKind::Disk, "send", address.to_string(), error.to_string());
    let mut uploads = RemoteClient::new(address)?.uploads()?;
    let (file, length) = file.reopened().map_err(disk)?;
    uploads.add(String::new(), file, length, false);
    uploads.finish().map(drop)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SyncMode {
    /// Wait until the file is on the disk, with its name.
    Now,
    /// Wait until its contents are.
    Contents,
    /// Do not wait.
    Later,
}

impl SaveTarget for AtomicFile {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.is_synced = false;
        // Seeking flushes the buffer first, so nothing of it lands after the cut.
        self.file.seek(SeekFrom::Start(length))?;
        self.file.get_ref().set_len(length)
    }

    fn read_path(&mut self) -> io::Result<Option<PathBuf>> {
        self.flush()?;
        Ok(Some(self.path().to_owned()))
    }

    fn free(&self) -> Option<u64> {
        self.file.get_ref().free_space()
    }
}

impl FileOutput for AtomicFile {}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_synced = false;
        self.file.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.is_synced = false;
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Removes the temporary files for `target` that were left by a process that was killed.
pub(crate) fn remove_leftovers(target: &Path, process: u32) {
    if let Ok(target) = resolve(target) {
        temp_file::remove_leftovers(directory(&target), target.file_name().unwrap_or_default(), process);
    }
}

/// The directory of a path that [`resolve()`] returned.
fn directory(target: &Path) -> &Path {
    target.parent().unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::snapshot::save_target::check_room;

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
    fn a_file_is_replaced_however_long_the_save_waits() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        type Commit = fn(AtomicFile) -> Result<(), AtomicError>;
        let ways: [Commit; 3] = [AtomicFile::commit, AtomicFile::commit_and_go_on, AtomicFile::commit_without_sync];
        // At first there is no file, then a small one, and then a large one.
        for (number, commit) in (0..3_u8).flat_map(|round| ways.iter().map(move |commit| (round, commit))) {
            let contents = vec![number; 1 + usize::from(number) * (5 << 20)];
            if number == 0 {
                fs::remove_file(&target).or_else(|error| if target.exists() { Err(error) } else { Ok(()) })?;
            }
            let mut file = AtomicFile::create(&target)?;
            file.write_all(&contents)?;
            commit(file)?;
            assert!(fs::read(&target)? == contents, "{number}");
            assert_eq!(names(folder.path()), ["a.pkl"], "{number}");
        }
        Ok(())
    }

    #[test]
    fn a_directory_that_took_the_place_of_the_target_stays() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        for commit in [AtomicFile::commit_and_go_on, AtomicFile::commit_without_sync] {
            let mut file = AtomicFile::create(&target)?;
            file.write_all(b"new")?;
            fs::create_dir(&target)?;
            fs::write(target.join("kept"), "kept")?;
            assert!(commit(file).is_err());
            assert_eq!(
                (names(folder.path()), fs::read_to_string(target.join("kept"))?),
                (vec!["a.pkl".to_owned()], "kept".to_owned())
            );
            fs::remove_dir_all(&target)?;
        }
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
    fn a_symlink_stays_and_its_target_is_replaced() -> Outcome {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("far"))?;
        let (link, real) = (folder.path().join("link.pkl"), folder.path().join("far/real.pkl"));
        symlink("far/real.pkl", &link)?;
        // At first the symlink is dangling.
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
    fn a_file_can_be_committed_to_another_name() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (target, beside) = (folder.path().join("a.pkl"), folder.path().join("a.crash.pkl"));
        fs::write(&target, "old")?;
        let mut file = AtomicFile::create(&target)?;
        file.write_all(b"new")?;
        file.commit_to(&beside)?;
        assert_eq!((fs::read_to_string(&target)?.as_str(), fs::read_to_string(&beside)?.as_str()), ("old", "new"));
        let elsewhere = tempfile::tempdir()?;
        let error = AtomicFile::create(&target)?.commit_to(&elsewhere.path().join("a.pkl"));
        assert!(matches!(error, Err(AtomicError::OtherDirectory(_))));
        Ok(())
    }

    #[test]
    fn anything_but_a_regular_file_is_refused() -> Outcome {
        let folder = tempfile::tempdir()?;
        let create = |path: &Path| AtomicFile::create(path).map(drop);
        assert!(matches!(create(folder.path()), Err(AtomicError::IsDirectory(_))));
        assert!(matches!(create(Path::new("/dev/null")), Err(AtomicError::NotRegular(_))));
        assert!(matches!(create(&folder.path().join("none/a.pkl")), Err(AtomicError::Create { .. })));
        let circle = folder.path().join("circle");
        symlink("circle", &circle)?;
        assert!(matches!(create(&circle), Err(AtomicError::BadName(_))));
        Ok(())
    }

    #[test]
    fn a_path_through_symlinks_and_parents_is_resolved() -> Outcome {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?;
        fs::create_dir_all(root.join("a/b"))?;
        fs::create_dir(root.join("c"))?;
        symlink("../a/b", root.join("c/to_b"))?;
        symlink(root.join("c"), root.join("to_c"))?;
        symlink("to_c/to_b/../two.pkl", root.join("one.pkl"))?;
        for (path, expected) in [
            ("a/../x.pkl", "x.pkl"),
            ("c/to_b/../x.pkl", "a/x.pkl"),
            ("to_c/to_b/./x.pkl", "a/b/x.pkl"),
            ("one.pkl", "a/two.pkl"),
        ] {
            assert_eq!(resolve(&root.join(path))?, root.join(expected), "{path}");
        }
        assert!(matches!(resolve(&root.join("to_c/..")), Err(AtomicError::IsDirectory(_))));
        fs::write(root.join("file"), "")?;
        assert!(matches!(resolve(&root.join("file/x.pkl")), Err(AtomicError::Create { .. })));
        Ok(())
    }

    /// Fails each call that changes the disk, one after the other, and all calls after it.
    #[test]
    fn a_fault_at_any_call_leaves_the_old_file_or_the_new_one() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("a.pkl");
        type Commit = fn(AtomicFile) -> Result<(), AtomicError>;
        // With whether a call that may fail comes after the rename: the one that syncs the directory.
        let ways: [(Commit, bool); 3] = [
            (AtomicFile::commit, true),
            (AtomicFile::commit_and_go_on, true),
            (AtomicFile::commit_without_sync, false),
        ];
        for (commit, syncs_directory) in ways {
            let save = |contents: &[u8]| -> Outcome {
                let mut file = AtomicFile::create(&target)?;
                for chunk in contents.chunks(BUFFER / 3) {
                    file.write_all(chunk)?;
                }
                file.cut(contents.len() as u64)?;
                Ok(commit(file)?)
            };
            let (old, new) = (vec![1; 100], vec![2; 5 * BUFFER + 7]);
            save(&old)?;
            fault_injection::fail_at(None);
            save(&new)?;
            let calls = fault_injection::passed();
            assert!(calls > 8, "{calls}");
            for call in 0..calls {
                fault_injection::fail_at(None);
                save(&old)?;
                fault_injection::fail_at(Some(call));
                assert!(save(&new).is_err(), "call {call}");
                let found = fs::read(&target)?;
                assert_eq!(found == new, syncs_directory && call == calls - 1, "call {call}");
                assert!(found == new || found == old, "call {call}: {} bytes", found.len());
                assert_eq!(names(folder.path()), ["a.pkl"], "call {call}");
            }
            fault_injection::fail_at(None);
        }
        Ok(())
    }

    #[test]
    fn the_last_of_two_concurrent_saves_wins() -> Outcome {
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
    fn an_array_that_cannot_fit_is_refused_before_it_is_written() -> Outcome {
        let folder = tempfile::tempdir()?;
        let file = AtomicFile::create(&folder.path().join("a.pkl"))?;
        check_room(file.free(), 1)?;
        assert_eq!(check_room(file.free(), u64::MAX).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        Ok(())
    }
}

//! Gives a complete file a name that no file has yet.
//!
//! Linux can rename without replacing, and elsewhere a hard link does the same. exFAT, and some file systems on a
//! network or in user space, have neither. There, writers take turns: they lock the folder while they look and rename.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tempfile::{NamedTempFile, PersistError};

/// Gives a temporary file in the folder of `path` this name. Returns false, and removes the file, if there is one.
pub(in crate::snapshot) fn persist_new(file: NamedTempFile, path: &Path) -> io::Result<bool> {
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(PersistError { error, .. }) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(PersistError { error, file }) if has_no_links(&error) => persist_in_turn(file, path),
        Err(PersistError { error, .. }) => Err(error),
    }
}

/// Whether this is what a file system answers that has no hard links. Some say `EPERM`, as for a lack of permissions.
fn has_no_links(error: &io::Error) -> bool {
    const ANSWERS: [i32; 4] = [libc::EPERM, libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL];
    error.raw_os_error().is_some_and(|number| ANSWERS.contains(&number))
}

fn persist_in_turn(file: NamedTempFile, path: &Path) -> io::Result<bool> {
    // The lock ends with the descriptor. Without locks on this file system, two writers at once are not noticed.
    let folder = File::open(path.parent().unwrap_or(path))?;
    while flock(&folder, FlockOperation::LockExclusive) == Err(rustix::io::Errno::INTR) {}
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    file.persist(path).map(|_| true).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn one_of_many_writers_gets_a_name() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        for (way, name) in [(persist_new as fn(_, &Path) -> _, "linked"), (persist_in_turn, "in turn")] {
            let path = root.path().join(name);
            let persist = |number: u8| -> io::Result<bool> {
                let mut file = NamedTempFile::new_in(root.path())?;
                file.as_file_mut().write_all(&[number])?;
                way(file, &path)
            };
            let winners: Vec<u8> = std::thread::scope(|scope| {
                let start = |number| scope.spawn(move || persist(number).expect("an answer").then_some(number));
                let threads: Vec<_> = (0..16).map(start).collect();
                threads.into_iter().filter_map(|thread| thread.join().expect("an answer")).collect()
            });
            assert_eq!(winners, fs::read(&path)?, "{name}");
        }
        // The files of the others are gone.
        assert_eq!(fs::read_dir(root.path())?.count(), 2);
        Ok(())
    }
}

//! The place that a path leads to: links are followed, as `cp` does, but not where somebody else may have put them.
//!
//! A link in a folder that all may write to, such as `/tmp`, is followed only if it is the user's own or that of the
//! folder's owner. This is what `protected_symlinks` does (proc(5), `/proc/sys/fs`), for systems that have it not.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::AtomicError;
use crate::snapshot::system;

/// How many symbolic links are followed, as in Linux.
const MAX_LINKS: usize = 40;
/// The permission of all to write.
const ALL_WRITE: u32 = 0o002;

/// The absolute path of the regular file, there or not yet, to which a path leads. No part of it is a link.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, AtomicError> {
    let bad_name = || AtomicError::BadName(path.to_path_buf());
    let no_folder = |source| AtomicError::Create { folder: named_folder(path), source };
    let absolute = std::path::absolute(path).map_err(|_| bad_name())?;
    let mut waiting = parts(&absolute);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = waiting.pop() {
        let next = match part {
            Part::Root => PathBuf::from("/"),
            Part::Parent => here.parent().unwrap_or(&here).to_path_buf(),
            Part::Name(name) => here.join(name),
        };
        let last = waiting.is_empty();
        match fs::symlink_metadata(&next) {
            Ok(found) if found.is_dir() && last => return Err(AtomicError::IsFolder(path.to_path_buf())),
            Ok(found) if found.is_dir() => here = next,
            Ok(found) if found.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(bad_name());
                }
                if !is_safe(&here, &found) {
                    return Err(AtomicError::OthersLink(next));
                }
                // It leads on from the folder it is in; an absolute one begins with the root.
                waiting.extend(parts(&fs::read_link(&next).map_err(|_| bad_name())?));
            }
            Ok(_) if !last => return Err(no_folder(io::ErrorKind::NotADirectory.into())),
            Ok(found) if !found.is_file() => return Err(AtomicError::NotRegular(path.to_path_buf())),
            Ok(_) => return Ok(next),
            Err(error) if error.kind() == io::ErrorKind::NotFound && last => return Ok(next),
            Err(error) => return Err(no_folder(error)),
        }
    }
    Err(bad_name())
}

/// Whether a link may be followed that is in this folder.
fn is_safe(folder: &Path, link: &Metadata) -> bool {
    let Ok(folder) = fs::symlink_metadata(folder) else { return false };
    folder.mode() & ALL_WRITE == 0 || link.uid() == system::user() || link.uid() == folder.uid()
}

/// A step of a path.
enum Part {
    Root,
    Parent,
    Name(OsString),
}

/// The steps of a path, the first at the end.
fn parts(path: &Path) -> Vec<Part> {
    let part = |component: Component<'_>| match component {
        Component::RootDir => Some(Part::Root),
        Component::ParentDir => Some(Part::Parent),
        Component::Normal(name) => Some(Part::Name(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// The folder as it was named.
fn named_folder(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

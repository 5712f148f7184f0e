//! Why a store, or a snapshot in one, cannot be used. Each message names the thing and says what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::packed_object::UnpackError;
use super::snapshot_names::{MAX_NAME, OF_FAILED, OF_NEWEST};
use super::store_target::StoredSnapshot;
use crate::snapshot::atomic::full_disk_advice;
use crate::snapshot::remote::RemoteError;

/// How many numbers or names a message lists.
const LISTED: usize = 12;
/// How similar a name must be to be suggested, from 0 to 1.
const SIMILAR: f64 = 0.75;

/// Why a store cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A folder or file that is no store.
    #[error("{0} is not a store: `snapcli save -o {0}/ SCRIPT` makes one, in a new or an empty folder")]
    NotAStore(String),
    /// There is nothing at the path.
    #[error("there is no store {0}: check its name (`snapcli save -o {0}/ SCRIPT` makes one)")]
    Missing(String),
    /// A file where a store was meant.
    #[error("{0} is a file, and a store is a folder: `snapcli save -o NAME/ SCRIPT` makes one")]
    IsFile(String),
    /// A folder with other files where a store was to be made.
    #[error("{} has other files in it and is not a store: name a new or an empty folder", .0.display())]
    OtherFolder(PathBuf),
    /// A target that names a snapshot of a store.
    #[error("{} names a snapshot, and snapshots of a store are never changed: save to the store, {}/", .0.display(),
        .0.parent().unwrap_or(.0).display())]
    NamesSnapshot(PathBuf),
    /// A store of a later version.
    #[error("{folder} is a store of version {version}, which is newer than 1: update snapcli")]
    Newer {
        /// The store.
        folder: String,
        /// Its version.
        version: u64,
    },
    /// A part of a store that is something else.
    #[error(
        "{} is no folder, or a symlink to one: put the folder itself there; a symlink may lead to the store as a whole",
        .0.display()
    )]
    LinkedPart(PathBuf),
    /// The store holds no snapshot.
    #[error("{0} has no snapshots yet: save one with `snapcli save -o {0}/ SCRIPT`")]
    Empty(String),
    /// There is no snapshot with this number.
    #[error("{folder} has no snapshot @{number}: it has {}", listed_numbers(known))]
    NoNumber {
        /// The store.
        folder: String,
        /// The number, as it was typed.
        number: String,
        /// Those that exist, ascending.
        known: Vec<u64>,
    },
    /// There is no snapshot with this name.
    #[error("{folder} has no snapshot @{name}: {}", listed_names(name, known))]
    NoName {
        /// The store.
        folder: String,
        /// The name.
        name: String,
        /// Those that exist, sorted.
        known: Vec<String>,
    },
    /// A name whose snapshot is not in the store.
    #[error(
        "the snapshot @{number} that @{name} names is not in {folder}: it was removed, or was not copied with the name \
         (`snapcli log {folder}/` lists the others)"
    )]
    DanglingName {
        /// The store.
        folder: String,
        /// The name.
        name: String,
        /// The number of the snapshot.
        number: u64,
    },
    /// A snapshot that is complete, but could not get its name.
    #[error(
        "the snapshot is saved as {}, but not under the name {name} (`snapcli import {} {}/ --name {name}` adds it \
         once more, with that name)",
        address.display(), address.display(), address.parent().unwrap_or(address).display()
    )]
    Unnamed {
        /// The path that stands for the snapshot.
        address: PathBuf,
        /// Its number.
        number: u64,
        /// What was written for it, in bytes.
        added: u64,
        /// The number of variables that are new or differ.
        changed: u64,
        /// The name that it should have.
        name: String,
        /// Why the name could not be written.
        #[source]
        problem: Box<StoreError>,
    },
    /// Not a number, and not allowed as a name.
    #[error("{0:?} cannot name a snapshot: {rule}", rule = name_rule(.0))]
    BadName(String),
    /// The message of a snapshot is too long.
    #[error("the message has {0} bytes: use at most {MAX_MESSAGE}")]
    LongMessage(usize),
    /// A snapshot that was opened is gone.
    #[error("{} was removed in the meantime: another process has pruned the store", .0.display())]
    Removed(PathBuf),
    /// The file that makes a folder a store is damaged.
    #[error("{} is damaged: put the one of a copy of the store in its place, or use another store", .0.display())]
    DamagedMarker(PathBuf),
    /// The folder has all parts of a store but the file that makes it one.
    #[error(
        "{0} lacks its file snapcli-store.json: put the one of a copy of the store there, or save to {0}/, which makes \
         a new one and leaves the snapshots as they are"
    )]
    LostMarker(String),
    /// A file of the store is damaged.
    #[error("snapshot @{number} of {folder} is damaged: {problem}")]
    DamagedSnapshot {
        /// The store.
        folder: String,
        /// The number of the snapshot.
        number: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file of a name does not say which snapshot it stands for.
    #[error(
        "the file of the name @{name} in {folder} is damaged, so that the snapshot that it keeps is not known: nothing \
         was removed (`snapcli prune --drop-damaged` removes the name)"
    )]
    DamagedName {
        /// The store.
        folder: String,
        /// The name.
        name: String,
    },
    /// An object cannot be read.
    #[error("the object {name} {problem}")]
    Object {
        /// The name of the object.
        name: String,
        /// What is wrong.
        problem: ObjectProblem,
    },
    /// The lock cannot be taken.
    #[error("cannot lock {}: its file system must support locks for this", .0.display())]
    Lock(PathBuf, #[source] io::Error),
    /// An address in object storage cannot be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The system's error.
    #[error("{}", unusable_path(path, source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// What is wrong with an object.
#[derive(Debug, Error)]
pub enum ObjectProblem {
    /// There is no such file.
    #[error("is missing: copy the store again, or use another snapshot")]
    Missing,
    /// Its length is wrong, or it is no regular file.
    #[error("has another length than it should: copy the store again, or use another snapshot")]
    Length,
    /// Its bytes do not match its name.
    #[error("does not match its name, which is its checksum: copy the store again, or use another snapshot")]
    Checksum,
    /// Its contents cannot be had.
    #[error("is damaged ({0}): copy the store again, or use another snapshot")]
    Packed(UnpackError),
    /// The system's error.
    #[error("cannot be read ({0}): check the disk and the permissions")]
    Io(io::Error),
}

/// The longest message of a snapshot in bytes.
pub(super) const MAX_MESSAGE: usize = 4096;

impl StoreError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| match source.downcast::<RemoteError>() {
            Ok(error) => Self::Remote(error),
            Err(source) => Self::Io { path: path.to_path_buf(), source },
        }
    }

    /// Whether a store or a snapshot of it does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        if let Self::Remote(error) = self {
            return error.is_missing();
        }
        matches!(
            self,
            Self::Missing(_) | Self::Empty(_) | Self::NoNumber { .. } | Self::NoName { .. } | Self::DanglingName { .. }
        )
    }

    /// The snapshot that is in the store all the same.
    pub(crate) fn stored(&self) -> Option<StoredSnapshot> {
        let Self::Unnamed { address, number, added, changed, .. } = self else { return None };
        Some(StoredSnapshot { number: *number, added: *added, changed: *changed, address: address.clone() })
    }

    /// Whether the user may not read or write a file of the store, which says nothing about the file.
    pub(crate) fn is_denied(&self) -> bool {
        let (Self::Io { source, .. } | Self::Object { problem: ObjectProblem::Io(source), .. }) = self else {
            return false;
        };
        source.kind() == io::ErrorKind::PermissionDenied
    }

    /// Whether the user named something that does not exist, or is something else: a usage error.
    pub(crate) fn is_wrong_name(&self) -> bool {
        if let Self::Remote(error) = self {
            return error.is_wrong_name();
        }
        if self.is_denied() {
            return true;
        }
        !matches!(
            self,
            Self::DamagedSnapshot { .. }
                | Self::DamagedName { .. }
                | Self::DamagedMarker(_)
                | Self::LostMarker(_)
                | Self::Object { .. }
                | Self::Unnamed { .. }
                | Self::Lock(..)
                | Self::Io { .. }
        )
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Remote(error) => error.into(),
            error => Self::other(error),
        }
    }
}

/// What cannot be done with a file or folder of a store, and what to do if its disk is the cause.
fn unusable_path(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match full_disk_advice(error) {
        Some(advice) => format!("cannot write to {path}: {advice}"),
        None => format!("cannot read or write {path}"),
    }
}

/// The numbers as ranges: `1 to 5, 8 and 9`.
fn listed_numbers(known: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in known {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let words = ranges.iter().map(|(first, last)| match last.saturating_sub(*first) {
        0 => format!("@{first}"),
        1 => format!("@{first} and @{last}"),
        _ => format!("@{first} to @{last}"),
    });
    let words: Vec<String> = words.collect();
    match words.split_at_checked(words.len().saturating_sub(LISTED)) {
        _ if words.is_empty() => "none".to_owned(),
        Some((left_out, shown)) if !left_out.is_empty() => format!("{} and earlier ones", shown.join(", ")),
        _ => words.join(", "),
    }
}

/// What a name must be that is not allowed.
fn name_rule(name: &str) -> String {
    if OF_NEWEST.contains(&name) {
        return format!("@{name} always stands for the newest one");
    }
    if OF_FAILED.contains(&name) {
        return format!("@{name} stands for the newest one whose script or check failed");
    }
    if name.len() > MAX_NAME {
        return format!("it has {} bytes, and may have {MAX_NAME}", name.len());
    }
    "use letters, digits, -, _ and ., with a letter or digit first, and not only digits".to_owned()
}

fn listed_names(name: &str, known: &[String]) -> String {
    let closest = known.iter().map(|other| (strsim::jaro_winkler(name, other), other));
    let closest = closest.filter(|(score, _)| *score >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0));
    let names: Vec<String> = known.iter().take(LISTED).map(|name| format!("@{name}")).collect();
    let more = if known.len() > LISTED { " and more (see `snapcli log`)" } else { "" };
    match closest {
        _ if known.is_empty() => "none has a name (`snapcli log` lists the numbers)".to_owned(),
        Some((_, other)) if known.len() > 1 => {
            format!("did you mean @{other}? Its names are {}{more}", names.join(", "))
        }
        Some((_, other)) => format!("did you mean @{other}?"),
        None if known.len() == 1 => format!("its only name is {}", names.join("")),
        None => format!("its names are {}{more}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_exists() {
        let no_number = |known: &[u64]| {
            StoreError::NoNumber { folder: "runs.snaps".to_owned(), number: "7".to_owned(), known: known.to_vec() }
                .to_string()
        };
        assert_eq!(no_number(&[1, 2, 3, 5, 6, 9]), "runs.snaps has no snapshot @7: it has @1 to @3, @5 and @6, @9");
        let many: Vec<u64> = (0..40).map(|number| number * 2).collect();
        assert!(no_number(&many).ends_with("@74, @76, @78 and earlier ones"));
        let no_name = |known: &[&str]| {
            let known = known.iter().map(|name| (*name).to_owned()).collect();
            StoreError::NoName { folder: "r".to_owned(), name: "bset".to_owned(), known }.to_string()
        };
        assert_eq!(no_name(&[]), "r has no snapshot @bset: none has a name (`snapcli log` lists the numbers)");
        assert_eq!(no_name(&["best"]), "r has no snapshot @bset: did you mean @best?");
        let two = "r has no snapshot @bset: did you mean @best? Its names are @best, @first";
        assert_eq!(no_name(&["best", "first"]), two);
        assert_eq!(no_name(&["x", "y"]), "r has no snapshot @bset: its names are @x, @y");
    }
}

//! Checks a whole store: every snapshot, that every object it needs is there, and that every object matches its name.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::object_name::ObjectName;
use super::store_error::StoreError;
use super::store_files::{entries_of, open_regular};
use super::store_folder::Store;
use super::store_history::HistoryEntry;
use super::upstream::Upstream;
use crate::snapshot::reader::Progress;
use crate::snapshot::worker_threads::in_threads;

/// How many bytes are read and hashed at a time.
const PIECE: usize = 256 << 10;
const MAX_THREADS: usize = 16;
/// How many objects of object storage are hashed between two steps of a progress bar.
const HASHED: usize = 32;

/// What a check of a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreCheck {
    /// The snapshots, by number, each with what is wrong with it.
    pub(crate) snapshots: Vec<(u64, Vec<String>)>,
    /// How many objects there are.
    pub(crate) objects: u64,
    /// The bytes of all objects.
    pub(crate) bytes: u64,
    /// How many objects no snapshot needs: `prune` removes them.
    pub(crate) unneeded: u64,
    /// The names whose snapshots are not there, with the numbers of the snapshots.
    pub(crate) dangling: Vec<(String, u64)>,
    /// The names whose files do not say which snapshots they stand for.
    pub(crate) unreadable: Vec<String>,
    /// Whether there are objects that do not match their names.
    pub(crate) has_wrong_objects: bool,
    /// Whether the next save that needs one of these writes it again.
    pub(crate) are_marked: bool,
}

impl StoreCheck {
    /// Whether nothing is wrong.
    pub(crate) fn is_whole(&self) -> bool {
        self.dangling.is_empty()
            && self.unreadable.is_empty()
            && self.snapshots.iter().all(|(_, problems)| problems.is_empty())
    }
}

/// The bytes of all objects, for a progress bar.
pub(crate) fn object_bytes(store: &Store) -> Result<u64, StoreError> {
    Ok(objects(store)?.values().sum())
}

/// The bytes of all objects and snapshots of a store on this machine; `None` for one in object storage, where they must
/// be listed.
///
/// # Errors
/// If its folders cannot be read.
pub(crate) fn local_bytes(store: &Store) -> Result<Option<u64>, StoreError> {
    match store.upstream() {
        Some(_) => Ok(None),
        None => {
            let length = |number| fs::metadata(store.snapshot_path(number)).map_or(0, |found| found.len());
            let snapshots: u64 = store.numbers()?.into_iter().map(length).sum();
            Ok(Some(object_bytes(store)? + snapshots))
        }
    }
}

/// Checks a store. `progress` is called with the number of bytes that were read.
///
/// # Errors
/// If its folders cannot be read. Damage is not an error.
pub(crate) fn check(store: &Store, progress: Progress<'_>) -> Result<StoreCheck, StoreError> {
    // No `prune` removes anything meanwhile. Saves go on: what a snapshot needs is there before the snapshot.
    let _lock = store.lock_reading();
    let history = store.history()?;
    let objects = objects(store)?;
    let all: Vec<(ObjectName, u64)> = objects.iter().map(|(name, length)| (*name, *length)).collect();
    let faults = faults_of(store, &all, progress)?;
    let mut checked = StoreCheck { objects: all.len() as u64, bytes: objects.values().sum(), ..StoreCheck::default() };
    let mut unneeded = objects.clone();
    checked.has_wrong_objects = !faults.is_empty();
    checked.are_marked = store.mark_damaged(faults.iter().filter(|(_, fault)| **fault == WRONG).map(|(name, _)| name));
    checked.dangling = store.dangling_names()?;
    checked.unreadable = store.unreadable_names()?;
    for entry in history {
        let mut problems = Vec::new();
        match store.needed_by(&entry) {
            Ok(needed) => {
                for (name, length) in needed {
                    unneeded.remove(&name);
                    problems.extend(match (objects.get(&name), faults.get(&name)) {
                        (None, _) => Some(format!("the object {name} is missing")),
                        (Some(found), _) if *found != length => {
                            Some(format!("the object {name} has {found} bytes and not {length}"))
                        }
                        (_, Some(fault)) => Some(format!("the object {name} {fault}")),
                        _ => None,
                    });
                }
            }
            Err(StoreError::DamagedSnapshot { problem, .. }) => problems.push(problem),
            Err(error) => return Err(error),
        }
        problems.extend(store.false_claim_of(&entry));
        checked.snapshots.push((entry.number, problems));
    }
    if !checked.is_whole() {
        // Where there are no locks, a `prune` may have removed what is missing.
        let left = store.numbers()?;
        checked.snapshots.retain(|(number, problems)| problems.is_empty() || left.contains(number));
    }
    checked.unneeded = unneeded.len() as u64;
    Ok(checked)
}

/// The objects that do not match their names.
pub(super) fn damaged_objects(store: &Store) -> Result<Vec<ObjectName>, StoreError> {
    damaged_among(store, &Vec::from_iter(objects(store)?))
}

/// The same among some objects.
pub(super) fn damaged_among(store: &Store, objects: &[(ObjectName, u64)]) -> Result<Vec<ObjectName>, StoreError> {
    let faults = faults_of(store, objects, &|_| {})?;
    Ok(faults.into_iter().filter(|(_, fault)| *fault == WRONG).map(|(name, _)| name).collect())
}

fn faults_of(
    store: &Store,
    objects: &[(ObjectName, u64)],
    progress: Progress<'_>,
) -> Result<HashMap<ObjectName, &'static str>, StoreError> {
    match store.upstream() {
        Some(upstream) => check_upstream(upstream, objects, progress),
        None => check_objects(store, objects, progress),
    }
}

/// What is wrong with a snapshot: whether all objects that it needs are there, and with `reads`, whether each matches
/// its name.
///
/// # Errors
/// If its folders cannot be read. Damage is not an error.
pub(crate) fn problem_of(store: &Store, entry: &HistoryEntry, reads: bool) -> Result<Option<String>, StoreError> {
    let needed = match store.needed_by(entry) {
        Ok(needed) => Vec::from_iter(needed),
        Err(StoreError::DamagedSnapshot { problem, .. }) => return Ok(Some(problem)),
        Err(error) => return Err(error),
    };
    for (name, length) in &needed {
        match store.find_object(name)? {
            Some(found) if found == *length => {}
            Some(found) => return Ok(Some(format!("the object {name} has {found} bytes and not {length}"))),
            None => return Ok(Some(format!("the object {name} is missing"))),
        }
    }
    if !reads {
        return Ok(None);
    }
    let faults = check_objects(store, &needed, &|_| {})?;
    Ok(faults.iter().next().map(|(name, fault)| format!("the object {name} {fault}")))
}

/// The objects of a store with the lengths of their files.
fn objects(store: &Store) -> Result<BTreeMap<ObjectName, u64>, StoreError> {
    if let Some(upstream) = store.upstream() {
        return Ok(upstream.objects()?.into_iter().collect());
    }
    let folder = store.objects();
    let mut found = BTreeMap::new();
    for entry in entries_of(&folder).map_err(StoreError::io(&folder))? {
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| ObjectName::from_hex(name.as_bytes()));
        found.extend(name.and_then(|name| Some((name, store.object_length(&name)?))));
    }
    Ok(found)
}

const WRONG: &str = "does not match its name, which is its checksum";
const UNREADABLE: &str = "cannot be read";

/// What is wrong with objects in object storage. They are not kept.
fn check_upstream(
    upstream: &Upstream,
    objects: &[(ObjectName, u64)],
    progress: Progress<'_>,
) -> Result<HashMap<ObjectName, &'static str>, StoreError> {
    let mut faults = HashMap::new();
    for some in objects.chunks(HASHED) {
        for (name, found) in upstream.hash(some)? {
            match found {
                Some(found) if found == name => {}
                Some(_) => drop(faults.insert(name, WRONG)),
                None => drop(faults.insert(name, UNREADABLE)),
            }
        }
        progress(some.iter().map(|(_, length)| length).sum());
    }
    Ok(faults)
}

/// What is wrong with objects, on all processors.
fn check_objects(
    store: &Store,
    objects: &[(ObjectName, u64)],
    progress: Progress<'_>,
) -> Result<HashMap<ObjectName, &'static str>, StoreError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<_>, StoreError> {
        let (mut faults, mut buffer) = (Vec::new(), vec![0; PIECE]);
        while let Some((name, _)) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            match hash(store, name, &mut buffer, progress) {
                Ok(found) if found == *name => {}
                Ok(_) => faults.push((*name, WRONG)),
                // That says nothing about its bytes.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(StoreError::io(&store.object_path(name))(error));
                }
                Err(_) => faults.push((*name, UNREADABLE)),
            }
        }
        Ok(faults)
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS).min(objects.len().max(1));
    in_threads(threads, work).into_iter().try_fold(HashMap::new(), |mut all, faults| {
        all.extend(faults?);
        Ok(all)
    })
}

impl Store {
    /// Whether an object matches its name.
    pub(super) fn has_hash(&self, name: &ObjectName) -> bool {
        hash(self, name, &mut vec![0; PIECE], &|_| {}).is_ok_and(|found| found == *name)
    }
}

fn hash(store: &Store, name: &ObjectName, buffer: &mut [u8], progress: Progress<'_>) -> io::Result<ObjectName> {
    let (mut file, _) = open_regular(&store.object_path(name))?;
    let mut hasher = blake3::Hasher::new();
    loop {
        let count = file.read(buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            return Ok(ObjectName::from(hasher.finalize()));
        }
        hasher.update(piece);
        progress(count as u64);
    }
}

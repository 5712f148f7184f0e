//! Locks on a store in object storage, which has no locks of its own: objects below `locks/`, whose age counts.
//!
//! A save writes a lease before it checks whether a `prune` has one; a `prune` writes its own before it checks for
//! those of saves. A list in object storage includes every object that was written before the request, so at least one
//! of the two sees the other: the save removes its lease and waits, and the `prune` waits until the saves have ended. A
//! lease is rewritten every minute. If it is ten minutes old, by the clock of the storage, its process has died.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::store_error::StoreError;
use super::store_files::random_id;
use super::upstream::Upstream;
use crate::snapshot::atomic::signals::{self, EndHold, SignalGuard};
use crate::snapshot::remote::{ListedObject, RemoteError, Renewal};

const FOLDER: &str = "locks/";
const SAVE: &str = "locks/save-";
const PRUNE: &str = "locks/prune-";
/// How often a lease is rewritten.
const RENEWED: Duration = Duration::from_secs(60);
/// A lease of this age, in seconds, has expired.
const EXPIRED: i64 = 600;
/// A process that could not renew its lease for this long, in seconds, assumes that it is lost.
const LOST: u64 = 300;
/// How often to check whether other processes have released their leases.
const PAUSE: Duration = Duration::from_secs(1);
/// How often to check for signals meanwhile.
const TICK: Duration = Duration::from_millis(20);

/// A lock on a store in object storage, until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    upstream: Arc<Upstream>,
    key: String,
    /// When it was written last, in seconds since 1970.
    written: Arc<AtomicU64>,
    _renewal: Renewal,
    process: u32,
    /// Whether it may be in the store.
    is_there: bool,
    // In this order: what a signal has left to do is done before its handler goes.
    _hold: EndHold,
    _guard: SignalGuard,
}

impl Lease {
    /// The lock that many saves may hold at once, while no `prune` does. `waiting` is called while it waits.
    pub(super) fn for_save(upstream: &Arc<Upstream>, waiting: &mut dyn FnMut()) -> Result<Self, StoreError> {
        loop {
            let lease = Self::new(upstream, SAVE)?;
            let others = lease.others()?;
            if !others.iter().any(|other| other.key.starts_with(PRUNE)) {
                return Ok(lease);
            }
            drop(lease);
            pause(PAUSE)?;
            waiting();
        }
    }

    /// The lock that only one `prune` holds, while nothing is saved. `waiting` is called once if it has to wait.
    pub(super) fn for_prune(upstream: &Arc<Upstream>, waiting: &mut dyn FnMut()) -> Result<Self, StoreError> {
        let mut has_waited = false;
        let mut wait = |how_long: Duration| {
            if !std::mem::replace(&mut has_waited, true) {
                waiting();
            }
            pause(how_long)
        };
        loop {
            let lease = Self::new(upstream, PRUNE)?;
            loop {
                let others = lease.others()?;
                if others.iter().any(|other| other.key.starts_with(PRUNE)) {
                    break;
                }
                if others.is_empty() {
                    lease.remove_expired()?;
                    return Ok(lease);
                }
                wait(PAUSE)?;
            }
            drop(lease);
            // A random wait, so that two that begin at the same time do not keep blocking each other.
            wait(PAUSE.mul_f64(1.0 + random_share()))?;
        }
    }

    fn new(upstream: &Arc<Upstream>, prefix: &str) -> Result<Self, StoreError> {
        let id = random_id::<8>().map_err(StoreError::io(upstream.shown()))?;
        let key = format!("{prefix}{id}");
        let text = b"snapcli is at work here\n".to_vec();
        // Before it is written: from then on, a signal must not end this process without giving it back.
        let (guard, hold) = (SignalGuard::new(), EndHold::new());
        let written = Arc::new(AtomicU64::new(now()));
        let noted = Arc::clone(&written);
        let note = Arc::new(move || noted.store(now(), Ordering::Relaxed));
        let renewal = upstream.client().renew(&key, text.clone(), RENEWED, note)?;
        let (upstream, process) = (Arc::clone(upstream), std::process::id());
        let mut lease =
            Self { upstream, key, written, _renewal: renewal, process, is_there: true, _hold: hold, _guard: guard };
        let put = lease.upstream.client().put(&lease.key, text);
        lease.is_there = matches!(put, Ok(()) | Err(RemoteError::Interrupted));
        put?;
        Ok(lease)
    }

    fn list(&self) -> Result<(Vec<ListedObject>, i64), StoreError> {
        let listed = self.upstream.client().list(FOLDER)?;
        // The own lease was written a moment ago: its time is that of the storage clock.
        let now = listed.iter().find(|object| object.key == self.key).map_or(i64::MIN, |mine| mine.modified);
        Ok((listed, now))
    }

    /// The leases of other processes that have not expired.
    fn others(&self) -> Result<Vec<ListedObject>, StoreError> {
        let (mut listed, now) = self.list()?;
        listed.retain(|other| other.key != self.key && now.saturating_sub(other.modified) < EXPIRED);
        Ok(listed)
    }

    /// Removes the leases of processes that were killed.
    fn remove_expired(&self) -> Result<(), StoreError> {
        let (listed, now) = self.list()?;
        let expired = listed.into_iter().filter(|other| now.saturating_sub(other.modified) >= EXPIRED);
        Ok(self.upstream.client().remove(expired.map(|other| other.key).collect())?)
    }

    /// Whether other processes may assume that this one has died, as it was stopped or had no connection.
    pub(super) fn is_lost(&self) -> bool {
        now().abs_diff(self.written.load(Ordering::Relaxed)) > LOST
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.process == std::process::id() && self.is_there {
            // If that fails, it expires.
            self.upstream.client().give_back(&self.key);
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A number from 0 to 1.
fn random_share() -> f64 {
    let mut byte = [128];
    // Without a random number, any other will do.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

fn pause(how_long: Duration) -> Result<(), StoreError> {
    let started = Instant::now();
    while started.elapsed() < how_long {
        signals::check().map_err(StoreError::io(std::path::Path::new("")))?;
        std::thread::sleep(TICK);
    }
    Ok(())
}

//! Hashes of raw buffers that need no second look: the memory of an array that was not written to has the hash that it
//! had at the save before.
//!
//! A buffer is watched from the second save in a row that finds the same contents in it, so that an array that the
//! script fills again and again costs it nothing: the first write to a watched page takes a page fault. The watch
//! begins before the hash is made, so a write at any later time is noticed.
//!
//! Only whole pages can be watched, so the bytes before the first one and behind the last one are kept and compared.
//! Watched pages never overlap: to watch a page anew would hide the writes to it from its other buffer.
//!
//! A device that writes to memory while a watch begins is not noticed: asynchronous direct I/O that is in flight. The
//! buffers that are hashed all the same, others with each save, find that out later.

mod own_mappings;
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "no_write_watch.rs"
)]
mod write_watch;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use blake3::Hash;

use self::write_watch::WriteWatch;
use super::object_writer::hash_memory;

/// Shorter buffers are hashed in less time than a question to the kernel is worth.
const MIN_LENGTH: usize = 256 << 10;
/// How many buffers are known at most.
const MOST_BUFFERS: usize = 4096;
/// For how many saves a buffer that none of them had stays known: saves of other sessions may come between.
const KEPT_SAVES: u64 = 8;
/// How long a save takes at most to begin watches. Those that are left begin with the next save.
const LONGEST_START: Duration = Duration::from_millis(20);

/// Addresses, from the start of a page to the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PageRange {
    start: usize,
    end: usize,
}

impl PageRange {
    fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// What is known of this process.
static KNOWN: Mutex<KnownBuffers> = Mutex::new(KnownBuffers::new(0));

#[derive(Debug)]
struct KnownBuffers {
    /// A forked child inherits this, but none of the watches.
    process: u32,
    save: u64,
    watch: WatchState,
    /// By address.
    buffers: BTreeMap<usize, KnownBuffer>,
}

#[derive(Debug)]
enum WatchState {
    NotTried,
    Possible(WriteWatch),
    Impossible,
}

#[derive(Debug)]
struct KnownBuffer {
    length: usize,
    hash: Hash,
    /// The last save that had it.
    save: u64,
    watched: Option<WatchedPages>,
}

/// The pages of a buffer that are watched since before it was hashed.
#[derive(Debug)]
struct WatchedPages {
    pages: PageRange,
    /// The bytes of the buffer that are not on these pages.
    before: Vec<u8>,
    behind: Vec<u8>,
}

/// The hashes of the buffers of one save.
#[derive(Debug)]
pub(super) struct BufferHashes {
    /// `None` if there is none.
    pagemap: Option<File>,
    /// How long this save took so far to begin watches.
    spent: Duration,
}

impl BufferHashes {
    /// For a save that begins.
    pub(super) fn new() -> Self {
        let has_watches = KNOWN.try_lock().is_ok_and(|mut known| known.begin_save());
        // Opened for each save: a forked child must not ask about its parent.
        let pagemap = has_watches.then(|| File::open("/proc/self/pagemap").ok()).flatten();
        Self { pagemap, spent: Duration::ZERO }
    }

    /// BLAKE3 of a buffer. If `is_checked` says so of the hash that it had, the buffer is hashed even if it seems
    /// untouched.
    ///
    /// # Errors
    /// If a signal interrupts it.
    pub(super) fn of(&mut self, contents: &[u8], is_checked: impl FnOnce(&Hash) -> bool) -> io::Result<Hash> {
        if contents.len() < MIN_LENGTH {
            return hash_memory(contents);
        }
        match KNOWN.try_lock() {
            Ok(mut known) if known.process == std::process::id() => self.known_hash(&mut known, contents, is_checked),
            // Another thread saves as well, or did so when this process was forked from it.
            Ok(_) | Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => hash_memory(contents),
        }
    }

    /// Notes the hash of a buffer that was written without [`of`](Self::of).
    pub(super) fn note(&self, contents: &[u8], hash: Hash) {
        if contents.len() >= MIN_LENGTH
            && let Ok(mut known) = KNOWN.try_lock()
            && known.process == std::process::id()
        {
            known.forget(contents);
            known.insert(contents, hash, None);
        }
    }

    fn known_hash(
        &mut self,
        known: &mut KnownBuffers,
        contents: &[u8],
        is_checked: impl FnOnce(&Hash) -> bool,
    ) -> io::Result<Hash> {
        let Some(KnownBuffer { hash: before, watched, .. }) = known.take(contents) else {
            let hash = hash_memory(contents)?;
            known.insert(contents, hash, None);
            return Ok(hash);
        };
        if let Some(watched) = watched {
            let is_untouched = watched.is_untouched(contents, self.pagemap.as_ref());
            if is_untouched && !is_checked(&before) {
                known.insert(contents, before, Some(watched));
                return Ok(before);
            }
            let hash = hash_memory(contents)?;
            if hash != before && is_untouched && watched.is_untouched(contents, self.pagemap.as_ref()) {
                // The kernel cannot be relied on.
                known.give_up();
            }
            let watched = known.end_unless(is_untouched && hash == before, Some(watched));
            known.insert(contents, hash, watched);
            return Ok(hash);
        }
        let watched = self.begin_watch(known, contents);
        let hash = hash_memory(contents)?;
        let watched = known.end_unless(hash == before, watched);
        known.insert(contents, hash, watched);
        Ok(hash)
    }

    /// Watches a buffer, if that is possible.
    fn begin_watch(&mut self, known: &mut KnownBuffers, contents: &[u8]) -> Option<WatchedPages> {
        if self.spent >= LONGEST_START {
            return None;
        }
        let began = Instant::now();
        let pages = WatchedPages::of(contents);
        let is_watched = own_mappings::allow_watching() && known.watch(pages.pages);
        self.spent += began.elapsed();
        is_watched.then_some(pages)
    }
}

impl WatchedPages {
    /// The pages that lie in a buffer as a whole.
    fn of(contents: &[u8]) -> Self {
        let page = rustix::param::page_size();
        let address = contents.as_ptr().addr();
        let before = (page - address % page) % page;
        let pages = (contents.len() - before) / page * page;
        let (start, behind) = (address + before, before + pages);
        let edge = |from: usize, to: usize| contents.get(from..to).unwrap_or_default().to_vec();
        Self {
            pages: PageRange { start, end: start + pages },
            before: edge(0, before),
            behind: edge(behind, contents.len()),
        }
    }

    /// Whether a buffer, which is at the same place, holds what it held when the watch began.
    fn is_untouched(&self, contents: &[u8], pagemap: Option<&File>) -> bool {
        contents.starts_with(&self.before)
            && contents.ends_with(&self.behind)
            && pagemap.is_some_and(|pagemap| write_watch::is_untouched(pagemap, self.pages))
    }
}

impl KnownBuffers {
    const fn new(process: u32) -> Self {
        Self { process, save: 0, watch: WatchState::NotTried, buffers: BTreeMap::new() }
    }

    /// Forgets what no save had for long. Returns whether anything is watched.
    fn begin_save(&mut self) -> bool {
        let process = std::process::id();
        if self.process != process {
            *self = Self::new(process);
        }
        self.save += 1;
        let oldest = self.save.saturating_sub(KEPT_SAVES);
        let watch = &self.watch;
        self.buffers.retain(|_, buffer| {
            let is_kept = buffer.save >= oldest;
            if !is_kept && let (WatchState::Possible(watch), Some(watched)) = (watch, &buffer.watched) {
                watch.end(watched.pages);
            }
            is_kept
        });
        self.buffers.values().any(|buffer| buffer.watched.is_some())
    }

    /// Removes what is known of a buffer, and returns it, unless another one was there.
    fn take(&mut self, contents: &[u8]) -> Option<KnownBuffer> {
        if self.buffers.get(&contents.as_ptr().addr())?.length == contents.len() {
            return self.buffers.remove(&contents.as_ptr().addr());
        }
        self.forget(contents);
        None
    }

    /// Removes what is known of the buffer at this address.
    fn forget(&mut self, contents: &[u8]) {
        let buffer = self.buffers.remove(&contents.as_ptr().addr());
        self.end_unless(false, buffer.and_then(|buffer| buffer.watched));
    }

    fn insert(&mut self, contents: &[u8], hash: Hash, watched: Option<WatchedPages>) {
        if self.buffers.len() < MOST_BUFFERS {
            let buffer = KnownBuffer { length: contents.len(), hash, save: self.save, watched };
            self.buffers.insert(contents.as_ptr().addr(), buffer);
        }
    }

    /// Watches these pages, and ends the watches of other buffers that have some of them. Returns whether they are
    /// watched.
    fn watch(&mut self, pages: PageRange) -> bool {
        if matches!(self.watch, WatchState::NotTried) {
            self.watch = WriteWatch::new().map_or(WatchState::Impossible, WatchState::Possible);
        }
        let WatchState::Possible(watch) = &self.watch else { return false };
        for buffer in self.buffers.values_mut() {
            if let Some(other) = buffer.watched.take_if(|other| other.pages.overlaps(pages)) {
                watch.end(other.pages);
            }
        }
        // A mapping that takes the place of this one in between is not watched.
        let is_watched = watch.begin(pages).is_ok() && own_mappings::are_own(pages);
        if !is_watched {
            watch.end(pages);
        }
        is_watched
    }

    /// Returns `watched` if it `is_right`, and ends the watch if not.
    fn end_unless(&self, is_right: bool, watched: Option<WatchedPages>) -> Option<WatchedPages> {
        let watched = watched?;
        if is_right {
            return Some(watched);
        }
        if let WatchState::Possible(watch) = &self.watch {
            watch.end(watched.pages);
        }
        None
    }

    /// Never watches anything again.
    fn give_up(&mut self) {
        self.watch = WatchState::Impossible;
        self.buffers.clear();
    }
}

#[cfg(test)]
mod tests {
    use memmap2::{MmapMut, UncheckedAdvice};

    use super::*;

    type WatchOutcome = Result<(), Box<dyn std::error::Error>>;

    /// Memory that no other test uses, long enough to be watched.
    fn memory() -> io::Result<MmapMut> {
        let mut memory = MmapMut::map_anon(4 * MIN_LENGTH)?;
        memory.fill(7);
        Ok(memory)
    }

    /// Hashes a buffer, and returns whether it was known to be untouched.
    fn is_known(known: &mut KnownBuffers, contents: &[u8]) -> io::Result<bool> {
        let pagemap = File::open("/proc/self/pagemap").ok();
        let mut hashes = BufferHashes { pagemap, spent: Duration::ZERO };
        let mut is_known = false;
        let hash = hashes.known_hash(known, contents, |_| {
            is_known = true;
            false
        })?;
        assert_eq!(hash, blake3::hash(contents));
        Ok(is_known)
    }

    /// Hashes a buffer until it is watched. Returns whether that is possible here.
    fn watch(known: &mut KnownBuffers, contents: &[u8]) -> io::Result<bool> {
        is_known(known, contents)?;
        is_known(known, contents)?;
        let is_possible = own_mappings::allow_watching() && WriteWatch::new().is_ok();
        assert_eq!(is_known(known, contents)?, is_possible);
        Ok(is_possible)
    }

    fn known() -> KnownBuffers {
        KnownBuffers::new(std::process::id())
    }

    #[test]
    fn a_write_to_any_byte_of_a_buffer_is_seen() -> WatchOutcome {
        let mut memory = memory()?;
        // Neither the start nor the end of a page.
        let (start, end) = (100, 3 * MIN_LENGTH + 5000);
        for at in [start, start + 1, 5000, MIN_LENGTH, end - 4097, end - 1] {
            let mut known = known();
            let is_possible = watch(&mut known, memory.get(start..end).ok_or("short")?)?;
            // What is beside it does not count.
            *memory.get_mut(start - 1).ok_or("short")? ^= 1;
            *memory.get_mut(end).ok_or("short")? ^= 1;
            assert_eq!(is_known(&mut known, memory.get(start..end).ok_or("short")?)?, is_possible);
            *memory.get_mut(at).ok_or("short")? ^= 1;
            assert!(!is_known(&mut known, memory.get(start..end).ok_or("short")?)?, "{at}");
        }
        Ok(())
    }

    #[test]
    fn a_watch_that_begins_hides_no_write_from_another_buffer() -> WatchOutcome {
        let mut memory = memory()?;
        let mut known = known();
        watch(&mut known, &memory)?;
        let inner = MIN_LENGTH..3 * MIN_LENGTH;
        is_known(&mut known, memory.get(inner.clone()).ok_or("short")?)?;
        *memory.get_mut(2 * MIN_LENGTH).ok_or("short")? ^= 1;
        // The second time it finds the same contents, and is watched.
        is_known(&mut known, memory.get(inner.clone()).ok_or("short")?)?;
        is_known(&mut known, memory.get(inner).ok_or("short")?)?;
        assert!(!is_known(&mut known, &memory)?);
        Ok(())
    }

    #[test]
    fn pages_that_were_dropped_count_as_written() -> WatchOutcome {
        let memory = memory()?;
        let mut known = known();
        watch(&mut known, &memory)?;
        // SAFETY: nothing refers to the bytes, which are zeros afterwards.
        #[allow(unsafe_code)]
        unsafe {
            memory.unchecked_advise_range(UncheckedAdvice::DontNeed, MIN_LENGTH, MIN_LENGTH)?;
        }
        assert!(!is_known(&mut known, &memory)?);
        Ok(())
    }

    #[test]
    fn other_memory_at_the_same_place_is_not_known() -> WatchOutcome {
        let first = memory()?;
        let mut known = known();
        watch(&mut known, &first)?;
        let address = first.as_ptr();
        drop(first);
        // Most often at the same address. Its bytes are zeros, and were never written.
        let second = MmapMut::map_anon(4 * MIN_LENGTH)?;
        assert!(!is_known(&mut known, &second)?, "{}", address == second.as_ptr());
        Ok(())
    }

    #[test]
    fn memory_that_others_can_write_to_is_not_watched() -> WatchOutcome {
        let file = tempfile::tempfile()?;
        file.set_len(4 * MIN_LENGTH as u64)?;
        // SAFETY: nothing else has this file.
        #[allow(unsafe_code)]
        let shared = unsafe { MmapMut::map_mut(&file)? };
        // SAFETY: as before.
        #[allow(unsafe_code)]
        let copied = unsafe { memmap2::MmapOptions::new().map_copy(&file)? };
        for contents in [&*shared, &*copied] {
            let mut known = known();
            for _ in 0..4 {
                assert!(!is_known(&mut known, contents)?);
            }
        }
        Ok(())
    }

    #[test]
    fn buffers_that_no_save_had_for_long_are_forgotten() -> WatchOutcome {
        let (memory, mut known) = (memory()?, known());
        let is_possible = watch(&mut known, &memory)?;
        for _ in 0..KEPT_SAVES {
            assert_eq!(known.begin_save(), is_possible);
        }
        assert!(!known.begin_save() && known.buffers.is_empty());
        Ok(())
    }
}

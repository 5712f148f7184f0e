//! Watches a child from within: a thread records that the child is alive, and ends it if it hangs. A child can hang
//! where a reducer waits for a lock that another thread held during the fork: the child does not have that thread.
//!
//! The records are in an unnamed file that the parent has open as well.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::held_descriptor::HeldDescriptor;
use super::process_identity::stat_fields;
use super::unseen_fork::exit_now;
use crate::snapshot::atomic::signals;
use crate::snapshot::work_meter;

/// A child that uses the processor without any progress is ended after this many times the limit.
const BUSY: u32 = 30;
/// How often the thread checks the child.
const PAUSE: Duration = Duration::from_millis(50);
/// The other threads count as waiting if they used less than one part in this many of the time.
const WAITING_SHARE: u32 = 100;

/// The offsets of the parts of the file.
const BEAT_AT: u64 = 0;
const STATE_AT: u64 = 8;
const ANSWER_AT: u64 = 16;

/// What a child has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildState {
    /// It works, or has ended without an answer.
    Working,
    /// It has answered.
    Answered,
    /// It hung.
    Hung,
}

const STATES: [ChildState; 3] = [ChildState::Working, ChildState::Answered, ChildState::Hung];

/// The notes of a child.
#[derive(Debug)]
pub(super) struct ChildNotes(HeldDescriptor<File>);

impl ChildNotes {
    pub(super) fn new() -> io::Result<Self> {
        tempfile::tempfile().map(|file| Self(HeldDescriptor::new(file)))
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        self.file()?.try_clone().map(|file| Self(HeldDescriptor::new(file)))
    }

    pub(super) fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.number()
    }

    fn file(&self) -> io::Result<&File> {
        self.0.get().ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
    }

    /// Whether the script has not closed the file.
    pub(super) fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    /// A number that changes while the child lives.
    pub(super) fn beat(&self) -> u64 {
        let mut bytes = [0; 8];
        self.file().and_then(|file| file.read_exact_at(&mut bytes, BEAT_AT)).map_or(0, |()| u64::from_le_bytes(bytes))
    }

    pub(super) fn state(&self) -> ChildState {
        let mut bytes = [0];
        let read = self.file().and_then(|file| file.read_exact_at(&mut bytes, STATE_AT));
        let number = read.map_or(0, |()| usize::from(bytes[0]));
        STATES.get(number).copied().unwrap_or(ChildState::Working)
    }

    fn set_state(&self, state: ChildState) -> io::Result<()> {
        let number = STATES.iter().position(|known| *known == state).unwrap_or(0);
        self.file()?.write_all_at(&[u8::try_from(number).unwrap_or(0)], STATE_AT)
    }

    /// Writes the answer of the child.
    pub(super) fn answer(&self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all_at(bytes, ANSWER_AT)?;
        self.set_state(ChildState::Answered)
    }

    /// The answer of a child that has ended.
    pub(super) fn read_answer(&self) -> io::Result<Vec<u8>> {
        let length = self.file()?.metadata()?.len().saturating_sub(ANSWER_AT);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file()?.read_exact_at(&mut bytes, ANSWER_AT)?;
        Ok(bytes)
    }
}

/// Starts the thread that watches this process.
pub(super) fn start(notes: &Arc<ChildNotes>, limit: Duration) -> io::Result<()> {
    let notes = Arc::clone(notes);
    Builder::new().name("snapcli-watch".to_owned()).spawn(move || watch(&notes, limit)).map(drop)
}

fn watch(notes: &ChildNotes, limit: Duration) -> ! {
    let mut beat: u64 = 0;
    let (mut steps, mut used) = (work_meter::steps(), used_time());
    let (mut idle, mut stuck) = (Duration::ZERO, Duration::ZERO);
    loop {
        std::thread::sleep(PAUSE);
        beat += 1;
        // If the file cannot be written, the parent takes this process for dead.
        let _ = notes.file().and_then(|file| file.write_all_at(&beat.to_le_bytes(), BEAT_AT));
        let (steps_now, used_now) = (work_meter::steps(), used_time());
        let is_busy = used_now.saturating_sub(used) * WAITING_SHARE > PAUSE;
        stuck = if steps_now == steps { stuck + PAUSE } else { Duration::ZERO };
        // The process of a trial load has a limit of its own.
        let is_idle = !stuck.is_zero() && !is_busy && !work_meter::is_trying() && is_asleep();
        idle = if is_idle { idle + PAUSE } else { Duration::ZERO };
        (steps, used) = (steps_now, used_now);
        if idle >= limit || (stuck >= limit * BUSY && !work_meter::is_trying()) {
            let _ = notes.set_state(ChildState::Hung);
            signals::remove_files();
            exit_now(1);
        }
    }
}

/// The CPU time of all threads but this one.
fn used_time() -> Duration {
    let time = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    time(ClockId::ProcessCPUTime).saturating_sub(time(ClockId::ThreadCPUTime))
}

/// Whether all threads but this one sleep, and not in a wait for the disk. Little CPU time alone proves nothing: on a
/// busy machine, a runnable thread may not get any.
fn is_asleep() -> bool {
    let own = rustix::thread::gettid().as_raw_nonzero().to_string();
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let others = threads.filter(|thread| thread.file_name() != own.as_str());
    others
        .filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok())
        .all(|text| stat_fields(&text).and_then(|mut fields| fields.next()) == Some("S"))
}

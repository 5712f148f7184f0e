//! Saves in a forked child, while the script goes on: `snapcli.save(wait=False)`, `save --every` and `%snap auto`.
//!
//! The child has a copy of the memory as it was at the fork. It saves, writes its answer to an unnamed file, and exits.
//! The parent learns of the exit from a pipe that nothing is written to. [`ChildEnd`] says whether there is an answer:
//! if the child was killed, or hung, the caller saves the session in the foreground.
#![allow(unsafe_code)]

mod at_fork_functions;
mod child_setup;
mod child_watch;
mod file_offsets;
mod fork_safety;
mod held_descriptor;
mod process_identity;
mod shared_mappings;
mod unseen_fork;

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::at_fork_functions::AtForkFunctions;
use self::child_watch::{ChildNotes, ChildState};
use self::file_offsets::FileOffsets;
pub(crate) use self::fork_safety::reason_against_fork;
pub(crate) use self::held_descriptor::HeldDescriptor;
use self::process_identity::ProcessIdentity;
use self::shared_mappings::SharedCopies;
use self::unseen_fork::{SignalMask, exit_now};
use super::ambient::note_generators;
use super::api::Turn;
use crate::python::deferred_signals::{Tolerated as _, check_signals};
use crate::snapshot::atomic::signals;

/// How often Python may handle signals while a child is waited for.
const PAUSE: Duration = Duration::from_millis(50);
/// A child may be silent for this long, whatever the limit: the machine may be busy.
const LEAST_SILENCE: Duration = Duration::from_secs(1);
/// How long a child that was killed may take to end.
const END: Duration = Duration::from_secs(1);

/// A process that saves.
#[derive(Debug)]
pub(crate) struct SavingChild {
    process: i32,
    identity: Option<ProcessIdentity>,
    /// The read end of a pipe: at end of file when the process has ended.
    alive: HeldDescriptor<PipeReader>,
    notes: ChildNotes,
    silence: Mutex<ChildSilence>,
    /// Whether the parent killed it because it was silent.
    was_silent: AtomicBool,
}

/// How long a child has not noted that it is alive: it may be stopped, as by SIGSTOP.
#[derive(Debug)]
struct ChildSilence {
    beat: u64,
    /// When the parent last looked.
    looked: Instant,
    silent: Duration,
}

impl ChildSilence {
    /// Returns whether the child has been silent for too long. A parent that was stopped as well, or looks rarely, must
    /// find it silent at least twice: a single look after a long time proves nothing.
    fn is_too_long(&mut self, beat: u64) -> bool {
        let most = fork_safety::limit().max(LEAST_SILENCE);
        let now = Instant::now();
        let since = now.saturating_duration_since(self.looked).min(most / 2);
        self.silent = if beat == self.beat { self.silent + since } else { Duration::ZERO };
        (self.beat, self.looked) = (beat, now);
        self.silent >= most
    }
}

/// How a child has ended.
#[derive(Debug)]
pub(crate) enum ChildEnd {
    /// With this answer.
    Answered(Vec<u8>),
    /// It hung.
    Hung,
    /// It was killed.
    Killed,
    /// The script has closed the descriptors through which the parent hears from it.
    Unheard,
}

impl ChildEnd {
    /// Why the child has no answer, if so.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Answered(_) => None,
            Self::Hung => Some("the process that saved in the background hung"),
            Self::Killed => Some("the process that saved in the background was killed"),
            Self::Unheard => Some("the program closed the descriptors of the process that saved in the background"),
        }
    }
}

/// Forks, and does the work in the child. `kept` are descriptors that it needs. Call [`reason_against_fork`] before.
///
/// # Errors
/// If the system refuses, and the exception of a handler of a signal.
pub(crate) fn fork_to_save(
    py: Python<'_>,
    kept: &[RawFd],
    work: impl FnOnce(Python<'_>) -> Vec<u8>,
) -> PyResult<SavingChild> {
    // No other thread is in the middle of a save or a load, which change settings of the interpreter.
    let turn = Turn::wait(py)?;
    check_signals(py)?;
    note_generators(py);
    py.import("sys")?.call_method1("audit", ("os.fork",))?;
    child_setup::add_guard();
    let notes = ChildNotes::new()?;
    let (alive, to_parent) = io::pipe()?;
    let functions = AtForkFunctions::find(py).ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    // With this lock, `PyOS_BeforeFork` need not wait for it, so no other thread runs before the fork.
    let lock = ImportLock::take(py)?;
    let mut hidden = Some(functions.hide(py)?);
    let mut held = Some(signals::hold());
    let mut start = Some((notes.try_clone()?, to_parent, work, lock));
    let offsets = FileOffsets::now();
    let mut shared = Some(SharedCopies::now()?);
    // SAFETY: the GIL is held. No function of the script is called.
    unsafe { pyo3::ffi::PyOS_BeforeFork() };
    let forked = unseen_fork::fork(&mut |mask| {
        drop(held.take());
        if let Some((notes, to_parent, work, lock)) = start.take() {
            shared.take().into_iter().for_each(SharedCopies::put_in_place);
            let child = NewChild { notes: Arc::new(notes), to_parent, kept, mask, offsets: &offsets };
            child.run(py, || drop((hidden.take(), lock)), work);
        }
    });
    // SAFETY: the counterpart of the call above.
    unsafe { pyo3::ffi::PyOS_AfterFork_Parent() };
    drop((hidden, held, start, turn, shared));
    let process = forked?;
    let (identity, alive) = (ProcessIdentity::of(process), HeldDescriptor::new(alive));
    let silence = ChildSilence { beat: notes.beat(), looked: Instant::now(), silent: Duration::ZERO };
    Ok(SavingChild {
        process,
        identity,
        alive,
        notes,
        silence: Mutex::new(silence),
        was_silent: AtomicBool::new(false),
    })
}

/// The import lock of Python, until it is dropped.
struct ImportLock<'py>(Python<'py>);

impl<'py> ImportLock<'py> {
    fn take(py: Python<'py>) -> PyResult<Self> {
        py.import("_imp")?.call_method0("acquire_lock")?;
        Ok(Self(py))
    }
}

impl Drop for ImportLock<'_> {
    fn drop(&mut self) {
        self.0.import("_imp").and_then(|imp| imp.call_method0("release_lock")).tolerated();
    }
}

/// A child that has just been forked.
struct NewChild<'a> {
    notes: Arc<ChildNotes>,
    to_parent: PipeWriter,
    kept: &'a [RawFd],
    mask: &'a SignalMask,
    offsets: &'a FileOffsets,
}

impl NewChild<'_> {
    fn run(self, py: Python<'_>, release: impl FnOnce(), work: impl FnOnce(Python<'_>) -> Vec<u8>) -> ! {
        let Self { notes, to_parent, kept, mask, offsets } = self;
        let alive = child_setup::closed_last(OwnedFd::from(to_parent));
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let own = [alive.as_raw_fd(), notes.as_raw_fd()];
            let kept = [&own, kept].concat();
            child_setup::prepare(&kept);
            offsets.separate(&kept);
            child_setup::after_fork(py);
            release();
            mask.restore();
            let limit = fork_safety::limit();
            // Without the thread, the parent ends this process if it takes too long.
            let _ = child_watch::start(&notes, limit);
            notes.answer(&work(py))
        }));
        signals::remove_files();
        exit_now(i32::from(!matches!(worked, Ok(Ok(())))))
    }
}

impl SavingChild {
    /// Whether it has ended. Waits up to `wait` for that. Ends a child that has been silent for too long.
    pub(crate) fn has_ended(&self, wait: Duration) -> bool {
        if self.is_over(wait) {
            return true;
        }
        let is_silent = {
            let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
            silence.is_too_long(self.notes.beat())
        };
        if is_silent {
            self.was_silent.store(true, Ordering::Relaxed);
            self.kill();
            return self.is_over(END);
        }
        false
    }

    /// The same for any child.
    fn is_over(&self, wait: Duration) -> bool {
        let Some(alive) = self.alive.get().filter(|_| self.notes.is_open()) else {
            self.end_unheard();
            return true;
        };
        let mut polled = [PollFd::new(alive, PollFlags::IN)];
        let time = Timespec::try_from(wait).ok();
        // Nothing is ever written to the pipe: it is ready at its end.
        poll(&mut polled, time.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// Waits until it has ended, up to `limit`, while other threads run. Returns whether it has ended.
    ///
    /// # Errors
    /// The exception of a handler of a signal. The child goes on.
    pub(crate) fn wait(&self, py: Python<'_>, limit: Option<Duration>) -> PyResult<bool> {
        let started = Instant::now();
        loop {
            let left = limit.map_or(PAUSE, |limit| limit.saturating_sub(started.elapsed()).min(PAUSE));
            if py.detach(|| self.has_ended(left)) {
                return Ok(true);
            }
            check_signals(py)?;
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                return Ok(false);
            }
        }
    }

    /// Kills it, unless it has ended.
    pub(crate) fn kill(&self) {
        if !self.is_over(Duration::ZERO) {
            // SAFETY: the process has not ended, so the number is still its own.
            unsafe { libc::kill(self.process, libc::SIGKILL) };
        }
    }

    /// Kills a child whose descriptors the script has closed: only its [`ProcessIdentity`] tells whether it still runs.
    fn end_unheard(&self) {
        let Some(identity) = self.identity.filter(|identity| identity.is_running()) else { return };
        // SAFETY: the process has this number since it was forked.
        unsafe { libc::kill(self.process, libc::SIGKILL) };
        let started = Instant::now();
        while identity.is_running() && started.elapsed() < END {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it has ended.
    pub(crate) fn end(&self) -> ChildEnd {
        if !self.notes.is_open() {
            return ChildEnd::Unheard;
        }
        let was_silent = self.was_silent.load(Ordering::Relaxed);
        let state = match self.notes.state() {
            ChildState::Working if self.alive.get().is_none() => return ChildEnd::Unheard,
            ChildState::Working if was_silent => ChildState::Hung,
            state => state,
        };
        fork_safety::note_end(state == ChildState::Hung);
        match state {
            ChildState::Answered => self.notes.read_answer().map_or(ChildEnd::Killed, ChildEnd::Answered),
            ChildState::Hung => ChildEnd::Hung,
            ChildState::Working => ChildEnd::Killed,
        }
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.unsigned_abs()
    }
}

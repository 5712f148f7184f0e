//! Keeps two processes from running with the same store at the same time: each would go on from the checkpoints of the
//! other. The lock belongs to the process, not to its children, and ends with it.
//!
//! A forked process that saves a checkpoint holds another lock, which a run that begins waits for: that checkpoint is
//! the one to resume from, if the process that forked was killed meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::fs::{FlockOperation, fcntl_lock, flock};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

use crate::exit::{self, OrExit};
use crate::session::HeldDescriptor;
use crate::ui::Verbosity;

/// The file in the folder of the store.
const NAME: &str = "run.lock";
/// What the file says when the process that has the lock makes its last checkpoint.
const IS_ENDING: &[u8] = b"ending";
const PAUSE: Duration = Duration::from_millis(5);
/// Until a run says that it waits.
const SILENT: Duration = Duration::from_millis(500);
/// How long a run waits for a process that is ending, or saving: a large session takes minutes on a slow disk.
const MOST: Duration = Duration::from_secs(600);

static LOCK: OnceLock<HeldDescriptor<File>> = OnceLock::new();

/// Takes the lock until the process ends, unless this process has it. Waits for a process that is ending.
///
/// # Errors
/// With exit code 2, if another process has it.
pub(super) fn take(folder: &Path, shown: &str, verbosity: Verbosity) -> Result<()> {
    // To close another descriptor of the file would give the lock up.
    if LOCK.get().is_some() {
        return Ok(());
    }
    let cannot = || format!("cannot save to {shown}");
    // Its number changes before it is locked: to close the old one afterwards would give the lock up, too.
    let held = HeldDescriptor::new(open(folder).or_exit(exit::USAGE, cannot)?);
    let Some(file) = held.get() else { return Ok(()) };
    let started = Instant::now();
    let mut has_said = false;
    loop {
        match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            // Some file systems have no locks.
            Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => break,
            Err(Errno::AGAIN | Errno::ACCESS) => {}
            Err(error) => return Err(io::Error::from(error)).or_exit(exit::USAGE, cannot),
        }
        let holder = holder_of(file);
        let is_ending = holder.is_some_and(is_killed) || fs::read(folder.join(NAME)).is_ok_and(|it| it == IS_ENDING);
        // Without a holder, it has ended since, or is in another container or on another machine.
        let is_certain = holder.is_some() || started.elapsed() > SILENT;
        if is_certain && (!is_ending || started.elapsed() > MOST) {
            let process = holder.map_or(String::new(), |holder| format!(" (process {})", holder.as_raw_nonzero()));
            let text =
                format!("another process is running with {shown}{process}: wait for it, or name another store with -o");
            return Err(exit::error(exit::USAGE, text));
        }
        if started.elapsed() > SILENT && !std::mem::replace(&mut has_said, true) {
            verbosity.note(&format!("waiting for the process that ran with {shown}, which is ending"));
        }
        std::thread::sleep(PAUSE);
    }
    // Only the process that has the lock writes to the file.
    let _ = file.set_len(0);
    let _ = LOCK.set(held);
    Ok(())
}

/// Notes that this process ends when it has made a checkpoint: the next run waits for it.
pub(super) fn note_ending() {
    if let Some(mut file) = LOCK.get().and_then(HeldDescriptor::get) {
        // Without the note, the next run is refused.
        let _ = file.write_all(IS_ENDING);
    }
}

/// Waits until no forked process of an earlier run saves a checkpoint.
pub(super) fn wait_for_checkpoint(folder: &Path, shown: &str, verbosity: Verbosity) {
    let Ok(file) = open_lock_of_children(folder) else { return };
    let started = Instant::now();
    let mut has_said = false;
    while flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::AGAIN) {
        if !std::mem::replace(&mut has_said, true) {
            verbosity.note(&format!("waiting for a checkpoint that is still being saved to {shown}"));
        }
        if started.elapsed() > MOST {
            verbosity.note("the checkpoint has not been saved in time: going on without it");
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The lock of a process that saves a checkpoint, until all copies of the file are closed. It is taken before the fork,
/// so that there is no moment without it. `None` where there are no such locks.
pub(super) fn of_saving_child(folder: &Path) -> Option<File> {
    let file = open_lock_of_children(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockShared).is_ok().then_some(file)
}

/// The file that the children lock: closing another descriptor of the file that `take` locks would give that lock up.
fn open_lock_of_children(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("checkpoint.lock"))
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(NAME))
}

/// The process that has the lock of [`take`]. `None` if there is none, or if it is on another machine.
fn holder_of(file: &File) -> Option<Pid> {
    fcntl_getlk(file, &Flock::from(FlockType::WriteLock)).ok()??.pid
}

/// Whether a process has been killed, and is giving back its memory: it has its locks until that is done.
fn is_killed(process: Pid) -> bool {
    /// `PF_EXITING` in Linux.
    const EXITING: u64 = 4;
    let of_process = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", process.as_raw_nonzero())).ok();
    let Some((stat, status)) = of_process("stat").zip(of_process("status")) else { return false };
    // The name of the program may have spaces and parentheses in it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let is_exiting = fields.get(6).and_then(|flags| flags.parse::<u64>().ok()).is_some_and(|it| it & EXITING != 0);
    let is_pending = |line: &str| {
        let signals = line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:"));
        let signals = signals.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
        signals.is_some_and(|signals| signals & (1 << (libc::SIGKILL - 1)) != 0)
    };
    is_exiting || status.lines().any(is_pending)
}

//! Whether a process that is no child of this one still runs: its number alone may be that of a later process.

use std::fs;

/// A process, with the time at which it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessIdentity {
    process: i32,
    started: u64,
}

/// Where the state and the time of the start are in `/proc/PID/stat`, behind the name of the program.
const STATE: usize = 0;
const STARTED: usize = 19;

impl ProcessIdentity {
    /// `None` if there is no such process, or no `/proc`.
    pub(super) fn of(process: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name is in parentheses and may have any characters.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let has_ended = matches!(*fields.get(STATE)?, "Z" | "X");
        let started = fields.get(STARTED)?.parse().ok()?;
        (!has_ended).then_some(Self { process, started })
    }

    /// Whether it has not ended.
    pub(super) fn is_running(self) -> bool {
        Self::of(self.process) == Some(self)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_has_ended() {
        let own = i32::try_from(std::process::id()).ok().and_then(ProcessIdentity::of).expect("this process");
        assert!(own.is_running());
        assert!(!ProcessIdentity { started: own.started + 1, ..own }.is_running());
        assert_eq!(ProcessIdentity::of(i32::MAX), None);
    }
}

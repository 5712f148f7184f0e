//! Whether a process that is not a child of this one still runs. Its id alone does not tell, as a later process may
//! have the same id.

use std::fs;
use std::str::SplitAsciiWhitespace;

/// The id of a process, and its start time in clock ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessIdentity {
    process: i32,
    started: u64,
}

/// The indexes of the state and the start time among the [`stat_fields`].
const STATE: usize = 0;
const STARTED: usize = 19;

/// The fields of a `stat` file in `/proc` that follow the name of the program. The name is in parentheses, and may
/// contain spaces and parentheses itself.
pub(super) fn stat_fields(text: &str) -> Option<SplitAsciiWhitespace<'_>> {
    Some(text.rsplit_once(')')?.1.split_ascii_whitespace())
}

impl ProcessIdentity {
    /// `None` if there is no such process, or no `/proc`.
    pub(super) fn of(process: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields: Vec<&str> = stat_fields(&text)?.collect();
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

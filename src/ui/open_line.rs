//! The last line of a script's output, if the script has not ended it. A message begins on a line of its own, where
//! standard output and standard error are the same terminal or file.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;

/// Whether a script has written since the last message.
static MAY_BE_OPEN: AtomicBool = AtomicBool::new(false);

/// Notes that a script has run: its output may end within a line.
pub(crate) fn note_output() {
    MAY_BE_OPEN.store(true, Ordering::Relaxed);
}

/// Ends the line that a script has left open, once.
pub(super) fn end_it() {
    if !MAY_BE_OPEN.swap(false, Ordering::Relaxed) {
        return;
    }
    if let Some(text) = end_of_line() {
        // Only the looks of it: a closed standard error is no reason to fail.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// What ends an open line; `None` if the two streams are different, or if nothing says whether a line is open.
fn end_of_line() -> Option<String> {
    let (out, err) = (io::stdout(), io::stderr());
    let [out, err] = [facts(out.as_fd())?, facts(err.as_fd())?];
    if (out.dev(), out.ino()) != (err.dev(), err.ino()) {
        return None;
    }
    if io::stderr().is_terminal() {
        let has_lines = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        return has_lines.then(|| to_next_column_0(Term::stderr().size().1));
    }
    // Another program may have written to the file since, which is no harm.
    let last = out.len().checked_sub(1)?;
    let mut byte = [0];
    File::open("/proc/self/fd/2").ok()?.read_exact_at(&mut byte, last).ok()?;
    (out.is_file() && byte != *b"\n").then(|| "\n".to_owned())
}

/// What goes to the first column of a terminal, of the next line if this one holds anything. No terminal says where its
/// cursor is without being asked, and its answer would get into the input of the user. So spaces fill the line, as zsh
/// does before its prompt: from any column but the first one they reach the next line.
fn to_next_column_0(width: u16) -> String {
    format!("{:1$}\r", "", usize::from(width).saturating_sub(1))
}

fn facts(stream: std::os::fd::BorrowedFd<'_>) -> Option<Metadata> {
    File::from(stream.try_clone_to_owned().ok()?).metadata().ok()
}

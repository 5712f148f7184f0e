//! Programs in a terminal: a pseudo-terminal of Python's `pty`, which `terminal.py` drives.

use std::ffi::{OsStr, OsString};

use serde::Deserialize;

use super::{Call, Sandbox, program};

const DRIVER: &str = include_str!("terminal.py");

/// What the terminal must have shown since the step before, and what is typed then.
pub(crate) type Step<'a> = (&'a str, &'a str);

/// What a program did in a terminal.
#[derive(Deserialize)]
pub(crate) struct Shown {
    /// Its exit code, negative for a signal.
    pub(crate) code: i32,
    /// The number of steps that were typed.
    pub(crate) typed: usize,
    /// All that the terminal has shown, without escape sequences. Lines end with `\n`.
    pub(crate) text: String,
}

impl Shown {
    /// Runs a call that `in_terminal` has made.
    pub(crate) fn by(call: Call) -> Self {
        let run = call.run();
        run.assert_code(0);
        serde_json::from_value(run.json()).unwrap()
    }
}

/// A call of a program in a terminal of so many columns, without colours. Without steps, its standard input is empty.
pub(crate) fn in_terminal<S: AsRef<OsStr>>(sandbox: &Sandbox, columns: usize, words: &[S], steps: &[Step]) -> Call {
    let columns = columns.to_string();
    let head = ["-c", DRIVER, &columns].map(OsStr::new).into_iter();
    let all: Vec<&OsStr> = head.chain(words.iter().map(AsRef::as_ref)).collect();
    let call = sandbox.call_python(&all).stdin(serde_json::to_vec(steps).unwrap());
    call.env("TERM", "xterm").env("NO_COLOR", "1")
}

/// The same for snapcli, with the Python of the sandbox.
pub(crate) fn snapcli_in_terminal(sandbox: &Sandbox, columns: usize, arguments: &[&str], steps: &[Step]) -> Call {
    let mut words: Vec<OsString> = vec![program(), "--python".into(), sandbox.interpreter().into()];
    words.extend(arguments.iter().map(Into::into));
    in_terminal(sandbox, columns, &words, steps)
}

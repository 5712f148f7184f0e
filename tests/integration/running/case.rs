//! One case of the differential table: a command, what lies in the folder, and the input and settings it runs with.
//! Cases are built in constants, so that one fits in one line of the table.

use crate::env::{Sandbox, Stdout};

/// What is run under `python` and under `snapcli save -q`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// The script, `-m` and a module, or `-c` and code.
    pub(super) target: &'static [&'static str],
    pub(super) arguments: &'static [&'static str],
    /// What is copied into the working folder: files and folders of `scripts/<group>/`.
    pub(super) files: &'static [&'static str],
    /// A file whose bytes an editor or git would not leave alone: name and content.
    pub(super) written: Option<(&'static str, &'static [u8])>,
    /// Python code that is run in the working folder before.
    pub(super) before: &'static str,
    pub(super) stdin: &'static str,
    pub(super) stdout: Stdout,
    pub(super) environment: &'static [(&'static str, &'static str)],
    pub(super) since: (u32, u32),
}

const EMPTY: Case = Case {
    target: &[],
    arguments: &[],
    files: &[],
    written: None,
    before: "",
    stdin: "",
    stdout: Stdout::Read,
    environment: &[],
    since: (3, 10),
};

/// Runs a file of `scripts/<group>/`. Its name comes in a slice of one, as constants cannot make a slice of it.
pub(crate) const fn script(name: &'static [&'static str; 1]) -> Case {
    Case { target: name, files: name, ..EMPTY }
}

/// Runs a script of these very bytes.
pub(crate) const fn bytes(content: &'static [u8]) -> Case {
    Case { target: &["script.py"], written: Some(("script.py", content)), ..EMPTY }
}

/// Runs any target: what `-m` or `-c` stand before, or a path.
pub(crate) const fn target(target: &'static [&'static str]) -> Case {
    Case { target, ..EMPTY }
}

impl Case {
    /// What follows on the command line.
    pub(crate) const fn args(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }

    /// Files and folders that lie in the working folder; for a script, its own name among them.
    pub(crate) const fn with(self, files: &'static [&'static str]) -> Self {
        Self { files, ..self }
    }

    /// Python code that makes what cannot lie in the repository.
    pub(crate) const fn before(self, code: &'static str) -> Self {
        Self { before: code, ..self }
    }

    /// What the script reads.
    pub(crate) const fn stdin(self, text: &'static str) -> Self {
        Self { stdin: text, ..self }
    }

    /// What becomes of what it prints.
    pub(crate) const fn stdout(self, stdout: Stdout) -> Self {
        Self { stdout, ..self }
    }

    /// Environment variables; `{work}` and `{out}` stand for the sandbox's folders.
    pub(crate) const fn env(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }

    /// The first Python that knows what the script uses.
    pub(crate) const fn since(self, major: u32, minor: u32) -> Self {
        Self { since: (major, minor), ..self }
    }

    /// Text of the table, with the folders that it speaks of.
    pub(super) fn fill_in(text: &str, sandbox: &Sandbox) -> String {
        text.replace("{work}", sandbox.work().to_str().unwrap()).replace("{out}", sandbox.out().to_str().unwrap())
    }
}

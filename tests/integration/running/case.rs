//! One case of the differential table: a command, the files in its directory, its input and its environment. Cases are
//! built by `const fn`s, so that one fits in one line of the table.

use crate::env::{Sandbox, Stdout};

/// A command to run under `python` and under `snapcli save -q`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// The script, `-m` and a module, or `-c` and code.
    pub(super) target: &'static [&'static str],
    pub(super) arguments: &'static [&'static str],
    /// Files and directories of `scripts/<group>/` to copy into the working directory.
    pub(super) files: &'static [&'static str],
    /// The name and content of a file that an editor or git would alter.
    pub(super) written: Option<(&'static str, &'static [u8])>,
    /// Python code to run in the working directory first.
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

/// Runs a file of `scripts/<group>/`. The name is an array of one, because a `const fn` cannot make a slice of it.
pub(crate) const fn script(name: &'static [&'static str; 1]) -> Case {
    Case { target: name, files: name, ..EMPTY }
}

/// Runs a script with exactly these bytes.
pub(crate) const fn bytes(content: &'static [u8]) -> Case {
    Case { target: &["script.py"], written: Some(("script.py", content)), ..EMPTY }
}

/// Runs any target: `-m` and a module, `-c` and code, or a path.
pub(crate) const fn target(target: &'static [&'static str]) -> Case {
    Case { target, ..EMPTY }
}

impl Case {
    /// The arguments of the target.
    pub(crate) const fn args(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }

    /// Files and directories to copy into the working directory; for a script, its own name among them.
    pub(crate) const fn with(self, files: &'static [&'static str]) -> Self {
        Self { files, ..self }
    }

    /// Python code that creates files which cannot be in the repository.
    pub(crate) const fn before(self, code: &'static str) -> Self {
        Self { before: code, ..self }
    }

    /// The standard input of the script.
    pub(crate) const fn stdin(self, text: &'static str) -> Self {
        Self { stdin: text, ..self }
    }

    /// How the standard output of the script is read.
    pub(crate) const fn stdout(self, stdout: Stdout) -> Self {
        Self { stdout, ..self }
    }

    /// Environment variables; `{work}` and `{out}` are replaced by the sandbox's directories.
    pub(crate) const fn env(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }

    /// The first Python that can run the script.
    pub(crate) const fn since(self, major: u32, minor: u32) -> Self {
        Self { since: (major, minor), ..self }
    }

    /// Replaces `{work}` and `{out}` in a string of the table.
    pub(super) fn fill_in(text: &str, sandbox: &Sandbox) -> String {
        text.replace("{work}", sandbox.work().to_str().unwrap()).replace("{out}", sandbox.out().to_str().unwrap())
    }
}

//! Messages to the user, on standard error: standard output belongs to the script, or to the result of the command.
//!
//! Every line begins with `snapcli:`, so that it stands out from the output of a script.

use std::io::Write;

/// How much is printed, as `--quiet` and `--verbose` choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// Every step.
    Verbose,
}

impl Verbosity {
    /// Prints what was done, or what the user should know; not with `--quiet`.
    pub(crate) fn note(self, text: &str) {
        if self != Self::Quiet {
            print_line(text);
        }
    }

    /// Prints a step, with `--verbose` only.
    pub(crate) fn detail(self, text: &str) {
        if self == Self::Verbose {
            print_line(text);
        }
    }
}

/// Prints an error, and below it a line for each of its causes.
pub(crate) fn print_error(error: &anyhow::Error) {
    let mut causes = error.chain().map(ToString::to_string);
    print_line(&causes.next().unwrap_or_default());
    for cause in causes {
        write(&format!("  cause: {cause}\n"));
    }
}

/// Prints an error without its causes, for errors whose first line already says all of it.
pub(crate) fn print_error_line(error: &anyhow::Error) {
    print_line(&error.to_string());
}

/// Prints a line even with `--quiet`.
pub(crate) fn print_line(text: &str) {
    write(&format!("snapcli: {text}\n"));
}

fn write(text: &str) {
    // One write for each message, so that the output of a script's threads does not end up inside it. A closed standard
    // error is no reason to fail.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

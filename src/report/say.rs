//! The one printer of talk: what snapcli says on standard error, while standard output stays the script's.
#![allow(clippy::print_stderr)]

use std::io::Write;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Talk {
    /// Errors only.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// Each step.
    Verbose,
}

impl Talk {
    /// What was done, or is worth knowing.
    pub fn note(self, text: &str) {
        if self != Self::Quiet {
            line(text);
        }
    }

    /// A step on the way.
    pub fn detail(self, text: &str) {
        if self == Self::Verbose {
            line(text);
        }
    }
}

/// An error with its causes below it.
pub fn error(error: &anyhow::Error) {
    let mut causes = error.chain().map(ToString::to_string);
    line(&causes.next().unwrap_or_default());
    for cause in causes {
        write(&format!("  cause: {cause}\n"));
    }
}

/// An error whose causes say no more than itself.
pub fn error_alone(error: &anyhow::Error) {
    line(&error.to_string());
}

/// A line that is said however quiet it is to be.
pub fn line(text: &str) {
    write(&format!("snapcli: {text}\n"));
}

/// One write a message, so that lines of a script's threads do not fall into it.
fn write(text: &str) {
    // Standard error may be closed: then there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

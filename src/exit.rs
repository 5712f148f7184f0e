//! Exit codes, and errors that carry one. This is the only file where exit codes are numbers; `snapcli --help` and
//! `docs/` list them for users.

use crate::snapshot::reader::ReadError;

/// Success.
pub(crate) const DONE: i32 = 0;
/// A failure without a code of its own; for `diff`, the files differ.
pub(crate) const FAILED: i32 = 1;
/// A usage error, or a script or file that does not exist.
pub(crate) const USAGE: i32 = 2;
/// With `--strict`: a variable could not be saved or restored, or came back different.
#[cfg(feature = "python")]
pub(crate) const LEFT_OUT: i32 = 3;
/// Not a snapshot, damaged, or truncated.
pub(crate) const DAMAGED: i32 = 4;
/// Not trusted: loading the file would do more than build plain data.
pub(crate) const UNTRUSTED: i32 = 5;
/// No usable Python, or no dill.
pub(crate) const NO_PYTHON: i32 = 6;
/// The system has no more memory for the program.
pub(crate) const NO_MEMORY: i32 = 7;
/// Interrupted: 128 + SIGINT, as shells report it.
pub(crate) const INTERRUPTED: i32 = 130;

/// A message with an exit code, as one link of an [`anyhow::Error`] chain. [`code_of`] finds it there.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.lines().join("\n  "))]
pub(crate) struct Coded {
    code: i32,
    message: String,
    details: Vec<String>,
}

impl Coded {
    /// Adds lines that are printed below the message. A line break within a string is not printed as one.
    #[must_use]
    pub(crate) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// The first line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The lines below it.
    pub(crate) fn details(&self) -> &[String] {
        &self.details
    }

    /// Whether a link of a chain shows this message.
    pub(crate) fn is_shown_as(&self, link: &dyn std::error::Error) -> bool {
        self.to_string() == link.to_string()
    }

    fn lines(&self) -> Vec<&str> {
        std::iter::once(&self.message).chain(&self.details).map(String::as_str).collect()
    }
}

/// An error that ends the program with `code`.
pub(crate) fn error(code: i32, message: impl Into<String>) -> anyhow::Error {
    coded(code, message).into()
}

/// A message with an exit code, to use as the context of another error.
pub(crate) fn coded(code: i32, message: impl Into<String>) -> Coded {
    Coded { code, message: message.into(), details: Vec::new() }
}

/// Adds context with an exit code to the error of a result.
pub(crate) trait OrExit<T> {
    /// As `with_context`, with an exit code.
    fn or_exit(self, code: i32, message: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, code: i32, message: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(coded(code, message())))
    }
}

/// The same error with one more line below its message, if it carries an exit code.
pub(crate) fn with_detail(mut error: anyhow::Error, detail: String) -> anyhow::Error {
    if let Some(coded) = error.downcast_mut::<Coded>() {
        coded.details.push(detail);
    }
    error
}

/// The exit code of the outermost [`Coded`] in the chain of an error, or [`FAILED`]. A file that object storage does
/// not give is not damaged, wherever that is noticed; neither is one for which there is no memory.
pub(crate) fn code_of(error: &anyhow::Error) -> i32 {
    let code = error.downcast_ref::<Coded>().map_or(FAILED, |coded| coded.code);
    let is_no_memory = |error: &std::io::Error| error.kind() == std::io::ErrorKind::OutOfMemory;
    if error.chain().any(|link| link.downcast_ref().is_some_and(is_no_memory)) {
        return NO_MEMORY;
    }
    let is_unreachable =
        || error.chain().any(|link| link.downcast_ref::<ReadError>().is_some_and(ReadError::is_unreachable));
    if code == DAMAGED && is_unreachable() { FAILED } else { code }
}

/// The same error, but a full disk without more said about it is that of standard output: the others name their file.
pub(crate) fn naming_output(error: anyhow::Error) -> anyhow::Error {
    let is_full = error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull);
    if is_full && error.chain().count() == 1 { error.context("cannot write to standard output") } else { error }
}

/// Whether an error is a closed pipe: the program that reads our output has ended, as `head` does. That is not a
/// failure.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(broken))
}

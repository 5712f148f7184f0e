//! The one place where exit codes are numbers. The table in the README and in `snapcli --help` says the same.

/// All that was asked is done.
pub const DONE: i32 = 0;
/// Something failed; for `save` also the script's own failure, when it has no other code.
pub const FAILED: i32 = 1;
/// Wrong usage: an unknown option, a script or a file that is not there.
pub const USAGE: i32 = 2;
/// `--strict`, and something was left out, or came back different.
pub const LEFT_OUT: i32 = 3;
/// Not a snapshot, damaged, or cut short.
pub const DAMAGED: i32 = 4;
/// Not trusted: loading it would do more than build plain data.
pub const UNTRUSTED: i32 = 5;
/// No usable Python, or no dill.
pub const NO_PYTHON: i32 = 6;
/// Interrupted: what a shell makes of an end by SIGINT.
pub const INTERRUPTED: i32 = 130;

/// An error with the exit code that goes with it. It stands in an [`anyhow::Error`] chain; see [`code_of`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Coded {
    code: i32,
    message: String,
}

/// An error that ends the program with `code`.
pub fn error(code: i32, message: impl Into<String>) -> anyhow::Error {
    Coded { code, message: message.into() }.into()
}

/// An exit code with a message, to stand in front of the cause.
pub fn coded(code: i32, message: impl Into<String>) -> Coded {
    Coded { code, message: message.into() }
}

/// Gives the errors of a result an exit code, under a line of context.
pub trait OrExit<T> {
    /// As `with_context`, with an exit code.
    fn or_exit(self, code: i32, message: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, code: i32, message: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(Coded { code, message: message() }))
    }
}

/// The exit code for an error: the one given with it, else what its kind asks for, else [`FAILED`].
pub fn code_of(error: &anyhow::Error) -> i32 {
    if let Some(coded) = error.downcast_ref::<Coded>() {
        return coded.code;
    }
    FAILED
}

/// Whether whoever read our output has had enough: no error of ours.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(broken))
}

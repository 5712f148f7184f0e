//! The program: parse, run, tell what went wrong, exit.

use std::process::ExitCode;

use snapcli::report::say;
use snapcli::{cli, exit};

fn main() -> ExitCode {
    #[cfg(feature = "python")]
    snapcli::python::libpython::restore_environment();
    let code = snapcli::run(cli::parse()).unwrap_or_else(|error| {
        if exit::is_broken_pipe(&error) {
            return exit::DONE;
        }
        say::error(&error);
        exit::code_of(&error)
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

//! The program: parse the command line, run the command, print an error, exit.

use std::process::ExitCode;

use snapcli::ui::messages;
use snapcli::{cli, exit};

fn main() -> ExitCode {
    // A second start must see the environment that the user gave to the first one.
    #[cfg(feature = "python")]
    snapcli::python::libpython::restore_environment();
    let code = snapcli::run(cli::parse()).unwrap_or_else(|error| {
        if exit::is_broken_pipe(&error) {
            return exit::DONE;
        }
        messages::print_error(&error);
        exit::code_of(&error)
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

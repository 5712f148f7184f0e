//! Which Python, how it is started, how a script runs in it, and where its dill comes from.

use std::path::Path;

use anyhow::Result;

use crate::exit::{self, OrExit};

pub mod dill;
pub mod dill_home;
pub mod discover;
pub mod ffi;
pub mod libpython;
pub mod probe;
pub mod run;
pub mod running;
pub mod start;
pub mod streams;
pub mod target;

pub use probe::Interpreter;

/// Chooses the interpreter, and sees to it that its own libpython is the one in this process: that may start the
/// program anew, so call it before anything is under way.
pub fn ready(explicit: Option<&str>) -> Result<Interpreter> {
    let interpreter = discover::choose(explicit).or_exit(exit::NO_PYTHON, || "no usable Python".to_owned())?;
    libpython::ensure(&interpreter)
        .or_exit(exit::NO_PYTHON, || format!("cannot use the library of {}", interpreter.executable.display()))?;
    Ok(interpreter)
}

/// Whether a script is there to be run.
pub fn check_script(command: &run::Command) -> Result<()> {
    let run::Target::Script(path) = &command.target else { return Ok(()) };
    if path == Path::new("-") {
        return Ok(());
    }
    std::fs::metadata(path)
        .and_then(|found| if found.is_dir() { Ok(()) } else { std::fs::File::open(path).map(drop) })
        .or_exit(exit::USAGE, || format!("cannot read the script {}", path.display()))
}

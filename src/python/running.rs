//! What this process runs, for code that is called from the script itself and cannot be told otherwise.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use super::Interpreter;
use super::dill::Dill;
use super::run::{Command, Target};
use super::target::Source;
use crate::report::say::Talk;

/// See the module.
pub struct Running {
    /// What was started; None where the prompt was.
    pub command: Option<Command>,
    /// Its source, where that is a file.
    pub source: Option<Source>,
    /// In which interpreter.
    pub interpreter: Interpreter,
    /// Where dill comes from.
    pub dill: Dill,
    /// How much is said.
    pub talk: Talk,
    /// Since when.
    pub started: Instant,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

/// Notes what is about to run. Call it before the script can change the working folder.
pub fn set(command: Option<&Command>, interpreter: &Interpreter, dill: &Dill, talk: Talk) {
    let source = command.and_then(|command| match &command.target {
        Target::Script(path) if path != Path::new("-") => {
            let path = std::path::absolute(path).ok()?;
            // A pipe can be read once only, and it is the script's to read.
            if !std::fs::metadata(&path).ok()?.is_file() {
                return None;
            }
            Some(Source { bytes: std::fs::read(&path).ok()?, path })
        }
        _ => None,
    });
    let (command, interpreter, dill) = (command.cloned(), interpreter.clone(), dill.clone());
    // A process runs one thing.
    let _ = RUNNING.set(Running { command, source, interpreter, dill, talk, started: Instant::now() });
}

/// What runs.
pub fn get() -> Option<&'static Running> {
    RUNNING.get()
}

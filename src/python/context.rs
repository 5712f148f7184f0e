//! What this process runs, for the functions of `import snapcli`: they are called by the script, which cannot pass it.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use super::Interpreter;
use super::dill::DillLocation;
use super::script_entry::{ScriptCommand, ScriptSource, ScriptTarget};
use crate::ui::Verbosity;

/// What this process runs, and the interpreter and dill that it uses.
pub(crate) struct RunContext {
    /// The script; `None` in a prompt.
    pub command: Option<ScriptCommand>,
    /// The source of the script, if it is a regular file.
    pub source: Option<ScriptSource>,
    /// The running interpreter.
    pub interpreter: Interpreter,
    /// Where dill is.
    pub dill: DillLocation,
    /// How much is printed.
    pub verbosity: Verbosity,
    /// When the script started.
    pub started: Instant,
}

static CONTEXT: OnceLock<RunContext> = OnceLock::new();

/// Records what is about to run. Must be called before the script can change the working directory.
pub(crate) fn set(
    command: Option<&ScriptCommand>,
    interpreter: &Interpreter,
    dill: &DillLocation,
    verbosity: Verbosity,
) {
    let source = command.and_then(|command| match &command.target {
        ScriptTarget::Script(path) if path != Path::new("-") => {
            let path = std::path::absolute(path).ok()?;
            // A pipe can be read only once, by Python.
            if !std::fs::metadata(&path).ok()?.is_file() {
                return None;
            }
            Some(ScriptSource { bytes: std::fs::read(&path).ok()?, path })
        }
        _ => None,
    });
    let (command, interpreter, dill) = (command.cloned(), interpreter.clone(), dill.clone());
    // A second attempt to load an untrusted file sets the same values again.
    let _ = CONTEXT.set(RunContext { command, source, interpreter, dill, verbosity, started: Instant::now() });
}

/// What this process runs; `None` before [`set`].
pub(crate) fn get() -> Option<&'static RunContext> {
    CONTEXT.get()
}

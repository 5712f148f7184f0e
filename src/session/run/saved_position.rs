//! The variable that holds the state of a run in its checkpoints: for the script and each function under way, the
//! iterators and the local variables. The index of the checkpoint has the position.

use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::repeated_statement::statement;
use super::step_program::{StepPosition, StepProgram};
use crate::exit;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::eval_code;
use crate::session::failure_path::error_text;
use crate::session::select::is_of_module;
use crate::snapshot::index::{RUN_POSITION, RerunStatement, RunPlace, RunProgress, WrittenFile};

/// The version of the variable.
const VERSION: u32 = 2;

/// The position, bound in the namespace of the script until this is dropped: as one variable, and one more for each
/// local variable of a function that is under way, so that one which cannot be saved costs only itself.
pub(crate) struct BoundPosition<'py> {
    namespace: Bound<'py, PyDict>,
    /// The names that are bound.
    bound: Vec<String>,
    /// Files that are open for writing: the path, and how long it is.
    pub(crate) files: Vec<WrittenFile>,
    /// Variables that come back with the loggers.
    pub(crate) provided: Vec<String>,
    /// Handlers of loggers.
    pub(crate) handlers: Vec<BoundHandler>,
    /// The script and the functions under way, each with its local variables.
    pub(super) frames: Option<(Bound<'py, PyList>, Bound<'py, PyList>)>,
}

/// A handler of a logger, which is saved as a variable of its own.
pub(crate) struct BoundHandler {
    pub(crate) variable: String,
    /// The variable of the script that has it, if there is one: the number of the function under way, and the name.
    pub(crate) owner: Option<(usize, String)>,
    pub(crate) logger: String,
}

impl<'py> BoundPosition<'py> {
    /// Binds it. Whatever waits in the buffers of files is written.
    ///
    /// # Errors
    /// Those of the namespace, and of files.
    pub(crate) fn bind(
        namespace: &Bound<'py, PyDict>,
        program: &StepProgram,
        position: Option<&StepPosition<'py>>,
    ) -> PyResult<Self> {
        let py = namespace.py();
        let mut this = Self {
            namespace: namespace.clone(),
            bound: Vec::new(),
            files: Vec::new(),
            provided: Vec::new(),
            handlers: Vec::new(),
            frames: None,
        };
        let state = PyDict::new(py);
        state.set_item("version", VERSION)?;
        state.set_item("names", own_names(namespace)?)?;
        state.set_item("inputs", program.object(py).getattr("inputs")?)?;
        if let Some(StepPosition(frames)) = position {
            let outer = program.function(py, "outer_state")?.call1((namespace, frames))?;
            this.note_outer(&outer, frames)?;
            this.bind_locals(frames)?;
            state.set_item("outer", outer)?;
            state.set_item("frames", frames)?;
        }
        this.set(RUN_POSITION.to_owned(), state.as_any())?;
        Ok(this)
    }

    /// The variables of the script.
    pub(super) fn namespace(&self) -> &Bound<'py, PyDict> {
        &self.namespace
    }

    fn set(&mut self, name: String, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.namespace.set_item(&name, value)?;
        self.bound.push(name);
        Ok(())
    }

    /// Notes the files, and the variables that are handlers of loggers.
    fn note_outer(&mut self, outer: &Bound<'py, PyAny>, frames: &Bound<'py, PyList>) -> PyResult<()> {
        for file in outer.get_item("files")?.try_iter()? {
            let file = file?;
            let part = |name: &str| file.get_item(name);
            let (name, path) = (part("name")?.extract()?, part("path")?.extract()?);
            self.files.push(WrittenFile { name, path, length: part("size")?.extract()? });
        }
        for (number, found) in outer.call_method1("pop", ("handlers",))?.try_iter()?.enumerate() {
            let (handler, owner, logger): (Bound<'py, PyAny>, _, _) = found?.extract()?;
            let variable = local_name(0, &format!("handler{number}"));
            self.set(variable.clone(), &handler)?;
            self.handlers.push(BoundHandler { variable, owner, logger });
        }
        let loggers = outer.get_item("loggers")?;
        if loggers.is_none() {
            return Ok(());
        }
        for bound in loggers.get_item(1)?.try_iter()? {
            let (depth, name, _): (usize, String, Bound<'py, PyAny>) = bound?.extract()?;
            match depth {
                0 => self.provided.push(name),
                _ => frames.get_item(depth)?.get_item("locals")?.del_item(name)?,
            }
        }
        Ok(())
    }

    fn bind_locals(&mut self, frames: &Bound<'py, PyList>) -> PyResult<()> {
        let scopes = PyList::new(self.namespace.py(), [&self.namespace])?;
        self.frames = Some((frames.clone(), scopes.clone()));
        for (depth, frame) in frames.iter().enumerate().skip(1) {
            let locals = frame.get_item("locals")?.cast_into::<PyDict>()?;
            for (name, value) in locals.iter() {
                self.set(local_name(depth, &name.extract::<String>()?), &value)?;
            }
            frame.set_item("locals", locals.keys())?;
            scopes.append(locals)?;
        }
        Ok(())
    }
}

impl Drop for BoundPosition<'_> {
    fn drop(&mut self) {
        for name in &self.bound {
            self.namespace.del_item(name).tolerated();
        }
    }
}

/// The variable that holds a local variable of a function under way.
fn local_name(depth: usize, name: &str) -> String {
    format!("{RUN_POSITION}{depth}_{name}")
}

/// The depth and the name of the local variable that a variable of a checkpoint holds; 0 for a global variable.
pub(crate) fn split_local(variable: &str) -> (usize, &str) {
    let local = variable.strip_prefix(RUN_POSITION).and_then(|rest| rest.split_once('_'));
    let local = local.and_then(|(depth, name)| Some((depth.parse().ok()?, name)));
    local.unwrap_or((0, variable))
}

/// The names of the script, in their order.
fn own_names<'py>(namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyList>> {
    let names = PyList::empty(namespace.py());
    for key in namespace.copy()?.keys().iter() {
        if key.cast::<PyString>().is_ok_and(|key| !is_of_module(&key.to_string_lossy())) {
            names.append(key)?;
        }
    }
    Ok(names)
}

/// How far the run has come.
///
/// # Errors
/// Those of a broken position.
pub(crate) fn progress_of(py: Python<'_>, program: &StepProgram, position: &StepPosition<'_>) -> PyResult<RunProgress> {
    let mut places = Vec::new();
    for frame in position.0.iter() {
        let part = |name: &str| frame.get_item(name);
        let (function, line) = (part("root")?.extract()?, part("line")?.extract()?);
        places.push(RunPlace { function, line, path: part("path")?.extract()?, next: part("at")?.extract()? });
    }
    let (steps_done, steps) = program.object(py).call_method1("progress", (&position.0,))?.extract()?;
    Ok(RunProgress { places, steps_done, steps, ..RunProgress::default() })
}

/// The position as the part in Python wants it.
pub(super) fn frames_of<'py>(py: Python<'py>, progress: &RunProgress) -> PyResult<Bound<'py, PyList>> {
    let frames = PyList::empty(py);
    for RunPlace { function, path, next, .. } in &progress.places {
        let path = pyo3::types::PyTuple::new(py, path.iter().map(|(block, number)| (block.as_str(), *number)))?;
        frames.append((function, path, next))?;
    }
    Ok(frames)
}

/// How a run goes on: found before anything is loaded.
pub(crate) struct ResumePlan<'py> {
    /// The position in the script as it is now.
    frames: Bound<'py, PyList>,
    /// Imports and definitions that were added to what has run.
    added: Vec<(u32, Bound<'py, PyAny>)>,
    /// The script as it was, if it has been edited.
    old: Option<std::sync::Arc<StepProgram>>,
}

impl<'py> ResumePlan<'py> {
    /// Finds the position of a checkpoint in the script.
    ///
    /// # Errors
    /// If a statement has changed that has run, unless `accepts` says that this does not matter.
    pub(crate) fn new(
        py: Python<'py>,
        program: &StepProgram,
        progress: &RunProgress,
        source: &[u8],
        accepts: bool,
    ) -> Result<Self> {
        let frames = frames_of(py, progress)?;
        if source == progress.source.as_bytes() {
            return Ok(Self { frames, added: Vec::new(), old: None });
        }
        let old = program.as_it_was(py, progress)?;
        let arguments = (old.object(py), program.object(py), &frames, accepts);
        match program.unless_changed(py, program.function(py, "relocate")?.call1(arguments))? {
            Ok(found) => {
                let (frames, added) = found.extract()?;
                Ok(Self { frames, added, old: Some(old) })
            }
            Err((line, mut details)) => {
                details.push("use --accept-changes to resume anyway, or --fresh to start over".to_owned());
                let text = format!("line {line} has already run, but has changed since");
                Err(exit::coded(exit::FAILED, text).with_details(details).into())
            }
        }
    }

    /// Runs the imports again that the script has run, so that the modules are loaded as they were.
    ///
    /// # Errors
    /// If one of them fails.
    pub(crate) fn run_imports(&self, program: &StepProgram, namespace: &Bound<'py, PyDict>) -> Result<()> {
        let py = namespace.py();
        let first = self.frames.get_item(0)?;
        let arguments = (program.object(py), first.get_item(1)?, first.get_item(2)?);
        // The names are those of the checkpoint.
        let scratch = namespace.copy()?;
        for import in program.function(py, "imports")?.call1(arguments)?.try_iter()? {
            let (line, code): (u32, Bound<'py, PyAny>) = import?.extract()?;
            eval_code(&code, &scratch).map_err(|error| cannot_repeat(py, line, &error))?;
        }
        Ok(())
    }

    /// The code that goes on, with all variables in place.
    ///
    /// # Errors
    /// If the checkpoint has no position, or a statement fails that has to run again.
    pub(crate) fn code(
        &self,
        program: &StepProgram,
        namespace: &Bound<'py, PyDict>,
        statements: &[RerunStatement],
    ) -> Result<Bound<'py, PyAny>> {
        let py = namespace.py();
        let state = namespace.get_item(RUN_POSITION)?.context("it has no position")?;
        if state.get_item("version")?.extract::<u32>()? != VERSION {
            anyhow::bail!("another version of snapcli has made it");
        }
        let names = state.get_item("names")?.cast_into::<PyList>().map_err(PyErr::from)?;
        let frames = state.get_item("frames")?.cast_into::<PyList>().map_err(PyErr::from)?;
        unbind_locals(namespace, &frames)?;
        namespace.del_item(RUN_POSITION)?;
        if let Some(inputs) = state.cast::<PyDict>().map_err(PyErr::from)?.get_item("inputs")? {
            program.object(py).setattr("inputs", inputs)?;
        }
        program.function(py, "restore_outer")?.call1((namespace, &frames, state.get_item("outer")?))?;
        let saved = program.function(py, "moved")?.call1((&frames, &self.frames))?;
        if let Some(old) = &self.old {
            let functions = PyList::empty(py);
            for frame in saved.try_iter()? {
                functions.append(frame?.call_method1("get", ("function",))?)?;
            }
            program.function(py, "refresh")?.call1((old.object(py), program.object(py), namespace, functions))?;
        }
        self.run_again(program, namespace, &frames, statements)?;
        for name in ["restore_handlers", "restart_listeners", "restore_signals"] {
            program.function(py, name)?.call1((namespace, &frames, state.get_item("outer")?))?;
        }
        arrange(namespace, &names)?;
        for (line, code) in &self.added {
            eval_code(code, namespace).map_err(|error| cannot_repeat(py, *line, &error))?;
        }
        Ok(program.rest(py, &saved)?)
    }

    /// Makes variables again that could not be saved, by the statements that have assigned them.
    fn run_again(
        &self,
        program: &StepProgram,
        namespace: &Bound<'py, PyDict>,
        frames: &Bound<'py, PyList>,
        statements: &[RerunStatement],
    ) -> Result<()> {
        let py = namespace.py();
        for RerunStatement { name, line, depth, .. } in statements {
            let Some((line, code)) = statement(program, self.frames.get_item(*depth)?, name)? else {
                let text = format!("the statement that assigned {name} (line {line}) no longer exists");
                return Err(exit::error(exit::FAILED, text));
            };
            let value = program.function(py, "value_again")?.call1((namespace, frames, *depth, code));
            let value = value.map_err(|error| cannot_repeat(py, line, &error))?;
            match depth {
                0 => namespace.set_item(name, value)?,
                _ => frames.get_item(*depth)?.get_item("locals")?.set_item(name, value)?,
            }
        }
        Ok(())
    }
}

/// Puts the local variables of functions under way where they belong.
fn unbind_locals(namespace: &Bound<'_, PyDict>, frames: &Bound<'_, PyList>) -> PyResult<()> {
    for (depth, frame) in frames.iter().enumerate().skip(1) {
        let locals = PyDict::new(namespace.py());
        for name in frame.get_item("locals")?.try_iter()? {
            let name = name?.extract::<String>()?;
            let variable = local_name(depth, &name);
            if let Some(value) = namespace.get_item(&variable)? {
                locals.set_item(name, value)?;
                namespace.del_item(variable)?;
            }
        }
        frame.set_item("locals", locals)?;
    }
    Ok(())
}

/// Leaves the names in the namespace that the script had, in their order.
fn arrange(namespace: &Bound<'_, PyDict>, names: &Bound<'_, PyList>) -> PyResult<()> {
    let now = namespace.copy()?;
    for key in now.keys().iter() {
        if key.cast::<PyString>().is_ok_and(|key| !is_of_module(&key.to_string_lossy())) {
            namespace.del_item(key)?;
        }
    }
    for name in names.iter() {
        if let Some(value) = now.get_item(&name)? {
            namespace.set_item(name, value)?;
        }
    }
    Ok(())
}

fn cannot_repeat(py: Python<'_>, line: u32, error: &PyErr) -> anyhow::Error {
    exit::error(exit::FAILED, format!("line {line}, which had to run again, failed: {}", error_text(py, error)))
}

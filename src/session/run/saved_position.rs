//! The variable that holds the state of a run in its checkpoints: for the script and each function under way, the
//! iterators and the local variables. The index of the checkpoint has the position.

use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::step_program::{StepPosition, StepProgram};
use crate::exit;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::eval_code;
use crate::session::failure_path::error_text;
use crate::session::select::is_of_module;
use crate::snapshot::index::{RUN_POSITION, RerunStatement, RunPlace, RunProgress};

/// The version of the variable.
const VERSION: u32 = 1;

/// The position, bound in the namespace of the script until this is dropped.
pub(crate) struct BoundPosition<'py>(Bound<'py, PyDict>);

impl<'py> BoundPosition<'py> {
    /// Binds it.
    ///
    /// # Errors
    /// Those of the namespace.
    pub(crate) fn bind(namespace: &Bound<'py, PyDict>, position: Option<&StepPosition<'py>>) -> PyResult<Self> {
        let py = namespace.py();
        let names = PyList::empty(py);
        for key in namespace.copy()?.keys().iter() {
            if key.cast::<PyString>().is_ok_and(|key| !is_of_module(&key.to_string_lossy())) {
                names.append(key)?;
            }
        }
        let state = PyDict::new(py);
        state.set_item("version", VERSION)?;
        state.set_item("names", names)?;
        state.set_item("frames", position.map(|position| &position.0))?;
        namespace.set_item(RUN_POSITION, state)?;
        Ok(Self(namespace.clone()))
    }
}

impl Drop for BoundPosition<'_> {
    fn drop(&mut self) {
        self.0.del_item(RUN_POSITION).tolerated();
    }
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

/// The line of the simple statement that has assigned a variable; `None` if there is none that could be run again.
///
/// # Errors
/// Those of a broken position.
pub(crate) fn line_of_rerun(
    py: Python<'_>,
    program: &StepProgram,
    progress: &RunProgress,
    name: &str,
) -> PyResult<Option<u32>> {
    let frames = frames_of(py, progress)?;
    let first = frames.get_item(0)?;
    let arguments = (program.object(py), first.get_item(1)?, first.get_item(2)?, name);
    let found: Option<(u32, Py<PyAny>)> = program.function(py, "rerun")?.call1(arguments)?.extract()?;
    Ok(found.map(|(line, _)| line))
}

/// The position as the part in Python wants it.
fn frames_of<'py>(py: Python<'py>, progress: &RunProgress) -> PyResult<Bound<'py, PyList>> {
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
        let filename = program.object(py).getattr("filename")?.extract::<std::ffi::OsString>()?;
        let old = StepProgram::new(py, progress.source.as_bytes(), &filename)?;
        let arguments = (old.object(py), program.object(py), &frames, accepts);
        let found = program.function(py, "relocate")?.call1(arguments);
        let is_change = |error: &PyErr| Ok::<_, PyErr>(error.is_instance(py, &program.function(py, "Changed")?));
        match found {
            Ok(found) => {
                let (frames, added) = found.extract()?;
                Ok(Self { frames, added, old: Some(old) })
            }
            Err(error) if is_change(&error)? => {
                let (line, before, after): (u32, String, String) = error.value(py).getattr("args")?.extract()?;
                let shown = |text: String| if text.is_empty() { "(nothing)".to_owned() } else { text };
                let details = vec![
                    format!("it was: {}", shown(before)),
                    format!("it is:  {}", shown(after)),
                    "use --accept-changes to go on all the same, or --fresh to start over".to_owned(),
                ];
                let text = format!("line {line} has run, and has changed since");
                Err(exit::coded(exit::FAILED, text).with_details(details).into())
            }
            Err(error) => Err(error.into()),
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
        let saved = program.function(py, "moved")?.call1((state.get_item("frames")?, &self.frames))?;
        namespace.del_item(RUN_POSITION)?;
        if let Some(old) = &self.old {
            let functions = PyList::empty(py);
            for frame in saved.try_iter()? {
                functions.append(frame?.call_method1("get", ("function",))?)?;
            }
            program.function(py, "refresh")?.call1((old.object(py), program.object(py), namespace, functions))?;
        }
        self.run_again(program, namespace, statements)?;
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
        statements: &[RerunStatement],
    ) -> Result<()> {
        let py = namespace.py();
        let first = self.frames.get_item(0)?;
        for RerunStatement { name, line, .. } in statements {
            let arguments = (program.object(py), first.get_item(1)?, first.get_item(2)?, name);
            let found: Option<(u32, Bound<'py, PyAny>)> = program.function(py, "rerun")?.call1(arguments)?.extract()?;
            let Some((line, code)) = found else {
                let text = format!("the statement that has assigned {name} (line {line}) is not there any more");
                return Err(exit::error(exit::FAILED, text));
            };
            eval_code(&code, namespace).map_err(|error| cannot_repeat(py, line, &error))?;
        }
        Ok(())
    }
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
    exit::error(exit::FAILED, format!("line {line}, which has to run again, failed: {}", error_text(py, error)))
}

//! The variable that holds the position of a run in its checkpoints, with the source of the script as it was.

use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

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
    pub(crate) fn bind(
        namespace: &Bound<'py, PyDict>,
        position: Option<&StepPosition<'py>>,
        source: &[u8],
    ) -> PyResult<Self> {
        let py = namespace.py();
        let names = PyList::empty(py);
        for key in namespace.copy()?.keys().iter() {
            if key.cast::<PyString>().is_ok_and(|key| !is_of_module(&key.to_string_lossy())) {
                names.append(key)?;
            }
        }
        let state = PyDict::new(py);
        state.set_item("version", VERSION)?;
        state.set_item("source", PyBytes::new(py, source))?;
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
        let frame = frame.cast_into::<PyDict>()?;
        let text = |name: &str| frame.as_any().get_item(name);
        places.push(RunPlace { function: text("root")?.extract()?, line: text("line")?.extract()? });
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
    position: &StepPosition<'_>,
    name: &str,
) -> PyResult<Option<u32>> {
    let found: Option<(u32, Py<PyAny>)> = program.object(py).call_method1("rerun", (&position.0, name))?.extract()?;
    Ok(found.map(|(line, _)| line))
}

/// A position that was loaded with the variables of a checkpoint.
pub(crate) struct LoadedPosition<'py> {
    frames: Bound<'py, PyAny>,
    names: Bound<'py, PyList>,
    /// The source of the script when the checkpoint was made.
    pub(crate) source: Vec<u8>,
}

impl<'py> LoadedPosition<'py> {
    /// Takes the position out of the namespace.
    ///
    /// # Errors
    /// If there is none, or one of another form.
    pub(crate) fn take(namespace: &Bound<'py, PyDict>) -> Result<Self> {
        let state = namespace.get_item(RUN_POSITION)?.context("it has no position")?;
        namespace.del_item(RUN_POSITION)?;
        let state = state.cast_into::<PyDict>().map_err(PyErr::from)?;
        let part = |name: &str| state.as_any().get_item(name);
        if part("version")?.extract::<u32>()? != VERSION {
            anyhow::bail!("another version of snapcli has made it");
        }
        let names = part("names")?.cast_into::<PyList>().map_err(PyErr::from)?;
        Ok(Self { frames: part("frames")?, names, source: part("source")?.extract()? })
    }

    /// The code that goes on.
    ///
    /// # Errors
    /// If the position is not one of this script.
    pub(crate) fn code(&self, py: Python<'py>, program: &StepProgram) -> PyResult<Bound<'py, PyAny>> {
        program.rest(py, &self.frames)
    }

    /// Runs the imports again that the script has run, so that the modules are loaded as they were.
    ///
    /// # Errors
    /// If one of them fails.
    pub(crate) fn run_imports(&self, program: &StepProgram, namespace: &Bound<'py, PyDict>) -> Result<()> {
        let py = namespace.py();
        for import in program.object(py).call_method1("imports", (&self.frames,))?.try_iter()? {
            let (line, code): (u32, Bound<'py, PyAny>) = import?.extract()?;
            eval_code(&code, namespace).map_err(|error| cannot_repeat(py, line, &error))?;
        }
        Ok(())
    }

    /// Makes variables again that could not be saved, by the statements that have assigned them.
    ///
    /// # Errors
    /// If one of them fails.
    pub(crate) fn run_again(
        &self,
        program: &StepProgram,
        namespace: &Bound<'py, PyDict>,
        statements: &[RerunStatement],
    ) -> Result<()> {
        let py = namespace.py();
        for RerunStatement { name, line, .. } in statements {
            let found: Option<(u32, Bound<'py, PyAny>)> =
                program.object(py).call_method1("rerun", (&self.frames, name))?.extract()?;
            let Some((line, code)) = found else {
                let text = format!("the statement that has assigned {name} (line {line}) is not there any more");
                return Err(exit::error(exit::FAILED, text));
            };
            eval_code(&code, namespace).map_err(|error| cannot_repeat(py, line, &error))?;
        }
        Ok(())
    }

    /// Leaves the names in the namespace that the script had, in their order.
    ///
    /// # Errors
    /// Those of the namespace.
    pub(crate) fn arrange(&self, namespace: &Bound<'py, PyDict>) -> PyResult<()> {
        let now = namespace.copy()?;
        for key in now.keys().iter() {
            if key.cast::<PyString>().is_ok_and(|key| !is_of_module(&key.to_string_lossy())) {
                namespace.del_item(key)?;
            }
        }
        for name in self.names.iter() {
            if let Some(value) = now.get_item(&name)? {
                namespace.set_item(name, value)?;
            }
        }
        Ok(())
    }
}

fn cannot_repeat(py: Python<'_>, line: u32, error: &PyErr) -> anyhow::Error {
    exit::error(exit::FAILED, format!("line {line}, which has to run again, failed: {}", error_text(py, error)))
}

//! How a run goes on from a checkpoint: its position in the script, which may have been edited, and what has to run
//! before the rest of it.

use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::repeated_statement::statement;
use super::saved_position::{NOTED, VERSION, frames_of, local_name};
use super::step_program::StepProgram;
use crate::exit;
use crate::python::ffi::eval_code;
use crate::session::failure_path::error_text;
use crate::session::select::is_of_module;
use crate::snapshot::index::{RUN_POSITION, RerunStatement, RunProgress};

/// How a run goes on: found before anything is loaded.
pub(crate) struct ResumePlan<'py> {
    /// The position in the script as it is now.
    frames: Bound<'py, PyList>,
    /// Statements that were added to what has run, each with its line, its code, and what `run_added` has to know.
    added: Vec<(u32, Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// The progress of the run, with the lines of the script as it is now.
    pub(crate) progress: RunProgress,
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
        command: impl Fn(&str) -> String,
    ) -> Result<Self> {
        let (frames, mut progress) = (frames_of(py, progress)?, progress.clone());
        if source == progress.source.as_bytes() {
            return Ok(Self { frames, added: Vec::new(), progress, old: None });
        }
        let old = program.as_it_was(py, &progress)?;
        let arguments = (old.object(py), program.object(py), &frames, accepts);
        let changed = match program.unless_changed(py, program.function(py, "relocate")?.call1(arguments))? {
            Ok(found) => {
                let (frames, lines, added): (_, Vec<u32>, _) = found.extract()?;
                progress.places.iter_mut().zip(lines).for_each(|(place, line)| place.line = line);
                return Ok(Self { frames, added, progress, old: Some(old) });
            }
            Err(changed) => changed,
        };
        let details = changed.details(false).into_iter().chain(changed.advice(command)).collect();
        Err(exit::coded(exit::FAILED, changed.message()).with_details(details).into())
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

    /// Checks that the modules of the script are those of the checkpoint.
    ///
    /// # Errors
    /// If the file of one has changed.
    pub(crate) fn check_modules(program: &StepProgram, namespace: &Bound<'py, PyDict>) -> Result<()> {
        let py = namespace.py();
        let state = namespace.get_item(RUN_POSITION)?.context("it has no position")?;
        let changed = program.function(py, "changed_sources")?.call1((state.get_item("outer")?,))?;
        let Some(path) = changed.extract::<Vec<String>>()?.into_iter().next() else { return Ok(()) };
        let text = format!("{path}, a module of the script, has changed since the checkpoint");
        let advice = "use --accept-changes to resume anyway, or --fresh to start over".to_owned();
        Err(exit::coded(exit::FAILED, text).with_details(vec![advice]).into())
    }

    /// Checks that the rest of the script does not read what the run has lost with a pipe.
    ///
    /// # Errors
    /// If it does.
    pub(crate) fn check_input(&self, program: &StepProgram, namespace: &Bound<'py, PyDict>) -> Result<()> {
        let py = namespace.py();
        let state = namespace.get_item(RUN_POSITION)?.context("it has no position")?;
        let arguments = (program.object(py), state.get_item("outer")?, &self.frames);
        let line: Option<u32> = program.function(py, "line_without_input")?.call1(arguments)?.extract()?;
        let Some(line) = line else { return Ok(()) };
        let text =
            format!("cannot resume: standard input was a pipe, and line {line} would not get what was read from it");
        let advice = "--fresh starts over; standard input from a file (< FILE) is restored".to_owned();
        Err(exit::coded(exit::FAILED, text).with_details(vec![advice]).into())
    }

    /// The code that goes on, with all variables in place, and the lines of the statements that have run again.
    ///
    /// # Errors
    /// If the checkpoint has no position, or a statement fails that has to run again.
    pub(crate) fn code(
        &self,
        program: &StepProgram,
        namespace: &Bound<'py, PyDict>,
        statements: &[RerunStatement],
        reopens: bool,
    ) -> Result<(Bound<'py, PyAny>, Vec<u32>)> {
        let py = namespace.py();
        let state = namespace.get_item(RUN_POSITION)?.context("it has no position")?;
        if state.get_item("version")?.extract::<u32>()? != VERSION {
            anyhow::bail!("another version of snapcli has made it");
        }
        let names = state.get_item("names")?.cast_into::<PyList>().map_err(PyErr::from)?;
        let frames = state.get_item("frames")?.cast_into::<PyList>().map_err(PyErr::from)?;
        unbind_locals(namespace, &frames)?;
        namespace.del_item(RUN_POSITION)?;
        for name in NOTED {
            if let Some(noted) = state.cast::<PyDict>().map_err(PyErr::from)?.get_item(name)? {
                program.object(py).setattr(name, noted)?;
            }
        }
        state.get_item("outer")?.set_item("truncates logs", reopens)?;
        program.function(py, "restore_outer")?.call1((namespace, &frames, state.get_item("outer")?))?;
        program.function(py, "fill_cells")?.call1((&frames,))?;
        program.function(py, "note_environment_again")?.call1((program.object(py),))?;
        let saved = program.function(py, "moved")?.call1((&frames, &self.frames))?;
        self.refresh(program, py)?;
        let made = state.cast::<PyDict>().map_err(PyErr::from)?.get_item("made")?;
        let outer = state.get_item("outer")?;
        let lines = self.run_again(program, namespace, &frames, statements, (made.as_ref(), &outer))?;
        for name in ["restore_handlers", "restart_listeners"] {
            program.function(py, name)?.call1((namespace, &frames, &outer))?;
        }
        program.function(py, "restore_settings")?.call1((program.object(py), namespace, &frames, &outer))?;
        program.function(py, "register_again")?.call1((program.object(py), &self.frames, namespace, &frames))?;
        arrange(namespace, &names)?;
        for (line, code, target) in &self.added {
            let run = program.function(py, "run_added")?.call1((namespace, &frames, code, target));
            run.map_err(|error| cannot_repeat(py, *line, &error))?;
        }
        Ok((program.rest(py, &saved)?, lines))
    }

    /// Gives the functions of the session the code of the edited script.
    fn refresh(&self, program: &StepProgram, py: Python<'py>) -> Result<()> {
        let Some(old) = &self.old else { return Ok(()) };
        let left = program.function(py, "refresh")?.call1((old.object(py), program.object(py)))?;
        let Some((name, line)) = left.extract::<Option<(String, u32)>>()? else { return Ok(()) };
        let text = format!(
            "cannot resume with the new {name}() (line {line}): it uses other variables of the function around it than \
             the old one"
        );
        let advice = "--fresh starts over".to_owned();
        Err(exit::coded(exit::FAILED, text).with_details(vec![advice]).into())
    }

    /// Makes variables again that could not be saved, by the statements that have assigned them. Returns their lines.
    fn run_again(
        &self,
        program: &StepProgram,
        namespace: &Bound<'py, PyDict>,
        frames: &Bound<'py, PyList>,
        statements: &[RerunStatement],
        (made, outer): (Option<&Bound<'py, PyAny>>, &Bound<'py, PyAny>),
    ) -> Result<Vec<u32>> {
        let py = namespace.py();
        let mut lines = Vec::new();
        for RerunStatement { name, line, depth, .. } in statements {
            let place = self.frames.get_item(*depth)?;
            let Some((line, code)) = statement(program, place.clone(), name)? else {
                let text = format!("the statement that assigned {name} (line {line}) no longer exists");
                return Err(exit::error(exit::FAILED, text));
            };
            let value = program.function(py, "value_again")?.call1((
                program.object(py),
                namespace,
                frames,
                (*depth, place.get_item(0)?, name),
                code,
            ));
            let value = value.map_err(|error| cannot_repeat(py, line, &error))?;
            program.function(py, "bind_in_modules")?.call1((outer, depth, name, &value))?;
            match depth {
                0 => namespace.set_item(name, value)?,
                _ => frames.get_item(*depth)?.get_item("locals")?.set_item(name, value)?,
            }
            if let Some(made) = made {
                program.function(py, "put_back")?.call1((namespace, frames, made, depth, name))?;
            }
            program.function(py, "fill_cells")?.call1((frames,))?;
            lines.push(line);
        }
        Ok(lines)
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

//! Variables that cannot be saved: the statement that makes one again, what it would read, and whether anything reads
//! the variable.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::saved_position::{BoundAttribute, BoundPosition, frames_of};
use super::step_program::StepProgram;
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::index::RunProgress;

/// The line of the simple statement that has assigned a variable; `None` if there is none that could be run again.
/// `depth` is the number of the function under way whose local variable it is, 0 for a global one.
///
/// # Errors
/// Those of a broken position.
pub(crate) fn line_of_rerun(
    py: Python<'_>,
    program: &StepProgram,
    progress: &RunProgress,
    (depth, name): (usize, &str),
) -> PyResult<Option<u32>> {
    let found = statement(program, frames_of(py, progress)?.get_item(depth)?, name)?;
    Ok(found.map(|(line, _)| line))
}

/// An input of a statement that has another value than when the statement ran: the expression, and whether the
/// statement must not run again for that.
pub(crate) struct ChangedInput {
    pub(crate) text: String,
    pub(crate) kind: InputChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputChange {
    Changed,
    /// No input, but the name of a thread that the object has, and would not have if it were made again.
    Thread,
    /// No input, but what of the object would be lost.
    Progress,
    /// No input, but what the statement would do to files or tables once more.
    Effect,
}

impl BoundPosition<'_> {
    /// What the statement that has assigned a variable would read now that it did not read when it ran.
    ///
    /// # Errors
    /// Those of an object of the script that cannot be described.
    pub(crate) fn changed_inputs(
        &self,
        program: &StepProgram,
        progress: &RunProgress,
        (depth, name): (usize, &str),
    ) -> PyResult<Vec<ChangedInput>> {
        let py = self.namespace().py();
        let Some((frames, scopes)) = &self.frames else { return Ok(Vec::new()) };
        let place = frames_of(py, progress)?.get_item(depth)?;
        let arguments = (program.object(py), self.namespace(), frames, scopes, depth, place, name);
        let found = program.function(py, "changed_inputs")?.call1(arguments)?;
        let found: Vec<(String, String)> = found.extract()?;
        let kind = |how: &str| match how {
            "thread" => InputChange::Thread,
            "progress" => InputChange::Progress,
            "effect" => InputChange::Effect,
            _ => InputChange::Changed,
        };
        Ok(found.into_iter().map(|(text, how)| ChangedInput { text, kind: kind(&how) }).collect())
    }
}

/// Whether an object has ended, as a closed connection has: then it comes back in that state.
///
/// # Errors
/// Those of a broken object.
pub(crate) fn has_ended(py: Python<'_>, program: &StepProgram, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!program.function(py, "end_of")?.call1((value,))?.is_none())
}

impl BoundPosition<'_> {
    /// What would be lost with an attribute that cannot be saved, if its object were made again. `is_saved` tells
    /// whether a variable of the checkpoint is.
    ///
    /// # Errors
    /// Those of a broken object.
    pub(crate) fn lost_of_attribute(
        &self,
        program: &StepProgram,
        attribute: &BoundAttribute<'_>,
        is_saved: impl Fn(&str) -> bool,
    ) -> PyResult<Option<String>> {
        let py = self.namespace().py();
        let Some((_, scopes)) = &self.frames else { return Ok(None) };
        let siblings = PyDict::new(py);
        let of_owner = self.attributes.iter().filter(|other| other.owner == attribute.owner);
        for other in of_owner.filter(|other| is_saved(&other.variable)) {
            siblings.set_item(&other.attribute, &other.value)?;
        }
        let (depth, name) = &attribute.owner;
        let arguments = (program.object(py), scopes, (depth, name), &attribute.value, siblings);
        program.function(py, "lost_with")?.call1(arguments)?.extract()
    }
}

/// The lines of statements that have set up an object after it was made, and do not run again.
///
/// # Errors
/// Those of a broken position.
pub(crate) fn lines_of_setup(
    py: Python<'_>,
    program: &StepProgram,
    progress: &RunProgress,
    (depth, name): (usize, &str),
) -> PyResult<Vec<u32>> {
    let place = frames_of(py, progress)?.get_item(depth)?;
    let (root, path, next) = place.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
    program.function(py, "setup_calls")?.call1((program.object(py), root, path, next, name))?.extract()
}

/// What of an object would be lost if the import of its module made it again. `name` is `module.name`, or
/// `module.Class.name`.
///
/// # Errors
/// Those of a broken module.
pub(crate) fn progress_in_module(py: Python<'_>, program: &StepProgram, name: &str) -> PyResult<Option<String>> {
    program.function(py, "progress_in_module")?.call1((name,))?.extract()
}

/// What makes a variable of a module again that cannot be saved.
pub(crate) enum MadeByModule {
    /// The import of the module, or the module when it finds none.
    Itself,
    /// The statement that makes a variable of the script: the number of the function under way, and the name.
    Variable(usize, String),
    Nothing,
}

impl BoundPosition<'_> {
    /// What makes a variable of a module again. `name` is `module.name`.
    ///
    /// # Errors
    /// Those of a broken module.
    pub(crate) fn made_by_module(&self, program: &StepProgram, name: &str) -> PyResult<MadeByModule> {
        let py = self.namespace().py();
        let Some(outer) = self.state().get_item("outer")? else { return Ok(MadeByModule::Itself) };
        let found = program.function(py, "made_again")?.call1((program.object(py), outer, name))?;
        if found.is_none() {
            return Ok(MadeByModule::Nothing);
        }
        let owner = found.extract::<(usize, String)>().tolerated();
        Ok(owner.map_or(MadeByModule::Itself, |(depth, name)| MadeByModule::Variable(depth, name)))
    }
}

/// Whether what is left of the script reads a variable.
///
/// # Errors
/// Those of a broken position.
pub(crate) fn is_used(
    py: Python<'_>,
    program: &StepProgram,
    progress: &RunProgress,
    (depth, name): (usize, &str),
) -> PyResult<bool> {
    program.function(py, "is_used")?.call1((program.object(py), frames_of(py, progress)?, depth, name))?.extract()
}

/// The statement that has assigned a variable: its line, and the code of the value.
pub(super) fn statement<'py>(
    program: &StepProgram,
    frame: Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Option<(u32, Bound<'py, PyAny>)>> {
    let py = frame.py();
    let (root, path, next) = frame.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)>()?;
    program.function(py, "rerun")?.call1((program.object(py), root, path, next, name))?.extract()
}

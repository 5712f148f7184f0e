//! What has changed in a script since a checkpoint of it was made.

use pyo3::prelude::*;

use super::step_program::StepProgram;
use crate::snapshot::index::RunProgress;

/// A statement that has run and is another one now.
#[derive(Debug)]
pub(crate) struct ChangedStatement {
    /// The line and the text before; the line is 0 if the statement is new.
    before: (u32, String),
    /// The line and the text now; the line is 0 if it was removed.
    after: (u32, String),
    /// The definition that it is in, such as `class T` or `T.step()`; empty if it is in none, or if that is under way.
    inside: String,
}

impl ChangedStatement {
    /// The line, in the script as it is now if the statement still exists.
    pub(crate) fn line(&self) -> u32 {
        if self.after.0 == 0 { self.before.0 } else { self.after.0 }
    }

    /// What is said when a run cannot resume because of it.
    pub(crate) fn message(&self) -> String {
        let (line, inside) = (self.line(), &self.inside);
        match (self.before.0, self.after.0) {
            (_, 0) if inside.is_empty() => format!("line {line} as it was has already run, and was removed since"),
            (_, 0) => format!("line {line} as it was, in {inside}, was removed since {inside} was defined"),
            (0, _) if inside.is_empty() => {
                format!("line {line} is new, above the place where the run resumes: it would not run")
            }
            (0, _) => format!("line {line}, in {inside}, was added since {inside} was defined"),
            _ if inside.is_empty() => format!("line {line} has already run, but has changed since"),
            _ => format!("line {line}, in {inside}, has changed since {inside} was defined"),
        }
    }

    /// The text before and after, with the lines where they differ.
    pub(crate) fn details(&self) -> Vec<String> {
        let lines = [self.before.0, self.after.0];
        let differ = !lines.contains(&0) && lines[0] != lines[1];
        let shown = |(line, text): &(u32, String), verb: &str, space: &str| match line {
            0 => format!("{verb}:{space} (nothing)"),
            _ if differ => format!("{verb} (line {line}):{space} {text}"),
            _ => format!("{verb}:{space} {text}"),
        };
        vec![shown(&self.before, "it was", ""), shown(&self.after, "it is", " ")]
    }

    /// What to type to resume anyway. `command` is the command line with an option.
    pub(crate) fn advice(&self, command: impl Fn(&str) -> String) -> Vec<String> {
        let accept = command("--accept-changes");
        let how = match self.inside.strip_suffix("()") {
            Some(_) => format!("to resume with the new {} from its next call", self.inside),
            None if self.before.0 != 0 && self.after.0 == 0 => "to resume anyway".to_owned(),
            None if !self.inside.is_empty() => format!("to resume with the new {}", self.inside),
            None => "to resume without running it".to_owned(),
        };
        vec![format!("{how}: {accept}"), format!("to start over: {}", command("--fresh"))]
    }
}

impl StepProgram {
    /// The script as it was at a checkpoint.
    pub(super) fn as_it_was(&self, py: Python<'_>, progress: &RunProgress) -> PyResult<std::sync::Arc<Self>> {
        let filename = self.object(py).getattr("filename")?.extract::<std::ffi::OsString>()?;
        Self::old(py, progress.source.as_bytes(), &filename)
    }

    /// The first statement of a script that has finished which has changed since.
    ///
    /// # Errors
    /// If the old source cannot be parsed.
    pub(crate) fn change_since(&self, py: Python<'_>, progress: &RunProgress) -> PyResult<Option<ChangedStatement>> {
        let old = self.as_it_was(py, progress)?;
        let checked = self.function(py, "check_unchanged")?.call1((old.object(py), self.object(py)));
        Ok(self.unless_changed(py, checked)?.err())
    }

    /// Tells the exception for a change from other ones.
    pub(super) fn unless_changed<T>(
        &self,
        py: Python<'_>,
        result: PyResult<T>,
    ) -> PyResult<Result<T, ChangedStatement>> {
        let error = match result {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => error,
        };
        if !error.is_instance(py, &self.function(py, "Changed")?) {
            return Err(error);
        }
        let (first, old, second, new, inside) = error.value(py).getattr("args")?.extract()?;
        Ok(Err(ChangedStatement { before: (first, old), after: (second, new), inside }))
    }
}

//! What has changed in a script since a checkpoint of it was made.

use pyo3::prelude::*;

use super::step_program::StepProgram;
use crate::snapshot::index::RunProgress;

/// The line of a statement that has changed, and what is said about it.
pub(crate) type ChangedLine = (u32, Vec<String>);

impl StepProgram {
    /// The script as it was at a checkpoint.
    pub(super) fn as_it_was(&self, py: Python<'_>, progress: &RunProgress) -> PyResult<std::sync::Arc<Self>> {
        let filename = self.object(py).getattr("filename")?.extract::<std::ffi::OsString>()?;
        Self::old(py, progress.source.as_bytes(), &filename)
    }

    /// The first line in which a script that has finished has changed since.
    ///
    /// # Errors
    /// If the old source cannot be parsed.
    pub(crate) fn change_since(&self, py: Python<'_>, progress: &RunProgress) -> PyResult<Option<ChangedLine>> {
        let old = self.as_it_was(py, progress)?;
        let checked = self.function(py, "check_unchanged")?.call1((old.object(py), self.object(py)));
        Ok(self.unless_changed(py, checked)?.err())
    }

    /// Tells the exception for a change from other ones.
    pub(super) fn unless_changed<T>(&self, py: Python<'_>, result: PyResult<T>) -> PyResult<Result<T, ChangedLine>> {
        let error = match result {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => error,
        };
        if !error.is_instance(py, &self.function(py, "Changed")?) {
            return Err(error);
        }
        let (line, before, after): (u32, String, String) = error.value(py).getattr("args")?.extract()?;
        let shown = |text: String| if text.is_empty() { "(nothing)".to_owned() } else { text };
        Ok(Err((line, vec![format!("it was: {}", shown(before)), format!("it is:  {}", shown(after))])))
    }
}

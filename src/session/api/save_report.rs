//! What `snapcli.save` returns: what was saved, and what was not and why, for programs and for people.

use std::io;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyString, PyTuple};

use super::json_objects::to_python;
use super::raised_errors::in_python_words;
use crate::python::deferred_signals::Tolerated as _;
use crate::report::answers::SessionAnswer;
use crate::report::imports::counted;
use crate::report::inspect_report::SessionReport;
use crate::report::inspect_text::{is_missed, with_users, write_left_out, write_lost};
use crate::snapshot::index::LeftOutReason;
use crate::ui::{Lines, count, format_size};

/// Something that was not saved or not restored. `str()` of it is the reason, and it equals such a string.
#[pyclass(frozen, module = "snapcli")]
#[derive(Clone)]
pub struct Lost {
    /// Why, such as `TypeError: cannot pickle 'socket' object`.
    #[pyo3(get)]
    reason: String,
    /// Where the object at fault is: `cfg['db'].conn`.
    #[pyo3(get, name = "where")]
    place: String,
    /// The type of that object, as far as it is known.
    #[pyo3(get, name = "type")]
    kind: String,
    /// What to do about it; None if there is no advice.
    #[pyo3(get)]
    hint: Option<String>,
}

impl Lost {
    pub(super) fn new(reason: String, place: String, kind: String, hint: Option<String>) -> Self {
        Self { reason, place, kind, hint }
    }
}

#[pymethods]
impl Lost {
    /// The same as `where`.
    #[getter]
    fn path(&self) -> &str {
        &self.place
    }

    fn __str__(&self) -> &str {
        &self.reason
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        PyString::new(py, &self.reason).repr()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        match other.cast::<Self>() {
            Ok(other) => other.get().reason == self.reason && other.get().place == self.place,
            Err(_) => other.extract::<&str>().tolerated().is_some_and(|other| other == self.reason),
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyString::new(py, &self.reason).hash()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((py.get_type::<PyString>().into_any(), (self.reason.clone(),)))
    }
}

/// What was saved, and what was not and why. `print(report)` shows it to a person or a language model.
///
/// A report is always true: `report.complete` says whether anything was lost.
#[pyclass(frozen, module = "snapcli")]
pub struct Report {
    report: SessionReport,
    notes: Vec<String>,
    /// The path, if it is a file.
    path: Option<String>,
    /// The same in its absolute form.
    absolute: Option<String>,
    /// The snapshot, if `target` was None.
    #[pyo3(get)]
    data: Option<Py<PyBytes>>,
}

impl Report {
    pub(super) fn new(
        report: SessionReport,
        path: Option<String>,
        absolute: Option<String>,
        data: Option<Py<PyBytes>>,
        notes: Vec<String>,
    ) -> Self {
        Self { report, notes, path, absolute, data }
    }

    /// How much was saved: `saved 2 variables and 3 imports`.
    pub(super) fn saved_words(&self) -> String {
        format!("saved {}", counted(&self.report.index.variables))
    }

    fn lost_objects(&self) -> Vec<(&str, Lost)> {
        let index = &self.report.index;
        let failed = index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed).map(|item| {
            let path = item.path.as_ref().unwrap_or(&item.name).clone();
            let kind = item.fault_type.as_ref().unwrap_or(&item.type_name).clone();
            (item.name.as_str(), Lost::new(item.error.clone(), path, kind, item.hint.clone()))
        });
        let within = index.segments().flat_map(|(_, variable)| &variable.lost).map(|item| {
            let path = item.fault.as_ref().unwrap_or(&item.path).clone();
            (item.path.as_str(), Lost::new(item.error.clone(), path, item.type_name.clone(), item.hint.clone()))
        });
        failed.chain(within).collect()
    }

    fn all_notes(&self) -> Vec<String> {
        let index = &self.report.index;
        let of_script = index.script.secrets.iter().map(|found| format!("warning: {found}"));
        let secrets = index.segments().filter(|(_, variable)| !variable.secrets.is_empty()).map(|(_, variable)| {
            let why = variable.secrets.join("; ");
            format!(
                "warning: {} looks like a credential ({why}): use redact=True to leave such variables out",
                variable.name
            )
        });
        let of_variables = index.segments().flat_map(|(_, variable)| {
            variable.notes.iter().map(|note| format!("{}: {}", variable.name, in_python_words(note)))
        });
        self.notes.iter().cloned().chain(of_script).chain(secrets).chain(of_variables).collect()
    }

    fn write_text(&self, lines: &mut Lines<'_>) -> io::Result<()> {
        let SessionReport { file, bytes, index, .. } = &self.report;
        let place = if self.data.is_some() { "memory" } else { file };
        lines.line(format_args!("{} to {place} ({})", self.saved_words(), format_size(*bytes)))?;
        let failed: Vec<_> = index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed).collect();
        if !failed.is_empty() {
            lines.line(format_args!("left out {} that cannot be saved:", count(failed.len(), "variable")))?;
            write_left_out(lines, failed, false)?;
        }
        let lost: usize = index.variables.iter().map(|variable| variable.lost.len()).sum();
        if lost > 0 {
            lines.line(format_args!("replaced {} that cannot be saved by a marker:", count(lost, "object")))?;
            write_lost(lines, &index.variables, false)?;
        }
        let ruled = index.left_out.iter().filter(|item| {
            matches!(item.reason, LeftOutReason::Size | LeftOutReason::Secret)
                || item.error.starts_with("made again")
                || is_missed(item)
        });
        for item in ruled {
            lines.line(format_args!("left out {}: {}", item.name, in_python_words(&with_users(item))))?;
        }
        self.all_notes().iter().try_for_each(|note| lines.line(note))
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        // A vector takes all.
        let _ = self.write_text(&mut Lines::new(&mut out));
        String::from_utf8_lossy(&out).trim_end().to_owned()
    }
}

#[pymethods]
impl Report {
    /// The names of the variables that were saved.
    #[getter]
    fn saved(&self) -> Vec<&str> {
        self.report.index.variables.iter().map(|variable| variable.name.as_str()).collect()
    }

    /// What could not be saved: a dict from the name of a variable, or the path to an object within one, to a Lost
    /// object. In the place of an object within a variable there is a marker.
    #[getter]
    fn lost<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let lost = PyDict::new(py);
        for (name, object) in self.lost_objects() {
            lost.set_item(name, Py::new(py, object)?)?;
        }
        Ok(lost)
    }

    /// What was left out by a rule, such as `exclude=`, and is not lost: a dict from names to reasons.
    #[getter]
    fn left_out<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let left_out = PyDict::new(py);
        for item in self.report.index.left_out.iter().filter(|item| item.reason != LeftOutReason::Failed) {
            left_out.set_item(&item.name, in_python_words(&with_users(item)))?;
        }
        Ok(left_out)
    }

    /// Whether everything that was to be saved was saved.
    #[getter]
    fn complete(&self) -> bool {
        self.lost_objects().is_empty()
    }

    /// The size of the snapshot in bytes.
    #[getter]
    fn bytes(&self) -> u64 {
        self.report.bytes
    }

    /// The path of the file; None if the target is no path.
    #[getter]
    fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Warnings, and differences to expect after a restore.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.all_notes()
    }

    /// The report as a dict, with the JSON schema of `snapcli save --report`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &SessionAnswer::of(&self.report, self.absolute.clone()))
    }

    fn __str__(&self) -> String {
        self.text()
    }

    fn __repr__(&self) -> String {
        self.text()
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let state = PyDict::new(py);
        state.set_item("saved", self.saved())?;
        let lost = PyDict::new(py);
        for (name, object) in self.lost_objects() {
            lost.set_item(name, object.reason)?;
        }
        state.set_item("lost", lost)?;
        state.set_item("bytes", self.report.bytes)?;
        state.set_item("path", &self.path)?;
        state.set_item("notes", self.all_notes())?;
        // A file that holds a report can be loaded without snapcli.
        Ok((py.import("types")?.getattr("SimpleNamespace")?, PyTuple::empty(py), state))
    }
}

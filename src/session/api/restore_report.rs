//! What `snapcli.restore` returns: what was restored, and what was not and why, for programs and for people.

use std::ffi::CString;
use std::io;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::json_objects::to_python;
use super::raised_errors::in_python_words;
use super::save_report::Lost;
use crate::report::answers::{LostAnswer, MarkerAnswer, RestoreAnswer, SchemaVersion};
use crate::report::imports::count_apart;
use crate::session::{LostVariable, Restored};
use crate::snapshot::index::UnsavableObject;
use crate::ui::{Lines, escape};

/// What was restored, and what was not and why. `print(report)` shows it to a person or a language model.
///
/// A report is always true: `report.complete` says whether anything was lost.
#[pyclass(frozen, module = "snapcli")]
pub struct RestoreReport {
    /// The name of the file.
    file: String,
    /// Its absolute path, if it is not in memory.
    path: Option<String>,
    /// The names of the restored variables.
    #[pyo3(get)]
    restored: Vec<String>,
    /// How many of these are imports.
    imports: usize,
    lost: Vec<LostVariable>,
    /// The objects that had not been saved, in restored variables.
    markers: Vec<UnsavableObject>,
    /// The module that the variables were saved from.
    #[pyo3(get)]
    module: String,
    /// The kinds of ambient state that were put back, such as `random`.
    #[pyo3(get)]
    state: Vec<String>,
    /// What else there is to say.
    #[pyo3(get)]
    notes: Vec<String>,
    /// Whether the snapshot was loaded in full: it is signed with your key, or `trust=True` was given.
    #[pyo3(get)]
    trusted: bool,
}

impl RestoreReport {
    pub(super) fn new(
        (file, path): (String, Option<String>),
        restored: Restored,
        imports: usize,
        markers: Vec<UnsavableObject>,
        trusted: bool,
        first_notes: Vec<String>,
    ) -> Self {
        let Restored { names, lost, module, state, notes, .. } = restored;
        let notes = first_notes.into_iter().chain(notes).collect();
        let in_words = |lost: LostVariable| LostVariable { why: in_python_words(&lost.why).into_owned(), ..lost };
        let lost = lost.into_iter().map(in_words).collect();
        Self { file, path, restored: names, imports, lost, markers, module, state, notes, trusted }
    }

    /// What is lost, for a warning.
    pub(super) fn loss(&self) -> Option<CString> {
        let lost = self.lost.iter().map(|lost| format!("{} ({}): {}", lost.name, lost.type_name, lost.why));
        let lost: Vec<String> = lost.collect();
        let text = format!("cannot restore from {}: {}", self.file, lost.join("; "));
        let text = CString::new(escape(&text).into_owned()).unwrap_or_default();
        (!lost.is_empty()).then_some(text)
    }

    /// The notes, for warnings.
    pub(super) fn note_texts(&self) -> impl Iterator<Item = CString> {
        self.notes.iter().map(|note| CString::new(escape(note).into_owned()).unwrap_or_default())
    }

    fn write_text(&self, lines: &mut Lines<'_>) -> io::Result<()> {
        let restored = count_apart(self.restored.len().saturating_sub(self.imports), self.imports);
        lines.line(format_args!("restored {restored} from {}", self.file))?;
        for LostVariable { name, type_name, why, .. } in &self.lost {
            lines.line(format_args!("  cannot restore {name} ({type_name}): {why}"))?;
        }
        for UnsavableObject { path, type_name, .. } in &self.markers {
            lines.line(format_args!("  {path} is a marker: this {type_name} could not be saved"))?;
        }
        if !self.state.is_empty() {
            lines.line(format_args!("restored the state of {}", self.state.join(", ")))?;
        }
        self.notes.iter().try_for_each(|note| lines.line(note))
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        // A vector takes all.
        let _ = self.write_text(&mut Lines::new(&mut out));
        String::from_utf8_lossy(&out).trim_end().to_owned()
    }
}

#[pymethods]
impl RestoreReport {
    /// What could not be restored: a dict from names to Lost objects.
    #[getter]
    fn lost<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let lost = PyDict::new(py);
        for LostVariable { name, type_name, why, .. } in &self.lost {
            let object = Lost::new(why.clone(), name.clone(), type_name.clone(), None);
            lost.set_item(name, Py::new(py, object)?)?;
        }
        Ok(lost)
    }

    /// Objects within restored variables that had not been saved, and in whose place there is a marker: a dict from
    /// paths to Lost objects.
    #[getter]
    fn markers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let markers = PyDict::new(py);
        for UnsavableObject { path, type_name, error, hint, fault } in &self.markers {
            let at = fault.as_ref().unwrap_or(path).clone();
            let object = Lost::new(error.clone(), at, type_name.clone(), hint.clone());
            markers.set_item(path, Py::new(py, object)?)?;
        }
        Ok(markers)
    }

    /// Whether everything that was asked for was restored.
    #[getter]
    fn complete(&self) -> bool {
        self.lost.is_empty()
    }

    /// The report as a dict, with the JSON schema of `snapcli restore --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let lost = self.lost.iter();
        let lost = lost.map(|LostVariable { name, type_name, why, import }| {
            let module = import.as_ref().map(|import| import.module.as_str());
            LostAnswer { name, type_name, error: why, module }
        });
        let answer = RestoreAnswer {
            schema: SchemaVersion,
            path: self.path.clone(),
            module: &self.module,
            trusted: self.trusted,
            complete: self.complete(),
            restored: &self.restored,
            lost: lost.collect(),
            markers: self.markers.iter().map(MarkerAnswer::of).collect(),
            ambient: &self.state,
            notes: &self.notes,
        };
        to_python(py, &answer)
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
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>, Bound<'py, PyAny>)> {
        // A file that holds a report can be loaded without snapcli.
        Ok((py.import("types")?.getattr("SimpleNamespace")?, PyTuple::empty(py), self.to_dict(py)?))
    }
}

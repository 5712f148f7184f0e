//! `snapcli.inspect`, `diff` and `verify`: the JSON of the commands as dicts. Nothing in a file is executed, and other
//! threads of the program run meanwhile.

use std::path::Path;

use anyhow::Result;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::arguments::{no_match, size};
use super::interruptible::interruptible;
use super::json_objects::to_python;
use super::load_source::{LoadSource, check_index_kept, with_code};
use super::raised_errors::to_exception;
use crate::report::answers::{DiffAnswer, SessionAnswer, TraceAnswer, VerifyAnswer, VerifyStoreAnswer, absolute_path};
use crate::report::diff_report::DiffReport;
use crate::report::inspect_report::SessionReport;
use crate::report::store_report::StoreReport;
use crate::report::verify_report::VerifyReport;
use crate::snapshot::file_changes::changes;
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::store::{Store, StoreAddress, StoreError, check};

/// Shows what is in a snapshot or another pickle, without executing anything in it: a dict with the JSON schema of
/// `snapcli inspect --json`.
///
/// `source` is a path, a binary file object, or bytes. With `verdict=True`, the dict says what loading a large file
/// would do, which takes a while; for others it does in any case. With `trace="name"`, the dict is the tree of objects
/// that are pickled under that variable. `max_memory` limits the memory for following the pickle, in bytes.
#[pyfunction]
#[pyo3(signature = (source, *, verdict = false, trace = None, max_memory = None))]
pub(super) fn inspect<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    verdict: bool,
    trace: Option<&str>,
    max_memory: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let max_memory = size(max_memory, "max_memory")?;
    let source = LoadSource::new(source)?;
    let (name, file) = (source.name.clone(), source.path());
    let path = file.as_deref().map(absolute_path);
    let action = format!("inspect {name}");
    if let Some(variable) = trace {
        let traced = variable.to_owned();
        let tree = interruptible(py, move || -> Result<_> {
            let snapshot = open(source, max_memory, "inspect", Snapshot::followed)?;
            let tree = with_code(snapshot.trace(&traced), || format!("cannot trace {traced}"))?;
            let names = match snapshot.contents() {
                Contents::Own { index } => index.segments().map(|(_, variable)| variable.name.clone()).collect(),
                Contents::Foreign { .. } => Vec::new(),
            };
            Ok((tree, names))
        })?;
        let (tree, names): (_, Vec<String>) =
            tree.map_err(|error| to_exception(py, error, &action, file.as_deref()))?;
        let tree = tree.ok_or_else(|| no_match(py, variable, &names, "trace", &name))?;
        return to_python(py, &TraceAnswer::of(variable, &tree, path));
    }
    let report = interruptible(py, move || -> Result<_> {
        let snapshot = open(source, max_memory, "inspect", Snapshot::judged)?;
        let cannot = || format!("cannot inspect {name}");
        // What would be shown is not what is in the file.
        with_code(snapshot.check_index(), cannot)?;
        let mut report = with_code(SessionReport::of(name.clone(), &snapshot), cannot)?;
        report.verdict = with_code(snapshot.verdict(verdict), cannot)?;
        Ok(report)
    })?;
    let report = report.map_err(|error| to_exception(py, error, &action, file.as_deref()))?;
    to_python(py, &SessionAnswer::of(&report, path))
}

/// Compares two snapshots or other pickles, without executing anything in them: a dict with the JSON schema of
/// `snapcli diff --json`.
#[pyfunction]
#[pyo3(signature = (before, after, *, max_memory = None))]
pub(super) fn diff<'py>(
    py: Python<'py>,
    before: &Bound<'py, PyAny>,
    after: &Bound<'py, PyAny>,
    max_memory: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let max_memory = size(max_memory, "max_memory")?;
    let sources = [LoadSource::new(before)?, LoadSource::new(after)?];
    let names = [0, 1].map(|number: usize| sources[number].name.clone());
    let paths = [0, 1].map(|number: usize| sources[number].path().as_deref().map(absolute_path));
    let files = [0, 1].map(|number: usize| sources[number].path());
    let report = interruptible(py, move || -> Result<_, (usize, anyhow::Error)> {
        let [before, after] = sources.map(|source| open(source, max_memory, "compare", Ok));
        let (before, after) = (before.map_err(|error| (0, error))?, after.map_err(|error| (1, error))?);
        check_intact(&before, &names[0]).map_err(|error| (0, error))?;
        check_intact(&after, &names[1]).map_err(|error| (1, error))?;
        let found = changes(&before, &after, &|_| {});
        // The error comes with the number of the file that is damaged.
        let found = found.or_else(|(number, error)| {
            let name = names.get(number).map_or("", String::as_str);
            with_code(Err(error), || format!("cannot compare {name}")).map_err(|error| (number, error))
        })?;
        let [first, second] = names.clone();
        Ok(DiffReport::new((first, &before), (second, &after), found))
    })?;
    let report = report.map_err(|(number, error)| {
        let file = files.get(number).and_then(Option::as_deref);
        to_exception(py, error, "compare", file)
    })?;
    to_python(py, &DiffAnswer::of(&report, paths))
}

/// Checks whether a snapshot is intact, and which of its variables are: a dict with the JSON schema of
/// `snapcli verify --json`.
#[pyfunction]
#[pyo3(signature = (source, *, max_memory = None))]
pub(super) fn verify<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    max_memory: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let max_memory = size(max_memory, "max_memory")?;
    let source = LoadSource::new(source)?;
    let file = source.path();
    if let Some(store) = file.as_deref().filter(|path| StoreAddress::is_whole_store(path)) {
        return verify_store(py, store);
    }
    let LoadSource { name, input } = source;
    let action = format!("verify {name}");
    let cannot = format!("cannot {action}");
    let report = interruptible(py, move || {
        let checked = VerifyReport::of(name, &input, max_memory, &|_| Box::new(|_| {}));
        with_code(checked, || cannot)
    })?;
    let report = report.map_err(|error| to_exception(py, error, &action, file.as_deref()))?;
    to_python(py, &VerifyAnswer::of(&report, file.as_deref().map(absolute_path)))
}

fn verify_store<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
    let action = format!("verify {}", path.display());
    let folder = path.to_owned();
    let report = interruptible(py, move || {
        let store = Store::open(&folder)?;
        Ok(StoreReport { store: store.name(), checked: check(&store, &|_| {})? })
    })?;
    let report = report.map_err(|error: StoreError| to_exception(py, error.into(), &action, Some(path)))?;
    to_python(py, &VerifyStoreAnswer::of(&report, absolute_path(path)))
}

/// A segment that was changed in place has the hash of what it was: it would compare as the same.
fn check_intact(snapshot: &Snapshot, name: &str) -> Result<()> {
    let cannot = || format!("cannot compare {name}");
    check_index_kept(snapshot, cannot)?;
    let damage = with_code(snapshot.damage(&|_| {}), cannot)?;
    if !damage.is_none() {
        return with_code(Err(ReadError::Damaged(damage)), cannot);
    }
    with_code(snapshot.check_index(), cannot)
}

fn open(
    source: LoadSource,
    max_memory: Option<u64>,
    action: &str,
    prepare: fn(Snapshot) -> Result<Snapshot, crate::snapshot::reader::ReadError>,
) -> Result<Snapshot> {
    let name = source.name.clone();
    let (snapshot, _) = source.open(false, max_memory, action)?;
    with_code(prepare(snapshot), || format!("cannot {action} {name}"))
}

//! A whole snapshot of a session: the variables, what was left out, and where it all comes from.

use std::collections::HashMap;

use anyhow::{Context, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::capture::{Plan, capture};
use super::keep::Rules;
use super::provenance::{self, Origin};
use crate::python::dill::{Dill, LazyDill, with_dill};
use crate::python::run::Run;
use crate::snapshot::index::Index;
use crate::snapshot::target::Target;
use crate::snapshot::trust::Key;
use crate::snapshot::writer::Writer;

/// What to save, and how.
pub struct Request<'a> {
    /// The module whose namespace it is: `__main__`, or one that can be imported.
    pub module: &'a str,
    /// Which names are kept.
    pub rules: &'a Rules,
    /// Whether each variable must also load again, here and now, as `dill.detect` asks.
    pub load_again: bool,
    /// Signs the file.
    pub key: Option<&'a Key>,
    /// Told before each variable: its name, how many are done, of how many.
    pub progress: &'a dyn Fn(&str, usize, usize),
}

/// Writes the snapshot of a script that has ended to `out`. Returns the target, the index, and the number of bytes.
pub fn save<T: Target + Send + 'static>(
    py: Python<'_>,
    request: &Request<'_>,
    run: &Run,
    origin: &Origin<'_>,
    dill: &Dill,
    out: T,
) -> Result<(T, Index, u64)> {
    let main = run.main.bind(py);
    run.with_main(py, || {
        with_dill(py, dill, |dill| {
            let module = match request.module {
                "__main__" => main.clone(),
                name => {
                    py.import(name).with_context(|| format!("there is no module {name} to save: check its name"))?
                }
            };
            save_namespace(py, request, &module, &module.dict(), origin, dill, out)
        })
    })?
}

/// Writes a snapshot of names that belong to `module`.
pub(super) fn save_namespace<'py, T: Target + Send + 'static>(
    py: Python<'py>,
    request: &Request<'_>,
    module: &Bound<'py, PyModule>,
    namespace: &Bound<'py, PyDict>,
    origin: &Origin<'_>,
    dill: &LazyDill,
    out: T,
) -> Result<(T, Index, u64)> {
    let name = request.module;
    let lines = if name == "__main__" { provenance::lines(module, origin) } else { HashMap::new() };
    let plan = Plan {
        module,
        namespace,
        name,
        dill,
        rules: request.rules,
        lines: &lines,
        load_again: request.load_again,
        progress: request.progress,
    };
    let (writer, left_out) = capture(py, &plan, Writer::new(out, name)?)?;
    let mut index = provenance::provenance(name, origin);
    index.python.dill = dill.version(py);
    index.packages = provenance::packages(py, writer.variables(), name);
    index.left_out = left_out;
    writer.finish(index, request.key).context("cannot write the snapshot")
}

//! A whole snapshot of a session: the variables, what was left out, and where it all comes from.

use std::collections::HashMap;
use std::io::Write;

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::capture::{Plan, capture};
use super::keep::Rules;
use super::provenance;
use crate::python::Interpreter;
use crate::python::dill::{Dill, LazyDill, with_dill};
use crate::python::run::{Command, Run};
use crate::snapshot::index::Index;
use crate::snapshot::writer::Writer;

/// What to save, and how.
pub struct Request<'a> {
    /// The module whose namespace it is: `__main__`, or one that can be imported.
    pub module: &'a str,
    /// What was run, and how that ended.
    pub command: &'a Command,
    /// How it ended.
    pub run: &'a Run,
    /// The interpreter that ran it.
    pub interpreter: &'a Interpreter,
    /// Where dill comes from.
    pub dill: &'a Dill,
    /// Which names to keep.
    pub rules: &'a Rules,
    /// Whether each variable must also load again, here and now, as `dill.detect` asks.
    pub load_again: bool,
    /// Told before each variable: its name, how many are done, of how many.
    pub progress: &'a dyn Fn(&str, usize, usize),
}

/// Writes the snapshot to `out`. Returns the writer, the index, and the number of bytes.
pub fn save<W: Write>(py: Python<'_>, request: &Request<'_>, out: W) -> Result<(W, Index, u64)> {
    request.run.with_main(py, || with_dill(py, request.dill, |dill| save_with(py, request, dill, out)))?
}

fn save_with<W: Write>(py: Python<'_>, request: &Request<'_>, dill: &LazyDill, out: W) -> Result<(W, Index, u64)> {
    let name = request.module;
    let (module, lines) = match name {
        "__main__" => (request.run.main.bind(py).clone(), provenance::lines(py, request.run)),
        _ => {
            let module =
                py.import(name).with_context(|| format!("there is no module {name} to save: check its name"))?;
            (module, HashMap::new())
        }
    };
    let plan = Plan {
        module: &module,
        name,
        dill,
        rules: request.rules,
        lines: &lines,
        load_again: request.load_again,
        progress: request.progress,
    };
    let mut writer = Writer::new(out, name)?;
    let left_out = capture(py, &plan, &mut writer)?;
    let mut index = provenance::provenance(py, name, request.command, request.run, request.interpreter);
    index.python.dill = dill.version(py);
    index.packages = provenance::packages(py, writer.variables(), name);
    index.left_out = left_out;
    writer.finish(index).context("cannot write the snapshot")
}

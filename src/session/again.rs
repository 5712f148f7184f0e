//! The session pickled once more, to be compared with a file: what a load brought back of it, or what it was saved from.

use std::sync::Arc;

use anyhow::{Context, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::keep::Rules;
use super::provenance::Origin;
use super::save::{Request, save_namespace};
use crate::python::dill::{Dill, LazyDill, with_dill};
use crate::python::run::Run;
use crate::snapshot::echo::{Compared, Echo};
use crate::snapshot::index::Index;
use crate::snapshot::reader::{Contents, Snapshot};

/// Pickles the variables that a snapshot names as they are in `module` now, and compares. Nothing is written anywhere.
pub fn again<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    module: &Bound<'py, PyModule>,
    refimported: bool,
    origin: &Origin<'_>,
    dill: &LazyDill,
) -> Result<Compared> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(Compared::default()) };
    let echo = Echo::new(Arc::clone(snapshot)).context("only a snapshot can be compared")?;
    let request = Request {
        module: &index.module,
        // What was chosen once is not chosen anew.
        rules: &Rules { private: true, refimported, ..Rules::default() },
        load_again: false,
        key: None,
        progress: &|_, _, _| {},
    };
    let names = names(index, &module.dict())?;
    let (echo, second, _) = save_namespace(py, &request, module, &names, origin, dill, echo)?;
    Ok(py.detach(|| echo.compare(&second))?)
}

/// As [`again`], of the session of a script that has ended.
pub fn of_run(
    py: Python<'_>,
    snapshot: &Arc<Snapshot>,
    rules: &Rules,
    origin: &Origin<'_>,
    run: &Run,
    dill: &Dill,
) -> Result<Compared> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(Compared::default()) };
    let main = run.main.bind(py);
    run.with_main(py, || {
        with_dill(py, dill, |dill| {
            let module = if index.module == "__main__" { main.clone() } else { py.import(index.module.as_str())? };
            again(py, snapshot, &module, rules.refimported, origin, dill)
        })
    })?
}

/// Whether functions of a module tell `copyreg` how objects are pickled: a process that has not run the script pickles
/// those otherwise.
pub fn has_reducers(py: Python<'_>, module: &str) -> PyResult<bool> {
    let table = py.import("copyreg")?.getattr("dispatch_table")?;
    for reducer in table.call_method0("values")?.try_iter()? {
        if reducer?.getattr_opt("__module__")?.is_some_and(|name| name.eq(module).unwrap_or(false)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The variables of an index, in its order, with their values in a namespace.
fn names<'py>(index: &Index, namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let names = PyDict::new(namespace.py());
    for variable in &index.variables {
        if let Some(value) = namespace.get_item(&variable.name)? {
            names.set_item(&variable.name, value)?;
        }
    }
    Ok(names)
}

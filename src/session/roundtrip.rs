//! Pickles a session again and compares it with a snapshot: after a load, to see what came back different, or in the
//! process that saved it, to see which variables are pickled differently each time. Both are steps of `save --verify`.

use std::sync::Arc;

use anyhow::{Context, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::provenance::Origin;
use super::save::{LoadCheckMode, SaveRequest, SaveSource, save_namespace};
use super::select::SelectionRules;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::dill::{DillLocation, LazyDill, with_dill};
use crate::python::script_run::ScriptRun;
use crate::snapshot::index::Index;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::roundtrip_target::{Compared, RoundTripTarget};

/// Pickles the variables that a snapshot names, with their current values in `module`, and compares them with the
/// snapshot. Writes nothing to any file.
pub(crate) fn repickle<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    module: &Bound<'py, PyModule>,
    refimported: bool,
    origin: &Origin<'_>,
    dill: &LazyDill,
) -> Result<Compared> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(Compared::default()) };
    let target = RoundTripTarget::new(Arc::clone(snapshot)).context("only a snapshot can be compared")?;
    let request = SaveRequest {
        module: &index.module,
        // The names come from the snapshot: do not select among them again.
        rules: &SelectionRules { private: true, refimported, ..SelectionRules::default() },
        check: LoadCheckMode::Off,
        all_faults: false,
        frames: None,
        locals: &[],
        // The name of an entry could be that of a variable.
        ambient: false,
        key: None,
        run: None,
        measured: false,
    };
    let namespace = current_values(index, &module.dict())?;
    let source = SaveSource { module, namespace: &namespace, globals: &module.dict(), is_part: false, dill };
    // The target keeps no bytes: it compares them with the snapshot as they are written.
    let (target, second, _) = save_namespace(py, &request, &source, origin, target)?;
    Ok(py.detach(|| target.compare(&second))?)
}

/// As [`repickle`], for the session of a script that has ended.
pub(crate) fn repickle_run(
    py: Python<'_>,
    snapshot: &Arc<Snapshot>,
    rules: &SelectionRules,
    origin: &Origin<'_>,
    run: &ScriptRun,
    dill: &DillLocation,
) -> Result<Compared> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(Compared::default()) };
    in_session(py, run, &index.module, |module| {
        with_dill(py, dill, |dill| repickle(py, snapshot, module, rules.refimported, origin, dill))
    })
}

/// Runs an action on the module whose namespace was saved, while `__main__` is what it was for the script.
pub(crate) fn in_session<'py, T, E: From<PyErr>>(
    py: Python<'py>,
    run: &ScriptRun,
    module: &str,
    action: impl FnOnce(&Bound<'py, PyModule>) -> Result<T, E>,
) -> Result<T, E> {
    let main = run.main.bind(py);
    run.with_main(py, || {
        let module = if module == "__main__" { main.clone() } else { py.import(module)? };
        action(&module)
    })?
}

/// Whether functions of a module are registered as `copyreg` reducers: a process that has not run the script pickles
/// their objects differently.
pub(crate) fn has_reducers(py: Python<'_>, module: &str) -> PyResult<bool> {
    let table = py.import("copyreg")?.getattr("dispatch_table")?;
    // The modules of libraries register reducers as well, but a fresh process imports those.
    for reducer in table.call_method0("values")?.try_iter()? {
        if reducer?.getattr_opt("__module__")?.is_some_and(|name| name.eq(module).tolerated().unwrap_or(false)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The variables of an index, in its order, with their values in a namespace.
fn current_values<'py>(index: &Index, namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let values = PyDict::new(namespace.py());
    for variable in &index.variables {
        if let Some(value) = namespace.get_item(&variable.name)? {
            values.set_item(&variable.name, value)?;
        }
    }
    Ok(values)
}

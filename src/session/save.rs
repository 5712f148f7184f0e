//! Saves a session as a snapshot: the variables, what was left out, and where they come from.
//!
//! Called by `snapcli save` and `inspect SCRIPT` when a script has ended, by `snapcli.save` from within one, and by
//! `save --verify` to pickle a session again.

use std::sync::Once;

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::provenance::{self, Origin, ScriptNames};
use super::variable_saver::save_variables;
use crate::python::dill::{DillLocation, with_dill};
use crate::python::script_run::ScriptRun;
use crate::snapshot::index::Index;
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::signature::SigningKey;
use crate::snapshot::writer::SnapshotWriter;
use crate::ui::messages::Verbosity;

pub(crate) use super::variable_saver::SaveRequest;
pub(super) use super::variable_saver::SaveSource;

/// Writes the snapshot of a script that has ended to `out`. Returns the target, the index, and the number of bytes.
pub(crate) fn save<T: SaveTarget>(
    py: Python<'_>,
    request: &SaveRequest<'_>,
    run: &ScriptRun,
    origin: &Origin<'_>,
    dill: &DillLocation,
    out: T,
) -> Result<(T, Index, u64)> {
    let main = run.main.bind(py);
    // The script may have replaced `__main__`, where pickling looks up its functions and classes.
    run.with_main(py, || {
        with_dill(py, dill, |dill| {
            let module = match request.module {
                "__main__" => main.clone(),
                name => py.import(name).with_context(|| format!("cannot import module {name}: check its name"))?,
            };
            save_namespace(
                py,
                request,
                &SaveSource { module: &module, namespace: &module.dict(), is_part: false, dill },
                origin,
                out,
            )
        })
    })?
}

/// Writes a snapshot of `source` to `out`. Returns the target, the index, and the number of bytes.
pub(super) fn save_namespace<'py, T: SaveTarget>(
    py: Python<'py>,
    request: &SaveRequest<'_>,
    source: &SaveSource<'_, 'py>,
    origin: &Origin<'_>,
    out: T,
) -> Result<(T, Index, u64)> {
    let name = request.module;
    // Only the script's own source is known, so only names of `__main__` get line numbers.
    let is_script = name == "__main__";
    let names = if is_script { provenance::script_names(source.module, origin) } else { ScriptNames::default() };
    let (writer, left_out) = save_variables(py, request, source, &names, SnapshotWriter::new(out, name)?)?;
    let mut index = provenance::provenance(name, origin);
    // Known only now: whether dill was needed, and which packages the variables import.
    index.python.dill = source.dill.version(py);
    index.packages = provenance::packages(py, writer.segments(), name);
    index.left_out = left_out;
    writer.finish(index, request.key).context("cannot write the snapshot")
}

/// The key that signs this user's sessions. If there is none, the session is saved without a signature, and a message
/// says so once per process.
pub(crate) fn signing_key(verbosity: Verbosity) -> Option<SigningKey> {
    static REPORTED: Once = Once::new();
    match SigningKey::existing_or_new() {
        Ok(key) => Some(key),
        Err(error) => {
            REPORTED.call_once(|| verbosity.note(&format!("the snapshot will not be signed: {error}")));
            None
        }
    }
}

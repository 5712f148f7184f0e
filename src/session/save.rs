//! Saves a session as a snapshot: the variables, what was left out, and where they come from.
//!
//! Called by `snapcli save` and `inspect SCRIPT` when a script has ended, by `snapcli.save` from within one, and by
//! `save --verify` to pickle a session again.

use std::path::Path;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::api::Turn;
use super::forked_load::{in_child, library_that_hangs};
use super::fresh_load::confirm;
use super::load_faults::{CheckedVariable, LoadFaults};
use super::provenance::{self, ImportedPackages, Origin, ScriptNames};
use super::session_segments::{SavedVariables, save_variables};
use super::trial_load::{TrialLoad, TrialResult};
use super::write_failure::write_failed;
use crate::pickle::credentials::hidden;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::dill::{DillLocation, with_dill};
use crate::python::script_run::ScriptRun;
use crate::snapshot::index::{Index, hide_in_index};
use crate::snapshot::save_target::{SaveTarget, SpoolFile};
use crate::snapshot::shared_meter::SharedMeter;
use crate::snapshot::signature::SigningKey;
use crate::snapshot::work_meter::{self, WorkStage};
use crate::snapshot::writer::SnapshotWriter;
use crate::ui::messages::Verbosity;

pub(super) use super::save_request::SaveSource;
pub(crate) use super::save_request::{LoadCheckMode, SaveRequest};

/// How often a session is written at most, until all of it can be loaded.
const MOST_ROUNDS: usize = 8;
/// How long the check of a small session may take. Larger ones get three times the time that it took to write them.
const SHORTEST_LIMIT: Duration = Duration::from_secs(3);
/// How much longer a fresh process may take.
const CONFIRMATION_LIMIT: Duration = Duration::from_secs(10);

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
    // Another thread may be in a `snapcli.save`.
    let _turn = Turn::wait(py)?;
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
                &SaveSource {
                    module: &module,
                    namespace: &module.dict(),
                    globals: &module.dict(),
                    is_part: false,
                    dill,
                },
                origin,
                out,
            )
        })
    })?
}

/// Whether this thread is saving a session.
pub(crate) fn is_saving() -> bool {
    Turn::is_own()
}

/// Writes a snapshot of `source` to `out`. Returns the target, the index, and the number of bytes.
pub(super) fn save_namespace<'py, T: SaveTarget>(
    py: Python<'py>,
    request: &SaveRequest<'_>,
    source: &SaveSource<'_, 'py>,
    origin: &Origin<'_>,
    out: T,
) -> Result<(T, Index, u64)> {
    // Only the script's own source is known, so only names of `__main__` get line numbers.
    let is_main = request.module == "__main__" && source.globals.is(source.module.dict());
    let names = if is_main { provenance::script_names(source.module, origin) } else { Arc::default() };
    SessionWriter { request, source, origin, names: &names }.write_checked(py, out)
}

/// Writes a session, as often as it takes until all that is written can be loaded.
#[derive(Clone, Copy)]
pub(super) struct SessionWriter<'a, 'py> {
    pub(super) request: &'a SaveRequest<'a>,
    pub(super) source: &'a SaveSource<'a, 'py>,
    pub(super) origin: &'a Origin<'a>,
    /// What the source of the script says.
    pub(super) names: &'a ScriptNames,
}

/// A complete snapshot.
pub(super) struct Written<T> {
    pub(super) out: T,
    index: Index,
    bytes: u64,
    /// The variables with objects whose load may fail.
    pub(super) checked: Vec<CheckedVariable>,
}

impl SessionWriter<'_, '_> {
    /// Writes everything but these faults.
    pub(super) fn write<T: SaveTarget>(&self, py: Python<'_>, faults: &LoadFaults, out: T) -> Result<Written<T>> {
        let Self { request, source, origin, names } = self;
        let name = request.module;
        let saved =
            save_variables(py, request, source, names, faults, SnapshotWriter::new(out, name).map_err(write_failed)?)?;
        let SavedVariables { writer, left_out, checked } = saved;
        let mut index = provenance::provenance(name, origin);
        if let Some(frames) = request.frames {
            frames.describe_in(&mut index);
        }
        index.run = request.run.cloned();
        hide_in_index(&mut index, request.rules.redact);
        // Known only now: whether dill was needed, and which packages the variables import.
        index.python.dill = source.dill.version(py);
        let packages = ImportedPackages::of(py, writer.segments(), name);
        (index.packages, index.distributions) = (packages.versions, packages.distributions);
        index.left_out = left_out;
        // An exception may quote the object that it is about.
        for error in index.left_out.iter_mut().map(|item| &mut item.error) {
            hidden(error).into_iter().for_each(|shown| *error = shown);
        }
        let key = request.key;
        let (out, index, bytes) = py.detach(|| writer.finish(index, key)).map_err(write_failed)?;
        Ok(Written { out, index, bytes, checked })
    }

    /// Writes everything that can be loaded again.
    fn write_checked<T: SaveTarget>(&self, py: Python<'_>, mut out: T) -> Result<(T, Index, u64)> {
        let mut faults = LoadFaults::default();
        let mut round = 0;
        loop {
            let started = Instant::now();
            let mut written = self.write(py, &faults, out)?;
            if written.checked.is_empty() || self.request.check == LoadCheckMode::Off {
                return Ok((written.out, written.index, written.bytes));
            }
            let limit = SHORTEST_LIMIT + 3 * started.elapsed();
            let found = self.check(py, &mut written, &faults, limit)?;
            round += 1;
            if !faults.add(py, &found, &written.checked, round >= MOST_ROUNDS) {
                add_notes(&mut written.index, found.notes);
                return Ok((written.out, written.index, written.bytes));
            }
            out = written.out;
            out.cut(0).map_err(write_failed)?;
        }
    }

    /// Loads what was written in a child process. If that is not possible, the variables get a note.
    fn check<T: SaveTarget>(
        &self,
        py: Python<'_>,
        written: &mut Written<T>,
        faults: &LoadFaults,
        limit: Duration,
    ) -> Result<TrialResult> {
        if let LoadCheckMode::Refused(why) = self.request.check {
            return Ok(self.not_forked(py, &written.checked, why));
        }
        if let Some(library) = library_that_hangs(py) {
            let why = format!("{library} would hang in the process that does it");
            return Ok(self.not_forked(py, &written.checked, &why));
        }
        let path = written.out.read_path().map_err(write_failed)?;
        let checked = match path {
            Some(path) => self.check_file(py, &path, written, limit),
            // `inspect SCRIPT` keeps no bytes unless they are needed.
            None => SpoolFile::new().map_err(Into::into).and_then(|spool| self.write(py, faults, spool)).and_then(
                |mut spooled| {
                    let path = spooled.out.read_path()?.context("a temporary file has no path")?;
                    self.check_file(py, &path, &spooled, limit)
                },
            ),
        };
        match checked {
            Err(error) if !error.is::<PyErr>() => {
                let why = format!("not checked by loading it: {error:#}");
                let names = written.checked.iter().map(|variable| (variable.name.clone(), why.clone()));
                Ok(TrialResult { notes: names.collect(), ..TrialResult::default() })
            }
            checked => checked,
        }
    }

    /// The result without a check: only objects of the script's own classes get a note. Those of libraries are seldom
    /// at fault.
    fn not_forked(&self, py: Python<'_>, checked: &[CheckedVariable], why: &str) -> TrialResult {
        let is_own = |object: &Py<PyAny>| {
            let module = object.bind(py).get_type().getattr("__module__");
            module.tolerated().is_some_and(|module| {
                module.extract::<&str>().tolerated().is_some_and(|module| module == self.request.module)
            })
        };
        let own = checked.iter().filter(|variable| variable.ranges.iter().any(|range| is_own(&range.object)));
        let why = format!("not checked by loading it: {why}");
        TrialResult { notes: own.map(|variable| (variable.name.clone(), why.clone())).collect(), ..Default::default() }
    }

    fn check_file<T>(&self, py: Python<'_>, path: &Path, written: &Written<T>, limit: Duration) -> Result<TrialResult> {
        work_meter::begin(WorkStage::Trying, 0);
        let trial = TrialLoad { py, writer: self, index: &written.index };
        let meter = SharedMeter::new().ok();
        let run = || {
            meter.iter().for_each(SharedMeter::adopt_after_fork);
            trial.run(path, &written.checked)
        };
        let mut found = in_child(py, limit, run)?;
        // The fresh process also starts Python and imports modules.
        confirm(py, &self.origin.interpreter.executable, path, CONFIRMATION_LIMIT + limit, &mut found)?;
        Ok(found)
    }
}

fn add_notes(index: &mut Index, notes: Vec<(String, String)>) {
    for (name, note) in notes {
        if let Some(variable) = index.variables.iter_mut().find(|variable| variable.name == name) {
            variable.notes.push(note);
        }
    }
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

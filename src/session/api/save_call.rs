//! `snapcli.save`.

use std::fs::File;

use anyhow::Result;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use super::arguments::{check_matches, patterns, size};
use super::background_handle::{BackgroundSave, finish_previous};
use super::raised_errors::to_exception;
use super::save_output::{HeldSnapshot, SaveOutput};
use super::save_report::Report;
use super::saved_namespace::{KeptNamespace, SavedNamespace};
use super::turns::Turn;
use crate::python::context::{self, RunContext};
use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::{check_signals, deferring};
use crate::python::ffi;
use crate::report::answers::absolute_path;
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::session::provenance::Origin;
use crate::session::save::{LoadCheckMode, SaveRequest, SaveSource, save_namespace, signing_key};
use crate::session::select::{SelectionRules, names_of_namespace, types_of_namespaces};
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::index::{Index, ScriptEnd};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::seekable::{self, SeekableTarget};
use crate::snapshot::store::{SnapshotNotes, StoreTarget, WAITING_FOR_PRUNE};
use crate::ui::messages::print_line;

/// Saves a session. Returns a Report of what was saved, and of what was not and why.
///
/// `target` is a path, a binary file object, or None: then `report.data` is the snapshot as bytes. A target that
/// cannot be written to raises an exception before anything is pickled.
///
/// `namespace` is a module, or a dict. A dict in which `exec` has run code is a session of its own: its functions are
/// loaded with the dict that they are restored into as their globals. The items of any other dict are saved as
/// variables of `__main__`, with the globals that their code uses. The default is the session of the caller:
/// `__main__`, or the namespace of the prompt or of the `exec` that the call is in.
///
/// `only`, `include`, `exclude` and `exclude_type` are a pattern or several. `only` also saves the globals that the
/// code of these variables uses. A pattern that matches nothing raises ValueError. `private`, `redact`,
/// `refimported` and `whole` are as in `snapcli save --help`; `max_size` is a number of bytes. `ambient` is whether to
/// save the state of random generators, the environment and the like; by default, that of a whole session of `__main__`
/// is saved.
///
/// `check` is whether to load what was written in a child process, to leave out what cannot be loaded again. None
/// checks where a fork disturbs nothing: not while other threads or an event loop run. Variables that would have been
/// checked get a note then.
///
/// `compress` is a level of zstd, from -7 (fastest) to 22 (smallest), or True for 3; a path that ends in `.zst` is
/// compressed without it. dill reads such a file through `compression.zstd.open`, or after `zstd -d`.
///
/// When the call returns, the contents of the file are on the disk, and a power cut leaves the old file or the new one:
/// the new one from some milliseconds later on. With `sync=False`, the call does not wait for the disk at all.
///
/// A path that ends in `/`, or is a store already, is a store: a folder that holds many snapshots, and each object in
/// them only once. `report.path` is that of the new snapshot, such as `runs.snaps/@3`. `name` and `message` are noted
/// with it.
///
/// With `wait=False`, a forked process saves what the session is now, while the program goes on. The call returns a
/// BackgroundSave: its `result()` waits, and returns the Report or raises the exception.
#[pyfunction]
#[pyo3(signature = (
    target = None, namespace = None, *, only = None, include = None, exclude = None, exclude_type = None,
    private = false, max_size = None, redact = false, refimported = false, whole = false, ambient = None, check = None,
    sync = true, name = None, message = None, compress = None, wait = true
))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "the arguments of a Python function")]
pub(super) fn save<'py>(
    py: Python<'py>,
    target: Option<&Bound<'py, PyAny>>,
    namespace: Option<&Bound<'py, PyAny>>,
    only: Option<&Bound<'py, PyAny>>,
    include: Option<&Bound<'py, PyAny>>,
    exclude: Option<&Bound<'py, PyAny>>,
    exclude_type: Option<&Bound<'py, PyAny>>,
    private: bool,
    max_size: Option<&Bound<'py, PyAny>>,
    redact: bool,
    refimported: bool,
    whole: bool,
    ambient: Option<bool>,
    check: Option<bool>,
    sync: bool,
    name: Option<&str>,
    message: Option<&str>,
    compress: Option<&Bound<'py, PyAny>>,
    wait: bool,
) -> PyResult<Py<PyAny>> {
    deferring(py, || {
        let rules = SelectionRules {
            only: patterns(only, "only")?,
            include: patterns(include, "include")?,
            exclude: patterns(exclude, "exclude")?,
            exclude_type: patterns(exclude_type, "exclude_type")?,
            private,
            max_size: size(max_size, "max_size")?,
            redact,
            refimported,
            whole,
            ..SelectionRules::default()
        };
        let output = SaveOutput::new(target)?;
        let labels = SaveLabels { name: name.map(str::to_owned), message: message.map(str::to_owned), sync };
        check_labels(&output, labels.notes())?;
        let level = compression_level(&output, compress)?;
        finish_previous(py, &output, wait)?;
        let prepared = SavedNamespace::new(py, namespace).and_then(|namespace| {
            check_rules(py, &rules, &namespace)?;
            let (running, check) = (context::of_process(py)?, check_mode(py, check)?);
            Ok(SaveCall { running, namespace: namespace.keep(), rules, ambient, check, labels, level })
        });
        carry_out(py, prepared, output, wait)
    })
}

/// Saves, or begins to. Returns the report, or what stands for the save.
fn carry_out(py: Python<'_>, prepared: Result<SaveCall>, output: SaveOutput, wait: bool) -> PyResult<Py<PyAny>> {
    let action = format!("save to {}", output.name(py));
    let fail = |error| to_exception(py, error, &action, output.path());
    let call = prepared.map_err(fail)?;
    if !wait {
        return Ok(Py::new(py, BackgroundSave::begin(py, call, output)?)?.into_any());
    }
    let report = call.save(py, &output, Vec::new()).map_err(fail)?;
    Ok(Py::new(py, report)?.into_any())
}

/// Fails for a pattern that matches nothing in the session.
fn check_rules(py: Python<'_>, rules: &SelectionRules, namespace: &SavedNamespace<'_>) -> PyResult<()> {
    let SelectionRules { only, include, exclude, exclude_type, .. } = rules;
    let SavedNamespace { names, globals, .. } = namespace;
    let keys = || names.keys().iter().filter_map(|name| name.extract().tolerated()).collect::<Vec<String>>();
    if !only.is_empty() {
        check_matches(py, only, &keys(), "only", "the session")?;
    }
    if !include.is_empty() || !exclude.is_empty() {
        // Those of modules that belong to the session are saved as `module.name`.
        let and_modules = include.iter().chain(exclude).any(|pattern| pattern.as_str().contains('.'));
        let mut known = keys();
        // What the code of a variable uses may be left out as well.
        if and_modules || !globals.is(names) {
            known.extend(names_of_namespace(globals, and_modules)?);
        }
        known.sort_unstable();
        known.dedup();
        check_matches(py, include, &known, "include", "the session")?;
        check_matches(py, exclude, &known, "exclude", "the session")?;
    }
    if !exclude_type.is_empty() {
        let known: Vec<String> = types_of_namespaces(py, vec![names.clone(), globals.clone()])?.into_iter().collect();
        check_matches(py, exclude_type, &known, "exclude_type", "the session")?;
    }
    Ok(())
}

/// Only a snapshot of a store has a name or a message.
fn check_labels(output: &SaveOutput, labels: SnapshotNotes<'_>) -> PyResult<()> {
    let is_store = matches!(output, SaveOutput::Store(_));
    if !is_store && (labels.name.is_some() || labels.message.is_some()) {
        return Err(PyValueError::new_err("name= and message= are for a store: save to a folder, as in 'runs.snaps/'"));
    }
    labels.check().map(drop).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The level of zstd with which an output is compressed, if it is.
fn compression_level(output: &SaveOutput, asked: Option<&Bound<'_, PyAny>>) -> PyResult<Option<i32>> {
    let (least, most) = seekable::LEVELS;
    let asked = match asked.map(|asked| (asked.extract::<bool>().tolerated(), asked)) {
        None | Some((Some(false), _)) => None,
        Some((Some(true), _)) => Some(seekable::USUAL_LEVEL),
        Some((None, asked)) => {
            let level = asked.extract::<i64>()?;
            let level = i32::try_from(level).ok().filter(|level| (least..=most).contains(level));
            let wrong = || PyValueError::new_err(format!("compress= is a level of zstd, from {least} to {most}"));
            Some(level.ok_or_else(wrong)?)
        }
    };
    match (output, asked) {
        (SaveOutput::Store(_), Some(_)) => {
            let text = "compress= is for a single file: a store compresses opcodes itself, but no raw buffers";
            Err(PyValueError::new_err(text))
        }
        (SaveOutput::Path(path), asked) => Ok(seekable::level_for(path, asked)),
        (_, asked) => Ok(asked),
    }
}

/// What is noted with the snapshot of a store, and whether to wait until it is on the disk.
pub(super) struct SaveLabels {
    name: Option<String>,
    message: Option<String>,
    sync: bool,
}

impl SaveLabels {
    fn notes(&self) -> SnapshotNotes<'_> {
        let Self { name, message, sync } = self;
        SnapshotNotes { name: name.as_deref(), message: message.as_deref(), failed: false, sync: *sync }
    }
}

/// A save that is about to begin.
pub(super) struct SaveCall {
    running: &'static RunContext,
    namespace: KeptNamespace,
    rules: SelectionRules,
    ambient: Option<bool>,
    check: LoadCheckMode,
    labels: SaveLabels,
    /// The level of zstd with which it is compressed, if it is.
    level: Option<i32>,
}

/// A snapshot that was written, without its bytes. A process that saves in the background sends it to its parent.
#[derive(Serialize, Deserialize)]
pub(super) struct WrittenSnapshot {
    file: String,
    bytes: u64,
    index: Index,
    path: Option<String>,
    absolute: Option<String>,
    notes: Vec<String>,
}

impl WrittenSnapshot {
    /// The report. `data` is the snapshot, if it goes to memory; `notes` come before others.
    pub(super) fn report(self, data: Option<Py<PyBytes>>, mut notes: Vec<String>) -> Report {
        let Self { file, bytes, index, path, absolute, notes: own } = self;
        notes.extend(own);
        let report = SessionReport::of_own_index(file, FileFormat::Snapcli, bytes, index);
        Report::new(report, path, absolute, data, notes)
    }
}

impl SaveCall {
    /// Saves now. `notes` are added to the report.
    pub(super) fn save(&self, py: Python<'_>, output: &SaveOutput, notes: Vec<String>) -> Result<Report> {
        let (written, held) = self.write(py, output, None)?;
        let data = held.map(|held| output.take(py, held, written.bytes)).transpose()?.flatten();
        Ok(written.report(data, notes))
    }

    /// Writes the snapshot. What does not go to a file is returned, and is in `spool` if that is given.
    pub(super) fn write(
        &self,
        py: Python<'_>,
        output: &SaveOutput,
        spool: Option<File>,
    ) -> Result<(WrittenSnapshot, Option<HeldSnapshot>)> {
        let mut name = output.name(py);
        let (index, bytes, path, held, is_signed) = match output {
            SaveOutput::Store(folder) => {
                let waiting = &mut || print_line(WAITING_FOR_PRUNE);
                let target = py.detach(|| StoreTarget::create_or_wait(folder, waiting))?;
                let (target, index, bytes, is_signed) = self.write_to(py, target)?;
                check_signals(py)?;
                let labels = self.labels.notes();
                let stored = py.detach(|| target.commit(labels))?;
                name = stored.address.display().to_string();
                (index, bytes, Some(name.clone()), None, is_signed)
            }
            SaveOutput::Path(path) => {
                let (file, index, bytes, is_signed) = self.write_file(py, AtomicFile::create(path)?)?;
                // Syncing a large file can take seconds, in which other threads of the program may run.
                check_signals(py)?;
                let sync = self.labels.sync;
                py.detach(|| if sync { file.commit_and_go_on() } else { file.commit_without_sync() })?;
                (index, bytes, Some(name.clone()), None, is_signed)
            }
            SaveOutput::Object(_) | SaveOutput::Memory => {
                let held = spool.map_or_else(HeldSnapshot::new, HeldSnapshot::over);
                let (held, index, bytes, is_signed) = self.write_file(py, held)?;
                (index, bytes, None, Some(held), is_signed)
            }
        };
        let unsigned = "the snapshot is not signed, because there is no key: restoring it needs trust=True";
        let notes = if is_signed { Vec::new() } else { vec![unsigned.to_owned()] };
        // The program may go to another directory later.
        let absolute = path.as_ref().map(|path| absolute_path(path.as_ref()));
        Ok((WrittenSnapshot { file: name, bytes, index, path, absolute, notes }, held))
    }

    /// As [`write_to`](Self::write_to), compressed if that was asked for.
    fn write_file<T: SaveTarget>(&self, py: Python<'_>, out: T) -> Result<(T, Index, u64, bool)> {
        let Some(level) = self.level else { return self.write_to(py, out) };
        let (out, index, _, is_signed) = self.write_to(py, SeekableTarget::new(out, level))?;
        let finished = py.detach(|| out.finish());
        check_signals(py)?;
        let (out, bytes) = finished?;
        Ok((out, index, bytes, is_signed))
    }

    /// Writes the snapshot. Returns the target, the index, the number of bytes, and whether it is signed.
    fn write_to<T: SaveTarget>(&self, py: Python<'_>, out: T) -> Result<(T, Index, u64, bool)> {
        let _turn = Turn::wait(py)?;
        let Self { running, rules, .. } = self;
        let namespace = self.namespace.bind(py);
        let SavedNamespace { module, names, globals, is_part } = &namespace;
        let origin = Origin {
            command: running.command.as_ref(),
            source: running.source.as_ref(),
            ended: ScriptEnd { how: "running".to_owned(), code: 0, traceback: None },
            seconds: running.started.elapsed().as_secs_f64(),
            interpreter: &running.interpreter,
        };
        // A process that `multiprocessing` has started calls it `__mp_main__`.
        let name = match module.is(ffi::module(intern!(py, "__main__"))?) {
            true => "__main__".to_owned(),
            false => module.name()?.to_string_lossy().into_owned(),
        };
        let key = signing_key(running.verbosity);
        let is_session = namespace.is_main_session(py)? && rules.only.is_empty();
        let request = SaveRequest {
            module: &name,
            rules,
            check: self.check,
            all_faults: false,
            frames: None,
            locals: &[],
            ambient: self.ambient.unwrap_or(is_session && globals.is(module.dict())),
            key: key.as_ref(),
            run: None,
            measured: false,
        };
        let (out, index, bytes) = running.dill.at_hand(py, |dill| {
            let source = SaveSource { module, namespace: names, globals, is_part: *is_part, dill };
            save_namespace(py, &request, &source, &origin, out)
        })??;
        Ok((out, index, bytes, key.is_some()))
    }
}

fn check_mode(py: Python<'_>, given: Option<bool>) -> PyResult<LoadCheckMode> {
    Ok(match given {
        Some(true) => LoadCheckMode::Forked,
        Some(false) => LoadCheckMode::Off,
        None => match disturbed_by_fork(py)? {
            Some(why) => LoadCheckMode::Refused(why),
            None => LoadCheckMode::Forked,
        },
    })
}

/// What a fork of this process would disturb: a thread may hold a lock that the child waits for, and an event loop
/// stands still while its thread waits for the child.
fn disturbed_by_fork(py: Python<'_>) -> PyResult<Option<&'static str>> {
    let sys = ffi::module(intern!(py, "sys"))?;
    if sys.call_method0(intern!(py, "_current_frames"))?.len()? > 1 {
        return Ok(Some("other threads are running (check=True checks it all the same)"));
    }
    let modules = sys.getattr(intern!(py, "modules"))?.cast_into::<PyDict>()?;
    if let Some(asyncio) = modules.get_item(intern!(py, "_asyncio"))?
        && !asyncio.call_method0("_get_running_loop")?.is_none()
    {
        return Ok(Some("an event loop is running (check=True checks it all the same)"));
    }
    Ok(None)
}

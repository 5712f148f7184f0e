//! `snapcli save -o STORE/`: adds a snapshot to a store.
//!
//! A store keeps what it has, so there is no file to protect: the session of a script that failed, and a snapshot whose
//! verification failed, go into the store as well. They get a name, and do not count as the newest snapshot.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use super::file_save::{fallback_path, unverified_as};
use super::save_job::{SaveJob, SavedFile};
use super::snapshot_destination::{cannot_save, despite_signals, naming_target};
use crate::cli::SnapshotLabels;
use crate::commands::input_output::absolute_path;
use crate::commands::stores::with_code;
use crate::exit::{self, OrExit};
use crate::python::deferred_signals::check_signals;
use crate::python::dill::DillLocation;
use crate::python::launch::ProcessEnd;
use crate::python::script_run::{ScriptRun, requested_end};
use crate::python::{Python, interrupt_limit};
use crate::snapshot::atomic::signals;
use crate::snapshot::index::Index;
use crate::snapshot::roundtrip_target::Compared;
use crate::snapshot::store::{
    CRASH, SnapshotNotes, Store, StoreAddress, StoreError, StoreTarget, StoredSnapshot, UNVERIFIED, WAITING_FOR_PRUNE,
};
use crate::ui::messages::print_error;

/// The store that a path names, by its absolute path; `None` for a file. It is made if it does not exist: hours of work
/// must not be lost to a path at which no store can be.
pub(super) fn check_store(path: &Path, labels: &SnapshotLabels, compress: Option<i32>) -> Result<Option<PathBuf>> {
    let cannot = || cannot_save(path);
    let Some(folder) = with_code(StoreAddress::target(path), cannot)? else {
        if labels.name.is_some() || labels.message.is_some() {
            let text = "--name and --message are for snapshots in a store: save to a folder, such as runs.snaps/";
            return Err(exit::error(exit::USAGE, text));
        }
        return Ok(None);
    };
    with_code(notes(labels).check().map(drop), cannot)?;
    if compress.is_some() {
        let text = "--compress is for a single file: a store compresses opcodes itself, but no raw buffers";
        return Err(exit::error(exit::USAGE, text));
    }
    let folder = absolute_path(&folder)?;
    match Store::open_or_create(&folder).and_then(|store| store.check_writable()) {
        Err(error @ StoreError::Remote(_)) => with_code(Err(error), cannot)?,
        checked => checked.or_exit(exit::USAGE, cannot)?,
    }
    Ok(Some(folder))
}

fn notes(labels: &SnapshotLabels) -> SnapshotNotes<'_> {
    let (name, message) = (labels.name.as_deref(), labels.message.as_deref());
    SnapshotNotes { name, message, failed: false, sync: true }
}

impl SaveJob {
    /// Adds the session of a script that is still running. Returns the path that stands for it.
    pub(super) fn add_running(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        folder: &Path,
    ) -> Result<StoredSnapshot> {
        let cannot = || cannot_save(folder);
        let waiting = &mut || self.verbosity.note(WAITING_FOR_PRUNE);
        let target = py.detach(|| StoreTarget::create_or_wait(folder, waiting)).or_exit(exit::FAILED, cannot)?;
        let target = target.of_run(&self.run_id);
        let bar = self.bar();
        let written = self.with_locals(py, run, || self.write(py, run, dill, target, &bar));
        let (target, ..) = written.map_err(|error| naming_target(error, folder))?;
        drop(bar);
        check_signals(py)?;
        let notes = SnapshotNotes { sync: true, ..SnapshotNotes::default() };
        py.detach(|| target.commit(notes)).or_exit(exit::FAILED, cannot)
    }

    /// Saves to a store, or to a file in the directory for temporary files if that fails. `None` if a script failed
    /// that had no variables yet.
    pub(super) fn save_to_store(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        folder: &Path,
        labels: &SnapshotLabels,
    ) -> Result<Option<SavedFile>> {
        let added = despite_signals(py, || self.add_to_store(py, run, dill, folder, labels));
        added.or_else(|error| {
            let name = folder.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let fallback = fallback_path(Path::new(&format!("{name}.pkl")));
            self.save_to_fallback(py, run, dill, &fallback, error).map(Some)
        })
    }

    /// Begins to add a session to a store. Ctrl-C that ends a wait for another process is an error of the save, so that
    /// the session goes elsewhere.
    fn begin(&self, py: Python<'_>, folder: &Path) -> Result<StoreTarget> {
        let mut has_waited = false;
        let mut waiting = || {
            has_waited = true;
            interrupt_limit::release();
            self.verbosity.note(WAITING_FOR_PRUNE);
        };
        let begun = py.detach(|| StoreTarget::create_or_wait(folder, &mut waiting));
        let cannot = || cannot_save(folder);
        if !has_waited {
            return begun.or_exit(exit::FAILED, cannot);
        }
        let interrupted = check_signals(py).err().filter(|_| begun.is_err()).map(anyhow::Error::from);
        self.limit_interrupts(py);
        match interrupted {
            Some(error) if requested_end(py, &error) == Some(ProcessEnd::InterruptedWork) => {
                signals::forget();
                Err(anyhow!("interrupted while it was {WAITING_FOR_PRUNE}")).or_exit(exit::FAILED, cannot)
            }
            _ => begun.or_exit(exit::FAILED, cannot),
        }
    }

    fn add_to_store(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        folder: &Path,
        labels: &SnapshotLabels,
    ) -> Result<Option<SavedFile>> {
        let target = self.begin(py, folder)?;
        let bar = self.bar();
        let written = self.write(py, run, dill, target, &bar);
        let (mut target, index, bytes) = written.map_err(|error| naming_target(error, folder))?;
        if !run.succeeded() {
            // Dropping the target leaves at most objects that a prune removes.
            if index.variables.is_empty() && index.left_out.is_empty() {
                return Ok(None);
            }
            let notes = SnapshotNotes { name: Some(CRASH), failed: true, ..notes(labels) };
            let completed = complete(py, target.of_run(&self.run_id), notes, folder)?;
            return Ok(Some(completed.into_saved(index, bytes, None)));
        }
        let verify = || {
            let path = target.shared_path()?.context("a store has no path")?;
            self.check_load(py, run, dill, &index, &path)
        };
        match self.verify.then(verify).transpose().map(Option::flatten) {
            Ok(verified) => {
                let completed = complete(py, target, notes(labels), folder)?;
                Ok(Some(completed.into_saved(index, bytes, verified)))
            }
            Err(error) => {
                let notes = SnapshotNotes { name: Some(UNVERIFIED), failed: true, ..notes(labels) };
                let completed = complete(py, target, notes, folder)?;
                completed.unnamed.iter().for_each(print_error);
                let kept = format!("the new snapshot is {}", completed.stored.address.display());
                Err(error.context(unverified_as(kept)))
            }
        }
    }
}

/// A snapshot that is in its store.
struct CompletedSnapshot {
    stored: StoredSnapshot,
    /// Why it does not have its name.
    unnamed: Option<anyhow::Error>,
}

/// Completes a snapshot. If only its name cannot be written, it is there all the same.
fn complete(py: Python<'_>, target: StoreTarget, notes: SnapshotNotes<'_>, folder: &Path) -> Result<CompletedSnapshot> {
    interrupt_limit::release();
    check_signals(py)?;
    let committed = py.detach(|| target.commit(notes));
    if let Err(error) = &committed
        && let Some(stored) = error.stored()
    {
        return Ok(CompletedSnapshot { stored, unnamed: committed.err().map(Into::into) });
    }
    let stored = committed.or_exit(exit::FAILED, || cannot_save(folder))?;
    Ok(CompletedSnapshot { stored, unnamed: None })
}

impl CompletedSnapshot {
    fn into_saved(self, index: Index, bytes: u64, verified: Option<Compared>) -> SavedFile {
        let Self { stored, unnamed } = self;
        let saved = SavedFile::new(stored.address.clone(), index, bytes);
        let saved = SavedFile { verified, stored: Some(stored), ..saved };
        match unnamed {
            Some(error) => saved.despite(&error, None),
            None => saved,
        }
    }
}

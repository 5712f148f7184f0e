//! Where `save` puts a snapshot: checked before the script runs, so that hours of work are not lost to a mistyped path.

use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::store_save::check_store;
use crate::cli::SnapshotLabels;
use crate::commands::input_output::{absolute_path, is_stdio, stdout};
use crate::exit::{self, OrExit};
use crate::python::deferred_signals::check_signals;
use crate::python::launch::redirect_stdout;
use crate::python::{Python, interrupt_limit};
use crate::session::WriteFailure;
use crate::snapshot::atomic::{AtomicFile, signals};
use crate::snapshot::remote::RemoteError;
use crate::snapshot::work_meter::{self, WorkStage};

/// Where a snapshot goes.
pub(super) enum SnapshotDestination {
    /// A file, by its absolute path: the script may change its working directory.
    File(PathBuf),
    /// Standard output as it was before the script began.
    Stream(File),
    /// A store, by its absolute path, and what is noted with the snapshot.
    Store(PathBuf, SnapshotLabels),
}

impl SnapshotDestination {
    pub(super) fn check(path: &Path, labels: &SnapshotLabels, compress: Option<i32>) -> Result<Self> {
        if let Some(folder) = check_store(path, labels, compress)? {
            return Ok(Self::Store(folder, labels.clone()));
        }
        if is_stdio(path) {
            if stdout().is_terminal() {
                let text = "refusing to write binary data to a terminal: redirect stdout to a file or a pipe";
                return Err(exit::error(exit::USAGE, text));
            }
            return Ok(Self::Stream(redirect_stdout().context("cannot redirect standard output")?));
        }
        let path = absolute_path(path)?;
        // Dropping the new file at once removes it again: this only tests that the directory is writable.
        AtomicFile::create(&path).or_exit(exit::USAGE, || cannot_save(&path))?;
        AtomicFile::check_remote(&path).or_exit(exit::FAILED, || cannot_save(&path))?;
        Ok(Self::File(path))
    }
}

pub(super) fn cannot_save(path: &Path) -> String {
    format!("cannot save to {}", path.display())
}

/// Names the target of a save in an error about its disk.
pub(super) fn naming_target(error: anyhow::Error, path: &Path) -> anyhow::Error {
    if error.is::<WriteFailure>() { error.context(cannot_save(path)) } else { error }
}

/// Brings a new file to the disk, unless Ctrl-C comes first. It is not in place yet.
pub(super) fn sync(py: Python<'_>, file: &mut AtomicFile) -> Result<()> {
    work_meter::begin(WorkStage::Syncing, 0);
    let synced = despite_signals(py, || Ok(py.detach(|| file.sync())?));
    // From here on, the process may not end in the middle of what it does.
    interrupt_limit::release();
    check_signals(py)?;
    synced
}

/// Does what a signal may interrupt, and does it once more if the script's handler of the signal lets the save go on.
pub(super) fn despite_signals<T>(py: Python<'_>, mut action: impl FnMut() -> Result<T>) -> Result<T> {
    match action() {
        Err(error) if is_interrupted(&error) => {
            signals::forget();
            check_signals(py)?;
            signals::undisturbed(action)
        }
        done => done,
    }
}

fn is_interrupted(error: &anyhow::Error) -> bool {
    error.chain().any(|link| {
        link.downcast_ref::<std::io::Error>().is_some_and(signals::is_interrupted)
            || matches!(link.downcast_ref(), Some(RemoteError::Interrupted))
    })
}

//! The file of the snapshots of a script that still runs: `session.running.pkl` for `session.pkl`.
//!
//! The first snapshot of a job decides whose file it is. If another process that is alive writes to it, this one takes
//! `session.running-PID.pkl`; what a process that has ended left there is kept under another name, once. The file is
//! removed when the script has ended and its session is saved.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use super::save_job::SaveJob;
use super::save_summary::relative_to_here;
use super::snapshot_destination::SnapshotDestination;
use crate::commands::file_claims::{Claimed, FileClaim};
use crate::commands::generations::is_same_run;
use crate::session::Origin;
use crate::snapshot::atomic::remove_saved;
use crate::snapshot::file_names::beside;
use crate::snapshot::index::ScriptInfo;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::remote::RemoteAddress;

/// The file of a job, which is its own until the process ends.
#[derive(Debug)]
pub(super) struct RunningFile {
    path: PathBuf,
    claim: Mutex<Option<FileClaim>>,
}

impl RunningFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl SaveJob {
    /// The file of the snapshots of this job. `output` is that of its last one.
    ///
    /// # Errors
    /// If the snapshot of another script there cannot be kept.
    pub(super) fn running_file(&self, output: &Path, origin: &Origin<'_>) -> Result<&Path> {
        if let Some(known) = self.running.get() {
            return Ok(known.path());
        }
        let path = running_path(output);
        let (path, claim) = match claim_of(&path) {
            Claimed::Ours(claim) => (path, Some(claim)),
            Claimed::Unknown => (path, None),
            Claimed::Taken => {
                let (own, claim) = own_file(output);
                let [taken, shown] = [&path, &own].map(|path| relative_to_here(&path.display().to_string()));
                self.verbosity.note(&format!(
                    "{taken} is that of another job, which still runs: the snapshots of this one are in {shown}"
                ));
                (own, claim)
            }
        };
        if self.keeps_others {
            self.rotate(&path, &origin.script())?;
        }
        Ok(self.running.get_or_init(|| RunningFile { path, claim: Mutex::new(claim) }).path())
    }

    /// Removes the snapshot of the running script, once its session is saved. Without one, what an earlier run of the
    /// script has left is removed.
    pub(super) fn remove_running(&self, script: &ScriptInfo) {
        let SnapshotDestination::File(output) = &self.output else { return };
        if let Some(running) = self.running.get() {
            // The first one may not be complete yet.
            let _ = remove_saved(running.path());
        } else if self.times.is_some() && !RemoteAddress::is_at(output) {
            let path = running_path(output);
            let claim = claim_of(&path);
            if !matches!(claim, Claimed::Taken) && is_left_by(&path, script) {
                let _ = remove_saved(&path);
            }
        }
        self.release_running();
    }

    /// Lets other processes have the file.
    pub(super) fn release_running(&self) {
        if let Some(running) = self.running.get() {
            drop(running.claim.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// A file that no other process has. In another container, one may have the same process id.
fn own_file(output: &Path) -> (PathBuf, Option<FileClaim>) {
    let first = format!("running-{}", std::process::id());
    let (mut path, mut number) = (beside(output, &first), 1);
    loop {
        match FileClaim::ask(&path) {
            Claimed::Ours(claim) => return (path, Some(claim)),
            Claimed::Unknown => return (path, None),
            Claimed::Taken => {
                number += 1;
                path = beside(output, &format!("{first}-{number}"));
            }
        }
    }
}

/// Objects in object storage have no locks.
fn claim_of(path: &Path) -> Claimed {
    if RemoteAddress::is_at(path) { Claimed::Unknown } else { FileClaim::ask(path) }
}

fn is_left_by(path: &Path, script: &ScriptInfo) -> bool {
    let found = Snapshot::open(path);
    matches!(found.as_ref().map(Snapshot::contents), Ok(Contents::Own { index }) if is_same_run(&index.script, script))
}

/// `session.crash.pkl` for `session.pkl`.
pub(super) fn crash_path(path: &Path) -> PathBuf {
    beside(path, "crash")
}

/// `session.running.pkl` for `session.pkl`.
fn running_path(path: &Path) -> PathBuf {
    beside(path, "running")
}

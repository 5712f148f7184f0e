//! What a save must not lose: the snapshot of another script, which it would replace, and a session that does not have
//! a name of the command line.

use std::path::Path;
use std::thread::sleep;

use anyhow::{Context, Result};

use super::file_save::fallback_path;
use super::running_file::crash_path;
use super::running_save::frames_of;
use super::save_job::{SaveJob, SavedFile};
use super::save_summary::relative_to_here;
use super::snapshot_destination::SnapshotDestination;
use super::unmatched_names::{UnmatchedPatterns, WrongModule, path_beside};
use crate::commands::file_claims::{FileClaim, PAUSE};
use crate::commands::generations::{is_same_run, keep_other};
use crate::exit;
use crate::python::Python;
use crate::python::deferred_signals::check_signals;
use crate::python::dill::DillLocation;
use crate::python::script_run::ScriptRun;
use crate::report::answers::FailureAnswer;
use crate::session::SelectionRules;
use crate::snapshot::index::{Index, ScriptInfo};
use crate::snapshot::remote::RemoteAddress;
use crate::ui::messages::print_error;

impl SaveJob {
    /// The patterns of the command line that match no name of the session, if it must not be saved as the command line
    /// says. Where there are any, [`rules`](Self::rules) are more careful from here on.
    pub(super) fn check_names(&self, py: Python<'_>, run: &ScriptRun) -> Result<Option<UnmatchedPatterns>> {
        let mut unmatched = self.named.unmatched_in(py, run, self.module(), || frames_of(py, run))?;
        unmatched.module = self.missing_module.get().cloned();
        if run.succeeded() {
            unmatched.locals = Self::uncalled(py, run);
        }
        if unmatched.is_empty() {
            return Ok(None);
        }
        let _ = self.careful_rules.set(unmatched.careful_rules(&self.rules));
        if run.succeeded() {
            return Ok(Some(unmatched));
        }
        // A script that failed may not have got to them.
        for message in unmatched.messages() {
            self.verbosity.note(&format!("warning: {message}"));
        }
        Ok(None)
    }

    /// Saves a session that does not have some of the names on the command line to a file of its own.
    pub(super) fn save_beside(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        unmatched: &UnmatchedPatterns,
    ) -> Result<SavedFile> {
        let shown = |path: &Path| relative_to_here(&path.display().to_string());
        let (path, old) = match &self.output {
            SnapshotDestination::File(path) if path.exists() => {
                (path_beside(path), format!("{} is unchanged, and ", shown(path)))
            }
            SnapshotDestination::File(path) => (path_beside(path), String::new()),
            SnapshotDestination::Store(folder, _) => {
                (path_beside(folder), format!("{} has no new snapshot, and ", shown(folder)))
            }
            SnapshotDestination::Stream(_) => {
                (fallback_path(Path::new("session.pkl")), "nothing was written to standard output, and ".to_owned())
            }
        };
        let saved = self.save_to_file(py, run, dill, &path);
        let advice =
            saved.as_ref().map(|_| format!("{old}the session is in {}, {}", shown(&path), unmatched.withheld()));
        let error = unmatched.error(advice.into_iter().collect());
        print_error(&error);
        let failure = Some(FailureAnswer::of(&error));
        saved.map(|saved| SavedFile { code: exit::USAGE, failure, ..saved })
    }

    /// Looks whether the module of the command line can be imported, now that the script has run: it may have made it.
    pub(super) fn check_module(&self, py: Python<'_>, run: &ScriptRun) -> Result<()> {
        if self.module != "__main__"
            && let Some(missing) = run.with_main(py, || WrongModule::find(py, &self.module))??
        {
            let _ = self.missing_module.set(missing);
        }
        Ok(())
    }

    /// The name of the module whose namespace is saved.
    pub(super) fn module(&self) -> &str {
        if self.missing_module.get().is_some() { "__main__" } else { &self.module }
    }

    /// The rules to save by.
    pub(super) fn rules(&self) -> &SelectionRules {
        self.careful_rules.get().unwrap_or(&self.rules)
    }

    /// Keeps the snapshot of another script that is about to be replaced at `path`. No other process puts a snapshot in
    /// its place until the claim is dropped.
    pub(super) fn keep_other(&self, py: Python<'_>, path: &Path, index: &Index) -> Result<Option<FileClaim>> {
        let SnapshotDestination::File(output) = &self.output else { return Ok(None) };
        let is_own = [output.clone(), crash_path(output), path_beside(output)].iter().any(|own| own == path);
        if !self.keeps_others || !is_own || RemoteAddress::is_at(path) {
            return Ok(None);
        }
        let claim = FileClaim::wait(path, || {
            py.detach(|| sleep(PAUSE));
            check_signals(py)
        })?;
        self.rotate(path, &index.script)?;
        Ok(claim)
    }

    /// Gives the snapshot of another script at `path` another name.
    pub(super) fn rotate(&self, path: &Path, script: &ScriptInfo) -> Result<()> {
        let kept = keep_other(path, |old| is_same_run(&old.script, script))
            .with_context(|| format!("cannot keep the old {}", path.display()))?;
        if let Some(kept) = kept {
            let [old, new] = [path, &kept.path].map(|path| relative_to_here(&path.display().to_string()));
            self.verbosity.note(&kept.note(&old, &new));
        }
        Ok(())
    }

    /// Says that a crash snapshot is of an earlier run: one would look there.
    pub(super) fn note_old_crash(&self) {
        let SnapshotDestination::File(path) = &self.output else { return };
        let old = crash_path(path);
        if old.exists() {
            let name = relative_to_here(&old.display().to_string());
            self.verbosity.note(&format!("nothing was saved: {name} is from before"));
        }
    }

    /// What a script that ends its own process loses.
    pub(super) fn lost_by_early_exit(&self) -> String {
        match &self.output {
            SnapshotDestination::File(path) => {
                let name = relative_to_here(&path.display().to_string());
                let is_old = if path.exists() { ", which is from before" } else { "" };
                format!("nothing was saved to {name}{is_old}")
            }
            SnapshotDestination::Store(folder, _) => {
                format!("nothing was saved to {}", relative_to_here(&folder.display().to_string()))
            }
            SnapshotDestination::Stream(_) => "nothing was saved".to_owned(),
        }
    }
}

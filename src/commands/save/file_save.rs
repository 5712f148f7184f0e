//! `snapcli save -o FILE`: puts the snapshot in place, or, if that fails, into the directory for temporary files.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::save_job::{SaveJob, SavedFile};
use super::snapshot_destination::{cannot_save, naming_target, sync};
use crate::exit::{self, Coded};
use crate::python::Python;
use crate::python::deferred_signals::check_signals;
use crate::python::dill::DillLocation;
use crate::python::script_run::{ScriptRun, requested_end};
use crate::python::script_signals;
use crate::report::answers::FailureAnswer;
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::file_names::beside;
use crate::snapshot::index::Index;
use crate::snapshot::roundtrip_target::Compared;
use crate::snapshot::save_target::SpoolFile;
use crate::ui::Verbosity;
use crate::ui::messages::{print_error, print_line};

impl SaveJob {
    /// Writes the whole snapshot to a temporary file first: the bytes of a variable that fails are truncated, which a
    /// pipe does not allow.
    pub(super) fn save_to_stream(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        stream: &File,
    ) -> Result<SavedFile> {
        let bar = self.bar();
        let spool = SpoolFile::new().context("cannot create a temporary file")?;
        let written = self.write_file(py, run, dill, spool, Path::new("-"), &bar);
        // A pipe takes nothing back, so its snapshot is written to such a file first.
        let (spool, index, bytes) = written.map_err(|error| naming_target(error, &std::env::temp_dir()))?;
        let mut out = stream.try_clone()?;
        let sent = py.detach(|| spool.send(&mut out));
        check_signals(py)?;
        sent.context("cannot write to standard output")?;
        Ok(SavedFile::new(PathBuf::from("-"), index, bytes))
    }

    /// Saves to a file, or to the directory for temporary files if that fails for a reason that the earlier check could
    /// not detect: the directory has been removed since, or the disk is full.
    pub(super) fn save_to_file_or_fallback(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        path: &Path,
    ) -> Result<SavedFile> {
        let saved = self.save_to_file(py, run, dill, path);
        saved.or_else(|error| self.save_to_fallback(py, run, dill, &fallback_path(path), error))
    }

    /// Saves to a file in the directory for temporary files, after a save elsewhere has failed.
    ///
    /// # Errors
    /// The error of the save elsewhere, if it would be the same in another directory, or if this save fails too.
    pub(super) fn save_to_fallback(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        fallback: &Path,
        error: anyhow::Error,
    ) -> Result<SavedFile> {
        let saved = self.or_elsewhere(py, error, || self.save_to_file(py, run, dill, fallback).map(Some))?;
        saved.context("the session was not saved")
    }

    /// Saves the variables of a script that failed, or that a signal ends: to the file for that, or to the directory
    /// for temporary files. `None` if it had no variables yet.
    pub(super) fn save_crash_or_fallback(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        path: &Path,
    ) -> Result<Option<SavedFile>> {
        let saved = self.save_crash(py, run, dill, path);
        saved.or_else(|error| self.or_elsewhere(py, error, || self.save_crash(py, run, dill, &fallback_path(path))))
    }

    /// Calls `save`, which saves elsewhere, after a save has failed with an error.
    fn or_elsewhere(
        &self,
        py: Python<'_>,
        error: anyhow::Error,
        save: impl FnOnce() -> Result<Option<SavedFile>>,
    ) -> Result<Option<SavedFile>> {
        // An error with another code, such as a failed verification, would be the same in another directory.
        if exit::code_of(&error) != exit::FAILED || requested_end(py, &error).is_some() {
            return Err(error);
        }
        let saved = match save() {
            Ok(Some(saved)) => saved,
            Ok(None) => return Ok(None),
            Err(elsewhere) => {
                if requested_end(py, &elsewhere).is_none() {
                    print_line(&format!(
                        "the session is not in the directory for temporary files either: {elsewhere:#}"
                    ));
                }
                return Err(error);
            }
        };
        // The session is safe, but not where the user wanted it: print why, and exit with 1.
        // With `-q`, there is no summary that names the file.
        let place =
            (self.verbosity == Verbosity::Quiet).then(|| format!("the session was saved to {}", saved.path.display()));
        Ok(Some(saved.despite(&error, place)))
    }

    pub(super) fn save_to_file(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        path: &Path,
    ) -> Result<SavedFile> {
        let cannot_save = || cannot_save(path);
        let bar = self.bar();
        let file = AtomicFile::create(path).with_context(cannot_save)?;
        let written = self.write_file(py, run, dill, file, path, &bar);
        let (mut file, index, bytes) = written.map_err(|error| naming_target(error, path))?;
        // The verifying process opens the file by its temporary name.
        file.flush().with_context(cannot_save)?;
        let verifying = self.verify.then(|| self.verbosity.step("loading the new snapshot and comparing the values"));
        let verified = self.check_load(py, run, dill, &index, file.path());
        drop(verifying);
        // Ctrl-C also ends the verifying process, whose failure then says nothing about the file.
        check_signals(py)?;
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => {
                // Keep the new file under another name: most of it may well load.
                let unverified = beside(path, "unverified");
                py.detach(|| file.commit_to(&unverified)).with_context(cannot_save)?;
                let kept = format!("{} is unchanged; the new snapshot is {}", path.display(), unverified.display());
                return Err(error.context(unverified_as(kept)));
            }
        };
        sync(py, &mut file).with_context(cannot_save)?;
        drop(bar);
        let claim = self.keep_other(py, path, &index)?;
        py.detach(|| file.commit()).with_context(cannot_save)?;
        drop(claim);
        Ok(SavedFile { verified, ..SavedFile::new(path.to_owned(), index, bytes) })
    }

    /// The check of `--verify`; `None` if it is not wanted, or if a signal leaves no time for it.
    ///
    /// # Errors
    /// If a variable cannot be loaded, and Ctrl-C.
    pub(super) fn check_load(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        index: &Index,
        file: &Path,
    ) -> Result<Option<Compared>> {
        if !self.verify {
            return Ok(None);
        }
        let verified = match script_signals::is_ending() {
            true => None,
            false => self.load_check().run(py, run, dill, index, file)?,
        };
        if verified.is_none() {
            self.verbosity.note("warning: not verified, because a signal ends the process");
        }
        Ok(verified)
    }
}

impl SavedFile {
    /// The same for a command that fails all the same. Prints why, and where the session is.
    pub(super) fn despite(self, error: &anyhow::Error, place: Option<String>) -> Self {
        print_error(error);
        place.iter().for_each(|place| print_line(place));
        Self { code: exit::FAILED, failure: Some(FailureAnswer::of(error)), ..self }
    }
}

/// The error of a snapshot that `--verify` could not load; `kept` says where it is.
pub(super) fn unverified_as(kept: String) -> Coded {
    exit::coded(exit::DAMAGED, "verification failed: the new snapshot cannot be loaded").with_details(vec![kept])
}

/// A path in the directory for temporary files. The process ID keeps two failed saves from replacing each other's file.
pub(super) fn fallback_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    std::env::temp_dir().join(format!("snapcli-{}-{name}", std::process::id()))
}

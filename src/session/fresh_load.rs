//! Confirms what the check of a save has found: a forked process is not as a restore finds it. A class that refuses a
//! second object of a name fails there, and works in a fresh process (`snapcli verify-load --failures`).

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use super::child_signal::SuspendedHandler;
use super::forked_load::read_answer;
use super::load_guards::block_changes;
use super::restore::{FaultLog, LoadFault, RestoreRequest, restore};
use super::trial_load::TrialResult;
use crate::python::second_start;
use crate::snapshot::atomic::signals::BoundChild;
use crate::snapshot::reader::Snapshot;

/// The variables that a fresh process could not load. Printed by one process and read by the other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FreshFailures {
    /// Each with the exception on one line.
    failed: HashMap<String, String>,
    /// Each with what it would have done outside of its process.
    blocked: HashMap<String, String>,
}

impl FreshFailures {
    /// Loads a snapshot in this process, from which nothing else is wanted afterwards.
    pub(crate) fn find(py: Python<'_>, snapshot: &Arc<Snapshot>, request: RestoreRequest<'_, '_>) -> Result<Self> {
        block_changes(py)?;
        let log = Rc::new(FaultLog::new(false));
        let request = RestoreRequest { fault_log: Some(Rc::clone(&log)), ..request };
        let restored = restore(py, snapshot, &request, &|_| {})?;
        let mut failed: HashMap<String, String> = restored.lost.into_iter().map(|lost| (lost.name, lost.why)).collect();
        let mut blocked = HashMap::new();
        for LoadFault { name, error, blocked: action, .. } in log.take() {
            match action {
                Some(action) => {
                    failed.remove(&name);
                    blocked.insert(name, action);
                }
                None => drop(failed.insert(name, error)),
            }
        }
        Ok(Self { failed, blocked })
    }

    /// Has a fresh process load a file. `None` if it did not answer within `limit`.
    ///
    /// # Errors
    /// Ctrl-C, as the exception of Python.
    fn of_file(py: Python<'_>, executable: &Path, file: &Path, limit: Duration) -> Result<Option<Self>> {
        let _handler = SuspendedHandler::new();
        let mut process = second_start::program_command(executable.as_os_str())?;
        process.args(["verify-load", "--failures", "--quiet", "--python"]).arg(executable);
        // A file without a name is one of this process only.
        let file = match file.strip_prefix("/dev/fd") {
            Ok(descriptor) => Path::new("/proc").join(std::process::id().to_string()).join("fd").join(descriptor),
            Err(_) => file.to_owned(),
        };
        process.arg(file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = process.spawn() else { return Ok(None) };
        let _bound = i32::try_from(child.id()).map(BoundChild::new);
        let answer = child.stdout.take().map(|out| read_answer(py, limit, out)).transpose();
        // Both fail only if the process has ended already.
        let _ = child.kill();
        let _ = child.wait();
        Ok(answer?.flatten().and_then(|answer| serde_json::from_slice(&answer).ok()))
    }

    /// Removes the faults of variables that a fresh process can load, and of objects that it would not have failed at.
    fn keep_real(&self, found: &mut TrialResult) {
        found.variables.retain(|(name, _)| self.failed.contains_key(name));
        found.objects.retain(|object| self.failed.contains_key(&object.variable));
        // An error of another type than the one at which the fresh process stopped may be one of this process only.
        let kind = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
        let is_same = |name: &str, why: &str| {
            let why = why.strip_prefix("cannot be loaded: ").unwrap_or(why);
            self.failed.get(name).is_some_and(|error| kind(error) == kind(why))
        };
        let same = found.objects.iter().filter(|object| is_same(&object.variable, &object.why));
        let same: Vec<String> = same.map(|object| object.variable.clone()).collect();
        found.objects.retain(|object| !same.contains(&object.variable) || is_same(&object.variable, &object.why));
        for (name, action) in &self.blocked {
            let note = (name.clone(), format!("not checked by loading it: that would {action}"));
            if !found.notes.contains(&note) {
                found.notes.push(note);
            }
        }
    }
}

/// Removes what is not at fault from the result of a check. Without an answer of a fresh process, only those errors are
/// believed that hardly depend on the process.
///
/// # Errors
/// Ctrl-C, as the exception of Python.
pub(super) fn confirm(
    py: Python<'_>,
    executable: &Path,
    file: &Path,
    limit: Duration,
    found: &mut TrialResult,
) -> Result<()> {
    if found.variables.is_empty() && found.objects.is_empty() {
        return Ok(());
    }
    if let Some(failures) = FreshFailures::of_file(py, executable, file, limit)? {
        failures.keep_real(found);
        return Ok(());
    }
    let objects = std::mem::take(&mut found.objects);
    let (real, unsure): (Vec<_>, Vec<_>) = objects.into_iter().partition(|object| is_certain(&object.why));
    found.objects = real;
    let variables = std::mem::take(&mut found.variables);
    let (real, others): (Vec<_>, Vec<_>) = variables.into_iter().partition(|(_, why)| is_certain(why));
    found.variables = real;
    let unsure: HashMap<_, _> = unsure.into_iter().map(|object| (object.variable, object.why)).chain(others).collect();
    found.notes.extend(unsure.into_iter().map(|(name, why)| (name, format!("perhaps {why}"))));
    Ok(())
}

/// Whether an error comes from how an object is made, not from what the process has.
fn is_certain(why: &str) -> bool {
    const CERTAIN: [&str; 8] = [
        "TypeError",
        "AttributeError",
        "NameError",
        "NotImplementedError",
        "RecursionError",
        "_pickle.UnpicklingError",
        "UnpicklingError",
        "pickle.UnpicklingError",
    ];
    let error = why.strip_prefix("cannot be loaded: ").unwrap_or(why);
    CERTAIN.contains(&error.split(':').next().unwrap_or_default())
}

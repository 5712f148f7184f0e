//! `--verify`: the file is loaded in a fresh process, and what came back is compared with what is in it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use pyo3::prelude::*;

use super::Save;
use crate::commands::reload::reload;
use crate::python::dill::Dill;
use crate::python::run::Run;
use crate::report::{self, count, plain, say};
use crate::session::again;
use crate::session::provenance::Origin;
use crate::snapshot::echo::{Compared, NotCompared};
use crate::snapshot::index::Index;
use crate::snapshot::reader::Snapshot;

impl Save {
    /// How what comes back of a file that is complete differs from what was saved. An error tells what does not load.
    pub(super) fn verified(
        &self,
        py: Python<'_>,
        run: &Run,
        dill: &Dill,
        index: &Index,
        file: &Path,
    ) -> Result<Compared> {
        let refimported = self.options.rules.refimported;
        let reloaded = py.detach(|| reload(&index.python.executable, file, refimported))?;
        if !reloaded.lost.is_empty() {
            bail!("{} did not come back: {}", count(reloaded.lost.len(), "variable"), reloaded.lost.join("; "));
        }
        let mut compared = match reloaded.compared {
            Ok(compared) => compared,
            Err(why) => nothing_compared(index, &why),
        };
        if !compared.changes.is_empty() {
            // What is pickled differently each time tells nothing of what came back.
            let anew =
                self.again(py, run, dill, file).unwrap_or_else(|error| nothing_compared(index, &error.to_string()));
            let changes = anew.changes.iter().map(|change| change.name.as_str());
            let unsteady: HashSet<&str> =
                changes.chain(anew.not_compared.iter().map(|item| item.name.as_str())).collect();
            set_apart(&mut compared, "it is pickled differently each time", &|name| unsteady.contains(name));
        }
        if !compared.changes.is_empty() && again::has_reducers(py, &self.options.module)? {
            let why = "the script has told copyreg how to pickle, which no other process knows";
            set_apart(&mut compared, why, &|_| true);
        }
        hide_secrets(&mut compared, index);
        Ok(compared)
    }

    /// How a second save of the session itself differs from the first.
    fn again(&self, py: Python<'_>, run: &Run, dill: &Dill, file: &Path) -> Result<Compared> {
        let snapshot = Arc::new(Snapshot::open(file)?);
        let origin = Origin::of_run(py, &self.command, run, &self.interpreter);
        again::of_run(py, &snapshot, &self.options.rules, &origin, run, dill)
    }

    /// Names what came back different. In a strict save that is what the exit code is about.
    pub(super) fn tell_verified(&self, verified: &Compared) {
        let warn = |text: &str| if self.options.strict { say::line(text) } else { self.talk.note(text) };
        for change in &verified.changes {
            let what = report::changes::words(change);
            warn(&format!("warning: {} comes back different: {what}", plain(&change.name)));
        }
        for NotCompared { name, why } in &verified.not_compared {
            let text = format!("{} comes back, but could not be compared: {}", plain(name), plain(why));
            self.talk.note(&text);
        }
        let (same, changed) = (verified.same, verified.changes.len());
        let all = same + changed + verified.not_compared.len();
        let loads = if all == 1 { "loads" } else { "load" };
        let how = if same == all { "the same".to_owned() } else { format!("{same} of them the same") };
        self.talk.note(&format!("verified: {} {loads} in a fresh process, {how}", count(all, "variable")));
    }
}

fn nothing_compared(index: &Index, why: &str) -> Compared {
    let names = index.variables.iter().map(|variable| variable.name.clone());
    let not_compared = names.map(|name| NotCompared { name, why: why.to_owned() }).collect();
    Compared { not_compared, ..Compared::default() }
}

/// Takes out of the changes what they say nothing of.
fn set_apart(compared: &mut Compared, why: &str, is_unsure: &dyn Fn(&str) -> bool) {
    let changes = std::mem::take(&mut compared.changes);
    let (unsure, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| is_unsure(&change.name));
    compared.changes = changes;
    compared
        .not_compared
        .extend(unsure.into_iter().map(|change| NotCompared { name: change.name, why: why.to_owned() }));
}

/// Tells no value of what looks like a credential.
fn hide_secrets(compared: &mut Compared, index: &Index) {
    let secret = index.variables.iter().filter(|variable| !variable.secrets.is_empty());
    let secret: HashSet<&str> = secret.map(|variable| variable.name.as_str()).collect();
    for change in compared.changes.iter_mut().filter(|change| secret.contains(change.name.as_str())) {
        change.place = None;
    }
}

//! `save --verify`: the new file is loaded in a fresh process (`snapcli verify-load`), and the loaded values are
//! compared with the file, by their pickles and object by object.
//!
//! Only certain differences are reported. A variable whose pickle is different each time, such as one with a timestamp,
//! is recognized by pickling the session again in this process, and is listed as not compared.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};

use crate::commands::verify_load::load_in_fresh_process;
use crate::python::dill::DillLocation;
use crate::python::script_command::ScriptCommand;
use crate::python::script_run::ScriptRun;
use crate::python::{Interpreter, Python};
use crate::report::diff_report::describe_change;
use crate::report::imports::{count_apart, is_import};
use crate::session::{
    Origin, SelectionRules, SessionStructure, add_differences, has_reducers, in_session, repickle_run,
};
use crate::snapshot::index::Index;
use crate::snapshot::reader::Snapshot;
use crate::snapshot::roundtrip_target::{Compared, NotCompared};
use crate::snapshot::work_meter::{self, WorkStage};
use crate::ui::messages::print_line;
use crate::ui::{Verbosity, count};

/// The session that a file was saved from.
pub(super) struct LoadCheck<'a> {
    pub(super) command: &'a ScriptCommand,
    pub(super) interpreter: &'a Interpreter,
    pub(super) rules: &'a SelectionRules,
    pub(super) module: &'a str,
}

impl LoadCheck<'_> {
    /// Loads a complete file in a fresh process, and returns how the loaded values differ. `None` if a signal ends this
    /// process before that.
    ///
    /// # Errors
    /// If a variable cannot be loaded.
    pub(super) fn run(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        index: &Index,
        file: &Path,
    ) -> Result<Option<Compared>> {
        let refimported = self.rules.refimported;
        // No object of this is counted, and it is soon done.
        work_meter::begin(WorkStage::Comparing, 0);
        let structure = in_session(py, run, &index.module, |module| SessionStructure::of(index, module))?;
        let loaded = load_in_fresh_process(py, &index.python.executable, file, refimported, &structure)?;
        let Some(loaded) = loaded else { return Ok(None) };
        if !loaded.lost.is_empty() {
            bail!("cannot load {}: {}", count(loaded.lost.len(), "variable"), loaded.lost.join("; "));
        }
        // All variables load, so a comparison that failed as a whole does not fail the save.
        let mut compared = loaded.compared.unwrap_or_else(|why| nothing_compared(index, &why));
        if !compared.changes.is_empty() {
            // Pickle the session again in this process: a variable that differs even now was not changed by loading.
            let second = self.pickle_again(py, run, dill, file);
            let second = second.unwrap_or_else(|error| nothing_compared(index, &error.to_string()));
            let changed = second.changes.iter().map(|change| change.name.as_str());
            let unsteady: HashSet<&str> =
                changed.chain(second.not_compared.iter().map(|item| item.name.as_str())).collect();
            set_apart(&mut compared, "its pickle is different each time", &|name| unsteady.contains(name));
        }
        // Reducers of the script exist only in this process, and nothing records which variables they pickled.
        if !compared.changes.is_empty() && has_reducers(py, self.module)? {
            let why = "the script registers copyreg reducers, which a fresh process does not have";
            set_apart(&mut compared, why, &|_| true);
        }
        in_session(py, run, &index.module, |module| add_differences(&mut compared, &loaded.structure, index, module))?;
        hide_secrets(&mut compared, index);
        Ok(Some(compared))
    }

    /// How a second pickle of the session in this process differs from the file.
    fn pickle_again(&self, py: Python<'_>, run: &ScriptRun, dill: &DillLocation, file: &Path) -> Result<Compared> {
        let snapshot = Arc::new(Snapshot::open(file)?.into_file()?);
        let origin = Origin::of_run(py, self.command, run, self.interpreter);
        repickle_run(py, &snapshot, self.rules, &origin, run, dill)
    }
}

/// Prints the result. With `--strict`, changes are errors and are printed even with `--quiet`.
pub(super) fn print_load_check(verified: &Compared, index: &Index, strict: bool, verbosity: Verbosity) {
    for change in &verified.changes {
        let text = format!("warning: {} comes back different: {}", change.name, describe_change(change));
        if strict { print_line(&text) } else { verbosity.note(&text) }
    }
    for NotCompared { name, why } in &verified.not_compared {
        verbosity.note(&format!("{name} loads, but cannot be compared: {why}"));
    }
    let same = verified.same;
    let all = same + verified.changes.len() + verified.not_compared.len();
    let (loads, values) = if all == 1 { ("loads", "value") } else { ("load", "values") };
    let result =
        if same == all { format!(" with the same {values}") } else { format!(", {same} of them with the same value") };
    let imports = index.variables.iter().filter(|variable| is_import(variable)).count().min(all);
    let variables = count_apart(all - imports, imports);
    verbosity.note(&format!("verified: {variables} {loads} in a fresh process{result}"));
}

fn nothing_compared(index: &Index, why: &str) -> Compared {
    let not_compared = |name: &String| NotCompared { name: name.clone(), why: why.to_owned() };
    Compared {
        not_compared: index.variables.iter().map(|variable| not_compared(&variable.name)).collect(),
        ..Compared::default()
    }
}

/// Moves the changes that may not be real to the variables that were not compared.
fn set_apart(compared: &mut Compared, why: &str, is_unsure: &dyn Fn(&str) -> bool) {
    let changes = std::mem::take(&mut compared.changes);
    let (unsure, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| is_unsure(&change.name));
    compared.changes = changes;
    let unsure = unsure.into_iter().map(|change| NotCompared { name: change.name, why: why.to_owned() });
    compared.not_compared.extend(unsure);
}

/// Removes the values of variables that look like credentials, which must not be printed.
fn hide_secrets(compared: &mut Compared, index: &Index) {
    let secret = index.variables.iter().filter(|variable| !variable.secrets.is_empty());
    let secret: HashSet<&str> = secret.map(|variable| variable.name.as_str()).collect();
    for change in compared.changes.iter_mut().filter(|change| secret.contains(change.name.as_str())) {
        change.hide_values();
    }
}

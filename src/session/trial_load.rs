//! Loads what was just written, in a child process, and finds the objects at fault. Only variables that hold objects
//! whose load may fail are loaded, with what they use.
//!
//! A load ends at the first fault. So the child writes the variables that failed again, to memory and without the
//! objects known to be at fault, and loads them again, until no fault is left.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use glob::Pattern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};
use serde::{Deserialize, Serialize};

use super::load_faults::{CheckedVariable, LoadFaults};
use super::object_description::type_name;
use super::restore::{FaultLog, LoadFault, RestoreRequest, restore};
use super::save::{SaveRequest, SaveSource, SessionWriter};
use super::select::SelectionRules;
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::index::Index;
use crate::snapshot::reader::Snapshot;

/// The time after which no further faults are searched for. It leaves time within the shortest limit of a check.
const SEARCH_TIME: Duration = Duration::from_millis(1500);
/// If this many objects of one type in a variable cannot be loaded, all of them are given up.
const MOST_OF_TYPE: usize = 16;

/// What the child reports.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TrialResult {
    /// Objects that cannot be loaded. A forked process has them at the same addresses.
    pub(super) objects: Vec<UnloadedObject>,
    /// Variables that cannot be loaded, if no object in them is known to be at fault, with the reason.
    pub(super) variables: Vec<(String, String)>,
    /// Remarks on variables.
    pub(super) notes: Vec<(String, String)>,
    /// The objects themselves, which stay in the child.
    #[serde(skip)]
    pub(super) found: Vec<(Py<PyAny>, String)>,
}

/// An object that cannot be loaded.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UnloadedObject {
    pub(super) variable: String,
    pub(super) address: usize,
    pub(super) why: String,
}

/// The work of the child.
pub(super) struct TrialLoad<'a, 'py> {
    pub(super) py: Python<'py>,
    pub(super) writer: &'a SessionWriter<'a, 'py>,
    /// The index of the file.
    pub(super) index: &'a Index,
}

impl<'py> TrialLoad<'_, 'py> {
    pub(super) fn run(&self, file: &Path, checked: &[CheckedVariable]) -> Result<TrialResult> {
        let started = Instant::now();
        let mut result = TrialResult::default();
        let names: Vec<&str> = checked.iter().map(|variable| variable.name.as_str()).collect();
        let snapshot = Arc::new(Snapshot::open(file)?);
        let (loaded, faults) = self.load(&snapshot, &names)?;
        self.compare_types(&loaded, checked, &mut result);
        // Freeing what was loaded could run finalizers that harm what the script still uses.
        std::mem::forget(loaded);
        let mut failed = self.add(&faults, checked, &mut result);
        while !failed.is_empty() && started.elapsed() < SEARCH_TIME {
            let (bytes, checked) = self.write_again(&failed, &result)?;
            let left: Vec<&str> = checked.iter().map(|variable| variable.name.as_str()).collect();
            let left: Vec<&str> = left.into_iter().filter(|name| failed.contains(*name)).collect();
            if left.is_empty() {
                break;
            }
            let (loaded, faults) = self.load(&Arc::new(Snapshot::from_bytes(bytes)?), &left)?;
            std::mem::forget(loaded);
            let still_failed = self.add(&faults, &checked, &mut result);
            // The ranges hold objects that were made while they were written.
            std::mem::forget(checked);
            failed = still_failed;
        }
        Ok(result)
    }

    /// Loads variables, and locates the faults if there are any.
    fn load(&self, snapshot: &Arc<Snapshot>, names: &[&str]) -> Result<(Bound<'py, PyDict>, Vec<LoadFault>)> {
        let (loaded, failed) = self.load_with(snapshot, names, false)?;
        let failed: Vec<&str> = failed.iter().map(|fault| fault.name.as_str()).collect();
        if failed.is_empty() {
            return Ok((loaded, Vec::new()));
        }
        let (again, faults) = self.load_with(snapshot, &failed, true)?;
        std::mem::forget(again);
        Ok((loaded, faults))
    }

    fn load_with(
        &self,
        snapshot: &Arc<Snapshot>,
        names: &[&str],
        is_exact: bool,
    ) -> Result<(Bound<'py, PyDict>, Vec<LoadFault>)> {
        // The code of an instance's class may need any of the globals while the instance is loaded.
        let needed = self.with_globals(names);
        let patterns = needed.iter().map(|name| Pattern::new(&Pattern::escape(name)));
        let patterns: Vec<Pattern> = patterns.collect::<Result<_, _>>()?;
        let into = self.empty_namespace()?;
        let log = Rc::new(FaultLog::new(is_exact));
        let request = RestoreRequest {
            only: &patterns,
            mapped: snapshot.file().is_some() || snapshot.is_stored(),
            into: Some(into.clone()),
            trusted: true,
            fault_log: Some(Rc::clone(&log)),
            ..RestoreRequest::new("the new snapshot", self.writer.source.dill)
        };
        restore(self.py, snapshot, &request, &|_| {})?;
        Ok((into, log.take()))
    }

    /// A namespace like that of the session, which has no variables yet.
    fn empty_namespace(&self) -> PyResult<Bound<'py, PyDict>> {
        let namespace = PyDict::new(self.py);
        let session = self.writer.source.module.dict();
        for name in ["__name__", "__file__", "__builtins__"] {
            if let Some(value) = session.get_item(name)? {
                namespace.set_item(name, value)?;
            }
        }
        Ok(namespace)
    }

    /// Adds faults to the result. Returns the variables in which there may be more.
    fn add(&self, faults: &[LoadFault], checked: &[CheckedVariable], result: &mut TrialResult) -> HashSet<String> {
        let mut failed = HashSet::new();
        let mut seen = HashSet::new();
        let blocked = self.note_blocked(faults, result);
        for LoadFault { name, error, offset, .. } in faults {
            // After the first fault, the restore tries to load parts of the variable.
            if !seen.insert(name) || blocked.contains(name.as_str()) {
                continue;
            }
            // CUDA cannot be used in a forked process.
            if error.contains("forked subprocess") {
                result.notes.push((name.clone(), format!("not checked by loading it: {error}")));
                continue;
            }
            let why = format!("cannot be loaded: {error}");
            let variable = checked.iter().find(|variable| variable.name == *name);
            let Some((variable, range)) = variable.and_then(|it| Some((it, it.object_at((*offset)?)?))) else {
                result.variables.push((name.clone(), why));
                continue;
            };
            failed.insert(name.clone());
            let kind = range.object.bind(self.py).get_type();
            let of_type = |object: &&UnloadedObject| object.variable == *name && object.why == why;
            let is_given_up = result.objects.iter().filter(of_type).count() + 1 >= MOST_OF_TYPE;
            let same = variable.ranges.iter().filter(|other| other.object.bind(self.py).get_type().is(&kind));
            let lost = same.filter(|other| is_given_up || std::ptr::eq(*other, range));
            for lost in lost {
                let address = lost.object.as_ptr() as usize;
                result.objects.push(UnloadedObject { variable: name.clone(), address, why: why.clone() });
                result.found.push((lost.object.clone_ref(self.py), why.clone()));
            }
        }
        failed
    }

    /// Notes the variables whose load was blocked, and those that failed perhaps only because they need one of them.
    /// Returns both.
    fn note_blocked<'f>(&self, faults: &'f [LoadFault], result: &mut TrialResult) -> HashSet<&'f str> {
        let actions = faults.iter().filter_map(|fault| Some((fault.name.as_str(), fault.blocked.as_deref()?)));
        let actions: HashMap<&str, &str> = actions.collect();
        let mut blocked = HashSet::new();
        for name in faults.iter().map(|fault| fault.name.as_str()) {
            let why = match actions.get(name) {
                Some(action) => format!("that would {action}"),
                None => match self.with_globals(&[name]).into_iter().find(|needed| actions.contains_key(needed)) {
                    Some(needed) => format!("it needs {needed}, which was not loaded"),
                    None => continue,
                },
            };
            if blocked.insert(name) {
                result.notes.push((name.to_owned(), format!("not checked by loading it: {why}")));
            }
        }
        blocked
    }

    /// Writes variables to memory, with the globals that they use, and without the objects at fault.
    fn write_again(&self, names: &HashSet<String>, result: &TrialResult) -> Result<(Vec<u8>, Vec<CheckedVariable>)> {
        let mut faults = LoadFaults::default();
        for (object, why) in &result.found {
            faults.add_object(object.clone_ref(self.py), why.clone());
        }
        let (namespace, globals) = (PyDict::new(self.py), self.writer.source.globals);
        let needed = self.with_globals(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for variable in self.index.variables.iter().filter(|variable| needed.contains(variable.name.as_str())) {
            // Some are globals of the module that a part of it needs.
            let value = self.writer.source.namespace.get_item(&variable.name)?;
            if let Some(value) = value.map_or_else(|| globals.get_item(&variable.name), |value| Ok(Some(value)))? {
                namespace.set_item(&variable.name, value)?;
            }
        }
        let SaveSource { module, dill, .. } = *self.writer.source;
        let request = self.writer.request;
        let rules = SelectionRules {
            private: true,
            refimported: request.rules.refimported,
            whole: request.rules.whole,
            ..SelectionRules::default()
        };
        let request = SaveRequest { rules: &rules, ambient: false, key: None, measured: false, ..*request };
        let source = SaveSource { module, namespace: &namespace, globals, dill, is_part: false };
        let writer = SessionWriter { request: &request, source: &source, ..*self.writer };
        let written = writer.write(self.py, &faults, Vec::new())?;
        Ok((written.out, written.checked))
    }

    /// These variables, and all that they share objects with or that code in them uses.
    fn with_globals(&self, names: &[&str]) -> HashSet<&str> {
        let variables = self.index.variables.iter();
        let by_name: HashMap<&str, _> = variables.map(|variable| (variable.name.as_str(), variable)).collect();
        let mut found = HashSet::new();
        let mut waiting = names.to_vec();
        while let Some(name) = waiting.pop() {
            if let Some(variable) = by_name.get(name)
                && found.insert(variable.name.as_str())
            {
                waiting.extend(variable.globals.iter().chain(&variable.uses).map(String::as_str));
            }
        }
        found
    }

    /// Notes the variables that come back with another type.
    fn compare_types(&self, loaded: &Bound<'py, PyDict>, checked: &[CheckedVariable], result: &mut TrialResult) {
        for variable in checked {
            let name = variable.name.as_str();
            let value = |dict: &Bound<'py, PyDict>| dict.get_item(name).tolerated().flatten();
            let Some((before, after)) = value(self.writer.source.namespace).zip(value(loaded)) else { continue };
            // The class of a session is made anew, so only the names are compared.
            let [before, after] = [before, after].map(|value| type_name(&value.get_type()));
            if before != after {
                result.notes.push((name.to_owned(), format!("comes back as {after}, not as {before}")));
            }
        }
    }
}

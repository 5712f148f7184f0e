//! The save: pickles the chosen variables one after the other, and gives each a place in the file or a reason
//! why it has none. One bad object costs the variable it is in, never the rest.

use std::cell::Cell;
use std::collections::HashMap;

use anyhow::{Context as _, Result};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::check;
use super::code::Opcodes;
use super::collector::PausedCollector;
use super::describe::{describe, type_name};
use super::fault::fault;
use super::keep::{Named, Rules, select};
use super::room;
use super::secrets::secrets;
use super::sink::SharedWriter;
use super::warnings::WarningFilter;
use crate::pickle::emit;
use crate::pickle::scan::SegmentFacts;
use crate::pickler::{Failure, Imported, Importer, Pickler, Saved, Stopped, all_faults};
use crate::python::dill::LazyDill;
use crate::snapshot::index::{self, LeftOut, Reason, Variable};
use crate::snapshot::signals;
use crate::snapshot::target::Target;
use crate::snapshot::writer::Writer;

/// How to go about a save.
pub struct Plan<'a, 'py> {
    /// The module whose session it is.
    pub module: &'a Bound<'py, PyModule>,
    /// The names to save: its namespace, or others that are to become names of it.
    pub namespace: &'a Bound<'py, PyDict>,
    /// Its name, which the script may have deleted in it.
    pub name: &'a str,
    /// Imports dill, which need not be there before it is needed.
    pub dill: &'a LazyDill,
    /// Which names to keep.
    pub rules: &'a Rules,
    /// The lines that assign each name.
    pub lines: &'a HashMap<String, u32>,
    /// Whether each variable must also load again, here and now, as `dill.detect` asks.
    pub load_again: bool,
    /// Told before each variable: its name, how many are done, of how many.
    pub progress: &'a dyn Fn(&str, usize, usize),
}

/// Saves the session that `plan` speaks of, a segment for each variable. Returns what was left out, too.
pub fn capture<'py, T: Target + Send + 'static>(
    py: Python<'py>,
    plan: &Plan<'_, 'py>,
    writer: Writer<T>,
) -> Result<(Writer<T>, Vec<LeftOut>)> {
    let opcodes = Opcodes::of(py)?;
    let selection = select(plan.namespace, plan.rules, &opcodes)?;
    let mut left_out = selection.left_out;
    room::check(writer.free(), &selection.kept, plan.rules)?;
    let writer = SharedWriter::new(writer);
    let saver = Saver {
        opcodes: &opcodes,
        pickler: Pickler::new(plan.module, strict_importer(plan.dill), Box::new(writer.clone()))?,
        imported: match plan.rules.refimported {
            true => Some(Imported::new(&plan.dill.import(py)?, plan.module)?),
            false => None,
        },
        plan,
        writer: &writer,
        has_files: Cell::new(false),
    };
    // dill warns, and writes a mere name, where it meets an object that refers to itself in a way that it cannot follow.
    // In another process that name leads nowhere, so it is an error here.
    let warnings = WarningFilter::none(py);
    let paused = PausedCollector::new(py)?;
    for (done, named) in selection.kept.iter().enumerate() {
        (plan.progress)(&named.name, done, selection.kept.len());
        // A handler that was waiting may end the save: nothing is being pickled now, so it may do what it likes.
        py.check_signals()?;
        if let Some(reason) = saver.variable(py, named)? {
            left_out.push(reason);
        }
    }
    drop(warnings);
    drop(paused);
    for item in &mut left_out {
        item.line = plan.lines.get(&item.name).copied();
    }
    name_users(&mut left_out, &selection.kept, plan, &opcodes);
    Ok((writer.take()?, left_out))
}

/// Imports dill, and makes an error of its PicklingWarning.
fn strict_importer(dill: &LazyDill) -> Importer {
    let dill = dill.clone();
    Box::new(move |py| {
        let known = dill.is_imported();
        let module = dill.import(py)?;
        if !known {
            WarningFilter::add(py, "error", &module.getattr("PicklingWarning")?);
        }
        Ok(module.unbind())
    })
}

struct Saver<'a, 'py, T: Target> {
    opcodes: &'a Opcodes,
    pickler: Pickler<'py>,
    imported: Option<Imported<'py>>,
    plan: &'a Plan<'a, 'py>,
    writer: &'a SharedWriter<T>,
    /// Whether a variable had a file object in it.
    has_files: Cell<bool>,
}

impl<'py, T: Target> Saver<'_, 'py, T> {
    /// Saves one variable, or says why not. An error is one that ends the whole save.
    fn variable(&self, py: Python<'py>, named: &Named<'py>) -> Result<Option<LeftOut>> {
        match self.attempt(py, named) {
            // The handler of a signal that came while opcodes were written has its say now, when none are. What ends the
            // save it raises; where it raises nothing, the variable is begun anew.
            Err(error) if is_interrupted(&error) => {
                self.written(Writer::cut_off)?;
                signals::forget();
                py.check_signals()?;
                signals::undisturbed(|| self.attempt(py, named))
            }
            done => done,
        }
    }

    fn attempt(&self, py: Python<'py>, named: &Named<'py>) -> Result<Option<LeftOut>> {
        let secrets = secrets(&named.name, &named.value);
        if self.plan.rules.redact && !secrets.is_empty() {
            let error = format!("looks like a credential: {}", secrets.join("; "));
            return Ok(Some(left_out(named, Reason::Secret, error)));
        }
        let position = self.written(|writer| writer.begin(&named.name))?;
        let failure = match self.pickled(py, named, position) {
            Ok(Saved { facts, buffers, notes }) => {
                let mut variable = Variable { notes, ..self.described(named) };
                if !secrets.is_empty() {
                    variable.preview = "(not shown)".to_owned();
                    variable.secrets = secrets;
                }
                self.written(|writer| writer.end(variable, facts, buffers).map(drop))?;
                return Ok(None);
            }
            Err(failure) => failure,
        };
        match &failure.stopped {
            Some(Stopped::Sink(error)) => {
                let error = match signals::is_interrupted(error) {
                    true => std::io::Error::other(signals::Interrupted),
                    false => std::io::Error::new(error.kind(), error.to_string()),
                };
                return Err(error).context("cannot write the snapshot");
            }
            stopped => {
                self.written(Writer::cut_off)?;
                if let Some((Stopped::TooLarge, limit)) = stopped.as_ref().zip(self.plan.rules.max_size) {
                    let error = format!("takes more than --max-size {limit}");
                    return Ok(Some(left_out(named, Reason::Size, error)));
                }
            }
        }
        let mut item = failed(py, named, &failure)?;
        if self.plan.load_again {
            item.faults = self.all_faults(py, named)?;
        }
        Ok(Some(item))
    }

    /// All that is at fault in a variable, where that is more than one object.
    fn all_faults(&self, py: Python<'py>, named: &Named<'py>) -> Result<Vec<index::Fault>> {
        let found = all_faults(self.plan.module, strict_importer(self.plan.dill), &named.value)?;
        if found.len() < 2 {
            return Ok(Vec::new());
        }
        let told = |failure: &Failure<'py>| {
            let fault = fault(py, &named.name, &named.value, failure);
            index::Fault {
                path: fault.path.unwrap_or_else(|| named.name.clone()),
                type_name: fault.fault_type.unwrap_or_else(|| type_name(&named.value.get_type())),
                error: fault.error,
            }
        };
        Ok(found.iter().map(told).collect())
    }

    fn written<R>(&self, action: impl FnOnce(&mut Writer<T>) -> std::io::Result<R>) -> Result<R> {
        self.writer.with(action).context("cannot write the snapshot")
    }

    fn described(&self, named: &Named<'py>) -> Variable {
        let said = describe(&named.value, self.plan.name);
        let used = self.opcodes.globals_used(&named.value, self.plan.namespace);
        let in_session = |name: &String| self.plan.namespace.contains(name).unwrap_or(false);
        let mut globals: Vec<String> = used.into_iter().filter(in_session).collect();
        // The same session gives the same index.
        globals.sort_unstable();
        Variable {
            globals,
            name: named.name.clone(),
            type_name: said.type_name,
            kind: said.kind,
            len: said.len,
            shape: said.shape,
            dtype: said.dtype,
            preview: said.preview,
            line: self.plan.lines.get(&named.name).copied(),
            ..Variable::default()
        }
    }

    /// Hands the opcodes of a value to the writer, from `position` on.
    fn pickled(&self, py: Python<'py>, named: &Named<'py>, position: u64) -> Result<Saved, Failure<'py>> {
        let before = self.pickler.memo_len()?;
        if let Some(imported) = &self.imported
            && let Some((module, name)) = imported.origin(&named.name, &named.value)?
        {
            let mut opcodes = Vec::new();
            emit::global(&mut opcodes, &module, &name).map_err(PyErr::from)?;
            self.writer.with(|writer| writer.value(&opcodes)).map_err(stopped)?;
            let memo = (before as u64, before as u64);
            let imports = vec![format!("{module} {name}")];
            let facts = SegmentFacts { memo, imports, ..SegmentFacts::default() };
            return Ok(Saved { facts, buffers: Vec::new(), notes: Vec::new() });
        }
        let saved = self.pickler.save(&named.value, position, self.plan.rules.max_size.unwrap_or(u64::MAX))?;
        // dill would open the script's own files again, and empty them: what has a file, or may share one, is not copied.
        let opens_files = saved.facts.imports.iter().any(|import| import == "dill._dill _create_filehandle");
        self.has_files.set(self.has_files.get() || opens_files);
        let may_open = opens_files || (self.has_files.get() && !saved.facts.takes.is_empty());
        if self.plan.load_again
            && !may_open
            && let Err(error) = check::loads_again(&self.plan.dill.import(py)?, &named.value)
        {
            self.pickler.roll_back(before)?;
            return Err(error.into());
        }
        Ok(saved)
    }
}

fn is_interrupted(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(signals::is_interrupted)
}

/// The failure of a writer that is no fault of the variable.
fn stopped<'py>(error: std::io::Error) -> Failure<'py> {
    let stopped = Stopped::Sink(error);
    Failure { stopped: Some(stopped), ..Failure::from(PyErr::from(std::io::Error::other("cannot write"))) }
}

fn left_out(named: &Named<'_>, reason: Reason, error: String) -> LeftOut {
    let type_name = type_name(&named.value.get_type());
    LeftOut { name: named.name.clone(), type_name, reason, error, ..LeftOut::default() }
}

/// What is said of a variable that raised; a Ctrl-C ends the save, as does a signal whose handler calls `sys.exit`.
fn failed(py: Python<'_>, named: &Named<'_>, failure: &Failure<'_>) -> Result<LeftOut> {
    let asked_to_exit = signals::caught() && failure.error.is_instance_of::<PySystemExit>(py);
    if asked_to_exit || failure.error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Err(failure.error.clone_ref(py).into());
    }
    let fault = fault(py, &named.name, &named.value, failure);
    Ok(LeftOut {
        path: fault.path,
        fault_type: fault.fault_type,
        hint: fault.hint,
        ..left_out(named, Reason::Failed, fault.error)
    })
}

/// Names, for each thing left out, the kept functions and classes that use it.
fn name_users(left_out: &mut [LeftOut], kept: &[Named<'_>], plan: &Plan<'_, '_>, opcodes: &Opcodes) {
    if left_out.is_empty() {
        return;
    }
    for named in kept {
        let used = opcodes.globals_used(&named.value, plan.namespace);
        for item in left_out.iter_mut().filter(|item| item.name != named.name && used.contains(&item.name)) {
            item.users.push(named.name.clone());
        }
    }
}

//! Pickles the selected variables, one after the other. Each becomes a segment of the file or, if it cannot be pickled,
//! an entry in the list of names left out. An object that cannot be pickled affects only the variable that holds it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use anyhow::Result;
use pyo3::prelude::*;

use super::code_objects::{CodeReader, all_code, names_among};
use super::failure_path::explain_failure;
use super::imported_objects::ImportedObjects;
use super::interpreter_guards::WarningFilters;
use super::load_faults::{CheckedVariable, LoadFaults};
use super::lost_objects::{FaultPlace, LostObjects, all_unsavable_objects};
use super::module_singletons::singleton_names;
use super::module_state::ProjectNames;
use super::object_description::{describe, type_name};
use super::provenance::ScriptNames;
use super::save_request::{SaveRequest, SaveSource};
use super::secrets::SecretFinder;
use super::select::NamedValue;
use super::shared_writer::SharedWriter;
use super::write_failure::write_failed;
use crate::pickle::credentials::hidden;
use crate::pickle::format::emit;
use crate::pickle::passes::scan::SegmentFacts;
use crate::pickler::{
    ChangedAttribute, DillImporter, EarlyBindings, ImportedNames, SaveFailure, SavedValue, SessionPickler, StopReason,
    UnloadableObjects,
};
use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::{check_signals, ends_call};
use crate::python::dill::LazyDill;
use crate::snapshot::atomic::signals;
use crate::snapshot::index::{LeftOut, LeftOutReason, NOT_SHOWN, PREVIEW, SegmentRole, Variable, VariableKind};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::writer::SnapshotWriter;

/// The session that a saver works on, and the facts about it.
#[derive(Clone, Copy)]
pub(super) struct SaverInputs<'a, 'py> {
    pub(super) request: &'a SaveRequest<'a>,
    pub(super) source: &'a SaveSource<'a, 'py>,
    /// The names in the source of the script.
    pub(super) names: &'a ScriptNames,
    /// The objects that cannot be loaded.
    pub(super) faults: &'a LoadFaults,
    pub(super) code_reader: &'a CodeReader,
}

/// Saves one variable at a time.
pub(super) struct VariableSaver<'a, 'py, T: SaveTarget> {
    pub(super) request: &'a SaveRequest<'a>,
    pub(super) source: &'a SaveSource<'a, 'py>,
    lines: &'a HashMap<String, u32>,
    pub(super) code_reader: &'a CodeReader,
    pub(super) pickler: SessionPickler<'py>,
    imported: Option<ImportedNames<'py>>,
    imported_objects: ImportedObjects,
    pub(super) secrets: SecretFinder<'py>,
    /// The names that the rules select, and the names that these need.
    kept: HashSet<&'a str>,
    writer: SharedWriter<T>,
    faults: &'a LoadFaults,
    /// The warning filters of this save. [`strict_importer`] adds one.
    pub(super) filters: WarningFilters,
    unloadable: Arc<UnloadableObjects>,
    /// The variables with objects whose load may fail.
    checked: RefCell<Vec<CheckedVariable>>,
    /// The modules of the project.
    project: ProjectNames<'py>,
    /// The attributes to set on the class or function that is being saved as a variable of another module.
    pub(super) attributes: RefCell<Vec<ChangedAttribute<'py>>>,
    /// The modules that the segments so far refer to.
    pub(super) needed_modules: RefCell<HashSet<String>>,
    /// The names of the sources of code in the segments that are in no file.
    pub(super) sources: RefCell<BTreeSet<String>>,
}

impl<'a, 'py, T: SaveTarget> VariableSaver<'a, 'py, T> {
    /// A saver of the variables `kept`. `early` are the names that a load must bind early.
    pub(super) fn new(
        inputs: SaverInputs<'a, 'py>,
        kept: &'a [NamedValue<'py>],
        early: EarlyBindings,
        writer: SnapshotWriter<T>,
    ) -> Result<Self> {
        let SaverInputs { request, source, names, faults, code_reader } = inputs;
        let SaveSource { module, dill, .. } = *source;
        let py = module.py();
        let writer = SharedWriter::new(writer);
        let unloadable = faults.table(py);
        let filters = WarningFilters::default();
        let (importer, sink) = (strict_importer(dill, &filters), Box::new(writer.clone()));
        Ok(Self {
            request,
            source,
            lines: &names.lines,
            code_reader,
            pickler: SessionPickler::new(
                module,
                source.globals,
                &names.imported,
                importer,
                sink,
                &unloadable,
                early,
                singleton_names(module),
            )?,
            imported: request.rules.refimported.then(|| ImportedNames::new(&dill.import(py)?, module)).transpose()?,
            imported_objects: ImportedObjects::new(source.namespace, &names.from_imports)?,
            secrets: SecretFinder::new(request.module),
            kept: kept.iter().map(|named| named.name.as_str()).collect(),
            writer,
            faults,
            filters,
            unloadable,
            checked: RefCell::default(),
            project: ProjectNames::new(module),
            attributes: RefCell::default(),
            needed_modules: RefCell::default(),
            sources: RefCell::default(),
        })
    }

    /// The writer, and the variables with objects whose load may fail.
    pub(super) fn finish(self) -> Result<(SnapshotWriter<T>, Vec<CheckedVariable>)> {
        Ok((self.writer.take()?, self.checked.take()))
    }

    /// Saves one variable, or returns why it was left out. An error ends the whole save.
    pub(super) fn save(&self, py: Python<'py>, named: &NamedValue<'py>, role: SegmentRole) -> Result<Option<LeftOut>> {
        match self.try_save(py, named, role) {
            // A signal arrived half-way: discard the segment, so that Python can run the script's handler between two
            // variables. If the handler raises, the save ends; if not, the variable is saved again.
            Err(error) if is_interrupted(&error) => {
                self.write(SnapshotWriter::discard)?;
                signals::forget();
                check_signals(py)?;
                signals::undisturbed(|| self.try_save(py, named, role))
            }
            done => done,
        }
    }

    fn try_save(&self, py: Python<'py>, named: &NamedValue<'py>, role: SegmentRole) -> Result<Option<LeftOut>> {
        // Checked before pickling, so that a redacted value never reaches the file.
        let is_import = self.imported_objects.of_process(&named.value).is_some();
        let mut secrets = if is_import { Vec::new() } else { self.secrets.reasons(&named.name, &named.value) };
        for attribute in self.attributes.borrow().iter() {
            secrets.extend(self.secrets.reasons_of_attribute(&attribute.path, &attribute.value));
        }
        if self.request.rules.redact && !secrets.is_empty() {
            let error = self.request.rules.redacted(&secrets);
            return Ok(Some(left_out(named, LeftOutReason::Secret, error)));
        }
        if let Some(why) = self.faults.why_left_out(&named.name) {
            return Ok(Some(left_out(named, LeftOutReason::Failed, why.to_owned())));
        }
        let mut lost = LostObjects::default();
        let failure = loop {
            self.pickler.write_markers(lost.items())?;
            let position = self.write(|writer| writer.begin(&named.name, role))?;
            match self.pickle(named, position, role) {
                Ok(saved) => return self.end(named, role, saved, secrets, lost).map(|()| None),
                Err(failure) if self.may_replace(&failure) => {
                    self.write(SnapshotWriter::discard)?;
                    if !lost.search(&self.place(named), self.importer(), &failure)? {
                        break failure;
                    }
                }
                Err(failure) => break failure,
            }
        };
        self.explain(py, named, &failure)
    }

    /// Why an attribute of a class or function cannot be saved; `None` if it can. Nothing is written.
    pub(super) fn reason_against(
        &self,
        py: Python<'py>,
        named: &NamedValue<'py>,
        attribute: &ChangedAttribute<'py>,
    ) -> Result<Option<LeftOut>> {
        let role = SegmentRole::ModuleItem;
        let (memo_len, position) = (self.pickler.memo_len()?, self.write(|writer| writer.begin(&named.name, role))?);
        *self.attributes.borrow_mut() = vec![attribute.clone()];
        let pickled = self.pickle(named, position, role);
        self.attributes.take();
        match pickled {
            Ok(_) => {
                self.pickler.roll_back(memo_len)?;
                self.write(SnapshotWriter::discard).map(|()| None)
            }
            Err(failure) => self.explain(py, named, &failure),
        }
    }

    /// Ends the segment of a variable that has been pickled.
    fn end(
        &self,
        named: &NamedValue<'py>,
        role: SegmentRole,
        saved: SavedValue,
        secrets: Vec<String>,
        lost: LostObjects<'py>,
    ) -> Result<()> {
        let SavedValue { facts, buffers, modules, sources, notes, checked: ranges } = saved;
        self.sources.borrow_mut().extend(sources);
        let code = all_code(&named.value, self.source.globals);
        let modules = self.needs_modules(&code, &facts.imports, &modules);
        if !ranges.is_empty() && role == SegmentRole::default() {
            self.checked.borrow_mut().push(CheckedVariable { name: named.name.clone(), ranges });
        }
        // A description is left out if making it fails, so an interrupt must be noticed before.
        check_signals(named.value.py())?;
        let mut variable = Variable { notes, modules, ..self.describe(named, &code, &lost) };
        if is_import(&variable, &facts) {
            variable.kind = VariableKind::Import;
        }
        self.adjust_preview(named, &mut variable, !secrets.is_empty());
        variable.secrets = secrets;
        let (mut entries, note) = lost.into_entries();
        // An exception may quote the object that it is about; previews of arrays and frames are not searched.
        let shown = entries.iter_mut().map(|entry| &mut entry.error).chain([&mut variable.preview]);
        shown.for_each(|text| hidden(text).into_iter().for_each(|shown| *text = shown));
        variable.lost = entries;
        variable.notes.extend(note);
        self.write(|writer| writer.end(variable, facts, buffers).map(drop))
    }

    /// Changes the preview of a variable whose value is not in the file as it is, or may be a credential.
    fn adjust_preview(&self, named: &NamedValue<'py>, variable: &mut Variable, is_secret: bool) {
        if let Some((module, name)) = self.imported_objects.of_process(&named.value) {
            // Its contents are not in the file.
            (variable.len, variable.preview) = (None, format!("{module}.{name}"));
        }
        let attributes: Vec<_> = self.attributes.borrow().iter().map(|attribute| attribute.path.clone()).collect();
        if !attributes.is_empty() {
            // Only the names of the attributes are shown.
            let preview = format!("{} with {}", variable.preview, attributes.join(", "));
            variable.preview = preview.chars().take(PREVIEW).collect();
        } else if is_secret {
            // The value is in the file, but need not be on every screen that shows the index.
            variable.preview = NOT_SHOWN.to_owned();
        }
    }

    /// Whether a variable may be saved with markers after this failure.
    fn may_replace(&self, failure: &SaveFailure<'py>) -> bool {
        !self.request.rules.whole && failure.stopped.is_none()
    }

    fn place<'p>(&'p self, named: &'p NamedValue<'py>) -> FaultPlace<'p, 'py> {
        let SaveSource { module: session, globals, .. } = *self.source;
        let unloadable = &self.unloadable;
        FaultPlace { session, globals, name: &named.name, value: &named.value, unloadable }
    }

    fn importer(&self) -> DillImporter {
        strict_importer(self.source.dill, &self.filters)
    }

    /// Discards the segment of a variable that cannot be saved. Returns the entry for it.
    fn explain(&self, py: Python<'py>, named: &NamedValue<'py>, failure: &SaveFailure<'py>) -> Result<Option<LeftOut>> {
        // The target failed, for example because the disk is full: no further variable can be saved.
        if let Some(StopReason::Sink(error)) = &failure.stopped {
            return Err(write_failed(copied(error)));
        }
        self.write(SnapshotWriter::discard)?;
        if let Some((StopReason::TooLarge, limit)) = failure.stopped.as_ref().zip(self.request.rules.max_size) {
            let error = format!("larger than {}", self.request.rules.named(format!("--max-size {limit}")));
            return Ok(Some(left_out(named, LeftOutReason::Size, error)));
        }
        // The segment has been discarded, so everything below only explains the failure.
        let mut item = failed(py, named, failure)?;
        if self.request.all_faults {
            item.faults = all_unsavable_objects(&self.place(named), self.importer())?;
        }
        Ok(Some(item))
    }

    pub(super) fn write<R>(&self, action: impl FnOnce(&mut SnapshotWriter<T>) -> io::Result<R>) -> Result<R> {
        self.writer.with(action).map_err(write_failed)
    }

    /// `code` are the code objects within the value.
    fn describe(&self, named: &NamedValue<'py>, code: &[Bound<'py, PyAny>], lost: &LostObjects<'py>) -> Variable {
        let described = describe(&named.value, self.request.module, &lost.items());
        let used = self.code_reader.globals_of(code);
        let in_session = |name: &String| {
            self.kept.contains(name.as_str()) || self.source.namespace.contains(name).tolerated().unwrap_or(false)
        };
        // Code can look up names that do not exist (yet), such as built-in functions.
        let mut globals: Vec<String> = used.into_iter().filter(in_session).collect();
        // A hash set has no stable order, but the same session must give the same index.
        globals.sort_unstable();
        Variable {
            globals,
            name: named.name.clone(),
            type_name: described.type_name,
            kind: described.kind,
            len: described.len,
            shape: described.shape,
            dtype: described.dtype,
            preview: described.preview,
            line: self.lines.get(&named.name).copied(),
            local_of: self.local_of(&named.name),
            ..Variable::default()
        }
    }

    /// The function that a variable is a local variable of.
    fn local_of(&self, name: &str) -> Option<String> {
        self.request.locals.iter().find(|local| local.name == name).map(|local| local.function.clone())
    }

    /// The modules of the project that a value refers to, or that its code imports. Notes them for
    /// [`save_module_state`](Self::save_module_state).
    fn needs_modules(&self, code: &[Bound<'py, PyAny>], imports: &[String], modules: &[String]) -> Vec<String> {
        let mut found = modules.to_vec();
        found.extend(names_among(code, |name| self.project.contains(name)));
        let found = self.project.among(imports, &found);
        self.needed_modules.borrow_mut().extend(found.iter().cloned());
        found
    }

    /// Writes the opcodes of a value. The first one will be at offset `position` in the file.
    fn pickle(
        &self,
        named: &NamedValue<'py>,
        position: u64,
        role: SegmentRole,
    ) -> Result<SavedValue, SaveFailure<'py>> {
        let memo_len = self.pickler.memo_len()?;
        // With `--refimported`, all imported objects are written as a single global, without a memo slot.
        if let Some(imported) = &self.imported
            && let Some((module, name)) = imported.origin(&named.name, &named.value)?
        {
            return self.write_import(&module, &name, memo_len);
        }
        if let Some((module, name)) = self.imported_objects.of_process(&named.value) {
            return self.write_import(module, name, memo_len);
        }
        let most = self.request.rules.max_size.unwrap_or(u64::MAX);
        let attributes = self.attributes.borrow().clone();
        if !attributes.is_empty() {
            return self.pickler.save_attributes(&named.value, &attributes, position, most);
        }
        let saved = self.pickler.save(&named.value, position, most);
        if let Some((module, import)) = self.imported_objects.in_place_of(&named.value, &saved) {
            self.pickler.roll_back(memo_len)?;
            let begin_again = |writer: &mut SnapshotWriter<T>| {
                writer.discard()?;
                writer.begin(&named.name, role)
            };
            self.writer.with(begin_again).map_err(sink_failure)?;
            return self.write_import(module, import, memo_len);
        }
        saved
    }

    /// Writes a value as a global, which takes no memo slot.
    fn write_import(&self, module: &str, name: &str, memo_len: usize) -> Result<SavedValue, SaveFailure<'py>> {
        let mut opcodes = Vec::new();
        emit::global(&mut opcodes, module, name).map_err(PyErr::from)?;
        self.writer.with(|writer| writer.value(&opcodes)).map_err(sink_failure)?;
        let memo = (memo_len as u64, memo_len as u64);
        let imports = vec![format!("{module} {name}")];
        let facts = SegmentFacts { memo, imports, ..SegmentFacts::default() };
        let (buffers, modules, sources, notes, checked) = Default::default();
        Ok(SavedValue { facts, buffers, modules, sources, notes, checked })
    }
}

/// Imports dill, and turns its PicklingWarning into an error.
fn strict_importer(dill: &LazyDill, filters: &WarningFilters) -> DillImporter {
    let (dill, filters) = (dill.clone(), filters.clone());
    Box::new(move |py| {
        let was_imported = dill.is_imported();
        let module = dill.import(py)?;
        if !was_imported {
            filters.add(py, "error", &module.getattr("PicklingWarning")?);
        }
        Ok(module.unbind())
    })
}

/// Whether a load imports the value again: a value that is written as a single global takes no memo slot.
fn is_import(variable: &Variable, facts: &SegmentFacts) -> bool {
    // A function with a cache that is imported again is an object with a memo slot.
    let is_cached_import = variable.type_name == "functools._lru_cache_wrapper" && !facts.has_code;
    facts.imports.len() == 1 && (facts.memo.0 == facts.memo.1 || is_cached_import)
}

fn is_interrupted(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(signals::is_interrupted)
}

/// The same error of a writer again.
fn copied(error: &io::Error) -> io::Error {
    if signals::is_interrupted(error) {
        return io::Error::other(signals::Interrupted);
    }
    let copy = || io::Error::new(error.kind(), error.to_string());
    error.raw_os_error().map_or_else(copy, io::Error::from_raw_os_error)
}

/// The failure of the writer, which is not the variable's fault.
fn sink_failure<'py>(error: io::Error) -> SaveFailure<'py> {
    let stopped = StopReason::Sink(error);
    SaveFailure { stopped: Some(stopped), ..SaveFailure::from(PyErr::from(io::Error::other("cannot write"))) }
}

pub(super) fn left_out(named: &NamedValue<'_>, reason: LeftOutReason, error: String) -> LeftOut {
    let type_name = type_name(&named.value.get_type());
    LeftOut { name: named.name.clone(), type_name, reason, error, ..LeftOut::default() }
}

/// The entry of a variable whose pickling raised an exception. Ctrl-C ends the save, as does a signal handler that
/// calls `sys.exit`.
fn failed(py: Python<'_>, named: &NamedValue<'_>, failure: &SaveFailure<'_>) -> Result<LeftOut> {
    if ends_call(py, &failure.error) {
        return Err(failure.error.clone_ref(py).into());
    }
    let explained = explain_failure(py, &named.name, &named.value, failure);
    Ok(LeftOut {
        path: explained.path,
        fault_type: explained.fault_type,
        hint: explained.hint,
        ..left_out(named, LeftOutReason::Failed, explained.error)
    })
}

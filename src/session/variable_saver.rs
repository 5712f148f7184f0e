//! Pickles the selected variables, one after the other. Each becomes a segment of the file or, if it cannot be pickled,
//! an entry in the list of names left out. An object that cannot be pickled affects only the variable that holds it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::ambient;
use super::code_objects::{CodeReader, all_code, names_among};
use super::crash_frames::CapturedFrames;
use super::failure_path::explain_failure;
use super::imported_objects::ImportedObjects;
use super::interpreter_guards::{IgnoredWarnings, PausedCollector, WarningFilters};
use super::kept_locals::BoundLocal;
use super::load_faults::{CheckedVariable, LoadFaults};
use super::load_needs;
use super::lost_objects::{FaultPlace, LostObjects, all_unsavable_objects};
use super::module_state::ProjectNames;
use super::object_description::{describe, type_name};
use super::provenance::ScriptNames;
use super::secrets::SecretFinder;
use super::select::{NamedValue, SelectionRules, select};
use super::size_estimate::{check_room, likely_size};
use crate::pickle::credentials::hidden;
use crate::pickle::format::emit;
use crate::pickle::passes::scan::SegmentFacts;
use crate::pickler::{
    ChangedAttribute, DillImporter, ImportedNames, SaveFailure, SavedValue, SegmentSink, SessionPickler, StopReason,
    UnloadableObjects,
};
use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::{check_signals, ends_call};
use crate::python::dill::LazyDill;
use crate::snapshot::atomic::signals;
use crate::snapshot::index::{
    LeftOut, LeftOutReason, NOT_SHOWN, PREVIEW, RunProgress, SegmentRole, Variable, VariableKind,
};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::signature::SigningKey;
use crate::snapshot::work_meter::{self, WorkStage};
use crate::snapshot::writer::SnapshotWriter;

/// Writing a buffer of this many bytes takes so long that other threads may run meanwhile.
const LONG_WRITE: usize = 4 << 20;

/// What to save, and how.
pub(crate) struct SaveRequest<'a> {
    /// The module whose namespace is saved: `__main__`, or an importable one.
    pub module: &'a str,
    /// Which names are saved.
    pub rules: &'a SelectionRules,
    /// Whether to load what was written, and to write it again without what cannot be loaded.
    pub check: LoadCheckMode,
    /// Whether to search a variable that is left out for all objects at fault.
    pub all_faults: bool,
    /// Whether to save what the session changed besides its variables: see [`ambient`].
    pub ambient: bool,
    /// Where the script is or ended: frames, whose locals are saved as well.
    pub frames: Option<&'a CapturedFrames>,
    /// The variables that are local variables of functions.
    pub locals: &'a [BoundLocal],
    /// The key that signs the file.
    pub key: Option<&'a SigningKey>,
    /// How far a run in steps has come.
    pub run: Option<&'a RunProgress>,
    /// Whether somebody watches how far it has come: then the size of the session is estimated first.
    pub measured: bool,
}

/// Whether a save is checked by loading what it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadCheckMode {
    /// In a child process.
    Forked,
    /// Not, for this reason: variables whose load may fail get a note.
    Refused(&'static str),
    /// Not, as the caller wishes.
    Off,
}

/// The objects that a save works on.
pub(super) struct SaveSource<'a, 'py> {
    /// The module that names are saved for.
    pub(super) module: &'a Bound<'py, PyModule>,
    /// The names to save: the namespace of the module, or another dict that is saved as if it were.
    pub(super) namespace: &'a Bound<'py, PyDict>,
    /// Where the code of the session looks up names: the namespace of the module, or `namespace`.
    pub(super) globals: &'a Bound<'py, PyDict>,
    /// Whether the names are a part of a session, chosen by the script: the globals that they need come along.
    pub(super) is_part: bool,
    /// Imports dill when it is needed.
    pub(super) dill: &'a LazyDill,
}

/// The variables of a session, in the file.
pub(super) struct SavedVariables<T: SaveTarget> {
    pub(super) writer: SnapshotWriter<T>,
    /// The names left out, with the reasons.
    pub(super) left_out: Vec<LeftOut>,
    /// The variables with objects whose load may fail.
    pub(super) checked: Vec<CheckedVariable>,
}

/// Saves a segment for each variable that the rules select. `names` is what the source of the script says; `faults` is
/// what cannot be loaded.
pub(super) fn save_variables<'py, T: SaveTarget>(
    py: Python<'py>,
    request: &SaveRequest<'_>,
    source: &SaveSource<'_, 'py>,
    names: &ScriptNames,
    faults: &LoadFaults,
    writer: SnapshotWriter<T>,
) -> Result<SavedVariables<T>> {
    // Before this save changes the warning filters.
    let ambient = if request.ambient { ambient::changed(py) } else { Vec::new() };
    let code_reader = CodeReader::new(py)?;
    let mut selection = select(source.namespace, source.globals, request.rules, &code_reader, source.is_part)?;
    let takes_needed = source.is_part || !request.rules.only.is_empty();
    if takes_needed {
        selection.add_needed(source.globals, &code_reader)?;
    }
    let early = load_needs::arrange(&mut selection.kept, source.globals, &code_reader)?;
    let mut left_out = selection.left_out;
    // Before anything is written: a full disk would otherwise show only after minutes of pickling.
    check_room(writer.free(), &selection.kept, request.rules)?;
    let writer = SharedWriter::new(writer);
    let refimported = request.rules.refimported;
    let unloadable = faults.table(py);
    let (sink, filters) = (Box::new(writer.clone()), WarningFilters::default());
    let saver = VariableSaver {
        request,
        source,
        lines: &names.lines,
        code_reader: &code_reader,
        pickler: SessionPickler::new(
            source.module,
            source.globals,
            &names.imported,
            strict_importer(source.dill, &filters),
            sink,
            &unloadable,
            early,
        )?,
        imported: if refimported { Some(ImportedNames::new(&source.dill.import(py)?, source.module)?) } else { None },
        imported_objects: ImportedObjects::new(source.namespace, &names.from_imports)?,
        secrets: SecretFinder::new(request.module),
        kept: selection.kept.iter().map(|named| named.name.as_str()).collect(),
        writer: &writer,
        faults,
        filters: &filters,
        unloadable: &unloadable,
        checked: RefCell::default(),
        project: ProjectNames::new(source.module),
        attributes: RefCell::default(),
        needed_modules: RefCell::default(),
        sources: RefCell::default(),
    };
    let locals = request.frames.map_or_else(Vec::new, |frames| frames.locals(py));
    let all = selection.kept.iter().chain(locals.iter().map(|local| &local.named));
    saver.pickler.expect(all.map(|named| &named.value));
    // If dill meets a recursive object that it cannot handle, it warns and writes a bare name, which does not exist in
    // another process: `strict_importer` makes an error of that warning.
    let warnings = filters.until_dropped(py);
    let ignored = IgnoredWarnings::new(py);
    let paused = PausedCollector::new(py)?;
    let total = if request.measured { likely_size(&selection.kept) } else { 0 };
    work_meter::begin(WorkStage::Saving, total);
    for named in &selection.kept {
        // Nothing is being pickled now, so a signal handler of the script may run, and may end the save.
        check_signals(py)?;
        if let Some(reason) = saver.save(py, named, SegmentRole::Variable)? {
            left_out.push(reason);
        }
    }
    if takes_needed {
        let late = saver.save_late_globals(py, &selection.kept, &left_out)?;
        left_out.extend(late);
    }
    // After all variables: what a module shares with them is in their segments, so they need nothing of the module.
    left_out.extend(saver.save_module_state(py)?);
    left_out.extend(saver.save_locals(py, &locals)?);
    ambient.iter().chain(&saver.code_sources()?).try_for_each(|entry| saver.save_ambient(entry))?;
    drop(ignored);
    drop(warnings);
    drop(paused);
    // Both apply to all names left out, whether by a rule or by a failure.
    for item in &mut left_out {
        item.line = names.lines.get(&item.name).copied();
    }
    add_users(&mut left_out, &selection.kept, source, &code_reader);
    let checked = saver.checked.take();
    Ok(SavedVariables { writer: writer.take()?, left_out, checked })
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

pub(super) struct VariableSaver<'a, 'py, T: SaveTarget> {
    pub(super) request: &'a SaveRequest<'a>,
    pub(super) source: &'a SaveSource<'a, 'py>,
    lines: &'a HashMap<String, u32>,
    pub(super) code_reader: &'a CodeReader,
    pub(super) pickler: SessionPickler<'py>,
    imported: Option<ImportedNames<'py>>,
    imported_objects: ImportedObjects,
    pub(super) secrets: SecretFinder<'py>,
    /// The names that the rules select, also those that the others need.
    kept: HashSet<&'a str>,
    writer: &'a SharedWriter<T>,
    faults: &'a LoadFaults,
    /// The warning filters of this save.
    filters: &'a WarningFilters,
    unloadable: &'a Arc<UnloadableObjects>,
    /// The variables with objects whose load may fail.
    checked: RefCell<Vec<CheckedVariable>>,
    /// Says which modules are those of the project.
    project: ProjectNames<'py>,
    /// The attributes to set on the class or function that is being saved as a variable of another module.
    pub(super) attributes: RefCell<Vec<ChangedAttribute<'py>>>,
    /// Those that the segments so far refer to.
    pub(super) needed_modules: RefCell<HashSet<String>>,
    /// The names of the sources that the code in the segments has, and that are in no file.
    pub(super) sources: RefCell<BTreeSet<String>>,
}

impl<'py, T: SaveTarget> VariableSaver<'_, 'py, T> {
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
                    if !lost.search(&self.place(named), strict_importer(self.source.dill, self.filters), &failure)? {
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
        // Texts that only inform are left out if making them fails, which must not take the place of an interrupt.
        check_signals(named.value.py())?;
        let mut variable = Variable { notes, modules, ..self.describe(named, &code, &lost) };
        // A value that is written as a single global takes no memo slot.
        if facts.memo.0 == facts.memo.1 && facts.imports.len() == 1 {
            variable.kind = VariableKind::Import;
        }
        // A function with a cache that is imported again is an object with a memo slot.
        if variable.type_name == "functools._lru_cache_wrapper" && !facts.has_code && facts.imports.len() == 1 {
            variable.kind = VariableKind::Import;
        }
        if let Some((module, name)) = self.imported_objects.of_process(&named.value) {
            // Its contents are not in the file.
            (variable.len, variable.preview) = (None, format!("{module}.{name}"));
        }
        let attributes: Vec<_> = self.attributes.borrow().iter().map(|attribute| attribute.path.clone()).collect();
        if !attributes.is_empty() {
            let preview = format!("{} with {}", variable.preview, attributes.join(", "));
            variable.preview = preview.chars().take(PREVIEW).collect();
        }
        if !secrets.is_empty() {
            // The value is in the file, but need not be on every screen that shows the index. Of attributes, only the
            // names are.
            if attributes.is_empty() {
                variable.preview = NOT_SHOWN.to_owned();
            }
            variable.secrets = secrets;
        }
        let (mut entries, note) = lost.into_entries();
        // An exception may quote the object that it is about; previews of arrays and frames are not searched.
        let shown = entries.iter_mut().map(|entry| &mut entry.error).chain([&mut variable.preview]);
        shown.for_each(|text| hidden(text).into_iter().for_each(|shown| *text = shown));
        variable.lost = entries;
        variable.notes.extend(note);
        self.write(|writer| writer.end(variable, facts, buffers).map(drop))
    }

    /// Whether a variable may be saved with markers after this failure.
    fn may_replace(&self, failure: &SaveFailure<'py>) -> bool {
        !self.request.rules.whole && failure.stopped.is_none()
    }

    fn place<'p>(&'p self, named: &'p NamedValue<'py>) -> FaultPlace<'p, 'py> {
        let SaveSource { module: session, globals, .. } = *self.source;
        let unloadable = self.unloadable;
        FaultPlace { session, globals, name: &named.name, value: &named.value, unloadable }
    }

    /// Discards the segment of a variable that cannot be saved. Returns the entry for it.
    fn explain(&self, py: Python<'py>, named: &NamedValue<'py>, failure: &SaveFailure<'py>) -> Result<Option<LeftOut>> {
        // The target failed, for example because the disk is full: no further variable can be saved.
        if let Some(StopReason::Sink(error)) = &failure.stopped {
            let error = if signals::is_interrupted(error) {
                io::Error::other(signals::Interrupted)
            } else {
                let copy = || io::Error::new(error.kind(), error.to_string());
                error.raw_os_error().map_or_else(copy, io::Error::from_raw_os_error)
            };
            return Err(error).context("cannot write the snapshot");
        }
        self.write(SnapshotWriter::discard)?;
        if let Some((StopReason::TooLarge, limit)) = failure.stopped.as_ref().zip(self.request.rules.max_size) {
            let error = format!("larger than {}", self.request.rules.named(format!("--max-size {limit}")));
            return Ok(Some(left_out(named, LeftOutReason::Size, error)));
        }
        // The segment has been discarded, so everything below only explains the failure.
        let mut item = failed(py, named, failure)?;
        if self.request.all_faults {
            item.faults = all_unsavable_objects(&self.place(named), strict_importer(self.source.dill, self.filters))?;
        }
        Ok(Some(item))
    }

    pub(super) fn write<R>(&self, action: impl FnOnce(&mut SnapshotWriter<T>) -> io::Result<R>) -> Result<R> {
        self.writer.with(action).context("cannot write the snapshot")
    }

    /// `code` is that within the value.
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

fn is_interrupted(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(signals::is_interrupted)
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

/// Adds to each name left out the saved functions and classes that use it.
fn add_users(left_out: &mut [LeftOut], kept: &[NamedValue<'_>], source: &SaveSource<'_, '_>, code_reader: &CodeReader) {
    if left_out.is_empty() {
        return;
    }
    for named in kept {
        let used = code_reader.globals_used(&named.value, source.globals);
        for item in left_out.iter_mut().filter(|item| item.name != named.name && used.contains(&item.name)) {
            item.users.push(named.name.clone());
        }
    }
}

/// A writer with two owners: the saver, which begins and ends segments, and the pickler, which writes the opcodes.
///
/// The pickler is a Python object: a reducer of the script may keep it alive after the save. So [`take`](Self::take)
/// cannot wait until the saver is the only owner. It replaces the writer with `None`.
struct SharedWriter<T: SaveTarget>(Arc<Mutex<Option<SnapshotWriter<T>>>>);

impl<T: SaveTarget> SharedWriter<T> {
    fn new(writer: SnapshotWriter<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(writer))))
    }

    fn with<R>(&self, action: impl FnOnce(&mut SnapshotWriter<T>) -> io::Result<R>) -> io::Result<R> {
        action(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().ok_or_else(already_taken)?)
    }

    fn take(&self) -> io::Result<SnapshotWriter<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(already_taken)
    }
}

fn already_taken() -> io::Error {
    io::Error::other("the snapshot is already complete")
}

impl<T: SaveTarget> Clone for SharedWriter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: SaveTarget> SegmentSink for SharedWriter<T> {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        signals::check()?;
        self.with(|writer| writer.value(bytes))
    }

    fn take_buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        signals::check()?;
        if bytes.len() < LONG_WRITE {
            return self.with(|writer| writer.buffer(bytes));
        }
        // Other threads of the program run meanwhile. The buffer stays where it is: the pickler holds a view of it.
        Python::attach(|py| py.detach(|| self.with(|writer| writer.buffer(bytes))))
    }
}

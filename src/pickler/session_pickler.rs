//! The pickler of a session: one variable at a time, with one memo. `session` calls it.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyModule, PyString, PyType};

use super::dill_library::DillImporter;
use super::early_bindings::EarlyBindings;
use super::fault_search::FoundFault;
use super::lost_items::LostItems;
use super::output::{OpcodeOutput, SegmentSink, StopReason};
use super::pickle_context::{PickleContext, SingletonNames};
use super::pickler_state::SegmentNeeds;
use super::plan::{Action, WorkItem};
use super::save_trial::{self, NullSink};
use super::unloadable::{CheckedRange, UnloadableObjects};
use super::{class_attributes, dill_adapter, engine};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::passes::scan::SegmentFacts;
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::index::StoredBuffer;

/// Pickles the variables of a session.
pub(crate) struct SessionPickler<'py> {
    context: Arc<PickleContext>,
    py: Python<'py>,
}

/// A value whose opcodes are in the sink.
pub(crate) struct SavedValue {
    /// The things that the opcodes need from outside.
    pub facts: SegmentFacts,
    /// The raw buffers among the opcodes.
    pub buffers: Vec<StoredBuffer>,
    /// The modules that it refers to as objects.
    pub modules: Vec<String>,
    /// The names of the sources of its code that are in no file.
    pub sources: Vec<String>,
    /// Differences to expect after a load, for the user.
    pub notes: Vec<String>,
    /// The objects that may fail to load.
    pub checked: Vec<CheckedRange>,
}

/// A variable that could not be pickled.
pub(crate) struct SaveFailure<'py> {
    /// The exception that was raised.
    pub error: PyErr,
    /// The objects that were being saved, from the variable to the one at fault.
    pub chain: Vec<Bound<'py, PyAny>>,
    /// Set if the error is that writing stopped.
    pub stopped: Option<StopReason>,
}

impl From<PyErr> for SaveFailure<'_> {
    fn from(error: PyErr) -> Self {
        Self { error, chain: Vec::new(), stopped: None }
    }
}

/// An attribute that the session has set on a class or function that an import finds.
#[derive(Clone)]
pub(crate) struct ChangedAttribute<'py> {
    /// The class or function, which may be within another class.
    pub(crate) owner: Bound<'py, PyAny>,
    /// The path within the definition that is saved: `DEBUG`, or `Inner.DEBUG`.
    pub(crate) path: String,
    pub(crate) name: Bound<'py, PyString>,
    pub(crate) value: Bound<'py, PyAny>,
}

impl<'py> SessionPickler<'py> {
    /// A pickler for the session in `module`, which takes memo slot 0. Its code has these `globals`. `imported` are the
    /// modules with dotted names that the script imports; `importer` imports dill at the first need; `sink` gets the
    /// opcodes; `unloadable` are refused; `early` are bound early; `singletons` are written as globals.
    #[allow(clippy::too_many_arguments, reason = "the parts of a session, each of another kind")]
    pub(crate) fn new(
        module: &Bound<'py, PyModule>,
        globals: &Bound<'py, PyDict>,
        imported: &[String],
        importer: DillImporter,
        sink: Box<dyn SegmentSink>,
        unloadable: &Arc<UnloadableObjects>,
        early: EarlyBindings,
        singletons: SingletonNames,
    ) -> PyResult<Self> {
        let context = new_context(module, globals, importer, sink)?.with_imports(imported.to_vec()).binding(early);
        let context = context.naming(singletons);
        Self::with_context(module, context.refusing(Arc::clone(unloadable)))
    }

    /// Sets the markers to write from now on.
    pub(crate) fn write_markers(&self, lost: LostItems) -> PyResult<()> {
        let replaced = std::mem::replace(&mut self.context.lock()?.lost, lost);
        // Freeing objects can run Python code, so the state is not locked here.
        drop(replaced);
        Ok(())
    }

    fn with_context(module: &Bound<'py, PyModule>, context: PickleContext) -> PyResult<Self> {
        context.lock()?.memo.put(module.as_any());
        Ok(Self { context: Arc::new(context), py: module.py() })
    }

    /// Announces the values that will be saved, so that arrays among them that share memory are recognized.
    pub(crate) fn expect<'v>(&self, values: impl IntoIterator<Item = &'v Bound<'py, PyAny>>)
    where
        'py: 'v,
    {
        self.context.memory.expect(values.into_iter().map(|value| value.clone().unbind()).collect());
    }

    /// The number of memo slots in use.
    pub(crate) fn memo_len(&self) -> PyResult<usize> {
        Ok(self.context.lock()?.memo.len())
    }

    /// Whether an object was saved before, so that a later value refers to it.
    pub(crate) fn has_saved(&self, object: &Bound<'py, PyAny>) -> PyResult<bool> {
        self.context.has_slot(object)
    }

    /// The module and the name by which an import finds a class or function.
    pub(crate) fn global_name(&self, object: &Bound<'py, PyAny>) -> PyResult<Option<(String, String)>> {
        self.context.global_name(object)
    }

    /// The module and the path of an object that an import makes, and that is written as a global.
    pub(crate) fn singleton_name(&self, object: &Bound<'py, PyAny>) -> Option<(String, String)> {
        self.context.singleton_name(object)
    }

    /// The functions that were saved by value, from this memo slot on.
    pub(crate) fn functions_from(&self, slot: usize) -> PyResult<Vec<Bound<'py, PyFunction>>> {
        let state = self.context.lock()?;
        let slots = slot..state.memo.len();
        let objects = slots.filter_map(|slot| state.memo.object(slot as u32));
        Ok(objects.filter_map(|object| object.bind(self.py).cast_exact::<PyFunction>().ok().cloned()).collect())
    }

    /// The source of code that was saved, by the name that a [`SavedValue`] has.
    pub(crate) fn source(&self, name: &str) -> PyResult<Option<String>> {
        Ok(self.context.lock()?.sources.text(name).map(str::to_owned))
    }

    /// Pickles one value: the opcodes that push it, and no others. `position` is the offset of the first one in the
    /// file; the opcodes may take `most` bytes.
    ///
    /// # Errors
    /// The pickler is in the same state as before. The caller must discard the bytes that the sink got.
    pub(crate) fn save(
        &self,
        value: &Bound<'py, PyAny>,
        position: u64,
        most: u64,
    ) -> Result<SavedValue, SaveFailure<'py>> {
        self.save_by(position, most, || engine::save(&self.context, value))
    }

    /// As [`save`](Self::save), for a class or function that an import finds: the opcodes also set attributes of it, or
    /// of definitions within it.
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    pub(crate) fn save_attributes(
        &self,
        definition: &Bound<'py, PyAny>,
        attributes: &[ChangedAttribute<'py>],
        position: u64,
        most: u64,
    ) -> Result<SavedValue, SaveFailure<'py>> {
        self.save_by(position, most, || {
            let mut actions = Vec::new();
            for ChangedAttribute { owner, name, value, .. } in attributes {
                if let Ok(class) = owner.cast::<PyType>() {
                    actions.extend(Action::set_attribute(class, name, value.clone())?);
                } else {
                    let names = PyDict::new(self.py);
                    names.set_item(name, value)?;
                    actions.extend([owner.clone(), names.into_any()].map(Action::Save));
                    actions.extend([Opcode::Build, Opcode::Pop].map(Action::Write));
                }
            }
            actions.push(Action::Save(definition.clone()));
            actions.reverse();
            engine::run(&self.context, self.py, WorkItem::Actions { object: Some(definition.clone()), actions })
        })
    }

    fn save_by(
        &self,
        position: u64,
        most: u64,
        save: impl FnOnce() -> PyResult<()>,
    ) -> Result<SavedValue, SaveFailure<'py>> {
        let before = self.begin(position, most)?;
        save().and_then(|()| self.end(before)).map_err(|error| {
            let chain = self.take_chain();
            // A rollback only drops references and clears a dict. An error in it matters less than the one at hand.
            let stopped = self.roll_back(before).tolerated().flatten();
            SaveFailure { error, chain, stopped }
        })
    }

    /// Returns the length of the memo before the segment.
    fn begin(&self, position: u64, most: u64) -> PyResult<usize> {
        let mut state = self.context.lock()?;
        state.begin_segment(position, most);
        Ok(state.memo.len())
    }

    fn end(&self, before: usize) -> PyResult<SavedValue> {
        let mut state = self.context.lock()?;
        let buffers = state.out.end()?;
        let mut needs = std::mem::take(&mut state.needs);
        let checked = needs.checked.take();
        let mut takes: Vec<u64> = needs.takes.into_iter().map(u64::from).collect();
        // The index lists each earlier slot once.
        takes.sort_unstable();
        takes.dedup();
        let memo = (before as u64, state.memo.len() as u64);
        let facts = SegmentFacts { memo, takes, imports: needs.imports, has_code: needs.has_code };
        let SegmentNeeds { modules, sources, notes, .. } = needs;
        Ok(SavedValue { facts, buffers, modules, sources, notes, checked })
    }

    fn take_chain(&self) -> Vec<Bound<'py, PyAny>> {
        let Ok(mut state) = self.context.lock() else { return Vec::new() };
        let objects = std::mem::take(&mut state.failed);
        let mut chain: Vec<_> = objects.into_iter().rev().map(|object| object.into_bound(self.py)).collect();
        // A reference to the `__dict__` of an instance would make it look shared when the instance is saved again.
        let is_own_dict = |index: usize, chain: &[Bound<'py, PyAny>]| {
            let owner = index.checked_sub(1).and_then(|index| chain.get(index))?;
            let dict = chain.get(index).filter(|dict| dict.is_exact_instance_of::<PyDict>())?;
            Some(class_attributes::instance_dict(owner).tolerated()??.is(dict))
        };
        for index in (0..chain.len()).rev() {
            if is_own_dict(index, &chain) == Some(true) {
                chain.remove(index);
            }
        }
        chain
    }

    /// Forgets the memo slots from `length` on. Returns the reason if writing had stopped.
    pub(crate) fn roll_back(&self, length: usize) -> PyResult<Option<StopReason>> {
        let (stopped, gone) = {
            let mut state = self.context.lock()?;
            state.namespaces.roll_back();
            (state.out.abandon(), (state.memo.cut(length), state.cells.cut(0)))
        };
        // Freeing objects can run Python code, so the state is not locked here.
        drop(gone);
        dill_adapter::clear_postponed(&self.context, self.py)?;
        Ok(stopped)
    }
}

impl Drop for SessionPickler<'_> {
    fn drop(&mut self) {
        dill_adapter::disconnect(&self.context, self.py);
    }
}

fn new_context(
    module: &Bound<'_, PyModule>,
    globals: &Bound<'_, PyDict>,
    importer: DillImporter,
    sink: Box<dyn SegmentSink>,
) -> PyResult<PickleContext> {
    PickleContext::new(module, importer, save_trial::CALLS, OpcodeOutput::segments(sink), None)?.with_globals(globals)
}

/// An object at fault in a value, and the one to write a marker for.
pub(crate) struct Fault<'py> {
    pub(crate) failure: SaveFailure<'py>,
    /// The innermost object around the one at fault that a marker can replace; None if that would be the value itself.
    pub(crate) replaced: Option<Bound<'py, PyAny>>,
}

/// The object in which [`all_faults`] searches.
pub(crate) struct FaultRequest<'a, 'py> {
    /// The globals of the session's code.
    pub(crate) globals: &'a Bound<'py, PyDict>,
    pub(crate) unloadable: &'a Arc<UnloadableObjects>,
    /// Whether markers may replace objects.
    pub(crate) replaces: bool,
    /// Whether the value is nested too deeply, perhaps endlessly.
    pub(crate) is_too_deep: bool,
    /// The markers that are written already.
    pub(crate) lost: LostItems,
}

/// Finds everything at fault in a value of the session in `module`.
pub(crate) fn all_faults<'py>(
    module: &Bound<'py, PyModule>,
    importer: DillImporter,
    value: &Bound<'py, PyAny>,
    request: FaultRequest<'_, 'py>,
) -> PyResult<Vec<Fault<'py>>> {
    let context = new_context(module, request.globals, importer, Box::new(NullSink))?;
    let context = context.with_fault_search(request.replaces).refusing(Arc::clone(request.unloadable));
    let context = if request.is_too_deep { context.with_low_limit() } else { context };
    let pickler = SessionPickler::with_context(module, context)?;
    pickler.write_markers(request.lost)?;
    // The save may still fail with an error that ends the search: the faults that were found before count.
    pickler.save(value, 0, u64::MAX).map_err(|failure| failure.error).tolerated();
    let found = pickler.context.fault_search()?.map(|mut search| search.take_found()).unwrap_or_default();
    let py = module.py();
    let fault = |FoundFault { error, chain, replaced }: FoundFault| {
        let chain = chain.into_iter().map(|object| object.into_bound(py)).collect();
        let failure = SaveFailure { error, chain, stopped: None };
        Fault { failure, replaced: replaced.map(|object| object.into_bound(py)) }
    };
    Ok(found.into_iter().map(fault).collect())
}

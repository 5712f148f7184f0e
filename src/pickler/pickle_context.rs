//! Everything that belongs to one pickler: its locked state, dill, `__main__`, and the options of a single pickle.
//!
//! The engine, the adapter for dill and the entry points lock the state. Handlers only use the queries and `note` at
//! the end of this file, so they never hold the lock while Python code runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::dill_library::{DillImporter, DillLibrary};
use super::early_bindings::EarlyBindings;
use super::engine::DEEPEST_NESTING;
use super::fault_search::FaultSearch;
use super::global_names::{global_name, importable_module_dicts, why_unimportable};
use super::memory::SharedMemory;
use super::output::OpcodeOutput;
use super::pickler_state::PicklerState;
use super::strategy::{HEAP_TYPE, Strategy};
use super::submodules::SessionImports;
use super::unloadable::UnloadableObjects;
use crate::python::deferred_signals::Tolerated as _;

/// Creates the object that dill's functions get as their pickler. A function of the adapter for dill, which is above
/// the engine: this file must not import it.
pub(super) type DillConnector = for<'py> fn(&Arc<PickleContext>, Python<'py>) -> PyResult<Bound<'py, PyAny>>;

/// See [`PickleContext::with_low_limit`].
const LOW_LIMIT: usize = 20_000;

/// Whether an object can be saved, tried with a separate pickler. Like [`DillConnector`], a function from a higher
/// layer.
pub(super) type SaveTrial = for<'py> fn(&Arc<PickleContext>, &Bound<'py, PyAny>) -> PyResult<bool>;

/// The functions of files in higher layers that the context calls.
#[derive(Clone, Copy)]
pub(super) struct UpperCalls {
    pub(super) connect_dill: DillConnector,
    pub(super) try_save: SaveTrial,
}

/// The module and the path by which an import finds an object that its code tells by identity, such as a sentinel.
pub(crate) type SingletonNames = Box<dyn Fn(&Bound<'_, PyAny>) -> Option<(String, String)> + Send + Sync>;

/// The strategies of the types seen so far, by address. The references to the types keep the addresses from being used
/// again.
type StrategyTable = FxHashMap<usize, (Py<PyType>, Arc<Strategy>)>;

pub(super) struct PickleContext {
    state: Mutex<PicklerState>,
    strategies: Mutex<StrategyTable>,
    /// Collects all faults of a value instead of stopping at the first one.
    fault_search: Option<Mutex<FaultSearch>>,
    /// The most work items of one work list.
    pub(super) deepest_nesting: usize,
    /// Objects that can be pickled but not loaded.
    pub(super) unloadable: Arc<UnloadableObjects>,
    /// Names that are bound before their variables are complete.
    pub(super) early_bindings: EarlyBindings,
    /// Finds objects that an import makes. None in a trial, and in a single pickle.
    singletons: Option<SingletonNames>,
    /// Which arrays share their memory.
    pub(super) memory: SharedMemory,
    pub(super) dill: DillLibrary,
    dill_pickler: Mutex<Option<Py<PyAny>>>,
    calls: UpperCalls,
    /// Whether this only finds out if an object can be saved.
    is_trial: bool,
    /// The addresses of exceptions that a trial has saved, so that each part of a chain is tried once.
    known_to_save: Mutex<FxHashSet<usize>>,
    /// The module that this pickler treats as `__main__`.
    pub(super) main: Py<PyAny>,
    /// The namespace that is being saved: the one of `main`, or another in its place.
    pub(super) globals: Py<PyDict>,
    pub(super) imports: SessionImports,
    /// dill's options for a single pickle; None in a session.
    options: Option<Py<PyDict>>,
    /// The `buffer_callback` of `pickle.dumps`: takes buffers that stay outside of the pickle.
    pub(super) buffer_callback: Option<Py<PyAny>>,
}

/// The settings that only a single pickle has, not a session.
pub(super) struct SinglePickle {
    pub(super) options: Py<PyDict>,
    pub(super) buffer_callback: Option<Py<PyAny>>,
}

impl PickleContext {
    /// The context of a session in `main`, or of a `single` pickle.
    pub(super) fn new(
        main: &Bound<'_, PyModule>,
        importer: DillImporter,
        calls: UpperCalls,
        out: OpcodeOutput,
        single: Option<SinglePickle>,
    ) -> PyResult<Self> {
        let (options, buffer_callback) = match single {
            Some(SinglePickle { options, buffer_callback }) => (Some(options), buffer_callback),
            None => (None, None),
        };
        let state = PicklerState::new(out, main.dict().as_ptr() as usize);
        Ok(Self {
            state: Mutex::new(state),
            strategies: Mutex::default(),
            fault_search: None,
            deepest_nesting: DEEPEST_NESTING,
            unloadable: Arc::default(),
            early_bindings: EarlyBindings::default(),
            singletons: None,
            memory: SharedMemory::default(),
            dill: DillLibrary::new(importer),
            dill_pickler: Mutex::new(None),
            calls,
            is_trial: false,
            known_to_save: Mutex::default(),
            main: main.clone().into_any().unbind(),
            globals: main.dict().unbind(),
            imports: SessionImports::default(),
            options,
            buffer_callback,
        })
    }

    /// The same context, but it continues after a fault. `replaces` is whether markers may replace objects.
    pub(super) fn with_fault_search(self, replaces: bool) -> Self {
        Self { fault_search: Some(Mutex::new(FaultSearch::new(replaces))), ..self }
    }

    /// The same context, with a lower limit for the depth of an object that never ends.
    pub(super) fn with_low_limit(self) -> Self {
        Self { deepest_nesting: LOW_LIMIT, ..self }
    }

    /// The same context, which refuses these objects.
    pub(super) fn refusing(self, unloadable: Arc<UnloadableObjects>) -> Self {
        Self { unloadable, ..self }
    }

    /// The same context, which binds these names early.
    pub(super) fn binding(self, early_bindings: EarlyBindings) -> Self {
        Self { early_bindings, ..self }
    }

    /// The same context, which writes these objects as globals.
    pub(super) fn naming(self, singletons: SingletonNames) -> Self {
        Self { singletons: Some(singletons), ..self }
    }

    /// The same context for a script that imports the modules with these dotted names.
    pub(super) fn with_imports(mut self, imported: Vec<String>) -> Self {
        self.imports.imported = imported;
        self
    }

    /// The same context, for a session whose code has these globals instead of the namespace of `main`.
    pub(super) fn with_globals(mut self, globals: &Bound<'_, PyDict>) -> PyResult<Self> {
        self.lock()?.main_dict = globals.as_ptr() as usize;
        self.globals = globals.clone().unbind();
        Ok(self)
    }

    /// Whether a dict is the namespace of the session, but not the one of `main`.
    pub(super) fn is_own_namespace(&self, dict: &Bound<'_, PyDict>) -> bool {
        let main = self.main.bind(dict.py()).cast::<PyModule>();
        self.globals.is(dict) && main.is_ok_and(|main| !main.dict().is(dict))
    }

    /// A context that only finds out whether something can be saved in the session of another one.
    pub(super) fn for_trial(of: &Arc<Self>, main: &Bound<'_, PyModule>, out: OpcodeOutput) -> PyResult<Self> {
        let outer = Arc::clone(of);
        let importer: DillImporter = Box::new(move |py| Ok(outer.dill.import(py)?.unbind()));
        let context = Self::new(main, importer, of.calls, out, None)?.with_globals(of.globals.bind(main.py()))?;
        Ok(Self { is_trial: true, ..context })
    }

    /// Whether an object can be saved. In a trial this is taken for granted: the trial will show it.
    pub(super) fn can_be_saved(self: &Arc<Self>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.is_trial || try_lock(&self.known_to_save)?.contains(&(object.as_ptr() as usize)) {
            return Ok(true);
        }
        (self.calls.try_save)(self, object)
    }

    /// Notes that an exception can be saved. The session keeps it alive.
    pub(super) fn note_saveable(&self, exception: usize) -> PyResult<()> {
        try_lock(&self.known_to_save)?.insert(exception);
        Ok(())
    }

    /// Locks the state.
    ///
    /// # Errors
    /// A RuntimeError if it is locked: a finalizer or another thread uses the pickler while it writes.
    pub(super) fn lock(&self) -> PyResult<MutexGuard<'_, PicklerState>> {
        try_lock(&self.state)
    }

    /// The search for all faults, if there is one.
    pub(super) fn fault_search(&self) -> PyResult<Option<MutexGuard<'_, FaultSearch>>> {
        self.fault_search.as_ref().map(try_lock).transpose()
    }

    pub(super) fn known_strategy(&self, kind: &Bound<'_, PyType>) -> PyResult<Option<Arc<Strategy>>> {
        let strategies = try_lock(&self.strategies)?;
        Ok(strategies.get(&(kind.as_ptr() as usize)).map(|(_, strategy)| Arc::clone(strategy)))
    }

    pub(super) fn remember_strategy(&self, kind: &Bound<'_, PyType>, strategy: &Arc<Strategy>) -> PyResult<()> {
        let entry = (kind.clone().unbind(), Arc::clone(strategy));
        let replaced = try_lock(&self.strategies)?.insert(kind.as_ptr() as usize, entry);
        // Freeing an object can run code, so this happens after the lock has been released.
        drop(replaced);
        Ok(())
    }

    /// dill's options, as keyword arguments.
    pub(super) fn options<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyDict>> {
        self.options.as_ref().map(|options| options.bind(py))
    }

    /// The object that dill's functions get as their pickler. It is created at the first call, which imports dill.
    pub(super) fn dill_pickler<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(pickler) = self.existing_dill_pickler(py) {
            return Ok(pickler);
        }
        // The lock is not held here: importing dill runs Python code.
        let pickler = (self.calls.connect_dill)(self, py)?;
        *self.dill_pickler.lock().unwrap_or_else(PoisonError::into_inner) = Some(pickler.clone().unbind());
        Ok(pickler)
    }

    /// As [`dill_pickler`](Self::dill_pickler), but None before the first call of that.
    pub(super) fn existing_dill_pickler<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let pickler = self.dill_pickler.lock().unwrap_or_else(PoisonError::into_inner);
        pickler.as_ref().map(|pickler| pickler.bind(py).clone())
    }

    /// Forgets dill's pickler and returns it.
    pub(super) fn take_dill_pickler(&self) -> Option<Py<PyAny>> {
        self.dill_pickler.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether this pickles a session, which another process will load.
    pub(super) fn is_session(&self) -> bool {
        self.options.is_none()
    }

    /// The module and the qualified name by which an import finds a class or function. None if it belongs to the
    /// script.
    pub(super) fn global_name(&self, object: &Bound<'_, PyAny>) -> PyResult<Option<(String, String)>> {
        global_name(object, self.main.bind(object.py()))
    }

    /// The module and the path of an object that an import makes, and that code tells by identity.
    pub(super) fn singleton_name(&self, object: &Bound<'_, PyAny>) -> Option<(String, String)> {
        self.singletons.as_ref().and_then(|name_of| name_of(object))
    }

    /// Whether no import finds a class or function.
    pub(super) fn is_local(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.global_name(object)?.is_none())
    }

    /// Whether a session must create a class anew: it was created at run time, and no import finds it.
    pub(super) fn is_script_class(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let heap = class.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0;
        // A class statement that `exec` runs without a `__name__` has the module `builtins`. For a type of the
        // interpreter, this does not matter.
        let unnamed = || class.module().tolerated().is_some_and(|module| module == "builtins");
        let says_module = || class.getattr("__dict__").and_then(|names| names.contains("__module__"));
        Ok(self.is_session() && heap && (!unnamed() || says_module()?) && self.is_local(class)?)
    }

    /// In a session, fails for a module that another process would not find. The error calls the object `shown`.
    pub(super) fn check_importable(&self, py: Python<'_>, module: &str, shown: &str) -> PyResult<()> {
        match why_unimportable(py, module, self.main.bind(py)).filter(|_| self.is_session()) {
            Some(why) => Err(pickling_error(py, &format!("cannot pickle {shown}: {why}"))),
            None => Ok(()),
        }
    }

    /// Whether another process may find a module.
    pub(super) fn can_import(&self, py: Python<'_>, module: &str) -> bool {
        why_unimportable(py, module, self.main.bind(py)).is_none()
    }

    /// Finds the namespaces of modules, unless that was done before. Returns whether it was done now.
    pub(super) fn find_module_dicts(&self, py: Python<'_>) -> PyResult<bool> {
        if self.lock()?.module_dicts.is_some() {
            return Ok(false);
        }
        // Not while the state is locked: a module may be an object of any class.
        let found = importable_module_dicts(self.main.bind(py))?;
        self.lock()?.module_dicts = Some(found.into_iter().collect());
        Ok(true)
    }

    /// Whether a dict is the namespace of the session or of a module.
    pub(super) fn is_module_dict(&self, dict: &Bound<'_, PyDict>) -> PyResult<bool> {
        let address = dict.as_ptr() as usize;
        if self.lock()?.main_dict == address {
            return Ok(true);
        }
        self.find_module_dicts(dict.py())?;
        Ok(self.lock()?.is_module_dict(address))
    }

    /// The addresses of the namespaces of modules, among them the one that is being saved.
    pub(super) fn module_dict_addresses(&self, py: Python<'_>) -> PyResult<FxHashSet<usize>> {
        self.find_module_dicts(py)?;
        let state = self.lock()?;
        let found = state.module_dicts.iter().flat_map(|dicts| dicts.keys().copied());
        Ok(found.chain([state.main_dict]).collect())
    }

    /// Whether an object has a memo slot.
    pub(super) fn has_slot(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.lock()?.memo.get(object.as_ptr() as usize).is_some())
    }

    /// Records, for the user, a difference to expect after a load. Each one is recorded once in a variable.
    pub(super) fn note(&self, note: String) -> PyResult<()> {
        let notes = &mut self.lock()?.needs.notes;
        if !notes.contains(&note) {
            notes.push(note);
        }
        Ok(())
    }
}

fn try_lock<T>(mutex: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    mutex.try_lock().map_err(|_| PyRuntimeError::new_err("the pickler is already in use"))
}

/// A `pickle.PicklingError`.
pub(super) fn pickling_error(py: Python<'_>, message: &str) -> PyErr {
    let error = py.import("pickle").and_then(|pickle| pickle.getattr("PicklingError")?.call1((message,)));
    error.map_or_else(|error| error, PyErr::from_value)
}

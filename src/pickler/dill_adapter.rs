//! The pickler as dill's functions see it: a `dill.Pickler` whose `save`, `write`, `memoize`, `memo` and `save_reduce`
//! are ours.
//!
//! dill calls these methods from its functions for a type, which the engine calls. So this file lies above the engine,
//! and [`connect`] reaches it as a function pointer in the context.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyString};

use super::engine;
use super::functions;
use super::pickle_context::PickleContext;
use super::reduce::Reduction;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The attributes of `dill.Pickler` that are replaced, and the methods of [`DillAdapter`] that replace them.
const METHODS: [(&str, &str); 5] = [
    ("save", "save"),
    ("write", "write"),
    ("memoize", "memoize"),
    ("save_reduce", "save_reduce"),
    ("_write_large_bytes", "write_large_bytes"),
];

#[pyclass(frozen)]
pub(super) struct DillAdapter {
    context: Arc<PickleContext>,
    /// The last two strings that dill saved, the older one first: a STACK_GLOBAL after them names a global.
    last_strings: Mutex<[String; 2]>,
}

/// Creates the pickler that dill's functions get.
pub(super) fn connect<'py>(context: &Arc<PickleContext>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    // `dill.Pickler` requires a file, but nothing is written to it: `write` is replaced below.
    let file = py.import("io")?.getattr("BytesIO")?.call0()?;
    let pickler = context.dill.import(py)?.getattr("Pickler")?.call((file, 5), context.options(py))?;
    let main = context.main.bind(py);
    pickler.setattr("_main", main)?;
    if context.is_session() {
        // As `dill.dump_module` sets them. There is no first pass: the module itself has been written already.
        pickler.setattr("_original_main", main)?;
        pickler.setattr("_main_modified", false)?;
        pickler.setattr("_byref", false)?;
        pickler.setattr("_recurse", false)?;
        pickler.setattr("_session", true)?;
        pickler.setattr("_first_pass", false)?;
    }
    let adapter = Bound::new(py, DillAdapter { context: Arc::clone(context), last_strings: Mutex::default() })?;
    for (attribute, method) in METHODS {
        pickler.setattr(attribute, adapter.getattr(method)?)?;
    }
    pickler.setattr("memo", Bound::new(py, MemoView { context: Arc::clone(context) })?)?;
    Ok(pickler)
}

/// Breaks the reference cycle of dill's pickler, the adapter and the context.
pub(super) fn disconnect(context: &PickleContext, py: Python<'_>) {
    if let Some(pickler) = context.take_dill_pickler() {
        for attribute in METHODS.map(|(attribute, _)| attribute).into_iter().chain(["memo"]) {
            // `connect` has set the attribute, so there is nothing that could fail.
            pickler.bind(py).delattr(attribute).tolerated();
        }
    }
}

/// Clears the reductions that dill postponed during a save that failed.
pub(super) fn clear_postponed(context: &PickleContext, py: Python<'_>) -> PyResult<()> {
    match context.existing_dill_pickler(py) {
        Some(pickler) => pickler.getattr("_postproc")?.call_method0("clear").map(drop),
        None => Ok(()),
    }
}

#[pymethods]
impl DillAdapter {
    #[pyo3(name = "save", signature = (obj, save_persistent_id = true))]
    fn py_save(&self, obj: &Bound<'_, PyAny>, save_persistent_id: bool) -> PyResult<()> {
        // Only a subclass of pickle's pickler can define persistent ids. There is none here.
        let _ = save_persistent_id;
        if let Ok(string) = obj.cast::<PyString>() {
            let string = string.to_string_lossy().into_owned();
            let mut strings = self.last_strings.lock().unwrap_or_else(PoisonError::into_inner);
            let [_, last] = std::mem::take(&mut *strings);
            *strings = [last, string];
        }
        engine::save(&self.context, obj)
    }

    /// Takes opcodes that dill or pickle.py writes itself, and records the globals among them.
    #[pyo3(name = "write")]
    fn py_write(&self, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        let bytes = data.as_bytes();
        if bytes == [Opcode::StackGlobal as u8] {
            let [module, name] = std::mem::take(&mut *self.last_strings.lock().unwrap_or_else(PoisonError::into_inner));
            self.context.check_importable(data.py(), &module, &format!("{module}.{name}"))?;
            let mut state = self.context.lock()?;
            state.needs.import(&module, &name);
            state.out.op(Opcode::StackGlobal);
            return Ok(());
        }
        let mut state = self.context.lock()?;
        state.out.slice(bytes);
        // A GLOBAL with its two lines arrives in one piece.
        if let Some(lines) = bytes.strip_prefix(&[Opcode::Global as u8]) {
            let lines = String::from_utf8_lossy(lines);
            let mut lines = lines.split('\n');
            if let (Some(module), Some(name)) = (lines.next(), lines.next()) {
                state.needs.import(module, name);
            }
        }
        Ok(())
    }

    /// Takes contents that must lie outside of frames, from the functions of pickle.py.
    fn write_large_bytes(&self, header: &Bound<'_, PyBytes>, payload: &Bound<'_, PyAny>) -> PyResult<()> {
        // The payload may be any object that supports the buffer protocol.
        let payload = payload.py().import("builtins")?.getattr("bytes")?.call1((payload,))?;
        let payload = payload.cast::<PyBytes>().map_err(PyErr::from)?;
        self.context.lock()?.out.contents(header.as_bytes(), payload.as_bytes());
        Ok(())
    }

    #[pyo3(name = "memoize")]
    fn py_memoize(&self, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        self.context.lock()?.memoize(obj);
        Ok(())
    }

    #[pyo3(
        name = "save_reduce",
        signature = (func, args, state = None, listitems = None, dictitems = None, state_setter = None, *, obj = None)
    )]
    #[allow(clippy::too_many_arguments, reason = "the signature is that of pickle._Pickler.save_reduce")]
    fn py_save_reduce<'py>(
        &self,
        func: Bound<'py, PyAny>,
        args: Bound<'py, PyAny>,
        state: Option<Bound<'py, PyAny>>,
        listitems: Option<Bound<'py, PyAny>>,
        dictitems: Option<Bound<'py, PyAny>>,
        state_setter: Option<Bound<'py, PyAny>>,
        obj: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let py = func.py();
        let state = match &obj {
            Some(obj) => functions::with_annotate(&self.context, obj, state)?,
            None => state,
        };
        let reduction = Reduction {
            function: func,
            arguments: args,
            state,
            list_items: listitems,
            dict_items: dictitems,
            state_setter,
        };
        engine::run(&self.context, py, reduction.into_work_item(obj.as_ref())?)
    }
}

/// The memo as pickle.py has it: a mapping of ids to slots and objects.
#[pyclass(frozen)]
struct MemoView {
    context: Arc<PickleContext>,
}

#[pymethods]
impl MemoView {
    fn __len__(&self) -> PyResult<usize> {
        Ok(self.context.lock()?.memo.len())
    }

    fn __contains__(&self, id: usize) -> PyResult<bool> {
        Ok(self.context.lock()?.memo.get(id).is_some())
    }

    fn get(&self, py: Python<'_>, id: usize) -> PyResult<Option<(u32, Py<PyAny>)>> {
        let state = self.context.lock()?;
        let slot = state.memo.get(id);
        Ok(slot.and_then(|slot| Some((slot, state.memo.object(slot)?.clone_ref(py)))))
    }

    fn __getitem__(&self, py: Python<'_>, id: usize) -> PyResult<(u32, Py<PyAny>)> {
        self.get(py, id)?.ok_or_else(|| PyKeyError::new_err(id))
    }
}

//! The pickler as dill's functions see it: an object whose class is `dill.Pickler`, and whose `save`, `write`,
//! `memoize`, `memo` and `save_reduce` are ours.

use std::sync::{Mutex, MutexGuard};

use pyo3::exceptions::{PyKeyError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyFunction, PyModule, PyString, PyTuple};

use super::core::{Core, Facts};
use super::dill::{Dill, Importer};
use super::memo::Memo;
use super::output::Output;
use super::reduce::{Reduction, pickling_error};
use super::types::{module_dicts, unreachable};
use super::walk;

/// See the module.
#[pyclass(frozen)]
pub(super) struct Native {
    core: Mutex<Core>,
    pub(super) dill: Dill,
    /// The module that is `__main__` to this pickler.
    pub(super) main: Py<PyAny>,
    /// The options of a single pickle, as dill's functions take them; None in a session.
    options: Option<Py<PyDict>>,
    /// Takes buffers that are to stay outside of the pickle.
    pub(super) buffer_callback: Option<Py<PyAny>>,
    pickler: Mutex<Option<Py<PyAny>>>,
}

impl Native {
    /// A pickler for a session in `main`, or for one pickle with dill's `options`.
    pub(super) fn new(
        main: &Bound<'_, PyModule>,
        import: Importer,
        out: Output,
        options: Option<Py<PyDict>>,
        buffer_callback: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let core = Core {
            out,
            memo: Memo::new(),
            types: Default::default(),
            module_dicts: module_dicts(main.py())?.into_iter().collect(),
            main_dict: main.dict().as_ptr() as usize,
            building: Default::default(),
            second_list: 0,
            facts: Facts::default(),
            fault: Vec::new(),
            search: None,
        };
        Ok(Self {
            core: Mutex::new(core),
            dill: Dill { import },
            main: main.clone().into_any().unbind(),
            options,
            buffer_callback,
            pickler: Mutex::new(None),
        })
    }

    /// The state. Fails where it is in use: then a finalizer, or another thread, has got hold of a pickler at work.
    pub(super) fn lock(&self) -> PyResult<MutexGuard<'_, Core>> {
        self.core.try_lock().map_err(|_| PyRuntimeError::new_err("the pickler is at work"))
    }

    /// Whether this pickles a session, to be loaded in another process.
    pub(super) fn is_session(&self) -> bool {
        self.options.is_none()
    }

    /// The object that dill's functions get as their pickler.
    pub(super) fn hand_over<'py>(&self, native: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = native.py();
        let slot = || self.pickler.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(pickler) = &*slot() {
            return Ok(pickler.bind(py).clone());
        }
        let dill = (self.dill.import)(py)?;
        let file = py.import("io")?.getattr("BytesIO")?.call0()?;
        let options = self.options.as_ref().map(|options| options.bind(py));
        let pickler = dill.bind(py).getattr("Pickler")?.call((file, 5), options)?;
        let main = self.main.bind(py);
        pickler.setattr("_main", main)?;
        if self.options.is_none() {
            // As `dill.dump_module` does, once the module itself has been written (hence no first pass).
            pickler.setattr("_original_main", main)?;
            pickler.setattr("_main_modified", false)?;
            pickler.setattr("_byref", false)?;
            pickler.setattr("_recurse", false)?;
            pickler.setattr("_session", true)?;
            pickler.setattr("_first_pass", false)?;
        }
        for name in ["save", "write", "memoize", "save_reduce"] {
            pickler.setattr(name, native.getattr(name)?)?;
        }
        pickler.setattr("_write_large_bytes", native.getattr("write_large_bytes")?)?;
        pickler.setattr("memo", Bound::new(py, MemoView { native: native.clone().unbind() })?)?;
        *slot() = Some(pickler.clone().unbind());
        Ok(pickler)
    }

    /// Takes dill's pickler apart, which refers to this one and is referred to by it.
    pub(super) fn release(&self, py: Python<'_>) {
        let pickler = self.pickler.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(pickler) = pickler {
            // Attributes that were set above: there is nothing in taking them away that could fail.
            for name in ["save", "write", "memoize", "save_reduce", "memo", "_write_large_bytes"] {
                let _ = pickler.bind(py).delattr(name);
            }
        }
    }

    /// Refuses, in a session, a name that another process would not find.
    pub(super) fn check_name(&self, py: Python<'_>, module: &str, name: &str) -> PyResult<()> {
        match unreachable(py, module, self.main.bind(py)).filter(|_| self.options.is_none()) {
            Some(why) => Err(pickling_error(py, &format!("cannot keep {module}.{name}: {why}"))),
            None => Ok(()),
        }
    }

    /// Forgets dill's unfinished business of a save that failed.
    pub(super) fn forget_postponed(&self, py: Python<'_>) -> PyResult<()> {
        let pickler = self.pickler.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*pickler {
            Some(pickler) => pickler.bind(py).getattr("_postproc")?.call_method0("clear").map(drop),
            None => Ok(()),
        }
    }
}

#[pymethods]
impl Native {
    #[pyo3(name = "save", signature = (obj, save_persistent_id = true))]
    fn py_save<'py>(slf: &Bound<'py, Self>, obj: &Bound<'py, PyAny>, save_persistent_id: bool) -> PyResult<()> {
        let _ = save_persistent_id;
        if let Ok(text) = obj.cast::<PyString>() {
            let text = text.to_string_lossy().into_owned();
            let mut core = slf.get().lock()?;
            let [_, last] = std::mem::take(&mut core.facts.texts);
            core.facts.texts = [last, text];
        }
        walk::save(slf, obj)
    }

    #[pyo3(name = "write")]
    fn py_write(&self, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        let bytes = data.as_bytes();
        if bytes == [super::op::STACK_GLOBAL] {
            let [module, name] = self.lock()?.facts.texts.clone();
            self.check_name(data.py(), &module, &name)?;
        }
        let mut core = self.lock()?;
        core.out.slice(bytes);
        if bytes == [super::op::STACK_GLOBAL] {
            let [module, name] = std::mem::take(&mut core.facts.texts);
            core.facts.import(&module, &name);
        } else if let Some(lines) = bytes.strip_prefix(b"c") {
            let text = String::from_utf8_lossy(lines).into_owned();
            let mut lines = text.split('\n');
            if let (Some(module), Some(name)) = (lines.next(), lines.next()) {
                core.facts.import(module, name);
            }
        }
        Ok(())
    }

    /// What pickle.py's own functions call for contents that are to lie outside of frames.
    fn write_large_bytes(&self, header: &Bound<'_, PyBytes>, payload: &Bound<'_, PyAny>) -> PyResult<()> {
        let payload = payload.py().import("builtins")?.getattr("bytes")?.call1((payload,))?;
        let mut core = self.lock()?;
        core.out.contents(header.as_bytes(), payload.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        Ok(())
    }

    #[pyo3(name = "memoize")]
    fn py_memoize(&self, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        self.lock()?.memoize(obj);
        Ok(())
    }

    #[pyo3(name = "save_reduce", signature = (func, args, state = None, listitems = None, dictitems = None, state_setter = None, *, obj = None))]
    #[allow(clippy::too_many_arguments, reason = "the signature is that of pickle._Pickler.save_reduce")]
    fn py_save_reduce<'py>(
        slf: &Bound<'py, Self>,
        func: Bound<'py, PyAny>,
        args: Bound<'py, PyAny>,
        state: Option<Bound<'py, PyAny>>,
        listitems: Option<Bound<'py, PyAny>>,
        dictitems: Option<Bound<'py, PyAny>>,
        state_setter: Option<Bound<'py, PyAny>>,
        obj: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let state = match &obj {
            Some(function) if slf.get().is_session() && function.is_exact_instance_of::<PyFunction>() => {
                with_qualified_name(function, state)?
            }
            _ => state,
        };
        let reduction = Reduction {
            function: func,
            arguments: args,
            state,
            list_items: listitems,
            dict_items: dictitems,
            state_setter,
        };
        walk::walk(slf, vec![reduction.frame(obj.as_ref())?])
    }
}

/// The state of a function, as dill tells it, with its qualified name where that would not come back by itself.
///
/// A function that is made has the one of its code (in 3.10 its code's plain name), which is another one where a decorator made the
/// function with `functools.wraps`. dill tells only one that is not the plain name.
fn with_qualified_name<'py>(
    function: &Bound<'py, PyAny>,
    state: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = function.py();
    let name = function.getattr("__qualname__")?;
    let code = function.getattr("__code__")?;
    let of_code = match code.getattr_opt("co_qualname")? {
        Some(name) => name,
        None => code.getattr("co_name")?,
    };
    if name.eq(of_code)? {
        return Ok(state);
    }
    let (attributes, others) = match state.as_ref().and_then(|state| state.cast_exact::<PyTuple>().ok()) {
        Some(both) => (both.get_item(0)?, both.get_item(1)?.cast_into::<PyDict>().map_err(PyErr::from)?),
        None => (state.unwrap_or_else(|| py.None().into_bound(py)), PyDict::new(py)),
    };
    others.set_item("__qualname__", name)?;
    Ok(Some(PyTuple::new(py, [attributes, others.into_any()])?.into_any()))
}

/// The memo as pickle.py has it: ids to slots and objects.
#[pyclass(frozen)]
struct MemoView {
    native: Py<Native>,
}

#[pymethods]
impl MemoView {
    fn __len__(&self) -> PyResult<usize> {
        Ok(self.native.get().lock()?.memo.len())
    }

    fn __contains__(&self, id: usize) -> PyResult<bool> {
        Ok(self.native.get().lock()?.memo.get(id).is_some())
    }

    fn get(&self, py: Python<'_>, id: usize) -> PyResult<Option<(u32, Py<PyAny>)>> {
        let core = self.native.get().lock()?;
        let slot = core.memo.get(id);
        Ok(slot.and_then(|slot| Some((slot, core.memo.object(slot)?.clone_ref(py)))))
    }

    fn __getitem__(&self, py: Python<'_>, id: usize) -> PyResult<(u32, Py<PyAny>)> {
        self.get(py, id)?.ok_or_else(|| PyKeyError::new_err(id))
    }
}

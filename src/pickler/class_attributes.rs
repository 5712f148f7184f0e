//! Finds the contents of the namespace of a class, inherited attributes, and the contents of instances, without calling
//! anything of theirs: no metaclass, no descriptor and no `__getattr__` runs.
#![allow(unsafe_code)]

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyTuple, PyType};
use pyo3::{ffi, intern};

use super::strategy::HEAP_TYPE;
use crate::python::deferred_signals::Tolerated as _;

/// The class in the method resolution order that defines a name, with its position there and the value.
pub(super) struct FoundAttribute<'py> {
    pub(super) owner: Bound<'py, PyType>,
    pub(super) position: usize,
    pub(super) value: Bound<'py, PyAny>,
}

/// Looks a name up in the namespaces of a class and its bases.
pub(super) fn find<'py>(kind: &Bound<'py, PyType>, name: &str) -> PyResult<Option<FoundAttribute<'py>>> {
    for (position, owner) in kind.order().iter().enumerate() {
        let Ok(owner) = owner.cast_into::<PyType>() else { continue };
        let names = namespace(&owner)?;
        if names.contains(name)? {
            let value = names.get_item(name)?;
            return Ok(Some(FoundAttribute { owner, position, value }));
        }
    }
    Ok(None)
}

/// The value that [`find`] finds.
pub(super) fn attribute<'py>(kind: &Bound<'py, PyType>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(find(kind, name)?.map(|found| found.value))
}

/// The namespace of a class itself, even if its metaclass has another idea of `__dict__`.
pub(crate) fn namespace<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let descriptor = py.get_type::<PyType>().getattr(intern!(py, "__dict__"))?.get_item(intern!(py, "__dict__"))?;
    descriptor.call_method1(intern!(py, "__get__"), (class,))
}

/// The classes that a class consists of, regardless of what its metaclass says. The methods of PyO3 ask the metaclass,
/// and panic if that raises an exception.
pub(crate) trait ClassOrder<'py> {
    /// `__mro__`.
    fn order(&self) -> Bound<'py, PyTuple>;
    /// `__bases__`.
    fn direct_bases(&self) -> Bound<'py, PyTuple>;
}

impl<'py> ClassOrder<'py> for Bound<'py, PyType> {
    fn order(&self) -> Bound<'py, PyTuple> {
        static GETTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        by_getter(self, &GETTER, "__mro__")
    }

    fn direct_bases(&self) -> Bound<'py, PyTuple> {
        static GETTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        by_getter(self, &GETTER, "__bases__")
    }
}

/// The result of the descriptor of `type` for a name: a built-in one, which does not fail.
fn by_getter<'py>(class: &Bound<'py, PyType>, known: &PyOnceLock<Py<PyAny>>, name: &str) -> Bound<'py, PyTuple> {
    let py = class.py();
    let find = || -> PyResult<Py<PyAny>> {
        let names = py.get_type::<PyType>().getattr(intern!(py, "__dict__"))?;
        Ok(names.get_item(name)?.getattr(intern!(py, "__get__"))?.unbind())
    };
    let found = known.get_or_try_init(py, find).and_then(|getter| getter.bind(py).call1((class,)));
    let found = found.tolerated().and_then(|found| found.cast_into::<PyTuple>().ok());
    found.unwrap_or_else(|| PyTuple::empty(py))
}

/// Whether a class statement created a class, or the like. Others are written in C, and may have state of their own.
pub(crate) fn is_python_class(class: &Bound<'_, PyType>) -> PyResult<bool> {
    /// `Py_TPFLAGS_IMMUTABLETYPE`, which most types have that C code creates at run time.
    const IMMUTABLE: u64 = 1 << 8;
    let flags = class.getattr(intern!(class.py(), "__flags__"))?.extract::<u64>()?;
    if flags & HEAP_TYPE == 0 || flags & IMMUTABLE != 0 {
        return Ok(false);
    }
    let names = namespace(class)?;
    Ok(!names.contains("__new__")? || !names.get_item("__new__")?.is_exact_instance_of::<PyCFunction>())
}

/// Whether a class takes this name from a class that is written in Python.
pub(super) fn is_overridden(kind: &Bound<'_, PyType>, name: &str) -> PyResult<bool> {
    match find(kind, name)? {
        Some(found) => Ok(!found.value.is_none() && is_python_class(&found.owner)?),
        None => Ok(false),
    }
}

/// Whether a class, or a base of it that is written in Python, defines how its instances are pickled.
pub(super) fn defines_pickling(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    const NAMES: [&str; 4] = ["__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"];
    let table = kind.py().import("copyreg")?.getattr("dispatch_table")?;
    // A metaclass may make its classes unhashable.
    if table.contains(kind).tolerated().unwrap_or(false) {
        return Ok(true);
    }
    for name in NAMES {
        if is_overridden(kind, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first class in the method resolution order that is not written in Python.
pub(super) fn builtin_base<'py>(kind: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    for base in kind.order() {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        if !is_python_class(&base)? {
            return Ok(base);
        }
    }
    Ok(kind.py().get_type::<PyAny>())
}

/// The names of the slots that a class and its bases declare, as `copyreg._slotnames` returns them. That function asks
/// the metaclass.
pub(super) fn slot_names(kind: &Bound<'_, PyType>) -> PyResult<Vec<String>> {
    Ok(slots(kind)?.into_iter().map(|(name, _)| name).collect())
}

/// The slots that a class and its bases declare: names and descriptors, which are written in C.
pub(crate) fn slots<'py>(kind: &Bound<'py, PyType>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let py = kind.py();
    // Any slot of a class in C has the type of slots.
    let slot = namespace(&py.get_type::<PyType>())?.get_item(intern!(py, "__dictoffset__"))?.get_type();
    let mut found = Vec::new();
    for class in kind.order() {
        let Ok(class) = class.cast_into::<PyType>() else { continue };
        if !is_python_class(&class)? {
            continue;
        }
        for (name, value) in namespace(&class)?.call_method0(intern!(py, "copy"))?.cast_into::<PyDict>()? {
            if value.get_type().is(&slot) {
                found.push((name.extract()?, value));
            }
        }
    }
    Ok(found)
}

/// The `__dict__` of an object, which may be an instance of a subclass of `dict`; None if it has none.
pub(crate) fn instance_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = object.py();
    if object.get_type().getattr("__dictoffset__")?.extract::<isize>()? == 0 {
        return Ok(None);
    }
    // SAFETY: a live object whose type has a slot for a `__dict__`.
    let dict = unsafe { ffi::PyObject_GenericGetDict(object.as_ptr(), std::ptr::null_mut()) };
    // SAFETY: a new reference, or NULL with an exception set.
    let dict = unsafe { Bound::from_owned_ptr_or_err(py, dict) }?;
    Ok(dict.cast_into::<PyDict>().ok())
}

/// Whether more than one owner holds a reference to a `__dict__` that [`instance_dict`] has returned.
pub(super) fn has_other_owner(dict: &Bound<'_, PyDict>) -> bool {
    // The references of the object and of the caller do not count.
    // SAFETY: a live object.
    unsafe { ffi::Py_REFCNT(dict.as_ptr()) > 2 }
}

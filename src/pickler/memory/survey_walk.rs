//! Finds the arrays, tensors and storages that the values of a session lead to.
//!
//! The garbage collector knows which objects an object refers to, so no code of the script runs. Classes and modules
//! are not searched. An array that is not found is written as if it shared its memory with nothing.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyModule, PyString, PyTuple, PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::global_names::loaded_modules;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The most objects that are visited.
const MAX_VISITED: usize = 3_000_000;
/// The number of objects in one question to the garbage collector.
const BATCH: usize = 512;
/// A container of at most this many items is searched where it is found, and so are containers in it, up to a depth.
const FEW_ITEMS: isize = 64;
const MOST_LEVELS: u32 = 3;
/// `Py_TPFLAGS_HAVE_GC`: instances can refer to other objects.
const HAVE_GC: u64 = 1 << 14;

/// An object that has memory of its own, or uses the memory of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundMemory {
    /// An exact `numpy.ndarray`.
    Array,
    /// The array of a data frame, a series or an extension array of pandas.
    PandasArray,
    /// A `torch.Tensor` or an instance of a subclass.
    Tensor,
    /// A storage of torch.
    Storage,
}

/// Calls `action` with the items of an exact list, tuple or dict until it returns false. `None` for any other object,
/// and for a container with more than `most` items; otherwise whether all calls returned true.
///
/// `action` must not run Python code: nothing may change the container.
fn each_item(
    object: *mut ffi::PyObject,
    most: isize,
    action: &mut dyn FnMut(*mut ffi::PyObject) -> bool,
) -> Option<bool> {
    // SAFETY: a live object.
    if unsafe { ffi::PyList_CheckExact(object) } != 0 {
        // SAFETY: a list.
        let length = unsafe { ffi::PyList_Size(object) };
        // SAFETY: the index is within the list.
        return (length <= most)
            .then(|| (0..length).all(|index| action(unsafe { ffi::PyList_GetItem(object, index) })));
    }
    // SAFETY: a live object.
    if unsafe { ffi::PyTuple_CheckExact(object) } != 0 {
        // SAFETY: a tuple.
        let length = unsafe { ffi::PyTuple_Size(object) };
        // SAFETY: the index is within the tuple.
        return (length <= most)
            .then(|| (0..length).all(|index| action(unsafe { ffi::PyTuple_GetItem(object, index) })));
    }
    // SAFETY: a live object.
    if unsafe { ffi::PyDict_CheckExact(object) } == 0 {
        return None;
    }
    // SAFETY: a dict.
    if unsafe { ffi::PyDict_Size(object) } > most {
        return None;
    }
    let (mut position, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: a live dict.
    while unsafe { ffi::PyDict_Next(object, &mut position, &mut key, &mut value) } != 0 {
        if !action(key) || !action(value) {
            return Some(false);
        }
    }
    Some(true)
}

/// How the search treats the instances of a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It leads nowhere.
    Leaf,
    Container,
    Array,
    Tensor,
    Storage,
    /// Its arrays belong to pandas.
    PandasBlock,
}

/// Calls `found` with each object once.
pub(super) fn walk<'py>(
    py: Python<'py>,
    values: Vec<Bound<'py, PyAny>>,
    is_module_dict: &dyn Fn(usize) -> bool,
    found: &mut dyn FnMut(&Bound<'py, PyAny>, FoundMemory) -> PyResult<()>,
) -> PyResult<()> {
    let referents = py.import("gc")?.getattr("get_referents")?;
    let mut roles = Roles::new(py)?;
    let mut seen: FxHashSet<usize> = FxHashSet::default();
    let mut waiting: Vec<Bound<'py, PyAny>> = Vec::new();
    let mut next = values;
    loop {
        let mut pandas = Vec::new();
        for object in next.drain(..) {
            match roles.of(&object)? {
                Role::Leaf => continue,
                _ if !seen.insert(object.as_ptr() as usize) => continue,
                Role::Array => found(&object, FoundMemory::Array)?,
                Role::Tensor => found(&object, FoundMemory::Tensor)?,
                Role::Storage => found(&object, FoundMemory::Storage)?,
                Role::PandasBlock => pandas.push(object.clone()),
                Role::Container => {}
            }
            if roles.of(&object)? != Role::Array && !is_module_dict(object.as_ptr() as usize) {
                waiting.push(object);
            }
        }
        for block in pandas {
            for item in referents.call1((block,))?.cast_into::<PyList>()? {
                if roles.of(&item)? == Role::Array && seen.insert(item.as_ptr() as usize) {
                    found(&item, FoundMemory::PandasArray)?;
                }
            }
        }
        if waiting.is_empty() || seen.len() > MAX_VISITED {
            return Ok(());
        }
        let batch = waiting.split_off(waiting.len().saturating_sub(BATCH));
        let mut others = Vec::new();
        for object in batch {
            if !roles.add_items(&object, &mut next) {
                others.push(object);
            }
        }
        if !others.is_empty() {
            next.extend(referents.call1(PyTuple::new(py, others)?)?.cast_into::<PyList>()?.iter());
        }
    }
}

/// The roles of types.
struct Roles<'py> {
    known: FxHashMap<usize, (Bound<'py, PyType>, Role)>,
    array: Option<Bound<'py, PyAny>>,
    tensor: Option<Bound<'py, PyAny>>,
}

impl<'py> Roles<'py> {
    fn new(py: Python<'py>) -> PyResult<Self> {
        let class = |module: &str, name: &str| match loaded_modules(py)?.get_item(module).tolerated() {
            Some(module) => module.getattr_opt(name),
            None => Ok(None),
        };
        let leaves = [
            py.get_type::<PyInt>(),
            py.get_type::<PyFloat>(),
            py.get_type::<PyString>(),
            py.get_type::<PyBytes>(),
            py.get_type::<PyBool>(),
            py.None().bind(py).get_type(),
        ];
        let known = leaves.into_iter().map(|kind| (kind.as_ptr() as usize, (kind, Role::Leaf))).collect();
        Ok(Self { known, array: class("numpy", "ndarray")?, tensor: class("torch", "Tensor")? })
    }

    /// Adds the items of an exact list, tuple or dict that may lead somewhere. Returns false for any other object.
    ///
    /// No Python code runs here: the items of a large list of numbers, or of small tuples of such, are only counted.
    fn add_items(&self, object: &Bound<'py, PyAny>, found: &mut Vec<Bound<'py, PyAny>>) -> bool {
        let py = object.py();
        let mut add = |item: *mut ffi::PyObject| {
            if !self.leads_nowhere(item, 0) {
                // SAFETY: the container owns the item; this takes another reference.
                found.push(unsafe { Bound::from_borrowed_ptr(py, item) });
            }
            true
        };
        each_item(object.as_ptr(), isize::MAX, &mut add).is_some()
    }

    /// Whether an object is a leaf, or a small container of such.
    fn leads_nowhere(&self, object: *mut ffi::PyObject, depth: u32) -> bool {
        // SAFETY: a live object, which a container owns.
        let kind = unsafe { ffi::Py_TYPE(object) } as usize;
        match self.known.get(&kind).map(|(_, role)| *role) {
            Some(Role::Leaf) => true,
            _ if depth == MOST_LEVELS => false,
            _ => each_item(object, FEW_ITEMS, &mut |item| self.leads_nowhere(item, depth + 1)) == Some(true),
        }
    }

    fn of(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Role> {
        let kind = object.get_type();
        let address = kind.as_ptr() as usize;
        if let Some((_, role)) = self.known.get(&address) {
            return Ok(*role);
        }
        let role = self.of_type(&kind)?;
        self.known.insert(address, (kind, role));
        Ok(role)
    }

    fn of_type(&self, kind: &Bound<'py, PyType>) -> PyResult<Role> {
        let py = kind.py();
        if self.array.as_ref().is_some_and(|array| kind.is(array)) {
            return Ok(Role::Array);
        }
        if let Some(tensor) = &self.tensor
            && kind.is_subclass(tensor)?
        {
            return Ok(Role::Tensor);
        }
        if is_torch_storage(kind) {
            return Ok(Role::Storage);
        }
        // SAFETY: a live type.
        let flags = unsafe { ffi::PyType_GetFlags(kind.as_type_ptr()) };
        if flags & HAVE_GC == 0 && !self.has_dict(kind)? {
            return Ok(Role::Leaf);
        }
        if kind.is_subclass_of::<PyType>()? || kind.is_subclass_of::<PyModule>()? {
            return Ok(Role::Leaf);
        }
        if !kind.is(py.get_type::<PyDict>()) && is_pandas_block(kind) {
            return Ok(Role::PandasBlock);
        }
        Ok(Role::Container)
    }

    /// Whether this is a subclass of an array with attributes, such as the mask of a masked array.
    fn has_dict(&self, kind: &Bound<'py, PyType>) -> PyResult<bool> {
        self.array.as_ref().map_or(Ok(false), |array| kind.is_subclass(array))
    }
}

/// Whether this is one of the two classes of storages that pickles of torch hold.
pub(super) fn is_torch_storage(kind: &Bound<'_, PyType>) -> bool {
    kind.module().tolerated().is_some_and(|module| module == "torch.storage")
        && kind.name().tolerated().is_some_and(|name| name == "TypedStorage" || name == "UntypedStorage")
}

/// Whether pandas hides from its users which of these objects share an array.
fn is_pandas_block(kind: &Bound<'_, PyType>) -> bool {
    const CLASSES: [(&str, &str); 4] = [
        ("pandas._libs.internals", "Block"),
        ("pandas._libs.internals", "SharedBlock"),
        ("pandas._libs.internals", "NumpyBlock"),
        ("pandas._libs.arrays", "NDArrayBacked"),
    ];
    kind.order().iter().filter_map(|base| base.cast_into::<PyType>().ok()).any(|base| {
        let (Some(module), Some(name)) = (base.module().tolerated(), base.name().tolerated()) else { return false };
        CLASSES.iter().any(|(home, class)| module == *home && name == *class)
    })
}

//! Which objects are written again in each segment, although an earlier segment has them.
//!
//! A segment refers to an earlier one only for objects that can change, and so are really shared: a list, an instance,
//! a class of the script. Everything else is equal wherever it is made: strings, bytes, dtypes, time zones, compiled
//! patterns, code objects, imported classes and functions, tuples of these. If they were taken from an earlier segment,
//! a variable that cannot be loaded would take others with it for the sake of a constant.
//!
//! Nothing here runs for an object that is new, or that the current segment has already: saving costs nothing more.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFrozenSet, PyString, PyTuple, PyType};

use super::functions::FunctionPart;
use super::pickle_context::PickleContext;
use super::pickler_state::PicklerState;
use super::plan::ObjectPlan;
use super::reduce;
use super::strategy::{HEAP_TYPE, Strategy};
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The most bytes that are repeated for one object, roughly. A larger one is shared with the earlier segment.
const MOST_BYTES: isize = 1024;
/// The size that an item of a tuple, a number or a reference counts as, in bytes.
const ITEM: isize = 8;
/// Classes whose objects are values, although their hash or their state does not show it: module and name. Their
/// subclasses count.
const VALUE_CLASSES: [(&str, &str); 7] = [
    ("datetime", "tzinfo"),
    ("logging", "Logger"),
    // A function of dill that not every version has, written as an attribute of its module.
    ("dill._shims", "Reduce"),
    ("builtins", "slice"),
    ("numpy", "dtype"),
    ("pandas.core.dtypes.base", "ExtensionDtype"),
    ("pandas.api.extensions", "ExtensionDtype"),
];
/// Built-in types whose objects are attributes of a class or module, and the attribute that leads to it.
const ATTRIBUTE_TYPES: [(&str, &str); 8] = [
    ("method_descriptor", "__objclass__"),
    ("wrapper_descriptor", "__objclass__"),
    ("getset_descriptor", "__objclass__"),
    ("member_descriptor", "__objclass__"),
    ("classmethod_descriptor", "__objclass__"),
    ("builtin_function_or_method", "__self__"),
    ("builtin_method", "__self__"),
    ("method", "__self__"),
];

/// Whether objects of a type may be written again in each segment. Asked once per type.
///
/// The engine adds the types of objects that reduce to a name.
pub(super) fn may_repeat(context: &PickleContext, kind: &Bound<'_, PyType>, strategy: &Strategy) -> PyResult<bool> {
    if owner_attribute(kind).is_some() {
        return Ok(true);
    }
    match strategy {
        Strategy::Named | Strategy::Module | Strategy::EnumMember | Strategy::TypeVariable => Ok(true),
        Strategy::FunctionPart(FunctionPart::Code) => Ok(true),
        Strategy::DillFunction(_) => is_value_class(kind),
        Strategy::Reduce if context.is_script_class(kind)? => Ok(false),
        Strategy::Reduce | Strategy::Logger | Strategy::FunctionPart(FunctionPart::GenericAlias) => {
            Ok(has_value_hash(kind)? || is_value_class(kind)?)
        }
        Strategy::Plain => Ok(is_value_class(kind)? && !context.is_script_class(kind)?),
        _ => Ok(false),
    }
}

/// Whether the hash of a type's objects depends on their value. By Python's rules such objects do not change.
fn has_value_hash(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    // Subclasses of these often have items or attributes that can change.
    if kind.is_subclass_of::<PyTuple>()? || kind.is_subclass_of::<PyFrozenSet>()? {
        return Ok(false);
    }
    let hash = kind.getattr("__hash__")?;
    Ok(!hash.is_none() && !hash.is(kind.py().get_type::<PyAny>().getattr("__hash__")?))
}

fn is_value_class(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    for base in kind.order() {
        let base = base.cast_into::<PyType>()?;
        if let (Some(module), Some(name)) = (base.module().tolerated(), base.name().tolerated())
            && VALUE_CLASSES.iter().any(|(home, class)| module == *home && name == *class)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn owner_attribute(kind: &Bound<'_, PyType>) -> Option<&'static str> {
    let name = kind.name().tolerated()?;
    ATTRIBUTE_TYPES.iter().find(|(known, _)| name == *known).map(|(_, attribute)| *attribute)
}

/// Whether an object that an earlier segment has is made of imported names and constants alone.
///
/// It may be asked for its reduction once more. That happens only for objects of the types that [`may_repeat`] names.
pub(super) fn has_equal_reduction(
    context: &PickleContext,
    object: &Bound<'_, PyAny>,
    strategy: &Strategy,
) -> PyResult<bool> {
    let kind = object.get_type();
    let address = kind.as_ptr() as usize;
    if !context.lock()?.repeated_types.contains(&address) {
        return Ok(false);
    }
    if matches!(strategy, Strategy::Named) || owner_attribute(&kind).is_some() {
        return is_attribute_of_import(context, object);
    }
    if matches!(strategy, Strategy::DillFunction(_) | Strategy::FunctionPart(FunctionPart::Code)) {
        return Ok(true);
    }
    let is_equal = !context.is_script_class(&kind)? && reduces_to_constants(context, object)?;
    if !is_equal {
        // The next objects of this type need not be asked.
        context.lock()?.repeated_types.remove(&address);
    }
    Ok(is_equal)
}

/// Whether an object is a built-in type that has no name, like the type of None, or an attribute of an imported class.
fn is_attribute_of_import(context: &PickleContext, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = match owner_attribute(&object.get_type()) {
        Some(attribute) => object.getattr(attribute)?,
        None => object.clone(),
    };
    let Ok(class) = class.cast_into::<PyType>() else { return Ok(false) };
    Ok(!context.is_script_class(&class)? && (is_static(&class)? || !context.is_local(&class)?))
}

/// Whether a type was compiled into Python or a library: it exists once in a process.
fn is_static(class: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(class.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE == 0)
}

fn reduces_to_constants(context: &PickleContext, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let reduced = reduce::reduce(object, &object.get_type())?;
    if reduced.is_instance_of::<PyString>() {
        return Ok(reduce::is_importable_name(context, object, &reduced.str()?.to_string_lossy()));
    }
    let parts = reduced.cast::<PyTuple>()?;
    let function = parts.get_item(0)?;
    if context.is_local(&function)? && !is_attribute_of_import(context, &function)? {
        return Ok(false);
    }
    // Only objects that change have items or a function that sets their state.
    if !parts.iter().skip(3).all(|part| part.is_none()) {
        return Ok(false);
    }
    let mut left = Budget { bytes: MOST_BYTES, dicts: is_value_class(&object.get_type())? };
    let memo = context.lock()?;
    let fits_as_state = |state: Bound<'_, PyAny>, left: &mut Budget| {
        // The dict of attributes itself belongs to the object.
        let Ok(dict) = state.cast_exact::<PyDict>() else { return left.covers(&memo, &state) };
        dict.iter().all(|(name, value)| left.covers(&memo, &name) && left.covers(&memo, &value))
    };
    Ok(left.covers(&memo, &parts.get_item(1)?)
        && parts.get_item(2).tolerated().is_none_or(|state| fits_as_state(state, &mut left)))
}

/// The plan for an object that has an equal reduction. Dicts in its state belong to the object, so an earlier segment
/// has them as well: copies of them are written.
pub(super) fn plan_again<'py>(context: &PickleContext, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let reduced = reduce::reduce(object, &object.get_type())?;
    let own = match reduced.cast_exact::<PyTuple>() {
        Ok(parts) if parts.len() > 2 => with_own_dicts(&reduced)?,
        _ => reduced,
    };
    reduce::plan_reduced(context, object, &own)
}

/// A value with a copy of each dict in it.
fn with_own_dicts<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        let copy = PyDict::new(value.py());
        for (key, item) in dict {
            copy.set_item(key, with_own_dicts(&item)?)?;
        }
        return Ok(copy.into_any());
    }
    let Ok(tuple) = value.cast_exact::<PyTuple>() else { return Ok(value.clone()) };
    let items: Vec<_> = tuple.iter().map(|item| with_own_dicts(&item)).collect::<PyResult<_>>()?;
    Ok(PyTuple::new(value.py(), items)?.into_any())
}

/// Whether an object that an earlier segment has is written again, judging by its type and its items.
pub(super) fn is_repeatable(py: Python<'_>, state: &PicklerState, object: *mut ffi::PyObject) -> bool {
    // SAFETY: the callers have a live object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    Budget { bytes: MOST_BYTES, dicts: false }.covers(state, &object)
}

/// The rest of what may be repeated for one object.
struct Budget {
    bytes: isize,
    /// Whether dicts in it count as constants.
    dicts: bool,
}

impl Budget {
    /// Whether an object and its items consist of constants and fit in, which reduces the budget. Runs no Python code.
    fn covers(&mut self, state: &PicklerState, object: &Bound<'_, PyAny>) -> bool {
        let pointer = object.as_ptr();
        // SAFETY: a live object.
        let kind = unsafe { ffi::Py_TYPE(pointer) };
        self.bytes -= if kind == &raw mut ffi::PyUnicode_Type {
            // SAFETY: an exact str. The length counts characters, which is near enough.
            unsafe { ffi::PyUnicode_GetLength(pointer) }
        } else if kind == &raw mut ffi::PyBytes_Type {
            // SAFETY: an exact bytes object.
            unsafe { ffi::PyBytes_Size(pointer) }
        } else {
            ITEM
        };
        // Each level of nesting takes from the budget, so this also ends the recursion.
        if self.bytes < 0 {
            return false;
        }
        if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            return tuple.iter().all(|item| self.covers(state, &item));
        }
        if let Ok(set) = object.cast_exact::<PyFrozenSet>() {
            return set.iter().all(|item| self.covers(state, &item));
        }
        if let Ok(dict) = object.cast_exact::<PyDict>() {
            return self.dicts
                && dict.iter().all(|(key, value)| self.covers(state, &key) && self.covers(state, &value));
        }
        is_constant(pointer, kind)
            || (state.repeated_types.contains(&(kind as usize)) && !state.script_objects.contains(&(pointer as usize)))
    }
}

/// Whether an object is None, a number, a string or bytes.
fn is_constant(object: *mut ffi::PyObject, kind: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: `None` lives as long as the interpreter.
    let none = unsafe { ffi::Py_None() };
    object == none
        || kind == &raw mut ffi::PyUnicode_Type
        || kind == &raw mut ffi::PyLong_Type
        || kind == &raw mut ffi::PyFloat_Type
        || kind == &raw mut ffi::PyBool_Type
        || kind == &raw mut ffi::PyBytes_Type
        || kind == &raw mut ffi::PyComplex_Type
}

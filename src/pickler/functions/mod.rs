//! Functions of the script, their parts and the objects that they make: code objects, cells, methods, descriptors,
//! generators.
//!
//! They are written as calls of the types themselves (`types.FunctionType`, `types.CodeType`, `types.CellType`), which
//! any unpickler can make: neither saving nor loading them imports dill. The contents of a cell may lead back to its
//! function, so [`open_cells`] fills such cells once the function exists.
//!
//! All of this applies to sessions only: single pickles are left to dill.

mod code_object;
mod code_source;
mod dill_annotations;
mod exec_namespace;
mod function;
mod function_globals;
mod generator;
mod generator_function;
mod open_cells;
mod wrapper;

use std::sync::{Arc, OnceLock};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule, PyType};

pub(super) use self::code_source::CodeSources;
pub(super) use self::dill_annotations::{DillAnnotations, hide, show, with_annotate};
pub(crate) use self::exec_namespace::CLASS_NAMES;
pub(super) use self::exec_namespace::{ExecNamespaces, fill_waiting, plan_namespace};
pub(super) use self::function::plan_function;
use self::generator::GeneratorKind;
pub(super) use self::open_cells::{OpenCells, close_cells};
use super::pickle_context::PickleContext;
use super::plan::{Action, DirectWrite, ObjectPlan};
use super::reduce;

/// The types that functions are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FunctionPart {
    Code,
    Cell,
    /// A bound method.
    Method,
    /// A `classmethod` or `staticmethod`, or an abstract one.
    MethodWrapper,
    Property,
    /// `list[int]` as `typing.List[int]`.
    GenericAlias,
    /// A function that `functools.lru_cache` or `functools.cache` has wrapped.
    CachedFunction,
    Generator(GeneratorKind),
}

impl FunctionPart {
    /// The part that the objects of a type are, by the names of its module and its own.
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("builtins", "code") => Self::Code,
            ("builtins", "cell") => Self::Cell,
            ("builtins", "method") => Self::Method,
            ("builtins", "classmethod" | "staticmethod") | ("abc", "abstractclassmethod" | "abstractstaticmethod") => {
                Self::MethodWrapper
            }
            ("builtins", "property") | ("abc", "abstractproperty") => Self::Property,
            ("typing", "_GenericAlias") => Self::GenericAlias,
            ("functools", "_lru_cache_wrapper") => Self::CachedFunction,
            ("builtins", "generator") => Self::Generator(GeneratorKind::Generator),
            ("builtins", "coroutine") => Self::Generator(GeneratorKind::Coroutine),
            ("builtins", "async_generator") => Self::Generator(GeneratorKind::AsyncGenerator),
            _ => return None,
        })
    }
}

/// The plan for a part of a function that has no slot.
pub(super) fn plan_part<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    part: FunctionPart,
) -> PyResult<ObjectPlan<'py>> {
    if !context.is_session() {
        match part {
            // dill 0.4.1 asks code for `co_lnotab`, which 3.15 does not have.
            FunctionPart::Code if python_version(object.py()) >= (3, 15) => return code_object::plan(context, object),
            FunctionPart::Cell => {
                if let Some(plan) = dill_annotations::plan_class_cell(context, object)? {
                    return Ok(plan);
                }
            }
            _ => {}
        }
        return reduce::plan_by_dill_or_reduction(context, object);
    }
    match part {
        FunctionPart::Code => code_object::plan(context, object),
        FunctionPart::Cell => open_cells::plan_cell(context, object),
        FunctionPart::Method => wrapper::plan_method(object),
        FunctionPart::MethodWrapper => wrapper::plan_method_wrapper(object),
        FunctionPart::Property => wrapper::plan_property(object),
        FunctionPart::GenericAlias => wrapper::plan_generic_alias(context, object),
        FunctionPart::CachedFunction => wrapper::plan_cached_function(context, object),
        FunctionPart::Generator(kind) => generator::plan(context, object, kind),
    }
}

/// The version of Python, which is cached: Python formats a string for it, which must be parsed.
pub(super) fn python_version(py: Python<'_>) -> (u8, u8) {
    static VERSION: OnceLock<(u8, u8)> = OnceLock::new();
    *VERSION.get_or_init(|| (py.version_info().major, py.version_info().minor))
}

/// The global by which `types` has the type of functions, code objects and the like: `types.CodeType`.
pub(super) fn type_global<'py>(name: &'static str, kind: Bound<'py, PyType>) -> Action<'py> {
    Action::Global { module: "types", name, object: Some(kind.into_any()) }
}

/// A type of the interpreter that no module has under its own name, but `types` has: the types of functions, code
/// objects and generators.
pub(super) fn plan_named_in_types<'py>(kind: &Bound<'py, PyType>) -> PyResult<Option<ObjectPlan<'py>>> {
    let py = kind.py();
    if !kind.getattr(intern!(py, "__module__"))?.eq(intern!(py, "builtins"))? {
        return Ok(None);
    }
    for (name, value) in py.import("types")?.cast_into::<PyModule>()?.dict().iter() {
        if value.is(kind) {
            let (module, name) = ("types".to_owned(), name.str()?.to_string_lossy().into_owned());
            return Ok(Some(ObjectPlan::Write(DirectWrite::Global { module, name })));
        }
    }
    Ok(None)
}

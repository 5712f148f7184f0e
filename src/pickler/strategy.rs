//! How the objects of a type are written, found out once per type.
//!
//! The order of the rules matters: the registrations of `copyreg` win, then the types with a rule of their own, then
//! dill, and at last the reduce protocol. `engine::dispatch` turns a strategy into a plan.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyType};

use super::class_attributes::{is_overridden, slot_names};
use super::container_iterator::Iterated;
use super::exceptions::{self, ExceptionForm};
use super::functions::FunctionPart;
use super::global_names::loaded_modules;
use super::pickle_context::PickleContext;
use super::process_bound::{self, LiveRefusal};
use super::raw_instances::{self, RawForm};
use super::weak_objects::{WeakKind, weak_kind};
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

pub(super) enum Strategy {
    /// `object.__new__` and a `__dict__`: the fast path writes the instances once the class has a slot.
    Plain,
    /// The reduce protocol.
    Reduce,
    /// By name if an import finds the object, else by the rules for classes or by dill.
    Named,
    Module,
    PickleBuffer,
    MappedArray,
    /// A `numpy.ndarray`, which may share its memory.
    Array,
    TorchTensor,
    /// An instance of a subclass of `torch.nn.Parameter`.
    TorchParameter,
    /// An exact `torch.nn.Parameter`.
    TorchExactParameter,
    TorchStorage,
    JaxArray,
    /// A `pyarrow.Buffer`.
    ArrowBuffer,
    /// A frame or a series of polars.
    Polars,
    File,
    Lock {
        /// Whether it is an `RLock`.
        reentrant: bool,
    },
    EnumMember,
    Weak(WeakKind),
    /// A logger: a reduction that only has its name.
    Logger,
    Exception(ExceptionForm),
    /// An instance whose ordinary reduction may not survive a load.
    Raw(RawForm),
    /// An object whose class has a `__hash__` of its own, and that the inner strategy writes: see
    /// [`hash_cycles`](super::hash_cycles).
    Hashed(Box<Strategy>),
    FunctionPart(FunctionPart),
    /// An iterator over a dict or a set.
    ContainerIterator(Iterated),
    /// A `lazy import` statement that nothing has used yet.
    LazyImport,
    /// A type variable or another `typing` object that pickle writes by name.
    TypeVariable,
    /// Refused in a session, for the reason in the string. With a condition, objects that do not meet it are written by
    /// the other strategy.
    ProcessBound(LiveRefusal, Option<Box<Strategy>>),
    /// dill's function for this type.
    DillFunction(Py<PyAny>),
    /// By [`without_dill`](super::without_dill), because dill is not installed.
    WithoutDill,
    /// dill's pickler itself, which registers such types when it meets them: numpy's subclasses and the like.
    DillPickler,
}

impl Strategy {
    /// The strategy that writes an object, without regard to the hash of its class.
    pub(super) fn without_hash(&self) -> &Self {
        match self {
            Self::Hashed(written) => written,
            other => other,
        }
    }
}

/// `Py_TPFLAGS_HEAPTYPE`: the class was created at run time, by a class statement for example.
pub(super) const HEAP_TYPE: u64 = 1 << 9;
const TYPE_VARIABLES: [&str; 5] = ["TypeVar", "ParamSpec", "TypeVarTuple", "TypeAliasType", "NewType"];
const FILE_CLASSES: [&str; 5] = ["TextIOWrapper", "FileIO", "BufferedReader", "BufferedWriter", "BufferedRandom"];
/// Built-in types that have a reducer but no opcode.
const BUILTINS_TO_REDUCE: [&str; 5] = ["range", "slice", "ellipsis", "NotImplementedType", "complex"];

/// Determines the strategy for the objects of a type.
pub(super) fn classify(kind: &Bound<'_, PyType>, context: &PickleContext) -> PyResult<Strategy> {
    let py = kind.py();
    let module = kind.module().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
    let name = kind.name().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
    // A metaclass that `copyreg` knows wins over everything below. It may not even be hashable, which dill requires.
    if !kind.is(py.get_type::<PyType>()) && is_registered(kind)? {
        return Ok(Strategy::Reduce);
    }
    if let Some(strategy) = by_own_rule(kind, &module, &name)? {
        return Ok(strategy);
    }
    if is_enumeration(kind)? {
        return Ok(Strategy::EnumMember);
    }
    if let Some(weak) = weak_kind(kind)? {
        return Ok(Strategy::Weak(weak));
    }
    if let Some(refusal) = process_bound::refusal(kind)? {
        let otherwise = match refusal.only_if {
            Some(_) => Some(Box::new(of_other_kind(kind, context, &module, &name)?)),
            None => None,
        };
        return Ok(Strategy::ProcessBound(refusal, otherwise));
    }
    of_other_kind(kind, context, &module, &name)
}

/// The strategy for a type that no table of ours has.
fn of_other_kind(kind: &Bound<'_, PyType>, context: &PickleContext, module: &str, name: &str) -> PyResult<Strategy> {
    if module == "builtins" && BUILTINS_TO_REDUCE.contains(&name) {
        return Ok(Strategy::Reduce);
    }
    if let Some(strategy) = numpy_strategy(kind, module)? {
        return Ok(strategy);
    }
    if let Some(strategy) = tensor_strategy(kind, module, name)? {
        return Ok(strategy);
    }
    if context.dill.may_know(kind.py(), module, name)? {
        match context.dill.function(kind)? {
            Some(function) => return Ok(Strategy::DillFunction(function)),
            None if context.dill.is_missing() => return Ok(Strategy::WithoutDill),
            None => {}
        }
    }
    if let Some(form) = exceptions::form(kind)? {
        return Ok(Strategy::Exception(form));
    }
    let strategy = match raw_instances::form(context, kind)? {
        Some(form) => Strategy::Raw(form),
        None if is_plain(kind)? => Strategy::Plain,
        None => Strategy::Reduce,
    };
    Ok(if is_overridden(kind, "__hash__")? { Strategy::Hashed(Box::new(strategy)) } else { strategy })
}

/// The types that are recognized by their module and name or by identity.
fn by_own_rule(kind: &Bound<'_, PyType>, module: &str, name: &str) -> PyResult<Option<Strategy>> {
    let py = kind.py();
    if kind.is_subclass_of::<PyType>()? {
        return Ok(Some(Strategy::Named));
    }
    if kind.is(py.get_type::<PyModule>()) {
        return Ok(Some(Strategy::Module));
    }
    Ok(match (module, name) {
        // From the module in C: `pickle` imports `re`, which takes some milliseconds.
        ("pickle", "PickleBuffer") if kind.is(py.import("_pickle")?.getattr("PickleBuffer")?) => {
            Some(Strategy::PickleBuffer)
        }
        ("builtins", "function" | "builtin_function_or_method") => Some(Strategy::Named),
        // Since 3.15 `dataclasses.MISSING` is one: dill 0.4.1 would write every sentinel as one of `dataclasses`.
        ("builtins", "sentinel") if is_in_builtins(kind, name)? => Some(Strategy::Reduce),
        ("builtins", "lazy_import") => Some(Strategy::LazyImport),
        ("logging", "Logger" | "RootLogger") => Some(Strategy::Logger),
        ("_io", name) if FILE_CLASSES.contains(&name) => Some(Strategy::File),
        ("_thread", "lock" | "RLock") => Some(Strategy::Lock { reentrant: name == "RLock" }),
        ("typing" | "typing_extensions", name) if TYPE_VARIABLES.contains(&name) => Some(Strategy::TypeVariable),
        _ => FunctionPart::of(module, name)
            .map(Strategy::FunctionPart)
            .or_else(|| Iterated::of(module, name).map(Strategy::ContainerIterator)),
    })
}

/// Whether this is the class that `builtins` has under a name: a class of the script may say that it is.
fn is_in_builtins(kind: &Bound<'_, PyType>, name: &str) -> PyResult<bool> {
    Ok(kind.py().import("builtins")?.getattr_opt(name)?.is_some_and(|own| own.is(kind)))
}

/// Whether `copyreg.dispatch_table` has a reducer for a type.
fn is_registered(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    kind.py().import("copyreg")?.getattr("dispatch_table")?.contains(kind)
}

/// Whether a class is an enumeration: one of `enum`, or of another metaclass that keeps members in the same way.
pub(super) fn is_enumeration(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    // If `enum` is not loaded, there is no enumeration of it.
    if let Some(module) = loaded_modules(kind.py())?.get_item("enum").tolerated()
        && kind.is_instance(&module.getattr("EnumMeta")?)?
    {
        return Ok(true);
    }
    if kind.get_type().is(kind.py().get_type::<PyType>()) {
        return Ok(false);
    }
    let members = kind.getattr("__dict__")?.call_method1("get", ("_member_map_",))?;
    Ok(members.is_exact_instance_of::<PyDict>())
}

/// Arrays are reduced by protocol 5. Their subclasses and numpy's dtype classes are left to dill.
fn numpy_strategy(kind: &Bound<'_, PyType>, module: &str) -> PyResult<Option<Strategy>> {
    let Some(numpy) = loaded_modules(kind.py())?.get_item("numpy").tolerated() else { return Ok(None) };
    let Some(array) = numpy.getattr_opt("ndarray")? else { return Ok(None) };
    if kind.is(&array) {
        return Ok(Some(if is_registered(kind)? { Strategy::Reduce } else { Strategy::Array }));
    }
    if kind.is(numpy.getattr("memmap")?) {
        return Ok(Some(Strategy::MappedArray));
    }
    if module != "numpy.ma" && kind.is_subclass(&array)? {
        return Ok(Some(Strategy::DillPickler));
    }
    Ok(None)
}

/// Tensors and storages of torch, and arrays of jax.
fn tensor_strategy(kind: &Bound<'_, PyType>, module: &str, name: &str) -> PyResult<Option<Strategy>> {
    let is_parameter = |base: Bound<'_, PyAny>| {
        let base = base.cast_into::<PyType>().ok();
        base.is_some_and(|base| {
            base.name().tolerated().is_some_and(|name| name == "Parameter")
                && base.module().tolerated().is_some_and(|module| module == "torch.nn.parameter")
        })
    };
    if kind.order().iter().skip(1).any(is_parameter) {
        return Ok(if is_registered(kind)? { None } else { Some(Strategy::TorchParameter) });
    }
    let strategy = match (module, name) {
        ("torch", "Tensor") => Strategy::TorchTensor,
        ("torch.nn.parameter", "Parameter") => Strategy::TorchExactParameter,
        ("torch.storage", "TypedStorage" | "UntypedStorage") => Strategy::TorchStorage,
        ("jaxlib._jax" | "jaxlib.xla_extension" | "jax._src.array", "ArrayImpl") => Strategy::JaxArray,
        ("pyarrow.lib", "Buffer") => Strategy::ArrowBuffer,
        ("polars.dataframe.frame", "DataFrame") | ("polars.series.series", "Series") => Strategy::Polars,
        _ => return Ok(None),
    };
    Ok(if is_registered(kind)? { None } else { Some(strategy) })
}

/// Whether instances are created by `object.__new__` and have no state except their `__dict__`.
fn is_plain(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = kind.py();
    let object = py.get_type::<PyAny>();
    // A base class written in C may have state of its own, so only `object` and Python classes qualify.
    for base in kind.order() {
        let heap = base.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0;
        if !heap && !base.is(&object) {
            return Ok(false);
        }
        if !base.is(&object) && customizes_pickling(&base)? {
            return Ok(false);
        }
    }
    Ok(!is_registered(kind)?
        && slot_names(kind)?.is_empty()
        && kind.getattr("__dictoffset__")?.extract::<isize>()? != 0)
}

/// Whether a class has a reduction of its own, not the one of its base class `base`.
pub(super) fn customizes_reduction(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>) -> PyResult<bool> {
    for name in ["__reduce_ex__", "__reduce__"] {
        if !class.getattr(name)?.is(base.getattr(name)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a class itself defines an attribute that influences how its instances are pickled.
fn customizes_pickling(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    const ATTRIBUTES: [&str; 9] = [
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__getnewargs__",
        "__getnewargs_ex__",
        "__getattribute__",
        "__getattr__",
        "__class__",
        "__slots__",
    ];
    let names = class.getattr("__dict__")?;
    for name in ATTRIBUTES {
        if names.contains(name)? {
            return Ok(true);
        }
    }
    // A property called `__dict__` hides the real instance dict.
    Ok(names.call_method1("get", ("__dict__",))?.get_type().name()? == "property")
}

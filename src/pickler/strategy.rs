//! How the objects of a type are written, found out once per type.
//!
//! The order of the questions matters: what `copyreg` knows wins, then the types with a rule of their own, then dill,
//! and at last the reduce protocol. `engine::dispatch` turns a strategy into a plan.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyType};

use super::container_iterator::Iterated;
use super::dill_library::DillLibrary;
use super::functions::FunctionPart;
use super::global_names::loaded_modules;
use super::weak_objects::{WeakKind, weak_kind};

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
    File,
    Lock {
        /// Whether it is an `RLock`.
        reentrant: bool,
    },
    EnumMember,
    Weak(WeakKind),
    FunctionPart(FunctionPart),
    /// An iterator over a dict or a set.
    ContainerIterator(Iterated),
    /// A type variable or another `typing` object that pickle writes by name.
    TypeVariable,
    /// Refused in a session. The string says what the object is and why it cannot be restored.
    ProcessBound(&'static str),
    /// dill's function for this type.
    DillFunction(Py<PyAny>),
    /// dill's pickler itself, which registers such types when it meets them: numpy's subclasses and the like.
    DillPickler,
}

/// `Py_TPFLAGS_HEAPTYPE`: the class was created at run time, by a class statement for example.
pub(super) const HEAP_TYPE: u64 = 1 << 9;
/// Classes whose instances, like those of their subclasses, dill would pickle, but which would not work after a load:
/// module, name, and a description with the reason.
const PROCESS_BOUND: [(&str, &str, &str); 11] = [
    ("threading", "Thread", "a thread: it would be restored as if it were still running"),
    (
        "multiprocessing.process",
        "BaseProcess",
        "a process: it would be restored as if it were a child of the new process",
    ),
    ("subprocess", "Popen", "a process: it would be restored as if it were a child of the new process"),
    ("multiprocessing.pool", "Pool", "a process pool: it would be restored without its processes"),
    ("multiprocessing.managers", "BaseManager", "a manager: it would be restored without its process"),
    ("concurrent.futures._base", "Executor", "an executor: it would be restored without its workers"),
    ("asyncio.events", "AbstractEventLoop", "an event loop: it ends with its process"),
    ("socketserver", "BaseServer", "a server: it would be restored without its socket"),
    ("logging", "FileHandler", "a log file handler: its file would be restored read-only"),
    ("weakref", "finalize", "a finalizer: it would never run after a restore"),
    ("tempfile", "TemporaryDirectory", "a temporary directory: it is deleted when its process ends"),
];
const TYPE_VARIABLES: [&str; 5] = ["TypeVar", "ParamSpec", "TypeVarTuple", "TypeAliasType", "NewType"];
const FILE_CLASSES: [&str; 5] = ["TextIOWrapper", "FileIO", "BufferedReader", "BufferedWriter", "BufferedRandom"];
/// Built-in types that have a reducer but no opcode.
const BUILTINS_TO_REDUCE: [&str; 5] = ["range", "slice", "ellipsis", "NotImplementedType", "complex"];

/// Determines the strategy for the objects of a type.
pub(super) fn classify<'py>(kind: &Bound<'py, PyType>, dill: &DillLibrary) -> PyResult<Strategy> {
    let py = kind.py();
    let module = kind.module().map(|name| name.to_string()).unwrap_or_default();
    let name = kind.name().map(|name| name.to_string()).unwrap_or_default();
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
    if let Some(what) = process_bound(kind)? {
        return Ok(Strategy::ProcessBound(what));
    }
    if module == "builtins" && BUILTINS_TO_REDUCE.contains(&name.as_str()) {
        return Ok(Strategy::Reduce);
    }
    if let Some(strategy) = numpy_strategy(kind, &module)? {
        return Ok(strategy);
    }
    if dill.may_know(py, &module, &name)?
        && let Some(function) = dill.function(kind)?
    {
        return Ok(Strategy::DillFunction(function));
    }
    Ok(if is_plain(kind)? { Strategy::Plain } else { Strategy::Reduce })
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
    if kind.is(py.import("pickle")?.getattr("PickleBuffer")?) {
        return Ok(Some(Strategy::PickleBuffer));
    }
    Ok(match (module, name) {
        ("builtins", "function" | "builtin_function_or_method") => Some(Strategy::Named),
        ("_io", name) if FILE_CLASSES.contains(&name) => Some(Strategy::File),
        ("_thread", "lock" | "RLock") => Some(Strategy::Lock { reentrant: name == "RLock" }),
        ("typing" | "typing_extensions", name) if TYPE_VARIABLES.contains(&name) => Some(Strategy::TypeVariable),
        _ => FunctionPart::of(module, name)
            .map(Strategy::FunctionPart)
            .or_else(|| Iterated::of(module, name).map(Strategy::ContainerIterator)),
    })
}

/// Whether `copyreg.dispatch_table` has a reducer for a type.
fn is_registered(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    kind.py().import("copyreg")?.getattr("dispatch_table")?.contains(kind)
}

/// Whether a class is an enumeration: one of `enum`, or of another metaclass that keeps members in the same way.
pub(super) fn is_enumeration(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    // If `enum` is not loaded, there is no enumeration of it.
    if let Ok(module) = loaded_modules(kind.py())?.get_item("enum")
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

/// The description of a class in `PROCESS_BOUND`.
fn process_bound(kind: &Bound<'_, PyType>) -> PyResult<Option<&'static str>> {
    for base in kind.mro() {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        let (Ok(module), Ok(name)) = (base.module(), base.name()) else { continue };
        let found = PROCESS_BOUND.iter().find(|(home, class, _)| module == *home && name == *class);
        if let Some((.., what)) = found {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

/// Arrays are reduced by protocol 5. Their subclasses and numpy's dtype classes are left to dill.
fn numpy_strategy(kind: &Bound<'_, PyType>, module: &str) -> PyResult<Option<Strategy>> {
    let Ok(numpy) = loaded_modules(kind.py())?.get_item("numpy") else { return Ok(None) };
    let Some(array) = numpy.getattr_opt("ndarray")? else { return Ok(None) };
    if kind.is(&array) {
        return Ok(Some(Strategy::Reduce));
    }
    if kind.is(numpy.getattr("memmap")?) {
        return Ok(Some(Strategy::MappedArray));
    }
    if module != "numpy.ma" && kind.is_subclass(&array)? {
        return Ok(Some(Strategy::DillPickler));
    }
    Ok(None)
}

/// Whether instances are created by `object.__new__` and have no state except their `__dict__`.
fn is_plain(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = kind.py();
    let object = py.get_type::<PyAny>();
    // A base class written in C may have state of its own, so only `object` and Python classes qualify.
    for base in kind.mro() {
        let heap = base.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0;
        if !heap && !base.is(&object) {
            return Ok(false);
        }
        if !base.is(&object) && customizes_pickling(&base)? {
            return Ok(false);
        }
    }
    // `_slotnames` is what `object.__reduce_ex__` itself calls to find `__slots__`.
    let slots = py.import("copyreg")?.call_method1("_slotnames", (kind,))?;
    Ok(!is_registered(kind)? && slots.len()? == 0 && kind.getattr("__dictoffset__")?.extract::<isize>()? != 0)
}

/// Whether a class has a reduction of its own, not that of `object`.
pub(super) fn customizes_reduction(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let object = class.py().get_type::<PyAny>();
    for name in ["__reduce_ex__", "__reduce__"] {
        if !class.getattr(name)?.is(object.getattr(name)?) {
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

//! What a type says about how its objects are written: found out once, and kept for the save.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString, PyType};

use super::dill::Dill;

/// How the objects of a type are written.
pub(super) enum Info {
    /// `object.__new__` and a `__dict__`: see `fast`.
    Plain,
    /// By the reduce protocol.
    Reduce,
    /// By name where an import finds them; else by dill.
    Named,
    /// A module.
    Module,
    /// A `PickleBuffer`.
    Buffer,
    /// A file object.
    File,
    /// A lock, or (true) one that its owner can take again.
    Lock(bool),
    /// A member of an enumeration.
    Member,
    /// A type variable or its like.
    TypeVariable,
    /// Something that lives in this process only: what would come back as a fake.
    Live(&'static str),
    /// By dill's function for this type.
    Dill(Py<PyAny>),
    /// By dill's pickler itself, which learns the type as it goes: numpy's subclasses and the like.
    DillSaves,
}

/// `Py_TPFLAGS_HEAPTYPE`: the class was made by a class statement or its like.
pub(super) const HEAP_TYPE: u64 = 1 << 9;
/// Classes whose instances, and those of their subclasses, would come back as what they are not, and what that is.
const LIVE: [(&str, &str, &str); 11] = [
    ("threading", "Thread", "a thread, which would come back as if it still ran"),
    ("multiprocessing.process", "BaseProcess", "a process, which would come back as if it were known"),
    ("subprocess", "Popen", "a process, which would come back as if it were known"),
    ("multiprocessing.pool", "Pool", "a pool of processes, which would come back without any"),
    ("multiprocessing.managers", "BaseManager", "a manager process, which would come back without one"),
    ("concurrent.futures._base", "Executor", "a pool of workers, which would come back without any"),
    ("asyncio.events", "AbstractEventLoop", "an event loop, which ends with its process"),
    ("socketserver", "BaseServer", "a server, which would come back without its socket"),
    ("logging", "FileHandler", "a log file, which would come back open for reading only"),
    ("weakref", "finalize", "a finalizer, which would never run"),
    ("tempfile", "TemporaryDirectory", "a temporary folder, which is gone with its process"),
];
/// What `typing` keeps by a name in its module.
const TYPE_VARIABLES: [&str; 5] = ["TypeVar", "ParamSpec", "TypeVarTuple", "TypeAliasType", "NewType"];
/// The classes of file objects.
const FILES: [&str; 5] = ["TextIOWrapper", "FileIO", "BufferedReader", "BufferedWriter", "BufferedRandom"];

/// Finds out how the objects of a type are written.
pub(super) fn classify<'py>(kind: &Bound<'py, PyType>, dill: &Dill) -> PyResult<Info> {
    let py = kind.py();
    let module = kind.module().map(|name| name.to_string()).unwrap_or_default();
    let name = kind.name().map(|name| name.to_string()).unwrap_or_default();
    let builtin = module == "builtins";
    // A metaclass that `copyreg` knows has its own way; it may not even be hashable, which dill could not take.
    if !kind.is(py.get_type::<PyType>()) && py.import("copyreg")?.getattr("dispatch_table")?.contains(kind)? {
        return Ok(Info::Reduce);
    }
    if kind.is_subclass_of::<PyType>()? || (builtin && (name == "function" || name == "builtin_function_or_method")) {
        return Ok(Info::Named);
    }
    if kind.is(py.get_type::<PyModule>()) {
        return Ok(Info::Module);
    }
    if kind.is(py.import("pickle")?.getattr("PickleBuffer")?) {
        return Ok(Info::Buffer);
    }
    if module == "_io" && FILES.contains(&name.as_str()) {
        return Ok(Info::File);
    }
    if module == "_thread" && (name == "lock" || name == "RLock") {
        return Ok(Info::Lock(name == "RLock"));
    }
    if matches!(module.as_str(), "typing" | "typing_extensions") && TYPE_VARIABLES.contains(&name.as_str()) {
        return Ok(Info::TypeVariable);
    }
    if is_enumeration(kind)? {
        return Ok(Info::Member);
    }
    if let Some(what) = live(kind)? {
        return Ok(Info::Live(what));
    }
    if matches!(name.as_str(), "range" | "slice" | "ellipsis" | "NotImplementedType" | "complex") && builtin {
        return Ok(Info::Reduce);
    }
    if let Some(info) = as_numpy(kind, &module)? {
        return Ok(info);
    }
    if dill.knows(py, &module)?
        && let Some(function) = dill.function(kind)?
    {
        return Ok(Info::Dill(function));
    }
    Ok(if is_plain(kind)? { Info::Plain } else { Info::Reduce })
}

fn is_enumeration(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    let modules = kind.py().import("sys")?.getattr("modules")?;
    match modules.get_item("enum") {
        Ok(module) => kind.is_instance(&module.getattr("EnumMeta")?),
        Err(_) => Ok(false),
    }
}

/// What the instances of a class are, if they live in this process only.
fn live(kind: &Bound<'_, PyType>) -> PyResult<Option<&'static str>> {
    for base in kind.mro() {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        let (Ok(module), Ok(name)) = (base.module(), base.name()) else { continue };
        let found = LIVE.iter().find(|(home, class, _)| module == *home && name == *class);
        if let Some((.., what)) = found {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

/// Arrays go through protocol 5; their subclasses and numpy's dtype classes are dill's.
fn as_numpy(kind: &Bound<'_, PyType>, module: &str) -> PyResult<Option<Info>> {
    let py = kind.py();
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(numpy) = modules.get_item("numpy") else { return Ok(None) };
    let Some(array) = numpy.getattr_opt("ndarray")? else { return Ok(None) };
    if kind.is(&array) {
        return Ok(Some(Info::Reduce));
    }
    if module != "numpy.ma" && kind.is_subclass(&array)? {
        return Ok(Some(Info::DillSaves));
    }
    Ok(None)
}

/// Whether instances are made by `object.__new__` and have no state but their `__dict__`.
fn is_plain(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = kind.py();
    let object = py.get_type::<PyAny>();
    for base in kind.mro() {
        let heap = base.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0;
        if !heap && !base.is(&object) {
            return Ok(false);
        }
        if !base.is(&object) && defines_any(&base)? {
            return Ok(false);
        }
    }
    let copyreg = py.import("copyreg")?;
    let registered = copyreg.getattr("dispatch_table")?.contains(kind)?;
    let slots = copyreg.call_method1("_slotnames", (kind,))?;
    Ok(!registered && slots.len()? == 0 && kind.getattr("__dictoffset__")?.extract::<isize>()? != 0)
}

/// Whether a class has its own say in how its instances are pickled.
fn defines_any(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    const SAY: [&str; 9] = [
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
    for name in SAY {
        if names.contains(name)? {
            return Ok(true);
        }
    }
    // A property of this name hides what the instance really holds.
    Ok(names.call_method1("get", ("__dict__",))?.get_type().name()? == "property")
}

/// Where an import finds a class or function: its module and the name within it. None for what belongs to the session.
pub(super) fn importable<'py>(
    object: &Bound<'py, PyAny>,
    main: &Bound<'py, PyAny>,
) -> PyResult<Option<(String, String)>> {
    let py = object.py();
    let Ok(Some(module)) = object.getattr_opt("__module__") else { return Ok(None) };
    let Ok(module) = module.cast_into::<PyString>() else { return Ok(None) };
    let Ok(Some(name)) = object.getattr_opt("__qualname__") else { return Ok(None) };
    let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
    let (Ok(module), Ok(name)) = (module.to_str(), name.to_str()) else { return Ok(None) };
    if module == "__main__" {
        return Ok(None);
    }
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(mut found) = modules.get_item(module) else { return Ok(None) };
    if found.is(main) {
        return Ok(None);
    }
    for part in name.split('.') {
        match found.getattr_opt(part) {
            Ok(Some(next)) => found = next,
            _ => return Ok(None),
        }
    }
    Ok(found.is(object).then(|| (module.to_owned(), name.to_owned())))
}

/// Why another process would not find this module, where that is certain: it is the session's own, whose names are not
/// there yet when a name is looked up, or it was made at run time.
pub(super) fn unreachable(py: Python<'_>, module: &str, main: &Bound<'_, PyAny>) -> Option<&'static str> {
    let modules = py.import("sys").and_then(|sys| sys.getattr("modules")).ok()?;
    let found = modules.get_item(module).ok()?;
    if found.is(main) {
        return Some("it is known by its name in the script only, and not in another process");
    }
    // Parts of packages may have neither: their package makes them when it is imported.
    let made_by_import = |name: &str| found.getattr_opt(name).ok().flatten().is_some_and(|value| !value.is_none());
    let made = module.contains('.') || made_by_import("__spec__") || made_by_import("__file__");
    (!made).then_some("its module was made at run time, and cannot be imported in another process")
}

/// The name by which an import finds a module: its own, that of its spec (before 3.13 `_collections_abc` says that it is
/// `collections.abc`), or any other one under which it is registered.
pub(super) fn module_name(module: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = module.py();
    let modules = py.import("sys")?.getattr("modules")?;
    let names = module.cast::<PyModule>()?.dict();
    let own = names.get_item("__name__")?;
    let spec = names.get_item("__spec__")?.and_then(|spec| spec.getattr("name").ok());
    for name in own.iter().chain(&spec) {
        if let Ok(name) = name.extract::<String>()
            && modules.get_item(&name).is_ok_and(|found| found.is(module))
        {
            return Ok(Some(name));
        }
    }
    for (name, found) in modules.cast::<PyDict>()? {
        if found.is(module) {
            return Ok(name.extract().ok());
        }
    }
    Ok(None)
}

/// The namespaces of all modules, by address, but for the one that is saved: dill writes them by name.
pub(super) fn module_dicts(py: Python<'_>) -> PyResult<Vec<(usize, String)>> {
    let modules = py.import("sys")?.getattr("modules")?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for module in modules.cast::<PyDict>()?.values() {
        let Ok(module) = module.cast_into::<PyModule>() else { continue };
        // A module that has several names is registered under all of them.
        if !seen.insert(module.as_ptr() as usize) {
            continue;
        }
        // `__dict__` can be found under that name again, and the name fits into a line.
        if let Some(name) = module_name(module.as_any())?.filter(|name| !name.contains('\n')) {
            found.push((module.dict().as_ptr() as usize, name));
        }
    }
    Ok(found)
}

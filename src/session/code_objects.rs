//! Reads code objects without running them: the lines that assign a name, and the globals that a function uses.
//!
//! The wordcode is the format of `co_code` in CPython 3.10 to 3.15: two bytes per instruction, with EXTENDED_ARG before
//! one whose argument is larger than a byte. The opcode numbers differ between versions, and come from the running
//! Python's `opcode` module. Only built-in types are taken apart. Of an instance of a script's own class, only the
//! class and the `__dict__` are read.

use std::collections::HashMap;
use std::sync::OnceLock;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyBytes, PyCode, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList, PyModule, PySet, PyString,
    PyTuple, PyType,
};
use rustc_hash::FxHashSet;

use super::object_description::genuine_module;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::{Annotations, CLASS_NAMES};
use crate::python::deferred_signals::Tolerated as _;

/// The most objects that are searched for code within one object. Searching a table of a million numbers would only
/// waste time.
const MAX_OBJECTS: usize = 4_000;
/// The most items of one container that are searched.
const MAX_ITEMS: usize = 500;

/// Reads code objects, with the opcode numbers of the running Python.
#[derive(Clone)]
pub(super) struct CodeReader {
    store_name: Option<u8>,
    store_global: Option<u8>,
    load_global: Option<u8>,
    import_name: Option<u8>,
    import_from: Option<u8>,
    /// The other opcodes that look up a global; their argument is the index of its name.
    load: Vec<u8>,
    extended: Option<u8>,
    /// Since 3.11 the lowest bit of LOAD_GLOBAL's argument is a flag: 1 there, 0 before.
    load_global_shift: u32,
}

/// `from module import attribute as name`.
pub(super) struct FromImport {
    pub(super) module: String,
    pub(super) attribute: String,
    pub(super) name: String,
}

struct Instruction {
    opcode: u8,
    argument: usize,
    /// In bytes from the start of `co_code`.
    offset: usize,
}

impl CodeReader {
    /// The numbers of a process never change: they are asked for once.
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        static KNOWN: OnceLock<CodeReader> = OnceLock::new();
        match KNOWN.get() {
            Some(known) => Ok(known.clone()),
            None => Self::find(py).map(|found| KNOWN.get_or_init(|| found).clone()),
        }
    }

    fn find(py: Python<'_>) -> PyResult<Self> {
        let map = py.import("opcode")?.getattr("opmap")?;
        // An opcode that this version does not have is None, and never matches.
        let number = |name: &str| map.get_item(name).and_then(|number| number.extract::<u8>()).tolerated();
        Ok(Self {
            store_name: number("STORE_NAME"),
            store_global: number("STORE_GLOBAL"),
            load_global: number("LOAD_GLOBAL"),
            import_name: number("IMPORT_NAME"),
            import_from: number("IMPORT_FROM"),
            load: ["LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"].into_iter().filter_map(number).collect(),
            extended: number("EXTENDED_ARG"),
            load_global_shift: u32::from(py.version_info() >= (3, 11)),
        })
    }

    /// For each global name that a module's code assigns, the last line that does so.
    pub(super) fn assignment_lines(&self, module_code: &Bound<'_, PyAny>) -> PyResult<HashMap<String, u32>> {
        let mut lines = HashMap::new();
        for (depth, code) in nested(module_code)? {
            // In a nested code object STORE_NAME assigns to the namespace of a class body.
            let stores = [self.store_global, self.store_name.filter(|_| depth == 0)];
            let names = names_of(&code)?;
            let table = line_table(&code)?;
            self.each_instruction(&code, |instruction| {
                if stores.contains(&Some(instruction.opcode))
                    && let Some(name) = names.get(instruction.argument)
                    && let Some(line) = line_at(&table, instruction.offset)
                {
                    let last = lines.entry(name.clone()).or_insert(line);
                    *last = line.max(*last);
                }
            })?;
        }
        Ok(lines)
    }

    /// The names that a module's code imports from other modules.
    pub(super) fn imported_names(&self, module_code: &Bound<'_, PyAny>) -> PyResult<Vec<FromImport>> {
        let names = names_of(module_code)?;
        let (mut module, mut attribute, mut found) = (None, None, Vec::new());
        self.each_instruction(module_code, |Instruction { opcode, argument, .. }| {
            let opcode = Some(opcode);
            if opcode == self.import_name {
                module = names.get(argument);
            } else if opcode == self.import_from {
                attribute = names.get(argument);
            } else if (opcode == self.store_name || opcode == self.store_global)
                && let (Some(module), Some(attribute), Some(name)) = (module, attribute.take(), names.get(argument))
            {
                let (module, attribute, name) = (module.clone(), attribute.clone(), name.clone());
                found.push(FromImport { module, attribute, name });
            }
        })?;
        Ok(found)
    }

    /// The modules with dotted names that a module's code imports. No other name has a dot.
    pub(super) fn dotted_imports(&self, module_code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        Ok(names_of(module_code)?.into_iter().filter(|name| name.contains('.')).collect())
    }

    /// The names of `namespace` that the code within an object may look up or assign: the code of a function, of a
    /// class's methods, of functions in a container. An object whose code cannot be found uses none.
    pub(super) fn globals_used(&self, object: &Bound<'_, PyAny>, namespace: &Bound<'_, PyDict>) -> FxHashSet<String> {
        self.globals_of(&all_code(object, namespace))
    }

    /// The global names that code objects look up or assign, without the code objects in them.
    pub(super) fn globals_of(&self, code: &[Bound<'_, PyAny>]) -> FxHashSet<String> {
        let mut used = FxHashSet::default();
        for code in code {
            // Code objects are a built-in type: reading their attributes does not fail.
            self.add_globals(code, &mut used).tolerated();
        }
        used
    }

    fn add_globals(&self, code: &Bound<'_, PyAny>, used: &mut FxHashSet<String>) -> PyResult<()> {
        let names = code.getattr(intern!(code.py(), "co_names"))?.cast_into::<PyTuple>()?;
        let mut is_used = vec![false; names.len()];
        self.each_instruction(code, |instruction| {
            if let Some(index) = self.global_index(&instruction)
                && let Some(is_used) = is_used.get_mut(index)
            {
                *is_used = true;
            }
        })?;
        // Most code uses few of its names as globals, so only these become strings of ours.
        for (name, _) in names.iter().zip(is_used).filter(|(_, is_used)| *is_used) {
            used.insert(name.cast::<PyString>()?.to_string_lossy().into_owned());
        }
        Ok(())
    }

    fn global_index(&self, instruction: &Instruction) -> Option<usize> {
        if Some(instruction.opcode) == self.load_global {
            return Some(instruction.argument >> self.load_global_shift);
        }
        // All other opcodes have the index of the name as their argument.
        let plain = self.load.contains(&instruction.opcode) || Some(instruction.opcode) == self.store_global;
        plain.then_some(instruction.argument)
    }

    fn each_instruction(&self, code: &Bound<'_, PyAny>, mut action: impl FnMut(Instruction)) -> PyResult<()> {
        let bytes = code.getattr(intern!(code.py(), "co_code"))?;
        let bytes = bytes.cast::<PyBytes>()?.as_bytes();
        let mut high = 0;
        for (index, unit) in bytes.chunks_exact(2).enumerate() {
            let argument = high | usize::from(unit[1]);
            if Some(unit[0]) == self.extended {
                // The argument of the next instruction continues below these bits. The mask keeps it to 32 bits.
                high = (argument & 0x00ff_ffff) << 8;
                continue;
            }
            high = 0;
            action(Instruction { opcode: unit[0], argument, offset: 2 * index });
        }
        Ok(())
    }
}

/// The code objects within an object whose globals are `namespace`, including code objects in others. None if they
/// cannot be found.
pub(super) fn all_code<'py>(object: &Bound<'py, PyAny>, namespace: &Bound<'py, PyDict>) -> Vec<Bound<'py, PyAny>> {
    let roots = code_within(object, namespace);
    roots.iter().flat_map(|root| nested(root).tolerated().unwrap_or_default()).map(|(_, code)| code).collect()
}

/// The names that code objects look up, store or import, including attributes, if `is_wanted` holds.
pub(super) fn names_among(code: &[Bound<'_, PyAny>], is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for code in code {
        let Ok(names) = code.getattr(intern!(code.py(), "co_names")).and_then(|it| Ok(it.cast_into::<PyTuple>()?))
        else {
            continue;
        };
        let names = names.iter().filter_map(|name| name.cast_into::<PyString>().ok());
        found.extend(
            names.filter_map(|name| name.to_str().tolerated().filter(|name| is_wanted(name)).map(str::to_owned)),
        );
    }
    found
}

/// A code object and the ones in its constants, each with its depth.
fn nested<'py>(root: &Bound<'py, PyAny>) -> PyResult<Vec<(usize, Bound<'py, PyAny>)>> {
    // A queue instead of recursion: `found` is read while it grows.
    let mut found = vec![(0, root.clone())];
    let mut next = 0;
    while let Some((depth, code)) = found.get(next).cloned() {
        for constant in code.getattr(intern!(code.py(), "co_consts"))?.cast::<PyTuple>()? {
            if constant.is_instance_of::<PyCode>() {
                found.push((depth + 1, constant));
            }
        }
        next += 1;
    }
    Ok(found)
}

fn names_of(code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    code.getattr("co_names")?
        .cast::<PyTuple>()?
        .iter()
        .map(|name| Ok(name.cast::<PyString>()?.to_string_lossy().into_owned()))
        .collect()
}

/// The rows of `co_lines`: `(start, end, line)`, offsets in bytes.
fn line_table(code: &Bound<'_, PyAny>) -> PyResult<Vec<(usize, usize, Option<u32>)>> {
    code.call_method0("co_lines")?.try_iter()?.map(|row| row?.extract()).collect()
}

fn line_at(table: &[(usize, usize, Option<u32>)], offset: usize) -> Option<u32> {
    // The rows are sorted and do not overlap. A row without a line belongs to code that the compiler added.
    let at = table.partition_point(|(_, end, _)| *end <= offset);
    table.get(at).filter(|(start, ..)| *start <= offset).and_then(|(_, _, line)| *line)
}

/// The code objects within `object` whose globals are `namespace`.
fn code_within<'py>(object: &Bound<'py, PyAny>, namespace: &Bound<'py, PyDict>) -> Vec<Bound<'py, PyAny>> {
    // Most variables of most sessions.
    if is_constant(object) || object.is_exact_instance_of::<PyModule>() {
        return Vec::new();
    }
    let session = namespace.get_item(intern!(namespace.py(), "__name__")).tolerated().flatten();
    // Code that `exec` runs in a dict without a name takes the name of the built-in functions.
    let session = session.unwrap_or_else(|| intern!(namespace.py(), "builtins").clone().into_any());
    let mut found = Vec::new();
    let mut pending = vec![object.clone()];
    // By address; `pending` and the namespace keep the objects alive. Guards against cycles, and bounds the search.
    let mut seen = FxHashSet::default();
    while let Some(object) = pending.pop() {
        // The values of most default arguments.
        if is_constant(&object) {
            continue;
        }
        if seen.len() >= MAX_OBJECTS || !seen.insert(object.as_ptr() as usize) {
            continue;
        }
        if object.is_exact_instance_of::<PyFunction>() {
            // A function of another module looks its names up elsewhere, but may wrap one of this module.
            let py = object.py();
            if object.getattr(intern!(py, "__globals__")).tolerated().is_some_and(|globals| globals.is(namespace)) {
                found.extend(object.getattr(intern!(py, "__code__")));
            }
            pending.extend(function_parts(&object));
        } else if let Some(parts) = items(&object) {
            pending.extend(parts);
        } else if let Ok(class) = object.cast::<PyType>() {
            if is_of(class, &session) {
                pending.extend(members(class));
                // A private base may have no other user.
                pending.extend(class.direct_bases().iter().chain([class.get_type().into_any()]));
            }
        } else if let Some(parts) = wrapped_parts(&object) {
            pending.extend(parts);
        } else if let Some(frame) = suspended_frame(&object) {
            if frame.getattr("f_globals").tolerated().is_some_and(|globals| globals.is(namespace)) {
                found.extend(frame.getattr("f_code"));
            }
            pending.extend(frame.getattr("f_locals"));
        } else if is_of(&object.get_type(), &session) {
            // An instance keeps its methods in its class.
            pending.extend(attributes(&object));
            pending.push(object.get_type().into_any());
        }
    }
    found
}

/// The frame of a generator, a coroutine or an async generator that has not ended.
fn suspended_frame<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let attribute = match object.get_type().name().tolerated()?.to_str().tolerated()? {
        "generator" => "gi_frame",
        "coroutine" => "cr_frame",
        "async_generator" => "ag_frame",
        _ => return None,
    };
    object.getattr(attribute).tolerated().filter(|frame| !frame.is_none())
}

/// The objects that a function holds besides its code.
fn function_parts<'py>(function: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let py = function.py();
    let mut parts = Vec::new();
    // An empty cell raises ValueError.
    parts.extend(named_cells(function).filter_map(|(_, cell)| cell.getattr("cell_contents").tolerated()));
    if let Some(Annotations::Lazy(annotate)) = Annotations::of(function).tolerated() {
        parts.push(annotate);
    }
    for name in [intern!(py, "__defaults__"), intern!(py, "__kwdefaults__")] {
        parts.extend(function.getattr(name));
    }
    // Not by `getattr`: raising AttributeError for most functions would take longer than all the rest.
    if let Some(dict) = function.getattr(intern!(py, "__dict__")).tolerated()
        && let Ok(dict) = dict.cast_exact::<PyDict>()
    {
        parts.extend(dict.get_item(intern!(py, "__wrapped__")).tolerated().flatten());
    }
    parts
}

/// The cells of a function with the names of their variables, except for [`CLASS_NAMES`].
pub(super) fn named_cells<'py>(
    function: &Bound<'py, PyAny>,
) -> impl Iterator<Item = (String, Bound<'py, PyAny>)> + use<'py> {
    let py = function.py();
    let cells =
        function.getattr(intern!(py, "__closure__")).tolerated().and_then(|cells| cells.cast_into::<PyTuple>().ok());
    let names = cells.as_ref().and_then(|_| function.getattr(intern!(py, "__code__")).tolerated());
    let names =
        names.and_then(|code| code.getattr(intern!(py, "co_freevars")).tolerated()?.cast_into::<PyTuple>().ok());
    let pairs = cells.zip(names).map(|(cells, names)| names.iter().zip(cells.iter()).collect::<Vec<_>>());
    let pairs = pairs
        .unwrap_or_default()
        .into_iter()
        .map(|(name, cell)| (name.extract().tolerated().unwrap_or_default(), cell));
    pairs.filter(|(name, _)| name != CLASS_NAMES)
}

/// Whether an object is None, a number, a string or bytes, which holds no code.
pub(super) fn is_constant(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
}

/// The first items of an exact built-in container.
fn items<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return Some(dict.iter().take(MAX_ITEMS).map(|(_, value)| value).collect());
    }
    let sequence = object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyTuple>()
        || object.is_exact_instance_of::<PySet>()
        || object.is_exact_instance_of::<PyFrozenSet>();
    sequence.then(|| {
        object
            .try_iter()
            .map(|items| items.take(MAX_ITEMS).map_while(|item| item.tolerated()).collect())
            .tolerated()
            .unwrap_or_default()
    })
}

/// The functions inside the wrappers of the standard library: `property`, `partial` and the like.
fn wrapped_parts<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let kind = object.get_type();
    // The name alone proves nothing: the script may define a class with the same name.
    let names: &[&str] = match (genuine_module(&kind)?.as_str(), kind.name().tolerated()?.to_string_lossy().as_ref()) {
        ("builtins", "staticmethod" | "classmethod" | "method") => &["__func__"],
        ("builtins", "property") => &["fget", "fset", "fdel"],
        ("functools", "_lru_cache_wrapper") => &["__wrapped__"],
        ("functools", "partial") => &["func", "args", "keywords"],
        ("functools", "cached_property" | "partialmethod" | "singledispatchmethod") => &["func"],
        _ => return None,
    };
    Some(names.iter().filter_map(|name| object.getattr(*name).tolerated()).collect())
}

/// Whether the `__module__` of a class is the session's module.
fn is_of(class: &Bound<'_, PyType>, session: &Bound<'_, PyAny>) -> bool {
    let module = namespace_of(class).and_then(|names| names.get_item("__module__").tolerated());
    let Some(module) = module else { return false };
    let (Ok(module), Ok(session)) = (module.cast_exact::<PyString>(), session.cast_exact::<PyString>()) else {
        return false;
    };
    module.to_string_lossy() == session.to_string_lossy()
}

/// The values in the namespace of a class.
fn members<'py>(class: &Bound<'py, PyType>) -> Vec<Bound<'py, PyAny>> {
    let values = namespace_of(class).and_then(|names| names.call_method0("values").tolerated());
    values
        .and_then(|values| {
            Some(values.try_iter().tolerated()?.take(MAX_ITEMS).map_while(|item| item.tolerated()).collect())
        })
        .unwrap_or_default()
}

/// The values in the `__dict__` of an instance, unless its class overrides `__dict__`.
fn attributes<'py>(instance: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    // As CPython does, use the first class in the MRO that defines `__dict__`.
    for class in instance.get_type().order() {
        let Ok(class) = class.cast_into::<PyType>() else { break };
        let Some(getter) = namespace_of(&class).and_then(|names| names.get_item("__dict__").tolerated()) else {
            continue;
        };
        // Any other descriptor, such as a property, would run the script's code.
        if getter.get_type().name().tolerated().is_some_and(|name| name == "getset_descriptor") {
            let dict = getter.call_method1("__get__", (instance,)).tolerated();
            return dict.and_then(|dict| items(&dict)).unwrap_or_default();
        }
        break;
    }
    Vec::new()
}

/// The namespace of a class, from `type` itself: a metaclass may override `__dict__`.
fn namespace_of<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
    let descriptor =
        class.py().get_type::<PyType>().getattr("__dict__").tolerated()?.get_item("__dict__").tolerated()?;
    descriptor.call_method1("__get__", (class,)).tolerated()
}

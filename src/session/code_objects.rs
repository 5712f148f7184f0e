//! Reads code objects without running them: the lines that assign a name, and the globals that a function uses.
//!
//! The wordcode is the format of `co_code` in CPython 3.10 to 3.15: two bytes per instruction, with EXTENDED_ARG before
//! one whose argument is larger than a byte. The opcode numbers differ between versions, and come from the running
//! Python's `opcode` module.

use std::collections::HashMap;
use std::sync::OnceLock;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyCode, PyDict, PyString, PyTuple};
use rustc_hash::FxHashSet;

use super::code_search::code_within;
use crate::python::deferred_signals::Tolerated as _;

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
    /// The numbers never change within a process, so they are read once.
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

//! What code objects tell without running: the lines that assign a name, the globals that a function uses.
//!
//! Reads the wordcode as CPython stores it in `co_code` (two bytes an instruction, EXTENDED_ARG in front of
//! large arguments, the same from 3.10 to 3.13); opcode numbers come from the running Python's own `opcode`.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyCode, PyDict, PyString, PyTuple};

use super::codes;

/// The opcodes that name globals, in the numbering of the running Python.
pub struct Opcodes {
    store_name: Option<u8>,
    store_global: Option<u8>,
    load_global: Option<u8>,
    /// Opcodes that look a name up among the globals, and whose argument is its index as it stands.
    load: Vec<u8>,
    extended: Option<u8>,
    /// From 3.11 on the lowest bit of LOAD_GLOBAL's argument says something else.
    load_global_shift: u32,
}

/// One instruction.
struct Instruction {
    opcode: u8,
    argument: usize,
    /// In bytes from the start of `co_code`.
    offset: usize,
}

impl Opcodes {
    /// Asks the running Python.
    pub fn of(py: Python<'_>) -> PyResult<Self> {
        let map = py.import("opcode")?.getattr("opmap")?;
        let number = |name: &str| map.get_item(name).and_then(|number| number.extract::<u8>()).ok();
        Ok(Self {
            store_name: number("STORE_NAME"),
            store_global: number("STORE_GLOBAL"),
            load_global: number("LOAD_GLOBAL"),
            load: ["LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"].into_iter().filter_map(number).collect(),
            extended: number("EXTENDED_ARG"),
            load_global_shift: u32::from(py.version_info() >= (3, 11)),
        })
    }

    /// For each global name that a module's code assigns, the last line that does so.
    pub fn lines(&self, module_code: &Bound<'_, PyAny>) -> PyResult<HashMap<String, u32>> {
        let mut lines = HashMap::new();
        for (depth, code) in nested(module_code)? {
            // STORE_NAME in a nested code object is a class body's own namespace.
            let stores = [self.store_global, self.store_name.filter(|_| depth == 0)];
            let names = names_of(&code)?;
            let table = line_table(&code)?;
            for instruction in self.instructions(&code)? {
                let Some(name) = names.get(instruction.argument) else { continue };
                if stores.contains(&Some(instruction.opcode))
                    && let Some(line) = line_at(&table, instruction.offset)
                {
                    let last = lines.entry(name.clone()).or_insert(line);
                    *last = line.max(*last);
                }
            }
        }
        Ok(lines)
    }

    /// The names of `namespace` that the code within an object may look up or assign: a function's, a class's methods',
    /// that of functions in a container. What cannot be looked into uses nothing.
    pub fn globals_used(&self, object: &Bound<'_, PyAny>, namespace: &Bound<'_, PyDict>) -> HashSet<String> {
        let mut used = HashSet::new();
        for root in codes::within(object, namespace) {
            // Code objects are Python's own: reading them does not fail.
            let _ = self.add_globals(&root, &mut used);
        }
        used
    }

    fn add_globals(&self, root: &Bound<'_, PyAny>, used: &mut HashSet<String>) -> PyResult<()> {
        for (_, code) in nested(root)? {
            let names = names_of(&code)?;
            for instruction in self.instructions(&code)? {
                if let Some(index) = self.global_index(&instruction)
                    && let Some(name) = names.get(index)
                {
                    used.insert(name.clone());
                }
            }
        }
        Ok(())
    }

    fn global_index(&self, instruction: &Instruction) -> Option<usize> {
        if Some(instruction.opcode) == self.load_global {
            return Some(instruction.argument >> self.load_global_shift);
        }
        let plain = self.load.contains(&instruction.opcode) || Some(instruction.opcode) == self.store_global;
        plain.then_some(instruction.argument)
    }

    fn instructions(&self, code: &Bound<'_, PyAny>) -> PyResult<Vec<Instruction>> {
        let bytes = code.getattr("co_code")?;
        let bytes = bytes.cast::<PyBytes>()?.as_bytes();
        let mut found = Vec::with_capacity(bytes.len() / 2);
        let mut high = 0;
        for (index, unit) in bytes.chunks_exact(2).enumerate() {
            let argument = high | usize::from(unit[1]);
            if Some(unit[0]) == self.extended {
                high = (argument & 0x00ff_ffff) << 8;
                continue;
            }
            high = 0;
            found.push(Instruction { opcode: unit[0], argument, offset: 2 * index });
        }
        Ok(found)
    }
}

/// A code object and all those among its constants, each with its depth.
fn nested<'py>(root: &Bound<'py, PyAny>) -> PyResult<Vec<(usize, Bound<'py, PyAny>)>> {
    let mut found = vec![(0, root.clone())];
    let mut next = 0;
    while let Some((depth, code)) = found.get(next).cloned() {
        for constant in code.getattr("co_consts")?.cast::<PyTuple>()? {
            if constant.is_instance_of::<PyCode>() {
                found.push((depth + 1, constant));
            }
        }
        next += 1;
    }
    Ok(found)
}

fn names_of(code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    code.getattr("co_names")?.cast::<PyTuple>()?.iter().map(|name| Ok(name.cast::<PyString>()?.to_string())).collect()
}

/// `(start, end, line)` of each run of instructions, in bytes.
fn line_table(code: &Bound<'_, PyAny>) -> PyResult<Vec<(usize, usize, Option<u32>)>> {
    code.call_method0("co_lines")?.try_iter()?.map(|row| row?.extract()).collect()
}

fn line_at(table: &[(usize, usize, Option<u32>)], offset: usize) -> Option<u32> {
    let at = table.partition_point(|(_, end, _)| *end <= offset);
    table.get(at).filter(|(start, ..)| *start <= offset).and_then(|(_, _, line)| *line)
}

//! The state of a pickler: what has been written, what has been seen, what is known of types.
//!
//! It is locked while opcodes are written and unlocked whenever Python code may run, as that code may come back to
//! the same pickler: dill's functions do.

use std::collections::HashMap;

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::faults::Search;
use super::memo::Memo;
use super::output::Output;
use super::types::Info;

/// See the module.
pub(super) struct Core {
    pub(super) out: Output,
    pub(super) memo: Memo,
    /// What is known of types, by their addresses; the references keep the addresses from being used again.
    pub(super) types: HashMap<usize, (Py<PyType>, Info), Spread>,
    /// Module dicts are written by name: their addresses, and the modules' names.
    pub(super) module_dicts: HashMap<usize, String, Spread>,
    /// The namespace that is being saved; 0 where there is none.
    pub(super) main_dict: usize,
    /// Objects that are being made from their reductions and have no slot yet, and how often each is under way: one that
    /// is reached through its own arguments is asked again.
    pub(super) building: HashMap<usize, u32, Spread>,
    /// The list, by address, that an array of objects has made of its items to be pickled: it holds them a second time.
    pub(super) second_list: usize,
    /// What the segment needs from outside.
    pub(super) facts: Facts,
    /// The objects that were being saved when something failed, innermost first.
    pub(super) fault: Vec<Py<PyAny>>,
    /// Where all faults are looked for, what was found so far.
    pub(super) search: Option<Search>,
}

/// What a segment needs from outside, noted while it is written.
#[derive(Default)]
pub(crate) struct Facts {
    /// The first slot that belongs to the segment.
    pub(crate) first_slot: u32,
    /// Earlier slots that it takes objects from, as they come.
    pub(crate) takes: Vec<u32>,
    /// The globals that loading it looks up, as `module name`, each once.
    pub(crate) imports: Vec<String>,
    /// Whether it holds code objects.
    pub(crate) has_code: bool,
    /// What will be otherwise after a load.
    pub(crate) notes: Vec<String>,
    /// The last two texts that Python code saved: half of a STACK_GLOBAL each.
    pub(super) texts: [String; 2],
}

impl Facts {
    /// Notes a global.
    pub(super) fn import(&mut self, module: &str, name: &str) {
        let import = format!("{module} {name}");
        if !self.imports.contains(&import) {
            self.imports.push(import);
        }
    }
}

/// How often an object may be under way at once. CPython's pickle ends such a thing when its stack is full.
const BUILT_AT_ONCE: u32 = 100;

impl Core {
    /// Notes that an object is being made from its reduction.
    pub(super) fn begin_building(&mut self, address: usize) -> PyResult<()> {
        let count = self.building.entry(address).or_default();
        *count += 1;
        if *count > BUILT_AT_ONCE {
            return Err(PyRecursionError::new_err("the object is made from itself, without end"));
        }
        Ok(())
    }

    /// Notes that it is made.
    pub(super) fn end_building(&mut self, address: usize) {
        if let Some(count) = self.building.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.building.remove(&address);
            }
        }
    }

    /// Writes a reference to an object that has a slot; returns false where it has none.
    #[inline]
    pub(super) fn get(&mut self, address: usize) -> bool {
        let Some(slot) = self.memo.get(address) else { return false };
        self.get_slot(slot);
        true
    }

    #[inline]
    pub(super) fn get_slot(&mut self, slot: u32) {
        if slot < self.facts.first_slot && self.facts.takes.last() != Some(&slot) {
            self.facts.takes.push(slot);
        }
        match u8::try_from(slot) {
            Ok(short) => self.out.op_u8(super::op::BINGET, short),
            Err(_) => self.out.op_u32(super::op::LONG_BINGET, slot),
        }
    }

    /// Gives the object on top of the stack the next slot. One that has a slot already keeps it.
    #[inline]
    pub(super) fn memoize(&mut self, object: &Bound<'_, PyAny>) {
        if self.memo.put(object) {
            self.out.byte(super::op::MEMOIZE);
        }
    }

    /// Whether an object has a slot in this very segment, or in none that a load may have to do without.
    ///
    /// Texts and imported names are written again in each segment that has them, rather than taken from an earlier one:
    /// so a variable that cannot be loaded is not missed by others for a mere name in it.
    #[inline]
    pub(super) fn is_near(&self, slot: u32) -> bool {
        slot >= self.facts.first_slot
    }

    /// Gives the object on top of the stack a slot in this segment.
    pub(super) fn memoize_here(&mut self, object: &Bound<'_, PyAny>) {
        self.memo.renew(object);
        self.out.byte(super::op::MEMOIZE);
    }

    /// Writes a module's namespace by name, as dill does; returns false for any other dict.
    pub(super) fn module_dict(&mut self, address: usize) -> bool {
        if address == self.main_dict {
            // dill's unpickler takes this for the namespace that it restores.
            self.out.slice(b"c__builtin__\n__main__\n");
            self.facts.import("__builtin__", "__main__");
            return true;
        }
        let Some(module) = self.module_dicts.get(&address).cloned() else { return false };
        self.out.slice(format!("c{module}\n__dict__\n").as_bytes());
        self.facts.import(&module, "__dict__");
        true
    }

    /// Writes a reference by name. The two texts are not memoized: the object that they name will be.
    pub(super) fn global(&mut self, module: &str, name: &str) {
        self.out.text(module);
        self.out.text(name);
        self.out.byte(super::op::STACK_GLOBAL);
        self.facts.import(module, name);
    }
}

/// Spreads addresses, which have zeros at their ends, over a hash table.
#[derive(Clone, Default)]
pub(super) struct Spread(u64);

impl std::hash::BuildHasher for Spread {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl std::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, address: usize) {
        let mixed = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

//! The state of a pickler: the output, the memo, and the things that the current segment needs from outside.
//!
//! The engine locks it while opcodes are written and unlocks it whenever Python code may run: such code may come back
//! to the same pickler, as dill's functions do. This file knows opcodes and slots; which object is pickled in which way
//! is decided elsewhere.

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::functions::{CodeSources, DillAnnotations, ExecNamespaces, OpenCells};
use super::hash_cycles::{HashCycles, Postponed, PostponedNumber};
use super::lost_items::LostItems;
use super::object_memo::ObjectMemo;
use super::output::OpcodeOutput;
use super::unloadable::CheckedRanges;
use crate::pickle::format::opcode::Opcode;

pub(super) struct PicklerState {
    pub(super) out: OpcodeOutput,
    pub(super) memo: ObjectMemo,
    /// Addresses of the types whose instances consist of a `__dict__` only: the fast path writes these. The value is
    /// whether the type has a `__hash__` of its own.
    pub(super) plain_types: FxHashMap<usize, bool>,
    /// Addresses of the types whose instances may fail to load.
    pub(super) unproven_types: FxHashSet<usize>,
    /// Addresses of the types whose instances may be written again in each segment: see
    /// [`repeated_values`](super::repeated_values).
    pub(super) repeated_types: FxHashSet<usize>,
    /// Addresses of the classes and functions that no import finds: they are written once in a session.
    pub(super) script_objects: FxHashSet<usize>,
    /// The names of modules by the addresses of their dicts: such a dict is written as a reference to its module.
    /// `None` until a dict comes that may be one.
    pub(super) module_dicts: Option<FxHashMap<usize, String>>,
    /// The address of the namespace that is being saved.
    pub(super) main_dict: usize,
    /// Objects whose reduction is being written and that have no slot yet, with the number of reductions under way: an
    /// object that its own arguments lead back to is reduced again.
    building: FxHashMap<usize, u32>,
    /// Addresses of the classes whose attributes are being written.
    pub(super) unfinished_classes: FxHashSet<usize>,
    /// Addresses of the classes that are created, in this segment, with their whole namespace at once.
    whole_classes: FxHashSet<usize>,
    /// The dicts in which `exec` made functions.
    pub(super) namespaces: ExecNamespaces,
    /// The functions and classes that are being created, and their cells.
    pub(super) cells: OpenCells,
    /// Functions that dill writes without their annotations.
    pub(super) dill_annotations: DillAnnotations,
    /// The address of a list that `numpy.ndarray.__reduce__` made of its items: the array holds each item a second
    /// time.
    pub(super) copied_list: usize,
    /// Objects that must not be hashed yet.
    pub(super) cycles: HashCycles,
    /// The slot of the first one; `u32::MAX` if there is none.
    first_unfinished: u32,
    /// The sources of the code in all segments, and perhaps of code that was discarded.
    pub(super) sources: CodeSources,
    pub(super) needs: SegmentNeeds,
    /// The objects that were being saved when an error occurred, innermost first.
    pub(super) failed: Vec<Py<PyAny>>,
    /// Objects that are replaced by a marker.
    pub(super) lost: LostItems,
    /// How many functions of dill are saving objects with this pickler, one within the other.
    pub(super) dill_calls: usize,
}

/// The things that a segment needs from outside, recorded while it is written.
#[derive(Default)]
pub(super) struct SegmentNeeds {
    /// The first memo slot that belongs to the segment.
    pub(super) first_slot: u32,
    /// Earlier slots that the segment refers to, in order of use, with repetitions.
    pub(super) takes: Vec<u32>,
    /// The globals that loading the segment looks up, as `module name`, without repetitions.
    pub(super) imports: Vec<String>,
    pub(super) has_code: bool,
    /// The names of sources that are in no file, without repetitions.
    pub(super) sources: Vec<String>,
    /// The modules among the objects, without repetitions.
    pub(super) modules: Vec<String>,
    /// Differences to expect after a load, for the user.
    pub(super) notes: Vec<String>,
    /// The objects that may fail to load.
    pub(super) checked: CheckedRanges,
}

impl SegmentNeeds {
    /// Records a global.
    pub(super) fn import(&mut self, module: &str, name: &str) {
        let is_same = |known: &String| {
            known.strip_prefix(module).and_then(|rest| rest.strip_prefix(' ')).is_some_and(|known| known == name)
        };
        if !self.imports.iter().any(is_same) {
            self.imports.push(format!("{module} {name}"));
        }
    }
}

/// The name of the module that scripts import.
pub(super) const OWN_MODULE: &str = "snapcli";

/// The fewest names of a module: `__name__`, `__doc__`, `__package__`, `__loader__` and `__spec__`.
const LEAST_NAMESPACE: usize = 5;

/// The most reductions of one object that may be under way at once. CPython's pickle raises RecursionError in this case
/// when its stack is full.
const REDUCTIONS_AT_ONCE: u32 = 100;

impl PicklerState {
    pub(super) fn new(out: OpcodeOutput, main_dict: usize) -> Self {
        Self {
            out,
            memo: ObjectMemo::new(),
            plain_types: FxHashMap::default(),
            unproven_types: FxHashSet::default(),
            cycles: HashCycles::default(),
            first_unfinished: u32::MAX,
            repeated_types: FxHashSet::default(),
            script_objects: FxHashSet::default(),
            module_dicts: None,
            main_dict,
            building: FxHashMap::default(),
            unfinished_classes: FxHashSet::default(),
            whole_classes: FxHashSet::default(),
            namespaces: ExecNamespaces::default(),
            cells: OpenCells::default(),
            dill_annotations: DillAnnotations::default(),
            copied_list: 0,
            sources: CodeSources::default(),
            needs: SegmentNeeds::default(),
            failed: Vec::new(),
            lost: LostItems::default(),
            dill_calls: 0,
        }
    }

    /// Begins a segment at the file offset `position`, whose value may take `most` bytes.
    pub(super) fn begin_segment(&mut self, position: u64, most: u64) {
        self.out.begin(position, most);
        self.needs = SegmentNeeds { first_slot: self.memo.len() as u32, ..SegmentNeeds::default() };
        self.failed.clear();
        self.dill_calls = 0;
        self.building.clear();
        self.unfinished_classes.clear();
        self.whole_classes.clear();
        self.namespaces.begin_segment();
        self.cut_unfinished(0);
    }

    /// Records that a class will be created with its whole namespace at once. Returns false if that is being written
    /// already, and has led to the class again.
    pub(super) fn begin_whole_class(&mut self, class: &Bound<'_, PyAny>) -> bool {
        self.whole_classes.insert(class.as_ptr() as usize)
    }

    /// The object on top of the unpickler's stack must not be hashed before it has its attributes.
    pub(super) fn begin_unfinished(&mut self, object: &Bound<'_, PyAny>) {
        if let Some(slot) = self.memo.get(object.as_ptr() as usize) {
            self.cycles.begin(slot);
            self.first_unfinished = self.cycles.first_slot();
        }
    }

    /// The object in this slot has its attributes. Returns the items that had to wait for them.
    pub(super) fn end_unfinished<'py>(&mut self, py: Python<'py>, slot: u32) -> Vec<(PostponedNumber, Postponed<'py>)> {
        let postponed = self.cycles.end(py, slot);
        self.first_unfinished = self.cycles.first_slot();
        postponed
    }

    /// Forgets the unfinished objects after the first `count`.
    pub(super) fn cut_unfinished(&mut self, count: usize) {
        self.cycles.cut(count);
        self.first_unfinished = self.cycles.first_slot();
    }

    /// Records that an object's reduction is being written.
    ///
    /// # Errors
    /// A RecursionError if the reduction leads to the object again and again.
    pub(super) fn begin_building(&mut self, address: usize) -> PyResult<()> {
        let count = self.building.entry(address).or_default();
        *count += 1;
        if *count > REDUCTIONS_AT_ONCE {
            return Err(PyRecursionError::new_err("infinite recursion: the object is needed to create itself"));
        }
        Ok(())
    }

    /// Records that the object exists on the unpickler's stack.
    pub(super) fn end_building(&mut self, address: usize) {
        if let Some(count) = self.building.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.building.remove(&address);
            }
        }
    }

    /// Writes a reference to an object that has a slot. Returns false, and writes nothing, if it has none.
    #[inline]
    pub(super) fn write_get(&mut self, address: usize) -> bool {
        let Some(slot) = self.memo.get(address) else { return false };
        self.write_slot(slot);
        true
    }

    #[inline]
    pub(super) fn write_slot(&mut self, slot: u32) {
        // The same object often occurs several times in a row. `SessionPickler::end` removes other repetitions.
        if slot < self.needs.first_slot && self.needs.takes.last() != Some(&slot) {
            self.needs.takes.push(slot);
        }
        if slot >= self.first_unfinished {
            self.cycles.note_reference(slot);
        }
        match u8::try_from(slot) {
            Ok(short) => self.out.op_u8(Opcode::BinGet, short),
            Err(_) => self.out.op_u32(Opcode::LongBinGet, slot),
        }
    }

    /// Gives the object on top of the stack the next slot, unless it has one in the current segment. An object that has
    /// one in an earlier segment is being written again.
    #[inline]
    pub(super) fn memoize(&mut self, object: &Bound<'_, PyAny>) {
        if self.memo.put(object) {
            self.out.op(Opcode::Memoize);
        } else if self.slot_in_segment(object.as_ptr() as usize).is_none() {
            self.memoize_in_segment(object);
        }
    }

    /// The slot of an object, if the current segment has written the object.
    #[inline]
    pub(super) fn slot_in_segment(&self, address: usize) -> Option<u32> {
        self.memo.get(address).filter(|slot| self.is_in_segment(*slot))
    }

    /// Whether a slot belongs to the current segment.
    #[inline]
    pub(super) fn is_in_segment(&self, slot: u32) -> bool {
        slot >= self.needs.first_slot
    }

    /// Gives the object on top of the stack a slot in the current segment, even if it has one in an earlier segment.
    pub(super) fn memoize_in_segment(&mut self, object: &Bound<'_, PyAny>) {
        self.memo.renew(object);
        self.out.op(Opcode::Memoize);
    }

    /// Whether a dict is the namespace of the session or of a module, as far as modules were searched.
    pub(super) fn is_module_dict(&self, address: usize) -> bool {
        address == self.main_dict || self.module_dicts.as_ref().is_some_and(|dicts| dicts.contains_key(&address))
    }

    /// Whether a dict of this many items may be the namespace of a module, and modules were not searched yet: Python
    /// gives each module five names.
    pub(super) fn may_be_module_dict(&self, length: usize) -> bool {
        length >= LEAST_NAMESPACE && self.module_dicts.is_none()
    }

    /// Adds the dict of a module that was loaded later.
    pub(super) fn add_module_dict(&mut self, address: usize, module: &str) {
        self.module_dicts.get_or_insert_default().insert(address, module.to_owned());
    }

    /// Writes the dict of a module as a global, as dill does. Returns false, and writes nothing, for any other dict.
    pub(super) fn write_module_dict(&mut self, address: usize) -> bool {
        if address == self.main_dict {
            // dill's `Unpickler.find_class` replaces exactly this global by the namespace that it restores.
            self.out.global_lines("__builtin__", "__main__");
            self.needs.import("__builtin__", "__main__");
            return true;
        }
        let Some(module) = self.module_dicts.as_ref().and_then(|dicts| dicts.get(&address)) else { return false };
        self.out.global_lines(module, "__dict__");
        self.needs.import(module, "__dict__");
        true
    }

    /// Writes a global. Its two strings are not memoized: the object that they name will be.
    pub(super) fn write_global(&mut self, module: &str, name: &str) {
        self.out.string(module);
        self.out.string(name);
        self.out.op(Opcode::StackGlobal);
        self.needs.import(module, name);
    }

    /// Writes an object as a global, or as a reference if the current segment has written it already.
    pub(super) fn write_global_once(&mut self, module: &str, name: &str, object: &Bound<'_, PyAny>) {
        match self.slot_in_segment(object.as_ptr() as usize) {
            Some(slot) => self.write_slot(slot),
            None => {
                self.write_global(module, name);
                self.memoize_in_segment(object);
            }
        }
    }

    /// Writes a global by its code in `copyreg._extension_registry`, which is not memoized.
    pub(super) fn write_extension(&mut self, code: u32) {
        match (u8::try_from(code), u16::try_from(code)) {
            (Ok(short), _) => self.out.op_u8(Opcode::Ext1, short),
            (_, Ok(short)) => self.out.op_u16(Opcode::Ext2, short),
            _ => self.out.op_u32(Opcode::Ext4, code),
        }
    }

    /// Writes the call `dill._dill._import_module(name)`, which makes a module.
    pub(super) fn write_module(&mut self, name: &str) {
        self.write_global("dill._dill", "_import_module");
        self.out.string(name);
        // The second argument, `safe`, makes it return None if the import fails. dill must be able to load a session
        // that has the module `snapcli` where that is not installed.
        if name == OWN_MODULE {
            self.out.ops([Opcode::NewTrue, Opcode::Tuple2, Opcode::Reduce]);
            return;
        }
        self.out.ops([Opcode::Tuple1, Opcode::Reduce]);
        if !self.needs.modules.iter().any(|known| known == name) {
            self.needs.modules.push(name.to_owned());
        }
    }

    /// Writes a function of the module `snapcli`: `getattr(module, name, NoneType)`. Where there is no such module, a
    /// load gets `NoneType` instead, whose call raises an error.
    pub(super) fn write_own_function(&mut self, name: &str) {
        self.write_global("builtins", "getattr");
        self.write_module(OWN_MODULE);
        self.out.string(name);
        self.write_global("types", "NoneType");
        self.out.ops([Opcode::Tuple3, Opcode::Reduce]);
    }

    /// Memoizes the object that the preceding opcodes create. If its own arguments led to it, it already has a slot:
    /// then the second copy is popped and the first one is used, as in CPython's `save_reduce`.
    pub(super) fn memoize_or_replace(&mut self, object: &Bound<'_, PyAny>) {
        self.end_building(object.as_ptr() as usize);
        match self.slot_in_segment(object.as_ptr() as usize) {
            Some(slot) => {
                self.out.op(Opcode::Pop);
                self.write_slot(slot);
            }
            None => self.memoize(object),
        }
    }
}

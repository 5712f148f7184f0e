//! The pickler: objects to opcodes of protocol 5, with the meaning of dill.
//!
//! [`engine`] executes: it works through a list of work items, locks the [`pickler_state`], and calls the fast path in
//! [`native_types`]. It asks handlers ([`reduce`], [`named_objects`], [`resources`], [`classes`], [`functions`]) for
//! everything else. A handler runs Python code and returns a [`plan`]; it never calls the engine. [`strategy`] chooses
//! the handler for a type. dill pickles everything else: [`dill_library`] is the interface that we use of dill,
//! [`dill_adapter`] the interface that dill uses of us.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict};

mod annotations;
mod buffer_view;
pub(crate) mod class_attributes;
mod classes;
mod container_iterator;
mod dill_adapter;
mod dill_library;
mod early_bindings;
mod engine;
mod exceptions;
mod fault_search;
mod finalizers;
mod functions;
mod global_names;
mod hash_cycles;
mod joined_strings;
mod lazy_imports;
mod load_hooks;
mod lost_items;
mod memory;
mod named_instance;
mod named_objects;
mod native_types;
mod object_memo;
mod output;
mod pickle_context;
mod pickler_state;
mod plan;
mod process_bound;
mod raw_instances;
mod reduce;
mod repeated_values;
mod replaceable;
mod resources;
mod save_trial;
mod session_pickler;
mod strategy;
mod submodules;
mod unkept_state;
mod unloadable;
mod weak_objects;
mod without_dill;

pub(crate) use self::annotations::Annotations;
pub(crate) use self::buffer_view::PyBufferView;
pub(crate) use self::classes::is_scalar;
pub(crate) use self::dill_library::{DillImporter, ImportedNames};
pub(crate) use self::early_bindings::EarlyBindings;
pub(crate) use self::functions::CLASS_NAMES;
pub(crate) use self::global_names::{global_name, loaded_modules, module_dicts};
pub(crate) use self::lazy_imports::{is_lazy_import, shown_statement};
pub(crate) use self::load_hooks::load_may_fail;
pub(crate) use self::lost_items::LostItems;
pub(crate) use self::output::{SegmentSink, StopReason};
pub(crate) use self::pickle_context::SingletonNames;
pub(crate) use self::session_pickler::{
    ChangedAttribute, Fault, FaultRequest, SaveFailure, SavedValue, SessionPickler, all_faults,
};
pub(crate) use self::submodules::names_in_code;
pub(crate) use self::unloadable::{CannotLoad, CheckedRange, UnloadableObjects};

use self::engine::NestedSave;
use self::output::OpcodeOutput;
use self::pickle_context::{PickleContext, SinglePickle};
use crate::pickle::format::opcode::Opcode;

/// The protocol that the pickler writes.
const PROTOCOL: u8 = 5;

/// Pickles one object as a whole pickle, in frames, with the meaning of `dill.dumps`. `options` are dill's.
pub(crate) fn dumps<'py>(
    object: &Bound<'py, PyAny>,
    importer: DillImporter,
    options: Py<PyDict>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = object.py();
    // A `__reduce__` may pickle the very object that it is called on.
    let _nested = NestedSave::enter()?;
    let main = py.import("__main__")?;
    let single = SinglePickle { options, buffer_callback: buffer_callback.map(Bound::unbind) };
    let out = OpcodeOutput::whole();
    let context = Arc::new(PickleContext::new(&main, importer, save_trial::CALLS, out, Some(single))?);
    context.memory.expect(vec![object.clone().unbind()]);
    context.lock()?.out.op_u8(Opcode::Proto, PROTOCOL);
    let saved = engine::save(&context, object);
    dill_adapter::disconnect(&context, py);
    saved?;
    let mut state = context.lock()?;
    state.out.between_opcodes()?;
    state.out.op(Opcode::Stop);
    state.out.close_frame();
    state.out.finish(py)
}

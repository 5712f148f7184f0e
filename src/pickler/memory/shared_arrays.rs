//! Arrays of numpy that share their memory: `numpy.ndarray(shape, dtype, buffer, offset, strides)`.
//!
//! The buffer is the base, or the raw buffer that several arrays share. Any other array is written by numpy's own
//! reduction.
#![allow(unsafe_code)]

use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple, PyType};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::reduce;
use super::array_layout::ArrayLayout;
use super::memory_block::MemoryBlock;
use super::memory_survey::base_of;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The references to an array that only one container has: that one, and the one of the pickler.
const UNSHARED: usize = 2;
/// The references to an array that is a variable: from the namespace, from the list of variables to save, and from the
/// survey.
const OF_VARIABLE: usize = 3;

/// The plan for an exact `numpy.ndarray`.
pub(in crate::pickler) fn plan_array<'py>(
    context: &Arc<PickleContext>,
    array: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let py = array.py();
    if !may_share(context, array)? {
        return reduce::plan(context, array);
    }
    let survey = context.memory.survey(context, py)?;
    let Some(layout) = ArrayLayout::of_array(array)? else { return reduce::plan(context, array) };
    match survey.block_of(array, &layout).filter(|block| fits(context, block, &layout)) {
        Some(block) => plan_shared(array, &layout, block),
        None => reduce::plan(context, array),
    }
}

/// Whether an array may share its memory. Cheap, and never wrongly false for arrays that the session has.
fn may_share(context: &PickleContext, array: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = array.py();
    let base = array.getattr(pyo3::intern!(py, "base"))?;
    let unshared = || match context.memory.occurrences(array) {
        0 => UNSHARED,
        variables => OF_VARIABLE * variables,
    };
    if references(array) > UNSHARED && references(array) > unshared() {
        return Ok(true);
    }
    if base.is_none() {
        return Ok(false);
    }
    // Memory of anything but an array, such as a `mmap` or a tensor: others may use it.
    if !base.get_type().is(array.get_type()) {
        return Ok(true);
    }
    let size = |array: &Bound<'_, PyAny>| array.getattr(pyo3::intern!(py, "nbytes"))?.extract::<usize>();
    Ok(references(&base) > UNSHARED || size(array)? > size(&base)? || has_foreign_base(&base)?)
}

/// Whether the memory of a base belongs to a tensor: others can use it without referring to the base.
fn has_foreign_base(base: &Bound<'_, PyAny>) -> PyResult<bool> {
    let owner = base_of(base)?.getattr("base")?;
    Ok(!owner.is_none()
        && owner.get_type().module().tolerated().is_some_and(|module| module != "builtins" && module != "mmap"))
}

fn references(object: &Bound<'_, PyAny>) -> usize {
    // SAFETY: a live object.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }.unsigned_abs()
}

/// Whether the segment has room for a block. If not, the array is written alone: it may be much smaller.
fn fits(context: &PickleContext, block: &MemoryBlock, layout: &ArrayLayout) -> bool {
    let room = context.lock().map_or(u64::MAX, |state| state.out.room());
    block.range.len() as u64 <= room || layout.length >= block.range.len()
}

fn plan_shared<'py>(array: &Bound<'py, PyAny>, layout: &ArrayLayout, block: &MemoryBlock) -> PyResult<ObjectPlan<'py>> {
    let py = array.py();
    let base = block.base.as_ref().map(|base| base.bind(py));
    let is_view = !base.is_some_and(|base| base.is(array));
    let base = match base.filter(|_| is_view) {
        // A view of a read-only base can be writable if it was made before the base was made read-only.
        Some(base) if base_of(array)?.is(base) && (is_writable(base)? || !layout.is_writable) => Some(base),
        _ => None,
    };
    let (buffer, loads_writable) = match base {
        Some(base) => (base.clone(), is_writable(base)?),
        None => (block.buffer(py)?, block.is_writable),
    };
    let class = array.get_type();
    let arguments = PyTuple::new(
        py,
        [
            array.getattr("shape")?,
            array.getattr("dtype")?,
            buffer,
            (layout.data - block.range.start).into_pyobject(py)?.into_any(),
            array.getattr("strides")?,
        ],
    )?;
    let mut actions = vec![
        Action::BeginBuilding(array.clone()),
        Action::Save(class.clone().into_any()),
        Action::Save(arguments.into_any()),
        Action::Write(Opcode::NewObj),
        Action::Memoize(array.clone()),
    ];
    if loads_writable && !layout.is_writable {
        actions.extend(make_read_only(array, &class)?);
    }
    Ok(ObjectPlan::actions(array, actions))
}

fn is_writable(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    array.getattr("flags")?.getattr("writeable")?.is_truthy()
}

/// `numpy.ndarray.setflags(array, False)`, whose result is dropped.
fn make_read_only<'py>(array: &Bound<'py, PyAny>, class: &Bound<'py, PyType>) -> PyResult<[Action<'py>; 6]> {
    let setter = class.getattr("setflags")?;
    Ok([
        Action::Global { module: "numpy", name: "ndarray.setflags", object: Some(setter) },
        Action::Save(array.clone()),
        Action::Write(Opcode::NewFalse),
        Action::Write(Opcode::Tuple2),
        Action::Write(Opcode::Reduce),
        Action::Write(Opcode::Pop),
    ])
}

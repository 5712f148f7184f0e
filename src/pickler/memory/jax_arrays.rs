//! Arrays of jax in the memory of the CPU: written as the array of numpy that uses the same memory.
//!
//! jax itself copies an array into a `bytes` object to pickle it, and copies it again when it is loaded. By DLPack it
//! uses the memory of numpy's array, which may be a part of a mapped file.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::reduce;
use super::array_layout::ArrayLayout;
use super::memory_block::{MemoryBlock, MemoryOwner};
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// Smaller arrays, in bytes, are copied: numpy's small arrays need not be aligned as jax wants them.
const SMALLEST_SHARED: usize = 64 << 10;
/// The kinds of dtypes that DLPack and numpy both know: floats, signed and unsigned integers, complex numbers.
const KINDS: &str = "fiuc";

/// The plan for a `jax.Array`: `jax.numpy.from_dlpack(array)` or `jax.numpy.asarray(array)`. An array of numpy does not
/// have a weak type, a device other than the CPU, or several devices: these are left to jax.
pub(in crate::pickler) fn plan_jax_array<'py>(
    context: &Arc<PickleContext>,
    array: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let py = array.py();
    if !is_plain(array).tolerated().unwrap_or(false) {
        return reduce::plan(context, array);
    }
    // It uses the memory of the array.
    let values = py.import("numpy")?.getattr("asarray")?.call1((array,))?;
    let layout = ArrayLayout::of_array(&values)?.filter(|layout| layout.is_contiguous);
    let kind: String = values.getattr("dtype")?.getattr("kind")?.extract()?;
    let shared = layout.filter(|layout| layout.length >= SMALLEST_SHARED && KINDS.contains(&kind));
    let numpy = py.import("jax.numpy")?;
    let mut actions = vec![Action::BeginBuilding(array.clone())];
    let function = |name| Action::Global { module: "jax.numpy", name, object: numpy.getattr(name).tolerated() };
    match shared {
        Some(layout) => {
            actions.push(function("from_dlpack"));
            actions.extend(writable_array(&values, layout)?);
        }
        None => actions.extend([function("asarray"), Action::Save(values)]),
    }
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(array.clone()));
    Ok(ObjectPlan::actions(array, actions))
}

fn is_plain(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    let devices = array.call_method0("devices")?;
    let mut devices = devices.try_iter()?;
    let (Some(device), None) = (devices.next(), devices.next()) else { return Ok(false) };
    Ok(device?.getattr("platform")?.extract::<String>()? == "cpu" && !array.getattr("weak_type")?.is_truthy()?)
}

/// `numpy.ndarray(shape, dtype, buffer, 0, strides)` with a buffer that can be written to: numpy exports no other.
fn writable_array<'py>(values: &Bound<'py, PyAny>, layout: ArrayLayout) -> PyResult<[Action<'py>; 3]> {
    let py = values.py();
    let owner = (MemoryOwner::Array(values.clone().unbind()), layout.span.clone());
    let buffer = MemoryBlock::new(layout.span, true, vec![owner], None).buffer(py)?;
    let zero = 0_usize.into_pyobject(py)?.into_any();
    let arguments = PyTuple::new(
        py,
        [values.getattr("shape")?, values.getattr("dtype")?, buffer, zero, values.getattr("strides")?],
    )?;
    let class = Action::Save(values.get_type().into_any());
    Ok([class, Action::Save(arguments.into_any()), Action::Write(Opcode::NewObj)])
}

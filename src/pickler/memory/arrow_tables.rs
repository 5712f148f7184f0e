//! Tables in Arrow's format: the buffers of pyarrow, and the frames of polars as tables of pyarrow.
//!
//! pyarrow hands its buffers out without copying them, but each time as another object, so that two tables over one
//! buffer would have it twice. polars pickles a frame as one `bytes` object, a copy of all columns.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};
use rustc_hash::FxHashMap;

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::reduce;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// Smaller frames of polars, in bytes, are written by the reduction of polars, so that a load does not need pyarrow.
const SMALLEST_FRAME: usize = 1 << 20;

/// The buffers of pyarrow that were written, by address and length.
#[derive(Default)]
pub(super) struct ArrowBuffers(Mutex<FxHashMap<(usize, usize), Py<PyAny>>>);

impl ArrowBuffers {
    /// The object that represents the memory of a buffer: the first one that was met.
    fn first<'py>(&self, buffer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let key: (usize, usize) = (buffer.getattr("address")?.extract()?, buffer.len()?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known.entry(key).or_insert_with(|| buffer.clone().unbind());
        Ok(first.bind(buffer.py()).clone())
    }
}

/// The plan for a `pyarrow.Buffer`.
pub(in crate::pickler) fn plan_arrow_buffer<'py>(
    context: &Arc<PickleContext>,
    buffer: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let first = context.memory.arrow.first(buffer)?;
    if first.is(buffer) {
        return reduce::plan(context, buffer);
    }
    Ok(ObjectPlan::actions(buffer, vec![Action::Save(first)]))
}

/// The plan for a `polars.DataFrame` or `polars.Series`: `polars.from_arrow(table)`, if pyarrow is there and keeps all
/// that polars knows of the columns.
pub(in crate::pickler) fn plan_polars<'py>(
    context: &Arc<PickleContext>,
    columns: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let Some((table, is_series)) = as_table(columns).tolerated().flatten() else {
        return reduce::plan(context, columns);
    };
    let polars = columns.py().import("polars")?;
    let mut actions = vec![Action::BeginBuilding(columns.clone())];
    if is_series {
        let method = polars.getattr("DataFrame")?.getattr("to_series")?;
        actions.push(Action::Global { module: "polars", name: "DataFrame.to_series", object: Some(method) });
    }
    let function = Some(polars.getattr("from_arrow")?);
    actions.push(Action::Global { module: "polars", name: "from_arrow", object: function });
    actions.push(Action::Save(table));
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    if is_series {
        actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    }
    actions.push(Action::Memoize(columns.clone()));
    Ok(ObjectPlan::actions(columns, actions))
}

/// A table of pyarrow over the memory of a frame, and whether the frame is a series. `None` for a small frame, and for
/// one that would come back with other types.
fn as_table<'py>(columns: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyAny>, bool)>> {
    let py = columns.py();
    if columns.call_method0("estimated_size")?.extract::<usize>()? < SMALLEST_FRAME {
        return Ok(None);
    }
    py.import("pyarrow")?;
    let polars = py.import("polars")?;
    let is_series = columns.get_type().name()? == "Series";
    let frame = if is_series { columns.call_method0("to_frame")? } else { columns.clone() };
    let options = PyDict::new(py);
    // The newest format has the strings of polars as they are in memory.
    options.set_item("compat_level", polars.getattr("CompatLevel")?.call_method0("newest")?)?;
    let table = frame.call_method("to_arrow", (), Some(&options))?;
    let again = polars.getattr("from_arrow")?.call1(PyTuple::new(py, [&table])?)?;
    let is_same = again.get_type().is(frame.get_type()) && again.getattr("schema")?.eq(frame.getattr("schema")?)?;
    Ok(is_same.then_some((table, is_series)))
}

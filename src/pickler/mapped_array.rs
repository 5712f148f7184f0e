//! Plans for `numpy.memmap`: an array whose memory is a mapped file.
//!
//! pickle keeps the contents and the class, and forgets the file. The contents are written from where they lie, as those
//! of any other array.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::plan::{Action, ObjectPlan};
use crate::pickle::format::opcode::Opcode;

/// `ndarray.view(array, class)`.
pub(super) fn plan_mapped_array<'py>(object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let array = object.py().import("numpy")?.getattr("ndarray")?;
    let view = array.getattr("view")?;
    let plain = view.call1((object, &array))?;
    Ok(ObjectPlan::actions(
        object,
        vec![
            Action::BeginBuilding(object.clone()),
            Action::Global { module: "numpy", name: "ndarray.view", object: Some(view) },
            Action::Save(plain),
            Action::Save(object.get_type().into_any()),
            Action::Write(Opcode::Tuple2),
            Action::Write(Opcode::Reduce),
            Action::Memoize(object.clone()),
        ],
    ))
}

//! Instances of classes on a list: a new object, then its attributes.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::BuildContext;
use crate::pickle::build_plan::InstanceMake;

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    _context: &BuildContext<'py>,
    make: &InstanceMake,
    _needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    match *make {}
}

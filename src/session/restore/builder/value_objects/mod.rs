//! Values of builtins and of the standard library.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::BuildContext;
use crate::pickle::build_plan::ValueMake;

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    _context: &BuildContext<'py>,
    make: &ValueMake<'_>,
    _needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    match *make {
        ValueMake::Text(ref text) => text.into_pyobject(_context.py()).map(|text| text.into_any()).map_err(Into::into),
    }
}

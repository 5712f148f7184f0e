//! Dtypes, arrays, scalars and random generators of numpy.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::BuildContext;
use crate::pickle::build_plan::ArrayMake;

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    _context: &BuildContext<'py>,
    make: &ArrayMake<'_>,
    _needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    match *make {
        ArrayMake::Bytes(bytes) => Ok(pyo3::types::PyBytes::new(_context.py(), bytes).into_any()),
    }
}

//! Objects of pandas, by its public constructors.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::BuildContext;
use crate::pickle::build_plan::PandasMake;

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    _context: &BuildContext<'py>,
    make: &PandasMake<'_>,
    _needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    match *make {
        PandasMake::Bytes(bytes) => Ok(pyo3::types::PyBytes::new(_context.py(), bytes).into_any()),
    }
}

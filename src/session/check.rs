//! Whether a value loads again, as `dill.detect` asks of an item before it calls it good.

use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};

/// Copies the value through a pickle, as `dill.pickles` does. The error is the one that `dill.detect.errors` gives.
///
/// A class of the session is made anew by its pickle, so the copy's type need only look the same, as in dill.
pub fn loads_again(dill: &Bound<'_, PyModule>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let copy = dill.getattr("copy")?.call1((value,))?;
    let (before, after) = (value.get_type(), copy.get_type());
    if after.is(&before) || PyAnyMethods::eq(after.repr()?.as_any(), before.repr()?)? || copy.eq(value).unwrap_or(false)
    {
        return Ok(());
    }
    let text = format!("Unpickling produces {} instead of {}", after.repr()?, before.repr()?);
    Err(PyAssertionError::new_err(text))
}

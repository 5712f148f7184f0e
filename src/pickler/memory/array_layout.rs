//! The memory range of an array.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::PyAny;

/// The memory of a `numpy.ndarray`, or of a tensor of torch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArrayLayout {
    /// The address of the first element.
    pub(super) data: usize,
    /// The addresses that the elements take, with the gaps between them.
    pub(super) span: Range<usize>,
    /// The length of all elements together, in bytes: less than the span if there are gaps, more if elements overlap.
    pub(super) length: usize,
    pub(super) is_writable: bool,
    /// Whether the elements follow one another without gaps, in C or in Fortran order.
    pub(super) is_contiguous: bool,
}

impl ArrayLayout {
    /// The layout of a `numpy.ndarray`. `None` if it holds objects or nothing.
    pub(super) fn of_array(array: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = array.py();
        let length: usize = array.getattr(pyo3::intern!(py, "nbytes"))?.extract()?;
        let dtype = array.getattr(pyo3::intern!(py, "dtype"))?;
        if length == 0 || dtype.getattr(pyo3::intern!(py, "hasobject"))?.is_truthy()? {
            return Ok(None);
        }
        let interface = array.getattr(pyo3::intern!(py, "__array_interface__"))?;
        // A pair: the address of the first element, and whether the array is read-only.
        let (data, is_read_only): (usize, bool) = interface.get_item("data")?.extract()?;
        let shape: Vec<usize> = array.getattr(pyo3::intern!(py, "shape"))?.extract()?;
        let strides: Vec<isize> = array.getattr(pyo3::intern!(py, "strides"))?.extract()?;
        let item: usize = array.getattr(pyo3::intern!(py, "itemsize"))?.extract()?;
        let flags = array.getattr(pyo3::intern!(py, "flags"))?;
        let is_contiguous = flags.getattr(pyo3::intern!(py, "forc"))?.is_truthy()?;
        let span = span(data, item, &shape, &strides);
        Ok(span.map(|span| Self { data, span, length, is_writable: !is_read_only, is_contiguous }))
    }

    /// The layout of a `torch.Tensor` with strides.
    pub(super) fn of_tensor(tensor: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = tensor.py();
        let data: usize = tensor.call_method0(pyo3::intern!(py, "data_ptr"))?.extract()?;
        let shape: Vec<usize> = tensor.getattr(pyo3::intern!(py, "shape"))?.extract()?;
        let item: usize = tensor.call_method0(pyo3::intern!(py, "element_size"))?.extract()?;
        let strides: Vec<isize> = tensor.call_method0(pyo3::intern!(py, "stride"))?.extract()?;
        let count = shape.iter().try_fold(item, |all, length| all.checked_mul(*length)).unwrap_or_default();
        if count == 0 {
            return Ok(None);
        }
        // torch counts strides in elements, not in bytes.
        let strides: Vec<isize> = strides.iter().map(|stride| stride.saturating_mul(item as isize)).collect();
        let span = span(data, item, &shape, &strides);
        Ok(span.map(|span| Self { data, span, length: count, is_writable: true, is_contiguous: false }))
    }

    /// Whether elements overlap, as in the result of `numpy.broadcast_to`.
    pub(super) fn repeats(&self) -> bool {
        self.length > self.span.len()
    }
}

/// The addresses of elements of `item` bytes. `None` if they do not fit into memory.
fn span(data: usize, item: usize, shape: &[usize], strides: &[isize]) -> Option<Range<usize>> {
    let (mut start, mut end) = (data, data.checked_add(item)?);
    for (length, stride) in shape.iter().zip(strides) {
        let reach = stride.unsigned_abs().checked_mul(length.checked_sub(1)?)?;
        if *stride < 0 {
            start = start.checked_sub(reach)?;
        } else {
            end = end.checked_add(reach)?;
        }
    }
    Some(start..end)
}

//! Dtypes, arrays, scalars and masked arrays of numpy, by its public constructors.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyList, PySlice, PyTuple};

use super::{BuildContext, random_objects};
use crate::pickle::build_plan::{
    ArrayClass, ArrayContents, ArrayDescription, ArrayMake, Dtype, DtypeKind, ItemOrder, MaskedMake, byte_range,
};
use crate::pickler::PyBufferView;
use crate::python::ffi::slice;
use crate::session::restore::joblib_load::native_order;

/// The bytes that are copied in the time of one step.
const BYTES_FOR_STEP: u64 = 1024;

/// How many steps making an object counts as, for the time that a load may take.
pub(super) fn steps(make: &ArrayMake<'_>) -> u32 {
    let steps = match make {
        ArrayMake::Strings(array) => array.count(),
        ArrayMake::Owned(array) | ArrayMake::FromBuffer(array) | ArrayMake::Objects(array) => {
            array.length() / BYTES_FOR_STEP
        }
        ArrayMake::Dtype(parsed) => match &parsed.kind {
            DtypeKind::Structure { fields, .. } => fields.len() as u64,
            _ => 1,
        },
        _ => 1,
    };
    u32::try_from(steps).unwrap_or(u32::MAX).max(1)
}

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    context: &BuildContext<'py>,
    make: &ArrayMake<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let first = || needs.first().ok_or_else(|| PyValueError::new_err("an array has no dtype"));
    match make {
        ArrayMake::Dtype(parsed) => dtype(context, parsed, needs),
        ArrayMake::Owned(array) => owned(context, array, first()?),
        ArrayMake::Objects(array) => new_array(context, array, first()?),
        ArrayMake::Strings(array) => strings(context, array, needs),
        ArrayMake::FromBuffer(array) => from_buffer(context, array, needs),
        ArrayMake::Shared(array) => shared(context, array, needs),
        ArrayMake::Mapped => first()?.call_method1("view", (context.global("numpy", "memmap")?,)),
        ArrayMake::Scalar(_, Some(bytes)) => scalar(context, bytes, first()?),
        ArrayMake::Scalar(_, None) => {
            let bytes = needs.get(1).ok_or_else(|| PyValueError::new_err("a scalar has no bytes"))?;
            scalar(context, bytes.cast::<PyBytes>()?.as_bytes(), first()?)
        }
        ArrayMake::Masked(array) => masked(context, array, needs),
        ArrayMake::Random(random) => random_objects::make(context, random, needs),
    }
}

/// An array of the strings in a list.
fn strings<'py>(
    context: &BuildContext<'py>,
    array: &ArrayDescription<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let [dtype, list] = needs else { return Err(PyValueError::new_err("an array of strings has no list")) };
    let made = new_array(context, array, dtype)?;
    let items: Vec<Bound<'py, PyAny>> = list.cast::<PyList>()?.iter().collect();
    if items.len() as u64 != array.count() {
        return Err(PyValueError::new_err("an array has another number of strings than items"));
    }
    fill(context, &made, &items)?;
    Ok(made)
}

/// Stores the items of an array of objects or strings, in C order.
pub(super) fn fill<'py>(
    context: &BuildContext<'py>,
    array: &Bound<'py, PyAny>,
    items: &[Bound<'py, PyAny>],
) -> PyResult<()> {
    let array = array.call_method1("view", (context.global("numpy", "ndarray")?,))?;
    // An item is stored as it is only under one index for each axis: a list would be taken for several items.
    let is_flat = array.getattr("flags")?.getattr("c_contiguous")?.is_truthy()?;
    let flat = if is_flat {
        array.call_method1("reshape", (-1,))?
    } else {
        context.global("numpy", "empty")?.call1((array.getattr("size")?, array.getattr("dtype")?))?
    };
    for (index, item) in items.iter().enumerate() {
        flat.set_item(index, item)?;
    }
    if is_flat {
        return Ok(());
    }
    array.set_item(context.py().Ellipsis(), flat.call_method1("reshape", (array.getattr("shape")?,))?)
}

/// A dtype, with the metadata that is the last of its needs.
fn dtype<'py>(context: &BuildContext<'py>, parsed: &Dtype, needs: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    let (Some(_), Some((metadata, needs))) = (parsed.metadata, needs.split_last()) else {
        return bare_dtype(context, parsed, needs);
    };
    let made = bare_dtype(context, parsed, needs)?;
    let options = PyDict::new(context.py());
    options.set_item("metadata", metadata)?;
    context.global("numpy", "dtype")?.call((made,), Some(&options))
}

/// A dtype, of which numpy computes the same size as the recipe.
fn bare_dtype<'py>(
    context: &BuildContext<'py>,
    parsed: &Dtype,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    let constructor = context.global("numpy", "dtype")?;
    let made = match &parsed.kind {
        DtypeKind::Code { code, order } => constructor.call1((format!("{order}{code}"),))?,
        DtypeKind::Object => return constructor.call1(("O",)),
        DtypeKind::Strings { coerce, .. } => {
            let options = PyDict::new(py);
            options.set_item("coerce", coerce)?;
            if let Some(missing) = needs.first() {
                options.set_item("na_object", missing)?;
            }
            return context.global("numpy.dtypes", "StringDType")?.call((), Some(&options));
        }
        DtypeKind::Structure { fields, is_aligned, alignment, is_record } => {
            let parts = PyDict::new(py);
            parts.set_item("names", fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>())?;
            parts.set_item("formats", PyList::new(py, needs)?)?;
            parts.set_item("offsets", fields.iter().map(|field| field.offset).collect::<Vec<_>>())?;
            parts.set_item("itemsize", parsed.size)?;
            if fields.iter().any(|field| field.title.is_some()) {
                parts.set_item("titles", fields.iter().map(|field| field.title.as_deref()).collect::<Vec<_>>())?;
            }
            let made = constructor.call1((parts, *is_aligned))?;
            match is_record {
                true => constructor.call1(((context.global("numpy", "record")?, made),))?,
                false => with_alignment(context, made, *alignment)?,
            }
        }
        DtypeKind::Subarray { shape, .. } => {
            let base = needs.first().ok_or_else(|| PyValueError::new_err("a dtype of subarrays has no base"))?;
            constructor.call1(((base, PyTuple::new(py, shape)?),))?
        }
    };
    let has_objects = made.getattr("hasobject")?.is_truthy()?;
    if made.getattr("itemsize")?.extract::<u64>()? != parsed.size || has_objects != parsed.has_objects {
        return Err(PyValueError::new_err("numpy makes another dtype of what the file says"));
    }
    Ok(made)
}

/// A structured dtype with this alignment. numpy gives 1 to some fields of an aligned dtype, which stay aligned.
fn with_alignment<'py>(
    context: &BuildContext<'py>,
    made: Bound<'py, PyAny>,
    alignment: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let has = |dtype: &Bound<'py, PyAny>| Ok::<_, PyErr>(dtype.getattr("alignment")?.extract::<u64>()? == alignment);
    if has(&made)? {
        return Ok(made);
    }
    let names: Vec<Bound<'py, PyAny>> = made.getattr("names")?.try_iter()?.collect::<PyResult<_>>()?;
    let array = context.global("numpy", "ndarray")?.call1((0, made))?;
    let made = array.get_item(PyList::new(context.py(), names)?)?.getattr("dtype")?;
    if has(&made)? {
        Ok(made)
    } else {
        Err(PyValueError::new_err("a dtype has an alignment that its fields do not give"))
    }
}

/// A new array of the class that the recipe says, with memory of its own and arbitrary contents.
fn new_array<'py>(
    context: &BuildContext<'py>,
    array: &ArrayDescription<'_>,
    dtype: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    let class = match array.class {
        ArrayClass::Array => "ndarray",
        ArrayClass::Matrix => "matrix",
        ArrayClass::Records => "recarray",
        ArrayClass::Characters => "chararray",
        ArrayClass::Mapped => "memmap",
    };
    // The name in `numpy` itself is deprecated.
    let module = if array.class == ArrayClass::Characters { "numpy.char" } else { "numpy" };
    let (base, class) = (context.global("numpy", "ndarray")?, context.global(module, class)?);
    let shape = PyTuple::new(py, &array.shape)?;
    // What numpy's `_reconstruct` does: not the constructor of the class.
    base.call_method1("__new__", (class, shape, dtype, py.None(), 0, py.None(), order(array)))
}

fn order(array: &ArrayDescription<'_>) -> &'static str {
    if array.order == ItemOrder::Fortran { "F" } else { "C" }
}

/// An array with a copy of its contents.
fn owned<'py>(
    context: &BuildContext<'py>,
    array: &ArrayDescription<'_>,
    dtype: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let made = new_array(context, array, dtype)?;
    fill_with(&made, array.bytes().unwrap_or_default())?;
    if matches!(array.contents, ArrayContents::Joblib(_)) {
        return native_order(made);
    }
    // As `ndarray.__setstate__` does: it brings the bytes of numbers into the order of the machine.
    if array.dtype.1.is_swapped() && matches!(array.contents, ArrayContents::Bytes(_)) {
        return made.call_method1("astype", (dtype.call_method1("newbyteorder", ("=",))?,));
    }
    Ok(made)
}

/// Copies bytes into the memory of a new array.
fn fill_with(array: &Bound<'_, PyAny>, bytes: &[u8]) -> PyResult<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let is_c = array.getattr("flags")?.getattr("c_contiguous")?.is_truthy()?;
    // The transposed array has the same memory, in C order.
    let ordered = if is_c { array.clone() } else { array.getattr("T")? };
    let mut memory = PyBufferView::writable(&ordered)?;
    let target = memory.bytes_mut();
    if target.len() != bytes.len() {
        return Err(PyValueError::new_err("an array has another length than its contents"));
    }
    target.copy_from_slice(bytes);
    Ok(())
}

/// `frombuffer(buffer, dtype).reshape(shape, order)`, as numpy's `_frombuffer` does it.
fn from_buffer<'py>(
    context: &BuildContext<'py>,
    array: &ArrayDescription<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let [dtype, buffer] = needs else { return Err(PyValueError::new_err("an array has no buffer")) };
    let py = context.py();
    let is_in_pickle = array.bytes().is_some();
    let flat = context.global("numpy", "frombuffer")?.call1((buffer, dtype))?;
    if flat.getattr("nbytes")?.extract::<u64>()? != array.length() {
        return Err(PyValueError::new_err("an array has another length than its buffer"));
    }
    if !is_in_pickle && array.dtype.1.has_limits() {
        check_items(&array.dtype.1, &flat.call_method1("view", ("u1",))?)?;
    }
    if let ItemOrder::Axes(axes) = &array.order {
        let mut lengths = vec![0; axes.len()];
        for (axis, length) in axes.iter().zip(&array.shape) {
            if let Some(in_buffer) = lengths.get_mut(*axis) {
                *in_buffer = *length;
            }
        }
        let ordered = flat.call_method1("reshape", (PyTuple::new(py, lengths)?,))?;
        return ordered.call_method1("transpose", (PyTuple::new(py, axes)?,));
    }
    let options = PyDict::new(py);
    options.set_item("order", order(array))?;
    flat.call_method("reshape", (PyTuple::new(py, &array.shape)?,), Some(&options))
}

/// Checks the bytes of items, which were not in the pickle.
fn check_items(dtype: &Dtype, bytes: &Bound<'_, PyAny>) -> PyResult<()> {
    match dtype.fault_of(PyBufferView::of(bytes)?.bytes()) {
        Some(fault) => Err(PyValueError::new_err(format!("an array has {fault}"))),
        None => Ok(()),
    }
}

/// `ndarray(shape, dtype, buffer, offset, strides)`.
fn shared<'py>(
    context: &BuildContext<'py>,
    array: &ArrayDescription<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let ([dtype, base], ArrayContents::Shared { offset, strides, is_read_only, .. }) = (needs, &array.contents) else {
        return Err(PyValueError::new_err("an array has no buffer"));
    };
    let py = context.py();
    let length = context.global("builtins", "memoryview")?.call1((base,)).and_then(|view| view.getattr("nbytes"));
    // A buffer of dates has no memoryview.
    let length: u64 = length.or_else(|_| base.getattr("nbytes"))?.extract()?;
    let range = byte_range(&array.shape, strides, *offset, array.dtype.1.size);
    if array.count() > 0 && range.is_none_or(|range| range.end > length) {
        return Err(PyValueError::new_err("an array has items outside of its buffer"));
    }
    let shape = PyTuple::new(py, &array.shape)?;
    let made = context.global("numpy", "ndarray")?.call1((shape, dtype, base, *offset, PyTuple::new(py, strides)?))?;
    if array.dtype.1.has_limits() {
        // An axis without a stride repeats its first item.
        let axis = |stride: &i64| if *stride == 0 { slice(py, 0, 1) } else { Ok(PySlice::full(py).into_any()) };
        let axes = strides.iter().map(axis).collect::<PyResult<Vec<_>>>()?;
        let distinct = made.get_item(PyTuple::new(py, axes)?)?;
        check_items(&array.dtype.1, &distinct.call_method0("tobytes")?)?;
    }
    if *is_read_only {
        made.call_method1("setflags", (false,))?;
    }
    Ok(made)
}

/// A scalar: the only item of an array without axes. With fields, it is a view of that array.
fn scalar<'py>(context: &BuildContext<'py>, bytes: &[u8], dtype: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    // `empty` would give a dtype of no bytes one.
    let array = context.global("numpy", "ndarray")?.call1((PyTuple::empty(py), dtype))?;
    fill_with(&array, bytes)?;
    array.get_item(PyTuple::empty(py))
}

/// `MaskedArray(data, mask)` with a fill value.
fn masked<'py>(
    context: &BuildContext<'py>,
    array: &MaskedMake<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let dtype = needs.first().ok_or_else(|| PyValueError::new_err("an array has no dtype"))?;
    let data = owned(context, &array.data, dtype)?;
    let mask_dtype = context.global("numpy.ma", "make_mask_descr")?.call1((dtype,))?;
    let mask = new_array(context, &array.data, &mask_dtype)?;
    fill_with(&mask, &array.mask)?;
    let options = PyDict::new(context.py());
    options.set_item("mask", mask)?;
    options.set_item("copy", false)?;
    // An array of structures has a mask from the beginning.
    options.set_item("keep_mask", false)?;
    if let Some(fill) = needs.get(1) {
        options.set_item("fill_value", fill)?;
    }
    let made = context.global("numpy.ma", "MaskedArray")?.call((data,), Some(&options))?;
    if needs.len() < 2 {
        // As unpickling does: the array then has the default value of its dtype.
        made.setattr("fill_value", context.py().None())?;
    }
    // As after an unpickler: the array copies its mask before it changes it.
    made.setattr("_sharedmask", true)?;
    Ok(made)
}

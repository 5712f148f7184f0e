//! Objects of pandas, by its public constructors: the functions of `pandas_objects.py` call them.

use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAny, PyBool, PyBytes, PyCFunction, PyDict, PyRange, PyString, PyTuple};

use super::BuildContext;
use crate::pickle::build_plan::{PandasArgument, PandasMake};
use crate::session::restore::untrusted_load;

const FUNCTIONS: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("pandas_objects.py"), "\0").as_bytes()) {
    Ok(source) => source,
    Err(_) => c"",
};

/// The functions, once they were needed.
static LOADED: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    context: &BuildContext<'py>,
    make: &PandasMake<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    let mut needs = needs.iter();
    let arguments = make.arguments.iter().map(|argument| value(py, argument, &mut needs));
    let arguments = PyTuple::new(py, arguments.collect::<PyResult<Vec<_>>>()?)?;
    functions(context)?.as_any().get_item(make.function)?.call1(arguments)
}

/// The functions, by their names.
fn functions<'py>(context: &BuildContext<'py>) -> PyResult<Bound<'py, PyDict>> {
    let py = context.py();
    if let Some(functions) = LOADED.get(py) {
        return Ok(functions.bind(py).clone());
    }
    let globals = PyDict::new(py);
    for module in ["pandas", "numpy"] {
        globals.set_item(module, untrusted_load::import_installed(py, module)?)?;
    }
    globals.set_item("importer", importer(py)?)?;
    py.run(FUNCTIONS, Some(&globals), None)?;
    Ok(LOADED.get_or_init(py, || globals.unbind()).bind(py).clone())
}

/// A function that imports a module from the directories where packages are installed.
fn importer(py: Python<'_>) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, None, None, |arguments, _| {
        let (module, name): (String, Option<String>) = arguments.extract()?;
        let module = untrusted_load::import_installed(arguments.py(), &module)?.into_any();
        name.map_or_else(|| Ok(module.clone()), |name| module.getattr(name)).map(Bound::unbind)
    })
}

fn value<'py>(
    py: Python<'py>,
    argument: &PandasArgument<'_>,
    needs: &mut std::slice::Iter<'_, Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match argument {
        PandasArgument::Object(_) => needs.next().cloned().unwrap_or_else(|| py.None().into_bound(py)),
        PandasArgument::None => py.None().into_bound(py),
        PandasArgument::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        PandasArgument::Int(value) => value.into_pyobject(py)?.into_any(),
        PandasArgument::Text(text) => PyString::new(py, text).into_any(),
        PandasArgument::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        PandasArgument::Range(start, stop, step) => py.get_type::<PyRange>().call1((start, stop, step))?,
        PandasArgument::Tuple(items) => {
            let items = items.iter().map(|item| value(py, item, needs)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any()
        }
    })
}

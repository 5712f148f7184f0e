//! The functions that `os.register_at_fork` was given, which a save in the background does not call: `random` reseeds
//! its generator in each child, and others close what the script uses.
//!
//! CPython keeps them in three lists that no module exposes. To find the lists, a marker function is registered in
//! each, and the garbage collector is asked what refers to it. The lists are emptied while the process forks.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

use crate::python::deferred_signals::Tolerated as _;

/// The arguments of `os.register_at_fork`.
const LISTS: [&str; 3] = ["before", "after_in_parent", "after_in_child"];

/// A function that does nothing, by which its list is found.
#[pyclass(frozen)]
struct ForkMarker;

#[pymethods]
impl ForkMarker {
    #[allow(clippy::unused_self, reason = "a method")]
    fn __call__(&self) {}
}

/// The three lists, in the order of [`LISTS`].
pub(super) struct AtForkFunctions([Py<PyList>; LISTS.len()]);

impl AtForkFunctions {
    /// Finds the lists; `None` if that is not possible: after `gc.freeze`, or in a Python that keeps them elsewhere.
    pub(super) fn find(py: Python<'_>) -> Option<&'static Self> {
        static FOUND: PyOnceLock<Option<AtForkFunctions>> = PyOnceLock::new();
        FOUND.get_or_init(py, || Self::search(py).tolerated().flatten()).as_ref()
    }

    fn search(py: Python<'_>) -> PyResult<Option<Self>> {
        let markers = [Py::new(py, ForkMarker)?, Py::new(py, ForkMarker)?, Py::new(py, ForkMarker)?];
        let arguments = PyDict::new(py);
        for (name, marker) in LISTS.iter().zip(&markers) {
            arguments.set_item(name, marker)?;
        }
        // The script may have replaced the function in `os`.
        py.import("posix")?.call_method("register_at_fork", (), Some(&arguments))?;
        drop(arguments);
        let find = |marker: &Py<ForkMarker>| -> PyResult<Option<Py<PyList>>> {
            let holders = py.import("gc")?.call_method1("get_referrers", (marker,))?.cast_into::<PyList>()?;
            let mut lists = holders.iter().filter_map(|holder| holder.cast_into_exact::<PyList>().ok());
            Ok(lists.next().filter(|_| lists.next().is_none()).map(Bound::unbind))
        };
        let [before, parent, child] = [find(&markers[0])?, find(&markers[1])?, find(&markers[2])?];
        Ok(before.zip(parent).zip(child).map(|((before, parent), child)| Self([before, parent, child])))
    }

    /// Removes all functions from the lists, until the result is dropped.
    pub(super) fn hide<'py>(&self, py: Python<'py>) -> PyResult<HiddenFunctions<'py>> {
        let mut hidden = HiddenFunctions(Vec::new());
        for list in &self.0 {
            let list = list.bind(py);
            let functions = list.get_slice(0, list.len());
            list.del_slice(0, list.len())?;
            hidden.0.push((list.clone(), functions));
        }
        Ok(hidden)
    }
}

/// The lists and the functions that were removed from them. Puts them back when it is dropped.
pub(super) struct HiddenFunctions<'py>(Vec<(Bound<'py, PyList>, Bound<'py, PyList>)>);

impl Drop for HiddenFunctions<'_> {
    fn drop(&mut self) {
        for (list, functions) in &self.0 {
            // They go before functions that were registered in the meantime.
            list.set_slice(0, 0, functions).tolerated();
        }
    }
}

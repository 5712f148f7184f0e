//! Pauses Python's garbage collector: it would look at every object again and again while millions are walked through
//! or made, and there is no garbage among them.

use pyo3::prelude::*;
use pyo3::types::PyModule;

/// The collector is paused while this lives, and runs again afterwards if it did before.
pub(super) struct PausedCollector<'py> {
    collector: Bound<'py, PyModule>,
    was_enabled: bool,
}

impl<'py> PausedCollector<'py> {
    /// Pauses it.
    pub(super) fn new(py: Python<'py>) -> PyResult<Self> {
        let collector = py.import("gc")?;
        let was_enabled = collector.call_method0("isenabled")?.is_truthy()?;
        collector.call_method0("disable")?;
        Ok(Self { collector, was_enabled })
    }
}

impl Drop for PausedCollector<'_> {
    fn drop(&mut self) {
        if self.was_enabled {
            // `gc.enable` only sets a flag.
            let _ = self.collector.call_method0("enable");
        }
    }
}

//! A script that is compiled with sites where steps end, whole or from a position on. The part in Python is in
//! `step_code.py`.

use std::ffi::{CStr, OsStr};
use std::sync::{Arc, OnceLock};

use pyo3::exceptions::{PyMemoryError, PyRecursionError, PySyntaxError, PyValueError, PyWarning};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyModule, PyTuple, PyType};

use super::exit_functions::watch_exits;
use super::iterator_state::describe;
use super::jump_switches::{is_changeable, watch_code};
use super::run_stack::{LoopKind, StackEntry, stack};
use super::step_sites::{StepEnd, StepSite};
use crate::python::ffi::current_frame;
use crate::session::interpreter_guards::IgnoredWarnings;

const SOURCE: &CStr = match CStr::from_bytes_with_nul(
    concat!(
        include_str!("step_code.py"),
        "\n\n",
        include_str!("step_trees.py"),
        "\n\n",
        include_str!("step_jumps.py"),
        "\n\n",
        include_str!("step_reruns.py"),
        "\n\n",
        include_str!("step_blocks.py"),
        "\n\n",
        include_str!("step_changes.py"),
        "\n\n",
        include_str!("step_edits.py"),
        "\n\n",
        include_str!("step_refresh.py"),
        "\n\n",
        include_str!("step_state.py"),
        "\n\n",
        include_str!("step_inputs.py"),
        "\n\n",
        include_str!("step_openings.py"),
        "\n\n",
        include_str!("step_surroundings.py"),
        "\n\n",
        include_str!("step_uses.py"),
        "\n\n",
        include_str!("step_remade.py"),
        "\n\n",
        include_str!("step_modules.py"),
        "\n\n",
        include_str!("step_files.py"),
        "\n\n",
        include_str!("step_registries.py"),
        "\n\n",
        include_str!("step_registrations.py"),
        "\n\n",
        include_str!("step_settings.py"),
        "\n\n",
        include_str!("step_descriptors.py"),
        "\n\n",
        include_str!("step_references.py"),
        "\n\n",
        include_str!("step_ended.py"),
        "\n\n",
        include_str!("step_interrupts.py"),
        "\0"
    )
    .as_bytes(),
) {
    Ok(source) => source,
    Err(_) => c"",
};

/// A script, compiled for a run in steps.
pub(crate) struct StepProgram {
    /// The object of the part in Python, and its module.
    program: Py<PyAny>,
    module: Py<PyModule>,
    /// The code of the module that runs.
    code: OnceLock<Py<PyAny>>,
}

/// Why a script is not divided into steps.
pub(crate) enum WholeReason {
    /// It has an error, which Python reports when it runs it.
    Error,
    /// Its statements are nested too deeply, or there is not enough memory.
    Depth,
}

/// Why an error keeps a script from being divided into steps; `None` if it is not one of the script.
pub(crate) fn why_whole(py: Python<'_>, error: &PyErr) -> Option<WholeReason> {
    let is = |kind: &Bound<'_, PyType>| error.is_instance(py, kind);
    if is(&py.get_type::<PySyntaxError>()) || is(&py.get_type::<PyValueError>()) || is(&py.get_type::<PyWarning>()) {
        return Some(WholeReason::Error);
    }
    let is_deep = is(&py.get_type::<PyRecursionError>()) || is(&py.get_type::<PyMemoryError>());
    is_deep.then_some(WholeReason::Depth)
}

/// Where a run is: a list with a dict for the module and for each call that is under way.
pub(crate) struct StepPosition<'py>(pub(crate) Bound<'py, PyList>);

impl StepProgram {
    /// Parses a script.
    ///
    /// # Errors
    /// If its source has errors: Python itself says which when it runs it.
    pub(crate) fn new(py: Python<'_>, source: &[u8], filename: &OsStr) -> PyResult<Arc<Self>> {
        Self::parse(py, source, filename, false)
    }

    /// Parses a script as it was before it was edited.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub(super) fn old(py: Python<'_>, source: &[u8], filename: &OsStr) -> PyResult<Arc<Self>> {
        Self::parse(py, source, filename, true)
    }

    fn parse(py: Python<'_>, source: &[u8], filename: &OsStr, is_old: bool) -> PyResult<Arc<Self>> {
        let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
        let had_ast = modules.contains("_ast")?;
        let module = PyModule::from_code(py, SOURCE, c"<snapcli steps>", c"_snapcli_steps")?;
        // The script must not find modules that it did not import.
        modules.del_item("_snapcli_steps")?;
        if !had_ast && modules.contains("_ast")? {
            modules.del_item("_ast")?;
        }
        module.add_function(wrap_pyfunction!(birth_time, &module)?)?;
        module.add_function(wrap_pyfunction!(is_changeable, &module)?)?;
        module.add_function(wrap_pyfunction!(watch_code, &module)?)?;
        module.add_function(wrap_pyfunction!(watch_exits, &module)?)?;
        module.add_function(wrap_pyfunction!(resource_limits, &module)?)?;
        let make_site = py.get_type::<StepSite>();
        let source = PyBytes::new(py, source);
        let program = module.getattr("Program")?.call1((source, filename, make_site, is_old))?;
        let code = OnceLock::new();
        Ok(Arc::new(Self { program: program.unbind(), module: module.unbind(), code }))
    }

    /// The code of the whole script.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub(crate) fn whole<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let code = self.program.bind(py).call_method0("compile_module")?;
        Ok(self.code.get_or_init(|| code.unbind()).bind(py).clone())
    }

    /// The code of the script from a position on.
    ///
    /// # Errors
    /// If the position is not one of this script.
    pub(crate) fn rest<'py>(&self, py: Python<'py>, from: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let code = self.program.bind(py).call_method1("resume_from", (from,))?;
        Ok(self.code.get_or_init(|| code.unbind()).bind(py).clone())
    }

    /// The object of the part in Python.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.program.bind(py)
    }

    /// A function of the part in Python.
    pub(super) fn function<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.module.bind(py).getattr(name)
    }

    /// Where the run is. `None` if it is in the middle of a step: in a loop that is one, or in code that a site has
    /// called.
    ///
    /// # Errors
    /// Those of a broken object of the script.
    pub(crate) fn position<'py>(&self, py: Python<'py>, end: StepEnd) -> PyResult<Option<StepPosition<'py>>> {
        let (Some(frame), Some(code)) = (current_frame(py), self.code.get()) else { return Ok(None) };
        // The state of iterators of `itertools` is deprecated.
        let _ignored = IgnoredWarnings::new(py);
        let (calls, loops) = (PyList::empty(py), PyList::empty(py));
        let mut unread = Vec::new();
        for entry in &*stack() {
            match entry {
                StackEntry::Call(call) => {
                    let (function, cells, code) = (&call.function, &call.cells, &call.code);
                    calls.append((call.site, &call.root, function, cells, code))?;
                }
                StackEntry::Loop(entry) if entry.kind == LoopKind::OneStep => return Ok(None),
                StackEntry::Loop(entry) => {
                    unread.push((calls.len(), entry.site, entry.iterator.clone_ref(py)));
                }
            }
        }
        for (depth, site, iterator) in unread {
            // The reference of this variable stands for that of the entry, which `describe` counts.
            let Some(state) = describe(&iterator.into_bound(py))? else { return Ok(None) };
            loops.append((depth, site, state))?;
        }
        let found =
            self.program.bind(py).call_method1("capture", (frame, code, end.site, end.kind.text(), calls, loops))?;
        if found.is_none() { Ok(None) } else { Ok(Some(StepPosition(found.cast_into::<PyList>()?))) }
    }

    /// The function with sites that stands for one of the script, the name of its definition, and its code.
    pub(super) fn stepped<'py>(&self, function: &Bound<'py, PyAny>) -> PyResult<Option<SteppedFunction<'py>>> {
        self.program.bind(function.py()).call_method1("stepped", (function,))?.extract()
    }

    /// The saved state of the iterator of a loop.
    pub(super) fn loop_state<'py>(&self, py: Python<'py>, depth: usize, site: usize) -> PyResult<Bound<'py, PyAny>> {
        self.program.bind(py).call_method1("loop_state", (depth, site))
    }

    /// What goes on with a call that was under way.
    pub(super) fn continued<'py>(&self, py: Python<'py>, depth: usize) -> PyResult<ContinuedCall<'py>> {
        let found = self.program.bind(py).call_method1("continued", (depth,))?;
        let (function, arguments, root, original, cells, code) = found.extract()?;
        Ok(ContinuedCall { function, arguments, root, original, cells, code })
    }

    /// Notes what a statement reads that is about to run. `depth` is the number of calls under way.
    pub(super) fn note_inputs(&self, py: Python<'_>, depth: usize, site: usize) -> PyResult<()> {
        let Some(frame) = current_frame(py) else { return Ok(()) };
        self.function(py, "note_inputs")?.call1((self.program.bind(py), depth, site, frame)).map(drop)
    }

    /// Notes a file that is opened for writing or removed. Returns why that must not be, while statements run again.
    pub(super) fn note_opening(&self, path: &Bound<'_, PyAny>, how: &str) -> PyResult<Option<String>> {
        let py = path.py();
        self.function(py, "note_opening")?.call1((self.program.bind(py), path, how))?.extract()
    }

    /// Notes the path of a database that is opened.
    pub(super) fn note_database(&self, path: &Bound<'_, PyAny>) -> PyResult<()> {
        self.function(path.py(), "note_database")?.call1((path,)).map(drop)
    }

    /// The line of the script's module that is under way, and how it could be divided into steps, or nothing.
    pub(super) fn step_under_way(&self, py: Python<'_>) -> PyResult<Option<(u32, String)>> {
        self.function(py, "step_under_way")?.call1((self.program.bind(py),))?.extract()
    }

    /// The line that reads standard input, if that is a pipe: what is read from it is lost when the run is stopped.
    ///
    /// # Errors
    /// None that Python code can cause.
    pub(crate) fn line_reading_pipe(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        self.function(py, "line_reading_pipe")?.call1((self.program.bind(py),))?.extract()
    }

    /// Whether the frame that is running, or one of its callers, catches a `KeyboardInterrupt` where it is.
    pub(super) fn catches_interrupt(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(frame) = current_frame(py) else { return Ok(false) };
        self.function(py, "catches_interrupt")?.call1((self.program.bind(py), frame))?.extract()
    }

    /// Whether the script has a handler of `KeyboardInterrupt` anywhere.
    ///
    /// # Errors
    /// None that Python code can cause.
    pub(crate) fn has_interrupt_handler(&self, py: Python<'_>) -> PyResult<bool> {
        self.function(py, "has_interrupt_handler")?.call1((self.program.bind(py),))?.extract()
    }

    /// How many top-level statements the script has.
    ///
    /// # Errors
    /// None that Python code can cause.
    pub(crate) fn steps(&self, py: Python<'_>) -> PyResult<u32> {
        self.program.bind(py).call_method0("count")?.extract()
    }

    /// The line of a site.
    pub(super) fn line(&self, py: Python<'_>, site: usize) -> PyResult<u32> {
        self.program.bind(py).getattr("sites")?.get_item(site)?.getattr("line")?.extract()
    }
}

/// When a file was made, in seconds and nanoseconds; `None` if the file system does not say.
#[pyfunction]
fn birth_time(path: std::path::PathBuf) -> Option<(i64, u32)> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
        let found = statx(CWD, &path, AtFlags::empty(), StatxFlags::BTIME).ok()?;
        let is_known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
        is_known.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let created = path.metadata().ok()?.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some((i64::try_from(created.as_secs()).ok()?, created.subsec_nanos()))
    }
}

/// The limits of the process: the name that the module `resource` has for each, the soft and the hard limit, or -1.
#[pyfunction]
fn resource_limits() -> Vec<(&'static str, i128, i128)> {
    use rustix::process::{Resource, getrlimit};
    const RESOURCES: [(&str, Resource); 9] = [
        ("RLIMIT_CPU", Resource::Cpu),
        ("RLIMIT_FSIZE", Resource::Fsize),
        ("RLIMIT_DATA", Resource::Data),
        ("RLIMIT_STACK", Resource::Stack),
        ("RLIMIT_CORE", Resource::Core),
        ("RLIMIT_AS", Resource::As),
        ("RLIMIT_NPROC", Resource::Nproc),
        ("RLIMIT_NOFILE", Resource::Nofile),
        ("RLIMIT_MEMLOCK", Resource::Memlock),
    ];
    let number = |limit: Option<u64>| limit.map_or(-1, i128::from);
    let limits = RESOURCES.map(|(name, resource)| (name, getrlimit(resource)));
    limits.map(|(name, limit)| (name, number(limit.current), number(limit.maximum))).into()
}

/// A function with sites, the name of its definition, and the code of the script's own.
type SteppedFunction<'py> = (Bound<'py, PyAny>, String, Bound<'py, PyAny>);

/// A call of a function that goes on in the middle.
pub(super) struct ContinuedCall<'py> {
    pub(super) function: Bound<'py, PyAny>,
    pub(super) arguments: Bound<'py, PyTuple>,
    pub(super) root: String,
    /// The function that the script had called.
    pub(super) original: Bound<'py, PyAny>,
    pub(super) cells: Bound<'py, PyDict>,
    pub(super) code: Bound<'py, PyAny>,
}

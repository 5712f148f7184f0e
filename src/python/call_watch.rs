//! Keeps the local variables of chosen functions, as they are when a call ends: for `save --locals`.
//!
//! The code objects are found when a module begins to run, which an audit event tells. From Python 3.12 on,
//! `sys.monitoring` reports the calls of these code objects alone (PEP 669). Before, a function that evaluates frames
//! takes the place of the interpreter's own (PEP 523); it compares one pointer, and is taken away while such a call
//! runs. Neither is a profile or trace function, so those of debuggers and coverage tools stay in place.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyCFunction, PyCode, PyDict, PyFunction, PyTuple, PyType};

use super::deferred_signals::Tolerated;
use super::script_command::ScriptSource;
use super::script_entry::compile;
use super::{ffi, frame_evaluation, notebook};

/// A function that the user has named: `main`, `Trainer.fit`, `pkg.models:Trainer.fit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchedFunction {
    /// The module that it is in; `None` for the script.
    pub module: Option<String>,
    /// Its qualified name, without `<locals>`.
    pub name: String,
    /// Where the script imports it from.
    pub imported: Option<ImportedFunction>,
}

/// A function that a script imports: `from module import name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportedFunction {
    /// The module that the script names, which may have it from another one.
    pub module: String,
    /// The qualified name in that module.
    pub name: String,
}

impl WatchedFunction {
    /// Reads what the user has typed: each function once.
    pub(crate) fn parse_all(texts: &[String]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let function = Self::parse(text);
            if !found.contains(&function) {
                found.push(function);
            }
        }
        found
    }

    fn parse(text: &str) -> Self {
        let text = text.strip_prefix("__main__:").unwrap_or(text);
        let (module, name) = text.split_once(':').map_or((None, text), |(module, name)| (Some(module), name));
        let parts = name.split('.').filter(|part| *part != "<locals>");
        Self { module: module.map(str::to_owned), name: parts.collect::<Vec<_>>().join("."), imported: None }
    }

    /// As the user has typed it.
    pub(crate) fn text(&self) -> String {
        self.module.as_ref().map_or_else(|| self.name.clone(), |module| format!("{module}:{}", self.name))
    }

    /// Whether the function is in this namespace. That of the script has the name of its file or module as well.
    fn is_in(&self, globals: &Bound<'_, PyAny>) -> bool {
        let name = globals.get_item(intern!(globals.py(), "__name__")).and_then(|name| name.extract::<String>());
        let Ok(name) = name else { return false };
        let imported = self.imported.as_ref().map(|imported| imported.module.as_str());
        let wanted = self.module.as_deref().or(imported).unwrap_or("__main__");
        name == wanted || (name == "__main__" && module_of_script(globals).is_some_and(|module| module == wanted))
    }

    /// The names that lead from its module to its code.
    fn path(&self) -> Vec<&str> {
        self.imported.as_ref().map_or(&self.name, |imported| &imported.name).split('.').collect()
    }

    /// Whether the script has this code under the name that the user has typed: it may import a function from a module
    /// that has it from another one.
    fn is_name_of(&self, code: &Bound<'_, PyAny>) -> bool {
        self.module.is_none() && code_in_main(code.py(), &self.name).is_some_and(|found| found.is(code))
    }
}

/// The name that the module of the script has when it is imported: `rep` for `rep.py`, `pkg.__main__` for `-m pkg`.
fn module_of_script(globals: &Bound<'_, PyAny>) -> Option<String> {
    let py = globals.py();
    let spec = globals.get_item(intern!(py, "__spec__")).ok().filter(|spec| !spec.is_none());
    if let Some(spec) = spec {
        return spec.getattr(intern!(py, "name")).ok()?.extract().ok();
    }
    let file: PathBuf = globals.get_item(intern!(py, "__file__")).ok()?.extract().ok()?;
    Some(file.file_stem()?.to_string_lossy().into_owned())
}

/// The code of a function that the script has under a name. Attributes are looked up in classes alone, so no code of
/// the script runs.
fn code_in_main<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyAny>> {
    let main = py.import("__main__").tolerated()?;
    let mut parts = name.split('.');
    let mut found = main.dict().get_item(parts.next()?).tolerated()??;
    for part in parts {
        let attributes = found.cast::<PyType>().ok()?.getattr(intern!(py, "__dict__")).tolerated()?;
        found = attributes.get_item(part).tolerated()?;
    }
    while found.is_instance_of::<PyFunction>() {
        match found.getattr_opt(intern!(py, "__wrapped__")).tolerated()? {
            Some(wrapped) => found = wrapped,
            None => return found.getattr(intern!(py, "__code__")).tolerated(),
        }
    }
    None
}

/// The calls of the watched functions.
#[derive(Default)]
struct CallWatch {
    functions: Vec<WatchedFunction>,
    /// The code objects, with the position of their function. They stay alive, so that no other takes their address.
    codes: Vec<(Py<PyAny>, usize)>,
    /// The variables of the last call that has ended, by the position of the function.
    ended: HashMap<usize, Py<PyDict>>,
    /// The calls that have begun and not returned: the thread and the frame of each, by the position of the function.
    open: HashMap<usize, Vec<(u64, Py<PyAny>)>>,
    /// The number of the tool of `sys.monitoring`.
    tool: Option<u8>,
}

static WATCH: OnceLock<Mutex<CallWatch>> = OnceLock::new();
static ACTIVE: AtomicBool = AtomicBool::new(false);

fn watch() -> MutexGuard<'static, CallWatch> {
    WATCH.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches functions of modules that begin to run from now on.
///
/// # Errors
/// If Python refuses it.
pub(crate) fn begin(py: Python<'_>, functions: &[WatchedFunction]) -> PyResult<()> {
    unsafe extern "C" {
        // Exported by every CPython since 3.8, but not part of the stable ABI.
        fn PySys_AddAuditHook(
            hook: unsafe extern "C" fn(*const c_char, *mut pyo3::ffi::PyObject, *mut c_void) -> c_int,
            data: *mut c_void,
        ) -> c_int;
    }
    if functions.is_empty() {
        return Ok(());
    }
    functions.clone_into(&mut watch().functions);
    // PyO3 imports a module to find this type, whose code must not be looked at meanwhile.
    py.get_type::<PyCode>();
    if py.version_info() >= (3, 12) {
        begin_monitoring(py)?;
    }
    ACTIVE.store(true, Ordering::SeqCst);
    // SAFETY: the hook is a function, which lives forever; the GIL is held.
    let added = unsafe { PySys_AddAuditHook(audit, std::ptr::null_mut()) };
    if added == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
}

/// CPython calls this for each audit event, with the GIL held.
unsafe extern "C" fn audit(event: *const c_char, arguments: *mut pyo3::ffi::PyObject, _: *mut c_void) -> c_int {
    if !ACTIVE.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: CPython passes the event's name, a NUL-terminated string that lives for the call.
    if unsafe { CStr::from_ptr(event) } != c"exec" {
        return 0;
    }
    Python::attach(|py| {
        // SAFETY: CPython passes a borrowed tuple, or NULL.
        let arguments = unsafe { Bound::from_borrowed_ptr_or_opt(py, arguments) };
        let code = arguments.and_then(|arguments| arguments.cast_into::<PyTuple>().ok()?.get_item(0).ok());
        if let Some(code) = code {
            see_module(&code);
        }
    });
    0
}

/// Looks for the functions in the code of a module that begins to run. A failure only means that they are not found.
pub(crate) fn see_module(code: &Bound<'_, PyAny>) {
    if !ACTIVE.load(Ordering::Relaxed) || !code.is_instance_of::<PyCode>() {
        return;
    }
    let functions = watch().functions.clone();
    for (position, function) in functions.iter().enumerate() {
        let parts = function.path();
        // Nearly no module has the name, so its constants need not be searched.
        let names = code.getattr(intern!(code.py(), "co_names"));
        if !names.is_ok_and(|names| names.contains(parts[0]).unwrap_or(false)) {
            continue;
        }
        for found in nested_code(code, &parts) {
            let _ = add_code(&found, position);
        }
    }
}

/// The code objects with a path of names within another one.
fn nested_code<'py>(code: &Bound<'py, PyAny>, path: &[&str]) -> Vec<Bound<'py, PyAny>> {
    let Some((first, rest)) = path.split_first() else { return vec![code.clone()] };
    let py = code.py();
    let constants = code.getattr(intern!(py, "co_consts")).and_then(|found| Ok(found.cast_into::<PyTuple>()?));
    let Ok(constants) = constants else { return Vec::new() };
    let is_named = |constant: &Bound<'py, PyAny>| {
        constant.is_instance_of::<PyCode>()
            && constant.getattr(intern!(py, "co_name")).is_ok_and(|name| name.eq(*first).unwrap_or(false))
    };
    constants.iter().filter(is_named).flat_map(|constant| nested_code(&constant, rest)).collect()
}

fn add_code(code: &Bound<'_, PyAny>, position: usize) -> PyResult<()> {
    let py = code.py();
    let mut watch = watch();
    if watch.codes.iter().any(|(known, of)| known.is(code) && *of == position) {
        return Ok(());
    }
    watch.codes.push((code.clone().unbind(), position));
    let tool = watch.tool;
    drop(watch);
    match tool {
        Some(tool) => {
            let monitoring = py.import("sys")?.getattr("monitoring")?;
            let events = monitoring.getattr("events")?;
            let wanted = ["PY_START", "PY_RETURN", "PY_YIELD"].map(|name| events.getattr(name)?.extract::<u32>());
            let wanted = wanted.into_iter().collect::<PyResult<Vec<u32>>>()?.into_iter().fold(0, |all, one| all | one);
            monitoring.call_method1("set_local_events", (tool, code, wanted)).map(drop)
        }
        None if py.version_info() < (3, 12) => {
            frame_evaluation::watch(py, code.as_ptr() as usize, ended);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Registers the callbacks of `sys.monitoring`, under a number that no known tool has.
fn begin_monitoring(py: Python<'_>) -> PyResult<()> {
    let monitoring = py.import("sys")?.getattr("monitoring")?;
    let mut free = None;
    for tool in [4_u8, 3] {
        if monitoring.call_method1("get_tool", (tool,))?.is_none() {
            free = Some(tool);
            break;
        }
    }
    let Some(tool) = free else { return Ok(()) };
    monitoring.call_method1("use_tool_id", (tool, "snapcli"))?;
    let events = monitoring.getattr("events")?;
    let started =
        PyCFunction::new_closure(py, None, None, |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            on_start(arguments.py());
        })?;
    let ended =
        PyCFunction::new_closure(py, None, None, |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            if let Some(frame) = ffi::current_frame(arguments.py()) {
                ended(&frame);
            }
        })?;
    monitoring.call_method1("register_callback", (tool, events.getattr("PY_START")?, started))?;
    for event in ["PY_RETURN", "PY_YIELD"] {
        monitoring.call_method1("register_callback", (tool, events.getattr(event)?, &ended))?;
    }
    watch().tool = Some(tool);
    Ok(())
}

/// A call begins. Calls before it in this thread that are no longer on the stack have ended by an exception.
fn on_start(py: Python<'_>) {
    let Some(frame) = ffi::current_frame(py) else { return };
    let Some(position) = position_of(&frame) else { return };
    let thread = ffi::this_thread();
    let open = watch().open.remove(&position).unwrap_or_default();
    let (of_thread, mut others): (Vec<_>, Vec<_>) = open.into_iter().partition(|(of, _)| *of == thread);
    let mut callers = Vec::new();
    if !of_thread.is_empty() {
        let mut next = frame.getattr("f_back").ok().filter(|back| !back.is_none());
        while let Some(caller) = next {
            next = caller.getattr("f_back").ok().filter(|back| !back.is_none());
            callers.push(caller.as_ptr() as usize);
        }
    }
    for (of, old) in of_thread {
        if callers.contains(&(old.as_ptr() as usize)) {
            others.push((of, old));
        } else {
            keep(position, old.bind(py));
        }
    }
    others.push((thread, frame.unbind()));
    watch().open.insert(position, others);
}

/// A call of a watched function has ended, or a generator yields.
fn ended(frame: &Bound<'_, PyAny>) {
    let Some(position) = position_of(frame) else { return };
    keep(position, frame);
    let mut watch = watch();
    let open = watch.open.get_mut(&position).and_then(|open| {
        let at = open.iter().rposition(|(_, known)| known.is(frame))?;
        Some(open.remove(at))
    });
    drop(watch);
    // Outside of the lock: dropping a frame can run code.
    drop(open);
}

/// The function that a frame belongs to.
fn position_of(frame: &Bound<'_, PyAny>) -> Option<usize> {
    let py = frame.py();
    let code = frame.getattr(intern!(py, "f_code")).ok()?;
    let globals = frame.getattr(intern!(py, "f_globals")).ok()?;
    let candidates: Vec<(usize, WatchedFunction)> = {
        let watch = watch();
        let found = watch.codes.iter().filter(|(known, _)| known.is(&code));
        found.filter_map(|(_, of)| Some((*of, watch.functions.get(*of)?.clone()))).collect()
    };
    // Without the lock: this may let another thread run.
    let is_wanted = |function: &WatchedFunction| function.is_in(&globals) || function.is_name_of(&code);
    candidates.into_iter().find(|(_, function)| is_wanted(function)).map(|(position, _)| position)
}

/// Keeps the variables of a frame as those of the last call.
fn keep(position: usize, frame: &Bound<'_, PyAny>) {
    let Ok(variables) = variables_of(frame) else { return };
    let before = watch().ended.insert(position, variables.unbind());
    drop(before);
}

fn variables_of<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = frame.py();
    let locals = frame.getattr(intern!(py, "f_locals"))?;
    Ok(py.get_type::<PyDict>().call1((locals,))?.cast_into()?)
}

/// A watched function, with the variables of its last call; `None` if it was never called.
pub(crate) struct FunctionLocals {
    pub function: WatchedFunction,
    pub locals: Option<Py<PyDict>>,
    /// Whether its code was found in a module.
    pub is_known: bool,
}

/// The variables of the watched functions: of a call that still runs or that an exception has ended, otherwise of the
/// last one that has returned.
pub(crate) fn so_far(py: Python<'_>) -> Vec<FunctionLocals> {
    let functions = watch().functions.clone();
    let mut found = Vec::new();
    for (position, function) in functions.into_iter().enumerate() {
        let open = watch().open.get(&position).and_then(|open| open.first().map(|(_, frame)| frame.clone_ref(py)));
        let running = open.map(|frame| frame.into_bound(py)).or_else(|| on_stack(py, position));
        let running = running.and_then(|frame| variables_of(&frame).ok()).map(Bound::unbind);
        let watch = watch();
        let locals = running.or_else(|| watch.ended.get(&position).map(|locals| locals.clone_ref(py)));
        let is_known = watch.codes.iter().any(|(_, of)| *of == position);
        found.push(FunctionLocals { function, locals, is_known });
    }
    found
}

/// The outermost call of a function on the stack of this thread.
fn on_stack(py: Python<'_>, position: usize) -> Option<Bound<'_, PyAny>> {
    let (mut found, mut next) = (None, ffi::current_frame(py));
    while let Some(frame) = next {
        next = frame.getattr("f_back").ok().filter(|back| !back.is_none());
        if position_of(&frame) == Some(position) {
            found = Some(frame);
        }
    }
    found
}

/// Drops what was found: objects must not outlive the interpreter.
pub(crate) fn forget() {
    let all = std::mem::take(&mut *watch());
    drop(all);
}

/// The functions of a script by their qualified names, without `<locals>`. `None` if it cannot be compiled.
pub(crate) fn functions_in(py: Python<'_>, source: &ScriptSource) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for text in notebook::python_parts(source) {
        let code = compile(py, PyBytes::new(py, &text).as_any(), source.path.as_os_str(), "exec").tolerated()?;
        add_functions(&code, "", &mut found).tolerated()?;
    }
    Some(found)
}

/// Adds the functions within a code object, those of classes as well.
fn add_functions(code: &Bound<'_, PyAny>, path: &str, found: &mut Vec<String>) -> PyResult<()> {
    const OPTIMIZED: u32 = 1;
    for constant in code.getattr("co_consts")?.cast_into::<PyTuple>()? {
        if !constant.is_instance_of::<PyCode>() {
            continue;
        }
        let name: String = constant.getattr("co_name")?.extract()?;
        // Comprehensions and lambdas have no names.
        if name.starts_with('<') {
            continue;
        }
        let full = if path.is_empty() { name } else { format!("{path}.{name}") };
        // The body of a class has its variables in a dict.
        if constant.getattr("co_flags")?.extract::<u32>()? & OPTIMIZED != 0 {
            found.push(full.clone());
        }
        add_functions(&constant, &full, found)?;
    }
    Ok(())
}

/// Watches nothing any more. What was found stays.
pub(crate) fn end(py: Python<'_>) {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return;
    }
    frame_evaluation::end(py);
    let (tool, codes) = {
        let watch = watch();
        let codes: Vec<_> = watch.codes.iter().map(|(code, _)| code.clone_ref(py)).collect();
        (watch.tool, codes)
    };
    let Some(tool) = tool else { return };
    let release = || -> PyResult<()> {
        let monitoring = py.import("sys")?.getattr("monitoring")?;
        for code in codes {
            monitoring.call_method1("set_local_events", (tool, code, 0))?;
        }
        let events = monitoring.getattr("events")?;
        for event in ["PY_START", "PY_RETURN", "PY_YIELD"] {
            monitoring.call_method1("register_callback", (tool, events.getattr(event)?, py.None()))?;
        }
        monitoring.call_method1("free_tool_id", (tool,)).map(drop)
    };
    // The script may have taken the tool away.
    let _ = release();
}

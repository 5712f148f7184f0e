//! The effects of the `__del__` of a class outside of its process, as far as its code shows them.
//!
//! A restored object is a second owner of the resources of the first one. If its `__del__` removes a file, closes a
//! descriptor or ends a process, then freeing the copy (in `--verify`, or at the end of a restored session) takes these
//! from the original. Such an object is refused, unless its class defines how it is pickled.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyFunction, PyTuple, PyType};

use super::class_attributes::{attribute, defines_pickling};
use crate::python::deferred_signals::{Tolerated as _, shown};

/// The name of a function, and a description of its effect.
type Harm = (String, &'static str);

/// How many functions are read: `__del__`, the functions that it calls, and so on.
const MOST_FUNCTIONS: usize = 64;

/// Functions of `os` (`posix`) that act outside of the process.
const HARMFUL_IN_OS: [(&str, &str); 14] = [
    ("remove", "removes files"),
    ("unlink", "removes files"),
    ("rmdir", "removes files"),
    ("removedirs", "removes files"),
    ("rename", "moves files"),
    ("renames", "moves files"),
    ("replace", "moves files"),
    ("system", "starts a process"),
    ("popen", "starts a process"),
    ("truncate", "empties files"),
    ("ftruncate", "empties files"),
    ("close", "closes a file descriptor"),
    ("kill", "ends a process"),
    ("killpg", "ends a process"),
];
/// Names that mean the same on any object: methods of `pathlib.Path` and of processes, functions of `shutil` and
/// `signal`.
const HARMFUL_ANYWHERE: [(&str, &str); 12] = [
    ("unlink", "removes files"),
    ("rmtree", "removes files"),
    ("rmdir", "removes files"),
    ("shutil", "copies, moves or removes files"),
    ("subprocess", "starts a process"),
    ("write_text", "writes files"),
    ("write_bytes", "writes files"),
    ("shm_unlink", "removes shared memory"),
    ("pthread_kill", "ends a thread"),
    ("killpg", "ends a process"),
    ("kill", "ends a process"),
    ("terminate", "ends a process"),
];

/// The effect of the `__del__` of a class, if a copy must not have it.
pub(super) fn harm_of(kind: &Bound<'_, PyType>) -> PyResult<Option<String>> {
    let Some(finalizer) = attribute(kind, "__del__")?.and_then(|found| found.cast_into::<PyFunction>().ok()) else {
        return Ok(None);
    };
    if defines_pickling(kind)? {
        return Ok(None);
    }
    let mut read = HashSet::new();
    let mut waiting = vec![finalizer];
    while let Some(function) = waiting.pop() {
        let code = function.getattr("__code__")?;
        if read.len() == MOST_FUNCTIONS || !read.insert(code.as_ptr() as usize) {
            continue;
        }
        let names = names_in(&code)?;
        let globals = function.getattr("__globals__")?.cast_into::<PyDict>()?;
        let harm = match harm_by_name(&code, &names)? {
            Some(harm) => Some(harm),
            None => harm_by_value(&function, &globals, &names)?,
        };
        if let Some((name, what)) = harm {
            let class = kind.name()?;
            let why = "its copy would do that to what the original still uses";
            return Ok(Some(format!("an object whose `{}.__del__` {what} (`{name}`): {why}", shown(&class))));
        }
        for name in &names {
            let found = match attribute(kind, name)? {
                Some(found) => Some(found),
                None => globals.get_item(name)?,
            };
            waiting.extend(found.and_then(function_in));
        }
    }
    Ok(None)
}

/// The function in a method, a static method, a class method or a wrapper.
fn function_in(found: Bound<'_, PyAny>) -> Option<Bound<'_, PyFunction>> {
    let inner = found.getattr("__func__").tolerated().or_else(|| found.getattr("fget").tolerated());
    inner.unwrap_or(found).cast_into::<PyFunction>().ok()
}

/// The names that a code object and the functions within it use.
fn names_in(code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let mut names: Vec<String> = code.getattr("co_names")?.extract()?;
    for constant in code.getattr("co_consts")?.cast_into::<PyTuple>()?.iter() {
        if constant.hasattr("co_names")? {
            names.extend(constant.getattr("co_names")?.extract::<Vec<String>>()?);
        }
    }
    Ok(names)
}

/// A function that the code names: `path.unlink`, or `os.remove`.
fn harm_by_name(code: &Bound<'_, PyAny>, names: &[String]) -> PyResult<Option<Harm>> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if let Some((name, what)) = HARMFUL_ANYWHERE.iter().find(|(name, _)| has(name)) {
        return Ok(Some(((*name).to_owned(), *what)));
    }
    if !has("os") || !HARMFUL_IN_OS.iter().any(|(name, _)| has(name)) {
        return Ok(None);
    }
    // `self.file.close()` and `os.path` may be in the same function, so the order of the names matters.
    let mut before = String::new();
    for (_, name) in instructions(code)? {
        let found = HARMFUL_IN_OS.iter().find(|(harmful, _)| before == "os" && name == *harmful);
        if let Some((harmful, what)) = found {
            return Ok(Some((format!("os.{harmful}"), *what)));
        }
        before = name;
    }
    Ok(None)
}

/// The operations of a code object and of the functions within it, with the names that they use.
fn instructions(code: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mut found = Vec::new();
    for instruction in code.py().import("dis")?.call_method1("get_instructions", (code,))?.try_iter()? {
        let instruction = instruction?;
        let name = instruction.getattr("argval")?.extract::<String>().tolerated().unwrap_or_default();
        found.push((instruction.getattr("opname")?.extract()?, name));
    }
    for constant in code.getattr("co_consts")?.cast_into::<PyTuple>()?.iter() {
        if constant.hasattr("co_names")? {
            found.extend(instructions(&constant)?);
        }
    }
    Ok(found)
}

/// A function of `os` that was imported by its name, or is bound to an argument because it must exist until the end:
/// `def __del__(self, _unlink=os.unlink)`.
fn harm_by_value(
    function: &Bound<'_, PyFunction>,
    globals: &Bound<'_, PyDict>,
    names: &[String],
) -> PyResult<Option<Harm>> {
    let mut values = Vec::new();
    for name in names {
        // `self.list.remove` is not the `remove` that was imported.
        if let Some(value) = globals.get_item(name)?
            && value.is_exact_instance_of::<PyCFunction>()
            && instructions(&function.getattr("__code__")?)?
                .iter()
                .any(|(how, used)| how == "LOAD_GLOBAL" && used == name)
        {
            values.push(value);
        }
    }
    if let Ok(defaults) = function.getattr("__defaults__")?.cast_into::<PyTuple>() {
        values.extend(defaults.iter());
    }
    if let Ok(defaults) = function.getattr("__kwdefaults__")?.cast_into::<PyDict>() {
        values.extend(defaults.values());
    }
    for value in values.into_iter().filter(|value| value.is_exact_instance_of::<PyCFunction>()) {
        let module = value.getattr("__module__")?.extract::<String>().tolerated().unwrap_or_default();
        let name = value.getattr("__name__")?.extract::<String>().tolerated().unwrap_or_default();
        let found = HARMFUL_IN_OS.iter().find(|(harmful, _)| module == "posix" && name == *harmful);
        if let Some((harmful, what)) = found {
            return Ok(Some((format!("os.{harmful}"), *what)));
        }
    }
    Ok(None)
}

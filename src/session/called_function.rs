//! Finds the function that does the work of a script whose session has hardly any data: the one that its top level
//! calls. `called_function.py` finds the calls.

use std::ffi::CStr;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyCFunction, PyDict, PyFunction, PyModule, PyTuple};

use super::interpreter_guards::WarningFilters;
use super::module_state::{is_of_project, library_folder};
use super::restore::installed_imports::InstalledImports;
use crate::python::deferred_signals::Tolerated;
use crate::python::script_command::ScriptSource;
use crate::python::script_run::ScriptRun;
use crate::python::{call_watch, notebook};
use crate::snapshot::index::{Index, Variable, VariableKind};
use crate::ui::nearest_names::nearest;

const SOURCE: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("called_function.py"), "\0").as_bytes()) {
    Ok(source) => source,
    Err(_) => c"",
};

/// An instance that takes more bytes has data in its attributes.
const LARGE_INSTANCE: u64 = 1000;
/// More values than this are data, whatever they are.
const MOST_VALUES: usize = 3;
/// Types of what scripts have at their top level beside a `main()`.
const SETTINGS: [&str; 6] =
    ["logging.Logger", "argparse.ArgumentParser", "argparse.Namespace", "NoneType", "pathlib.PosixPath", "re.Pattern"];
/// Types of constants such as `LIMIT = 10`.
const SCALARS: [&str; 6] = ["int", "float", "str", "bool", "bytes", "frozenset"];

/// The function that did the work of a script.
#[derive(Debug)]
pub(crate) struct CalledFunction {
    /// As `--locals` takes it. Several, with commas, if it only calls these.
    pub(crate) name: String,
    /// Whether the session has no values at all.
    pub(crate) is_all: bool,
}

/// A call at the top level: the function, the variable whose method it is, the variables that get the result, and those
/// that count the rounds of a loop around it.
type TopLevelCall = (String, String, Vec<String>, Vec<String>);

/// If a session has hardly any data: the function of the project that the top level of the script calls.
pub(crate) fn function_that_did_the_work(py: Python<'_>, index: &Index, run: &ScriptRun) -> Option<CalledFunction> {
    let is_value = |variable: &&Variable| variable.kind == VariableKind::Value;
    let values: Vec<&Variable> =
        index.variables.iter().filter(is_value).filter(|variable| !is_setting(variable)).collect();
    // Most sessions have data, and their scripts need not be parsed.
    if values.len() > MOST_VALUES || !index.left_out.is_empty() {
        return None;
    }
    let namespace = run.main.bind(py).dict();
    let source = run.source.clone().or_else(|| source_of_module(&namespace))?;
    let mut calls = top_level_calls(py, &source, &namespace).tolerated()?;
    let main = calls.iter().position(|(function, ..)| function.rsplit(['.', ':']).next() == Some("main"));
    let (name, instance, results, counters) = calls.swap_remove(main.or(calls.len().checked_sub(1))?);
    let is_part_of_call = |variable: &&Variable| {
        let is_small_instance = variable.name == instance && variable.length <= LARGE_INSTANCE;
        is_small_instance
            || (results.contains(&variable.name) && variable.type_name == "int")
            || (counters.contains(&variable.name) && SCALARS.contains(&variable.type_name.as_str()))
    };
    let is_all = !index.variables.iter().any(|variable| is_value(&variable));
    values.iter().all(is_part_of_call).then_some(CalledFunction { name, is_all })
}

/// Whether a variable is a setting rather than data: a logger, a parser of arguments, a constant such as `LIMIT`.
fn is_setting(variable: &Variable) -> bool {
    let is_constant = !variable.name.chars().any(char::is_lowercase) && variable.name.chars().any(char::is_uppercase);
    let type_name = variable.type_name.as_str();
    SETTINGS.contains(&type_name) || (is_constant && SCALARS.contains(&type_name))
}

/// The source of a module that `-m` runs.
fn source_of_module(namespace: &Bound<'_, PyDict>) -> Option<ScriptSource> {
    let path: PathBuf = namespace.get_item("__file__").tolerated()??.extract().tolerated()?;
    let bytes = std::fs::read(&path).ok()?;
    Some(ScriptSource { path, bytes })
}

fn top_level_calls(
    py: Python<'_>,
    source: &ScriptSource,
    namespace: &Bound<'_, PyDict>,
) -> PyResult<Vec<TopLevelCall>> {
    // Parsing the script again would repeat its SyntaxWarnings.
    let _quiet = WarningFilters::ignore_all(py);
    let own = call_watch::functions_in(py, source).unwrap_or_default();
    let library = library_folder(py)?;
    let is_of_project = PyCFunction::new_closure(
        py,
        None,
        None,
        move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<bool> {
            Ok(is_of_project(&arguments.get_item(0)?.extract::<String>()?, library.as_deref()))
        },
    )?;
    let module = {
        // It imports `ast`, and a file beside the script can have that name.
        let _installed = InstalledImports::only(py)?;
        PyModule::from_code(py, SOURCE, c"<snapcli calls>", c"_snapcli_calls")?
    };
    let text = notebook::python_parts(source).concat();
    module.getattr("calls")?.call1((PyBytes::new(py, &text), namespace, own, is_of_project))?.extract()
}

/// The functions that may have been meant by one that was not called, as `--locals` takes them: those of the same name
/// in other modules of the project or of the package of the script, or those of the script with names like it.
pub(crate) fn functions_like(py: Python<'_>, wanted: &str, run: &ScriptRun) -> Vec<String> {
    let found = functions_in_modules(py, wanted, run).tolerated().unwrap_or_default();
    if !found.is_empty() {
        return found;
    }
    let source = run.source.clone().or_else(|| source_of_module(&run.main.bind(py).dict()));
    let _quiet = WarningFilters::ignore_all(py);
    let own = source.and_then(|source| call_watch::functions_in(py, &source)).unwrap_or_default();
    let similar = nearest(wanted, own.iter().map(String::as_str)).into_iter();
    similar.filter(|name| *name != wanted).map(String::from).collect()
}

fn functions_in_modules(py: Python<'_>, wanted: &str, run: &ScriptRun) -> PyResult<Vec<String>> {
    const MOST: usize = 3;
    let library = library_folder(py)?;
    let spec = run.main.bind(py).dict().get_item("__spec__")?;
    let spec = spec.and_then(|spec| spec.getattr_opt("name").tolerated().flatten()?.extract::<String>().tolerated());
    let package = |name: &str| name.split('.').next().map(String::from);
    let own_package = spec.as_deref().and_then(package);
    let mut found = Vec::new();
    for (name, module) in py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.copy()?.iter() {
        let (Ok(name), Ok(module)) = (name.extract::<String>(), module.cast_into::<PyModule>()) else { continue };
        let file = module.dict().get_item("__file__")?.and_then(|file| file.extract::<String>().tolerated());
        let is_own = || file.is_some_and(|file| is_of_project(&file, library.as_deref()));
        if name == "__main__" || !(package(&name) == own_package || is_own()) {
            continue;
        }
        let mut parts = wanted.split('.');
        let first = module.dict().get_item(parts.next().unwrap_or_default())?;
        let function = parts
            .try_fold(first, |found, part| found.map(|found| found.getattr_opt(part)).transpose().map(Option::flatten));
        let is_defined = |function: &Bound<'_, PyAny>| {
            function.is_instance_of::<PyFunction>()
                && function.getattr("__module__").and_then(|of| of.eq(&name)).tolerated() == Some(true)
        };
        if function.tolerated().flatten().is_some_and(|function| is_defined(&function)) {
            found.push(format!("{name}:{wanted}"));
        }
    }
    found.truncate(MOST);
    Ok(found)
}

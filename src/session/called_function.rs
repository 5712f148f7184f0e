//! Finds the function that does the work of a script whose session has hardly any data: the one that its top level
//! calls. `called_function.py` finds the calls.

use std::ffi::CStr;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyDict, PyModule, PyTuple};

use super::interpreter_guards::WarningFilters;
use super::module_state::{is_of_project, library_folder};
use super::restore::installed_imports::InstalledImports;
use crate::python::call_watch;
use crate::python::deferred_signals::Tolerated;
use crate::python::script_command::ScriptSource;
use crate::python::script_run::ScriptRun;
use crate::snapshot::index::{Index, Variable, VariableKind};

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
    /// As `--locals` takes it.
    pub(crate) name: String,
    /// Whether the session has no values at all.
    pub(crate) is_all: bool,
}

/// A call at the top level: the function, the variable whose method it is, and the variables that get the result.
type TopLevelCall = (String, String, Vec<String>);

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
    let (name, instance, results) = calls.swap_remove(main.or(calls.len().checked_sub(1))?);
    let is_part_of_call = |variable: &&Variable| {
        let is_small_instance = variable.name == instance && variable.length <= LARGE_INSTANCE;
        is_small_instance || (results.contains(&variable.name) && variable.type_name == "int")
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
    module.getattr("calls")?.call1((PyBytes::new(py, &source.bytes), namespace, own, is_of_project))?.extract()
}

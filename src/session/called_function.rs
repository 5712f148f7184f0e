//! Finds the function that does the work of a script: the one that its top level calls.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::interpreter_guards::WarningFilters;
use crate::python::call_watch;
use crate::python::deferred_signals::Tolerated;
use crate::python::script_command::ScriptSource;
use crate::snapshot::index::{Index, VariableKind};

/// If a session has only functions, classes and imports: the function of it that the top level of the script calls.
pub(crate) fn function_that_did_the_work(py: Python<'_>, index: &Index, source: &ScriptSource) -> Option<String> {
    let has_data = index.variables.iter().any(|variable| variable.kind == VariableKind::Value);
    let names_of = |kind| {
        let found = index.variables.iter().filter(move |variable| variable.kind == kind);
        found.map(|variable| variable.name.as_str())
    };
    let mut functions: Vec<&str> = names_of(VariableKind::Function).collect();
    let classes: Vec<&str> = names_of(VariableKind::Class).collect();
    if has_data || (functions.is_empty() && classes.is_empty()) || !index.left_out.is_empty() {
        return None;
    }
    // Parsing the script again would repeat its SyntaxWarnings.
    let _quiet = WarningFilters::ignore_all(py);
    let methods = call_watch::functions_in(py, source).unwrap_or_default();
    let is_method = |name: &&String| name.split_once('.').is_some_and(|(class, _)| classes.contains(&class));
    functions.extend(methods.iter().filter(is_method).map(String::as_str));
    first_called(py, &source.bytes, &functions).tolerated()?
}

/// The first of these functions that is called outside of functions and classes.
fn first_called(py: Python<'_>, source: &[u8], functions: &[&str]) -> PyResult<Option<String>> {
    let ast = py.import("ast")?;
    let tree = ast.call_method1("parse", (PyBytes::new(py, source),))?;
    let (call, name, attribute) = (ast.getattr("Call")?, ast.getattr("Name")?, ast.getattr("Attribute")?);
    for statement in tree.getattr("body")?.cast::<PyList>()? {
        let kind: String = statement.get_type().name()?.extract()?;
        if matches!(kind.as_str(), "FunctionDef" | "AsyncFunctionDef" | "ClassDef") {
            continue;
        }
        for node in ast.call_method1("walk", (&statement,))?.try_iter()? {
            let node = node?;
            if !node.is_instance(&call)? {
                continue;
            }
            let mut function = node.getattr("func")?;
            let mut method = String::new();
            // `App().run()` and `App.run()`
            if function.is_instance(&attribute)? {
                method = format!(".{}", function.getattr("attr")?.extract::<String>()?);
                function = function.getattr("value")?;
                if function.is_instance(&call)? {
                    function = function.getattr("func")?;
                }
            }
            if function.is_instance(&name)? {
                let called = format!("{}{method}", function.getattr("id")?.extract::<String>()?);
                if functions.contains(&called.as_str()) {
                    return Ok(Some(called));
                }
            }
        }
    }
    Ok(None)
}

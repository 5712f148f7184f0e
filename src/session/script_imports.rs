//! The functions that a script imports, from its source: `--locals main` names that of `from package.cli import main`,
//! as scripts have it that pip makes. Nothing is imported, and nothing runs.

use std::collections::HashMap;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::interpreter_guards::WarningFilters;
use super::restore::installed_imports::InstalledImports;
use crate::python::call_watch::ImportedFunction;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::notebook;
use crate::python::script_command::ScriptSource;

/// `from module import name as other`, outside of functions and classes, by the names that the script gets.
const SOURCE: &CStr = c"
import ast
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

def imports(source):
    found = []
    def visit(nodes):
        for node in nodes:
            if isinstance(node, DEFINITIONS):
                continue
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.extend((alias.asname or alias.name, node.module, alias.name) for alias in node.names)
            visit(ast.iter_child_nodes(node))
    visit(ast.parse(source).body)
    return found
";

/// What a script imports from modules.
#[derive(Debug, Default)]
pub(crate) struct ScriptImports {
    /// The module and the name there, by the name in the script.
    names: HashMap<String, (String, String)>,
    /// Whether it has `from module import *`.
    pub(crate) has_star: bool,
}

impl ScriptImports {
    /// Reads the source of a script. What cannot be parsed imports nothing.
    pub(crate) fn of(py: Python<'_>, source: &ScriptSource) -> Self {
        let mut imports = Self::default();
        for (name, module, there) in imported_names(py, source).tolerated().unwrap_or_default() {
            if there == "*" {
                imports.has_star = true;
            } else {
                // The last one stays.
                imports.names.insert(name, (module, there));
            }
        }
        imports
    }

    /// Where a function is, or a method of a class, that the script imports.
    pub(crate) fn function(&self, name: &str) -> Option<ImportedFunction> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let (module, there) = self.names.get(first)?;
        let name = rest.map_or_else(|| there.clone(), |rest| format!("{there}.{rest}"));
        Some(ImportedFunction { module: module.clone(), name })
    }
}

fn imported_names(py: Python<'_>, source: &ScriptSource) -> PyResult<Vec<(String, String, String)>> {
    // Parsing the script repeats its SyntaxWarnings.
    let _quiet = WarningFilters::ignore_all(py);
    let module = {
        // It imports `ast`, and a file beside the script can have that name.
        let _installed = InstalledImports::only(py)?;
        PyModule::from_code(py, SOURCE, c"<snapcli imports>", c"_snapcli_imports")?
    };
    let text = notebook::python_parts(source).concat();
    module.getattr("imports")?.call1((pyo3::types::PyBytes::new(py, &text),))?.extract()
}

//! Where a session comes from: the script and how it ended, the interpreter, the packages.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyModule, PyString};

use super::code::Opcodes;
use super::warnings::WarningFilter;
use crate::python::Interpreter;
use crate::python::run::{Command, Run, Target};
use crate::python::start::End;
use crate::python::target::{Source, compile};
use crate::snapshot::index::{self, Ended, Index, SCHEMA, Script, Variable};

/// What there is to know of the process that saves.
pub struct Origin<'a> {
    /// What was run; None where somebody works at the prompt.
    pub command: Option<&'a Command>,
    /// The source of it, where that is one file or one text.
    pub source: Option<&'a Source>,
    /// How it ended.
    pub ended: Ended,
    /// How long it has run, in seconds.
    pub seconds: f64,
    /// The interpreter.
    pub interpreter: &'a Interpreter,
}

impl<'a> Origin<'a> {
    /// Of a script that has ended.
    pub fn of_run(py: Python<'_>, command: &'a Command, run: &'a Run, interpreter: &'a Interpreter) -> Self {
        let ended = Ended {
            how: run.how.to_owned(),
            code: match run.end {
                End::Exit(code) => code,
                End::Interrupted => crate::exit::INTERRUPTED,
            },
            traceback: run.error.as_ref().and_then(|error| traceback(py, error).ok()),
        };
        Self { command: Some(command), source: run.source.as_ref(), ended, seconds: run.seconds, interpreter }
    }
}

/// The parts of an index that tell where the session comes from. What a script can have changed in `sys` or `os` is
/// not asked for: nothing here may cost a session.
pub fn provenance(module: &str, origin: &Origin<'_>) -> Index {
    let python = origin.interpreter;
    Index {
        schema: SCHEMA,
        snapcli: env!("CARGO_PKG_VERSION").to_owned(),
        created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        module: module.to_owned(),
        script: script(origin),
        python: index::Python {
            version: python.version_text.clone(),
            implementation: python.implementation.clone(),
            platform: format!("{} {}", python.platform, python.machine),
            executable: python.executable.to_string_lossy().into_owned(),
            dill: String::new(),
        },
        ..Index::default()
    }
}

fn script(origin: &Origin<'_>) -> Script {
    let (kind, name, path) = match origin.command.map(|command| &command.target) {
        Some(Target::Script(path)) => {
            ("script", path.as_os_str(), origin.source.map_or(path, |source| &source.path).as_os_str())
        }
        Some(Target::Module(name)) => ("module", OsStr::new("-m"), name.as_os_str()),
        Some(Target::Code(_) | Target::Expression(_)) => ("code", OsStr::new("-c"), OsStr::new("-c")),
        None => ("prompt", OsStr::new(""), OsStr::new("")),
    };
    let arguments = origin.command.into_iter().flat_map(|command| &command.arguments).map(OsString::as_os_str);
    Script {
        kind: kind.to_owned(),
        path: path.to_string_lossy().into_owned(),
        blake3: origin.source.filter(|source| !source.bytes.is_empty()).map_or_else(String::new, source_hash),
        argv: std::iter::once(name).chain(arguments).map(|word| word.to_string_lossy().into_owned()).collect(),
        ended: origin.ended.clone(),
        seconds: origin.seconds,
    }
}

fn traceback(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let lines = py.import("traceback")?.call_method1("format_exception", (error.value(py),))?;
    let text = PyString::new(py, "").call_method1("join", (lines,))?;
    Ok(text.cast::<PyString>()?.to_string_lossy().into_owned())
}

/// The versions of the packages that variables are imported from, but for the standard library.
pub fn packages(py: Python<'_>, variables: &[Variable], module: &str) -> BTreeMap<String, String> {
    find_packages(py, variables, module).unwrap_or_default()
}

fn find_packages(py: Python<'_>, variables: &[Variable], module: &str) -> PyResult<BTreeMap<String, String>> {
    let sys = py.import("sys")?;
    let (standard, modules) = (sys.getattr("stdlib_module_names")?, sys.getattr("modules")?);
    let mut found = BTreeMap::new();
    for import in variables.iter().flat_map(|variable| &variable.imports) {
        let package = import.split(['.', ' ']).next().unwrap_or_default();
        if package == module || package == "dill" || found.contains_key(package) || standard.contains(package)? {
            continue;
        }
        let version = modules.get_item(package).and_then(|package| package.getattr("__version__"));
        if let Ok(version) = version.and_then(|version| version.extract::<String>()) {
            found.insert(package.to_owned(), version);
        }
    }
    Ok(found)
}

/// The lines of the script that assign each global name; empty where the source is not at hand.
pub fn lines(main: &Bound<'_, PyModule>, origin: &Origin<'_>) -> HashMap<String, u32> {
    let py = main.py();
    // Compiling the script again would repeat its SyntaxWarnings.
    let quiet = WarningFilter::ignore(py);
    let code = match origin.source {
        Some(source) if !source.bytes.is_empty() => {
            compile(py, PyBytes::new(py, &source.bytes).as_any(), source.path.as_os_str(), "exec")
        }
        _ => code_of_module(main),
    };
    drop(quiet);
    // A line number is a courtesy: a session without one is saved all the same.
    code.and_then(|code| Opcodes::of(py)?.lines(&code)).unwrap_or_default()
}

fn code_of_module<'py>(main: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyAny>> {
    let spec = main.getattr("__spec__")?;
    spec.getattr("loader")?.call_method1("get_code", (spec.getattr("name")?,))
}

fn source_hash(source: &Source) -> String {
    blake3::hash(&source.bytes).to_hex().to_string()
}

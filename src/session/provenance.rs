//! Where a session comes from: the script and how it ended, the interpreter, the versions of packages.
//!
//! A script can change anything in `sys` or `os`, so as little as possible is read from there, and missing information
//! never fails a save.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyModule, PyString};

use super::code_objects::{CodeReader, FromImport};
use super::distributions::InstalledDistributions;
use super::interpreter_guards::WarningFilters;
use super::ipython_names::IpythonNames;
use crate::python::Interpreter;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::module;
use crate::python::notebook::{self, is_notebook};
use crate::python::script_command::{ScriptCommand, ScriptSource, ScriptTarget};
use crate::python::script_entry::compile;
use crate::python::script_run::ScriptRun;
use crate::snapshot::index::{Index, PythonInfo, SCHEMA, ScriptEnd, ScriptInfo, Variable};
use crate::snapshot::plain_path::plain_absolute;

/// The process that saves the session.
pub(crate) struct Origin<'a> {
    /// The command that it runs; `None` at the prompt.
    pub command: Option<&'a ScriptCommand>,
    /// The source of the script, if it is a single file or string.
    pub source: Option<&'a ScriptSource>,
    /// How the script ended.
    pub ended: ScriptEnd,
    /// How long the script has run, in seconds.
    pub seconds: f64,
    /// The interpreter that runs it.
    pub interpreter: &'a Interpreter,
}

impl<'a> Origin<'a> {
    /// The origin of the session of a script that has ended.
    pub(crate) fn of_run(
        py: Python<'_>,
        command: &'a ScriptCommand,
        run: &'a ScriptRun,
        interpreter: &'a Interpreter,
    ) -> Self {
        let ended = ScriptEnd {
            how: run.how.to_owned(),
            // A process that dies of SIGINT has no exit code; shells report 130.
            code: run.end.exit_code(),
            traceback: run.error.as_ref().and_then(|error| traceback(py, error).tolerated()),
        };
        Self { command: Some(command), source: run.source.as_ref(), ended, seconds: run.seconds, interpreter }
    }
}

impl Origin<'_> {
    /// What a snapshot says about the script.
    pub(crate) fn script(&self) -> ScriptInfo {
        script(self)
    }
}

/// An index that has everything but the variables, the names left out, the packages and the version of dill.
pub(super) fn provenance(module: &str, origin: &Origin<'_>) -> Index {
    let python = origin.interpreter;
    Index {
        schema: SCHEMA,
        snapcli: env!("CARGO_PKG_VERSION").to_owned(),
        created: rfc3339(SystemTime::now()),
        module: module.to_owned(),
        script: script(origin),
        python: PythonInfo {
            version: python.version_text.clone(),
            implementation: python.implementation.clone(),
            platform: format!("{} {}", python.platform, python.machine),
            executable: python.executable.to_string_lossy().into_owned(),
            dill: String::new(),
        },
        ..Index::default()
    }
}

fn script(origin: &Origin<'_>) -> ScriptInfo {
    // `name` is the word that the user typed, and becomes `argv[0]`; `path` says where the code came from.
    let (kind, name, path) = match origin.command.map(|command| &command.target) {
        Some(ScriptTarget::Script(path)) => {
            ("script", path.as_os_str(), origin.source.map_or(path, |source| &source.path).as_os_str())
        }
        Some(ScriptTarget::StandardInput) => ("script", OsStr::new(""), OsStr::new("-")),
        Some(ScriptTarget::Module(name)) => ("module", OsStr::new("-m"), name.as_os_str()),
        Some(ScriptTarget::Code(_) | ScriptTarget::Expression(_)) => ("code", OsStr::new("-c"), OsStr::new("-c")),
        None => ("prompt", OsStr::new(""), OsStr::new("")),
    };
    let arguments = origin.command.into_iter().flat_map(|command| &command.arguments).map(OsString::as_os_str);
    // The names of modules and `-c` are no paths.
    let absolute = Path::new(path).is_absolute().then(|| plain_absolute(Path::new(path)).ok()).flatten();
    let path = absolute.as_ref().map_or(path, |path| path.as_os_str());
    ScriptInfo {
        kind: kind.to_owned(),
        path: path.to_string_lossy().into_owned(),
        // A pipe is read only once, by Python, so its bytes are not known here.
        blake3: origin.source.filter(|source| !source.bytes.is_empty()).map_or_else(String::new, source_hash),
        argv: std::iter::once(name).chain(arguments).map(|word| word.to_string_lossy().into_owned()).collect(),
        ended: origin.ended.clone(),
        seconds: origin.seconds,
        ..ScriptInfo::default()
    }
}

fn traceback(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let lines = py.import("traceback")?.call_method1("format_exception", (error.value(py),))?;
    let text = PyString::new(py, "").call_method1("join", (lines,))?;
    Ok(text.cast::<PyString>()?.to_string_lossy().into_owned())
}

/// The packages that the variables import, except the standard library.
#[derive(Default)]
pub(super) struct ImportedPackages {
    /// Their versions.
    pub(super) versions: BTreeMap<String, String>,
    /// What to install for those whose distributions have other names.
    pub(super) distributions: BTreeMap<String, String>,
}

impl ImportedPackages {
    pub(super) fn of<'v>(py: Python<'_>, segments: impl Iterator<Item = &'v Variable>, session: &str) -> Self {
        Self::find(py, segments, session).tolerated().unwrap_or_default()
    }

    fn find<'v>(py: Python<'_>, segments: impl Iterator<Item = &'v Variable>, session: &str) -> PyResult<Self> {
        let sys = module(intern!(py, "sys"))?;
        let (standard, modules) = (sys.getattr("stdlib_module_names")?, sys.getattr("modules")?);
        let (mut found, mut seen) = (Self::default(), HashSet::new());
        let mut installed = InstalledDistributions::default();
        for import in segments.flat_map(|segment| segment.imports.iter().map(String::as_str).chain(module_of(segment)))
        {
            // An import is `module name`: the package ends at the first dot or space.
            let package = import.split(['.', ' ']).next().unwrap_or_default();
            if package == session || package == "dill" || !seen.insert(package) || standard.contains(package)? {
                continue;
            }
            // Some scripts replace entries of `sys.modules`, so anything may be missing or of another type.
            let Ok(loaded) = modules.get_item(package).and_then(|found| Ok(found.cast_into::<PyModule>()?)) else {
                continue;
            };
            found.add(package, &loaded, &mut installed);
        }
        Ok(found)
    }

    /// Adds a package: its `__version__`, or the version in the name of its metadata directory. Reads no attribute that
    /// a function of the package computes: some warn that `__version__` is deprecated.
    fn add(&mut self, package: &str, module: &Bound<'_, PyModule>, installed: &mut InstalledDistributions) {
        let names = module.dict();
        let text = |name: &str| names.get_item(name).tolerated().flatten()?.extract::<String>().tolerated();
        let file = text("__file__").map(PathBuf::from);
        let directory = file.as_deref().and_then(|file| {
            let is_package = file.file_stem().is_some_and(|stem| stem == "__init__");
            file.ancestors().nth(if is_package { 2 } else { 1 })
        });
        let version = text("__version__").or_else(|| installed.version(directory?, package));
        self.versions.extend(version.map(|version| (package.to_owned(), version)));
        let requirement = directory.and_then(|directory| installed.requirement(directory, package));
        self.distributions.extend(requirement.map(|requirement| (package.to_owned(), requirement)));
    }
}

/// The name of the module that a variable is.
fn module_of(variable: &Variable) -> Option<&str> {
    variable.preview.strip_prefix("module ").filter(|_| variable.type_name == "module")
}

/// What the source of a script says of its names; empty if there is no source.
#[derive(Default)]
pub(super) struct ScriptNames {
    /// The last line that assigns each global name.
    pub(super) lines: HashMap<String, u32>,
    /// The modules with dotted names that the script imports.
    pub(super) imported: Vec<String>,
    /// The names that the script imports from modules.
    pub(super) from_imports: Vec<FromImport>,
}

/// The names of the session that a process saves. The source of a script is read once: a script that saves its session
/// after every step would otherwise be compiled after every step.
pub(super) fn script_names(main: &Bound<'_, PyModule>, origin: &Origin<'_>) -> Arc<ScriptNames> {
    static KNOWN: Mutex<Option<KnownScript>> = Mutex::new(None);
    let Some(source) = origin.source.filter(|source| !source.bytes.is_empty()) else {
        return Arc::new(names_of_session(main, origin));
    };
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known().as_ref().filter(|known| known.path == source.path && known.bytes == source.bytes) {
        return Arc::clone(&known.names);
    }
    // Not while it is locked: compiling can run Python code.
    let names = Arc::new(names_of_session(main, origin));
    let (path, bytes) = (source.path.clone(), source.bytes.clone());
    *known() = Some(KnownScript { path, bytes, names: Arc::clone(&names) });
    names
}

/// A script, and what its source says.
struct KnownScript {
    path: PathBuf,
    bytes: Vec<u8>,
    names: Arc<ScriptNames>,
}

fn names_of_session(main: &Bound<'_, PyModule>, origin: &Origin<'_>) -> ScriptNames {
    let py = main.py();
    // Compiling the script again would repeat its SyntaxWarnings.
    let quiet = WarningFilters::ignore_all(py);
    let code = match origin.source {
        // JSON is no code of ours, although Python may well compile it.
        Some(source) if is_notebook(&source.path) => return names_of_cells(py, &notebook::sources(&source.bytes)),
        Some(source) if !source.bytes.is_empty() => {
            compile(py, PyBytes::new(py, &source.bytes).as_any(), source.path.as_os_str(), "exec")
        }
        _ => match IpythonNames::of(&main.dict()).and_then(|names| names.inputs()) {
            Some(cells) => return names_of_cells(py, &cells),
            None => code_of_module(main),
        },
    };
    drop(quiet);
    // All this is optional: without it the session is still saved.
    let read = |code: Bound<'_, PyAny>| {
        let reader = CodeReader::new(py)?;
        Ok(ScriptNames {
            lines: reader.assignment_lines(&code)?,
            imported: reader.dotted_imports(&code)?,
            from_imports: reader.imported_names(&code)?,
        })
    };
    code.and_then(read).tolerated().unwrap_or_default()
}

/// What the cells of a notebook import. A line number would need the number of its cell.
fn names_of_cells(py: Python<'_>, cells: &[String]) -> ScriptNames {
    let mut names = ScriptNames::default();
    let Some(reader) = CodeReader::new(py).tolerated() else { return names };
    // Compiling takes time, and only few cells import anything.
    for cell in cells.iter().filter(|cell| cell.contains("import ")) {
        let mut read = || {
            let code = compile(py, PyString::new(py, cell).as_any(), OsStr::new("<cell>"), "exec")?;
            names.imported.extend(reader.dotted_imports(&code)?);
            names.from_imports.extend(reader.imported_names(&code)?);
            PyResult::Ok(())
        };
        // A cell may have a syntax error, or `await`.
        read().tolerated();
    }
    names
}

fn code_of_module<'py>(main: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyAny>> {
    let spec = main.getattr("__spec__")?;
    spec.getattr("loader")?.call_method1("get_code", (spec.getattr("name")?,))
}

fn source_hash(source: &ScriptSource) -> String {
    blake3::hash(&source.bytes).to_hex().to_string()
}

/// A time in UTC, as in RFC 3339, without fractions of a second: `2026-11-24T01:56:08Z`. Before 1970 it is 1970.
fn rfc3339(time: SystemTime) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / DAY, seconds % DAY);
    // Howard Hinnant's `civil_from_days`: years begin in March here, so that a leap day is the last day of a year.
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_in_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_795_485_368, "2026-11-24T01:56:08Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}

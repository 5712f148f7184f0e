//! Selects the names of a namespace that are saved: by the rules of the command line, and the private names that saved
//! functions and classes use.

use std::collections::{HashMap, HashSet};

use glob::Pattern;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString, PyType};

use super::code_objects::CodeReader;
use super::ipython_names::IpythonNames;
use super::object_description::type_name;
use crate::python::deferred_signals::{Tolerated as _, shown};
use crate::python::script_run::ScriptRun;
use crate::snapshot::index::{LeftOut, LeftOutReason};

/// The options of the command line that select names.
#[derive(Clone, Debug, Default)]
pub(crate) struct SelectionRules {
    /// If not empty, only names that match one of these are saved, with the globals that their code uses. Unlike
    /// names that `include` leaves out, the other names are not reported.
    pub only: Vec<Pattern>,
    /// If not empty, only names that match one of these are saved.
    pub include: Vec<Pattern>,
    /// Names that match one of these are left out.
    pub exclude: Vec<Pattern>,
    /// Values of these types are left out. A pattern may include the module or not: `pandas.*`, `DataFrame`.
    pub exclude_type: Vec<Pattern>,
    /// Whether to save all names that begin with `_`, not only the names in use.
    pub private: bool,
    /// Values that take more than this many bytes in the file are left out.
    pub max_size: Option<u64>,
    /// Whether to leave out values that look like credentials.
    pub redact: bool,
    /// Save imported objects by reference, as dill's `refimported`.
    pub refimported: bool,
    /// Leave out a variable as a whole if an object in it cannot be saved.
    pub whole: bool,
    /// The origins of rules that the user has not typed: `pyproject.toml:2` for `--exclude tmp_*`.
    pub origins: HashMap<String, String>,
}

/// A name of the session and its value.
pub(super) struct NamedValue<'py> {
    pub(super) name: String,
    pub(super) value: Bound<'py, PyAny>,
}

/// A namespace divided by the rules.
pub(super) struct SelectedNames<'py> {
    /// The names to save, in the order of their definition.
    pub(super) kept: Vec<NamedValue<'py>>,
    pub(super) left_out: Vec<LeftOut>,
}

/// The names that an import or the start of a script sets. They belong to the process.
const OF_MODULE: [&str; 8] =
    ["__builtins__", "__cached__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"];

/// Applies the rules to a namespace. Names like `__name__` are in neither list, and neither are others with two
/// underscores on both sides, unless a saved function uses them. Functions look up their names in `globals`. If the
/// names are a part of a session that the script has chosen (`is_part`), private ones are kept as well.
pub(super) fn select<'py>(
    namespace: &Bound<'py, PyDict>,
    globals: &Bound<'py, PyDict>,
    rules: &SelectionRules,
    code_reader: &CodeReader,
    is_part: bool,
) -> PyResult<SelectedNames<'py>> {
    let of_process = ProcessNames::of(namespace);
    let mut decisions = Vec::new();
    // Iterate over a copy: another thread of the script may still add names.
    for (key, value) in namespace.copy()?.iter() {
        // `globals()[1] = …` is possible, but such a key is no variable.
        let Ok(name) = key.cast::<PyString>() else { continue };
        // The index is UTF-8, so names that differ only in lone surrogates would be the same there.
        let valid = name.to_str().tolerated().is_some();
        let name = name.to_string_lossy().into_owned();
        let is_named = rules.only.is_empty() || rules.only.iter().any(|pattern| pattern.matches(&name));
        // Excluded names are not saved for the code of other variables either.
        let is_wanted = is_named || rules.excluding(&name, &value).is_some();
        if is_wanted && !of_process.has(&name, &value) && !is_unset(&name, &value) {
            let decision = if valid {
                rules.decide(&name, &value, is_part)
            } else {
                Err((LeftOutReason::Filter, "the name is not valid Unicode".to_owned()))
            };
            decisions.push((NamedValue { name, value }, decision));
        }
    }
    keep_private_names_in_use(&mut decisions, globals, code_reader);
    Ok(divided(decisions))
}

/// Whether the start of a script has set this variable, and nothing else.
fn is_unset(name: &str, value: &Bound<'_, PyAny>) -> bool {
    match name {
        "__doc__" => value.is_none(),
        "__annotations__" => value.cast_exact::<PyDict>().is_ok_and(|annotations| annotations.is_empty()),
        _ => false,
    }
}

/// The names to save, and the names left out.
fn divided(decisions: Vec<(NamedValue<'_>, Decision)>) -> SelectedNames<'_> {
    let mut selected = SelectedNames { kept: Vec::new(), left_out: Vec::new() };
    for (named, decision) in decisions {
        match decision {
            Ok(()) => selected.kept.push(named),
            Err((LeftOutReason::Private, _)) if is_dunder(&named.name) => {}
            Err((reason, rule)) => selected.left_out.push(left_out_by(named.name, &named.value, reason, rule)),
        }
    }
    selected
}

/// The entry for a value that a rule leaves out.
pub(super) fn left_out_by(name: String, value: &Bound<'_, PyAny>, reason: LeftOutReason, rule: String) -> LeftOut {
    LeftOut { type_name: type_name(&value.get_type()), name, reason, error: rule, ..LeftOut::default() }
}

impl<'py> SelectedNames<'py> {
    /// Adds the globals that the code of the selected values uses, directly or through others, in front of them: code
    /// that runs while they are loaded may need them.
    pub(super) fn add_needed(
        &mut self,
        globals: &Bound<'py, PyDict>,
        rules: &SelectionRules,
        code_reader: &CodeReader,
    ) -> PyResult<()> {
        let given: HashSet<String> = self.kept.iter().map(|named| named.name.clone()).collect();
        let left_out = self.left_out.iter().map(|item| item.name.clone());
        let mut seen: HashSet<String> = given.iter().cloned().chain(left_out).collect();
        let mut waiting: Vec<Bound<'py, PyAny>> = self.kept.iter().map(|named| named.value.clone()).collect();
        let mut needed = HashSet::new();
        let of_process = ProcessNames::of(globals);
        while let Some(value) = waiting.pop() {
            for name in code_reader.globals_used(&value, globals) {
                if !seen.insert(name.clone()) {
                    continue;
                }
                let Some(value) = globals.get_item(&name)? else { continue };
                if of_process.has(&name, &value) {
                    continue;
                }
                // What the code needs is left out all the same, and the report says who needs it.
                if let Some(rule) = rules.excluding(&name, &value) {
                    self.left_out.push(left_out_by(name, &value, LeftOutReason::Filter, rule));
                    continue;
                }
                waiting.push(value);
                needed.insert(name);
            }
        }
        let mut all = Vec::new();
        // In the order of their definition.
        for (key, value) in globals.copy()?.iter() {
            if let Some(name) = key.extract::<String>().tolerated().filter(|name| needed.contains(name)) {
                all.push(NamedValue { name, value });
            }
        }
        all.append(&mut self.kept);
        self.kept = all;
        Ok(())
    }
}

/// `Ok` to save a name, or why not.
type Decision = Result<(), (LeftOutReason, String)>;

impl SelectionRules {
    fn decide(&self, name: &str, value: &Bound<'_, PyAny>, is_part: bool) -> Decision {
        // `--exclude` wins over `--include`.
        let filtered = |rule: String| Err((LeftOutReason::Filter, rule));
        if let Some(rule) = self.excluding(name, value) {
            return filtered(rule);
        }
        // A private name that is included explicitly is saved.
        if self.include.iter().chain(&self.only).any(|pattern| pattern.matches(name)) {
            return Ok(());
        }
        if !self.include.is_empty() {
            return filtered("matches no --include pattern".to_owned());
        }
        if !is_part && name.starts_with('_') && (!self.private || is_dunder(name)) {
            let rule = "private, and not used by any saved function or class";
            return Err((LeftOutReason::Private, rule.to_owned()));
        }
        Ok(())
    }
}

impl SelectionRules {
    /// The rule that excludes a value, in words.
    pub(super) fn excluding(&self, name: &str, value: &Bound<'_, PyAny>) -> Option<String> {
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.matches(name)) {
            return Some(format!("matches {}", self.named(format!("--exclude {pattern}"))));
        }
        // Nearly always there are none, and the name of a type takes time.
        if self.exclude_type.is_empty() {
            return None;
        }
        let full = type_name(&value.get_type());
        let bare = full.rsplit('.').next().unwrap_or(&full);
        let unwanted = |pattern: &&Pattern| pattern.matches(&full) || pattern.matches(bare);
        let pattern = self.exclude_type.iter().find(unwanted)?;
        Some(format!("type matches {}", self.named(format!("--exclude-type {pattern}"))))
    }

    /// The name of an option in messages: a setting of a file has the file's name.
    pub(super) fn named(&self, option: String) -> String {
        match self.origins.get(&option) {
            Some(place) => format!("{} of {place}", option.trim_start_matches('-')),
            None => option,
        }
    }

    /// Why a variable is left out that looks like a credential.
    pub(super) fn redacted(&self, reasons: &[String]) -> String {
        let place = self.origins.get("--redact").map_or_else(String::new, |place| format!(" (redact of {place})"));
        format!("looks like a credential: {}{place}", reasons.join("; "))
    }
}

/// The names of a session that its rules can match. With `and_modules`, also the variables of all modules that are
/// loaded, as `module.name`: this includes the modules that belong to the session.
pub(crate) fn session_names(py: Python<'_>, run: &ScriptRun, module: &str, and_modules: bool) -> PyResult<Vec<String>> {
    let namespace = if module == "__main__" { run.main.bind(py).dict() } else { py.import(module)?.dict() };
    names_of_namespace(&namespace, and_modules)
}

/// The same for a namespace.
pub(super) fn names_of_namespace(namespace: &Bound<'_, PyDict>, and_modules: bool) -> PyResult<Vec<String>> {
    let py = namespace.py();
    let of_process = ProcessNames::of(namespace);
    let own = namespace.copy()?.iter().filter_map(|(key, value)| {
        let name = key.cast::<PyString>().ok()?.to_string_lossy().into_owned();
        (!of_process.has(&name, &value)).then_some(name)
    });
    let mut names: Vec<String> = own.collect();
    if and_modules {
        let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.copy()?;
        for (name, module) in modules.iter() {
            let Ok(module) = module.cast_into::<PyModule>() else { continue };
            let keys = module.dict().copy()?.keys();
            names.extend(keys.iter().map(|key| format!("{name}.{}", shown(&key))));
        }
    }
    Ok(names)
}

/// The types that the rules can match, with their modules and without: the types of the variables of the session and of
/// all modules that are loaded, some of which are saved as well.
pub(crate) fn session_types(py: Python<'_>, run: &ScriptRun, module: &str) -> PyResult<HashSet<String>> {
    let own = if module == "__main__" { run.main.bind(py).dict() } else { py.import(module)?.dict() };
    types_of_namespaces(py, vec![own])
}

/// The same for namespaces, and all modules that are loaded.
pub(super) fn types_of_namespaces<'py>(
    py: Python<'py>,
    mut namespaces: Vec<Bound<'py, PyDict>>,
) -> PyResult<HashSet<String>> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.copy()?;
    namespaces.extend(modules.values().iter().filter_map(|module| Some(module.cast_into::<PyModule>().ok()?.dict())));
    let mut types = HashMap::new();
    for namespace in namespaces {
        for (_, value) in namespace.copy()?.iter() {
            let kind = value.get_type();
            types.entry(kind.as_ptr() as usize).or_insert(kind);
        }
    }
    Ok(types.values().flat_map(names_of_type).collect())
}

/// A type with its module, and without.
pub(super) fn names_of_type(kind: &Bound<'_, PyType>) -> [String; 2] {
    let full = type_name(kind);
    let bare = full.rsplit('.').next().unwrap_or(&full).to_owned();
    [full, bare]
}

/// Why a module cannot be imported; `None` if it can.
///
/// # Errors
/// If Ctrl-C ends the import.
pub(crate) fn import_failure(py: Python<'_>, name: &str) -> PyResult<Option<String>> {
    match py.import(name) {
        Ok(_) => Ok(None),
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error),
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// The modules that are loaded, and the modules of the standard library.
pub(crate) fn known_modules(py: Python<'_>) -> Vec<String> {
    let find = || {
        let sys = py.import("sys")?;
        let mut names: Vec<String> = sys.getattr("modules")?.cast_into::<PyDict>()?.keys().extract()?;
        for name in sys.getattr("stdlib_module_names")?.try_iter()? {
            names.push(name?.extract()?);
        }
        Ok::<_, PyErr>(names)
    };
    find().tolerated().unwrap_or_default()
}

/// The variables of a namespace that belong to the process, and are never saved.
pub(super) struct ProcessNames<'py> {
    ipython: Option<IpythonNames<'py>>,
}

impl<'py> ProcessNames<'py> {
    pub(super) fn of(namespace: &Bound<'py, PyDict>) -> Self {
        Self { ipython: IpythonNames::of(namespace) }
    }

    pub(super) fn has(&self, name: &str, value: &Bound<'py, PyAny>) -> bool {
        is_of_module(name) || self.ipython.as_ref().is_some_and(|names| names.has(name, value))
    }
}

/// Whether an import or the start of a script sets a name.
pub(super) fn is_of_module(name: &str) -> bool {
    OF_MODULE.contains(&name)
}

fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

/// Keeps the private names that kept functions and classes use, directly or through other private names.
fn keep_private_names_in_use(
    decisions: &mut [(NamedValue<'_>, Decision)],
    namespace: &Bound<'_, PyDict>,
    code_reader: &CodeReader,
) {
    let private: HashMap<String, usize> = decisions
        .iter()
        .enumerate()
        .filter(|(_, (_, decision))| matches!(decision, Err((LeftOutReason::Private, _))))
        .map(|(index, (named, _))| (named.name.clone(), index))
        .collect();
    // Reading code takes time, and most sessions have no private names.
    if private.is_empty() {
        return;
    }
    let mut pending: Vec<usize> = (0..decisions.len()).filter(|&index| decisions[index].1.is_ok()).collect();
    while let Some(index) = pending.pop() {
        for name in code_reader.globals_used(&decisions[index].0.value, namespace) {
            if let Some(&position) = private.get(&name)
                && decisions[position].1.is_err()
            {
                // A private function may use further private names, so it joins the work list.
                decisions[position].1 = Ok(());
                pending.push(position);
            }
        }
    }
}

//! State of the process and the interpreter: directories, the environment, limits, the locale.

use std::collections::BTreeMap;
use std::path::Path;

use pyo3::exceptions::PyFileNotFoundError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use serde_json::{Value, json};

use super::{Found, integer, string, unexpected};
use crate::pickle::credentials;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::dill::path_of_script;
use crate::python::dill_install;
use crate::python::start_state::{self, current_locale, strings};

/// Variables that describe this machine.
const OF_MACHINE: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "HOSTNAME", "TMPDIR", "SHELL"];

/// Environment variables that shells and terminals set for each process.
const OF_SHELL: [&str; 6] = ["PWD", "OLDPWD", "SHLVL", "_", "LINES", "COLUMNS"];

pub(super) fn find_directory(_: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let Some(start) = start_state::get() else { return Ok(None) };
    let Ok(now) = std::env::current_dir() else { return Ok(None) };
    // A path that is not valid Unicode cannot be stored as JSON.
    let Some(text) = now.to_str().filter(|_| now != start.directory) else { return Ok(None) };
    Ok(Some((json!(text), text.to_owned())))
}

pub(super) fn set_directory(sys: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let path = value.as_str().ok_or_else(unexpected)?;
    if !Path::new(path).is_dir() {
        return Err(PyFileNotFoundError::new_err(format!("the directory {path} does not exist")));
    }
    sys.py().import("os")?.call_method1("chdir", (path,)).map(drop)
}

pub(super) fn find_path(sys: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let Some(start) = start_state::get() else { return Ok(None) };
    let path = match path_of_script() {
        Some(path) if path == start.path => return Ok(None),
        Some(path) => path,
        None => {
            let path = sys.getattr(intern!(sys.py(), "path"))?;
            if path.eq(&start.path_list)? {
                return Ok(None);
            }
            strings(&path)?
        }
    };
    // An empty string stands for the working directory.
    let version = sys.py().version_info();
    let own_dill = dill_install::folder((version.major, version.minor));
    let is_foreign = |entry: &String| !entry.is_empty() && own_dill.as_deref() != Some(Path::new(entry));
    let now: Vec<String> = path.into_iter().filter(is_foreign).collect();
    let is_old = |entry: &String| start.path.contains(entry) || Some(entry.as_str()) == start_state::script_directory();
    // What stands before all entries of the start was inserted there, to be searched first.
    let first_old = now.iter().position(is_old).unwrap_or(now.len());
    let (front, end) = now.split_at(first_old);
    let absolute = |entry: &String| match Path::new(entry).is_absolute() {
        true => entry.clone(),
        // Relative to where the process was started: that is where the script looked.
        false => start.directory.join(entry).display().to_string(),
    };
    let front: Vec<String> = front.iter().map(absolute).collect();
    let end: Vec<String> = end.iter().filter(|entry| !is_old(entry)).map(absolute).collect();
    if front.is_empty() && end.is_empty() {
        return Ok(None);
    }
    let preview = front.iter().chain(&end).map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok(Some((json!({"front": front, "end": end}), preview)))
}

/// Puts the entries back where they were in a run: the first ones before the directory of the script.
pub(super) fn set_path_of_run(sys: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let path = sys.getattr("path")?;
    let front = value.get("front").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, entry) in front.iter().filter_map(Value::as_str).enumerate() {
        if !path.contains(entry)? {
            path.call_method1("insert", (index, entry))?;
        }
    }
    set_path(sys, value)
}

pub(super) fn set_path(sys: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let path = sys.getattr("path")?;
    let entries = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    // The first entry is the directory of the script that runs now, or a placeholder for it.
    let mut index = usize::from(path.len()? > 0);
    for entry in entries("front").iter().filter_map(Value::as_str) {
        if !path.contains(entry)? {
            path.call_method1("insert", (index, entry))?;
            index += 1;
        }
    }
    for entry in entries("end").iter().filter_map(Value::as_str) {
        if !path.contains(entry)? {
            path.call_method1("append", (entry,))?;
        }
    }
    Ok(())
}

pub(super) fn find_environ(os: &Bound<'_, PyModule>, notes: &mut Vec<String>) -> PyResult<Found> {
    let Some(start) = start_state::get() else { return Ok(None) };
    // Decoding all variables takes longer than the rest of a small save, and most scripts change none.
    if let Some((before, now)) = start.environ_bytes.as_ref().zip(start_state::environ_bytes(os.py()))
        && now.eq(before)?
    {
        return Ok(None);
    }
    let before = start.environ.bind(os.py());
    let now = os.getattr("environ")?.call_method0("copy")?.cast_into::<PyDict>()?;
    let mut changes: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (name, value) in &now {
        if before.get_item(&name)?.is_some_and(|old| old.eq(&value).tolerated().unwrap_or(false)) {
            continue;
        }
        // Not valid Unicode: it cannot be stored as JSON.
        let (Ok(text), Ok(string)) = (name.extract::<String>(), value.extract::<String>()) else { continue };
        if is_ours(&text) || OF_MACHINE.contains(&text.as_str()) {
            continue;
        }
        if let Some(why) = credentials::reason(Some(&text), &string) {
            notes.push(format!("the environment variable {text} is not kept: it looks like a credential ({why})"));
        } else if credentials::may_be_credential(&text, &string) {
            notes.push(format!("the environment variable {text} is not kept: it may be a credential"));
        } else {
            changes.insert(text, Some(string));
        }
    }
    for (name, _) in before {
        if let (false, Ok(text)) = (now.contains(&name)?, name.extract::<String>())
            && !is_ours(&text)
        {
            changes.insert(text, None);
        }
    }
    if changes.is_empty() && notes.is_empty() {
        return Ok(None);
    }
    let shown = |(name, value): (&String, &Option<String>)| match value {
        Some(_) => name.clone(),
        None => format!("{name} (removed)"),
    };
    let preview = changes.iter().map(shown).collect::<Vec<_>>().join(", ");
    Ok(Some((json!(changes), preview)))
}

fn is_ours(name: &str) -> bool {
    // OpenMP sets the second ones for the libraries of this process.
    name.starts_with("SNAPCLI_") || name.starts_with("KMP_") || OF_SHELL.contains(&name)
}

pub(super) fn set_environ(os: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let environ = os.getattr("environ")?;
    for (name, value) in value.as_object().ok_or_else(unexpected)? {
        match value.as_str() {
            Some(value) => environ.set_item(name, value)?,
            None => drop(environ.call_method1("pop", (name, os.py().None()))?),
        }
    }
    Ok(())
}

pub(super) fn find_limits(sys: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let Some(start) = start_state::get() else { return Ok(None) };
    let mut changes = serde_json::Map::new();
    let limit: usize = sys.call_method0("getrecursionlimit")?.extract()?;
    if limit != start.recursion_limit {
        changes.insert("recursionlimit".to_owned(), json!(limit));
    }
    if let Some(before) = start.int_digits {
        let digits: usize = sys.call_method0("get_int_max_str_digits")?.extract()?;
        if digits != before {
            changes.insert("int_max_str_digits".to_owned(), json!(digits));
        }
    }
    let preview = changes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
    Ok((!changes.is_empty()).then_some((Value::Object(changes), preview)))
}

pub(super) fn set_limits(sys: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    for (name, function) in [("recursionlimit", "setrecursionlimit"), ("int_max_str_digits", "set_int_max_str_digits")]
    {
        if value.get(name).is_some() {
            sys.call_method1(function, (integer(value, name)?,))?;
        }
    }
    Ok(())
}

pub(super) fn find_locale(_: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let now = current_locale();
    let is_same = start_state::get().is_none_or(|start| start.locale == now);
    Ok((!is_same).then(|| (json!({"all": now}), now.clone())))
}

pub(super) fn set_locale(sys: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let locale = sys.py().import("locale")?;
    locale.call_method1("setlocale", (locale.getattr("LC_ALL")?, string(value, "all")?)).map(drop)
}

//! The sources of functions that are in no file, such as those of notebook cells: written as one entry of the ambient
//! state, and given back to `linecache` by a restore, so that `inspect.getsource` and tracebacks find them.
//!
//! The value of the entry is a JSON object: the name that code objects give as their file, and the source. Lines that
//! look like a credential are hidden, because a cell may also have statements whose variables are not saved.

use std::collections::BTreeMap;

use anyhow::Result;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value, json};

use super::ambient::{AmbientEntry, stored_entries};
use super::failure_path::error_text;
use super::variable_saver::VariableSaver;
use crate::pickle::credentials::{hidden, hidden_in_source};
use crate::snapshot::index::Index;
use crate::snapshot::reader::Snapshot;
use crate::snapshot::save_target::SaveTarget;
use crate::ui::count;

/// The name of the entry: the module that keeps the sources.
const ENTRY: &str = "linecache";

impl<T: SaveTarget> VariableSaver<'_, '_, T> {
    /// The entry with the sources of all code in the segments so far; `None` if there are none.
    pub(super) fn code_sources(&self) -> Result<Option<AmbientEntry>> {
        let (mut texts, mut notes) = (BTreeMap::new(), Vec::new());
        for name in self.sources.take() {
            let Some(text) = self.pickler.source(&name)? else { continue };
            let (shown, names) = without_credentials(&text, self.request.rules.redact);
            if shown != text {
                let named = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
                notes.push(format!("a part of the source of {name} looks like a credential: it is not kept{named}"));
            }
            texts.insert(name, shown);
        }
        if texts.is_empty() {
            return Ok(None);
        }
        let lines = texts.values().map(|text| text.lines().count()).sum();
        let preview = format!("{} of source that no file has", count(lines, "line"));
        Ok(Some(AmbientEntry { name: ENTRY, value: json!(texts), preview, notes }))
    }
}

/// The same source, with the same lines, and the names of what was hidden by them. With `all`, hides whatever may be a
/// credential.
fn without_credentials(text: &str, all: bool) -> (String, Vec<String>) {
    let (text, names) = hidden_in_source(text, all).unwrap_or_else(|| (text.to_owned(), Vec::new()));
    (without_values(&text), names)
}

/// The same source without values that look like credentials. They may go over several lines, as private keys do.
fn without_values(text: &str) -> String {
    let Some(whole) = hidden(text) else { return text.to_owned() };
    if whole.lines().count() == text.lines().count() {
        return whole;
    }
    // Line numbers must stay as they are.
    let lines = text.split('\n').map(|line| if whole.contains(line) { line } else { "" });
    lines.collect::<Vec<_>>().join("\n")
}

/// Gives the sources of a file to `linecache`, wherever its variables are restored to. Adds to the notes if it cannot.
pub(super) fn restore_sources(py: Python<'_>, snapshot: &Snapshot, index: &Index, notes: &mut Vec<String>) {
    // Most snapshots have none.
    if !index.ambient.iter().any(|entry| entry.name == ENTRY) {
        return;
    }
    let entries = stored_entries(snapshot, index).unwrap_or_default();
    let sources = entries.iter().find(|(name, _)| name == ENTRY).and_then(|(_, value)| value.as_object());
    if let Some(sources) = sources
        && let Err(error) = add_to_linecache(py, sources)
    {
        notes.push(format!("cannot restore the source of functions: {}", error_text(py, &error)));
    }
}

/// What `linecache` has under the same name stays.
fn add_to_linecache(py: Python<'_>, sources: &Map<String, Value>) -> PyResult<()> {
    let cache = py.import("linecache")?.getattr("cache")?.cast_into::<PyDict>()?;
    for (name, text) in sources {
        let Some(text) = text.as_str().filter(|text| !text.is_empty()) else { continue };
        if !cache.contains(name)? {
            let lines = text.into_pyobject(py)?.call_method1("splitlines", (true,))?;
            // Without a time of modification, `linecache.checkcache` keeps the entry.
            cache.set_item(name, (text.len(), py.None(), lines, name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn hiding_a_credential_keeps_the_lines() {
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        let key = "k = '''-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n\
                   -----END PRIVATE KEY-----'''\n";
        for source in [format!("t = '{token}'\ndef f():\n    return 1\n"), format!("{key}def f():\n    return 1\n")] {
            let (shown, _) = without_credentials(&source, false);
            assert!(!shown.contains(&token) && !shown.contains("MIIE"), "{shown}");
            assert_eq!(shown.lines().count(), source.lines().count());
            assert!(shown.ends_with("def f():\n    return 1\n"), "{shown}");
        }
        assert_eq!(without_credentials("def f(): pass\n", true).0, "def f(): pass\n");
    }
}

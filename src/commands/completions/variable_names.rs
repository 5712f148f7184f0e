//! The names of the variables in a file, for `--only <TAB>`. They come from a file that may be hostile, and go to a
//! terminal: a name that cannot be shown as it is, is left out. Whatever fails, there are just no names.

use std::path::Path;

use clap_complete::CompletionCandidate;

use crate::report::inspect_report::SessionReport;
use crate::snapshot::index::Variable;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::ui::{escape, format_size};

/// The most memory for following a pickle that has no index.
const MAX_MEMORY: u64 = 64 << 20;
/// The largest pickle without an index that is read: a completion must not make the user wait.
const MAX_FOREIGN: u64 = 4 << 20;

/// A variable, as completion shows it.
#[derive(Clone, Debug)]
pub(super) struct KnownVariable {
    pub(super) name: String,
    pub(super) type_name: String,
    bytes: u64,
}

impl KnownVariable {
    /// A candidate for an option that takes names.
    pub(super) fn named(&self) -> CompletionCandidate {
        let help = format!("{}, {}", self.type_name, format_size(self.bytes));
        CompletionCandidate::new(&self.name).help(Some(help.into()))
    }

    /// A candidate for an option that takes patterns.
    pub(super) fn as_pattern(&self) -> CompletionCandidate {
        let help = format!("{}, {}", self.type_name, format_size(self.bytes));
        CompletionCandidate::new(glob::Pattern::escape(&self.name)).help(Some(help.into()))
    }
}

/// The variables of some files, without duplicates: data first, then what was imported.
pub(super) fn variables(files: &[String]) -> Vec<KnownVariable> {
    let mut all: Vec<(bool, KnownVariable)> = Vec::new();
    for variable in files.iter().filter_map(|file| read(Path::new(file))).flatten() {
        let is_shown = |text: &str| escape(text) == text;
        if !is_shown(&variable.name) || all.iter().any(|(_, known)| known.name == variable.name) {
            continue;
        }
        let type_name = escape(&variable.type_name).into_owned();
        let known = KnownVariable { name: variable.name, type_name, bytes: variable.length };
        all.push((known.type_name == "module", known));
    }
    all.sort_by_key(|(is_import, _)| *is_import);
    all.into_iter().map(|(_, known)| known).collect()
}

fn read(file: &Path) -> Option<Vec<Variable>> {
    // Opening a pipe could wait forever.
    let facts = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let snapshot = Snapshot::open(file).ok()?.with_max_memory(Some(MAX_MEMORY));
    if let Contents::Foreign { .. } = snapshot.contents()
        && facts.len() > MAX_FOREIGN
    {
        return None;
    }
    Some(SessionReport::of(String::new(), &snapshot).ok()?.index.variables)
}

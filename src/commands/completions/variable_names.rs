//! The names of the variables in a file, for `--only <TAB>`. They come from a file that may be hostile, and go to a
//! terminal: a name that cannot be shown as it is, is left out. Whatever fails, there are just no names.

use std::path::Path;

use clap_complete::CompletionCandidate;

use super::snapshot_numbers::is_in_local_store;
use crate::report::inspect_report::SessionReport;
use crate::snapshot::index::{Index, StackFrame, Variable, VariableKind};
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
    pub(super) kind: VariableKind,
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
        let Variable { name, length: bytes, kind, .. } = variable;
        all.push((kind == VariableKind::Import, KnownVariable { name, type_name, bytes, kind }));
    }
    all.sort_by_key(|(is_import, _)| *is_import);
    all.into_iter().map(|(_, known)| known).collect()
}

/// The numbers of the frames in some files, with what they are.
pub(super) fn frames(files: &[String]) -> Vec<CompletionCandidate> {
    let indexes = files.iter().filter_map(|file| open(Path::new(file)));
    let frames = indexes.flat_map(|index| index.frames.into_iter().enumerate());
    let candidate = |(number, frame): (usize, StackFrame)| {
        let help = format!("{}, {}:{}", frame.function, frame.path, frame.line);
        CompletionCandidate::new(number.to_string()).help(Some(escape(&help).into_owned().into()))
    };
    frames.map(candidate).collect()
}

fn read(file: &Path) -> Option<Vec<Variable>> {
    open(file).map(|index| index.variables)
}

fn open(file: &Path) -> Option<Index> {
    // Opening a pipe could wait forever.
    let is_file = std::fs::metadata(file).is_ok_and(|found| found.is_file());
    if !is_file && !is_in_local_store(file) {
        return None;
    }
    let snapshot = Snapshot::open(file).ok()?.with_max_memory(Some(MAX_MEMORY));
    if let Contents::Foreign { .. } = snapshot.contents()
        && snapshot.stream_len() > MAX_FOREIGN
    {
        return None;
    }
    // Following it takes too long, and what its index says may be false.
    if let Contents::Own { index } = snapshot.contents()
        && snapshot.stream_len() > MAX_FOREIGN
        && !snapshot.is_signed_by_user()
    {
        let names = index.variables.iter();
        let variable = |of: &Variable| Variable {
            name: of.name.clone(),
            type_name: "?".into(),
            length: of.length,
            ..Variable::default()
        };
        return Some(Index { variables: names.map(variable).collect(), ..Index::default() });
    }
    Some(SessionReport::of(String::new(), &snapshot).ok()?.index)
}

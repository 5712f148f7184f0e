//! The names of variables on the command line of `save`, and the check of the script for them before it runs.

use std::path::Path;

use glob::Pattern;

use crate::cli::SelectionArgs;
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::snapshot::file_names::has_script_name;
use crate::ui::Verbosity;
use crate::ui::nearest_names::{Unmatched, unmatched};

/// The most bytes of a script that are read for its names.
const MOST_SOURCE: u64 = 1 << 20;

/// The patterns of `--include`, `--exclude` and `--exclude-type` that the user has typed.
#[derive(Debug)]
pub(in crate::commands) struct NamedPatterns {
    pub(super) include: Vec<Pattern>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) exclude_type: Vec<Pattern>,
}

impl NamedPatterns {
    pub(in crate::commands) fn of(args: &SelectionArgs) -> Self {
        let is_typed = |pattern: &&Pattern| !args.origins.contains_key(&format!("--exclude-type {pattern}"));
        let exclude_type = args.exclude_type.iter().filter(is_typed).cloned().collect();
        Self { include: args.include.clone(), exclude: args.exclude.clone(), exclude_type }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
}

/// Says before the script runs which names on the command line it does not have: it may run for hours. Whether they
/// exist is certain only after that.
pub(super) fn warn_of_missing(command: &ScriptCommand, patterns: &NamedPatterns, verbosity: Verbosity) {
    let ScriptTarget::Script(path) = &command.target else { return };
    if patterns.is_empty() || !is_short_source(path) {
        return;
    }
    let source = std::fs::read_to_string(path).unwrap_or_default();
    for wrong in missing_in_source(patterns, &source) {
        let advice = wrong.advice().unwrap_or_default();
        let (option, pattern) = (wrong.option, &wrong.pattern);
        verbosity.note(&format!("warning: {option} {pattern}: {} has no such name: {advice}", path.display()));
    }
}

fn is_short_source(path: &Path) -> bool {
    has_script_name(path) && std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() < MOST_SOURCE)
}

/// The names that the source of a script does not contain, with those that may have been meant. A star import may
/// define any name.
fn missing_in_source(patterns: &NamedPatterns, source: &str) -> Vec<Unmatched> {
    let has_star = source.lines().any(|line| line.trim_start().starts_with("from ") && line.contains("import *"));
    if has_star || source.contains("globals(") || source.contains("exec(") {
        return Vec::new();
    }
    let words: Vec<&str> = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let is_name = |pattern: &&Pattern| pattern.as_str().chars().all(|c| c.is_alphanumeric() || c == '_');
    let of = |patterns: &[Pattern], option| {
        let names: Vec<Pattern> = patterns.iter().filter(is_name).cloned().collect();
        unmatched(&names, option, words.iter().copied())
    };
    let found = of(&patterns.include, "--include").into_iter().chain(of(&patterns.exclude, "--exclude"));
    found.filter(|wrong| !wrong.nearest.is_empty()).collect()
}

//! `save --include` and `--exclude` with a name that the session does not have, `--module` with one that does not
//! exist, and `--locals` with a function that was not called.
//!
//! The names are known only after the script has run, perhaps for hours. So the session is not lost: it goes to a file
//! of its own, the old snapshot stays, and the exit code says that the command line was wrong. What the user may have
//! meant to leave out is left out of that file, too: the names that are most like the wrong one, and whatever looks
//! like a credential.

use std::path::{Path, PathBuf};

use anyhow::Result;
use glob::Pattern;

use super::named_patterns::NamedPatterns;
use crate::exit;
use crate::python::Python;
use crate::python::script_run::ScriptRun;
use crate::session::{CapturedFrames, SelectionRules, import_failure, known_modules, session_names, session_types};
use crate::snapshot::file_names::beside;
use crate::ui::nearest_names::{Unmatched, did_you_mean, nearest, unmatched};

impl NamedPatterns {
    /// The patterns that match no name of a session, and no local variable of `frames`, which are asked for only if
    /// there are patterns.
    ///
    /// # Errors
    /// If the names cannot be read.
    pub(in crate::commands) fn unmatched_in(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        module: &str,
        frames: impl FnOnce() -> CapturedFrames,
    ) -> Result<UnmatchedPatterns> {
        let (local_names, local_types) = match self.is_empty() && self.exclude_type.is_empty() {
            true => Default::default(),
            false => frames().names_and_types(py),
        };
        let exclude_type = match self.exclude_type.is_empty() {
            true => Vec::new(),
            false => {
                let mut types = session_types(py, run, module)?;
                types.extend(local_types);
                unmatched(&self.exclude_type, "--exclude-type", types.iter().map(String::as_str))
            }
        };
        if self.is_empty() {
            return Ok(UnmatchedPatterns { exclude_type, ..UnmatchedPatterns::default() });
        }
        let has_dot = |pattern: &Pattern| pattern.as_str().contains('.');
        let and_modules = self.include.iter().chain(&self.exclude).any(has_dot);
        let mut names = session_names(py, run, module, and_modules)?;
        names.extend(local_names);
        let of = |patterns: &[Pattern], option| unmatched(patterns, option, names.iter().map(String::as_str));
        let (include, exclude) = (of(&self.include, "--include"), of(&self.exclude, "--exclude"));
        Ok(UnmatchedPatterns { include, exclude, exclude_type, ..UnmatchedPatterns::default() })
    }
}

/// The module of the command line, which cannot be imported.
#[derive(Clone, Debug)]
pub(super) struct WrongModule {
    message: String,
    advice: Option<String>,
}

impl WrongModule {
    /// # Errors
    /// If Ctrl-C comes while it is imported.
    pub(super) fn find(py: Python<'_>, name: &str) -> Result<Option<Self>> {
        let Some(error) = import_failure(py, name)? else { return Ok(None) };
        let known = known_modules(py);
        let advice = did_you_mean(nearest(name, known.iter().map(String::as_str)).into_iter());
        Ok(Some(Self { message: format!("--module {name} cannot be imported: {error}"), advice }))
    }
}

/// The patterns that match nothing, the module that there is not, and the functions that were not called.
#[derive(Debug, Default)]
pub(in crate::commands) struct UnmatchedPatterns {
    pub(super) module: Option<WrongModule>,
    /// What is wrong with each function of `--locals` that was not called.
    pub(super) locals: Vec<String>,
    include: Vec<Unmatched>,
    exclude: Vec<Unmatched>,
    exclude_type: Vec<Unmatched>,
}

impl UnmatchedPatterns {
    pub(in crate::commands) fn is_empty(&self) -> bool {
        let is_matched = self.include.is_empty() && self.exclude.is_empty() && self.exclude_type.is_empty();
        is_matched && self.module.is_none() && self.locals.is_empty()
    }

    /// The rules with which the session can be saved all the same.
    pub(super) fn careful_rules(&self, rules: &SelectionRules) -> SelectionRules {
        let exact = |name: &String| Pattern::new(&Pattern::escape(name)).ok();
        let mut careful = rules.clone();
        careful.redact = true;
        careful.exclude.extend(self.exclude.iter().flat_map(|wrong| &wrong.nearest).filter_map(exact));
        let types = self.exclude_type.iter().flat_map(|wrong| &wrong.nearest);
        careful.exclude_type.extend(types.filter_map(exact));
        for wrong in &self.include {
            if wrong.nearest.is_empty() {
                // What was meant may be any of the names.
                careful.include.clear();
                break;
            }
            careful.include.extend(wrong.nearest.iter().filter_map(exact));
        }
        careful
    }

    /// The error. `advice` says where the session is.
    pub(in crate::commands) fn error(&self, advice: Vec<String>) -> anyhow::Error {
        let mut all = self.all();
        let (first, first_advice) = all.next().unwrap_or_default();
        let mut details: Vec<String> = first_advice.into_iter().collect();
        for (message, advice) in all {
            details.push(message);
            details.extend(advice);
        }
        details.extend(advice);
        exit::coded(exit::USAGE, first).with_details(details).into()
    }

    /// What is wrong, a line for each pattern.
    pub(super) fn messages(&self) -> impl Iterator<Item = String> {
        self.all().map(|(message, advice)| advice.map_or(message.clone(), |advice| format!("{message}: {advice}")))
    }

    /// What is wrong, with what may have been meant.
    fn all(&self) -> impl Iterator<Item = (String, Option<String>)> {
        let module = self.module.iter().map(|missing| (missing.message.clone(), missing.advice.clone()));
        let module = module.chain(self.locals.iter().map(|message| (message.clone(), None)));
        let patterns = self.include.iter().chain(&self.exclude).chain(&self.exclude_type);
        module.chain(patterns.map(|wrong| (wrong.message(), wrong.advice())))
    }

    /// What is left out of the file beside those that the user has named.
    pub(super) fn withheld(&self) -> String {
        let types = self.exclude_type.iter().flat_map(|wrong| &wrong.nearest).map(|name| format!("what is a {name}"));
        let names: Vec<String> = self.exclude.iter().flat_map(|wrong| &wrong.nearest).cloned().chain(types).collect();
        match names.as_slice() {
            [] => "without what looks like a credential".to_owned(),
            names => format!("without {} and what looks like a credential", names.join(", ")),
        }
    }
}

/// `session.unmatched.pkl` for `session.pkl`.
pub(super) fn path_beside(path: &Path) -> PathBuf {
    beside(path, "unmatched")
}

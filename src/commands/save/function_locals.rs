//! The local variables that `--locals` names, in the session of a run, and the messages about them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::PoisonError;

use anyhow::Result;

use super::save_job::SaveJob;
use crate::commands::operand_order::shell_word;
use crate::exit;
use crate::pickle::credentials::hide_arguments;
use crate::python::call_watch::{self, FunctionLocals, WatchedFunction};
use crate::python::script_command::ScriptTarget;
use crate::python::script_run::ScriptRun;
use crate::python::{Python, context};
use crate::session::{
    BoundLocal, BoundLocals, CalledFunction, ScriptImports, function_that_did_the_work, functions_like,
    functions_of_script,
};
use crate::snapshot::index::Index;
use crate::ui::Verbosity;
use crate::ui::messages::print_line;
use crate::ui::nearest_names::{did_you_mean, nearest};

impl SaveJob {
    /// The functions of `--locals`. Refuses those that the script does not have, before it runs for hours.
    pub(super) fn functions(&self, py: Python<'_>) -> Result<Vec<WatchedFunction>> {
        let mut functions = self.locals.clone();
        let ScriptTarget::Script(path) = &self.command.target else { return Ok(functions) };
        let source = context::of_process(py)?.source.as_ref();
        let Some(source) = source.filter(|_| functions.iter().any(|function| function.module.is_none())) else {
            return Ok(functions);
        };
        let Some(known) = functions_of_script(py, source) else { return Ok(functions) };
        let is_unknown = |function: &WatchedFunction| function.module.is_none() && !known.contains(&function.name);
        if functions.iter().any(is_unknown) {
            let imports = ScriptImports::of(py, source);
            for function in functions.iter_mut().filter(|function| is_unknown(function)) {
                function.imported = imports.function(&function.name);
                if function.imported.is_none() && !imports.has_star {
                    return Err(unknown_function(path, function, &known));
                }
            }
        }
        Ok(functions)
    }

    /// Does the work while the local variables that belong to the session are bound in it.
    pub(super) fn with_locals<T>(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.check_module(py, run)?;
        let functions = call_watch::so_far(py);
        if functions.is_empty() {
            return work();
        }
        let bound = BoundLocals::bind(py, run, self.module(), &functions)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound.all();
        let result = work();
        drop(bound);
        result
    }

    /// What is wrong with the functions that were never called, a line for each.
    pub(super) fn uncalled(py: Python<'_>, run: &ScriptRun) -> Vec<String> {
        let functions = call_watch::so_far(py).into_iter().filter(|function| function.locals.is_none());
        let message = |FunctionLocals { function, is_known, .. }| {
            let meant: Vec<String> = functions_like(py, &function.name, run);
            let is_meant = |name: &String| *name != function.text() && function.imported.is_none();
            let meant: Vec<String> = meant.into_iter().filter(is_meant).collect();
            let is_elsewhere = meant.iter().any(|name| name.contains(':'));
            let why = match is_known && !is_elsewhere {
                true => "was never called",
                false if function.module.is_none() && function.imported.is_none() => "was not found in the script",
                false => "was not found in any module that ran",
            };
            let meant =
                did_you_mean(meant.iter().map(String::as_str)).map_or(String::new(), |meant| format!(": {meant}"));
            format!("--locals {}: the function {why}, so it has no local variables to save{meant}", function.text())
        };
        functions.map(message).collect()
    }

    /// Says which local variables have another name in the session, and, unless `is_told`, which functions were never
    /// called. Returns whether all were.
    pub(super) fn print_locals(&self, py: Python<'_>, run: &ScriptRun, index: &Index, is_told: bool) -> bool {
        let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
        for function in index.variables.iter().filter_map(|variable| variable.local_of.as_deref()) {
            *kept.entry(function).or_default() += 1;
        }
        for (function, number) in kept {
            let text = match (number, index.variables.len()) {
                (1, 1) => "it is a local variable".to_owned(),
                (1, _) => "1 of them is a local variable".to_owned(),
                (_, all) if number == all => "they are local variables".to_owned(),
                _ => format!("{number} of them are local variables"),
            };
            self.verbosity.note(&format!("{text} of {function}"));
        }
        for BoundLocal { name, renamed, function } in self.bound.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(local) = renamed {
                let text =
                    format!("the local variable {local} of {function} is saved as {name}: {local} has a value already");
                self.verbosity.note(&text);
            }
        }
        let uncalled = Self::uncalled(py, run);
        if !is_told {
            uncalled.iter().for_each(|text| print_line(text));
        }
        uncalled.is_empty()
    }

    /// If the session has no data, says which function had it.
    pub(super) fn print_hint(&self, py: Python<'_>, run: &ScriptRun, index: &Index) {
        if !self.locals.is_empty() || !run.succeeded() || self.verbosity == Verbosity::Quiet {
            return;
        }
        if self.module() != "__main__" {
            return;
        }
        let Some(CalledFunction { name, is_all }) = function_that_did_the_work(py, index, run) else { return };
        let data = if is_all { "no data" } else { "hardly any data" };
        let functions: Vec<String> =
            name.split(',').map(|name| format!("{}()", name.split(':').next_back().unwrap_or(name))).collect();
        let (did, its) = match functions.as_slice() {
            [one] => (one.clone(), "its"),
            [others @ .., last] => (format!("{} and {last}", others.join(", ")), "their"),
            [] => return,
        };
        self.verbosity.note(&format!(
            "the session has {data}: {did} did the work in {its} local variables; to save these, run {}",
            self.command_with(&format!("--locals {name}"))
        ));
    }

    /// The command line, with one more option and without credentials.
    fn command_with(&self, option: &str) -> String {
        let shown = |words: &[OsString]| {
            let mut words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            hide_arguments(&mut words);
            words.iter().map(|word| format!(" {}", shell_word(word))).collect::<String>()
        };
        let (given, arguments) = (shown(&self.given_options), shown(&self.command.arguments));
        let target = match &self.command.target {
            ScriptTarget::Script(path) => shell_word(&path.to_string_lossy()),
            ScriptTarget::Module(module) => format!("-m {}", shell_word(&module.to_string_lossy())),
            ScriptTarget::Code(code) | ScriptTarget::Expression(code) => {
                format!("-c {}", code_word(&code.to_string_lossy()))
            }
            ScriptTarget::StandardInput => "-".to_owned(),
        };
        format!("snapcli save{given} {option} {target}{arguments}")
    }
}

/// Code as a word of a shell command, on one line as bash and zsh read it; `…` for long code.
fn code_word(code: &str) -> String {
    const LONGEST: usize = 200;
    match code.contains('\n') {
        _ if code.len() > LONGEST => "…".to_owned(),
        true => format!("$'{}'", code.replace('\\', r"\\").replace('\'', r"\'").replace('\n', r"\n")),
        false => shell_word(code),
    }
}

/// The error for a function that the script neither defines nor imports.
fn unknown_function(path: &Path, unknown: &WatchedFunction, known: &[String]) -> anyhow::Error {
    const SHOWN: usize = 12;
    let mut details: Vec<String> =
        did_you_mean(meant_by(&unknown.name, known).iter().map(String::as_str)).into_iter().collect();
    // The one that most scripts are about comes first.
    let (first, others): (Vec<String>, Vec<String>) = known.iter().cloned().partition(|name| name == "main");
    let known: Vec<String> = first.into_iter().chain(others).collect();
    let mut names = known.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if known.len() > SHOWN {
        names.push_str(", …");
    }
    let has = if names.is_empty() { "it has no functions".to_owned() } else { format!("its functions are {names}") };
    let text = format!("--locals: {} has no function '{}': {has}", path.display(), unknown.name);
    details.push(match unknown.name.rsplit_once('.') {
        Some((module, function)) => {
            format!("for a function of the module {module}, use --locals {module}:{function}")
        }
        None => "for a function of another module, use --locals module:function".to_owned(),
    });
    exit::coded(exit::USAGE, text).with_details(details).into()
}

/// The functions that may have been meant: those with a name like it, or with a last part like it: `A.fit` for `fit`.
fn meant_by(wrong: &str, known: &[String]) -> Vec<String> {
    let whole = nearest(wrong, known.iter().map(String::as_str));
    if !whole.is_empty() {
        return whole.into_iter().map(String::from).collect();
    }
    let last = |name: &'_ str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let parts: Vec<String> = known.iter().map(|name| last(name)).collect();
    let found = nearest(&last(wrong), parts.iter().map(String::as_str));
    known.iter().filter(|name| found.contains(&last(name).as_str())).take(3).cloned().collect()
}

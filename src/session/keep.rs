//! Which names of a namespace are kept: the rules of the command line, and the private names that kept
//! functions need.

use std::collections::HashMap;

use glob::Pattern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use super::code::Opcodes;
use super::describe::type_name;
use crate::snapshot::index::{LeftOut, Reason};

/// What the command line says of names.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Only names that match one of these, where there are any.
    pub include: Vec<Pattern>,
    /// Not these names.
    pub exclude: Vec<Pattern>,
    /// Not values of these types: `pandas.*`, `DataFrame`.
    pub exclude_type: Vec<Pattern>,
    /// Keep names that begin with `_` too.
    pub private: bool,
    /// Not values that take more than this in the file, in bytes.
    pub max_size: Option<u64>,
    /// Leave out what looks like a credential.
    pub redact: bool,
    /// Keep what was imported by reference, as dill's `refimported`.
    pub refimported: bool,
}

/// A name of the session and its value.
pub struct Named<'py> {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Bound<'py, PyAny>,
}

/// What the rules make of a namespace.
pub struct Selection<'py> {
    /// To be saved, in definition order.
    pub kept: Vec<Named<'py>>,
    /// Left out by a rule.
    pub left_out: Vec<LeftOut>,
}

/// Applies the rules to a namespace.
pub fn select<'py>(namespace: &Bound<'py, PyDict>, rules: &Rules, opcodes: &Opcodes) -> PyResult<Selection<'py>> {
    let mut verdicts = Vec::new();
    for (key, value) in namespace.copy()?.iter() {
        let Ok(name) = key.cast::<PyString>() else { continue };
        // A name with surrogates has no UTF-8: it cannot be told from its like in an index.
        let whole = name.to_str().is_ok();
        let name = name.to_string_lossy().into_owned();
        if !is_dunder(&name) {
            let surrogates = || Err((Reason::Filter, "a name that is no valid text".to_owned()));
            let verdict = if whole { rules.verdict(&name, &value) } else { surrogates() };
            verdicts.push((Named { name, value }, verdict));
        }
    }
    keep_private_names_in_use(&mut verdicts, namespace, opcodes);
    let mut selection = Selection { kept: Vec::new(), left_out: Vec::new() };
    for (named, verdict) in verdicts {
        match verdict {
            Ok(()) => selection.kept.push(named),
            Err((reason, rule)) => selection.left_out.push(LeftOut {
                type_name: type_name(&named.value.get_type()),
                name: named.name,
                reason,
                error: rule,
                ..LeftOut::default()
            }),
        }
    }
    Ok(selection)
}

type Verdict = Result<(), (Reason, String)>;

impl Rules {
    fn verdict(&self, name: &str, value: &Bound<'_, PyAny>) -> Verdict {
        let filtered = |rule: String| Err((Reason::Filter, rule));
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.matches(name)) {
            return filtered(format!("--exclude {pattern}"));
        }
        let kind = type_name(&value.get_type());
        let bare = kind.rsplit('.').next().unwrap_or(&kind);
        let unwanted = |pattern: &&Pattern| pattern.matches(&kind) || pattern.matches(bare);
        if let Some(pattern) = self.exclude_type.iter().find(unwanted) {
            return filtered(format!("--exclude-type {pattern}"));
        }
        if self.include.iter().any(|pattern| pattern.matches(name)) {
            return Ok(());
        }
        if !self.include.is_empty() {
            return filtered("matches no --include".to_owned());
        }
        if name.starts_with('_') && !self.private {
            return Err((Reason::Private, "a private name that no kept function or class uses".to_owned()));
        }
        Ok(())
    }
}

fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

/// Keeps the private names that kept functions and classes use, and what those use in turn.
fn keep_private_names_in_use(verdicts: &mut [(Named<'_>, Verdict)], namespace: &Bound<'_, PyDict>, opcodes: &Opcodes) {
    let private: HashMap<String, usize> = verdicts
        .iter()
        .enumerate()
        .filter(|(_, (_, verdict))| matches!(verdict, Err((Reason::Private, _))))
        .map(|(index, (named, _))| (named.name.clone(), index))
        .collect();
    let mut waiting: Vec<usize> = (0..verdicts.len()).filter(|&index| verdicts[index].1.is_ok()).collect();
    while let Some(index) = waiting.pop() {
        if private.is_empty() {
            return;
        }
        for name in opcodes.globals_used(&verdicts[index].0.value, namespace) {
            if let Some(&position) = private.get(&name)
                && verdicts[position].1.is_err()
            {
                verdicts[position].1 = Ok(());
                waiting.push(position);
            }
        }
    }
}

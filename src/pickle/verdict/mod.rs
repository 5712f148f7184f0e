//! The verdict: which imports, calls and changes loading a pickle would cause. Nothing is loaded.
//!
//! A pickle is plain if an untrusted load builds all of it: its [plan](super::build_plan) refuses nothing. Of any
//! other, a [`judge`] goes over all that the symbolic machine has made and looks up each import, call and change in the
//! registry of [known](super::known) globals; the worst finding is the verdict. It follows values through the memo,
//! attributes and partial functions ([`resolve_symbol`]), and assumes the worst of a value that it cannot resolve. A
//! verdict is never a proof: code that the pickle defines is searched for dangerous names, not understood.

mod argument_methods;
mod buffer_arrays;
mod call;
mod class;
mod foreign_attributes;
mod forged_arrays;
mod generator_call;
#[cfg(test)]
mod generator_tests;
mod harmful_arguments;
mod judge;
mod known_calls;
mod nested_pickles;
mod object_changes;
mod other_readers;
mod resolve_symbol;
mod show;
mod symbol;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod work_tests;

use std::ops::Range;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::Serialize;

use self::judge::Judge;
use super::build_plan::{BuildPlan, each_once};
use super::explain::labels::Labels;
use super::machine::value::Ref;
use super::machine::{Machine, MachineError};
use super::work_budget::WorkBudget;

/// The name in a finding about a wrong index.
const INDEX: &str = "the index";
/// The most findings that a verdict lists. If there are more, these are the worst.
pub(crate) const MAX_FINDINGS: usize = 200;

/// How much a load does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerdictClass {
    /// It builds plain data.
    #[default]
    Plain,
    /// It rebuilds functions and classes, without calling them.
    Code,
    /// It calls importable code that is not known to be harmless.
    Calls,
    /// It runs commands, evaluates code, opens files or sockets, imports modules to run them, calls a function that the
    /// pickle defines, or calls an object that cannot be resolved.
    Dangerous,
    /// It is unknown: the pickle is too large to be followed within the limits.
    #[serde(rename = "not judged")]
    NotJudged,
}

impl VerdictClass {
    /// In words, as a sentence without its full stop.
    pub fn words(self) -> &'static str {
        match self {
            Self::Plain => "loading it builds plain data",
            Self::Code => "loading it rebuilds functions and classes, but calls only hooks such as __setstate__",
            Self::Calls => "loading it calls importable code that is not known to be harmless",
            Self::Dangerous => "loading it can do anything: run commands, evaluate code, open files or sockets",
            Self::NotJudged => "the file is too large to tell what loading it would do",
        }
    }

    /// Its name, also in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Code => "code",
            Self::Calls => "calls",
            Self::Dangerous => "dangerous",
            Self::NotJudged => "not judged",
        }
    }
}

/// Something that a load does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub class: VerdictClass,
    /// The offset of the opcode that does it the first time. For a call whose result is memoized at once, the offset of
    /// the opcode after it.
    pub offset: u64,
    /// The name of the imported, called or changed object.
    pub callee: String,
    /// The arguments, as far as they are literals; empty if nothing is called.
    pub arguments: String,
    /// Why it is of this class, as the rest of a sentence that starts with the callee.
    pub why: String,
    /// How many times the pickle does it.
    pub count: u64,
}

/// The effects of loading a pickle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The worst class of all findings.
    pub class: VerdictClass,
    /// The imports, calls and changes, the worst first. Calls that make plain data are not among them.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    pub more: u64,
}

/// The caveat that goes with every verdict.
pub(crate) const NO_PROOF: &str = "a static verdict is not a proof: load only files that you trust";

impl Verdict {
    /// Judges a pickle and the pickles after it in `bytes`. Also returns the machine and the value of the first one;
    /// the machine has forgotten most of the data in long lists and dicts.
    ///
    /// # Errors
    /// If this is not a pickle, or too large for the budget.
    pub fn follow<'a>(bytes: &'a [u8], budget: &Rc<WorkBudget>) -> Result<(Self, Machine<'a>, Ref), MachineError> {
        let mut judge = Judge::new(0, budget);
        let (machine, value) = judge.run(bytes)?;
        judge.following_pickles(bytes, machine.end());
        budget.check()?;
        Ok((judge.verdict(), machine, value))
    }

    /// The verdict on a file that begins with a pickle: plain if an untrusted load would build all of it, which takes a
    /// run that keeps all values. Otherwise the judge describes the effects of a load by an unpickler.
    ///
    /// # Errors
    /// If this is not a pickle, or too large for the budget.
    pub fn of_file(bytes: &[u8], budget: &Rc<WorkBudget>) -> Result<Self, MachineError> {
        match Machine::run_with(bytes, &budget.rest()) {
            Ok((machine, value)) => Ok(Self::of_run(bytes, &Labels::new(&machine), value)),
            Err(error) if error.is_limit() => Ok(Self::follow(bytes, budget)?.0.of_large(&error)),
            Err(error) => Err(error),
        }
    }

    /// As [`Self::of_file`], from a run of [`Machine::run`] over `bytes` that exists already.
    pub fn of_run(bytes: &[u8], labels: &Labels<'_, '_>, value: Ref) -> Self {
        let (plan, _) = BuildPlan::of_file(bytes, labels, value);
        match (plan.refusals(), labels.machine().shared_budget().check()) {
            ([], Ok(())) => Self::default(),
            (refusals, _) => Self::judged(bytes, labels).refusing(refusals),
        }
    }

    /// The effects of a load by an unpickler, from a run of [`Machine::run`] over `bytes`.
    fn judged(bytes: &[u8], labels: &Labels<'_, '_>) -> Self {
        let budget = labels.machine().shared_budget();
        let mut judge = Judge::new(0, budget);
        judge.judge_run(bytes, labels);
        judge.following_pickles(bytes, labels.machine().end());
        let verdict = judge.verdict();
        match budget.check() {
            Ok(()) => verdict,
            // The findings so far are true, but not complete.
            Err(_) if verdict.class == VerdictClass::Dangerous => verdict,
            Err(error) => Self::refused(&error.into()),
        }
    }

    /// The verdict on a pickle of which the machine could not keep all values. So it is unknown whether it is plain.
    pub(crate) fn of_large(self, error: &MachineError) -> Self {
        if self.class == VerdictClass::Plain { Self::refused(error) } else { self }
    }

    /// The same verdict, which is not plain: an untrusted load refuses these.
    pub(crate) fn refusing(mut self, refusals: &[(u64, String)]) -> Self {
        if self.class == VerdictClass::Plain {
            self.class = VerdictClass::Calls;
            let offset = |what: &str| refusals.iter().find(|(_, of)| of == what).map_or(0, |(offset, _)| *offset);
            let named = each_once(refusals.iter().map(|(_, what)| ((), what.clone())));
            let named = named.iter().take(MAX_FINDINGS).map(|((), what)| refused(offset(what), what));
            self.findings.splice(0..0, named);
            self.findings.truncate(MAX_FINDINGS);
        }
        self
    }

    /// The verdict on bytes that may not be a pickle, which would be dangerous.
    pub fn of_bytes(bytes: &[u8], budget: &Rc<WorkBudget>) -> Self {
        Self::of_file(bytes, budget).unwrap_or_else(|error| Self::refused(&error))
    }

    /// The verdict on a pickle that the machine has rejected. If it is no pickle, then a load does something unknown
    /// before the error; if it is too large, nothing is known.
    pub fn refused(error: &MachineError) -> Self {
        let mut judge = Judge::new(0, &WorkBudget::new(0, None));
        let class = if error.is_limit() { VerdictClass::NotJudged } else { VerdictClass::Dangerous };
        judge.note(class, 0, "the pickle", "", &format!("cannot be analysed: {error}"));
        judge.verdict()
    }

    /// The same verdict without the arguments of calls within these ranges of the file, which hold credentials. The
    /// arguments of dangerous calls are shown: the file may lie about its contents.
    pub(crate) fn hiding(mut self, ranges: &[Range<u64>]) -> Self {
        for finding in &mut self.findings {
            let is_shown = finding.arguments.is_empty() || finding.class == VerdictClass::Dangerous;
            if !is_shown && ranges.iter().any(|range| range.contains(&finding.offset)) {
                finding.arguments = "(…)".to_owned();
            }
        }
        self
    }

    /// The same verdict on a snapshot whose pickle is plain, but whose index is wrong about it.
    pub(crate) fn with_wrong_index(self, at: u64, problem: &str) -> Self {
        self.refusing(&[(at, format!("{INDEX} (is wrong: {problem})"))])
    }

    /// Whether a wrong index is all that it finds.
    pub(crate) fn is_about_index(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|finding| finding.callee == INDEX)
    }

    /// The findings of the worst class.
    pub fn worst(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.class == self.class)
    }
}

/// Something that an untrusted load refuses: a callee, and in parentheses why.
fn refused(offset: u64, what: &str) -> Finding {
    let (callee, why) = match what.split_once(" (") {
        Some((callee, why)) => (callee, why.strip_suffix(')').unwrap_or(why)),
        None => (what, "is not among what a file of others may use"),
    };
    let (callee, why) = (callee.to_owned(), why.to_owned());
    Finding { class: VerdictClass::Calls, offset, callee, arguments: String::new(), why, count: 1 }
}

/// Everything that an untrusted load of a pickle refuses, each with its offset. Such a file is loaded only if this is
/// empty.
pub fn beyond_plain(bytes: &[u8]) -> Vec<(u64, String)> {
    match Machine::run(bytes) {
        Ok((machine, value)) => BuildPlan::of_file(bytes, &Labels::new(&machine), value).0.refusals().to_vec(),
        Err(error) => vec![(0, format!("opcodes that cannot be analysed ({error})"))],
    }
}

/// The effects that unpicklers other than today's joblib would get from the bytes of arrays, besides building plain
/// data, each with its offset.
pub(in crate::pickle) fn beyond_plain_elsewhere(bytes: &[u8], machine: &Machine<'_>) -> Vec<(u64, String)> {
    let found = other_readers::findings(bytes, machine, 0).into_iter();
    found.map(|(reader, finding)| (finding.offset, format!("{} (in {reader})", finding.callee))).collect()
}

/// The effects of a load by an unpickler besides building plain data, each with its offset, from a run of
/// [`Machine::run`] over `bytes`. An untrusted load may refuse more than these. There are none if the budget is spent.
pub(crate) fn words_of_run(bytes: &[u8], labels: &Labels<'_, '_>) -> Vec<(u64, String)> {
    let beyond = Verdict::judged(bytes, labels).findings.into_iter();
    // Half a verdict would hide the findings of the plan.
    if labels.machine().budget().is_spent() {
        return Vec::new();
    }
    let beyond = beyond.filter(|finding| finding.class != VerdictClass::Plain);
    beyond.map(|finding| (finding.offset, format!("{} ({})", finding.callee, finding.why))).collect()
}

//! The verdict in an answer: what loading a file would do.

use schemars::JsonSchema;
use serde::Serialize;

use crate::pickle::verdict::{Finding, Verdict, VerdictClass};

/// What loading a file would do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Verdict")]
pub(crate) struct VerdictAnswer<'a> {
    /// The worst class of all findings.
    class: VerdictClass,
    /// What it would import, call and change, the worst first.
    findings: Vec<FindingAnswer<'a>>,
    /// How many findings are not listed.
    unlisted_count: u64,
}

impl<'a> VerdictAnswer<'a> {
    pub(crate) fn of(verdict: &'a Verdict) -> Self {
        let Verdict { class, findings, more } = verdict;
        Self { class: *class, findings: findings.iter().map(FindingAnswer::of).collect(), unlisted_count: *more }
    }
}

/// Something that a load does.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingAnswer<'a> {
    /// How bad it is.
    class: VerdictClass,
    /// The offset of the opcode that does it the first time.
    offset: u64,
    /// What is imported, called or changed.
    callee: &'a str,
    /// The arguments, as far as they are literals; empty if nothing is called.
    arguments: &'a str,
    /// Why it is of this class, as the rest of a sentence that starts with the callee.
    why: &'a str,
    /// How many times the pickle does it.
    count: u64,
}

impl<'a> FindingAnswer<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding { class, offset, callee, arguments, why, count } = finding;
        Self { class: *class, offset: *offset, callee, arguments, why, count: *count }
    }
}

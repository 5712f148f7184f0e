//! The answers of the commands that check files: `diff`, `verify` and `trust`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{SchemaVersion, VerdictAnswer};
use crate::pickle::verdict::Verdict;
use crate::report::diff_report::DiffReport;
use crate::report::inspect_report::FileFormat;
use crate::report::verify_report::VerifyReport;
use crate::snapshot::file_changes::Change;
use crate::snapshot::verification::{Checked, Problem};

/// What changed between two files.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diff")]
pub struct DiffAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The first file; `-` for standard input. Absent if it is in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    before_path: Option<String>,
    /// The second file; `-` for standard input. Absent if it is in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_path: Option<String>,
    /// Whether nothing changed.
    same: bool,
    /// The variables that differ, in the order of the first file, then those that were added.
    changes: &'a [Change],
    /// How many variables are the same.
    unchanged_count: usize,
}

impl<'a> DiffAnswer<'a> {
    /// The answer for a report. `paths` are the absolute paths of the files, as far as they have one.
    pub fn of(report: &'a DiffReport, paths: [Option<String>; 2]) -> Self {
        let [before_path, after_path] = paths;
        let DiffReport { same, changes, .. } = report;
        let (changes, unchanged_count) = (changes.changes.as_slice(), changes.unchanged);
        Self { schema: SchemaVersion, before_path, after_path, same: *same, changes, unchanged_count }
    }
}

/// Whether a file is intact, and which of its variables are.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Verify")]
pub struct VerifyAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The file; `-` for standard input. Absent if it is in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The kind of file. Absent if the damage hides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FileFormat>,
    /// The size of the file. Absent if it cannot be opened as a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Whether nothing is wrong with the file.
    whole: bool,
    /// The variables, in the order of the file.
    variables: &'a [Checked],
    /// The problems outside the variables.
    problems: &'a [Problem],
    /// The size of what follows the pickle and belongs to no index.
    trailing_bytes: u64,
}

impl<'a> VerifyAnswer<'a> {
    /// The answer for a report. `path` is the absolute path of the file, if it has one.
    pub fn of(report: &'a VerifyReport, path: Option<String>) -> Self {
        let VerifyReport { format, bytes, whole, verified, .. } = report;
        Self {
            schema: SchemaVersion,
            path,
            format: *format,
            bytes: *bytes,
            whole: *whole,
            variables: &verified.variables,
            problems: &verified.problems,
            trailing_bytes: verified.behind_stop,
        }
    }
}

/// What was signed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Trust")]
pub(crate) struct TrustAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The file.
    path: String,
    /// Whether the file had your signature already.
    was_signed: bool,
    /// Whether it has your signature now.
    signed: bool,
    /// What loading the file would do. Absent if it had your signature already.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<VerdictAnswer<'a>>,
}

impl<'a> TrustAnswer<'a> {
    /// For a file that had the signature already.
    pub(crate) fn was_signed(path: String) -> Self {
        Self { schema: SchemaVersion, path, was_signed: true, signed: true, verdict: None }
    }

    /// For a file that was signed now.
    pub(crate) fn signed(path: String, verdict: Option<&'a Verdict>) -> Self {
        let verdict = verdict.map(VerdictAnswer::of);
        Self { schema: SchemaVersion, path, was_signed: false, signed: true, verdict }
    }
}

//! The answer of `verify --json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::SchemaVersion;
use crate::report::inspect_report::FileFormat;
use crate::report::verify_report::VerifyReport;
use crate::snapshot::verification::{Checked, Problem};

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

//! The answer of `diff --json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::SchemaVersion;
use crate::report::diff_report::DiffReport;
use crate::snapshot::file_changes::Change;

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

//! The answer of `snapcli status --json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::SchemaVersion;
use crate::report::status_report::StatusReport;
use crate::snapshot::index::{RerunStatement, RunPlace};

/// How far a run has come.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Status")]
pub(crate) struct StatusAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The folder of the store.
    path: String,
    /// The number of the last checkpoint: `STORE/@3` stands for number 3.
    number: u64,
    /// When it was made, UTC, as RFC 3339.
    created: &'a str,
    /// The script and its arguments, without what looks like a credential.
    command: Vec<String>,
    /// Whether the script has come to its end.
    finished: bool,
    /// Where it goes on: in the script, then in each function that is under way.
    places: &'a [RunPlace],
    /// How many of the script's top-level statements are done.
    steps_done: u32,
    /// How many it has.
    steps: u32,
    /// How long the script has run up to there, in seconds.
    seconds: f64,
    /// The statements that will be run again, because their variables could not be saved.
    rerun: &'a [RerunStatement],
}

impl<'a> StatusAnswer<'a> {
    /// The answer for a report; `path` is the absolute path of the store.
    pub(crate) fn of(report: &'a StatusReport, path: String) -> Self {
        let StatusReport { number, index, progress } = report;
        Self {
            schema: SchemaVersion,
            path,
            number: *number,
            created: &index.created,
            command: index.script.command_words(),
            finished: progress.finished,
            places: &progress.places,
            steps_done: progress.steps_done,
            steps: progress.steps,
            seconds: progress.seconds,
            rerun: &progress.rerun,
        }
    }
}

//! The report of `restore`, and the answer of `restore --list --json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{FailureAnswer, MarkerAnswer, SchemaVersion};
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::snapshot::index::VariableKind;

/// What was restored, and what was not and why.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Restore")]
pub(crate) struct RestoreAnswer<'a> {
    /// The version of the JSON format.
    pub schema: SchemaVersion,
    /// The file; `-` for standard input. Absent if it is in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The module that holds the variables now.
    pub module: &'a str,
    /// Whether the file was loaded in full: it is signed with your key, or you said that you trust it.
    pub trusted: bool,
    /// Whether everything that was asked for was restored.
    pub complete: bool,
    /// The names of the restored variables.
    pub restored: &'a [String],
    /// The variables that could not be restored.
    pub lost: Vec<LostAnswer<'a>>,
    /// The objects within restored variables that had not been saved: a marker is in the place of each.
    pub markers: Vec<MarkerAnswer<'a>>,
    /// The state of the interpreter and of libraries that was put back: `random`, `environ`.
    pub ambient: &'a [String],
    /// What else there is to say.
    pub notes: &'a [String],
}

/// A variable that could not be restored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LostVariable")]
pub(crate) struct LostAnswer<'a> {
    /// The name.
    pub name: &'a str,
    /// The type with its module, except for builtins.
    #[serde(rename = "type")]
    pub type_name: &'a str,
    /// Why it could not be restored.
    pub error: &'a str,
    /// The module that was not found, or that has not all names any more, if that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<&'a str>,
}

/// The variables in a file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "List")]
pub(crate) struct ListAnswer<'a> {
    /// The version of the JSON format.
    pub schema: SchemaVersion,
    /// The file; `-` for standard input.
    pub path: String,
    /// The kind of file.
    pub format: FileFormat,
    /// The variables, in the order of their definition.
    pub variables: Vec<ListedVariable<'a>>,
    /// Why the command failed, if it did.
    #[serde(flatten)]
    pub failure: Option<FailureAnswer>,
}

impl<'a> ListAnswer<'a> {
    /// The answer for a file.
    pub(crate) fn of(report: &'a SessionReport, path: String, failure: Option<FailureAnswer>) -> Self {
        let variables = report.index.variables.iter().map(|variable| ListedVariable {
            name: &variable.name,
            type_name: &variable.type_name,
            kind: variable.kind,
            bytes: variable.length,
        });
        Self { schema: SchemaVersion, path, format: report.format, variables: variables.collect(), failure }
    }
}

/// A variable in a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedVariable<'a> {
    /// The name.
    pub name: &'a str,
    /// The type with its module, except for builtins.
    #[serde(rename = "type")]
    pub type_name: &'a str,
    /// How it is saved.
    pub kind: VariableKind,
    /// Its size in the file.
    pub bytes: u64,
}

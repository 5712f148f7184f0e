//! The answer of `trust --json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{SchemaVersion, VerdictAnswer};
use crate::pickle::verdict::Verdict;

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

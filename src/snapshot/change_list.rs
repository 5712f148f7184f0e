//! The result of a comparison of two files: the variables that differ, and how.
//!
//! [`file_changes`](super::file_changes) and `save --verify` fill these structs. The JSON of `diff` is their
//! serialization, and the text is made from them, so a field that is renamed here is renamed for users.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::index::NOT_SHOWN;

/// All changes between two files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// The variables that differ, in the order of the first file, then those that were added.
    pub changes: Vec<Change>,
    /// How many variables are the same.
    pub unchanged: usize,
}

/// A variable that differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The name.
    pub name: String,
    /// What happened to it.
    pub change: ChangeKind,
    /// What of it changed; empty if it was added or removed.
    #[serde(default)]
    pub what: Vec<ChangedAspect>,
    /// The value in the first file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ValueSummary>,
    /// The value in the second file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ValueSummary>,
    /// Where its value first differs.
    #[serde(default, rename = "difference", skip_serializing_if = "Option::is_none")]
    pub place: Option<FirstDifference>,
    /// Why the variable is missing, or why `difference` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Change {
    /// Removes the values of a variable that must not be shown. Its type and its size may stay.
    pub(crate) fn hide_values(&mut self) {
        self.place = None;
        for summary in self.before.iter_mut().chain(&mut self.after).filter(|summary| !summary.preview.is_empty()) {
            NOT_SHOWN.clone_into(&mut summary.preview);
        }
    }
}

/// What happened to a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is in the second file only.
    Added,
    /// It is in the first file only.
    Removed,
    /// It is in both, and differs.
    Changed,
}

/// An aspect of a variable that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangedAspect {
    /// The type.
    Type,
    /// The `len()`.
    #[serde(rename = "items")]
    Length,
    /// The shape of an array.
    Shape,
    /// The dtype of an array.
    Dtype,
    /// None of these, but the contents.
    Value,
}

/// What is known about a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ValueSummary {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The `len()`, if it has one.
    #[serde(default, rename = "items", skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
    /// The shape of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<u64>>,
    /// The dtype of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// A short form of its `repr`.
    pub preview: String,
    /// Whether it is an import, which a restore imports again.
    #[serde(skip)]
    pub is_import: bool,
}

/// Where two values first differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FirstDifference {
    /// The place as a Python expression, as far as there is one: `config['lr']`.
    #[serde(rename = "where")]
    pub path: String,
    /// The value there in the first file. Absent if there was none, or if the place is not an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The value there in the second file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

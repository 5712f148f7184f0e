//! The answer of `inspect --trace NAME --json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{FailureAnswer, SchemaVersion};
use crate::pickle::explain::trace_tree::TraceTree;

/// The objects that are pickled under a variable.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Trace")]
pub struct TraceAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The file, or the script that was inspected; `-` for a standard stream. Absent if there is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The name of the variable.
    name: &'a str,
    /// Its value.
    tree: TracedObject<'a>,
    /// Why the command failed, if it did.
    #[serde(flatten)]
    failure: Option<FailureAnswer>,
}

impl<'a> TraceAnswer<'a> {
    /// The answer for the tree of a variable. `path` is the absolute path of its file, if it has one.
    pub fn of(name: &'a str, tree: &'a TraceTree, path: Option<String>) -> Self {
        Self { schema: SchemaVersion, path, name, tree: TracedObject::of(tree), failure: None }
    }

    /// The same answer of a command that failed.
    #[must_use]
    pub(crate) fn with_failure(self, failure: Option<FailureAnswer>) -> Self {
        Self { failure, ..self }
    }
}

/// An object and its parts.
#[derive(Debug, Serialize, JsonSchema)]
struct TracedObject<'a> {
    /// The line of the text: its name or role, its type, and its length or the value itself.
    label: &'a str,
    /// Where it is in the variable, as Python writes it: `config['layers'][0]`. Absent if Python cannot, as for the
    /// arguments of a call that makes an object.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    /// The type. Absent if an earlier variable made the object, and for several parts in one line.
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    type_name: &'a str,
    /// Its `len()`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
    /// Its value, if it is short and not a container.
    #[serde(skip_serializing_if = "str::is_empty")]
    preview: &'a str,
    /// The variable that owns it, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_with: Option<&'a str>,
    /// Where it begins, from the start of the file.
    offset: u64,
    /// Its size with all of its parts. An object that another variable owns counts with the few bytes that refer to it.
    bytes: u64,
    /// Its parts.
    children: Vec<TracedObject<'a>>,
}

impl<'a> TracedObject<'a> {
    /// The nesting of a tree is limited where it is made.
    fn of(tree: &'a TraceTree) -> Self {
        let TraceTree { label, start, size, children, facts, .. } = tree;
        Self {
            label,
            place: facts.place.as_deref(),
            type_name: &facts.type_name,
            items: facts.items,
            preview: &facts.preview,
            shared_with: facts.shared_with.as_deref(),
            offset: *start,
            bytes: *size,
            children: children.iter().map(Self::of).collect(),
        }
    }
}

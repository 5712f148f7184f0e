//! The part of the index that says where a script was when it ended or was saved: exceptions, frames, and the names of
//! their local variables.
//!
//! Every string may come from a hostile file, and so may every number: a frame can name an exception that is not there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An exception, or the signal that ended the script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaisedError {
    /// What Python prints below the traceback: `ValueError: step is zero`.
    pub text: String,
    /// What it is to another exception: `cause` (`raise … from`), `context` (raised before, while it was handled) or
    /// `member` (of an exception group). Empty for the one that ended the script.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub relation: String,
    /// The number of that other exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// How many frames of its traceback were left out, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: u32,
}

/// A frame of a traceback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StackFrame {
    /// The number of the exception whose traceback it is in.
    pub raised: u32,
    /// The source file, as in the traceback.
    pub path: String,
    /// The line that was being executed.
    pub line: u32,
    /// The name of the function; `<module>` for the body of a module.
    pub function: String,
    /// The text of the line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// What it has of local variables.
    pub locals: FrameKind,
    /// The frame that has its local variables: the same call can be in two tracebacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<u32>,
}

/// What the local variables of a frame are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FrameKind {
    /// They are not saved: the code belongs to an installed package or to Python.
    #[default]
    Library,
    /// They are saved.
    Saved,
    /// They are the variables of the session.
    Globals,
}

/// The name of a local variable in the index: `frame[3].batch`.
pub(crate) fn local_name(frame: usize, name: &str) -> String {
    format!("frame[{frame}].{name}")
}

/// The number of the frame and the bare name of a local variable.
pub(crate) fn split_local_name(name: &str) -> Option<(usize, &str)> {
    let (number, name) = name.strip_prefix("frame[")?.split_once("].")?;
    Some((number.parse().ok()?, name))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_locals_are_split_as_they_were_made() {
        assert_eq!(split_local_name(&local_name(12, "batch")), Some((12, "batch")));
        for name in ["batch", "frame[].x", "frame[-1].x", "frame[1]", "frame[1]x", "frames[1].x"] {
            assert_eq!(split_local_name(name), None, "{name}");
        }
    }
}

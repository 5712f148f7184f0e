//! The exceptions and frames of a crash snapshot, in the answer of `inspect --json`.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::variable_answer::VariableAnswer;
use crate::snapshot::index::{FrameKind, Index, RaisedError, StackFrame, split_local_name};

/// An exception, or the signal that ended the script.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Raised")]
pub(super) struct RaisedAnswer<'a> {
    /// What Python prints below the traceback: `ValueError: step is zero`.
    error: &'a str,
    /// What it is to another exception: `cause`, `context` or `member`. Absent for the one that ended the script.
    #[serde(skip_serializing_if = "str::is_empty")]
    relation: &'a str,
    /// The position of that other exception in this list.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u32>,
    /// How many frames of its traceback were left out.
    omitted_count: u32,
    /// The frames of its traceback, the outermost first.
    frames: Vec<FrameAnswer<'a>>,
}

/// A frame of a traceback.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Frame")]
struct FrameAnswer<'a> {
    /// The number for `restore --frame`.
    number: usize,
    /// The source file, as in the traceback: `<string>` and the like are not files.
    path: &'a str,
    /// The line that was being executed.
    line: u32,
    /// The name of the function; `<module>` for the body of a module.
    function: &'a str,
    /// The text of the line.
    #[serde(skip_serializing_if = "str::is_empty")]
    source: &'a str,
    /// What its local variables are.
    locals: FrameKind,
    /// The number of the frame that has its local variables: the same call can be in two tracebacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_as: Option<u32>,
    /// Its local variables, by names such as `frame[3].batch`.
    variables: Vec<VariableAnswer<'a>>,
}

impl<'a> RaisedAnswer<'a> {
    /// The exceptions of a session.
    pub(super) fn all(index: &'a Index) -> Vec<Self> {
        let mut locals: HashMap<usize, Vec<VariableAnswer<'a>>> = HashMap::new();
        for local in &index.frame_locals {
            if let Some((frame, _)) = split_local_name(&local.name) {
                locals.entry(frame).or_default().push(VariableAnswer::of(local));
            }
        }
        let all = index.raised.iter().zip(index.frames_of_raised());
        all.map(|(raised, frames)| Self::of(raised, frames, &mut locals)).collect()
    }

    fn of(
        raised: &'a RaisedError,
        frames: Vec<(usize, &'a StackFrame)>,
        locals: &mut HashMap<usize, Vec<VariableAnswer<'a>>>,
    ) -> Self {
        let of_frame = |(number, frame)| FrameAnswer::of(number, frame, locals.remove(&number).unwrap_or_default());
        Self {
            error: &raised.text,
            relation: &raised.relation,
            of: raised.of,
            omitted_count: raised.omitted,
            frames: frames.into_iter().map(of_frame).collect(),
        }
    }
}

impl<'a> FrameAnswer<'a> {
    fn of(number: usize, frame: &'a StackFrame, variables: Vec<VariableAnswer<'a>>) -> Self {
        let StackFrame { path, line, function, source, locals, same_as, .. } = frame;
        Self { number, path, line: *line, function, source, locals: *locals, same_as: *same_as, variables }
    }
}

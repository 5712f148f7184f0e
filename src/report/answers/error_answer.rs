//! The answer of a command that failed, where `--json` was asked for; and what an answer with more in it has of that.

use schemars::JsonSchema;
use serde::Serialize;

use super::SchemaVersion;
use crate::exit::{self, Coded};
use crate::snapshot::index::Index;

/// What failed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct ErrorAnswer {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// What failed, on which file or argument.
    error: String,
    /// More about it, line by line.
    details: Vec<String>,
    /// Why it failed: each cause, and then the cause of that.
    causes: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The exit code.
    exit: i32,
}

impl ErrorAnswer {
    /// The answer for an error that ends the program.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let mut lines = error.chain().enumerate().map(|(depth, link)| match link.downcast_ref::<Coded>() {
            // A `Coded` that is the context of another error is found through `anyhow` alone.
            None if depth == 0 => error.downcast_ref::<Coded>().filter(|coded| coded.is_shown_as(link)).map_or_else(
                || (link.to_string(), Vec::new()),
                |coded| (coded.message().to_owned(), coded.details().to_vec()),
            ),
            None => (link.to_string(), Vec::new()),
            Some(coded) => (coded.message().to_owned(), coded.details().to_vec()),
        });
        let (message, mut details) = lines.next().unwrap_or_default();
        let mut causes = Vec::new();
        for (cause, more) in lines {
            // A refusal is the cause of its own first line.
            let is_repeated =
                cause.strip_prefix(&message).is_some_and(|rest| rest.is_empty() || rest.starts_with('\n'));
            if !is_repeated {
                causes.push(cause);
            }
            details.extend(more);
        }
        let exit = exit::code_of(error);
        // The lines below a usage error say what to write instead.
        let hint = (exit == exit::USAGE && !details.is_empty()).then(|| std::mem::take(&mut details).join("; "));
        Self { schema: SchemaVersion, error: message, details, causes, hint, exit }
    }

    /// The answer of a command that was interrupted.
    pub(crate) fn interrupted(text: &str) -> Self {
        let (details, causes) = (Vec::new(), Vec::new());
        Self { schema: SchemaVersion, error: text.to_owned(), details, causes, hint: None, exit: exit::INTERRUPTED }
    }
}

/// Why a command failed whose answer has more to say than [`ErrorAnswer`]: its keys are part of that answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FailureAnswer {
    /// What failed. Absent if nothing did.
    error: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The exit code. Absent if nothing failed, and if it says only what the other keys do.
    exit: i32,
}

impl FailureAnswer {
    /// The failure in words.
    pub(crate) fn new(error: impl Into<String>, exit: i32) -> Self {
        Self { error: error.into(), hint: None, exit }
    }

    /// For an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let ErrorAnswer { error, hint, exit, .. } = ErrorAnswer::of(error);
        Self { error, hint, exit }
    }

    /// For a script that failed, whose session the index describes.
    pub(crate) fn of_script(index: &Index, exit: i32) -> Self {
        let ended = &index.script.ended;
        let last = |traceback: &String| traceback.trim_end().lines().next_back().map(str::to_owned);
        let raised = index.raised.iter().find(|raised| raised.relation.is_empty()).map(|raised| raised.text.clone());
        let error = match ended.how.as_str() {
            "exit" => format!("the script exited with {exit}"),
            "interrupted" => "the script was interrupted".to_owned(),
            "signal" => "a signal ended the script".to_owned(),
            _ => match raised.or_else(|| ended.traceback.as_ref().and_then(last)) {
                Some(raised) => format!("the script failed: {}", raised.trim_end()),
                None => "the script failed".to_owned(),
            },
        };
        Self::new(error, exit)
    }

    /// The same with another exit code, which decides.
    pub(crate) fn with_exit(self, exit: i32) -> Self {
        Self { exit, ..self }
    }
}

//! Command lines that are wrong: clap's message on standard error, and the same as JSON where `--json` is among the
//! words.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::answer_output::print_answer;
use crate::report::answers::ErrorAnswer;

/// Prints the error, or the help or version that was asked for, and ends the process.
pub(crate) fn end(error: &clap::Error, words: &[OsString]) -> ! {
    let is_error = error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    // Which option a word belongs to is not known where the words cannot be parsed.
    if is_error && words.iter().take_while(|word| *word != "--").any(|word| word == "--json") {
        let _ = print_answer(&as_answer(error));
    }
    error.exit()
}

/// The first line of clap's message is the error, and its tips are the hint.
fn as_answer(error: &clap::Error) -> ErrorAnswer {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let (mut details, mut hints) = (Vec::new(), Vec::new());
    for line in lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information")) {
        match line.strip_prefix("tip: ") {
            Some(tip) => hints.push(tip.to_owned()),
            None => details.push(line.to_owned()),
        }
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        details.push(usage.to_string().trim().to_owned());
    }
    ErrorAnswer::usage(message, details, (!hints.is_empty()).then(|| hints.join("; ")))
}

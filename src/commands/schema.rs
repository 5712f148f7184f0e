//! `snapcli schema`: the JSON Schema of what the commands print with `--json`.

use anyhow::Result;

use super::answer_output::print_answer;
use crate::cli::{SchemaArgs, SchemaOf};
use crate::exit;
use crate::report::answers::{AnswerKind, json_schema};

/// Prints the schema of a command's answers, or of all answers.
pub(crate) fn run_command(args: &SchemaArgs) -> Result<i32> {
    let (title, kinds) = match args.command {
        None => ("Any answer of snapcli", AnswerKind::ALL.to_vec()),
        Some(SchemaOf::Save) => ("snapcli save --json", vec![AnswerKind::Session, AnswerKind::Error]),
        Some(SchemaOf::Restore) => {
            ("snapcli restore --json", vec![AnswerKind::Restore, AnswerKind::List, AnswerKind::Error])
        }
        Some(SchemaOf::Inspect) => {
            ("snapcli inspect --json", vec![AnswerKind::Session, AnswerKind::Trace, AnswerKind::Error])
        }
        Some(SchemaOf::Diff) => ("snapcli diff --json", vec![AnswerKind::Diff, AnswerKind::Error]),
        Some(SchemaOf::Verify) => {
            ("snapcli verify --json", vec![AnswerKind::Verify, AnswerKind::VerifyStore, AnswerKind::Error])
        }
        Some(SchemaOf::Log) => ("snapcli log --json", vec![AnswerKind::Log, AnswerKind::Error]),
        Some(SchemaOf::Status) => ("snapcli status --json", vec![AnswerKind::Status, AnswerKind::Error]),
        Some(SchemaOf::Export) => ("snapcli export --json", vec![AnswerKind::Export, AnswerKind::Error]),
        Some(SchemaOf::Import) => ("snapcli import --json", vec![AnswerKind::Import, AnswerKind::Error]),
        Some(SchemaOf::Prune) => ("snapcli prune --json", vec![AnswerKind::Prune, AnswerKind::Error]),
        Some(SchemaOf::Trust) => ("snapcli trust --json", vec![AnswerKind::Trust, AnswerKind::Error]),
        Some(SchemaOf::Doctor) => ("snapcli doctor --json", vec![AnswerKind::Doctor, AnswerKind::Error]),
        Some(SchemaOf::Error) => ("An error of any command", vec![AnswerKind::Error]),
    };
    print_answer(&json_schema(title, &kinds))?;
    Ok(exit::DONE)
}

//! `snapcli completions`: prints the completion script of a shell. The files in `completions/` are its output.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;

use super::input_output::stdout;
use crate::cli::{Cli, CompletionsArgs};
use crate::exit;

/// Prints the completion script.
pub(crate) fn run_command(args: &CompletionsArgs) -> Result<i32> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible_commands(), "snapcli", &mut script);
    // One write, whose error is returned: clap_complete itself panics on a closed pipe.
    stdout().write_all(&script)?;
    Ok(exit::DONE)
}

/// The command line without hidden subcommands, which clap_complete would list as well.
pub(super) fn visible_commands() -> clap::Command {
    // clap cannot remove a subcommand, so the visible ones are copied into a new command.
    let all = Cli::command();
    let visible = all.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    let visible = clap::Command::new("snapcli").subcommands(visible).args(all.get_arguments().cloned());
    visible.version(env!("CARGO_PKG_VERSION"))
}

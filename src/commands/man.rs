//! `snapcli man`: the manual pages, in the format of man(1). The files in `man/` are its output.

use std::io::Write;

use anyhow::Result;
use clap_mangen::Man;

use super::completions::visible_commands;
use super::input_output::stdout;
use crate::cli::ManArgs;
use crate::exit;

/// Prints the page of a command, or of the program.
pub(crate) fn run_command(args: &ManArgs) -> Result<i32> {
    let all = visible_commands();
    let (name, command) = match &args.command {
        None => ("snapcli".to_owned(), all),
        Some(name) => {
            let found = all.find_subcommand(name).cloned();
            let found = found.ok_or_else(|| exit::error(exit::USAGE, format!("there is no command {name}")))?;
            (format!("snapcli-{name}"), found.bin_name(format!("snapcli {name}")))
        }
    };
    let mut page = Vec::new();
    Man::new(command).title(name).render(&mut page)?;
    stdout().write_all(&page)?;
    Ok(exit::DONE)
}

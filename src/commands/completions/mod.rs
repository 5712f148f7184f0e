//! Shell completion. The scripts in `completions/` ask the program itself what fits at the cursor ([`answer`]), so they
//! know the options of the installed version, and the variables in the user's files.
//!
//! `snapcli completions` prints the script of a shell, or installs it for this user ([`installation`]).

mod answer;
mod installation;
mod snapshot_numbers;
mod typed_words;
mod variable_names;

use std::io::Write;

use anyhow::Result;
use clap_complete::Shell;
use clap_complete::env::{Elvish, EnvCompleter, Powershell};

pub(crate) use self::answer::answer_shell;
use super::input_output::stdout;
use crate::cli::{self, CompletionsArgs};
use crate::exit;
use crate::ui::Verbosity;

/// The environment variable in which a script names its shell.
const VARIABLE: &str = "_SNAPCLI_COMPLETE";

/// Prints or installs a completion script.
pub(crate) fn run_command(args: &CompletionsArgs, verbosity: Verbosity) -> Result<i32> {
    if args.install {
        return installation::install(args.shell, verbosity);
    }
    let shell = args.shell.ok_or_else(|| exit::error(exit::USAGE, "name a shell, such as bash, zsh or fish"))?;
    // One write, whose error is returned.
    stdout().write_all(&script(shell)?)?;
    Ok(exit::DONE)
}

/// The completion script of a shell.
fn script(shell: Shell) -> Result<Vec<u8>> {
    let generated = |shell: &dyn EnvCompleter| -> Result<Vec<u8>> {
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, "snapcli", "snapcli", "snapcli", &mut script)?;
        Ok(script)
    };
    Ok(match shell {
        Shell::Bash => include_bytes!("../../../completions/snapcli.bash").to_vec(),
        Shell::Zsh => include_bytes!("../../../completions/_snapcli").to_vec(),
        Shell::Fish => include_bytes!("../../../completions/snapcli.fish").to_vec(),
        Shell::Elvish => generated(&Elvish)?,
        Shell::PowerShell => generated(&Powershell)?,
        other => return Err(exit::error(exit::USAGE, format!("there is no completion for {other}"))),
    })
}

/// The command line, for what is made from it.
pub(super) fn whole_command() -> clap::Command {
    cli::definition()
}

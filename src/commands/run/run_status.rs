//! `snapcli status`: how far a run has come.

use anyhow::Result;

use crate::cli::StatusArgs;
use crate::exit;
use crate::ui::Verbosity;

/// Shows how far a run has come.
pub(crate) fn run_command(args: &StatusArgs, verbosity: Verbosity) -> Result<i32> {
    verbosity.note(&args.store.display().to_string());
    Ok(exit::DONE)
}

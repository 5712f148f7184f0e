//! The arguments of the commands for scripts that go on where they were stopped: `run` and `status`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::help_texts;
use super::session_args::ProgramArgs;
use super::snapshot_times::{parse_grace, parse_interval};

/// Run a script that goes on where it was stopped
///
/// Runs the script as `python SCRIPT` does, and keeps checkpoints in a store. If the run was killed, interrupted or has
/// failed, the same command goes on from the last checkpoint. If it has finished, the command says so and exits with 0.
///
/// A checkpoint is made between two steps: statements of the script, iterations of its loops, and the same in functions
/// that it calls as a statement, such as main(). A loop over a generator or a file is one step, and so is a `with` or a
/// `try` statement.
#[derive(Debug, Args)]
#[command(override_usage = "snapcli run [OPTIONS] SCRIPT [ARGS]...
       snapcli run [OPTIONS] -m MODULE [ARGS]...")]
#[command(after_help = help_texts::RUN, after_long_help = help_texts::RUN_LONG)]
pub(crate) struct RunArgs {
    /// Store for the checkpoints [default: the name of the script, such as train.snaps/, in the working directory]
    #[arg(short, long, value_name = "STORE")]
    pub(crate) output: Option<PathBuf>,
    /// Make a checkpoint when this time has passed, such as 60s, 10m or 1h30m
    #[arg(long, value_name = "TIME", value_parser = parse_interval, default_value = "60s", allow_hyphen_values = true)]
    pub(crate) every: Duration,
    /// After SIGTERM, SIGHUP or Ctrl-C, wait this long for the step to end; then stop in the middle of it
    #[arg(long, value_name = "TIME", value_parser = parse_grace, default_value = "20s", allow_hyphen_values = true)]
    pub(crate) grace: Duration,
    /// Start over, even if there is a checkpoint
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Do not run statements again to make variables that could not be saved
    #[arg(long)]
    pub(crate) no_rerun: bool,
    /// Go on even if statements have changed that have run already
    #[arg(long)]
    pub(crate) accept_changes: bool,
    /// Open files again that the script had open for writing, cut to their length at the checkpoint
    #[arg(long)]
    pub(crate) reopen: bool,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Script to run, followed by its arguments
    #[arg(value_name = "SCRIPT", trailing_var_arg = true)]
    pub(crate) operands: Vec<OsString>,
}

/// Show how far a run has come
///
/// Prints the line at which `snapcli run` would go on, when the last checkpoint was made, and what would be run again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapcli status train.snaps/
  snapcli status --json train.snaps/")]
pub(crate) struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Store of the run
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
}

//! The arguments of the commands for resumable runs: `run` and `status`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::help_texts;
use super::session_args::ProgramArgs;
use super::snapshot_times::{parse_grace, parse_interval};

/// Run a script with checkpoints, and resume it where it stopped
///
/// Runs the script as `python SCRIPT` does, and keeps checkpoints in a store. If the run is killed, interrupted or
/// fails, the same command resumes it from the last checkpoint. If it has finished, the command says so and exits with
/// 0.
///
/// Checkpoints are made between steps. A step is a statement of the script, an iteration of a loop, or one of these in
/// a function that a statement calls, such as main(). A `with` or `try` statement is a single step, and so is a loop
/// over a generator or a file.
#[derive(Debug, Args)]
#[command(override_usage = "snapcli run [OPTIONS] SCRIPT [ARGS]...
       snapcli run [OPTIONS] -m MODULE [ARGS]...")]
#[command(after_help = help_texts::RUN, after_long_help = help_texts::RUN_LONG)]
// Code has no source file that could be run in steps: it is refused.
#[command(mut_arg("code", |code| code.hide(true)))]
pub(crate) struct RunArgs {
    /// Store for the checkpoints [default: the name of the script or module, such as train.snaps/, in the working
    /// directory]
    #[arg(short, long, value_name = "STORE")]
    pub(crate) output: Option<PathBuf>,
    /// Make a checkpoint at this interval, such as 60s, 10m or 1h30m
    #[arg(long, value_name = "TIME", value_parser = parse_interval, default_value = "60s", allow_hyphen_values = true)]
    pub(crate) every: Duration,
    /// After SIGTERM, SIGHUP or Ctrl-C, wait at most this long for the current step to end
    #[arg(long, value_name = "TIME", value_parser = parse_grace, default_value = "20s", allow_hyphen_values = true)]
    pub(crate) grace: Duration,
    /// Start over, even if there is a checkpoint
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Do not rerun statements to recreate variables that could not be saved
    #[arg(long)]
    pub(crate) no_rerun: bool,
    /// Resume even if statements that have already run were changed
    #[arg(long)]
    pub(crate) accept_changes: bool,
    /// Reopen files that the script was writing, truncated to their length at the checkpoint
    #[arg(long)]
    pub(crate) reopen: bool,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Script to run, followed by its arguments
    #[arg(value_name = "SCRIPT", trailing_var_arg = true)]
    pub(crate) operands: Vec<OsString>,
}

/// Show the progress of a run
///
/// Prints the line at which `snapcli run` would resume, when the last checkpoint was made, and which statements would
/// be rerun.
#[derive(Debug, Args)]
#[command(after_help = help_texts::STATUS, after_long_help = help_texts::STATUS_LONG)]
pub(crate) struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Store of the run [default: that in the current folder, if there is one only]
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<PathBuf>,
}

//! The arguments of the commands that start Python: `save`, `restore`, `doctor` and the hidden `verify-load`, and the
//! two groups that `inspect SCRIPT` shares with `save`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::OptionOrigins;
use super::file_args::{MemoryArgs, parse_size};
use super::help_texts;
use super::name_globs::parse_glob;
use super::snapshot_times::{parse_interval, parse_signal};
use super::store_args::SnapshotLabels;

/// Run a script and save its session
///
/// Runs the script as `python SCRIPT` does, then saves its global variables to one file, which `snapcli restore` and
/// `dill.load_module` can read. A variable that cannot be saved is reported and left out; all others are saved.
#[derive(Debug, Args)]
#[command(override_usage = "snapcli save [OPTIONS] SCRIPT [ARGS]...
       snapcli save [OPTIONS] -m MODULE [ARGS]...
       snapcli save [OPTIONS] -c CODE [ARGS]...")]
#[command(after_help = help_texts::SAVE, after_long_help = help_texts::SAVE_LONG)]
pub(crate) struct SaveArgs {
    /// File to save to, such as run7.pkl; `-` for standard output (the script's own output then goes to standard error)
    ///
    /// A folder with a `/` at its end, such as runs.snaps/, is a store: it holds many snapshots, and gets one more.
    ///
    /// Without this option, the snapshot of another script, or of other arguments, is kept as session.1.pkl, and older
    /// ones as session.2.pkl and session.3.pkl. With it, FILE is replaced.
    #[arg(short, long, value_name = "FILE", default_value = "session.pkl")]
    pub(crate) output: PathBuf,
    /// Exit with 3 if a variable could not be saved, or if --verify finds that one has changed
    ///
    /// FILE is written all the same, with everything else.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Before replacing FILE, load the new snapshot in a fresh process and compare the values
    #[arg(long)]
    pub(crate) verify: bool,
    /// Write a JSON report of what was saved and what was left out; `-` is the same as --json
    ///
    /// If the command fails, the report is the error, which replaces an older report even after a usage error.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Print that report to standard output; the script's own output then goes to standard error
    #[arg(long, conflicts_with = "report")]
    pub(crate) json: bool,
    /// Compress FILE with zstd, level -7 (fastest) to 22 (smallest); 3 for a FILE that ends in .zst
    ///
    /// `zstd -d` gives the uncompressed snapshot, which `dill.load_module` reads. snapcli reads the compressed file
    /// directly, and decompresses only the parts that a command needs.
    #[arg(long, value_name = "LEVEL", value_parser = parse_level, allow_negative_numbers = true)]
    pub(crate) compress: Option<i32>,
    /// Save the local variables of this function as well, as they are when it ends, such as main, Trainer.fit or
    /// package.module:function (repeatable)
    ///
    /// It is an error (exit code 2) if the script does not call the function.
    #[arg(long, value_name = "FUNCTION", value_delimiter = ',')]
    pub(crate) locals: Vec<String>,
    #[command(flatten)]
    pub(crate) while_running: RunningArgs,
    /// Save variables only: not the state of random generators, environment variables, options, …
    #[arg(long)]
    pub(crate) no_ambient: bool,
    /// Save the namespace of this module instead of the script's, such as myproject.state [default: that of the script]
    #[arg(long, value_name = "NAME", default_value = "__main__", hide_default_value = true)]
    pub(crate) module: String,
    #[command(flatten)]
    pub(crate) labels: SnapshotLabels,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Script to run, followed by its arguments
    #[arg(value_name = "SCRIPT", trailing_var_arg = true)]
    pub(crate) operands: Vec<OsString>,
}

/// Snapshots of a script that still runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunningArgs {
    /// While the script runs, save its variables to session.running.pkl again and again, e.g. every 10m, 90s or 1h30m
    #[arg(long, value_name = "TIME", value_parser = parse_interval, allow_hyphen_values = true)]
    pub(crate) every: Option<Duration>,
    /// Save to session.running.pkl when this signal comes, such as USR1, and go on (repeatable)
    ///
    /// It saves nothing as long as the script has a handler of its own for the signal; a note says so.
    #[arg(long, value_name = "SIGNAL", value_parser = parse_signal, value_delimiter = ',')]
    pub(crate) on_signal: Vec<i32>,
}

/// Which variables are saved.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Selection options")]
pub(crate) struct SelectionArgs {
    /// Save only variables whose names match: 'model*', or a list such as model,scores (repeatable)
    ///
    /// Patterns are globs: `*` matches any characters, `?` one, `[ab]` one of a set, and `[!ab]` or `[^ab]` one that is
    /// not in it. A pattern that matches no variable is an error (exit code 2). `snapcli save` then writes the session
    /// to another file beside that of -o, such as session.unmatched.pkl for session.pkl, which stays as it was.
    #[arg(long, visible_alias = "only", value_name = "GLOB", value_parser = parse_glob, value_delimiter = ',')]
    pub(crate) include: Vec<glob::Pattern>,
    /// Leave out variables whose names match: 'tmp_*', or a list such as api_key,token (repeatable)
    ///
    /// A pattern that matches no variable is an error, as for --include. Names like it, and what looks like a
    /// credential, are then left out of session.unmatched.pkl.
    #[arg(long, value_name = "GLOB", value_parser = parse_glob, value_delimiter = ',')]
    pub(crate) exclude: Vec<glob::Pattern>,
    /// The patterns of `--exclude` that come from files of settings.
    #[arg(skip)]
    pub(crate) default_exclude: Vec<glob::Pattern>,
    /// Which of these values come from files of settings.
    #[arg(skip)]
    pub(crate) origins: OptionOrigins,
    /// Leave out variables whose type matches, such as 'DataFrame' or 'torch.*' (repeatable)
    ///
    /// It is an error (exit code 2) if no variable has a matching type.
    #[arg(long, value_name = "GLOB", value_parser = parse_glob, value_delimiter = ',')]
    pub(crate) exclude_type: Vec<glob::Pattern>,
    /// Save all names that begin with `_`, not only those used by saved functions and classes
    #[arg(long)]
    pub(crate) private: bool,
    /// Leave out variables larger than SIZE: bytes, or 500k, 20M, 2G in powers of 1000 [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_hyphen_values = true)]
    pub(crate) max_size: Option<u64>,
    /// Leave out variables that look like credentials, judging by their names or string values
    #[arg(long)]
    pub(crate) redact: bool,
    /// Save imported objects by reference, not by value
    #[arg(long)]
    pub(crate) refimported: bool,
    /// Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it
    #[arg(long)]
    pub(crate) whole: bool,
    #[command(flatten)]
    pub(crate) off: SwitchedOff,
}

/// Options that turn off what a file of settings has turned on. Only their presence counts.
#[derive(Clone, Copy, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "one for each option")]
pub(crate) struct SwitchedOff {
    #[arg(long, hide = true, conflicts_with = "private")]
    no_private: bool,
    #[arg(long, hide = true, conflicts_with = "redact")]
    no_redact: bool,
    #[arg(long, hide = true, conflicts_with = "strict")]
    no_strict: bool,
    #[arg(long, hide = true)]
    no_verify: bool,
    #[arg(long, hide = true, conflicts_with = "whole")]
    no_whole: bool,
}

/// What to run instead of a script.
#[derive(Debug, Args)]
#[command(next_help_heading = "Script options")]
pub(crate) struct ProgramArgs {
    /// Run a module, as `python -m` does
    #[arg(
        short = 'm', value_names = ["MODULE", "ARGS"], num_args = 1.., allow_hyphen_values = true,
        conflicts_with_all = ["code", "operands"]
    )]
    pub(crate) run_module: Vec<OsString>,
    /// Run code, as `python -c` does
    #[arg(
        short = 'c', value_names = ["CODE", "ARGS"], num_args = 1.., allow_hyphen_values = true,
        conflicts_with = "operands"
    )]
    pub(crate) code: Vec<OsString>,
}

/// Restore a session, then start a prompt or run code with its variables
///
/// Without CODE or SCRIPT, in a terminal, starts Python's own prompt with the session's variables defined.
///
/// Reads snapshots, dill sessions (dill.dump_module) and other pickles. The keys of a pickled dict become variables;
/// any other object becomes the variable `obj`.
///
/// Loading a snapshot can run code that is stored in it. A file signed with your key is loaded in full. From any other
/// file, only plain data is loaded: if the file needs more, restore asks in a terminal, and otherwise exits with 5. Use
/// --trust to load such a file once, or `snapcli trust FILE` to sign it.
///
/// `snapcli doctor` shows where your key is stored. To use it on another machine, set SNAPCLI_KEY (64 hex digits or a
/// passphrase).
#[derive(Debug, Args)]
#[command(override_usage = "snapcli restore [OPTIONS] [FILE] [-i]
       snapcli restore [OPTIONS] [FILE] -c CODE [ARGS]...
       snapcli restore [OPTIONS] FILE SCRIPT [ARGS]...")]
#[command(after_help = help_texts::RESTORE, after_long_help = help_texts::RESTORE_LONG)]
pub(crate) struct RestoreArgs {
    /// Exit with 3, before anything runs, if a variable cannot be restored
    #[arg(long)]
    pub(crate) strict: bool,
    /// Restore only variables that match, and what their code needs: 'model*', or a list such as model,scores
    /// (repeatable)
    #[arg(
        long, visible_alias = "include", value_name = "GLOB", value_parser = parse_glob, value_delimiter = ','
    )]
    pub(crate) only: Vec<glob::Pattern>,
    /// Leave out variables that match, even if others share objects with them (repeatable)
    #[arg(long, value_name = "GLOB", value_parser = parse_glob, value_delimiter = ',')]
    pub(crate) exclude: Vec<glob::Pattern>,
    /// Restore the intact variables of a damaged file, and report the others
    #[arg(long)]
    pub(crate) partial: bool,
    /// Write a JSON report of what was restored and what was not; `-` is the same as --json
    ///
    /// If the command fails, the report is the error, which replaces an older report even after a usage error.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(crate) report: Option<PathBuf>,
    /// Print that report to standard output; what CODE or SCRIPT prints then goes to standard error
    #[arg(long, conflicts_with_all = ["report", "interactive", "ipython"])]
    pub(crate) json: bool,
    /// Name all variables and imports, with --list, too, and not only the largest
    #[arg(long)]
    pub(crate) all: bool,
    /// List the variables without loading anything; imports are one line (see --all)
    #[arg(
        long,
        conflicts_with_all = [
            "code", "script", "interactive", "strict", "partial", "mmap", "trust", "no_ambient", "frame", "map",
        ]
    )]
    pub(crate) list: bool,
    /// Memory-map arrays: restoring is instant, and pages load on first use
    ///
    /// Changes to a mapped array stay in this process. Mapped data is not checked against its hashes; `snapcli verify`
    /// does that. While arrays are mapped, do not modify or truncate the file: the arrays would change, or the process
    /// would be killed by SIGBUS. Another `snapcli save` to the same name is safe, because it replaces the
    /// file.
    #[arg(long)]
    pub(crate) mmap: bool,
    /// Load the file even if you did not save it; this can run arbitrary code
    #[arg(long)]
    pub(crate) trust: bool,
    /// Leave the state of the interpreter and of libraries as it is: random generators, environment, options, …
    #[arg(long)]
    pub(crate) no_ambient: bool,
    /// Bind the local variables of frame N of a crash snapshot: `snapcli inspect` shows the numbers, -1 is the last
    #[arg(long, value_name = "N", value_parser = parse_frame, allow_hyphen_values = true)]
    pub(crate) frame: Option<i64>,
    /// Load module OLD as NEW, such as helpers=project.helpers, or a list such as a=x,b=y (repeatable)
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_rename, value_delimiter = ',')]
    pub(crate) map: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    /// Start a prompt, even after CODE or SCRIPT
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Start the prompt of IPython, which the Python must have
    #[arg(long, conflicts_with = "list")]
    pub(crate) ipython: bool,
    /// Run code; if it is expressions on one line, print their values, as the prompt does
    ///
    /// Other code prints nothing by itself, as with `python -c`.
    #[arg(
        short = 'c', value_names = ["CODE", "ARGS"], num_args = 1.., allow_hyphen_values = true,
        conflicts_with = "script"
    )]
    pub(crate) code: Vec<OsString>,
    /// Snapshot to restore; `-` for standard input
    #[arg(value_name = "FILE", default_value = "session.pkl")]
    pub(crate) file: PathBuf,
    /// Script to run with the session's variables defined, followed by its arguments
    #[arg(value_name = "SCRIPT", trailing_var_arg = true)]
    pub(crate) script: Vec<OsString>,
}

/// Load a snapshot for `save --verify`, and print as JSON how the loaded values differ from the file
#[derive(Debug, Args)]
pub(crate) struct VerifyLoadArgs {
    /// Imported objects were saved by reference
    #[arg(long)]
    pub(crate) refimported: bool,
    /// Only print which variables could not be loaded, and keep the load from changing anything
    #[arg(long)]
    pub(crate) failures: bool,
    /// Where the process that waits finds how far the load has come
    #[arg(long)]
    pub(crate) meter: Option<PathBuf>,
    /// Snapshot to load
    pub(crate) file: PathBuf,
}

/// Show which Python is used and why, which settings apply, and whether anything is missing
#[derive(Debug, Args)]
#[command(after_help = help_texts::DOCTOR, after_long_help = help_texts::DOCTOR_LONG)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_frame(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "N is a whole number".to_owned())
}

/// Parses `old.module=new.module`.
fn parse_rename(text: &str) -> Result<(String, String), String> {
    // Module names contain no `=`, so the first one separates the two.
    let parts = text.split_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty());
    parts.map(|(old, new)| (old.to_owned(), new.to_owned())).ok_or_else(|| "expected OLD=NEW".to_owned())
}

/// Parses a level of zstd.
pub(super) fn parse_level(text: &str) -> Result<i32, String> {
    let level = text.parse().ok().filter(|level| (-7..=22).contains(level));
    level.ok_or_else(|| "expected a level from -7 to 22, such as 3".to_owned())
}

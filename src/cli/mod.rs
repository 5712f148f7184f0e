//! The command line as clap derive structs, whose doc comments are the text of `--help`.
//!
//! Nothing here imports the rest of the crate: the commands take these structs as they are, and whatever an argument
//! means beyond its type is determined where it is used. Everything after the script's name is passed to the script, as
//! with `python`.

mod file_args;
mod session_args;
mod store_args;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::file_args::is_script;
#[cfg(feature = "python")]
pub(crate) use self::file_args::parse_size;
pub(crate) use self::file_args::{
    AllowedVerdict, CompletionsArgs, DiffArgs, InspectArgs, ManArgs, MemoryArgs, OutputFormat, SchemaArgs, SchemaOf,
    SortBy, TrustArgs, VerifyArgs,
};
#[cfg(feature = "python")]
pub(crate) use self::session_args::SelectionArgs;
pub(crate) use self::session_args::{DoctorArgs, RestoreArgs, SaveArgs, VerifyLoadArgs};
#[cfg(feature = "python")]
pub(crate) use self::store_args::SnapshotLabels;
pub(crate) use self::store_args::{ExportArgs, ImportArgs, LogArgs, PruneArgs};

/// Save a Python session to one file, restore it, and inspect it
#[derive(Debug, Parser)]
#[command(name = "snapcli", version, max_term_width = 100, after_help = EXIT_CODES, disable_help_subcommand = false)]
pub(crate) struct Cli {
    /// The options that every command takes.
    #[command(flatten)]
    pub globals: GlobalArgs,
    /// The chosen subcommand.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    failure; save: the script failed (or the script's own exit code); diff: the files differ
  2    usage error, or a file or script does not exist
  3    with --strict: a variable could not be saved or restored, or came back different
  4    not a snapshot, damaged, truncated, or too large to be looked at
  5    not trusted: loading the file would do more than build plain data; inspect: with --strict
  6    no usable Python, or no dill
  130  interrupted";

/// The options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more detail: the chosen Python, and every name that was left out
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment
    /// [default: see `snapcli doctor`]
    #[arg(long, global = true, value_name = "PYTHON")]
    pub(crate) python: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "the help of a subcommand is the doc comment of its arguments")]
pub(crate) enum Command {
    Save(SaveArgs),
    Restore(RestoreArgs),
    #[command(hide = true)]
    VerifyLoad(VerifyLoadArgs),
    Inspect(InspectArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Trust(TrustArgs),
    Log(LogArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Prune(PruneArgs),
    Doctor(DoctorArgs),
    Completions(CompletionsArgs),
    Schema(SchemaArgs),
    Man(ManArgs),
}

/// Parses the words of a command line.
///
/// # Errors
/// For usage errors, and for `--help` and `--version`, which are errors to clap.
pub(crate) fn parse(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let cli = Cli::try_parse_from(words.clone())?;
    // `inspect FILE --json`: clap took `--json` for an argument of a script. Parse again with the file at the end.
    if let Command::Inspect(args) = &cli.command
        && let Some(words) = args.with_file_last(words)
    {
        return Cli::try_parse_from(words);
    }
    Ok(cli)
}

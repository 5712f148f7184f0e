//! The command line as clap derive structs, whose doc comments are the text of `--help`.
//!
//! Nothing here imports the rest of the crate: the commands take these structs as they are, and whatever an argument
//! means beyond its type is determined where it is used. Everything after the script's name is passed to the script, as
//! with `python`.

mod command_words;
mod file_args;
mod help_texts;
mod name_globs;
mod run_args;
mod session_args;
mod snapshot_times;
mod store_args;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use self::command_words::CommandWords;
pub(crate) use self::file_args::{
    AllowedVerdict, CompletionsArgs, DiffArgs, InspectArgs, ManArgs, MemoryArgs, OutputFormat, SchemaArgs, SchemaOf,
    SortBy, TrustArgs, VerifyArgs, is_script, parse_size,
};
pub(crate) use self::name_globs::glob_of;
pub(crate) use self::run_args::{RunArgs, StatusArgs};
#[cfg(feature = "python")]
pub(crate) use self::session_args::RunningArgs;
pub(crate) use self::session_args::SelectionArgs;
pub(crate) use self::session_args::{DoctorArgs, RestoreArgs, SaveArgs, VerifyLoadArgs};
#[cfg(feature = "python")]
pub(crate) use self::snapshot_times::signal_name;
pub(crate) use self::snapshot_times::signal_names;
#[cfg(feature = "python")]
pub(crate) use self::store_args::SnapshotLabels;
pub(crate) use self::store_args::{ExportArgs, ImportArgs, LogArgs, PruneArgs};

/// Save a Python session to one file, restore it, and inspect it
#[derive(Debug, Parser)]
#[command(name = "snapcli", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = help_texts::EXIT_CODES)]
pub(crate) struct Cli {
    /// The options that every command takes.
    #[command(flatten)]
    pub globals: GlobalArgs,
    /// The chosen subcommand.
    #[command(subcommand)]
    pub command: Command,
    /// The options that were typed, by their ids.
    #[arg(skip)]
    pub given: GivenOptions,
    /// A note on the arguments of the script.
    #[arg(skip)]
    pub note: Option<String>,
}

/// The settings file and line of options that were not typed: `pyproject.toml:2` for `--strict`, or for an option with
/// its value, such as `--exclude tmp_*`.
pub(crate) type OptionOrigins = HashMap<String, String>;

/// The options that the user has typed: all others have their default values, or those of files of settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenOptions {
    typed: HashSet<String>,
    /// Whether `--python` comes after the name of the command. Before it, as in an alias, it may be for any command.
    pub(crate) python_for_command: bool,
    /// The words between the name of the command and `-c` or `-m`.
    pub(crate) before_code: Vec<OsString>,
    /// The words for snapcli, without the name of the command, before a script, `-c` or `-m`.
    pub(crate) before_program: Vec<OsString>,
    /// The origins of options that files of settings set.
    pub(crate) origins: OptionOrigins,
}

impl GivenOptions {
    fn of(matches: &ArgMatches) -> Self {
        let typed = |matches: &ArgMatches| -> Vec<String> {
            let ids = matches.ids().map(|id| id.as_str().to_owned());
            ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine)).collect()
        };
        let of_command = matches.subcommand().map(|(_, matches)| typed(matches)).unwrap_or_default();
        Self { typed: typed(matches).into_iter().chain(of_command).collect(), ..Self::default() }
    }

    /// Whether the option with this id was typed.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.typed.contains(id)
    }
}

/// The options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print errors only: no notes, and no answer unless --json or another format asks for it
    #[arg(short, long, global = true, conflicts_with = "verbose", overrides_with = "quiet")]
    pub(crate) quiet: bool,
    /// Print more: the Python that runs, how long each step took, each checkpoint, and all names in place of the first
    #[arg(short, long, global = true, overrides_with = "verbose")]
    pub(crate) verbose: bool,
    /// Show no progress bars
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment
    /// [default: see `snapcli doctor`]
    #[arg(long, global = true, value_name = "PYTHON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) python: Option<String>,
    /// When to use colors: `auto` means in a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    #[arg(alias = "colour", hide_possible_values = true)]
    pub(crate) color: ColorChoice,
    /// Ignore the settings in pyproject.toml and config.toml; `snapcli doctor` shows them
    #[arg(long, global = true)]
    pub(crate) no_config: bool,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "the help of a subcommand is the doc comment of its arguments")]
pub(crate) enum Command {
    Save(SaveArgs),
    Run(RunArgs),
    Restore(RestoreArgs),
    #[command(hide = true)]
    VerifyLoad(VerifyLoadArgs),
    Inspect(InspectArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Trust(TrustArgs),
    Log(LogArgs),
    Status(StatusArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Prune(PruneArgs),
    Doctor(DoctorArgs),
    Completions(CompletionsArgs),
    Schema(SchemaArgs),
    Man(ManArgs),
}

/// A command line that ends without a command: `--help` and `--version`, which clap treats as errors, and errors.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// What clap found.
    pub error: clap::Error,
    /// The command line as clap knows it.
    pub root: clap::Command,
    /// The words of it.
    pub words: CommandWords,
}

/// The commands that may start a Python.
const WITH_PYTHON: [&str; 6] = ["save", "run", "restore", "inspect", "doctor", "verify-load"];

/// The command line as clap knows it.
pub(crate) fn definition() -> clap::Command {
    // The other commands accept `--python`, as all do, but their help does not offer it.
    let hidden = clap::Arg::new("python").long("python").value_name("PYTHON").hide(true);
    Cli::command().mut_subcommands(|command| match WITH_PYTHON.contains(&command.get_name()) {
        true => command,
        false => command.arg(hidden.clone()),
    })
}

/// Parses the words of a command line.
pub(crate) fn parse(words: Vec<OsString>) -> Result<Cli, Box<Rejected>> {
    let root = definition();
    let words = CommandWords::of(words, &root);
    let cli = parse_once(&words, &root).map_err(|error| (error, &words));
    // `inspect FILE --json`: clap took `--json` for an argument of a script. Parse again with the file at the end.
    let moved = match &cli {
        Ok(Cli { command: Command::Inspect(args), .. }) => args.with_file_last(words.words.clone()),
        _ => None,
    };
    let (cli, words) = match moved {
        None => (cli.map_err(|(error, _)| error), words),
        Some(moved) => {
            let words = CommandWords::of(moved, &root);
            (parse_once(&words, &root), words)
        }
    };
    match cli {
        Ok(mut cli) => {
            cli.note = words.note(&root);
            cli.given.python_for_command = words.has_after_command("--python");
            cli.given.before_code = words.before_code();
            cli.given.before_program = words.before_program();
            Ok(cli)
        }
        Err(error) => Err(Box::new(Rejected { error, root, words })),
    }
}

fn parse_once(words: &CommandWords, root: &clap::Command) -> Result<Cli, clap::Error> {
    let matches = root.clone().try_get_matches_from(&words.words)?;
    let given = GivenOptions::of(&matches);
    Ok(Cli { given, ..Cli::from_arg_matches(&matches)? })
}

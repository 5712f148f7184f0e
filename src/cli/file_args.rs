//! The arguments of the commands that read a file and need no Python: `inspect`, `diff`, `verify`, `trust` and
//! `completions`. `inspect` also runs scripts, in builds with Python.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::help_texts;
use super::session_args::{ProgramArgs, SelectionArgs};

/// Show what is in a snapshot, or which variables of a script cannot be saved
///
/// Reads a snapshot without executing anything in it, and without starting Python. It does not compare the contents of
/// variables with their checksums: `snapcli verify` and --strict do.
///
/// A script (a name that ends in .py or .ipynb, or any file with --script) is run. Each of its variables is then
/// pickled and loaded again in memory, and those that fail are listed with the reason. Nothing is saved. The script's
/// own output goes to standard error.
#[derive(Debug, Args)]
#[command(override_usage = "snapcli inspect [OPTIONS] [FILE]
       snapcli inspect [OPTIONS] SCRIPT [ARGS]...
       snapcli inspect [OPTIONS] -m MODULE [ARGS]...
       snapcli inspect [OPTIONS] -c CODE [ARGS]...")]
#[command(after_help = help_texts::INSPECT, after_long_help = help_texts::INSPECT_LONG)]
pub(crate) struct InspectArgs {
    /// Print JSON; short for --format json
    #[arg(long)]
    pub(crate) json: bool,
    /// Output format
    #[arg(
        long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text,
        conflicts_with_all = ["json", "html", "trace"]
    )]
    format: OutputFormat,
    /// Show each import, and every object at fault in a variable, not only the first few
    #[arg(long)]
    pub(crate) all: bool,
    /// Show only the variables that cannot be saved, and why
    #[arg(long)]
    pub(crate) bad: bool,
    /// Of a script: exit with 3 if a variable cannot be saved. Of a file: exit with 5 if loading it would do more than
    /// build plain data
    ///
    /// A file that is signed with your key passes whatever its verdict is, as `restore` loads it without a question. A
    /// snapshot is checked as `snapcli verify` does it: if it is damaged, the exit code is 4. It is 4, too, if a file
    /// is too large to be judged.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Verdict that --strict accepts beside `plain` (repeatable; `calls` includes `code`)
    #[arg(long, value_enum, value_name = "VERDICT", requires = "strict")]
    pub(crate) allow: Vec<AllowedVerdict>,
    /// List everything that loading the file would import and call
    #[arg(long)]
    pub(crate) verdict: bool,
    /// Show the objects pickled under the variable NAME, as a tree with sizes
    #[arg(long, value_name = "NAME", conflicts_with_all = ["bad", "all", "verdict", "sort"])]
    pub(crate) trace: Option<String>,
    /// Sort the variables
    #[arg(long, value_enum, value_name = "BY", default_value_t = SortBy::Order)]
    pub(crate) sort: SortBy,
    /// Write an HTML page with a map of the file and all details to OUT; `-` for standard output
    ///
    /// The page is a single file. It needs no network, and runs only its own script.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["json", "trace"])]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    /// Run the file as a script, whatever its name; otherwise only .py, .pyw, .pyc, .pyz and .ipynb files are run
    #[arg(long, conflicts_with_all = ["run_module", "code"])]
    pub(crate) script: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Snapshot to read, or script to run with its arguments [default: session.pkl]
    #[arg(value_name = "FILE", trailing_var_arg = true)]
    pub(crate) operands: Vec<OsString>,
}

/// The limit that `--max-memory` sets.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MemoryArgs {
    /// Memory for looking at the file: 500M, 4G, in powers of 1000 [default: 64M and 10 bytes for each byte of opcodes,
    /// at most 1G]
    ///
    /// A file that needs more is refused with exit code 4; `snapcli inspect` shows the variables of a snapshot without
    /// a verdict instead, unless --verdict or --strict asks for one. The contents of large arrays do not count, unless
    /// the file comes from standard input, all of which is read into memory.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_memory: Option<u64>,
}

/// What `inspect` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// A table for people
    Text,
    /// JSON for programs
    Json,
    /// Annotations for GitHub Actions
    Github,
}

/// The worst verdict that `inspect --strict` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum AllowedVerdict {
    /// Files that rebuild functions and classes: these run when they are used, and some of their methods during the
    /// load
    Code,
    /// The same, and files that call functions of libraries that are not known to be harmless
    Calls,
}

/// The order in which `inspect` lists variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// The order in which the script defined them
    Order,
    /// Alphabetically by name
    Name,
    /// Largest first
    Size,
}

impl InspectArgs {
    /// The chosen output format.
    pub(crate) fn output_format(&self) -> OutputFormat {
        if self.json { OutputFormat::Json } else { self.format }
    }

    /// Moves the file to the end of the command line if options follow it. `None` if none do.
    ///
    /// Everything after a script is passed to the script, so clap stops at the first operand. A snapshot takes no
    /// arguments: options after it are meant for `inspect`.
    pub(super) fn with_file_last(&self, mut words: Vec<OsString>) -> Option<Vec<OsString>> {
        let (file, rest) = self.operands.split_first()?;
        // Anything but an option is an error, which `inspect` reports later.
        rest.first().filter(|word| word.as_encoded_bytes().starts_with(b"-"))?;
        if self.script || is_script(file.as_ref()) {
            return None;
        }
        // The operands are the last words of the command line.
        let index = words.len().checked_sub(rest.len() + 1)?;
        let file = words.remove(index);
        // Otherwise an option without its value would take the file for it.
        words.extend(["--".into(), file]);
        Some(words)
    }
}

/// Whether a path is run as a script because of its name. Contents never decide: a file from elsewhere must not run
/// only because it looks like Python.
pub(crate) fn is_script(path: &Path) -> bool {
    const EXTENSIONS: [&str; 5] = ["py", "pyw", "pyc", "pyz", "ipynb"];
    // A directory named `x.py` is not run by mistake either.
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known)) && !path.is_dir()
}

/// Compare two snapshots
///
/// Lists the variables that were added, removed or changed, with the first difference in each changed value. Reads both
/// files without executing anything in them, and without starting Python.
///
/// Snapshots, dill sessions and pickled dicts can be compared with one another. Any other pickle counts as one variable
/// named `obj`.
///
/// The order of sets and dicts does not matter; 1, 1.0 and True are different. Functions and classes are equal if their
/// code is equal, even if it moved within the script. A change to a function or class is reported for that function or
/// class, not for the variables that refer to it.
///
/// With --quiet, prints nothing: use the exit code.
#[derive(Debug, Args)]
#[command(after_help = help_texts::DIFF, after_long_help = help_texts::DIFF_LONG)]
pub(crate) struct DiffArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    /// First file; `-` for standard input
    #[arg(value_name = "A")]
    pub(crate) before: PathBuf,
    /// Second file; `-` for standard input
    #[arg(value_name = "B")]
    pub(crate) after: PathBuf,
}

/// Check a snapshot for damage, and list the variables that are intact
///
/// Checks every hash, and checks the index against the pickle: offsets, memo references, imports, and that every byte
/// is accounted for. Of a pickle that snapcli did not write, checks only that it is complete. Executes nothing in the
/// file, and does not start Python.
///
/// With --quiet, prints nothing: use the exit code.
#[derive(Debug, Args)]
#[command(after_help = help_texts::VERIFY, after_long_help = help_texts::VERIFY_LONG)]
pub(crate) struct VerifyArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    /// Snapshot to check; `-` for standard input
    #[arg(value_name = "FILE", default_value = "session.pkl")]
    pub(crate) file: PathBuf,
}

/// Sign a snapshot from someone else, so that `restore` loads it
///
/// Checks the file, shows what loading it would do, and asks for confirmation. Signs with your key (`snapcli doctor`
/// shows where it is stored), or with SNAPCLI_KEY if that is set. Sign only files that you have inspected.
#[derive(Debug, Args)]
#[command(after_help = help_texts::TRUST, after_long_help = help_texts::TRUST_LONG)]
pub(crate) struct TrustArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Sign without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    /// Snapshot to sign
    #[arg(value_name = "FILE", default_value = "session.pkl")]
    pub(crate) file: PathBuf,
}

/// Print the JSON Schema of what a command prints with --json
///
/// The schema describes the answers and the errors of a command, or those of all commands. It is JSON Schema, draft
/// 2020-12. A later version of snapcli may add keys: ignore those that you do not know.
#[derive(Debug, Args)]
#[command(after_help = help_texts::SCHEMA, after_long_help = help_texts::SCHEMA_LONG)]
pub(crate) struct SchemaArgs {
    /// Command whose answers are described [default: all of them]
    #[arg(value_enum)]
    pub(crate) command: Option<SchemaOf>,
}

/// A command that answers with JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they are the names of commands")]
pub(crate) enum SchemaOf {
    Save,
    Restore,
    Inspect,
    Diff,
    Verify,
    Trust,
    Doctor,
    Log,
    Status,
    Export,
    Import,
    Prune,
    /// An error of any command
    Error,
}

/// Print a manual page
#[derive(Debug, Args)]
#[command(after_help = help_texts::MAN, after_long_help = help_texts::MAN_LONG)]
pub(crate) struct ManArgs {
    /// Command whose page is printed [default: that of the program, with a list of all commands]
    pub(crate) command: Option<String>,
}

/// Print or install the completion script for a shell
///
/// It completes commands, options, files, and the names of the variables in a snapshot, as in `snapcli restore run7.pkl
/// --only <TAB>`.
#[derive(Debug, Args)]
#[command(after_help = help_texts::COMPLETIONS, after_long_help = help_texts::COMPLETIONS_LONG)]
pub(crate) struct CompletionsArgs {
    /// Write the script to the place where the shell looks for completions of this user
    #[arg(long)]
    pub(crate) install: bool,
    /// Shell to complete in [default with --install: the one that SHELL names]
    #[arg(value_enum, required_unless_present = "install")]
    pub(crate) shell: Option<Shell>,
}

/// Parses a number of bytes, with k, M, G or T for powers of 1000.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (number, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let expected = || "expected a size such as 500k, 20M or 2G".to_owned();
    if !is_number(number.strip_prefix('+').unwrap_or(number)) || !is_number(decimals) {
        return Err(expected());
    }
    // `kB` means the same as `k`.
    let factor = match text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase().trim_end_matches('b') {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        unit => return Err(format!("unknown unit {unit}: use k, M, G or T")),
    };
    // 99999999T does not fit into 64 bits.
    let too_large = || "the size is too large".to_owned();
    let whole = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(too_large)?;
    // A part of a byte does not count, and no more decimals than the largest unit has zeros.
    let decimals = decimals.get(..12).unwrap_or(decimals);
    let one = 10_u128.pow(decimals.len() as u32);
    let part = decimals.parse::<u128>().map_err(|_| expected())? * u128::from(factor) / one;
    u64::try_from(part).ok().and_then(|part| whole.checked_add(part)).ok_or_else(too_large)
}

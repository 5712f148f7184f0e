//! The command line: clap derive structs whose doc comments are the help, and what they mean to the commands.
//!
//! Only this file knows clap. Everything from the script's name on belongs to the script, as with python.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::commands::{Talk, completions, diff, inspect, trust, verify};
use crate::report::answer::Sort;

/// Saves a Python session to one file, brings it back, and tells what is in it.
#[derive(Debug, Parser)]
#[command(name = "snapcli", version, max_term_width = 100, after_help = EXIT_CODES, disable_help_subcommand = false)]
pub struct Cli {
    /// What every command takes
    #[command(flatten)]
    pub globals: GlobalArgs,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed; for save: the script failed, or the script's own code; for diff: something changed
  2    wrong usage; a file or script that is not there
  3    --strict, and something was left out, or comes back different
  4    not a snapshot, damaged, or cut short
  5    not trusted: loading it would do more than build plain data
  6    no usable Python, or no dill
  130  interrupted";

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: which Python was chosen, what each step took
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment's folder
    /// [default: as `snapcli doctor` shows]
    #[cfg(feature = "python")]
    #[arg(long, global = true, value_name = "PYTHON")]
    pub python: Option<String>,
}

impl GlobalArgs {
    /// How much is said on standard error.
    pub fn talk(&self) -> Talk {
        if self.quiet {
            Talk::Quiet
        } else if self.verbose {
            Talk::Verbose
        } else {
            Talk::Normal
        }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "the help of a subcommand stands at its arguments")]
pub enum Command {
    #[cfg(feature = "python")]
    Save(python::SaveArgs),
    #[cfg(feature = "python")]
    Restore(python::RestoreArgs),
    #[cfg(feature = "python")]
    #[command(hide = true)]
    Reload(python::ReloadArgs),
    Inspect(InspectArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Trust(TrustArgs),
    #[cfg(feature = "python")]
    Doctor(python::DoctorArgs),
    Completions(CompletionsArgs),
}

/// Tell what is in a snapshot, or what in a script's session cannot be saved
///
/// A snapshot is only looked at: nothing in it runs, and no Python is started. A script, which is what ends in .py or
/// is given with --script, is run, and nothing of it is kept: each variable is saved and loaded again in memory, as dill.detect does, and the bad ones are named. What
/// the script prints goes to standard error, as standard output is for the answer.
#[derive(Debug, Args)]
#[cfg_attr(
    feature = "python",
    command(override_usage = "snapcli inspect [OPTIONS] [FILE]
       snapcli inspect [OPTIONS] SCRIPT [ARGS]...
       snapcli inspect [OPTIONS] -m MODULE [ARGS]...
       snapcli inspect [OPTIONS] -c CODE [ARGS]...")
)]
#[command(after_help = "\
Examples:
  snapcli inspect                        what is in session.pkl
  snapcli inspect --json session.pkl     the same for a program
  snapcli inspect --strict got.pkl       exit with 5 if loading it is dangerous
  snapcli inspect --verdict got.pkl      all that loading it would import and call
  snapcli inspect --sort size            the largest variables first
  snapcli inspect --html page.html       a page with a map of where the bytes are
  snapcli inspect --trace model          what is pickled under `model`, with sizes
  snapcli inspect --bad train.py         what in train.py's session cannot be saved, and why
  snapcli inspect --strict train.py      exit with 3 if there is any such thing
  snapcli inspect --format github --strict train.py   the same, as annotations in GitHub Actions")]
pub struct InspectArgs {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// The form of the answer: `github` writes annotations for GitHub Actions
    #[arg(long, value_enum, default_value_t = FormatArg::Text, hide_default_value = true, conflicts_with_all = ["json", "html", "trace"])]
    format: FormatArg,
    /// Name every object at fault in a variable, not only the first few
    #[arg(long)]
    all: bool,
    /// Only what was left out, and why
    #[arg(long)]
    bad: bool,
    /// Exit with 3 when something cannot be saved, or was left out because it failed; with 5 when loading the file is
    /// dangerous
    #[arg(long)]
    strict: bool,
    /// Tell all that loading the file would import and call
    #[arg(long)]
    verdict: bool,
    /// Show what is pickled under a variable, as a tree with sizes
    #[arg(long, value_name = "NAME", conflicts_with = "bad")]
    trace: Option<String>,
    /// What comes first
    #[arg(long, value_enum, value_name = "BY", default_value = "order")]
    sort: SortBy,
    /// Write a page for a browser to OUT, with a map of where the bytes are and all that is known; `-` is standard
    /// output
    ///
    /// The page is one file, which needs no network and runs nothing but its own script.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["json", "trace"])]
    html: Option<PathBuf>,
    /// Run it, whatever its name: without this, only what ends in .py, .pyw, .pyc or .pyz is run
    #[cfg(feature = "python")]
    #[arg(long)]
    script: bool,
    #[cfg(feature = "python")]
    #[command(flatten)]
    rules: python::RuleArgs,
    #[cfg(feature = "python")]
    #[command(flatten)]
    target: python::TargetArgs,
    /// The snapshot [default: session.pkl]
    #[cfg(not(feature = "python"))]
    #[arg(value_name = "FILE")]
    operands: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SortBy {
    /// What the script made first
    Order,
    /// By name
    Name,
    /// The largest
    Size,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    Text,
    Json,
    Github,
}

impl From<SortBy> for Sort {
    fn from(by: SortBy) -> Self {
        match by {
            SortBy::Order => Self::Order,
            SortBy::Name => Self::Name,
            SortBy::Size => Self::Size,
        }
    }
}

impl InspectArgs {
    /// The command line with the file behind the options that stand behind it: what follows a script is the script's, but
    /// a file has no use for it.
    #[cfg(feature = "python")]
    fn options_first(&self, mut words: Vec<OsString>) -> Option<Vec<OsString>> {
        let (file, behind) = self.target.file_and_options()?;
        if self.script || inspect::is_script(file.as_ref()) {
            return None;
        }
        let place = words.len().checked_sub(behind + 1)?;
        let file = words.remove(place);
        words.push(file);
        Some(words)
    }

    /// What the arguments mean.
    pub fn options(self, #[cfg(feature = "python")] globals: GlobalArgs) -> inspect::Options {
        #[cfg(feature = "python")]
        let subject = inspect::Subject {
            command: self.target.command(),
            script: self.script,
            rules: self.rules.into(),
            python: globals.python,
        };
        #[cfg(not(feature = "python"))]
        let subject = inspect::Subject { operands: self.operands };
        inspect::Options {
            form: match (self.json, self.format) {
                (true, _) | (_, FormatArg::Json) => inspect::Form::Json,
                (_, FormatArg::Github) => inspect::Form::Github,
                (_, FormatArg::Text) => inspect::Form::Text,
            },
            all: self.all,
            bad: self.bad,
            strict: self.strict,
            verdict: self.verdict,
            trace: self.trace,
            sort: self.sort.into(),
            html: self.html,
            look: inspect::look(),
            subject,
        }
    }
}

/// Tell what changed between two snapshots
///
/// Names the variables that were added, removed or changed, and where a value first differs. Nothing in the files runs,
/// and no Python is started. Snapshots, dill sessions and pickled dicts can be compared with one another; any other
/// pickle has one variable, `obj`. Values are compared as Python would: the order of sets and dicts does not count,
/// but 1, 1.0 and True differ. Functions and classes are the same when their code is, wherever in a script it is
/// written; what refers to a function or class of the session is not changed by it. With --quiet only the exit code
/// tells.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapcli diff monday.pkl tuesday.pkl            what changed since Monday
  snapcli diff --json monday.pkl tuesday.pkl     the same for a program
  snapcli diff -q run7.pkl run8.pkl || echo changed
  ssh host cat run7.pkl | snapcli diff - run7.pkl

Exit codes:
  0  nothing changed
  1  something changed
  2  wrong usage; a file is not there
  4  a file is damaged, cut short, or not a snapshot")]
pub struct DiffArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The first file; `-` is standard input
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The second file; `-` is standard input
    #[arg(value_name = "B")]
    after: PathBuf,
}

impl DiffArgs {
    /// What the arguments mean.
    pub fn options(self) -> diff::Options {
        diff::Options { json: self.json, before: self.before, after: self.after }
    }
}

/// Check that a file is what was saved, and tell which variables are whole
///
/// Every hash is checked, and the index against the pickle: places, memo references, imports, and that no byte belongs
/// to nothing. Of a pickle that snapcli did not write, it is checked that it runs up to its end. Nothing in it runs,
/// and no Python is started. With --quiet only the exit code tells.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapcli verify                       check session.pkl
  snapcli verify --json run7.pkl       the same for a program
  ssh host cat run7.pkl | snapcli verify -

Exit codes:
  0  the file is whole
  2  wrong usage; the file is not there
  4  damaged, cut short, or not a snapshot")]
pub struct VerifyArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The snapshot; `-` is standard input
    #[arg(value_name = "FILE", default_value = "session.pkl")]
    file: PathBuf,
}

impl VerifyArgs {
    /// What the arguments mean.
    pub fn options(self) -> verify::Options {
        verify::Options { json: self.json, file: self.file }
    }
}

/// Sign a snapshot that somebody else saved, so that restore loads it
///
/// Checks the file, tells what loading it would do, and asks. The signature is made with your key, which `snapcli doctor`
/// shows the place of, or with SNAPCLI_KEY. Sign only what you have looked at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapcli inspect --verdict got.pkl    what loading it would import and call
  snapcli trust got.pkl                sign it
  snapcli trust --yes got.pkl          sign it without being asked")]
pub struct TrustArgs {
    /// Sign without asking
    #[arg(short, long)]
    yes: bool,
    /// The snapshot
    #[arg(value_name = "FILE", default_value = "session.pkl")]
    file: PathBuf,
}

impl TrustArgs {
    /// What the arguments mean.
    pub fn options(self) -> trust::Options {
        trust::Options { yes: self.yes, file: self.file }
    }
}

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapcli completions bash > ~/.local/share/bash-completion/completions/snapcli
  snapcli completions fish > ~/.config/fish/completions/snapcli.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl CompletionsArgs {
    /// What the arguments mean.
    pub fn options(&self) -> completions::Options {
        use clap_complete::Shell as Generator;
        let generator = match self.shell {
            Shell::Bash => Generator::Bash,
            Shell::Zsh => Generator::Zsh,
            Shell::Fish => Generator::Fish,
            Shell::Elvish => Generator::Elvish,
            Shell::Powershell => Generator::PowerShell,
        };
        let mut text = Vec::new();
        clap_complete::generate(generator, &mut for_people(), "snapcli", &mut text);
        completions::Options { text }
    }
}

/// The command line without what only snapcli itself calls: the completions would name that, too.
fn for_people() -> clap::Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    let shown = clap::Command::new("snapcli").subcommands(shown).args(whole.get_arguments().cloned());
    shown.version(env!("CARGO_PKG_VERSION"))
}

/// Parses the command line; prints help or an error and ends the process where that is all there is to do.
pub fn parse() -> Cli {
    let cli = Cli::parse();
    #[cfg(feature = "python")]
    if let Command::Inspect(args) = &cli.command
        && let Some(words) = args.options_first(std::env::args_os().collect())
    {
        return Cli::parse_from(words);
    }
    cli
}

#[cfg(feature = "python")]
mod python {
    //! The arguments of commands that run Python.

    use super::*;
    use crate::commands::{reload, restore, save};
    use crate::python::run::{Command as ScriptCommand, Target};
    use crate::session::keep::Rules;

    /// Run a script and save the session it leaves
    ///
    /// The script runs as `python SCRIPT` runs it. What it leaves in its global variables goes to one file, which
    /// `snapcli restore` and `dill.load_module` read. What cannot be saved is named, and costs only itself.
    #[derive(Debug, Args)]
    #[command(override_usage = "snapcli save [OPTIONS] SCRIPT [ARGS]...
       snapcli save [OPTIONS] -m MODULE [ARGS]...
       snapcli save [OPTIONS] -c CODE [ARGS]...")]
    #[command(after_help = "\
Examples:
  snapcli save train.py --epochs 3            run train.py --epochs 3, save to session.pkl
  snapcli save -o run7.pkl train.py           save to run7.pkl
  snapcli save --exclude 'tmp_*' train.py     leave some names out
  snapcli save --strict train.py              exit with 3 when something could not be saved
  snapcli save -o - train.py | ssh host 'cat > session.pkl'

When the script fails, what it had reached goes to session.crash.pkl, and the exit code is the script's.")]
    pub struct SaveArgs {
        /// Where to save; `-` is standard output (the script's own output then goes to standard error)
        #[arg(short, long, value_name = "FILE", default_value = "session.pkl")]
        output: PathBuf,
        /// Exit with 3 when something could not be saved, or comes back different
        #[arg(long)]
        strict: bool,
        /// Load the file in a fresh process before it is put in place, and compare what comes back
        #[arg(long)]
        verify: bool,
        /// Write what was saved and what was left out to FILE, as JSON
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Save the namespace of this module instead of the script's
        #[arg(long, value_name = "NAME", default_value = "__main__", hide_default_value = true)]
        module: String,
        #[command(flatten)]
        rules: RuleArgs,
        #[command(flatten)]
        target: TargetArgs,
    }

    /// Which names are kept
    #[derive(Debug, Args)]
    #[command(next_help_heading = "What is kept")]
    pub struct RuleArgs {
        /// Keep only names that match (may be given more than once)
        #[arg(long, value_name = "GLOB", value_parser = glob::Pattern::new)]
        include: Vec<glob::Pattern>,
        /// Leave out names that match
        #[arg(long, value_name = "GLOB", value_parser = glob::Pattern::new)]
        exclude: Vec<glob::Pattern>,
        /// Leave out values of types that match: 'DataFrame', 'torch.*'
        #[arg(long, value_name = "GLOB", value_parser = glob::Pattern::new)]
        exclude_type: Vec<glob::Pattern>,
        /// Keep all names that begin with `_`, not only those that kept functions use
        #[arg(long)]
        private: bool,
        /// Leave out variables that take more than this: 500k, 20M, 2G
        #[arg(long, value_name = "SIZE", value_parser = size)]
        max_size: Option<u64>,
        /// Leave out variables that look like credentials: by their names, or by their texts
        #[arg(long)]
        redact: bool,
        /// Keep imported data by reference, not by value
        #[arg(long)]
        refimported: bool,
    }

    impl From<RuleArgs> for Rules {
        fn from(args: RuleArgs) -> Self {
            Self {
                include: args.include,
                exclude: args.exclude,
                exclude_type: args.exclude_type,
                private: args.private,
                max_size: args.max_size,
                redact: args.redact,
                refimported: args.refimported,
            }
        }
    }

    /// What to run
    #[derive(Debug, Args)]
    #[command(next_help_heading = "What to run")]
    pub(super) struct TargetArgs {
        /// Run a module, as `python -m`
        #[arg(short = 'm', value_names = ["MODULE", "ARGS"], num_args = 1.., allow_hyphen_values = true, conflicts_with_all = ["code", "operands"])]
        run_module: Vec<OsString>,
        /// Run this code, as `python -c`
        #[arg(short = 'c', value_names = ["CODE", "ARGS"], num_args = 1.., allow_hyphen_values = true, conflicts_with = "operands")]
        code: Vec<OsString>,
        /// The script, and its arguments
        #[arg(value_name = "SCRIPT", trailing_var_arg = true, allow_hyphen_values = true)]
        operands: Vec<OsString>,
    }

    impl TargetArgs {
        /// What may be a file, and how many words stand behind it, the first of which is an option.
        pub(super) fn file_and_options(&self) -> Option<(&OsString, usize)> {
            let (file, behind) = self.operands.split_first()?;
            behind.first().filter(|word| word.as_encoded_bytes().starts_with(b"-"))?;
            Some((file, behind.len()))
        }

        pub(super) fn command(self) -> Option<ScriptCommand> {
            let split = |words: Vec<OsString>| {
                let mut words = words.into_iter();
                words.next().map(|first| (first, words.collect()))
            };
            if let Some((module, arguments)) = split(self.run_module) {
                return Some(ScriptCommand { target: Target::Module(module), arguments });
            }
            if let Some((code, arguments)) = split(self.code) {
                return Some(ScriptCommand { target: Target::Code(code), arguments });
            }
            let (script, arguments) = split(self.operands)?;
            Some(ScriptCommand { target: Target::Script(script.into()), arguments })
        }
    }

    impl SaveArgs {
        /// What the arguments mean.
        pub fn options(self, globals: GlobalArgs) -> save::Options {
            save::Options {
                output: self.output,
                strict: self.strict,
                verify: self.verify,
                report: self.report,
                module: self.module,
                rules: self.rules.into(),
                python: globals.python,
                command: self.target.command(),
            }
        }
    }

    /// Bring a session back: in Python's prompt, for one piece of code, or under another script
    ///
    /// At a terminal, with nothing else asked, Python's own prompt begins with the session's names in it.
    /// Reads what snapcli saved, what dill.dump_module saved, and pickles: a dict gives its keys as names,
    /// any other object is bound to `obj`.
    ///
    /// Loading a snapshot can run code that is in it. What you saved is known by your key (`snapcli doctor` shows where it
    /// is; SNAPCLI_KEY, 64 hex digits or a passphrase, carries it elsewhere) and is loaded. Any other file gets plain data
    /// only; one that wants more is refused with exit code 5, or asked about at a terminal. `--trust` loads it once,
    /// `snapcli trust FILE` signs it.
    #[derive(Debug, Args)]
    #[command(override_usage = "snapcli restore [OPTIONS] [FILE] [-i]
       snapcli restore [OPTIONS] [FILE] -c CODE [ARGS]...
       snapcli restore [OPTIONS] FILE SCRIPT [ARGS]...")]
    #[command(after_help = "\
Examples:
  snapcli restore                              session.pkl in a prompt
  snapcli restore run7.pkl -c 'model.score'    the value of an expression
  snapcli restore run7.pkl plot.py --dpi 200   run plot.py with the session's names in place
  snapcli restore --only 'model*' --mmap       some of it, with arrays mapped
  ssh host cat run7.pkl | snapcli restore - -c 'print(scores)'")]
    pub struct RestoreArgs {
        /// Exit with 3 before anything runs when a variable does not come back
        #[arg(long)]
        strict: bool,
        /// Bring back only variables that match, and what their code needs (may be given more than once)
        #[arg(long, value_name = "GLOB", value_parser = glob::Pattern::new)]
        only: Vec<glob::Pattern>,
        /// Leave out variables that match, also where others share objects with them
        #[arg(long, value_name = "GLOB", value_parser = glob::Pattern::new)]
        exclude: Vec<glob::Pattern>,
        /// Bring back what is whole of a damaged file, and name what is not
        #[arg(long)]
        partial: bool,
        /// Name the variables, and load nothing
        #[arg(long, conflicts_with_all = ["code", "script", "interactive"])]
        list: bool,
        /// Map arrays instead of reading them: nothing of them is read before it is used, and what is written to them
        /// stays in this process
        ///
        /// Their contents are not checked (`snapcli verify` does that). While they are mapped, nothing may write into the
        /// file or cut it short, or the arrays change, or the process ends with SIGBUS. Another `snapcli save` to the same
        /// name does no harm, as it puts a new file in place of the old one.
        #[arg(long)]
        mmap: bool,
        /// Load the file whoever saved it, with all that it runs
        #[arg(long)]
        trust: bool,
        /// A module is called otherwise now (may be given more than once)
        #[arg(long, value_name = "OLD=NEW", value_parser = rename)]
        map: Vec<(String, String)>,
        /// Go on into the prompt, also after CODE or SCRIPT
        #[arg(short, long)]
        interactive: bool,
        /// Run this code; an expression's value is printed
        #[arg(short = 'c', value_names = ["CODE", "ARGS"], num_args = 1.., allow_hyphen_values = true, conflicts_with = "script")]
        code: Vec<OsString>,
        /// The snapshot; `-` is standard input
        #[arg(value_name = "FILE", default_value = "session.pkl")]
        file: PathBuf,
        /// A script to run with the session's names in place, and its arguments
        #[arg(value_name = "SCRIPT", trailing_var_arg = true, allow_hyphen_values = true)]
        script: Vec<OsString>,
    }

    impl RestoreArgs {
        /// What the arguments mean: `-c` with one expression shows its value.
        pub fn options(self, globals: GlobalArgs) -> restore::Options {
            let target = TargetArgs { run_module: Vec::new(), code: self.code, operands: self.script };
            let command = target.command().map(|command| match command.target {
                Target::Code(code) => ScriptCommand { target: Target::Expression(code), ..command },
                _ => command,
            });
            restore::Options {
                file: self.file,
                strict: self.strict,
                list: self.list,
                partial: self.partial,
                only: self.only,
                exclude: self.exclude,
                mapped: self.mmap,
                trust: self.trust,
                renames: self.map,
                interactive: self.interactive,
                python: globals.python,
                command,
            }
        }
    }

    /// What `save --verify` starts: load a snapshot, and tell as JSON how what came back differs from what is in it
    #[derive(Debug, Args)]
    pub struct ReloadArgs {
        /// Imported data is in it by reference
        #[arg(long)]
        refimported: bool,
        /// The snapshot
        file: PathBuf,
    }

    impl ReloadArgs {
        /// What the arguments mean.
        pub fn options(self, globals: GlobalArgs) -> reload::Options {
            reload::Options { file: self.file, refimported: self.refimported, python: globals.python }
        }
    }

    /// Tell which Python is used and why, and whether all that is needed is there
    #[derive(Debug, Args)]
    pub struct DoctorArgs {
        /// Print JSON
        #[arg(long)]
        pub json: bool,
    }

    /// `old.module=new.module`.
    fn rename(text: &str) -> Result<(String, String), String> {
        let parts = text.split_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty());
        parts.map(|(old, new)| (old.to_owned(), new.to_owned())).ok_or_else(|| "write OLD=NEW".to_owned())
    }

    /// A number of bytes, with k, M, G or T for powers of 1000.
    fn size(text: &str) -> Result<u64, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| "not a size: write 500k, 20M or 2G".to_owned())?;
        let factor = match text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase().trim_end_matches('b') {
            "" => 1,
            "k" => 1_000,
            "m" => 1_000_000,
            "g" => 1_000_000_000,
            "t" => 1_000_000_000_000,
            unit => return Err(format!("{unit} is no unit of size: write 500k, 20M or 2G")),
        };
        number.checked_mul(factor).ok_or_else(|| "more bytes than can be counted".to_owned())
    }
}

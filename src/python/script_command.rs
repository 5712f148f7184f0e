//! What to run, as the command line names it: a script, a module or code, and its arguments.

use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::fs::FileType;

use crate::exit;
use crate::ui::nearest_names::nearest_files;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) enum ScriptTarget {
    /// A source file, a `.pyc` file, or a folder or zip archive with a `__main__.py`; `-` is standard input.
    Script(PathBuf),
    /// What standard input holds, as `python` alone runs it.
    StandardInput,
    /// A module by name, as `python -m`.
    Module(OsString),
    /// Source code, as `python -c`.
    Code(OsString),
    /// As `Code`, but if it consists of expressions on one line, their values are printed, as in the prompt.
    Expression(OsString),
}

/// A target and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct ScriptCommand {
    /// What to run.
    pub target: ScriptTarget,
    /// `sys.argv[1:]`.
    pub arguments: Vec<OsString>,
}

impl ScriptCommand {
    /// The command for the words after `-m` or `-c`, or for the operands: the first word is the target, the others are
    /// its arguments. clap makes sure that only one of the three has words. `None` if none has.
    pub(crate) fn from_words(run_module: Vec<OsString>, code: Vec<OsString>, operands: Vec<OsString>) -> Option<Self> {
        fn command(words: Vec<OsString>, target: fn(OsString) -> ScriptTarget) -> Option<ScriptCommand> {
            let mut words = words.into_iter();
            let target = target(words.next()?);
            Some(ScriptCommand { target, arguments: words.collect() })
        }
        command(run_module, ScriptTarget::Module)
            .or_else(|| command(code, ScriptTarget::Code))
            .or_else(|| command(operands, |path| ScriptTarget::Script(path.into())))
    }

    /// What standard input holds, if it is a file, a pipe or a socket. A terminal is for a prompt, and a job without an
    /// input has `/dev/null` there.
    pub(crate) fn of_standard_input() -> Option<Self> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(std::io::stdin()).ok()?.st_mode);
        let may_hold_code = matches!(kind, FileType::RegularFile | FileType::Fifo | FileType::Socket);
        may_hold_code.then(|| Self { target: ScriptTarget::StandardInput, arguments: Vec::new() })
    }

    /// Whether the command line names it. What standard input holds may be nothing.
    pub(crate) fn is_named(&self) -> bool {
        !matches!(self.target, ScriptTarget::StandardInput)
    }

    /// The same command, but code of expressions on one line prints their values.
    pub(crate) fn showing_value(self) -> Self {
        match self.target {
            ScriptTarget::Code(code) => Self { target: ScriptTarget::Expression(code), ..self },
            _ => self,
        }
    }
}

/// The source of a script.
#[derive(Clone, Debug)]
pub(crate) struct ScriptSource {
    /// The absolute path; `-c` for code on the command line.
    pub path: PathBuf,
    /// The contents before the script ran; empty for a pipe, which can be read only once, and for bytecode.
    pub bytes: Vec<u8>,
}

/// Checks that a script can be read.
/// # Errors
/// With exit code 2.
pub(crate) fn check_script(command: &ScriptCommand) -> Result<()> {
    let ScriptTarget::Script(path) = &command.target else { return Ok(()) };
    if path == Path::new("-") {
        return Ok(());
    }
    if path.as_os_str().is_empty() {
        let text = "the name of the script is an empty string: give one, such as train.py";
        return Err(exit::error(exit::USAGE, text));
    }
    // Python also runs a folder with a `__main__.py`, which cannot be opened as a file, and a named pipe, whose writer
    // would be gone after the first time that it is opened.
    let read = std::fs::metadata(path).and_then(|found| match found.file_type() {
        kind if kind.is_dir() || kind.is_fifo() => Ok(()),
        _ => std::fs::File::open(path).map(drop),
    });
    read.map_err(|error| {
        let text = format!("cannot read the script {}", path.display());
        let advice = nearest_files(path).into_iter().collect();
        anyhow::Error::from(error).context(exit::coded(exit::USAGE, text).with_details(advice))
    })
}

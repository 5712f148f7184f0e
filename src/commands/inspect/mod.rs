//! `snapcli inspect`: what is in a snapshot, without executing anything in it; or which variables of a script cannot be
//! saved.

mod page_file;
#[cfg(feature = "python")]
mod script_session;

use std::cmp::Reverse;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;

use super::input_output::{open_snapshot, or_exit_code, stdout_style};
use crate::cli::{GlobalArgs, InspectArgs, OutputFormat, SortBy};
use crate::exit::{self, OrExit};
use crate::pickle::outline::Tree;
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::report::table::TableStyle;
use crate::report::{github, inspect_text, verdict_text, write_json};
use crate::snapshot::index::Index;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::ui::{Verbosity, escape};

const DEFAULT_FILE: &str = "session.pkl";

/// How the result is printed. Standard output is examined before a script runs: while it does, file descriptor 1 is
/// another one.
struct Inspection {
    args: InspectArgs,
    verbosity: Verbosity,
    style: TableStyle,
}

/// Inspects a file, or runs a script and inspects the session it leaves.
pub fn run_command(mut args: InspectArgs, globals: &GlobalArgs, verbosity: Verbosity) -> Result<i32> {
    args.html = args.html.as_deref().map(page_file::check).transpose()?;
    let operands = std::mem::take(&mut args.operands);
    let inspection = Inspection { args, verbosity, style: stdout_style() };
    inspection.run(operands, globals)
}

impl Inspection {
    #[cfg(feature = "python")]
    fn run(mut self, operands: Vec<std::ffi::OsString>, globals: &GlobalArgs) -> Result<i32> {
        use crate::python::script_entry::ScriptCommand;
        let program = &mut self.args.program;
        let (run_module, code) = (std::mem::take(&mut program.run_module), std::mem::take(&mut program.code));
        let Some(command) = ScriptCommand::from_words(run_module, code, operands) else {
            return self.inspect_file(Path::new(DEFAULT_FILE));
        };
        match file_to_read(&command, self.args.script)? {
            Some(file) => self.inspect_file(&file),
            None => script_session::run(self, command, globals.python.as_deref()),
        }
    }

    #[cfg(not(feature = "python"))]
    fn run(self, operands: Vec<std::ffi::OsString>, _: &GlobalArgs) -> Result<i32> {
        match operands.as_slice() {
            [] => self.inspect_file(Path::new(DEFAULT_FILE)),
            [file] => self.inspect_file(Path::new(file)),
            _ => {
                let text = "expected one file: this snapcli was built without Python and cannot run scripts";
                Err(exit::error(exit::USAGE, text))
            }
        }
    }

    fn inspect_file(&self, path: &Path) -> Result<i32> {
        let cannot_inspect = || format!("cannot inspect {}", path.display());
        let snapshot = or_exit_code(open_snapshot(path).and_then(Snapshot::followed), || {
            format!("{}{}", cannot_inspect(), script_hint(path))
        })?;
        if let Contents::Foreign { lost_index: true } = snapshot.contents() {
            self.verbosity.note(
                "the index is missing (the file is truncated, or damaged at its end): showing what the pickle contains",
            );
        }
        let out = &mut io::BufWriter::new(io::stdout());
        if let Some(name) = &self.args.trace {
            return self.print_tree(out, &trace(&snapshot, name)?);
        }
        let mut report =
            SessionReport::of(path.display().to_string(), &snapshot).or_exit(exit::DAMAGED, cannot_inspect)?;
        // The HTML page always includes the verdict: rendering takes longer anyway.
        let however_long = self.args.strict || self.args.verdict || self.args.html.is_some();
        report.verdict = snapshot.verdict(however_long).or_exit(exit::DAMAGED, cannot_inspect)?;
        self.print(out, &mut report)
    }

    /// Prints a tree as text or JSON. Returns the exit code.
    fn print_tree(&self, out: &mut dyn Write, tree: &Tree) -> Result<i32> {
        if self.args.output_format() == OutputFormat::Json {
            write_json(out, tree)?
        } else {
            inspect_text::write_tree(out, tree)?
        }
        out.flush()?;
        Ok(exit::DONE)
    }

    /// Prints a report in the chosen format. Returns the exit code.
    fn print(&self, out: &mut dyn Write, report: &mut SessionReport) -> Result<i32> {
        let args = &self.args;
        let code = match args.strict {
            true if report.is_dangerous() => exit::UNTRUSTED,
            true if report.has_failures() => exit::LEFT_OUT,
            _ => exit::DONE,
        };
        if args.bad {
            report.keep_failures_only();
        }
        sort(&mut report.index, args.sort);
        match (&args.html, args.output_format()) {
            (Some(path), _) => page_file::write(out, path, report)?,
            (None, OutputFormat::Json) => write_json(out, report)?,
            (None, OutputFormat::Github) => github::write_annotations(out, report)?,
            (None, OutputFormat::Text) => self.print_text(out, report)?,
        }
        out.flush()?;
        Ok(code)
    }

    fn print_text(&self, out: &mut dyn Write, report: &SessionReport) -> io::Result<()> {
        if self.args.bad {
            inspect_text::write_failures(out, report, self.args.all)?
        } else {
            inspect_text::write_session(out, report, self.style, self.args.all)?
        }
        match &report.verdict {
            Some(verdict) => verdict_text::write_verdict(out, verdict, self.args.verdict, self.style.colour),
            None if report.format == FileFormat::Snapcli => verdict_text::write_not_computed(out),
            None => Ok(()),
        }
    }
}

/// The file to read; `None` if the command is to be run. Only the name of a script or `--script` makes a file run, so
/// that a file from elsewhere is never run by mistake.
#[cfg(feature = "python")]
fn file_to_read(
    command: &crate::python::script_entry::ScriptCommand,
    script: bool,
) -> Result<Option<std::path::PathBuf>> {
    use crate::python::script_entry::ScriptTarget;
    let ScriptTarget::Script(path) = &command.target else { return Ok(None) };
    if script || crate::cli::is_script(path) {
        return Ok(None);
    }
    let usage = |problem| exit::error(exit::USAGE, format!("{} {problem}", escape(&path.display().to_string())));
    if path.is_dir() {
        return Err(usage("is a folder: pass a file, or add --script to run the folder"));
    }
    if !command.arguments.is_empty() {
        return Err(usage(
            "does not end in .py, so it is read as a snapshot and takes no arguments: add --script to run it",
        ));
    }
    Ok(Some(path.clone()))
}

/// Advice for a file that is plain text and so hardly a pickle: the user may have meant to run it.
fn script_hint(path: &Path) -> &'static str {
    // A named pipe has been read by now, and opening it again could wait for ever.
    if cfg!(not(feature = "python")) || !path.is_file() {
        return "";
    }
    let mut head = [0; 512];
    let read = std::fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut head)).unwrap_or(0);
    let text = head.get(..read).is_some_and(|head| head.iter().all(|byte| *byte >= 0x20 || b"\t\r\n".contains(byte)));
    if read > 0 && text { " (add --script to run it as a script)" } else { "" }
}

/// The tree of objects that are pickled under a variable.
fn trace(snapshot: &Snapshot, name: &str) -> Result<Tree> {
    let tree = snapshot.trace(name).or_exit(exit::DAMAGED, || format!("cannot trace {}", escape(name)))?;
    tree.ok_or_else(|| exit::error(exit::USAGE, format!("there is no variable {}", escape(name))))
}

fn sort(index: &mut Index, by: SortBy) {
    let Index { variables, left_out, .. } = index;
    match by {
        SortBy::Order => {}
        SortBy::Name => {
            variables.sort_by(|a, b| a.name.cmp(&b.name));
            left_out.sort_by(|a, b| a.name.cmp(&b.name));
        }
        SortBy::Size => variables.sort_by_key(|variable| Reverse(variable.length)),
    }
}

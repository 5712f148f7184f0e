//! `snapcli inspect`: what is in a snapshot, without running any of it; or what in a script's session is bad.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::open::{open, or_code};
use super::{Talk, page};
use crate::exit::{self, OrExit};
use crate::pickle::outline::Tree;
use crate::report::answer::{Answer, Format, Sort};
use crate::report::table::Look;
use crate::report::{self, text, trace};
use crate::snapshot::reader::{Contents, Snapshot};

/// What was asked.
pub struct Options {
    /// In which form the answer is.
    pub form: Form,
    /// Whether every object at fault in a variable is named.
    pub all: bool,
    /// Only what is bad.
    pub bad: bool,
    /// Whether anything bad is an error.
    pub strict: bool,
    /// Whether all that a load would do is to be told.
    pub verdict: bool,
    /// The variable to trace.
    pub trace: Option<String>,
    /// What comes first.
    pub sort: Sort,
    /// Where to write a page; `-` is standard output.
    pub html: Option<PathBuf>,
    /// How standard output shows a table: asked before a script runs, as that is lent another one.
    pub look: Look,
    /// What to look at.
    pub subject: Subject,
}

/// What to look at: a file, or a script and how to run it.
#[cfg(feature = "python")]
pub struct Subject {
    /// The file or script; `session.pkl` where there is none.
    pub command: Option<crate::python::run::Command>,
    /// Whether it is a script even if its name does not say so.
    pub script: bool,
    /// Which names of a script's session count.
    pub rules: crate::session::keep::Rules,
    /// `--python`.
    pub python: Option<String>,
}

/// What to look at.
#[cfg(not(feature = "python"))]
pub struct Subject {
    /// The file, and nothing behind it.
    pub operands: Vec<std::ffi::OsString>,
}

const DEFAULT: &str = "session.pkl";
/// The ends of names that Python runs.
#[cfg(feature = "python")]
const SCRIPTS: [&str; 4] = ["py", "pyw", "pyc", "pyz"];

/// Looks at a file, or runs a script and looks at what it leaves.
#[cfg(feature = "python")]
pub fn run(mut options: Options, talk: Talk) -> Result<i32> {
    options.html = options.html.as_deref().map(page::place).transpose()?;
    match file(&options.subject)? {
        Some(file) => inspect_file(&options, &file, talk),
        None => super::inspect_script::run(options, talk),
    }
}

/// The file to look at; `None` where something is to be run. A file from anybody must not be run because its name or its
/// contents were not what somebody thought: only the name of a script, or a word of the user's, makes it one.
#[cfg(feature = "python")]
fn file(subject: &Subject) -> Result<Option<PathBuf>> {
    use crate::python::run::Target;
    let Some(command) = &subject.command else { return Ok(Some(DEFAULT.into())) };
    let Target::Script(path) = &command.target else { return Ok(None) };
    if subject.script || is_script(path) {
        return Ok(None);
    }
    let usage = |what| exit::error(exit::USAGE, format!("{} {what}", report::plain(&path.display().to_string())));
    if path.is_dir() {
        return Err(usage("is a folder: name a file, or run what is in it with --script"));
    }
    if !command.arguments.is_empty() {
        return Err(usage("does not end in .py, so it is a file to look at, and one at a time: --script runs it"));
    }
    Ok(Some(path.clone()))
}

/// Whether its name says that it is run.
#[cfg(feature = "python")]
pub(crate) fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|end| SCRIPTS.iter().any(|name| end == *name)) && !path.is_dir()
}

/// What to do with a text, which is hardly a pickle: somebody may have meant to run it.
#[cfg(feature = "python")]
fn script_hint(path: &Path) -> &'static str {
    // A pipe has been read by now, and whoever wrote to it may be gone.
    if !path.is_file() {
        return "";
    }
    let mut head = [0; 512];
    let read = std::fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut head)).unwrap_or(0);
    let text = head.get(..read).is_some_and(|head| head.iter().all(|byte| *byte >= 0x20 || b"\t\r\n".contains(byte)));
    if read > 0 && text { " (to run it as a script: --script)" } else { "" }
}

#[cfg(not(feature = "python"))]
fn script_hint(_: &Path) -> &'static str {
    ""
}

/// Looks at a file.
#[cfg(not(feature = "python"))]
pub fn run(mut options: Options, talk: Talk) -> Result<i32> {
    options.html = options.html.as_deref().map(page::place).transpose()?;
    match options.subject.operands.as_slice() {
        [] => inspect_file(&options, Path::new(DEFAULT), talk),
        [file] => inspect_file(&options, Path::new(file), talk),
        _ => Err(exit::error(
            exit::USAGE,
            "one file at a time: this snapcli was built without Python and runs no scripts",
        )),
    }
}

fn inspect_file(options: &Options, path: &Path, talk: Talk) -> Result<i32> {
    let place = || format!("cannot inspect {}", path.display());
    let snapshot = or_code(open(path).and_then(Snapshot::judged), || format!("{}{}", place(), script_hint(path)))?;
    if let Contents::Foreign { lost_index: true } = snapshot.contents() {
        talk.note("its index is lost (the file is cut short or damaged at its end): this is what its pickle tells");
    }
    let mut answer = Answer::of(path.display().to_string(), &snapshot).or_exit(exit::DAMAGED, place)?;
    if let Some(name) = &options.trace {
        let tree = tree(&snapshot, name)?;
        return print_tree_to(&mut io::BufWriter::new(io::stdout()), options, &tree);
    }
    // A page is looked at for longer than it takes.
    let however_long = options.strict || options.verdict || options.html.is_some();
    answer.verdict = snapshot.verdict(however_long).or_exit(exit::DAMAGED, place)?;
    print_to(&mut io::BufWriter::new(io::stdout()), options, &mut answer)
}

/// What is pickled under a variable.
pub(super) fn tree(snapshot: &Snapshot, name: &str) -> Result<Tree> {
    let tree = snapshot.trace(name).or_exit(exit::DAMAGED, || format!("cannot trace {}", report::plain(name)))?;
    tree.ok_or_else(|| exit::error(exit::USAGE, format!("there is no variable {}", report::plain(name))))
}

/// Prints a tree, as text or JSON.
pub(super) fn print_tree_to(out: &mut dyn Write, options: &Options, tree: &Tree) -> Result<i32> {
    if options.form == Form::Json {
        report::json(out, tree)?
    } else {
        trace::text(out, tree)?
    }
    out.flush()?;
    Ok(exit::DONE)
}

/// Prints an answer, as text or JSON, whole or what is bad in it. Returns the exit code.
pub(super) fn print_to(out: &mut dyn Write, options: &Options, answer: &mut Answer) -> Result<i32> {
    let code = match options.strict {
        true if answer.is_dangerous() => exit::UNTRUSTED,
        true if answer.has_bad() => exit::LEFT_OUT,
        _ => exit::DONE,
    };
    if options.bad {
        answer.only_bad();
    }
    answer.sort(options.sort);
    if let Some(path) = &options.html {
        page::write(out, path, answer)?;
    } else {
        match options.form {
            Form::Json => report::json(out, answer)?,
            Form::Github => report::github::annotations(out, answer)?,
            Form::Text if options.bad => text::bad(out, answer, options.all)?,
            Form::Text => text::answer(out, answer, options.look, options.all)?,
        }
    }
    let for_people = options.form == Form::Text && options.html.is_none();
    match &answer.verdict {
        Some(verdict) if for_people => report::verdict::text(out, verdict, options.verdict, options.look.colour)?,
        None if for_people && answer.format == Format::Snapcli => report::verdict::not_looked_into(out)?,
        _ => {}
    }
    out.flush()?;
    Ok(code)
}

/// In which form an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For GitHub Actions, which show it beside the script's lines.
    Github,
}

/// How standard output shows a table.
pub fn look() -> Look {
    let terminal = console::Term::stdout();
    let width = terminal.is_term().then(|| usize::from(terminal.size().1));
    Look { width, colour: terminal.features().colors_supported(), unicode: is_utf8_locale() }
}

/// As `setlocale` finds out: the first of these that is set and not empty.
fn is_utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

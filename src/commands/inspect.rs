//! `snapcli inspect`: what is in a snapshot, without running any of it; or what in a script's session is bad.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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

/// Looks at a file, or runs a script and looks at what it leaves.
#[cfg(feature = "python")]
pub fn run(mut options: Options, talk: Talk) -> Result<i32> {
    use crate::python::run::Target;
    options.html = options.html.as_deref().map(page::place).transpose()?;
    let file = match &options.subject.command {
        None => Some(Path::new(DEFAULT).to_owned()),
        Some(command) => match &command.target {
            Target::Script(path) if command.arguments.is_empty() && !is_script(path) => Some(path.clone()),
            Target::Script(path) if path.is_file() && !is_script(path) => {
                let name = report::plain(&path.display().to_string()).into_owned();
                return Err(exit::error(
                    exit::USAGE,
                    format!("{name} is no script, and takes no arguments: one file at a time"),
                ));
            }
            _ => None,
        },
    };
    match file {
        Some(file) => inspect_file(&options, &file, talk),
        None => super::inspect_script::run(options, talk),
    }
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

/// Whether a path is a script rather than a file to look at: a folder, a name that Python runs, or a text that is
/// no pickle (those of protocol 0 are text too).
#[cfg(feature = "python")]
pub(crate) fn is_script(path: &Path) -> bool {
    let named = path.extension().is_some_and(|end| ["py", "pyc", "pyz", "pyw", "zip"].iter().any(|name| end == *name));
    if named || path.is_dir() {
        return true;
    }
    let mut head = [0; 512];
    let read = std::fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut head)).unwrap_or(0);
    let text = head.get(..read).is_some_and(|head| head.iter().all(|byte| *byte >= 0x20 || b"\t\r\n".contains(byte)));
    read > 0 && text && Snapshot::open(path).is_err()
}

fn inspect_file(options: &Options, path: &Path, talk: Talk) -> Result<i32> {
    let place = || format!("cannot inspect {}", path.display());
    let snapshot = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin(), &mut bytes).context("cannot read standard input")?;
        Snapshot::from_bytes(bytes).or_exit(exit::DAMAGED, place)?
    } else {
        Snapshot::open(path).or_exit(exit::DAMAGED, place)?
    };
    if let Contents::Foreign { lost_index: true, .. } = snapshot.contents() {
        talk.note("its index is lost (the file is cut short or damaged at its end): this is what its pickle tells");
    }
    let file = path.display().to_string();
    let mut answer = match snapshot.contents() {
        Contents::Own { index } => {
            let (format, bytes) = (Format::Snapcli, snapshot.file_len());
            Answer { file, format, bytes, index: index.clone(), verdict: None }
        }
        Contents::Foreign { shape, .. } => Answer::foreign(file, snapshot.file_len(), shape),
    };
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

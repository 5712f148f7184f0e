//! Answers as text for a terminal.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::answer::{Answer, Format};
use super::{count, plain, size};
use crate::snapshot::index::{Index, LeftOut, Reason, Variable};

/// Writes all of an answer: a head line, the variables, what was left out. `width` is the terminal's, if it is one.
pub fn answer(out: &mut dyn Write, answer: &Answer, width: Option<usize>) -> io::Result<()> {
    let index = &answer.index;
    let variables = count(index.variables.len(), "variable");
    writeln!(out, "{}: {} with {variables}, {}", plain(&answer.file), answer.format.words(), size(answer.bytes))?;
    origin(out, answer)?;
    if !index.variables.is_empty() {
        writeln!(out)?;
        table(out, &index.variables, width)?;
    }
    let (failed, by_rule): (Vec<_>, Vec<_>) = index.left_out.iter().partition(|item| item.reason == Reason::Failed);
    if !failed.is_empty() {
        writeln!(out, "\nleft out, as it cannot be saved:")?;
        left_out(out, failed)?;
    }
    if !by_rule.is_empty() {
        writeln!(out, "\nleft out by rule:")?;
        for item in by_rule {
            writeln!(out, "  {} ({}): {}", plain(&item.name), plain(&item.type_name), plain(&item.error))?;
        }
    }
    Ok(())
}

/// Writes only what is bad.
pub fn bad(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    if answer.index.left_out.is_empty() {
        return writeln!(out, "{}: everything can be saved", plain(&answer.file));
    }
    writeln!(out, "{}: {} cannot be saved", plain(&answer.file), count(answer.index.left_out.len(), "variable"))?;
    left_out(out, answer.index.left_out.iter())
}

/// Two lines at the most on where a session comes from.
fn origin(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    let index = &answer.index;
    if answer.format != Format::Snapcli {
        return Ok(());
    }
    let when = index.created.replace('T', " ").replace('Z', " UTC");
    let python = &index.python;
    write!(out, "saved {when} by Python {} on {}", plain(&python.version), plain(&python.platform))?;
    // Plain data needs no dill.
    if python.dill.is_empty() {
        writeln!(out)?
    } else {
        writeln!(out, ", dill {}", plain(&python.dill))?
    }
    writeln!(out, "from {}, which {}", plain(&command_line(index)), ending(index))?;
    for (package, version) in &index.packages {
        write!(
            out,
            "{}{} {}",
            if Some(package) == index.packages.keys().next() { "with " } else { ", " },
            plain(package),
            plain(version)
        )?;
    }
    if !index.packages.is_empty() {
        writeln!(out)?;
    }
    if let Some(traceback) = &index.script.ended.traceback {
        writeln!(out)?;
        for line in traceback.lines() {
            writeln!(out, "  {}", plain(line))?;
        }
    }
    Ok(())
}

fn command_line(index: &Index) -> String {
    let script = &index.script;
    let head = match script.kind.as_str() {
        "module" => format!("-m {}", script.path),
        _ => script.path.clone(),
    };
    let arguments = script.argv.iter().skip(1).map(|argument| format!(" {argument}"));
    std::iter::once(head).chain(arguments).collect()
}

fn ending(index: &Index) -> String {
    let ended = &index.script.ended;
    let seconds = index.script.seconds;
    match ended.how.as_str() {
        "exception" => format!("failed after {seconds:.1} s"),
        "interrupted" => format!("was interrupted after {seconds:.1} s"),
        "running" => format!("had run {seconds:.1} s and went on"),
        "exit" if ended.code != 0 => format!("exited with {} after {seconds:.1} s", ended.code),
        _ => format!("ran {seconds:.1} s"),
    }
}

/// The widest a column of names or types gets; what is longer pushes its own row only.
const COLUMN: usize = 32;

fn table(out: &mut dyn Write, variables: &[Variable], width: Option<usize>) -> io::Result<()> {
    let rows: Vec<[String; 5]> = variables.iter().map(row).collect();
    let head = ["name", "type", "size", "shape", "value"].map(str::to_owned);
    let mut widths = [0; 4];
    for row in std::iter::once(&head).chain(&rows) {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.width()).min(COLUMN);
        }
    }
    for row in std::iter::once(&head).chain(&rows) {
        let [name, kind, size, shape, value] = row;
        let [name_width, kind_width, size_width, shape_width] = widths;
        let mut line = format!("  {}  {}", pad(name, name_width), pad(kind, kind_width));
        line.push_str(&format!("  {}{size}", " ".repeat(size_width.saturating_sub(size.width()))));
        line.push_str(&format!("  {}  {value}", pad(shape, shape_width)));
        writeln!(out, "{}", fit(line.trim_end(), width))?;
    }
    Ok(())
}

fn row(variable: &Variable) -> [String; 5] {
    let shape = match (&variable.shape, variable.len) {
        (Some(shape), _) => {
            let shape = shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
            variable.dtype.as_ref().map_or(shape.clone(), |dtype| format!("{shape} {}", plain(dtype)))
        }
        (None, Some(length)) => length.to_string(),
        (None, None) => String::new(),
    };
    let (name, kind) = (plain(&variable.name).into_owned(), plain(&variable.type_name).into_owned());
    [name, kind, size(variable.length), shape, plain(&variable.preview).into_owned()]
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Cuts a line to the terminal's width.
fn fit(line: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| line.width() > *width) else { return line.to_owned() };
    let mut cut = String::new();
    for c in line.chars() {
        if cut.width() + 2 > width {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// Writes what was left out because it failed: the name, then what is known of it.
pub fn left_out<'a>(out: &mut dyn Write, items: impl IntoIterator<Item = &'a LeftOut>) -> io::Result<()> {
    for item in items {
        let line = item.line.map_or(String::new(), |line| format!(", line {line}"));
        writeln!(out, "  {} ({}{line}): {}", plain(&item.name), plain(&item.type_name), plain(&item.error))?;
        if let Some(path) = &item.path {
            let kind = item.fault_type.as_deref().unwrap_or("?");
            writeln!(out, "      at fault: {} ({})", plain(path), plain(kind))?;
        }
        if !item.users.is_empty() {
            writeln!(out, "      used by: {}", plain(&item.users.join(", ")))?;
        }
        if let Some(hint) = &item.hint {
            writeln!(out, "      hint: {hint}")?;
        }
    }
    Ok(())
}

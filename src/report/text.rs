//! The answer of `inspect` as text: where a session comes from, its table, and what is bad in it.

use std::io::{self, Write};

use super::answer::{Answer, Format};
use super::table::{Look, table};
use super::{count, plain, size};
use crate::snapshot::index::{Index, LeftOut, Reason};

/// Writes all of an answer: a head line, the table, and all that is known of what cannot be saved.
pub fn answer(out: &mut dyn Write, answer: &Answer, look: Look, all: bool) -> io::Result<()> {
    let index = &answer.index;
    let variables = count(index.variables.len(), "variable");
    writeln!(out, "{}: {} with {variables}, {}", plain(&answer.file), answer.format.words(), size(answer.bytes))?;
    origin(out, answer)?;
    if !index.variables.is_empty() || !index.left_out.is_empty() {
        writeln!(out)?;
        table(out, index, look)?;
    }
    if answer.has_bad() {
        writeln!(out, "\nleft out, as it cannot be saved:")?;
        left_out(out, index.left_out.iter().filter(|item| item.reason == Reason::Failed), all)?;
    }
    Ok(())
}

/// Writes only what is bad.
pub fn bad(out: &mut dyn Write, answer: &Answer, all: bool) -> io::Result<()> {
    if answer.index.left_out.is_empty() {
        return writeln!(out, "{}: everything can be saved", plain(&answer.file));
    }
    writeln!(out, "{}: {} cannot be saved", plain(&answer.file), count(answer.index.left_out.len(), "variable"))?;
    left_out(out, answer.index.left_out.iter(), all)
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

pub(super) fn command_line(index: &Index) -> String {
    let script = &index.script;
    let head = match script.kind.as_str() {
        "module" => format!("-m {}", script.path),
        _ => script.path.clone(),
    };
    let arguments = script.argv.iter().skip(1).map(|argument| format!(" {argument}"));
    std::iter::once(head).chain(arguments).collect()
}

pub(super) fn ending(index: &Index) -> String {
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

/// How many more objects at fault in one variable are named unasked.
const FEW: usize = 2;

/// Writes what was left out because it failed: the name, then what is known of it.
///
/// With `all`, every object at fault in it is named, not only the first few.
pub fn left_out<'a>(out: &mut dyn Write, items: impl IntoIterator<Item = &'a LeftOut>, all: bool) -> io::Result<()> {
    for item in items {
        let line = item.line.map_or(String::new(), |line| format!(", line {line}"));
        writeln!(out, "  {} ({}{line}): {}", plain(&item.name), plain(&item.type_name), plain(&item.error))?;
        if let Some(path) = &item.path {
            let kind = item.fault_type.as_deref().unwrap_or("?");
            writeln!(out, "      at fault: {} ({})", plain(path), plain(kind))?;
        }
        let others = item.faults.iter().filter(|fault| Some(&fault.path) != item.path.as_ref());
        for fault in others.clone().take(if all { usize::MAX } else { FEW }) {
            writeln!(
                out,
                "          also: {} ({}): {}",
                plain(&fault.path),
                plain(&fault.type_name),
                plain(&fault.error)
            )?;
        }
        let more = others.count().saturating_sub(if all { usize::MAX } else { FEW });
        if more > 0 {
            writeln!(out, "          and {more} more: --all names them")?;
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

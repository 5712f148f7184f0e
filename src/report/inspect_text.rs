//! The result of `inspect` as text: where a session comes from, its table, and why variables cannot be saved; and the
//! tree of `inspect --trace`.

use std::io::{self, Write};

use super::frames_text::write_frames;
use super::grouped_notes::grouped_notes;
use super::imports::counted;
use super::inspect_report::{FileFormat, SessionReport};
use super::table::{TableStyle, write_table};
use crate::pickle::explain::trace_tree::TraceTree;
use crate::snapshot::index::{Index, LeftOut, LeftOutReason, Variable};
use crate::ui::{Lines, Paint, count, format_size, format_utc};

/// How many objects at fault are shown for a variable, after the first, without `--all`.
const FEW: usize = 2;
/// How many lost objects are shown for a variable without `--all`.
const FEW_LOST: usize = 10;

/// The warning for a snapshot that is not signed with the user's key, and for lists made from its index.
pub(crate) const HEARSAY: &str = concat!(
    "it is not signed with your key: only the variables, their types and values are read from the pickle; ",
    "where it comes from, notes and what was left out are what the file says"
);
const SAYS_FILE: &str = " (says the file)";

/// Writes a summary line, the table, and all that is known about variables that cannot be saved.
pub fn write_session(out: &mut dyn Write, report: &SessionReport, style: TableStyle, all: bool) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let index = &report.index;
    let variables = counted(&index.variables);
    let size = format_size(report.bytes);
    let facts = format!(": {} with {variables}, {size}", report.format.words());
    out.painted(&[(Paint::Name, &report.file), (Paint::Plain, &facts)])?;
    if let Some(text) = &report.in_store {
        out.line(text)?;
    }
    if report.format == FileFormat::Snapcli {
        if !report.is_believed {
            out.line(HEARSAY)?;
        }
        write_origin(out, index, all)?;
    }
    let says = if report.is_believed { "" } else { SAYS_FILE };
    if !index.variables.is_empty() || !index.left_out.is_empty() {
        out.blank()?;
        write_table(out, index, style, all)?;
    }
    let notes = grouped_notes(&index.variables);
    if !notes.is_empty() {
        out.blank()?;
        out.painted(&[(Paint::Name, &format!("notes{says}:"))])?;
        notes.iter().try_for_each(|note| out.line(format_args!("  {note}")))?;
    }
    write_state(out, "state of other modules", index.module_state.iter())?;
    write_state(out, &format!("state of the interpreter and of libraries{says}"), index.whole_ambient())?;
    let can = if report.format == FileFormat::Script { "cannot" } else { "could not" };
    let mut failed = index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed).peekable();
    if failed.peek().is_some() {
        out.blank()?;
        out.painted(&[(Paint::Name, &format!("{can} be saved{says}:"))])?;
        write_left_out(out, failed, all)?;
    }
    if report.has_lost() {
        out.blank()?;
        out.painted(&[(Paint::Name, &format!("{can} be saved, and replaced by a marker{says}:"))])?;
        write_lost(out, &index.variables, all)?;
    }
    Ok(())
}

/// Writes what the file has besides the variables: a line for each entry, with its type and value.
fn write_state<'v>(out: &mut Lines<'_>, heading: &str, entries: impl Iterator<Item = &'v Variable>) -> io::Result<()> {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        return Ok(());
    }
    out.blank()?;
    out.painted(&[(Paint::Name, &format!("{heading}:"))])?;
    for entry in entries {
        let type_name = if entry.type_name.is_empty() { String::new() } else { format!(" ({})", entry.type_name) };
        let line = format!("{}{type_name}: {}", entry.name, entry.preview);
        out.line(format_args!("  {}", line.trim_end_matches([' ', ':'])))?;
        for note in &entry.notes {
            out.line(format_args!("      {note}"))?;
        }
    }
    Ok(())
}

/// Writes only the variables that cannot be saved.
pub fn write_failures(out: &mut dyn Write, report: &SessionReport, style: TableStyle, all: bool) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let (file, failed) = (&report.file, &report.index.left_out);
    let says = if report.is_believed { "" } else { SAYS_FILE };
    if !report.has_failures() {
        return write_heading(out, file, &format!("everything can be saved{says}"));
    }
    if !failed.is_empty() {
        write_heading(out, file, &format!("{} cannot be saved{says}", count(failed.len(), "variable")))?;
        write_left_out(out, failed.iter(), all)?;
    }
    if report.has_lost() {
        let lost = count(number_of_lost(&report.index.variables), "object");
        write_heading(out, file, &format!("{lost} within variables cannot be saved{says}"))?;
        write_lost(out, &report.index.variables, all)?;
    }
    Ok(())
}

fn write_heading(out: &mut Lines<'_>, file: &str, facts: &str) -> io::Result<()> {
    out.painted(&[(Paint::Name, file), (Paint::Plain, &format!(": {facts}"))])
}

/// The number of objects in place of which there is a marker.
pub(crate) fn number_of_lost(variables: &[Variable]) -> usize {
    variables.iter().map(|variable| variable.lost.len()).sum()
}

/// Writes the objects in place of which there is a marker. With `all`, every one is shown, not only the first few.
pub(crate) fn write_lost(out: &mut Lines<'_>, variables: &[Variable], all: bool) -> io::Result<()> {
    let shown = if all { usize::MAX } else { FEW_LOST };
    for variable in variables {
        // Neighbours often have the same hint.
        let mut last_hint = None;
        for item in variable.lost.iter().take(shown) {
            let facts = format!(" ({}): {}", item.type_name, item.error);
            out.painted(&[(Paint::Plain, "  "), (Paint::Name, &item.path), (Paint::Plain, &facts)])?;
            if let Some(fault) = &item.fault {
                write_labelled(out, "at fault", fault)?;
            }
            if let Some(hint) = &item.hint
                && last_hint != Some(hint)
            {
                write_labelled(out, "hint", hint)?;
            }
            last_hint = item.hint.as_ref();
        }
        let more = variable.lost.len().saturating_sub(shown);
        if more > 0 {
            out.line(format_args!("  and {more} more in {}: use `inspect --all` to show them", variable.name))?;
        }
    }
    Ok(())
}

/// Writes a tree of pickled objects, with two more spaces for each level.
pub fn write_tree(out: &mut dyn Write, tree: &TraceTree, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    // A stack instead of recursion: a hostile file can nest objects deeply.
    let mut pending = vec![(0, tree)];
    while let Some((depth, tree)) = pending.pop() {
        let indent = "  ".repeat(depth);
        // Continued to the right of where its parts begin.
        let size = format!("{:>8}  ", format_size(tree.size));
        let paint = if depth == 0 { Paint::Name } else { Paint::Plain };
        let parts = [(Paint::Faint, size.as_str()), (paint, &format!("{indent}{}", tree.label))];
        out.painted_hanging(14 + indent.len(), &parts)?;
        // Reversed, so that the first child is popped first.
        pending.extend(tree.children.iter().rev().map(|child| (depth + 1, child)));
    }
    Ok(())
}

/// Writes when, how and from which script a session was saved.
fn write_origin(out: &mut Lines<'_>, index: &Index, all: bool) -> io::Result<()> {
    let when = format!("{} UTC", format_utc(&index.created));
    let python = &index.python;
    // A session of plain data needs no dill.
    let dill = if python.dill.is_empty() { String::new() } else { format!(", dill {}", python.dill) };
    out.line(format_args!("saved {when} by Python {} on {}{dill}", python.version, python.platform))?;
    out.line(format_args!("from {}, which {}", command_line(index), ending(index)))?;
    let packages: Vec<String> =
        index.packages.iter().map(|(package, version)| format!("{package} {version}")).collect();
    if !packages.is_empty() {
        out.line(format_args!("with {}", packages.join(", ")))?;
    }
    // The frames say the same as the traceback, and more.
    if !index.frames.is_empty() {
        return write_frames(out, index, all);
    }
    if let Some(traceback) = &index.script.ended.traceback {
        out.blank()?;
        for line in traceback.lines() {
            out.line(format_args!("  {line}"))?;
        }
    }
    Ok(())
}

fn command_line(index: &Index) -> String {
    let script = &index.script;
    // The absolute path of a script says more than the word that was typed.
    let head = match script.kind.as_str() {
        "module" => format!("-m {}", script.path),
        // A kernel, a prompt or a service: no command was run by snapcli.
        "prompt" => "a process".to_owned(),
        _ => script.path.clone(),
    };
    // `argv[0]` is `-m`, `-c` or the path as it was typed.
    let arguments = script.argv.iter().skip(1).map(|argument| format!(" {argument}"));
    std::iter::once(head).chain(arguments).collect()
}

/// How the script ended, after "which". `ending` in `report/html/words.js` says the same.
fn ending(index: &Index) -> String {
    let ended = &index.script.ended;
    let seconds = index.script.seconds;
    // An unknown word comes from a newer version of snapcli and is treated like a normal end.
    match ended.how.as_str() {
        "exception" => format!("failed after {seconds:.1} s"),
        "interrupted" => format!("was interrupted after {seconds:.1} s"),
        "running" => format!("was still running after {seconds:.1} s"),
        "signal" => format!("was ended by a signal after {seconds:.1} s"),
        "exit" if ended.code != 0 => format!("exited with {} after {seconds:.1} s", ended.code),
        _ => format!("ran {seconds:.1} s"),
    }
}

/// Whether a rule has left out a variable that the code of another one needs.
pub(crate) fn is_missed(item: &LeftOut) -> bool {
    item.reason == LeftOutReason::Filter && !item.users.is_empty()
}

/// Why a variable was left out, and who misses it if a rule has left it out.
pub(crate) fn with_users(item: &LeftOut) -> String {
    if is_missed(item) {
        format!("{}; it is used by {}", item.error, item.users.join(", "))
    } else {
        item.error.clone()
    }
}

/// Writes variables that could not be saved: the error, the objects at fault, who uses them, and a hint.
///
/// With `all`, every object at fault is shown, not only the first few.
pub(crate) fn write_left_out<'a>(
    out: &mut Lines<'_>,
    items: impl IntoIterator<Item = &'a LeftOut>,
    all: bool,
) -> io::Result<()> {
    let shown = if all { usize::MAX } else { FEW };
    for item in items {
        let line = item.line.map_or(String::new(), |line| format!(", line {line}"));
        let facts = format!(" ({}{line}): {}", item.type_name, item.error);
        out.painted(&[(Paint::Plain, "  "), (Paint::Name, &item.name), (Paint::Plain, &facts)])?;
        if let Some(path) = &item.path {
            let type_name = item.fault_type.as_deref().unwrap_or("?");
            write_labelled(out, "at fault", &format!("{path} ({type_name})"))?;
        }
        // The object at `item.path` is among the faults as well.
        let others = item.faults.iter().filter(|fault| Some(&fault.path) != item.path.as_ref());
        for fault in others.clone().take(shown) {
            out.line(format_args!("          also: {} ({}): {}", fault.path, fault.type_name, fault.error))?;
        }
        let more = others.count().saturating_sub(shown);
        if more > 0 {
            out.line(format_args!("          and {more} more: use --all to show them"))?;
        }
        if !item.users.is_empty() {
            write_labelled(out, "used by", &item.users.join(", "))?;
        }
        if let Some(hint) = &item.hint {
            write_labelled(out, "hint", hint)?;
        }
    }
    Ok(())
}

/// Writes a line below that of a variable.
fn write_labelled(out: &mut Lines<'_>, label: &str, text: &str) -> io::Result<()> {
    out.painted(&[(Paint::Faint, &format!("      {label}:")), (Paint::Plain, &format!(" {text}"))])
}

//! The result of `diff`: what changed between two files. `save --verify` describes changes with the same words.

use std::collections::HashSet;
use std::io::{self, Write};

use super::imports;
use super::table::TableStyle;
use crate::snapshot::file_changes::{Change, ChangeKind, ChangedAspect, Changes, FirstDifference, ValueSummary};
use crate::snapshot::index::hide_in_preview;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::ui::{Lines, Paint, count};

/// What changed between two files.
#[derive(Debug)]
pub struct DiffReport {
    /// The path of the first file.
    pub before: String,
    /// The path of the second file.
    pub after: String,
    /// Whether nothing changed.
    pub same: bool,
    /// The changed variables.
    pub changes: Changes,
}

impl DiffReport {
    /// What changed between two files, each with its name.
    pub(crate) fn new(before: (String, &Snapshot), after: (String, &Snapshot), mut changes: Changes) -> Self {
        hide_secrets(&mut changes, &[before.1, after.1]);
        let same = changes.changes.is_empty();
        Self { before: before.0, after: after.0, same, changes }
    }
}

/// Removes the values of variables that look like credentials to either file, or to us if somebody else made a file.
fn hide_secrets(changes: &mut Changes, snapshots: &[&Snapshot]) {
    if !snapshots.iter().all(|snapshot| snapshot.is_signed_by_user()) {
        for change in &mut changes.changes {
            let summaries = change.before.iter_mut().chain(&mut change.after);
            summaries.for_each(|summary| hide_in_preview(&change.name, &mut summary.preview));
        }
    }
    for snapshot in snapshots {
        let Contents::Own { index } = snapshot.contents() else { continue };
        let secret = index.segments().filter(|(_, variable)| !variable.secrets.is_empty());
        let secret: HashSet<&str> = secret.map(|(_, variable)| variable.name.as_str()).collect();
        for change in changes.changes.iter_mut().filter(|change| secret.contains(change.name.as_str())) {
            change.hide_values();
        }
    }
}

/// Writes a line for each change, and a summary line.
pub fn write_text(out: &mut dyn Write, report: &DiffReport, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let (imports, others): (Vec<&Change>, Vec<&Change>) =
        report.changes.changes.iter().partition(|c| is_plain_import(c));
    for change in others {
        write_change(out, change)?;
    }
    for (kind, mark, paint) in [(ChangeKind::Added, "+", Paint::Good), (ChangeKind::Removed, "-", Paint::Bad)] {
        write_imports(out, imports.iter().filter(|change| change.change == kind).copied(), (mark, paint), style)?;
    }
    let counted = |kind, word| {
        let number = report.changes.changes.iter().filter(|change| change.change == kind).count();
        (number > 0).then(|| format!("{number} {word}"))
    };
    // Kinds of changes that did not occur are not mentioned, but the unchanged variables always are.
    let parts = [(ChangeKind::Added, "added"), (ChangeKind::Removed, "removed"), (ChangeKind::Changed, "changed")];
    let mut parts: Vec<String> = parts.into_iter().filter_map(|(kind, word)| counted(kind, word)).collect();
    parts.push(format!("{} the same", report.changes.unchanged));
    let files = format!("{} → {}", report.before, report.after);
    out.painted(&[(Paint::Name, &files), (Paint::Plain, &format!(": {}", parts.join(", ")))])
}

/// Describes how a variable changed: `dict (2), ['lr'] 1 → 2`. Empty for a variable that is in one file only.
pub fn describe_change(change: &Change) -> String {
    let both = change.before.as_ref().zip(change.after.as_ref());
    both.map_or_else(String::new, |(before, after)| describe_difference(change, before, after))
}

/// Whether a change is an import that only one file has, and there is no more to say about it.
fn is_plain_import(change: &Change) -> bool {
    let only = change.before.as_ref().xor(change.after.as_ref());
    change.note.is_none() && only.is_some_and(|summary| summary.is_import)
}

/// Writes the imports that only one of the files has, as one line.
fn write_imports<'c>(
    out: &mut Lines<'_>,
    changes: impl Iterator<Item = &'c Change>,
    (mark, paint): (&str, Paint),
    style: TableStyle,
) -> io::Result<()> {
    let name = |change: &Change| {
        let module =
            change.before.iter().chain(&change.after).find_map(|summary| summary.preview.strip_prefix("module "));
        imports::name_as(&change.name, module)
    };
    let names: Vec<String> = changes.map(name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let line = imports::listed(&format!("{mark} {}: ", count(names.len(), "import")), &names, style.width);
    let (head, rest) = line.split_once(':').unwrap_or((&line, ""));
    out.painted(&[(paint, head), (Paint::Plain, &format!(":{rest}"))])
}

fn write_change(out: &mut Lines<'_>, change: &Change) -> io::Result<()> {
    let name = &change.name;
    // The marks are those of a unified diff, with `~` for a changed variable.
    let (mark, paint, facts) = match (&change.before, &change.after) {
        (Some(before), Some(after)) => ("~", Paint::Changed, describe_difference(change, before, after)),
        (None, Some(facts)) => ("+", Paint::Good, describe_variable(facts)),
        (Some(facts), None) => ("-", Paint::Bad, describe_variable(facts)),
        (None, None) => ("~", Paint::Changed, String::new()),
    };
    let facts = if facts.is_empty() { facts } else { format!(": {facts}") };
    let note = change.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    out.painted(&[(paint, &format!("{mark} {name}")), (Paint::Plain, &facts), (Paint::Faint, &note)])
}

fn describe_difference(change: &Change, before: &ValueSummary, after: &ValueSummary) -> String {
    // If only the value changed, the type and size before and after are the same.
    let facts = match change.what.as_slice() {
        [ChangedAspect::Value] => type_and_size(after),
        _ => format!("{} → {}", type_and_size(before), type_and_size(after)),
    };
    let is_root = |place: &FirstDifference| place.path == change.name;
    // If the type or size of the whole value changed, its previews add nothing.
    let place = change.place.as_ref().filter(|place| !is_root(place) || change.what == [ChangedAspect::Value]);
    match place.and_then(|place| Some((place, describe_place(place, &change.name)?))) {
        // `int 3 → 4`: the path is the name, which the line already begins with.
        Some((place, text)) if is_root(place) => format!("{facts} {text}"),
        Some((_, text)) => format!("{facts}, {text}"),
        None => facts,
    }
}

/// Where a value differs, and how. `None` if nothing more is known.
fn describe_place(place: &FirstDifference, name: &str) -> Option<String> {
    let path = if place.path == name { "" } else { place.path.as_str() };
    let how = match (&place.before, &place.after) {
        // Previews are cut, so different values can have the same one.
        (Some(before), Some(after)) if before == after => String::new(),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(_)) => "added".to_owned(),
        (Some(_), None) => "removed".to_owned(),
        (None, None) => String::new(),
    };
    let words: Vec<&str> = [path, &how].into_iter().filter(|words| !words.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The type with the length or shape: `list (3)`, `numpy.ndarray 3×4 float64`.
fn type_and_size(facts: &ValueSummary) -> String {
    let mut words = vec![facts.type_name.clone()];
    match (&facts.shape, facts.len) {
        (Some(shape), _) => words.push(shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×")),
        (None, Some(length)) => words.push(format!("({length})")),
        (None, None) => {}
    }
    words.extend(facts.dtype.clone());
    words.join(" ")
}

/// The type with the length or shape, or with the value if it has neither.
fn describe_variable(facts: &ValueSummary) -> String {
    if facts.len.is_none() && facts.shape.is_none() && !facts.preview.is_empty() {
        // The preview of a module is `module numpy` already.
        if facts.preview.strip_prefix(&facts.type_name).is_some_and(|rest| rest.starts_with(' ')) {
            return facts.preview.clone();
        }
        return format!("{} {}", facts.type_name, facts.preview);
    }
    type_and_size(facts)
}

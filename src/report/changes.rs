//! The answer of `diff`: what changed between two files.

use std::io::{self, Write};

use serde::Serialize;

use super::plain;
use crate::snapshot::changes::{Change, Changes, Facts, Kind, Place, What};

/// What changed between two files.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The version of this answer.
    pub schema: u32,
    /// The first file.
    pub before: String,
    /// The second file.
    pub after: String,
    /// Whether nothing changed.
    pub same: bool,
    /// What changed.
    #[serde(flatten)]
    pub changes: Changes,
}

/// Writes a line for each change, and a line that sums up.
pub fn text(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    for change in &answer.changes.changes {
        line(out, change)?;
    }
    let counted = |kind, word| {
        let number = answer.changes.changes.iter().filter(|change| change.change == kind).count();
        (number > 0).then(|| format!("{number} {word}"))
    };
    let parts = [(Kind::Added, "added"), (Kind::Removed, "removed"), (Kind::Changed, "changed")];
    let mut parts: Vec<String> = parts.into_iter().filter_map(|(kind, word)| counted(kind, word)).collect();
    parts.push(format!("{} the same", answer.changes.unchanged));
    writeln!(out, "{} → {}: {}", plain(&answer.before), plain(&answer.after), parts.join(", "))
}

/// What of a variable changed, in words: `dict (2), ['lr'] 1 → 2`. Empty where it is in one file only.
pub fn words(change: &Change) -> String {
    change.before.as_ref().zip(change.after.as_ref()).map_or_else(String::new, |(a, b)| changed(change, a, b))
}

fn line(out: &mut dyn Write, change: &Change) -> io::Result<()> {
    let name = plain(&change.name);
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => write!(out, "~ {name}: {}", changed(change, before, after))?,
        (None, Some(facts)) => write!(out, "+ {name}: {}", described(facts))?,
        (Some(facts), None) => write!(out, "- {name}: {}", described(facts))?,
        (None, None) => write!(out, "~ {name}")?,
    }
    if let Some(note) = &change.note {
        write!(out, " ({})", plain(note))?;
    }
    writeln!(out)
}

fn changed(change: &Change, before: &Facts, after: &Facts) -> String {
    let facts = match change.what.as_slice() {
        [What::Value] => kind(after),
        _ => format!("{} → {}", kind(before), kind(after)),
    };
    // Of a value that is another one altogether the types say it all.
    let root = |place: &&Place| place.path == change.name && change.what != [What::Value];
    match change.place.as_ref().filter(|place| !root(place)).and_then(|place| where_changed(place, &change.name)) {
        // `int 3 → 4`
        Some(text) if change.place.as_ref().is_some_and(|place| place.path == change.name) => {
            format!("{facts} {}", plain(&text))
        }
        Some(place) => format!("{facts}, {}", plain(&place)),
        None => facts,
    }
}

/// Where a value differs, and how, as far as there are words for it.
fn where_changed(place: &Place, name: &str) -> Option<String> {
    let at = if place.path == name { "" } else { place.path.as_str() };
    let how = match (&place.before, &place.after) {
        (Some(before), Some(after)) if before == after => String::new(),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(_)) => "added".to_owned(),
        (Some(_), None) => "removed".to_owned(),
        (None, None) => String::new(),
    };
    let words: Vec<&str> = [at, &how].into_iter().filter(|words| !words.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Type with length or shape.
fn kind(facts: &Facts) -> String {
    let mut words = vec![plain(&facts.type_name).into_owned()];
    match (&facts.shape, facts.len) {
        (Some(shape), _) => words.push(shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×")),
        (None, Some(length)) => words.push(format!("({length})")),
        (None, None) => {}
    }
    words.extend(facts.dtype.as_deref().map(|dtype| plain(dtype).into_owned()));
    words.join(" ")
}

/// Type with length or shape, or the value where it has neither.
fn described(facts: &Facts) -> String {
    if facts.len.is_none() && facts.shape.is_none() && !facts.preview.is_empty() {
        return format!("{} {}", plain(&facts.type_name), plain(&facts.preview));
    }
    kind(facts)
}

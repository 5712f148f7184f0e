//! What `log` lists, and what `verify` finds in a whole store.

use std::io::{self, Write};
use std::path::Path;

use console::{Alignment, measure_text_width, pad_str};

use super::table::TableStyle;
use crate::snapshot::index::RUN_POSITION;
use crate::snapshot::store::{HistoryEntry, SnapshotHeader, StoreCheck};
use crate::ui::{Lines, Paint, count, escape, format_size, format_utc};

/// The widest column of a list.
const WIDEST: usize = 40;
/// How many changed variables a line names.
const NAMED: usize = 4;
/// How many problems of one snapshot are listed.
const PROBLEMS: usize = 10;

/// The snapshots of a store.
#[derive(Debug)]
pub(crate) struct LogReport {
    /// The store.
    pub(crate) store: String,
    /// How many snapshots it has.
    pub(crate) total: usize,
    /// The bytes of all its objects and snapshots; `None` if it takes requests to know.
    pub(crate) bytes: Option<u64>,
    /// Those that are listed, the newest first.
    pub(crate) entries: Vec<HistoryEntry>,
}

/// The result of a check of a whole store.
#[derive(Debug)]
pub(crate) struct StoreReport {
    /// The store.
    pub(crate) store: String,
    /// What was found.
    pub(crate) checked: StoreCheck,
}

/// Writes a line for each snapshot, and one for each message.
pub(crate) fn write_log(out: &mut dyn Write, report: &LogReport, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    if report.entries.is_empty() {
        let save = "save one with `snapcli save -o";
        return match report.total {
            0 => out.line(format_args!("{} has no snapshots yet: {save} {}/ SCRIPT`", report.store, report.store)),
            _ => Ok(()),
        };
    }
    let titles = ["", "time (UTC)", "script", "changed", "added", "names"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(titles).chain(report.entries.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(|column| width(column).min(WIDEST));
    for (row, entry) in rows.iter().zip(std::iter::once(None).chain(report.entries.iter().map(Some))) {
        let alignment = |column| if column == 4 { Alignment::Right } else { Alignment::Left };
        let cells = row.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| pad_str(cell, width, alignment(column), None).into_owned());
        let line = cells.collect::<Vec<_>>().join("  ");
        let (number, rest) = line.trim_end().split_at_checked(widths[0]).unwrap_or((line.trim_end(), ""));
        match entry.map(|entry| &entry.header) {
            None => out.painted(&[(Paint::Name, line.trim_end())])?,
            Some(Ok(_)) => out.painted(&[(Paint::Changed, number), (Paint::Plain, rest)])?,
            Some(Err(_)) => out.painted(&[(Paint::Changed, number), (Paint::Bad, rest)])?,
        }
        let message = entry.and_then(|entry| entry.header.as_ref().ok()).map_or("", |header| &header.message);
        for line in message.lines() {
            out.painted(&[(Paint::Faint, &format!("{:width$}  {line}", "", width = widths[0]))])?;
        }
    }
    let size = report.bytes.map(|bytes| format!(", {}", format_size(bytes))).unwrap_or_default();
    out.painted(&[(Paint::Faint, &format!("{}{size}", count(report.total, "snapshot")))])
}

fn row(entry: &HistoryEntry) -> [String; 6] {
    let number = format!("@{}", entry.number);
    let names = escape(&entry.names.join(", ")).into_owned();
    match &entry.header {
        Ok(header) => {
            let time = format_utc(&header.created);
            let script = escape(&script_name(header)).into_owned();
            let [time, changed] = [escape(&time).into_owned(), escape(&changes(header)).into_owned()];
            [number, time, script, changed, format_size(entry.added), names]
        }
        Err(problem) => [number, "damaged".to_owned(), problem.clone(), String::new(), String::new(), names],
    }
}

/// The script as a user knows it, and how it ended if that is worth a word.
fn script_name(header: &SnapshotHeader) -> String {
    let name = match header.kind.as_str() {
        "script" => {
            let file = Path::new(&header.script).file_name();
            file.map_or(header.script.clone(), |file| file.to_string_lossy().into_owned())
        }
        "module" => format!("-m {}", header.script),
        "code" => "-c".to_owned(),
        _ if header.script.is_empty() => header.kind.clone(),
        _ => header.script.clone(),
    };
    match header.how.as_str() {
        "exception" | "interrupted" | "signal" | "running" => format!("{name} ({})", header.how),
        "exit" if header.failed => format!("{name} (exit with an error)"),
        _ if header.failed => format!("{name} (failed)"),
        _ => name,
    }
}

fn changes(header: &SnapshotHeader) -> String {
    // The position of `snapcli run` is no variable of the script.
    let (own, shown): (Vec<&String>, Vec<_>) = header.names.iter().partition(|name| name.starts_with(RUN_POSITION));
    let all = header.changed.saturating_add(header.removed).saturating_sub(own.len() as u64);
    let mut names = shown.into_iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if all > NAMED as u64 {
        names.push_str(", …");
    }
    match (all, header.parent) {
        (0, _) => "nothing".to_owned(),
        (all, 0) => format!("{all}: {names}"),
        (all, _) if header.removed > 0 => format!("{all}: {names} ({} removed)", header.removed),
        (all, _) => format!("{all}: {names}"),
    }
}

/// Writes one line for an intact store; for a damaged one also what is wrong with which snapshot.
pub(crate) fn write_check(out: &mut dyn Write, report: &StoreReport, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let StoreCheck { snapshots, objects, bytes, unneeded, has_wrong_objects, are_marked, .. } = &report.checked;
    let (paint, state) = if report.checked.is_whole() { (Paint::Good, "intact") } else { (Paint::Bad, "damaged") };
    let number = |number: &u64| usize::try_from(*number).unwrap_or(usize::MAX);
    let facts = format!(
        ", a store with {} and {}, {}",
        count(snapshots.len(), "snapshot"),
        count(number(objects), "object"),
        format_size(*bytes)
    );
    out.painted(&[(Paint::Name, &report.store), (Paint::Plain, ": "), (paint, state), (Paint::Plain, &facts)])?;
    for (number, problems) in snapshots.iter().filter(|(_, problems)| !problems.is_empty()) {
        let more = format!(" (`snapcli verify {}/@{number}` says more)", report.store);
        out.painted(&[(Paint::Bad, &format!("  damaged: @{number}")), (Paint::Plain, &more)])?;
        for problem in problems.iter().take(PROBLEMS) {
            out.line(format_args!("    {problem}"))?;
        }
        if problems.len() > PROBLEMS {
            out.line(format_args!("    and {} more", problems.len() - PROBLEMS))?;
        }
    }
    write_wrong_names(out, report)?;
    if *has_wrong_objects {
        let prune = format!("snapcli prune --drop-damaged {}/", report.store);
        let removes = format!("`{prune}` removes damaged objects");
        out.line(match *are_marked {
            true => format!("  a save writes damaged objects again if it needs them; {removes}"),
            false => format!("  {removes}: the next save writes what it needs of them again"),
        })?;
    }
    let intact: Vec<String> =
        snapshots.iter().filter(|(_, problems)| problems.is_empty()).map(|(number, _)| format!("@{number}")).collect();
    if !report.checked.is_whole() && !intact.is_empty() {
        out.line(format_args!("  intact: {}", intact.join(", ")))?;
    }
    // What a damaged snapshot needs may not be known; then a plain `prune` removes nothing.
    let all_intact = intact.len() == snapshots.len();
    if *unneeded > 0 && all_intact {
        let objects = count(number(unneeded), "object");
        out.line(format_args!("  no snapshot needs {objects}: `snapcli prune` removes what is left over"))?;
    }
    Ok(())
}

/// The names that stand for no snapshot of the store.
fn write_wrong_names(out: &mut Lines<'_>, report: &StoreReport) -> io::Result<()> {
    let StoreCheck { snapshots, dangling, unreadable, .. } = &report.checked;
    for (name, number) in dangling {
        let problem = match snapshots.iter().any(|(found, _)| found == number) {
            true => "but the @{number} in the store is another one, or the name is damaged: give the name again",
            false => "which is not in the store: it was removed, or not copied",
        };
        let problem = problem.replace("{number}", &number.to_string());
        let problem = format!("@{name} names @{number}, {problem} (`snapcli prune` removes the name)");
        out.painted(&[(Paint::Bad, "  damaged: "), (Paint::Plain, &problem)])?;
    }
    for name in unreadable {
        let advice = format!("`snapcli prune --drop-damaged {}/` removes the name", report.store);
        let problem = format!("the file of the name @{name} names no snapshot ({advice})");
        out.painted(&[(Paint::Bad, "  damaged: "), (Paint::Plain, &problem)])?;
    }
    Ok(())
}

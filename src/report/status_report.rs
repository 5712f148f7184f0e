//! The progress of a run, as `snapcli status` shows it.

use std::io::{self, Write};

use crate::snapshot::index::{Index, RunPlace, RunProgress};
use crate::ui::display::format_time;
use crate::ui::{Lines, Paint, format_utc};

use super::table::TableStyle;

/// The last checkpoint of a run.
pub(crate) struct StatusReport {
    /// The number of its snapshot.
    pub(crate) number: u64,
    pub(crate) index: Index,
    pub(crate) progress: RunProgress,
}

/// Writes the report as text.
pub(crate) fn write_status(out: &mut dyn Write, report: &StatusReport, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let StatusReport { number, index, progress } = report;
    let (command, number) = (index.script.command_words().join(" "), format!("@{number}"));
    let time = format_utc(&index.created);
    let seconds = std::time::Duration::try_from_secs_f64(progress.seconds.max(0.0)).unwrap_or_default();
    let ran = format_time(seconds);
    if progress.finished {
        let (after, time) = (format!(", after {ran} ("), format!(", {time} UTC)"));
        return out.painted(&[
            (Paint::Name, &command),
            (Paint::Plain, ": "),
            (Paint::Good, "finished"),
            (Paint::Plain, &after),
            (Paint::Changed, &number),
            (Paint::Plain, &time),
        ]);
    }
    let after = format!(", {time} UTC, after {ran}");
    out.painted(&[
        (Paint::Name, &command),
        (Paint::Plain, ": not finished; last checkpoint "),
        (Paint::Changed, &number),
        (Paint::Plain, &after),
    ])?;
    out.line(format_args!("{} of {} statements of the script are done", progress.steps_done, progress.steps))?;
    for (depth, place) in progress.places.iter().enumerate() {
        out.line(format_args!("{:width$}{}", "", described(place), width = 2 * depth + 2))?;
    }
    for statement in &progress.rerun {
        let (name, line, why) = (&statement.name, statement.line, &statement.why);
        let why = format!(" will be run again, because {name} cannot be saved: {why}");
        out.painted(&[(Paint::Bad, &format!("line {line}")), (Paint::Plain, &why)])?;
    }
    Ok(())
}

fn described(place: &RunPlace) -> String {
    let next = match place.next.as_str() {
        "next" => "the next iteration of the loop at ",
        "call" => "in the call at ",
        _ => "before ",
    };
    match place.function.as_str() {
        "" => format!("{next}line {}", place.line),
        function => format!("{function}(): {next}line {}", place.line),
    }
}

//! `snapcli prune`: removes snapshots from a store, and what no snapshot needs.

use std::io::{self, Write};

use anyhow::Result;

use super::{named_store, open_store, with_code};
use crate::cli::PruneArgs;
use crate::commands::input_output::print_report;
use crate::exit;
use crate::report::answers::{PruneAnswer, absolute_path};
use crate::report::table::TableStyle;
use crate::snapshot::store::{PruneRules, Pruned, prune};
use crate::ui::{Lines, Paint, Verbosity, count, format_size};

/// How many numbers of snapshots are listed without `--verbose`.
const LISTED: usize = 20;

/// Removes what the options do not keep.
pub(crate) fn run_command(args: &PruneArgs, verbosity: Verbosity) -> Result<i32> {
    let PruneArgs { keep_last, keep_named, drop_damaged, dry_run, .. } = *args;
    let path = named_store(args.store.as_deref(), "prune")?;
    let store = open_store(path, "prune")?;
    let rules = PruneRules { keep_last, keep_named, drop_damaged, dry_run };
    let waiting = &mut || verbosity.note("waiting for another process to end its save or prune");
    let what = format!("pruning {}", path.display());
    let step = verbosity.step(&what);
    let pruned = with_code(prune(&store, rules, waiting), || format!("cannot prune {}", path.display()))?;
    drop(step);
    let answer = args.json.then(|| PruneAnswer::of(&pruned, dry_run, absolute_path(path)));
    let text = |out: &mut dyn Write, pruned: &Pruned, style| {
        write_text(out, pruned, dry_run, verbosity == Verbosity::Verbose, style)
    };
    print_report(&pruned, answer.as_ref(), text, verbosity)?;
    Ok(exit::DONE)
}

fn write_text(out: &mut dyn Write, pruned: &Pruned, dry_run: bool, all: bool, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let Pruned { removed, kept, names, objects, bytes } = pruned;
    let listed = if all { removed.len() } else { LISTED };
    let removes = if dry_run { "would remove" } else { "removed" };
    let mut numbers = removed.iter().take(listed).map(|number| format!("@{number}")).collect::<Vec<_>>().join(", ");
    if removed.len() > listed {
        numbers.push_str(&format!(" and {} more", removed.len() - listed));
    }
    let numbers = if removed.is_empty() { String::new() } else { format!(" ({numbers})") };
    let snapshots = count(removed.len(), "snapshot");
    let objects = count(usize::try_from(*objects).unwrap_or(usize::MAX), "object");
    let (removed, left) = (format!("{removes} {snapshots}"), count(kept.len(), "snapshot"));
    let rest = format!(" and {objects}, {}; {left} left", format_size(*bytes));
    out.painted(&[(Paint::Name, &removed), (Paint::Changed, &numbers), (Paint::Plain, &rest)])?;
    if names.is_empty() {
        return Ok(());
    }
    let names = names.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(", ");
    out.line(format_args!("{removes} names whose snapshots are not in the store: {names}"))
}

//! `snapcli diff`: what changed between two files.

use std::path::Path;

use anyhow::Result;

use super::input_output::{is_stdio, open_snapshot, or_exit_code, print_report};
use crate::cli::DiffArgs;
use crate::exit::{self, OrExit};
use crate::report::answers::{DiffAnswer, absolute_path};
use crate::report::diff_report::{DiffReport, write_text};
use crate::snapshot::file_changes::{Changes, Failed, changes};
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::system::map_large_blocks;
use crate::ui::Verbosity;
use crate::ui::progress::DelayedBar;

/// Compares two files and prints what changed.
pub(crate) fn run_command(args: &DiffArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    let paths = [args.before.as_path(), args.after.as_path()];
    if paths.into_iter().all(is_stdio) {
        return Err(exit::error(exit::USAGE, "only one of the two files can be standard input"));
    }
    // Opens both before comparing, so that a wrong name is reported at once.
    let open = |path: &Path| or_exit_code(open_snapshot(path, args.memory), path, || cannot_compare(path));
    let (before, after) = (open(&args.before)?, open(&args.after)?);
    // A segment that was changed in place has the hash of what it was: it would compare as the same.
    check_intact(&args.before, &before, &after, verbosity)?;
    check_intact(&args.after, &after, &before, verbosity)?;
    // The error comes with the index of the file that is damaged.
    let changes = compare(&before, &after, verbosity).or_else(|(index, error)| {
        let path = paths.get(index).copied().unwrap_or(Path::new(""));
        Err(error).or_exit(exit::DAMAGED, || cannot_compare(path))
    })?;
    let [before_name, after_name] = paths.map(|path| path.display().to_string());
    let report = DiffReport::new((before_name, &before), (after_name, &after), changes);
    let answer = args.json.then(|| DiffAnswer::of(&report, paths.map(|path| Some(absolute_path(path)))));
    print_report(&report, answer.as_ref(), write_text, verbosity)?;
    Ok(if report.same { exit::DONE } else { exit::FAILED })
}

fn check_intact(path: &Path, snapshot: &Snapshot, other: &Snapshot, verbosity: Verbosity) -> Result<()> {
    if let Contents::Foreign { lost_index: true } = snapshot.contents() {
        let what = "the index is missing: the file is truncated, or damaged at its end".to_owned();
        return Err(exit::error(exit::DAMAGED, what)).or_exit(exit::DAMAGED, || cannot_compare(path));
    }
    let what = format!("checking {}", path.display());
    let _step = verbosity.step(&what);
    let bar = DelayedBar::bytes("checking", snapshot.stream_len(), verbosity);
    let damage =
        snapshot.damage_beside(other, &|bytes| bar.advance(bytes)).or_exit(exit::DAMAGED, || cannot_compare(path))?;
    if damage.is_none() {
        return Ok(());
    }
    Err(ReadError::Damaged(damage)).or_exit(exit::DAMAGED, || cannot_compare(path))
}

fn cannot_compare(path: &Path) -> String {
    format!("cannot compare {}", path.display())
}

fn compare(before: &Snapshot, after: &Snapshot, verbosity: Verbosity) -> Result<Changes, Failed> {
    let total = before.stream_len().saturating_add(after.stream_len());
    // The changes go by the index.
    before.check_index().map_err(|error| (0, error))?;
    after.check_index().map_err(|error| (1, error))?;
    let _step = verbosity.step("comparing the values");
    let bar = DelayedBar::bytes("comparing", total, verbosity);
    changes(before, after, &|bytes| bar.advance(bytes))
}

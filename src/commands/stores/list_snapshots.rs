//! `snapcli log`: the snapshots of a store, the newest first.

use anyhow::Result;

use super::{open_store, with_code};
use crate::cli::LogArgs;
use crate::commands::input_output::print_report;
use crate::exit;
use crate::report::answers::{LogAnswer, absolute_path};
use crate::report::store_report::{LogReport, write_log};
use crate::ui::Verbosity;

/// Lists the snapshots.
pub(crate) fn run_command(args: &LogArgs, verbosity: Verbosity) -> Result<i32> {
    let store = open_store(&args.store, "list")?;
    let history = with_code(store.history(), || format!("cannot list {}", args.store.display()))?;
    let total = history.len();
    let shown = args.max_count.unwrap_or(usize::MAX);
    let entries = history.into_iter().rev().take(shown).collect();
    let report = LogReport { store: store.name(), total, entries };
    let answer = args.json.then(|| LogAnswer::of(&report, absolute_path(&args.store)));
    print_report(&report, answer.as_ref(), write_log, verbosity)?;
    Ok(exit::DONE)
}

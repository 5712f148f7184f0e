//! The commands that only read a store: `snapcli log`, and `snapcli verify` of a whole store.

use std::path::Path;

use anyhow::Result;

use super::{named_store, open_store, with_code};
use crate::cli::LogArgs;
use crate::commands::input_output::print_report;
use crate::exit;
use crate::report::answers::{LogAnswer, VerifyStoreAnswer, absolute_path};
use crate::report::store_report::{LogReport, StoreReport, write_check, write_log};
use crate::snapshot::store::{check, local_bytes, object_bytes};
use crate::ui::Verbosity;
use crate::ui::progress::DelayedBar;

/// Lists the snapshots of a store, the newest first.
pub(crate) fn log(args: &LogArgs, verbosity: Verbosity) -> Result<i32> {
    let path = named_store(args.store.as_deref(), "log")?;
    let what = format!("reading {}", path.display());
    let step = verbosity.step(&what);
    let store = open_store(path, "list")?;
    let history = with_code(store.history(), || format!("cannot list {}", path.display()))?;
    let total = history.len();
    let shown = args.max_count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let entries = history.into_iter().rev().take(shown).collect();
    let bytes = with_code(local_bytes(&store), || format!("cannot list {}", path.display()))?;
    drop(step);
    let report = LogReport { store: store.name(), total, bytes, entries };
    let answer = args.json.then(|| LogAnswer::of(&report, absolute_path(path)));
    print_report(&report, answer.as_ref(), write_log, verbosity)?;
    Ok(exit::DONE)
}

/// Checks that every snapshot of a store has all that it needs, and that every object is intact.
pub(in crate::commands) fn verify(path: &Path, json: bool, verbosity: Verbosity) -> Result<i32> {
    let cannot = || format!("cannot verify {}", path.display());
    let what = format!("checking {}", path.display());
    let step = verbosity.step(&what);
    let store = open_store(path, "verify")?;
    let bar = DelayedBar::bytes("checking", with_code(object_bytes(&store), cannot)?, verbosity);
    let checked = with_code(check(&store, &|bytes| bar.advance(bytes)), cannot)?;
    drop((bar, step));
    let report = StoreReport { store: store.name(), checked };
    let answer = json.then(|| VerifyStoreAnswer::of(&report, absolute_path(path)));
    print_report(&report, answer.as_ref(), write_check, verbosity)?;
    Ok(if report.checked.is_whole() { exit::DONE } else { exit::DAMAGED })
}

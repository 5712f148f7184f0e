//! `snapcli verify STORE`: whether every snapshot of a store has all that it needs, and every object is intact.

use std::path::Path;

use anyhow::Result;

use super::{open_store, with_code};
use crate::commands::input_output::print_report;
use crate::exit;
use crate::report::answers::{VerifyStoreAnswer, absolute_path};
use crate::report::store_report::{StoreReport, write_check};
use crate::snapshot::store::{check, object_bytes};
use crate::ui::Verbosity;
use crate::ui::progress::DelayedBar;

/// Checks a store and prints the result.
pub(in crate::commands) fn run(path: &Path, json: bool, verbosity: Verbosity) -> Result<i32> {
    let cannot = || format!("cannot verify {}", path.display());
    let store = open_store(path, "verify")?;
    let bar = DelayedBar::bytes("checking", with_code(object_bytes(&store), cannot)?, verbosity);
    let checked = with_code(check(&store, &|bytes| bar.advance(bytes)), cannot)?;
    drop(bar);
    let report = StoreReport { store: store.name(), checked };
    let answer = json.then(|| VerifyStoreAnswer::of(&report, absolute_path(path)));
    print_report(&report, answer.as_ref(), write_check, verbosity)?;
    Ok(if report.checked.is_whole() { exit::DONE } else { exit::DAMAGED })
}

//! When a fork is not a safe way to save: then the session is saved in the foreground, and the reason is shown.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pyo3::prelude::*;

use super::at_fork_functions::AtForkFunctions;
use super::shared_mappings;
use crate::session::api::Turn;
use crate::session::forked_load::library_that_hangs;

/// The environment variable with the seconds after which an idle forked process is ended; with 0, all saves are done in
/// the foreground.
const LIMIT: &str = "SNAPCLI_BACKGROUND_LIMIT";
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);
/// After this many saves in a row have hung, all later ones are done in the foreground.
const MOST_HUNG: u32 = 3;
static HUNG: AtomicU32 = AtomicU32::new(0);

/// Notes whether a forked process hung.
pub(super) fn note_end(has_hung: bool) {
    if has_hung {
        HUNG.fetch_add(1, Ordering::Relaxed);
    } else {
        HUNG.store(0, Ordering::Relaxed);
    }
}

/// How long a forked process may be idle.
pub(super) fn limit() -> Duration {
    let given = std::env::var(LIMIT).ok().and_then(|text| text.parse::<f64>().ok());
    given.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(DEFAULT_LIMIT)
}

/// Why the process cannot save in a forked child; `None` if it can.
pub(crate) fn reason_against_fork(py: Python<'_>) -> Option<String> {
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return Some("only Linux can do it in the background".to_owned());
    }
    if Turn::is_own() {
        return Some("another save is in progress".to_owned());
    }
    if limit().is_zero() {
        return Some(format!("{LIMIT} is 0"));
    }
    if HUNG.load(Ordering::Relaxed) >= MOST_HUNG {
        return Some(format!("the last {MOST_HUNG} saves in the background hung"));
    }
    if let Some(library) = library_that_hangs(py) {
        return Some(format!("{library} does not work in a forked process"));
    }
    if shared_mappings::are_too_large() {
        return Some("its shared memory is too large to be copied for another process".to_owned());
    }
    AtForkFunctions::find(py).is_none().then(|| "the functions of os.register_at_fork cannot be held back".to_owned())
}

//! Work that Python does when it is finalized, and that must not be lost: functions of `atexit`, and unwritten data of
//! open files. If there is none, the process may end without finalizing Python, which frees every object and can take
//! seconds.
//!
//! `__del__` is not among them: Python does not promise that it is called for objects that exist at its end.

use std::fs;
use std::sync::OnceLock;

use pyo3::prelude::*;

use super::deferred_signals::Tolerated as _;
use crate::ui::open_line;

/// Prefixes of the link targets of descriptors without unwritten data that could be lost: devices and anonymous files.
const UNBUFFERED: [&str; 8] =
    ["anon_inode:", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/nvidia", "/dev/dri/", "/memfd:"];
/// `O_ACCMODE`.
const ACCESS_MODE: u64 = 0o3;

/// The number of functions of `atexit`, and the descriptors that were open, before the script began.
static AT_START: OnceLock<(usize, Vec<u32>)> = OnceLock::new();

/// Must be called right before code of the user runs.
pub(super) fn begin(py: Python<'_>) {
    AT_START.get_or_init(|| {
        let open = open_files().unwrap_or_default().into_iter();
        (exit_functions(py).unwrap_or(0), open.map(|(number, _)| number).collect())
    });
}

/// The number of functions of `atexit`; `None` if that is unknown.
fn exit_functions(py: Python<'_>) -> Option<usize> {
    match atexit(py) {
        Some(atexit) => atexit.call_method0("_ncallbacks").and_then(|count| count.extract()).tolerated(),
        None => Some(0),
    }
}

/// The module `atexit`, if something has imported it: a script must not see modules that it would not see under python.
fn atexit(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    py.import("sys").and_then(|sys| sys.getattr("modules")?.get_item("atexit")).tolerated()
}

/// Flushes the standard streams, as Python does when it is finalized.
pub(crate) fn flush_streams(py: Python<'_>) {
    for name in ["stdout", "stderr"] {
        // A stream may be None, closed, or of a class of the script.
        let stream = py.import("sys").and_then(|sys| sys.getattr(name));
        stream.and_then(|stream| stream.call_method0("flush")).tolerated();
    }
    open_line::note_output();
}

/// Calls the functions of `atexit`, and flushes the standard streams.
pub(super) fn finish(py: Python<'_>) {
    // It prints the exceptions of these functions.
    if let Some(atexit) = atexit(py) {
        atexit.call_method0("_run_exitfuncs").tolerated();
    }
    flush_streams(py);
}

/// Whether nothing is lost if the process ends without finalizing Python. False if that is unknown.
pub(crate) fn is_nothing(py: Python<'_>) -> bool {
    let before = AT_START.get().map_or(0, |(functions, _)| *functions);
    exit_functions(py).is_some_and(|functions| functions <= before) && !has_file_to_write()
}

/// Whether a file is open for writing, other than the standard streams and those of before the script.
fn has_file_to_write() -> bool {
    let Some(files) = open_files() else { return true };
    let own = AT_START.get().map_or(&[][..], |(_, files)| files);
    files.into_iter().any(|(number, flags)| {
        let is_standard = number <= 2;
        !is_standard && flags & ACCESS_MODE != 0 && !own.contains(&number) && !is_unbuffered(number)
    })
}

fn is_unbuffered(number: u32) -> bool {
    let Ok(target) = fs::read_link(format!("/proc/self/fd/{number}")) else { return true };
    UNBUFFERED.iter().any(|known| target.as_os_str().as_encoded_bytes().starts_with(known.as_bytes()))
}

/// The numbers of the open descriptors, with their flags. `None` on systems that have no such list.
fn open_files() -> Option<Vec<(u32, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fdinfo").ok()? {
        let entry = entry.ok()?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // The descriptor of the list itself is closed by the time it is asked for.
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        found.push((number, u64::from_str_radix(flags.trim(), 8).ok()?));
    }
    Some(found)
}

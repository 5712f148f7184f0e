//! Reports that a test, or a part of it, did not run because this machine lacks something. cargo hides the output of
//! passing tests, so the message bypasses its capture: it goes to standard error, and to the file `skipped` in the
//! target directory, whose lines `.ci/run` prints and counts. `.ci/rules` finds tests that return early without calling
//! this.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;
use std::path::Path;

/// Reports that this test, or a part of it, does not run here. Use it as `return skipped("needs two Pythons")`.
#[track_caller]
pub(crate) fn skipped(reason: &str) {
    let location = Location::caller();
    // The test harness names the thread of a test after it, but runs a single test in the main thread.
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main").unwrap_or("a test");
    let line = format!("skipped: {name}: {reason} ({}:{})\n", location.file(), location.line());
    // The test harness captures eprint!, but not this.
    let _ = std::io::stderr().write_all(line.as_bytes());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("skipped");
    // A single write in append mode, so that lines of parallel tests are not mixed.
    let written =
        OpenOptions::new().create(true).append(true).open(path).and_then(|mut f| f.write_all(line.as_bytes()));
    written.unwrap();
}

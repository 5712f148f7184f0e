//! What a test says when this machine lacks something that it needs. cargo hides the output of a test that passes, so
//! the message goes around it: to standard error, and to the file `skipped` in the target directory, whose lines
//! `.ci/run` prints and counts. `.ci/rules` finds tests that return early without this.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;
use std::path::Path;

/// Reports that this test, or a part of it, does not run here. Use it as `return skipped("needs two Pythons")`.
#[track_caller]
pub(crate) fn skipped(reason: &str) {
    let place = Location::caller();
    // The test harness names the thread of a test after it, but runs a single test in the main thread.
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main").unwrap_or("a test");
    let line = format!("skipped: {name}: {reason} ({}:{})\n", place.file(), place.line());
    // Unlike eprint!, this is not captured.
    let _ = std::io::stderr().write_all(line.as_bytes());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("skipped");
    // One write in append mode: lines of other tests cannot get in between.
    let written =
        OpenOptions::new().create(true).append(true).open(path).and_then(|mut f| f.write_all(line.as_bytes()));
    written.unwrap();
}

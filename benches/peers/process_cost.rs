//! Whole processes: the time that snapcli adds to the interpreter that it starts. Runs of both alternate, and their
//! medians are compared.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::integration::env::{Call, Sandbox};

/// A row of the table: a program, and the one that it should take little longer than, in milliseconds.
pub(crate) struct ProcessCost {
    pub(crate) name: &'static str,
    pub(crate) over: &'static str,
    /// The medians of both; `None` if this build does not support the option yet.
    pub(crate) medians: Option<(f64, f64)>,
    pub(crate) target: Option<f64>,
}

const TINY: &str = "answer = 42\n";
const NUMPY: &str = "import numpy";

/// `snapcli save tiny.py` over `python tiny.py`.
pub(crate) fn save(sandbox: &Sandbox, turns: usize) -> ProcessCost {
    sandbox.write("tiny.py", TINY);
    let ours = || sandbox.call_snapcli(&["save", "-o", "tiny.pkl", "tiny.py"]);
    let bare = || sandbox.call_python(&["tiny.py"]);
    let medians = Some(compare(turns, &ours, &bare));
    ProcessCost { name: "snapcli save tiny.py", over: "python tiny.py", medians, target: Some(15.0) }
}

/// `snapcli restore` of the array session. A mapped array needs numpy, which is slow to import, so its target is
/// the time over that import.
pub(crate) fn restore(sandbox: &Sandbox, session: &Path, turns: usize) -> Vec<ProcessCost> {
    let help = sandbox.snapcli(&["restore", "--help"]).out();
    let session = session.to_str().unwrap();
    let mapped = ["restore", "--mmap", session, "-c", "array.size"];
    let small = ["restore", "--only", "small", session, "-c", "len(small)"];
    let rows: [(_, _, &[&str], _, _); 3] = [
        ("restore --mmap", "python -c 'import numpy'", &mapped, NUMPY, Some(30.0)),
        ("restore --mmap", "python -c pass", &mapped, "pass", None),
        ("restore --only small", "python -c pass", &small, "pass", Some(30.0)),
    ];
    let measure = |(name, over, words, code, target): (_, _, &[&str], _, _)| {
        let medians = help.contains(words[1]).then(|| {
            let ours = || sandbox.call_snapcli(words);
            compare(turns, &ours, &|| sandbox.call_python(&["-c", code]))
        });
        ProcessCost { name, over, medians, target }
    };
    rows.into_iter().map(measure).collect()
}

/// The medians of both, in milliseconds.
pub(crate) fn compare(turns: usize, ours: &dyn Fn() -> Call, bare: &dyn Fn() -> Call) -> (f64, f64) {
    // The first run of each fills the caches.
    let (_, _) = (once(ours), once(bare));
    let (ours, bare): (Vec<_>, Vec<_>) = (0..turns).map(|_| (once(ours), once(bare))).unzip();
    (median(ours), median(bare))
}

fn once(call: &dyn Fn() -> Call) -> Duration {
    let call = call();
    let start = Instant::now();
    let run = call.run();
    let took = start.elapsed();
    run.assert_code(0);
    took
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

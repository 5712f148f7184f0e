//! `-- inspect`: how fast snapcli inspects files and how much memory it takes, compared with programs that load them.
//! The files are foreign ones (`inspect_samples.py`), which are read from start to end, and one snapshot, of which only
//! the index is read.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::integration::env::Sandbox;

/// The time and memory that inspecting one file took, in seconds and bytes, and those of loading it, if measured.
#[derive(Deserialize)]
pub(crate) struct Inspected {
    pub(crate) name: String,
    bytes: f64,
    seconds: f64,
    peak: f64,
    load_seconds: Option<f64>,
    load_peak: Option<f64>,
}

const OWN: &str = "array.pkl";
const ARRAY: &str = "import numpy\narray = numpy.random.default_rng(7).random(64 * 1024 * 1024)\n";

impl Inspected {
    pub(crate) fn megabytes(&self) -> f64 {
        self.bytes / 1e6
    }

    pub(crate) fn milliseconds(&self) -> f64 {
        self.seconds * 1e3
    }

    /// The target: 200 MB/s for foreign files, and 10 ms for a snapshot, of which only the index is read.
    pub(crate) fn target_milliseconds(&self) -> f64 {
        if self.name == OWN { 10.0 } else { self.megabytes() / 200.0 * 1e3 }
    }

    pub(crate) fn peak(&self) -> f64 {
        self.peak / 1e6
    }

    /// The target for the peak memory, in MB.
    pub(crate) fn target_peak(&self) -> f64 {
        if self.name == OWN { 16.0 } else { 64.0 + self.megabytes() / 10.0 }
    }

    /// The cost of loading: milliseconds, and peak memory in MB.
    pub(crate) fn load(&self) -> Option<(f64, f64)> {
        Some((self.load_seconds? * 1e3, self.load_peak? / 1e6))
    }
}

/// Makes the files and measures `snapcli inspect` on them. Returns nothing if that fails.
pub(crate) fn measure(sandbox: &Sandbox, turns: usize) -> Vec<Inspected> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let script = |name: &str| here.join(name).into_os_string();
    sandbox.write("array.py", ARRAY);
    let minutes = Duration::from_secs(600);
    let made = [
        sandbox.call_python(&[script("inspect_samples.py"), ".".into()]).timeout(minutes).run(),
        sandbox.call_snapcli(&["save", "--quiet", "-o", OWN, "array.py"]).timeout(minutes).run(),
    ];
    let program = std::env::var_os("SNAPCLI_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_snapcli").into());
    let words = [script("inspect_speed.py"), program, turns.to_string().into()];
    let files = ["records.pkl", "session.pkl", OWN].map(Into::into);
    let run = sandbox.call_python(&[&words[..], &files[..]].concat()).timeout(minutes).run();
    match made.iter().chain([&run]).find(|run| !run.status.success()) {
        Some(failed) => {
            eprintln!("{}", failed.whole());
            Vec::new()
        }
        None => serde_json::from_slice(&run.stdout).unwrap(),
    }
}

//! Random pickles and mutations of real ones: an untrusted load makes what CPython's unpickler makes, or refuses
//! without doing anything. `untrusted/differential.py` does the work, in one process.

use std::path::Path;

use serde_json::Value;

use crate::env::{Sandbox, Stack, main_python, venv};

/// The pickles of a run: as many as take some seconds. By hand, any number can be tried with other seeds.
const PICKLES: &str = "300";

#[test]
fn untrusted_loads_equal_those_of_cpython_or_do_nothing() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/untrusted/differential.py");
    // Seed 0 tries the honest pickles as well.
    let run = sandbox.snapcli(&["save", "-o", "session.pkl", script.to_str().unwrap(), "0", PICKLES]);
    run.assert_code(0);
    let summary: Value = serde_json::from_str(run.out().lines().next().unwrap()).unwrap();
    assert_eq!(summary["found"], 0, "{summary:#}");
    let counts = &summary["counts"];
    assert_eq!(counts["honest"], counts["honest loaded"], "{summary:#}");
    for kind in ["honest", "mutated", "random"] {
        assert!(counts[format!("{kind} loaded")].as_u64() > Some(4), "{counts}");
    }
}

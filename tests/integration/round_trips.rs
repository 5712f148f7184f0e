//! Random object graphs are restored with equal values and the same sharing, whether pickle, dill or snapcli reads
//! them. See `suites/round_trips.py`.
//!
//! `SNAPCLI_TEST_GRAPHS` sets the number of graphs, and `SNAPCLI_TEST_SEED` the seed of the first one.

use std::time::Duration;

use crate::env::{Sandbox, Stack, pythons, venv};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn random_object_graphs_are_restored_unchanged() {
    let count = setting("SNAPCLI_TEST_GRAPHS", 200);
    let seed = setting("SNAPCLI_TEST_SEED", 0);
    let numbers = [seed, count, count / 2].map(|number| number.to_string());
    let [seed, count, variables] = numbers.each_ref().map(String::as_str);
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        for (name, text) in [
            ("canonical.py", include_str!("suites/canonical.py")),
            ("graphs.py", include_str!("suites/graphs.py")),
            ("things.py", include_str!("suites/things.py")),
            ("round_trips.py", include_str!("suites/round_trips.py")),
            ("round_trips_check.py", include_str!("suites/round_trips_check.py")),
        ] {
            sandbox.write(name, text);
        }
        let patience = Duration::from_secs(60 + count.parse::<u64>().unwrap() / 20);
        let save = ["save", "-q", "--strict", "round_trips.py", seed, count, variables];
        sandbox.call_snapcli(&save).timeout(patience).run().assert_code(0);
        let restore = ["restore", "session.pkl", "round_trips_check.py", seed, variables];
        sandbox.call_snapcli(&restore).timeout(patience).run().assert_code(0);
        let load = ["round_trips_check.py", seed, variables, "session.pkl"];
        sandbox.call_python(&load).timeout(patience).run().assert_code(0);
    }
}

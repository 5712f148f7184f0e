//! A script's own code that runs while its session is saved may change what is being saved, fail, save on its own, or
//! let threads do so: that never ends in a crash, and everything else is saved. See `suites/meddling.py`.

use crate::env::{Sandbox, Stack, pythons, venv};

const SUITE: [(&str, &str); 6] = [
    ("meddling.py", include_str!("suites/meddling.py")),
    ("meddling_check.py", include_str!("suites/meddling_check.py")),
    ("meddling_random.py", include_str!("suites/meddling_random.py")),
    ("canonical.py", include_str!("suites/canonical.py")),
    ("graphs.py", include_str!("suites/graphs.py")),
    ("things.py", include_str!("suites/things.py")),
];

#[test]
fn objects_that_change_what_is_being_saved_cost_only_themselves() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        SUITE.iter().for_each(|(name, text)| drop(sandbox.write(name, text)));
        let file = sandbox.out().join("session.pkl");
        let file = file.to_str().unwrap();
        let run = sandbox.snapcli(&["save", "-q", "-o", file, "meddling.py"]);
        run.assert_code(0);
        let check = sandbox.snapcli(&["restore", file, "meddling_check.py"]);
        check.assert_code(0);
        sandbox.python(&["meddling_check.py", file]).assert_code(0).assert_stdout(&check.out());
    }
}

#[test]
fn random_graphs_that_change_while_they_are_pickled_end_in_an_error_or_a_pickle() {
    let count = std::env::var("SNAPCLI_TEST_GRAPHS").unwrap_or_else(|_| "100".to_owned());
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        SUITE.iter().for_each(|(name, text)| drop(sandbox.write(name, text)));
        sandbox.snapcli(&["save", "-q", "meddling_random.py", "0", &count]).assert_code(0);
    }
}

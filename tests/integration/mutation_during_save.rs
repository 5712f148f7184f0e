//! Code of the script that runs during the save may mutate the session, raise, start a save of its own, or let threads
//! do so: snapcli never crashes, and saves everything else. See `suites/mutation.py`.

use crate::env::{Sandbox, Stack, pythons, venv};

const SUITE: [(&str, &str); 6] = [
    ("mutation.py", include_str!("suites/mutation.py")),
    ("mutation_check.py", include_str!("suites/mutation_check.py")),
    ("mutation_random.py", include_str!("suites/mutation_random.py")),
    ("canonical.py", include_str!("suites/canonical.py")),
    ("graphs.py", include_str!("suites/graphs.py")),
    ("things.py", include_str!("suites/things.py")),
];

#[test]
fn objects_that_mutate_the_session_during_the_save_lose_only_themselves() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        SUITE.iter().for_each(|(name, text)| drop(sandbox.write(name, text)));
        let file = sandbox.out().join("session.pkl");
        let file = file.to_str().unwrap();
        let run = sandbox.snapcli(&["save", "-q", "-o", file, "mutation.py"]);
        run.assert_code(0);
        let check = sandbox.snapcli(&["restore", file, "mutation_check.py"]);
        check.assert_code(0);
        sandbox.python(&["mutation_check.py", file]).assert_code(0).assert_stdout(&check.out());
    }
}

#[test]
fn random_graphs_mutated_while_pickled_end_in_an_error_or_a_valid_pickle() {
    let count = std::env::var("SNAPCLI_TEST_GRAPHS").unwrap_or_else(|_| "100".to_owned());
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        SUITE.iter().for_each(|(name, text)| drop(sandbox.write(name, text)));
        sandbox.snapcli(&["save", "-q", "mutation_random.py", "0", &count]).assert_code(0);
    }
}

/// The `__reduce__` of a Counter returns a new dict each time. A Counter that holds itself is therefore pickled again
/// and again; pickle raises RecursionError. The limit keeps an endless save from taking all of the machine's memory.
#[test]
fn an_object_that_reduces_to_itself_endlessly_loses_only_itself() {
    let sandbox = Sandbox::new();
    let script = "
import collections, resource
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
before = [1]
counter = collections.Counter()
counter['itself'] = counter
after = [before]
";
    sandbox.write("script.py", script);
    let save = sandbox.call_snapcli(&["save", "-q", "script.py"]).timeout(std::time::Duration::from_secs(300)).run();
    save.assert_code(0);
    let check = "print(after[0] is before, 'counter' in globals())";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("True False\n");
}

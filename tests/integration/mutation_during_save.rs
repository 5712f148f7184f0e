//! A script's own code that runs while its session is saved may change what is being saved, fail, save on its own, or
//! let threads do so: that never ends in a crash, and everything else is saved. See `suites/mutation.py`.

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

/// A Counter is made from a dict that is fresh each time it is asked, so that the one in that dict is asked again, and
/// so on: pickle ends in a RecursionError. The limit keeps a save without end from taking all of the machine's memory.
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
    let save = sandbox.call_snapcli(&["save", "-q", "script.py"]).timeout(std::time::Duration::from_secs(30)).run();
    save.assert_code(0);
    let check = "print(after[0] is before, 'counter' in globals())";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("True False\n");
}

//! What `inspect` calls plain data can be built: a file that is not trusted is refused before anything of it is made,
//! or comes back as Python's unpickler makes it. Keys of all shapes load, unless they are made to collide.

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

const COMPARE: &str = include_str!("untrusted_values/compare.py");
const VALUES: &str = include_str!("untrusted_values/values.py");
const COMBINE: &str = include_str!("accepted_plans/combine.py");
const LOAD: &str = include_str!("accepted_plans/load.py");
const KEYS: &str = include_str!("accepted_plans/keys.py");

#[test]
fn all_that_a_plan_accepts_is_built() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let scripts = [("compare.py", COMPARE), ("values.py", VALUES), ("combine.py", COMBINE), ("load.py", LOAD)];
        for (name, source) in scripts {
            sandbox.write(name, source);
        }
        std::fs::create_dir(sandbox.work().join("files")).unwrap();
        sandbox.python(&["combine.py", "files"]).assert_code(0);
        sandbox.python(&["-c", "import pickle; pickle.dump({'x': 1}, open('x.pkl', 'wb'))"]).assert_code(0);
        let run = sandbox.snapcli(&["restore", "-q", "x.pkl", "load.py"]);
        run.assert_code(0).assert_stdout("0 failed, 0 differ\nTrue True\n");
    }
}

#[test]
fn honest_keys_with_one_hash_load_and_forged_ones_are_refused() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("keys.py", KEYS);
    sandbox.python(&["keys.py"]).assert_code(0);
    let check = "import keys\nprint(honest == keys.honest()['honest'])";
    sandbox.snapcli(&["restore", "-q", "honest.pkl", "-c", check]).assert_code(0).assert_stdout("True\n");
    for name in ["tuples", "pairs", "frozensets", "nested", "numbers", "texts", "fractions", "decimals"] {
        let run = sandbox.snapcli(&["restore", &format!("{name}.pkl"), "-c", "print('loaded')"]);
        run.assert_code(5).assert_stdout("");
        assert!(run.err().contains("same hash"), "{name}: {}", run.err());
    }
}

//! Exceptions of untrusted files equal those that CPython's unpickler makes: of all built-in classes and of the usual
//! ones of libraries, and also in forms that no pickler writes. What the unpickler cannot load is refused.

use std::fs;

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

const ERRORS: &str = include_str!("built_errors/errors.py");
const COMPARE: &str = include_str!("untrusted_values/compare.py");

/// Prints how the variables of the session differ from what an unpickler loads.
const CHECK: &str = "import compare, pickle, sys, warnings\nwarnings.simplefilter('ignore')\n\
                     with open(FILE, 'rb') as file: wanted = pickle.load(file)\n\
                     found = {name: globals()[name] for name in wanted if name in globals()}\n\
                     print(len(wanted), *compare.differences(found, wanted), sep='\\n')\n";

fn sandbox(python: std::path::PathBuf) -> Sandbox {
    let sandbox = Sandbox::with(python);
    sandbox.write("errors.py", ERRORS);
    sandbox.write("compare.py", COMPARE);
    sandbox.python(&["errors.py", "."]).assert_code(0);
    sandbox
}

fn restored(sandbox: &Sandbox, file: &str) -> Run {
    sandbox.snapcli(&["restore", "-q", file, "-c", &CHECK.replace("FILE", &format!("'{file}'"))])
}

/// The number of exceptions that were compared.
fn compared(sandbox: &Sandbox, file: &str) -> usize {
    let run = restored(sandbox, file);
    run.assert_code(0);
    let out = run.out();
    let (count, differences) = out.split_once('\n').unwrap_or_default();
    assert!(differences.is_empty(), "{file}:\n{differences}");
    count.parse().expect("a number")
}

#[test]
fn exceptions_are_those_that_python_loads() {
    for python in pythons() {
        let sandbox = sandbox(venv(python, Stack::Dill));
        for pickler in ["protocol_0", "protocol_2", "protocol_3", "protocol_5", "dill"] {
            assert!(compared(&sandbox, &format!("{pickler}.pkl")) >= 330, "{pickler}");
        }
    }
}

#[test]
fn exceptions_of_packages_are_those_that_python_loads() {
    let sandbox = sandbox(venv(main_python(), Stack::Full));
    assert!(compared(&sandbox, "protocol_4.pkl") >= 333);
}

/// Prints the descriptions of all variables.
const DESCRIBE: &str = "import compare\nnames = [name for name in dir() if name.startswith('a_')]\nfor name, found in \
                        compare.described({name: globals()[name] for name in names}).items(): print(name, found)\n";

#[test]
fn exceptions_of_a_session_are_those_of_a_trusted_restore() {
    for python in pythons() {
        let sandbox = sandbox(venv(python, Stack::Dill));
        sandbox.write("script.py", "import errors\nglobals().update(errors.honest())\ndel errors\n");
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let trusted = sandbox.snapcli(&["restore", "-q", "-c", DESCRIBE]);
        trusted.assert_code(0);
        assert!(trusted.out().lines().count() >= 330, "{}", trusted.out());
        let untrusted = sandbox.call_snapcli(&["restore", "-q", "-c", DESCRIBE]);
        let untrusted = untrusted.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run();
        untrusted.assert_code(0).assert_stdout(&trusted.out());
    }
}

#[test]
fn forged_exceptions_are_those_that_python_loads_or_refused() {
    for python in pythons() {
        let sandbox = sandbox(venv(python, Stack::Dill));
        let (mut same, mut refused) = (0, 0);
        let files = fs::read_dir(sandbox.work()).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        for name in names.filter(|name| name.starts_with("forged_")) {
            let run = restored(&sandbox, &name);
            match run.ending().as_str() {
                "exit 0" => {
                    assert!(run.out().ends_with("1\n"), "{name}: {}", run.out());
                    same += 1;
                }
                "exit 5" => refused += 1,
                ending => panic!("{name}: {ending}: {}", run.whole()),
            }
        }
        assert!(same >= 30 && refused >= 15, "{same} {refused}");
    }
}

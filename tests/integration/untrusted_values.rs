//! What a restore without trust builds of the values of builtins and of the standard library equals what CPython's
//! unpickler loads, for each pickler; and hostile values are refused. `untrusted_values/values.py` has the values.

use std::path::PathBuf;
use std::time::Duration;

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

const VALUES: &str = include_str!("untrusted_values/values.py");
const HOSTILE: &str = include_str!("untrusted_values/hostile.py");
const COMPARE: &str = include_str!("untrusted_values/compare.py");

/// Prints how the variables of the session differ from what an unpickler loads.
const CHECK: &str = "import compare, dill, pickle, sys, warnings\nwarnings.simplefilter('ignore')\n\
                     with open(FILE, 'rb') as file: wanted = dill.load(file)\n\
                     found = {name: globals()[name] for name in wanted if name in globals()}\n\
                     print(len(wanted), *compare.differences(found, wanted), sep='\\n')\n";

/// A sandbox whose installed packages include the module that compares values.
fn sandbox(python: PathBuf) -> Sandbox {
    let sandbox = Sandbox::with(python);
    sandbox.write("values.py", VALUES);
    sandbox.write("compare.py", COMPARE);
    sandbox
}

/// Runs snapcli as a user with another key.
fn as_another_user(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.call_snapcli(arguments).env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run()
}

/// The number of values that were compared.
fn compared(sandbox: &Sandbox, file: &str) -> usize {
    let code = CHECK.replace("FILE", &format!("'{file}'"));
    let run = as_another_user(sandbox, &["restore", file, "-c", &code]);
    run.assert_code(0);
    let out = run.out();
    let (count, differences) = out.split_once('\n').unwrap_or_default();
    assert!(differences.is_empty(), "{file}:\n{differences}");
    count.parse().expect("a number")
}

fn builds_what_python_loads(sandbox: &Sandbox) {
    sandbox.python(&["values.py", "."]).assert_code(0);
    for pickler in ["protocol_0", "protocol_1", "protocol_2", "protocol_3", "protocol_4", "protocol_5", "dill"] {
        // Protocols 0 and 1 have no files in memory, and `pickle` has no locks and no views.
        let least = if pickler == "dill" { 46 } else { 37 };
        assert!(compared(sandbox, &format!("{pickler}.pkl")) >= least, "{pickler}");
    }
}

#[test]
fn values_are_those_that_python_loads() {
    for python in pythons() {
        builds_what_python_loads(&sandbox(venv(python, Stack::Dill)));
    }
}

#[test]
fn values_of_cloudpickle_are_those_that_python_loads() {
    let sandbox = sandbox(venv(main_python(), Stack::Full));
    sandbox.python(&["values.py", "."]).assert_code(0);
    assert!(compared(&sandbox, "cloudpickle.pkl") >= 40);
}

/// A session with all values, and locks that a save notes.
const SESSION: &str = "import threading, values\nreentrant = threading.RLock()\nerror = ValueError('x')\n\
                       error.__cause__ = KeyError('y')\nerror.__context__ = OSError(2, 'no')\n\
                       globals().update(values.values())\ndel threading, values\n";
/// Prints the descriptions of all variables.
const DESCRIBE: &str = "import compare\nnames = [name for name in dir() if not name.startswith('__')]\n\
                        names.remove('compare')\nfor name, found in compare.described({name: globals()[name] for \
                        name in names}).items(): print(name, found)\n";

#[test]
fn values_of_a_session_are_those_of_a_trusted_restore() {
    for python in pythons() {
        let sandbox = sandbox(venv(python, Stack::Dill));
        sandbox.write("script.py", SESSION);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        // Hashes of strings are the same, so that sets have one order.
        let restored = |run: crate::env::Call| run.env("PYTHONHASHSEED", "0").run();
        let trusted = restored(sandbox.call_snapcli(&["restore", "-q", "-c", DESCRIBE]));
        trusted.assert_code(0);
        assert!(trusted.out().lines().count() >= 48, "{}", trusted.out());
        let untrusted = sandbox.call_snapcli(&["restore", "-q", "-c", DESCRIBE]);
        let untrusted = restored(untrusted.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")));
        untrusted.assert_code(0).assert_stdout(&trusted.out());
    }
}

/// Files that `hostile.py` writes, and what the message names.
const REFUSED: &[(&str, &str)] = &[
    ("exponent", "decimal.Decimal"),
    ("fraction", "fractions.Fraction"),
    ("endless", "list"),
    ("network", "list"),
    ("factory", "collections.defaultdict"),
    ("attribute", "SimpleNamespace"),
    ("traceback", "ValueError"),
    ("debug", "re._compile"),
    ("zone", "zoneinfo.ZoneInfo"),
    ("codec", "_codecs.encode"),
    ("colliding", "set"),
    ("wide", "OSError"),
    ("deep", "slice"),
    ("getter", "dict.fromkeys"),
];

#[test]
fn hostile_values_are_refused_at_once_and_named() {
    let sandbox = sandbox(venv(main_python(), Stack::Dill));
    sandbox.write("hostile.py", HOSTILE);
    sandbox.python(&["hostile.py"]).assert_code(0);
    for (name, needs) in REFUSED {
        for protocol in [0, 2, 4] {
            let file = format!("{name}-{protocol}.pkl");
            let restore = sandbox.call_snapcli(&["restore", &file, "-c", "print('loaded')"]);
            let run = restore.timeout(Duration::from_secs(300)).run();
            run.assert_stdout("");
            // The hashes of numbers that are written in decimal are only known when these are made.
            if (*name, protocol) != ("colliding", 0) {
                run.assert_code(5);
                assert!(run.err().contains(needs), "{file}: {}", run.err());
            }
        }
    }
}

#[test]
fn a_time_zone_is_not_looked_for_in_the_working_directory() {
    let sandbox = sandbox(venv(main_python(), Stack::Dill));
    let canary = sandbox.out().join("canary");
    let package = format!("open({:?}, 'w')\n", canary.to_str().unwrap());
    sandbox
        .write("zone.py", "import pickle, zoneinfo\npickle.dump({'a': zoneinfo.ZoneInfo('UTC')}, open('z.pkl', 'wb'))");
    sandbox.python(&["zone.py"]).assert_code(0);
    std::fs::create_dir(sandbox.work().join("tzdata")).unwrap();
    sandbox.write("tzdata/__init__.py", package);
    // Without the directories of the system, only the package is left.
    let restore = sandbox.call_snapcli(&["restore", "z.pkl", "-c", "print(a)"]).env("PYTHONTZPATH", "");
    let run = restore.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run();
    assert!(!run.out().contains("UTC") && run.err().contains("time zone"), "{} {}", run.out(), run.err());
    assert!(!canary.exists());
    let run = as_another_user(&sandbox, &["restore", "z.pkl", "-c", "print(a)"]);
    run.assert_code(0).assert_stdout("UTC\n");
    assert!(!canary.exists());
}

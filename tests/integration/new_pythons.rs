//! CPython 3.12 to 3.15: annotations that are evaluated at the first use, type aliases and type parameters, lazy
//! imports and the new built-in types come back as they were, and a save evaluates and imports nothing.
//!
//! Each script in `new_pythons/` has many forms, and a check that prints `fine` after a restore. `tests/sid/run` runs
//! these tests with 3.14 and 3.15.

use crate::env::{Python, Sandbox, Stack, pythons, venv};
use crate::skipped::skipped;

const ANNOTATIONS: [&str; 2] =
    [include_str!("new_pythons/annotations.py"), include_str!("new_pythons/annotations_check.py")];
const LAZY_TYPES: [&str; 2] =
    [include_str!("new_pythons/lazy_types.py"), include_str!("new_pythons/lazy_types_check.py")];
const SYNTAX_315: [&str; 2] =
    [include_str!("new_pythons/syntax_315.py"), include_str!("new_pythons/syntax_315_check.py")];
const FUNCTIONS: &str = include_str!("new_pythons/many_functions.py");

/// The Pythons of at least this minor version. Says so if there is none.
fn pythons_since(minor: u32) -> Vec<&'static Python> {
    let found: Vec<_> = pythons().iter().filter(|python| python.version >= (3, minor)).collect();
    if found.is_empty() {
        skipped(&format!("needs Python 3.{minor} (tests/sid/run)"));
    }
    found
}

/// Saves a script, and checks what snapcli and plain dill restore, also from a snapshot of the restored session.
fn restores(since: u32, [script, check]: [&str; 2]) {
    for python in pythons_since(since) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", script);
        // The checks hold without a snapshot, too.
        sandbox.write("both.py", format!("{script}\n{check}"));
        sandbox.python(&["both.py"]).assert_stdout("fine\n");
        sandbox.write("load.py", format!("import dill\ndill.load_module('session.pkl')\n{check}"));
        sandbox.snapcli(&["save", "--strict", "script.py"]).assert_code(0);
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout("fine\n").assert_code(0);
        sandbox.python(&["-W", "error", "load.py"]).assert_stdout("fine\n");
        let again = "import snapcli; snapcli.save('again.pkl')";
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", again]).assert_code(0);
        sandbox.snapcli(&["restore", "--strict", "again.pkl", "-c", check]).assert_stdout("fine\n").assert_code(0);
        sandbox.snapcli(&["save", "--verify", "--strict", "script.py"]).assert_code(0);
    }
}

#[test]
fn annotations_come_back_without_being_evaluated() {
    restores(14, ANNOTATIONS);
}

#[test]
fn type_aliases_and_parameters_come_back_without_being_evaluated() {
    restores(12, LAZY_TYPES);
}

#[test]
fn lazy_imports_and_the_new_types_of_3_15_come_back() {
    restores(15, SYNTAX_315);
}

/// Plain data of new types is built from a file that is not trusted; what needs code is refused.
#[test]
fn untrusted_files_may_hold_the_new_types() {
    for python in pythons_since(15) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "frozen = frozendict(a=1, b=[frozendict()])\nMISSING = sentinel('MISSING')\nuses = [MISSING]\n\
                      name = 'x'\ngreeting = t'a {name!r:>3} {[1]} b'\nlazy import colorsys\ntype A = int\n";
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "--strict", "script.py"]).assert_code(0);
        let code = "print(frozen, uses[0] is MISSING, MISSING.__module__, greeting.values, greeting.strings, \
                    'colorsys' in globals(), 'A' in globals())";
        let stranger = sandbox.out().join("stranger");
        let refused = sandbox.call_snapcli(&["restore", "session.pkl"]).env("XDG_CONFIG_HOME", &stranger).run();
        refused.assert_code(5);
        let only = ["frozen", "MISSING", "uses", "greeting"].map(|name| format!("--only={name}"));
        let arguments = ["restore".to_owned()].into_iter().chain(only).collect::<Vec<_>>();
        let rest = ["session.pkl", "-c", code].map(str::to_owned);
        let call = sandbox.call_snapcli(&[arguments, rest.to_vec()].concat());
        let run = call.env("XDG_CONFIG_HOME", stranger).run();
        run.assert_stdout(
            "frozendict({'a': 1, 'b': [frozendict()]}) True __main__ ('x', [1]) ('a ', ' ', ' b') False False\n",
        );
    }
}

/// dill registers a function for the type of `dataclasses.MISSING`, which is that of all sentinels in 3.15.
#[test]
fn a_sentinel_stays_itself_where_dill_is_loaded() {
    for python in pythons_since(15) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "import dataclasses\nimport dill\nMISSING = sentinel('MISSING')\nuses = [MISSING]\n\
                      @dataclasses.dataclass\nclass Data:\n    a: int\n\
                      library = [dataclasses.MISSING, dataclasses.KW_ONLY]\n";
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "--strict", "script.py"]).assert_code(0);
        let code = "import dataclasses\nprint(uses[0] is MISSING, MISSING, library == [dataclasses.MISSING, \
                    dataclasses.KW_ONLY], dataclasses.fields(Data)[0].default is dataclasses.MISSING)";
        let expected = "True MISSING True True\n";
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", code]).assert_stdout(expected);
        let plain = format!("import dill\ndill.load_module('session.pkl')\n{code}");
        sandbox.python(&["-c", &plain]).assert_stdout(expected);
    }
}

/// What this project says of plain dill on 3.15: it reads the files, and cannot write functions.
#[test]
fn plain_dill_reads_files_of_3_15_but_pickles_no_function() {
    for python in pythons_since(15) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", "def double(x): return 2 * x\nlazy import colorsys\nnumbers = [1, 2]\n");
        sandbox.snapcli(&["save", "--strict", "script.py"]).assert_code(0);
        let code = "import dill; dill.load_module('session.pkl'); print(double(numbers[1]), colorsys.__name__)";
        sandbox.python(&["-c", code]).assert_stdout("4 colorsys\n");
        let run = sandbox.python(&["-c", "import dill; dill.dumps(lambda: 1)"]);
        assert!(run.err().contains("'co_lnotab'"), "dill can do it now: mend docs/dill.md\n{}", run.whole());
    }
}

#[test]
fn inspect_knows_the_new_forms() {
    for python in pythons_since(15) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", SYNTAX_315[0]);
        sandbox.snapcli(&["save", "--strict", "-q", "script.py"]).assert_code(0);
        let shown = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
        let of = |name: &str| {
            let variables = shown["variables"].as_array().unwrap().iter();
            let found = variables.clone().find(|variable| variable["name"] == name);
            found.unwrap_or_else(|| panic!("no {name} in {shown}")).clone()
        };
        assert_eq!(of("colorsys")["preview"], "lazy import colorsys");
        assert_eq!(of("xml_format")["preview"], "lazy from plistlib import FMT_XML");
        assert_eq!(of("colorsys")["kind"], "import");
        assert_eq!(of("frozen")["preview"], "frozendict({'a': 1, 'b': [1, 2], 'c': frozendict({'d': ()})})");
        assert_eq!((&of("frozen")["items"], &of("MISSING")["preview"]), (&3.into(), &"MISSING".into()));
        let verdict = sandbox.snapcli(&["inspect", "--verdict", "session.pkl"]);
        assert!(!verdict.out().contains("dangerous"), "{}", verdict.whole());
    }
}

/// Functions of all kinds: each is kept, and gives the same result as before.
#[test]
fn two_hundred_functions_of_all_kinds_are_kept() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", FUNCTIONS);
        sandbox.snapcli(&["save", "--strict", "script.py"]).assert_code(0);
        let code = "print(len(checks), failures())";
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", code]).assert_stdout("200 []\n").assert_code(0);
        let plain = format!("import dill; dill.load_module('session.pkl'); {code}");
        sandbox.python(&["-W", "error", "-c", &plain]).assert_stdout("200 []\n").assert_code(0);
    }
}

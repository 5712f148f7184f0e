//! What `save --verify` calls the same is the same, by a comparison that does not pickle: `suites/equal_walk.py` walks
//! through each variable of a session, in the process that saved it and in one that restored it, and describes types,
//! attributes, slots, the memory of arrays, and which parts are shared. The save itself compares objects as well
//! (`session/structure`). This is another implementation, and it compares values, too: neither is believed alone.
//!
//! Variables that `--verify` reports, or that carry a note, are left out, and so is what takes objects from them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};
use crate::sessions_that_break_dill::{FamilyScript, rows_that_load};

const WALK: &str = include_str!("suites/equal_walk.py");
const SITE: &str = include_str!("suites/equal_site.py");
const KINDS: &str = include_str!("suites/equal_kinds.py");

/// Modules of the standard library that are run as scripts in the quick tier.
const QUICK: [&str; 12] = [
    "argparse.py",
    "calendar.py",
    "configparser.py",
    "dataclasses.py",
    "email/message.py",
    "functools.py",
    "heapq.py",
    "pickletools.py",
    "random.py",
    "string.py",
    "typing.py",
    "xml/dom/minidom.py",
];
/// Those of the full tier.
const FULL: [&str; 61] = [
    "_pydecimal.py",
    "ast.py",
    "bisect.py",
    "cmd.py",
    "code.py",
    "codeop.py",
    "collections/__init__.py",
    "colorsys.py",
    "concurrent/futures/_base.py",
    "contextlib.py",
    "copy.py",
    "copyreg.py",
    "csv.py",
    "datetime.py",
    "decimal.py",
    "difflib.py",
    "encodings/aliases.py",
    "fileinput.py",
    "fnmatch.py",
    "fractions.py",
    "ftplib.py",
    "getopt.py",
    "gettext.py",
    "glob.py",
    "hashlib.py",
    "html/entities.py",
    "html/parser.py",
    "http/cookiejar.py",
    "http/cookies.py",
    "json/encoder.py",
    "keyword.py",
    "linecache.py",
    "mailbox.py",
    "mimetypes.py",
    "numbers.py",
    "opcode.py",
    "operator.py",
    "optparse.py",
    "pathlib.py",
    "plistlib.py",
    "posixpath.py",
    "pydoc_data/topics.py",
    "queue.py",
    "quopri.py",
    "reprlib.py",
    "sched.py",
    "selectors.py",
    "shelve.py",
    "shlex.py",
    "stat.py",
    "statistics.py",
    "struct.py",
    "subprocess.py",
    "symtable.py",
    "tempfile.py",
    "textwrap.py",
    "this.py",
    "token.py",
    "types.py",
    "urllib/parse.py",
    "weakref.py",
];
/// Tests of dill that change no object while they are pickled.
const DILL_TESTS: [&str; 14] = [
    "test_abc.py",
    "test_classdef.py",
    "test_dictviews.py",
    "test_extendpickle.py",
    "test_fglobals.py",
    "test_functions.py",
    "test_functors.py",
    "test_mixins.py",
    "test_module.py",
    "test_nested.py",
    "test_properties.py",
    "test_recursive.py",
    "test_restricted.py",
    "test_weakref.py",
];

/// How many variables and objects were compared.
#[derive(Default)]
struct Compared {
    variables: u64,
    lines: u64,
    wrong: String,
}

/// Saves the session of a script with `--verify`, restores it, and compares both. Returns whether the script could be
/// compared: some modules of the library cannot be run, or have variables that cannot be restored.
fn compare(sandbox: &Sandbox, script: &str, all: &mut Compared) -> bool {
    sandbox.clear();
    let folder = sandbox.out();
    fs::write(folder.join("equal_walk.py"), WALK).unwrap();
    fs::create_dir(folder.join("site")).unwrap();
    fs::write(folder.join("site/sitecustomize.py"), SITE).unwrap();
    let report = folder.join("report.json").display().to_string();
    let saved = sandbox
        .call_snapcli(&["save", "--verify", "--strict", "--report", &report, script])
        .env("PYTHONHASHSEED", "0")
        .env("PYTHONPATH", folder.join("site").display().to_string())
        .env("EQUAL_WALK", folder.display().to_string())
        .run();
    if !folder.join("before.json").exists() || !sandbox.work().join("session.pkl").exists() {
        return false;
    }
    let folder = folder.display();
    let code = format!(
        "import sys as _s; _s.path.append('{folder}'); import equal_walk as _w, json as _j; _s.__stdout__.write(\
         '\\nANSWER' + _j.dumps(_w.compare(globals(), '{folder}/report.json', '{folder}/before.json')))"
    );
    let call = sandbox.call_snapcli(&["restore", "session.pkl", "-c", &code]).env("PYTHONHASHSEED", "0");
    let restored = call.run();
    let answer = restored.out();
    let answer = answer.rsplit("ANSWER").next().unwrap_or_default();
    let Ok(answer) = serde_json::from_str::<Value>(answer) else {
        panic!("{script} was not compared\n{}\n{}", saved.whole(), restored.whole());
    };
    all.variables += answer["variables"].as_u64().unwrap();
    all.lines += answer["lines"].as_u64().unwrap();
    let name = Path::new(script).file_name().unwrap().to_string_lossy().into_owned();
    for (variable, what) in answer["wrong"].as_object().unwrap() {
        writeln!(all.wrong, "{name}: {variable}: {what}").unwrap();
    }
    true
}

fn library(sandbox: &Sandbox) -> String {
    sandbox.python(&["-c", "import os; print(os.path.dirname(os.__file__), end='')"]).out()
}

fn is_full_tier() -> bool {
    std::env::var_os("SNAPCLI_TEST_TIER").is_some_and(|tier| tier == "full")
}

#[test]
fn of_many_kinds_of_objects_only_those_are_called_the_same_that_are() {
    for python in pythons() {
        let stack = if python.version == main_python().version { Stack::Full } else { Stack::Dill };
        let sandbox = Sandbox::with(venv(python, stack));
        let script = sandbox.out().parent().unwrap().join("equal_kinds.py");
        fs::write(&script, KINDS).unwrap();
        let mut all = Compared::default();
        assert!(compare(&sandbox, &script.display().to_string(), &mut all), "{} was not compared", python.label());
        assert!(all.wrong.is_empty(), "called the same under Python {}, but different:\n{}", python.label(), all.wrong);
        assert!(all.variables >= 200 && all.lines > 3000, "only {} variables, {} lines", all.variables, all.lines);
    }
}

#[test]
fn of_standard_library_modules_only_those_variables_are_called_the_same_that_are() {
    let sandbox = Sandbox::new();
    let library = library(&sandbox);
    let mut all = Compared::default();
    let more: &[&str] = if is_full_tier() { &FULL } else { &[] };
    let scripts: Vec<_> = QUICK.iter().chain(more).collect();
    let compared = scripts.iter().filter(|script| compare(&sandbox, &format!("{library}/{script}"), &mut all)).count();
    assert!(all.wrong.is_empty(), "called the same, but different:\n{}", all.wrong);
    assert!(compared * 10 >= scripts.len() * 9, "only {compared} of {} modules were compared", scripts.len());
    assert!(all.variables > 300 && all.lines > 10_000, "only {} variables, {} lines", all.variables, all.lines);
}

#[test]
fn of_dills_own_tests_only_those_variables_are_called_the_same_that_are() {
    let sandbox = Sandbox::new();
    let find = "import os, dill.tests; print(os.path.dirname(dill.tests.__file__), end='')";
    let tests = sandbox.python(&["-c", find]).out();
    let mut all = Compared::default();
    let scripts = if is_full_tier() { &DILL_TESTS[..] } else { &DILL_TESTS[..6] };
    for script in scripts {
        assert!(compare(&sandbox, &format!("{tests}/{script}"), &mut all), "{script} was not compared");
    }
    assert!(all.wrong.is_empty(), "called the same, but different:\n{}", all.wrong);
    assert!(all.variables > 50, "only {} variables", all.variables);
}

/// The sessions of the table of objects that break dill, each in one script with its helper modules.
#[test]
fn of_the_sessions_that_break_dill_only_those_variables_are_called_the_same_that_are() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let rows = rows_that_load();
    let mut all = Compared::default();
    let mut compared = 0;
    let is_quick = |family: &str| family != "libraries";
    for FamilyScript { family, script, files } in rows.iter().filter(|row| is_full_tier() || is_quick(&row.family)) {
        let folder = sandbox.out().parent().unwrap().join("rows");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let path = folder.join(format!("{family}.py"));
        fs::write(&path, script).unwrap();
        compared += usize::from(compare(&sandbox, &path.display().to_string(), &mut all));
    }
    assert!(all.wrong.is_empty(), "called the same, but different:\n{}", all.wrong);
    assert!(compared >= 6 && all.variables > 200, "only {compared} families, {} variables", all.variables);
}

/// Sets of weak references pickle as lists, in the order of the addresses of their members.
#[test]
fn two_saves_of_a_weak_set_compare_equal() {
    let sandbox = Sandbox::new();
    let script = "
import random, weakref
class Member:
    def __init__(self, n): self.n = n
class Registry:
    members = weakref.WeakSet()
numbers = list(range(12))
random.shuffle(numbers)
made = {n: Member(n) for n in numbers}
items = [made[n] for n in range(12)]
del made, numbers
for item in items: Registry.members.add(item)
alone = weakref.WeakSet(items)
class Own(weakref.WeakSet): pass
own = Own(items)
del item
";
    sandbox.write("script.py", script);
    for file in ["first.pkl", "second.pkl", "third.pkl"] {
        sandbox.snapcli(&["save", "-q", "-o", file, "script.py"]).assert_code(0);
    }
    sandbox.snapcli(&["diff", "first.pkl", "second.pkl"]).assert_code(0);
    sandbox.snapcli(&["diff", "second.pkl", "third.pkl"]).assert_code(0);
}

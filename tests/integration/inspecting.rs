//! `inspect` describes a snapshot from its index alone, and finds the same unsavable variables in a script as dill.

use std::fs;
use std::os::unix::fs::FileExt;

use crate::env::{Sandbox, pythons};
use crate::skipped::skipped;

const SESSION: &str = "
import sqlite3
import numpy as np
grid = np.zeros((3, 4), dtype='int16')
records = [{'id': n} for n in range(50)]
def double(x, *, by=2): return x * by
class Model: pass
connection = sqlite3.connect(':memory:')
";

fn with_session() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SESSION);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox
}

#[test]
fn a_snapshot_is_described_without_python() {
    let sandbox = with_session();
    // No Python can be started: SNAPCLI_PYTHON does not exist.
    let run = sandbox.call_snapcli(&["inspect"]).env("SNAPCLI_PYTHON", "/nonexistent").env("PATH", "").run();
    run.assert_code(0).assert_stderr("");
    let text = run.out();
    assert!(text.starts_with("session.pkl: snapshot with 4 variables and 2 imports, "), "{text}");
    let row = |name: &str| {
        let line =
            text.lines().find(|line| line.starts_with(&format!("  {name} "))).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(row("grid").starts_with("grid numpy.ndarray ") && row("grid").contains("3×4 int16 [0, 0, 0"), "{text}");
    assert!(row("records").contains(" 50 [{'id': 0}, {'id': 1}, "), "{text}");
    assert!(row("double").ends_with("double(x, *, by)"), "{text}");
    assert!(row("Model").ends_with("class __main__.Model"), "{text}");
    assert!(text.contains("could not be saved:\n  connection (sqlite3.Connection, line 8): TypeError"), "{text}");
}

#[test]
fn options_may_follow_the_file() {
    let sandbox = with_session();
    let json = sandbox.snapcli(&["inspect", "session.pkl", "--json", "--sort", "name"]).json();
    assert_eq!(json["variables"][0]["name"], "Model");
    sandbox.snapcli(&["inspect", "--strict", "script.py"]).assert_code(3);
    sandbox.snapcli(&["inspect", "session.pkl", "--strict"]).assert_code(0);
    sandbox.snapcli(&["inspect", "session.pkl", "--nonsense"]).assert_code(2);
    let run = sandbox.snapcli(&["inspect", "session.pkl", "other.pkl"]);
    run.assert_code(2);
    assert!(run.err().contains("session.pkl is read as a snapshot, which takes no arguments"), "{}", run.whole());
    // Arguments after a script belong to the script.
    sandbox.write("told.py", "import sys\nwords = sys.argv[1:]\n");
    let run = sandbox.snapcli(&["inspect", "told.py", "--json"]);
    run.assert_code(0);
    assert!(run.out().starts_with("told.py: "), "{}", run.whole());
}

#[test]
fn bad_shows_the_variables_that_failed() {
    let sandbox = with_session();
    let run = sandbox.snapcli(&["inspect", "--bad", "session.pkl"]);
    run.assert_code(0);
    assert!(run.out().starts_with("session.pkl: 1 variable cannot be saved\n  connection "), "{}", run.whole());
    let json = sandbox.snapcli(&["inspect", "--bad", "--json"]).json();
    assert_eq!(json["left_out"].as_array().unwrap().len(), 1);
    assert_eq!(json["variables"].as_array().unwrap().len(), 0);
}

#[test]
fn a_trace_shows_the_pickled_contents_of_a_variable() {
    let sandbox = with_session();
    let run = sandbox.snapcli(&["inspect", "--trace", "records"]);
    run.assert_code(0);
    assert!(run.out().contains("list") && run.out().contains("dict"), "{}", run.whole());
    let run = sandbox.snapcli(&["inspect", "--trace", "double", "script.py"]);
    run.assert_code(0);
    assert!(run.out().contains("function"), "{}", run.whole());
    let run = sandbox.snapcli(&["inspect", "--trace", "nobody"]);
    run.assert_code(2)
        .assert_stderr("snapcli: there is no variable nobody\n  for all names: snapcli inspect session.pkl\n");
}

#[test]
fn unsavable_variables_of_a_script_match_dill_detect() {
    let script = r#"
import collections, helper_module, socket, sqlite3, sys, threading
good = {"a": [1, 2]}
def function(x): return x
class Plain:
    def __init__(self): self.x = 1
plain = Plain()
lock = threading.Lock()
connection = sqlite3.connect(":memory:")
plug = socket.socket()
nested = {"deep": [connection]}
frame = sys._getframe()
class Broken(Exception):
    def __init__(self, left, right): super().__init__(left)
broken = Broken(1, 2)
counter = collections.Counter("abc")
class Refuses:
    def __reduce__(self): raise RuntimeError("not me")
refuses = Refuses()
view = memoryview(b"abc")
point = collections.namedtuple("Point", "x y")(1, 2)
"#;
    let ask_dill = r#"
import json, runpy, sys, warnings
import dill, dill.detect
import __main__
# Runs in the very namespace of __main__, as a script does.
exec(compile(open("script.py").read(), "script.py", "exec"), __main__.__dict__)
skip = {"json", "runpy", "sys", "warnings", "dill"}
answer = {}
for name, value in list(vars(__main__).items()):
    if name.startswith("_") or name in skip or name in ("skip", "answer", "name", "value"):
        continue
    if dill.detect.baditems([value], safe=True) if False else not dill.pickles(value, safe=True):
        error = dill.detect.errors(value)
        answer[name] = f"{type(error).__name__}: {error}"
print("ANSWER" + json.dumps(answer))
"#;
    for python in pythons() {
        let sandbox = Sandbox::with(crate::env::venv(python, crate::env::Stack::Dill));
        sandbox.write("helper_module.py", "");
        sandbox.write("script.py", script);
        let dill = sandbox.python(&["-c", ask_dill]);
        let answer = dill.out().split("ANSWER").nth(1).map(str::to_owned).unwrap_or_else(|| panic!("{}", dill.whole()));
        let mut answer: serde_json::Map<String, serde_json::Value> = serde_json::from_str(answer.trim()).unwrap();
        // snapcli saves the exception, which dill cannot load.
        assert!(answer.remove("broken").is_some());
        let run = sandbox.snapcli(&["inspect", "--json", "--whole", "script.py"]);
        let mut ours = serde_json::Map::new();
        for item in run.json()["left_out"].as_array().unwrap() {
            let error = item["error"].as_str().unwrap();
            let error = error.strip_prefix("cannot be loaded: ").unwrap_or(error);
            // snapcli also names the error's module.
            let error = error.strip_prefix("_pickle.").or(error.strip_prefix("pickle.")).unwrap_or(error);
            ours.insert(item["name"].as_str().unwrap().to_owned(), error.into());
        }
        assert!(answer.len() >= 6, "{answer:#?}");
        assert_eq!(ours, answer, "under Python {}\n{}", python.label(), run.whole());
    }
}

#[test]
fn inspecting_a_script_saves_nothing_and_reports_on_stdout() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        "import sys\nprint('from the script', sys.argv)\nx = [1]\nlog = open('log.txt', 'w')\n\
        log.write('kept'); log.flush()\nrows = memoryview(b'abc')\n",
    );
    let run = sandbox.snapcli(&["inspect", "--json", "script.py", "a"]);
    run.assert_code(0).assert_stderr("from the script ['script.py', 'a']\n");
    let json = run.json();
    assert_eq!(json["format"], "script");
    assert_eq!(json["variables"][1]["name"], "x");
    assert_eq!(json["left_out"][0]["name"], "rows");
    assert_eq!(fs::read_to_string(sandbox.work().join("log.txt")).unwrap(), "kept");
    assert!(!sandbox.work().join("session.pkl").exists());
    sandbox.snapcli(&["inspect", "--strict", "script.py"]).assert_code(3);
    sandbox.snapcli(&["inspect", "-c", "x = 1"]).assert_code(0);
}

#[test]
fn kinds_of_foreign_pickles_are_distinguished() {
    let sandbox = Sandbox::new();
    let write = "
import dill, pickle
import numpy as np
numbers = [1, 2]
def double(x): return 2 * x
grid = np.zeros(3)
dill.dump_module('main.pkl')
pickle.dump({'a': 1, 'b': [2]}, open('dict.pkl', 'wb'))
pickle.dump([1, 2, 3], open('list.pkl', 'wb'), protocol=0)
";
    sandbox.python(&["-c", write]).assert_code(0);
    let inspect = |file: &str| {
        let json = sandbox.snapcli(&["inspect", "--json", file]).json();
        let rows = json["variables"].as_array().unwrap().iter();
        let rows = rows.map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["type"].as_str().unwrap()));
        let rows = rows.filter(|row| !row.starts_with("__")).collect::<Vec<_>>().join(", ");
        format!("{}: {rows}", json["format"].as_str().unwrap())
    };
    let main = inspect("main.pkl");
    assert!(main.starts_with("dill-session: "), "{main}");
    for part in ["numbers list", "double function", "grid numpy.ndarray", "np module"] {
        assert!(main.contains(part), "{main}");
    }
    assert_eq!(inspect("dict.pkl"), "pickled-dict: a int, b list");
    assert!(inspect("list.pkl").starts_with("pickle: "), "{}", inspect("list.pkl"));
    let tree = sandbox.snapcli(&["inspect", "--trace", "obj", "list.pkl"]);
    tree.assert_code(0);
    assert!(tree.out().contains("obj: list"), "{}", tree.whole());
}

#[test]
fn names_from_a_file_cannot_control_the_terminal() {
    let sandbox = Sandbox::new();
    let script = "import dill; globals()['a\\x1b[2Jb'] = 1; dill.dump_module('session.pkl')";
    sandbox.python(&["-c", script]).assert_code(0);
    let run = sandbox.snapcli(&["inspect"]);
    run.assert_code(0);
    assert!(!run.out().contains('\x1b') && run.out().contains("\\x1b[2Jb"), "{}", run.whole());
}

#[test]
fn a_closed_output_pipe_is_not_an_error() {
    let sandbox = with_session();
    let run = sandbox.call_snapcli(&["inspect"]).stdout(crate::env::Stdout::Closed).run();
    run.assert_code(0).assert_stderr("");
}

#[test]
fn every_failing_object_is_reported_with_its_path() {
    let sandbox = Sandbox::new();
    let script = "
import sqlite3
class Holder:
    def __init__(self, inner): self.inner = inner
def generator(): return memoryview(b'abc')
def keep(thing):
    def inner(): return thing
    return inner
one = sqlite3.connect(':memory:')
bad = {'db': Holder(one), 'fine': [1, 2], 'rows': [3, generator()], 'again': one, 'closure': keep(iter(generator, 1))}
single = [generator()]
";
    sandbox.write("script.py", script);
    let json = sandbox.snapcli(&["inspect", "--json", "--whole", "--exclude", "one", "script.py"]).json();
    let faults = |name: &str| {
        let items = json["left_out"].as_array().unwrap();
        let item = items.iter().find(|item| item["name"] == name).unwrap();
        let all = item["faults"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|fault| (fault["where"].as_str().unwrap().to_owned(), fault["type"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let expected = [
        ("bad['db'].inner", "sqlite3.Connection"),
        ("bad['rows'][1]", "memoryview"),
        ("bad['closure'].__closure__['thing']", "callable_iterator"),
    ];
    let expected: Vec<_> = expected.iter().map(|(path, kind)| ((*path).to_owned(), (*kind).to_owned())).collect();
    let found = faults("bad");
    assert_eq!(found[..2], expected[..2], "{found:?}");
    assert!(faults("single").is_empty(), "one object is at fault: its path is told as ever");
    let few = sandbox.snapcli(&["inspect", "--bad", "--whole", "--exclude", "one", "script.py"]).out();
    assert!(few.contains("          also: bad['rows'][1] (memoryview): TypeError"), "{few}");
    let github =
        sandbox.snapcli(&["inspect", "--format", "github", "--strict", "--whole", "--exclude", "one", "script.py"]);
    github.assert_code(3);
    let lines: Vec<String> = github.out().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{}", github.whole());
    assert!(
        lines[1].starts_with("::error file=") && lines[1].contains(",line=11,title=single cannot be saved::single"),
        "{}",
        lines[1]
    );
}

/// Python would run all of these, and so would a program that takes any file that is not a pickle for a script.
#[test]
fn only_files_named_as_scripts_are_run() {
    let sandbox = Sandbox::new();
    let canary = "open('ran', 'w').close()\n";
    sandbox.write("session.pkl", canary);
    sandbox.write("model", format!("#!/usr/bin/env python3\n{canary}"));
    sandbox.write("folder/__main__.py", canary);
    let zip =
        "import zipfile; zipfile.ZipFile('model.zip', 'w').writestr('__main__.py', 'open(\"ran\", \"w\").close()')";
    sandbox.python(&["-c", zip]).assert_code(0);
    for (words, code, says) in [
        (&["session.pkl"][..], 4, "--script"),
        (&["session.pkl", "argument"], 2, "--script"),
        (&["model"], 4, "--script"),
        (&["model.zip"], 4, "zip"),
        (&["folder"], 2, "--script"),
    ] {
        let mut all = vec!["inspect"];
        all.extend(words);
        let run = sandbox.snapcli(&all);
        run.assert_code(code);
        assert!(run.err().contains(says), "{words:?}\n{}", run.whole());
        assert!(!sandbox.work().join("ran").exists(), "{words:?}");
    }
    for path in ["session.pkl", "model", "folder", "model.zip"] {
        sandbox.snapcli(&["inspect", "--script", path]).assert_code(0);
        fs::remove_file(sandbox.work().join("ran")).unwrap();
    }
}

#[test]
fn a_named_pipe_is_read_once() {
    let sandbox = Sandbox::new();
    sandbox.python(&["-c", "import os; os.mkfifo('pipe')"]).assert_code(0);
    let pipe = sandbox.work().join("pipe");
    let feeder = std::thread::spawn(move || fs::write(pipe, "no pickle\n"));
    sandbox.call_snapcli(&["inspect", "pipe"]).timeout(std::time::Duration::from_secs(300)).run().assert_code(4);
    feeder.join().unwrap().unwrap();
}

/// A link of a stranger's archive may lead to one, and it may have no end.
#[test]
fn a_device_is_not_read() {
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("/dev/zero", sandbox.work().join("session.pkl")).unwrap();
    for words in [&["inspect"][..], &["verify"], &["restore", "-c", "0"], &["restore", "--trust", "-c", "0"]] {
        let run = sandbox.snapcli(words);
        run.assert_code(2);
        assert!(run.err().contains("this is a device: pass a file"), "{}", run.whole());
    }
}

/// A file of a terabyte that ends with STOP; all after `start` is a hole, so that it takes no room on the disk.
/// `None` if the file system has no such files.
fn file_of_a_terabyte(sandbox: &Sandbox, start: &[u8]) -> Option<()> {
    let file = fs::OpenOptions::new().write(true).open(sandbox.write("session.pkl", start)).unwrap();
    (file.set_len(TERABYTE).is_ok() && file.write_all_at(b".", TERABYTE - 1).is_ok()).then_some(())
}

const TERABYTE: u64 = 1 << 40;

/// To validate the string, or to search for the end of the line, would take an hour.
#[test]
fn a_string_that_is_longer_than_memory_is_refused_unread() {
    let string = [&[0x80, 5, 0x8d][..], &(TERABYTE - 12).to_le_bytes()].concat();
    let in_list = [&[0x80, 4, b']', b'K', 1, 0x8d][..], &(TERABYTE - 16).to_le_bytes()].concat();
    for (start, problem) in [
        (string.as_slice(), "longer than the memory of this machine"),
        (&in_list, "longer than the memory of this machine"),
        (b"V", "more than 1 GiB"),
        (b"cos\n", "more than 1 GiB"),
    ] {
        let sandbox = Sandbox::new();
        if file_of_a_terabyte(&sandbox, start).is_none() {
            return skipped("the file system has no files of a terabyte");
        }
        let words = [
            &["inspect"][..],
            &["verify"],
            &["diff", "session.pkl", "session.pkl"],
            &["restore", "-c", "0"],
            &["restore", "--trust", "-c", "0"],
        ];
        for words in words {
            let run = sandbox.snapcli(words);
            run.assert_code(4);
            let shown = run.out() + &run.err();
            assert!(shown.contains(problem), "{}", run.whole());
        }
    }
}

#[test]
fn a_value_that_memory_has_no_room_for_is_an_error() {
    for opcode in [0x8e, 0x96] {
        let sandbox = Sandbox::new();
        let start = [&[0x80, 5, opcode][..], &(TERABYTE - 12).to_le_bytes()].concat();
        if file_of_a_terabyte(&sandbox, &start).is_none() {
            return skipped("the file system has no files of a terabyte");
        }
        for words in [&["restore", "-c", "0"][..], &["restore", "--trust", "-c", "0"]] {
            let run = sandbox.snapcli(words);
            run.assert_code(7);
            // CPython itself complains of the bytearray that it could not make.
            let last = run.err().lines().last().unwrap_or_default().to_owned();
            assert_eq!(last, "snapcli: cannot restore session.pkl: out of memory (see `ulimit -v`)", "{}", run.whole());
        }
    }
}

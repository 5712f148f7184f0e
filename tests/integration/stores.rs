//! Stores: folders that hold many snapshots, and each object in them once. What goes in comes out again, byte for byte;
//! what did not change costs nothing; whatever changed is seen.

use std::fs;
use std::path::Path;

use crate::env::{Run, Sandbox};

mod changed_bytes;
mod compressed_objects;
mod damaged_names;
mod damaged_stores;
mod dry_runs;
mod exported_files;
mod full_disks;
mod incomplete_copies;
mod incomplete_files;
mod killed_saves;
mod last_good;
mod long_segments;
mod many_variables;
mod rotten_objects;
mod running_snapshots;
mod shared_objects;
mod sparse_buffers;
mod unnamed_snapshots;

/// The sum of the lengths of all files below a folder.
fn bytes_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let length = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => bytes_of(&entry.path()),
        false => entry.metadata().unwrap().len(),
    };
    entries.map(length).sum()
}

/// The paths of all files below a folder that are objects or snapshots.
fn files_of(store: &Path) -> Vec<std::path::PathBuf> {
    let folders = ["objects", "snapshots"].map(|folder| store.join(folder));
    let mut files: Vec<_> =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect();
    files.sort();
    files
}

fn run(sandbox: &Sandbox, words: &[&str]) -> Run {
    let run = sandbox.snapcli(words);
    run.assert_code(0);
    run
}

/// The index of a file, without what differs between two saves of the same session.
fn index_of(file: &[u8]) -> serde_json::Value {
    let trailer = &file[file.len() - 96..];
    let number = |at: usize| u64::from_le_bytes(trailer[at..at + 8].try_into().unwrap()) as usize;
    let mut index: serde_json::Value = serde_json::from_slice(&file[number(8)..number(8) + number(16)]).unwrap();
    index["created"] = "".into();
    index["script"]["seconds"] = 0.into();
    index
}

fn pickle_of(file: &[u8]) -> &[u8] {
    &file[..u64::from_le_bytes(file[file.len() - 88..file.len() - 80].try_into().unwrap()) as usize]
}

/// Aliases, views, classes, closures, slots, large bytes, arrays that share memory, state of another module.
const SESSION: &str = r#"
import random, sys
import numpy as np
import settings
random.seed(4)
settings.MODE = "fast"
xs = [1, 2, 3]
alias = xs
base = np.arange(50_000.0)
view = base[::2]
part = base[100:200]
readonly = np.arange(20_000); readonly.flags.writeable = False
objects = np.array([xs, {"a": xs}], dtype=object)
large = bytes(range(256)) * 1000
both = (large, base, large)
text = "é" * 100_000
words = [str(n) for n in range(2000)]
cyclic = [alias]; cyclic.append(cyclic)
class Point:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
point = Point(1, xs)
def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count, xs
    return step
step = counter()
step()
many = [[n] for n in range(400)]
shared = [many[0], many[300], many[399], point, step]
"#;

#[test]
fn an_exported_snapshot_is_what_a_save_to_a_file_writes() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "MODE = 'slow'\n");
    sandbox.write("session.py", SESSION);
    for number in ["1", "2"] {
        run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "session.py", number]);
    }
    run(&sandbox, &["save", "-q", "-o", "file.pkl", "session.py", "2"]);
    run(&sandbox, &["export", "-q", "runs.snaps/@2", "-o", "exported.pkl"]);
    let [file, exported] = ["file.pkl", "exported.pkl"].map(|name| fs::read(sandbox.work().join(name)).unwrap());
    assert!(pickle_of(&file) == pickle_of(&exported));
    assert_eq!(index_of(&file), index_of(&exported));
    run(&sandbox, &["verify", "-q", "exported.pkl"]);
    // The signature is that of the same user.
    let checked = "xs is alias, view.base is base, point.y is xs, step() == (2, xs), shared[1] is many[300]";
    let trusted = "(True, True, True, True, True)\n";
    for snapshot in ["exported.pkl", "runs.snaps/", "runs.snaps/@1", "runs.snaps/snapshots/00000002.snap"] {
        run(&sandbox, &["restore", snapshot, "-c", checked]).assert_stdout(trusted);
    }
    let dill =
        "import dill; d = dill.load_module_asdict('exported.pkl'); print(d['xs'] is d['alias'], len(d['words']))";
    let dill = sandbox.python(&["-c", dill]);
    dill.assert_stdout("True 2000\n");
    run(&sandbox, &["diff", "file.pkl", "runs.snaps/@2"]);
    run(&sandbox, &["diff", "runs.snaps/@1", "runs.snaps/@2"]);
}

#[test]
fn a_hundred_small_changes_take_less_than_two_kilobytes_each() {
    let sandbox = Sandbox::new();
    let script = r#"
import pathlib, snapcli
def size(): return sum(f.stat().st_size for f in pathlib.Path("runs.snaps").rglob("*") if f.is_file())
names = {}
numbers = list(range(100))
table = {"a": 1.5, "b": [None, True]}
title = "a session"
def area(r): return 3 * r * r
class Point:
    def __init__(self): self.x = 0
points = [Point() for _ in range(5)]
snapcli.save("runs.snaps/")
before = first = size()
added = []
for round in range(100):
    [lambda: numbers.append(round), lambda: table.update(a=round), lambda: setattr(points[2], "x", round),
     lambda: globals().update(title=f"title {round}"), lambda: names.update({str(round): round})][round % 5]()
    report = snapcli.save("runs.snaps/")
    assert report.complete and report.path == f"runs.snaps/@{round + 2}", report.path
    added.append(size() - before)
    before = size()
print(max(added) <= 2000, len(added))
"#;
    sandbox.write("many.py", script);
    let saved = sandbox.snapcli(&["save", "-q", "-o", "last.pkl", "many.py"]);
    saved.assert_code(0).assert_stdout("True 100\n");
    for number in [1, 2, 50, 100, 101] {
        let snapshot = format!("runs.snaps/@{number}");
        let count = (number - 2) / 5 + 1;
        let code = "len(numbers) - 100, round if 'round' in globals() else None, len(points)";
        let expected = match number {
            1 => "(0, None, 5)\n".to_owned(),
            _ => format!("({count}, {}, 5)\n", number - 2),
        };
        run(&sandbox, &["restore", &snapshot, "-c", code]).assert_stdout(&expected);
    }
    run(&sandbox, &["verify", "runs.snaps/"]);
}

#[test]
fn only_a_changed_array_is_written_again() {
    let sandbox = Sandbox::new();
    let script = r#"
import pathlib, snapcli
import numpy as np
def size(): return sum(f.stat().st_size for f in pathlib.Path("runs.snaps").rglob("*") if f.is_file())
for n in range(20): globals()[f"array{n}"] = np.full(125_000, n)
for n in range(300): globals()[f"small{n}"] = {"n": n, "list": [n] * 3}
for n in range(50): exec(f"def function{n}(x): return x + {n}")
counter = 0
changing = np.arange(125_000)
snapcli.save("runs.snaps/")
before = size()
counter += 1
changing[77] = -1
report = snapcli.save("runs.snaps/")
print(1_000_000 < size() - before < 1_020_000)
import gc
before = size()
snapcli.save("runs.snaps/")
print(size() - before < 2000)
"#;
    sandbox.write("large.py", script);
    let saved = sandbox.snapcli(&["save", "-q", "-o", "last.pkl", "large.py"]);
    saved.assert_code(0).assert_stdout("True\nTrue\n");
    let code = "counter, int(changing[77]), int(array3[5]), function7(1), small299['n']";
    run(&sandbox, &["restore", "runs.snaps/@1", "-c", code]).assert_stdout("(0, 77, 3, 8, 299)\n");
    run(&sandbox, &["restore", "runs.snaps/@2", "-c", code]).assert_stdout("(1, -1, 3, 8, 299)\n");
    let mapped = "array3[5] = 9; changing[77] += 1; print(array3[5], changing[77], changing.flags.writeable)";
    run(&sandbox, &["restore", "--mmap", "runs.snaps/@2", "-c", mapped]).assert_stdout("9 0 True\n");
    // What was written to a mapped array stays in that process.
    run(&sandbox, &["restore", "--mmap", "runs.snaps/@2", "-c", code]).assert_stdout("(1, -1, 3, 8, 299)\n");
    let changed = sandbox.snapcli(&["diff", "runs.snaps/@1", "runs.snaps/@2"]);
    changed.assert_code(1);
    for line in ["~ counter: int 0 → 1", "~ changing: numpy.ndarray 125000 int64, changing[77]", "+ before"] {
        assert!(changed.out().contains(line), "{line}\n{}", changed.whole());
    }
    assert!(changed.out().contains("2 changed"), "{}", changed.whole());
}

/// Each round changes something in another way; the names that differ from the round before, with the code that says
/// what is there.
const WAYS: [(&str, &str, &str); 9] = [
    ("alias.append(4)", "xs", "xs == [1, 2, 3, 4] and xs is alias"),
    ("view[3] = -1", "base", "base[6] == -1 and view.base is base"),
    ("memoryview(buffer)[5] = 7", "buffer", "buffer[5] == 7"),
    ("import ctypes; ctypes.memset(base.ctypes.data + 80, 255, 8)", "base", "base[10] != base[10]"),
    ("xs = xs", "", "xs is alias"),
    ("other = xs; del alias", "alias", "other is xs and 'alias' not in globals()"),
    ("point.x = 5", "point", "point.x == 5"),
    ("step()", "step", "step() == 2"),
    ("xs = (1, 2)", "xs", "xs == (1, 2)"),
];

const CHANGING: &str = "
import snapcli
import numpy as np
import ctypes
xs = [1, 2, 3]
alias = xs
base = np.arange(50_000.0)
view = base[::2]
buffer = bytearray(100_000)
class Point:
    __slots__ = ('x',)
point = Point()
point.x = 1
def make():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step
step = make()
snapcli.save('runs.snaps/')
";

#[test]
fn every_way_to_change_something_is_seen() {
    let sandbox = Sandbox::new();
    let mut script = CHANGING.to_owned();
    for (change, ..) in WAYS {
        script.push_str(&format!("{change}\nsnapcli.save('runs.snaps/')\n"));
    }
    sandbox.write("changes.py", script);
    run(&sandbox, &["save", "-q", "-o", "last.pkl", "changes.py"]);
    for (number, (change, name, code)) in (2..).zip(WAYS) {
        let snapshot = format!("runs.snaps/@{number}");
        run(&sandbox, &["restore", &snapshot, "-c", &format!("bool({code})")]).assert_stdout("True\n");
        let difference = sandbox.snapcli(&["diff", "--json", &format!("runs.snaps/@{}", number - 1), &snapshot]);
        let changes = difference.json()["changes"].to_string();
        assert!(name.is_empty() || changes.contains(&format!("\"{name}\"")), "{change}: {}", difference.whole());
        // Each is what a save to a file has.
        run(&sandbox, &["verify", "-q", &snapshot]);
    }
    let log = run(&sandbox, &["log", "--json", "runs.snaps/"]).json();
    assert_eq!(log["snapshots"][WAYS.len() - 5]["changed_count"], 0, "{log:#}");
}

const NUMBERED: &str = "
import sys
n = int(sys.argv[1])
def fail(x):
    local = [x]
    raise ValueError(local)
if n == 3: fail(n)
";

#[test]
fn names_messages_and_the_newest_snapshot() {
    let sandbox = Sandbox::new();
    sandbox.write("run.py", NUMBERED);
    let save = |number: &str, more: &[&str]| {
        sandbox.snapcli(&[&["save", "-o", "runs.snaps"], more, &["run.py", number]].concat())
    };
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "--name", "best", "--message", "première", "run.py", "1"]);
    save("2", &["--name", "last-one"]).assert_code(0);
    let crash = save("3", &[]);
    crash.assert_code(1);
    assert!(
        crash.err().contains("the script failed; saved 2 variables and 1 import to runs.snaps/@3"),
        "{}",
        crash.whole()
    );
    for (snapshot, n) in [
        ("runs.snaps/", 2),
        ("runs.snaps", 2),
        ("runs.snaps/@best", 1),
        ("runs.snaps/@last-one", 2),
        ("runs.snaps/@crash", 3),
        ("runs.snaps/@3", 3),
    ] {
        run(&sandbox, &["restore", snapshot, "-c", "n"]).assert_stdout(&format!("{n}\n"));
        run(&sandbox, &["inspect", snapshot]);
    }
    run(&sandbox, &["export", "-q", "runs.snaps/@crash", "-o", "crash.pkl"]);
    run(&sandbox, &["verify", "-q", "crash.pkl"]);
    let [stored, file] = ["runs.snaps/@3", "crash.pkl"].map(|name| {
        let shown = run(&sandbox, &["inspect", name]).out();
        shown.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(stored, file);
    let log = run(&sandbox, &["log", "runs.snaps/"]);
    for text in ["@3 ", "run.py (exception)", "crash", "première", "best", "last-one", "1: n"] {
        assert!(log.out().contains(text), "{text}\n{}", log.whole());
    }
    assert_eq!(run(&sandbox, &["log", "-n", "1", "runs.snaps/"]).out().matches('@').count(), 1);
    // A name moves to the snapshot that got it last.
    save("4", &["--name", "best"]).assert_code(0);
    run(&sandbox, &["restore", "runs.snaps/@best", "-c", "n"]).assert_stdout("4\n");
    for (words, text) in [
        (&["restore", "runs.snaps/@9"][..], "runs.snaps has no snapshot @9: it has @1 to @4"),
        (&["restore", "runs.snaps/@bets"], "did you mean @best?"),
        (&["inspect", "runs.snap/@1"], "there is no store runs.snap: check its name"),
        (&["inspect", "run.py/@1"], "run.py is a file, and a store is a folder"),
        (&["verify", "home/"], "there is no store home"),
        (&["diff", "runs.snaps/@1", "runs.snaps/@7"], "runs.snaps has no snapshot @7"),
        (&["log", "run.py"], "run.py is a file, and a store is a folder"),
        (&["log", "."], ". is not a store"),
        (&["save", "-o", "runs.snaps/@4", "run.py", "5"], "snapshots of a store are never changed"),
        (&["save", "-o", "./", "run.py", "5"], "has other files in it and is not a store"),
        (&["save", "-o", "runs.snaps", "--name", "7", "run.py", "5"], "cannot name a snapshot"),
        (&["save", "-o", "runs.snaps", "--name", "a/b", "run.py", "5"], "cannot name a snapshot"),
        (&["save", "--name", "x", "run.py", "5"], "--name and --message are for snapshots in a store"),
        (&["export", "runs.snaps/@1", "-o", "runs.snaps/"], "is a store"),
    ] {
        let wrong = sandbox.snapcli(words);
        wrong.assert_code(2);
        assert!(wrong.err().contains(text), "{text}\n{}", wrong.whole());
    }
    assert!(!sandbox.work().join("session.pkl").exists());
    assert_eq!(run(&sandbox, &["log", "--json", "runs.snaps"]).json()["snapshot_count"], 4);
}

#[test]
fn the_python_api_saves_to_stores_and_restores_from_them() {
    let sandbox = Sandbox::new();
    let script = r#"
import snapcli, pathlib
xs = [1]
first = snapcli.save("runs.snaps/", name="one", message="first")
xs.append(2)
second = snapcli.save(pathlib.Path("runs.snaps"), only="xs", check=False, sync=False)
print(first.path, second.path, first.complete)
print(snapcli.load_dict("runs.snaps/@one", "xs"), snapcli.load_dict(second.path))
print(snapcli.load_dict("runs.snaps/", mmap=True))
for wrong in (lambda: snapcli.save("x.pkl", name="a"), lambda: snapcli.save("runs.snaps/", name="../a"),
              lambda: snapcli.restore("runs.snaps/@7"), lambda: snapcli.restore("none/@1"),
              lambda: snapcli.save("runs.snaps/@1"), lambda: snapcli.restore("runs.snaps/@two")):
    try: wrong()
    except Exception as error: print(type(error).__name__)
"#;
    sandbox.write("api.py", script);
    let saved = sandbox.snapcli(&["save", "-q", "-o", "last.pkl", "api.py"]);
    saved.assert_code(0).assert_stdout(
        "runs.snaps/@1 runs.snaps/@2 True\n{'xs': [1]} {'xs': [1, 2]}\n{'xs': [1, 2]}\nValueError\nValueError\n\
         FileNotFoundError\nFileNotFoundError\nValueError\nFileNotFoundError\n",
    );
}

#[test]
fn files_go_into_a_store_and_come_out_again() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "MODE = 'slow'\n");
    sandbox.write("session.py", SESSION);
    run(&sandbox, &["save", "-q", "-o", "file.pkl", "session.py"]);
    run(&sandbox, &["import", "-q", "--name", "a", "file.pkl", "runs.snaps/"]);
    run(&sandbox, &["import", "-q", "file.pkl", "runs.snaps"]);
    run(&sandbox, &["import", "-q", "runs.snaps/@a", "other.snaps/"]);
    let file = fs::read(sandbox.work().join("file.pkl")).unwrap();
    for snapshot in ["runs.snaps/@1", "runs.snaps/@2", "other.snaps/"] {
        run(&sandbox, &["export", "-q", snapshot, "-o", "again.pkl"]);
        assert!(fs::read(sandbox.work().join("again.pkl")).unwrap() == file, "{snapshot}");
    }
    let log = run(&sandbox, &["log", "--json", "runs.snaps/"]).json();
    assert_eq!(log["snapshots"][0]["changed_count"], 0);
    assert!(log["snapshots"][0]["added_bytes"].as_u64().unwrap() < 1000, "{log:#}");
    let piped = sandbox.call_snapcli(&["export", "runs.snaps/", "-o", "-"]).run();
    assert!(piped.stdout == file, "{}", piped.err());
    sandbox.write("plain.pkl", b"\x80\x04]\x94.");
    let foreign = sandbox.snapcli(&["import", "plain.pkl", "runs.snaps/"]);
    foreign.assert_code(2);
    sandbox.write("broken.pkl", [&file[..100], b"x", &file[101..]].concat());
    sandbox.snapcli(&["import", "broken.pkl", "runs.snaps/"]).assert_code(4);
    assert_eq!(run(&sandbox, &["log", "--json", "runs.snaps"]).json()["snapshot_count"], 2);
}

#[test]
fn a_prune_keeps_what_it_is_told_to() {
    let sandbox = Sandbox::new();
    let script = "import sys\nimport numpy as np\na = np.full(20_000, int(sys.argv[1]))\nb = np.arange(30_000)\n";
    sandbox.write("run.py", script);
    for number in 1..=6 {
        let name: &[&str] = if number == 2 { &["--name", "best"] } else { &[] };
        let number = number.to_string();
        run(&sandbox, &[&["save", "-q", "-o", "runs.snaps/"], name, &["run.py", &number]].concat());
    }
    let before = bytes_of(&sandbox.work().join("runs.snaps"));
    let dry = run(&sandbox, &["prune", "--keep-last", "2", "--keep-named", "--dry-run", "runs.snaps/"]);
    assert_eq!(bytes_of(&sandbox.work().join("runs.snaps")), before);
    assert!(dry.out().starts_with("would remove 3 snapshots (@1, @3, @4) and"), "{}", dry.whole());
    let pruned = run(&sandbox, &["prune", "--json", "--keep-last", "2", "--keep-named", "runs.snaps/"]).json();
    assert_eq!((&pruned["removed"], &pruned["kept"]), (&[1, 3, 4].into(), &[2, 5, 6].into()));
    let after = bytes_of(&sandbox.work().join("runs.snaps"));
    assert_eq!(before - after, pruned["bytes"].as_u64().unwrap());
    assert!(before - after > 3 * 160_000);
    for (snapshot, number) in [("@best", 2), ("@5", 5), ("", 6)] {
        let code = "int(a[0]), int(b[-1])";
        run(&sandbox, &["restore", &format!("runs.snaps/{snapshot}"), "-c", code])
            .assert_stdout(&format!("({number}, 29999)\n"));
    }
    run(&sandbox, &["verify", "runs.snaps/"]);
    sandbox.snapcli(&["prune", "--keep-named", "runs.snaps/"]).assert_code(2);
    sandbox.snapcli(&["prune", "--keep-last", "0", "runs.snaps/"]).assert_code(2);
    // The numbers of those that are gone are not used again.
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "run.py", "7"]);
    run(&sandbox, &["restore", "runs.snaps/@7", "-c", "int(a[0])"]).assert_stdout("7\n");
}

#[test]
fn a_verified_save_goes_into_a_store() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "MODE = 'slow'\n");
    sandbox.write("session.py", SESSION);
    let [file, store] = ["file.pkl", "runs.snaps/"].map(|output| {
        let saved = run(&sandbox, &["save", "--verify", "-o", output, "session.py"]);
        saved
            .err()
            .lines()
            .filter(|line| line.contains("verif") || line.contains("compared"))
            .collect::<Vec<_>>()
            .join("\n")
    });
    assert!(file.contains("load in a fresh process"), "{file}");
    assert_eq!(file, store);
    run(&sandbox, &["verify", "runs.snaps/"]);
}

#[test]
fn inspecting_a_snapshot_says_what_inspecting_the_file_says() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "MODE = 'slow'\n");
    sandbox.write("session.py", SESSION);
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "session.py"]);
    run(&sandbox, &["export", "-q", "runs.snaps/", "-o", "file.pkl"]);
    let [stored, file] = ["runs.snaps/@1", "file.pkl"].map(|name| {
        let shown = run(&sandbox, &["inspect", "--verdict", name]).out();
        shown.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(stored, file);
    for words in [["--trace", "shared"], ["--trace", "base"]] {
        let [stored, file] =
            ["runs.snaps/@1", "file.pkl"].map(|name| run(&sandbox, &["inspect", words[0], words[1], name]).out());
        assert_eq!(stored, file);
    }
    run(&sandbox, &["restore", "--list", "runs.snaps/"])
        .assert_stdout(&run(&sandbox, &["restore", "--list", "file.pkl"]).out());
    run(&sandbox, &["inspect", "--strict", "runs.snaps/"]);
}

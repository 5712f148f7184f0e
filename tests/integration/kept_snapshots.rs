//! What a save does to the snapshots of other scripts, and a script that ends its process before a save.

use std::fs;

use crate::env::{Sandbox, engine_package};

/// The value of `x` in a snapshot.
fn value(sandbox: &Sandbox, file: &str) -> String {
    let run = sandbox.snapcli(&["restore", "-q", file, "-c", "x"]);
    run.assert_code(0);
    run.out().trim().to_owned()
}

fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.work()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".pkl"));
    names.sort();
    names
}

#[test]
fn the_snapshot_of_another_script_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "import sys\nx = ' '.join(sys.argv)\n");
    sandbox.write("deep/b.py", "x = 'b'\n");
    let kept = |words: &[&str]| {
        let run = sandbox.snapcli(&[&["save"], words].concat());
        run.assert_code(0);
        run.err().lines().filter(|line| line.contains("it is now session.1.pkl")).count()
    };
    assert_eq!(kept(&["a.py"]), 0);
    // The same script, in other words, and after an edit.
    assert_eq!(kept(&["./a.py"]), 0);
    assert_eq!(kept(&["deep/../a.py"]), 0);
    sandbox.write("a.py", "import sys\nx = ' '.join(sys.argv)\ny = 1\n");
    assert_eq!(kept(&["a.py"]), 0);
    assert_eq!(files(&sandbox), ["session.pkl"]);
    // Other arguments, another script, code.
    assert_eq!(kept(&["a.py", "1"]), 1);
    assert_eq!(kept(&["deep/b.py"]), 1);
    assert_eq!(kept(&["-c", "x = 'code'"]), 1);
    assert_eq!(kept(&["-c", "x = 'code'"]), 0);
    assert_eq!(kept(&["-c", "x = 'other code'"]), 1);
    assert_eq!(files(&sandbox), ["session.1.pkl", "session.2.pkl", "session.3.pkl", "session.pkl"]);
    let found = ["session.pkl", "session.1.pkl", "session.2.pkl", "session.3.pkl"].map(|file| value(&sandbox, file));
    assert_eq!(found, ["'other code'", "'code'", "'b'", "'a.py 1'"]);
    // `-o` names the file to replace, also if that is the default.
    assert_eq!(kept(&["-o", "session.pkl", "a.py", "2"]), 0);
    assert_eq!(kept(&["-o", "mine.pkl", "a.py", "3"]), 0);
    assert_eq!(kept(&["-o", "mine.pkl", "a.py", "4"]), 0);
    assert_eq!(value(&sandbox, "session.1.pkl"), "'code'");
}

#[test]
fn whatever_the_script_did_not_make_is_kept() {
    let sandbox = Sandbox::new();
    for contents in [&b"not a pickle"[..], b"\x80\x04K\x01.", b"\x80"] {
        sandbox.write("session.pkl", contents);
        let run = sandbox.snapcli(&["save", "-c", "x = 1"]);
        run.assert_code(0);
        assert!(
            run.err().contains("session.pkl was made by another program: it is now session.1.pkl"),
            "{}",
            run.whole()
        );
        assert_eq!(fs::read(sandbox.work().join("session.1.pkl")).unwrap(), contents);
    }
    sandbox.write("session.pkl", "");
    assert!(!sandbox.snapcli(&["save", "-c", "x = 2"]).err().contains("it is now"), "an empty file");
    // A symlink stays one, and what it leads to is kept beside it.
    let far = sandbox.write("far/real.pkl", "old");
    fs::remove_file(sandbox.work().join("session.pkl")).unwrap();
    std::os::unix::fs::symlink(&far, sandbox.work().join("session.pkl")).unwrap();
    sandbox.snapcli(&["save", "-c", "x = 3"]).assert_code(0);
    assert_eq!(fs::read(sandbox.work().join("far/real.1.pkl")).unwrap(), b"old");
    assert!(fs::symlink_metadata(sandbox.work().join("session.pkl")).unwrap().is_symlink());
    assert_eq!(value(&sandbox, "far/real.pkl"), "3");
}

#[test]
fn saves_at_the_same_time_leave_whole_files() {
    let sandbox = Sandbox::new();
    for round in 0..3 {
        let save = |number: usize| {
            sandbox.call_snapcli(&["save", "-q", "-c", &format!("x = [{round}, {number}] * 1000")]).spawn()
        };
        for mut child in (0..4).map(save).collect::<Vec<_>>() {
            assert!(child.wait().unwrap().success());
        }
    }
    let found = files(&sandbox);
    assert!(found.contains(&"session.1.pkl".to_owned()) && found.len() <= 4, "{found:?}");
    for file in found {
        sandbox.snapcli(&["verify", "-q", &file]).assert_code(0);
    }
    let all = fs::read_dir(sandbox.work()).unwrap().flatten().map(|entry| entry.file_name());
    let hidden: Vec<_> = all.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn exports_and_saves_at_the_same_time_lose_no_file() {
    let sandbox = Sandbox::new();
    for number in ["1", "2"] {
        sandbox.snapcli(&["save", "-q", "-o", "r.snaps/", "-c", &format!("x = {number}")]).assert_code(0);
    }
    for round in 0..6 {
        let commands: [&[&str]; 4] = [
            &["export", "-q", "r.snaps/@1"],
            &["save", "-q", "-c", "x = 3"],
            &["export", "-q", "r.snaps/@2"],
            &["save", "-q", "-c", "x = 4"],
        ];
        let children: Vec<_> = commands.iter().map(|words| sandbox.call_snapcli(words).spawn()).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let mut values: Vec<String> = files(&sandbox).iter().map(|file| value(&sandbox, file)).collect();
        values.sort();
        assert_eq!(values, ["1", "2", "3", "4"], "round {round}");
        for file in files(&sandbox) {
            fs::remove_file(sandbox.work().join(file)).unwrap();
        }
    }
}

#[test]
fn a_script_that_fails_moves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-c", "x = 1"]).assert_code(0);
    sandbox.snapcli(&["save", "-c", "x = 2; 1 / 0"]).assert_code(1);
    sandbox.snapcli(&["save", "--verify", "-c", "x = 1"]).assert_code(0);
    assert_eq!(files(&sandbox), ["session.crash.pkl", "session.pkl"]);
}

const EARLY: [(&str, &str, i32); 6] = [
    ("os._exit", "import os\nos._exit(0)\n", 1),
    ("another code", "import os\nos._exit(3)\n", 3),
    ("256 is 0", "import os\nos._exit(256)\n", 1),
    (
        "in a thread",
        "import os, threading\nthreading.Thread(target=os._exit, args=(0,)).start()\nwhile True: pass\n",
        1,
    ),
    ("from C", "import ctypes\nprint('buffered', flush=True)\nctypes.CDLL(None).exit(0)\n", 1),
    ("in a function", "import os\ndef main():\n    try:\n        os._exit(0)\n    finally:\n        pass\nmain()\n", 1),
];

#[test]
fn a_script_that_ends_its_process_is_reported() {
    let sandbox = Sandbox::new();
    for (name, script, code) in EARLY {
        sandbox.write("early.py", script);
        let run = sandbox.snapcli(&["save", "-q", "early.py"]);
        assert!(run.err().contains("nothing was saved to session.pkl\n"), "{name}\n{}", run.whole());
        run.assert_code(code);
        assert!(files(&sandbox).is_empty(), "{name}");
        let run = sandbox.snapcli(&["inspect", "early.py"]);
        assert!(run.err().contains("nothing was inspected\n"), "{name}\n{}", run.whole());
        run.assert_code(code);
    }
    sandbox.snapcli(&["save", "-q", "-c", "x = 1"]).assert_code(0);
    let run = sandbox.snapcli(&["save", "early.py"]);
    assert!(run.err().contains("nothing was saved to session.pkl, which is from before\n"), "{}", run.whole());
    let replaced = "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo replaced; exit 5'])\n";
    sandbox.write("replaced.py", replaced);
    let run = sandbox.snapcli(&["save", "replaced.py"]);
    assert!(run.err().contains("another program run in its place"), "{}", run.whole());
    run.assert_code(5).assert_stdout("replaced\n");
}

#[test]
fn other_processes_of_a_script_may_end_as_they_like() {
    let sandbox = Sandbox::new();
    let scripts = [
        "import os\nchild = os.fork()\nif child == 0:\n    os._exit(0)\nos.waitpid(child, 0)\nx = 1\n",
        "import os\nchild = os.fork()\nif child == 0:\n    os.execv('/bin/true', ['true'])\nos.wait()\nx = 1\n",
        "import subprocess\nsubprocess.run(['true'])\nx = 1\n",
        "import os\ntry:\n    os.execv('/no/such/program', ['x'])\nexcept OSError:\n    x = 1\n",
        "import multiprocessing as m\nif __name__ == '__main__':\n    p = m.Process(target=print)\n    p.start()\n    \
         p.join()\n    del p\nx = 1\n",
        "import os\nos.posix_spawn('/bin/true', ['true'], os.environ)\nos.wait()\nx = 1\n",
    ];
    for script in scripts {
        sandbox.write("script.py", script);
        let run = sandbox.snapcli(&["save", "script.py"]);
        run.assert_code(0);
        assert!(!run.err().contains("nothing was saved"), "{}", run.whole());
        assert_eq!(value(&sandbox, "session.pkl"), "1");
    }
}

/// The engine is preloaded, or loaded by Python: only a preloaded one hears of it. In both, the code is python's.
#[test]
fn a_preloaded_engine_reports_it_as_well() {
    let sandbox = Sandbox::new();
    let package = engine_package();
    sandbox.write("early.py", "import os\nx = 1\nos._exit(0)\n");
    let engine = package.join("snapcli/_engine.abi3.so");
    let code = "import ctypes, sys\nprint(bool(ctypes.CDLL(sys.argv[1])._exit))\n";
    let run = sandbox.python(&["-c", code, engine.to_str().unwrap()]);
    run.assert_code(0).assert_stdout("True\n");
}

#[test]
fn python_source_is_not_replaced_by_a_snapshot() {
    let sandbox = Sandbox::new();
    let source = "open('ran', 'w').close()\nx = 1\n";
    for name in ["own.py", "script", "other.PYW", "stub.pyi", "notes.ipynb"] {
        sandbox.write(name, source);
    }
    fs::hard_link(sandbox.work().join("script"), sandbox.work().join("same.pkl")).unwrap();
    for (output, script, what) in [
        ("own.py", "own.py", "a Python script"),
        ("./own.py", "own.py", "a Python script"),
        ("same.pkl", "script", "a Python script"),
        ("other.PYW", "own.py", "a Python script"),
        ("stub.pyi", "own.py", "a Python script"),
        ("notes.ipynb", "own.py", "a notebook"),
    ] {
        let run = sandbox.snapcli(&["save", "-o", output, script]);
        let text = format!("is {what}, and -o would replace it: choose another name for -o");
        assert!(run.err().contains(&text), "{}", run.whole());
        run.assert_code(2);
        assert_eq!(fs::read_to_string(sandbox.work().join(output)).unwrap(), source);
        assert!(!sandbox.work().join("ran").exists());
    }
    // A file that is not there yet costs nothing.
    sandbox.snapcli(&["save", "-o", "new.py", "-c", "x = 1"]).assert_code(0);
}

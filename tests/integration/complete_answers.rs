//! Answers that say all there is to say, once: of a file without its index, of imports in `diff`, of the size of a
//! store, of options that have no effect.

use std::ffi::OsStr;
use std::fs;

use crate::env::{Sandbox, Stack, program, pythons, venv};

const SESSION: &str = "import os, json\nrates = {'EUR': 1.0}\nmodel = list(range(1000))\nbest = 3\n";

fn sandbox_with(file: &str, code: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", file, "-c", code]).assert_code(0);
    sandbox
}

#[test]
fn a_snapshot_that_is_cut_at_its_index_is_damaged_for_inspect() {
    let sandbox = sandbox_with("whole.pkl", SESSION);
    let whole = fs::read(sandbox.work().join("whole.pkl")).unwrap();
    let json = sandbox.snapcli(&["inspect", "--json", "whole.pkl"]).json();
    let pickle = usize::try_from(json["pickle"]["bytes"].as_u64().unwrap()).unwrap();
    let start = usize::try_from(json["pickle"]["offset"].as_u64().unwrap_or(0)).unwrap();
    for length in [start + pickle, start + pickle + 1, whole.len() - 400, whole.len() - 20, whole.len() - 1] {
        sandbox.write("my cut.pkl", &whole[..length]);
        let run = sandbox.snapcli(&["inspect", "my cut.pkl"]);
        assert!(run.out().contains("rates") && run.out().contains("2 imports: os, json"), "{}", run.whole());
        run.assert_code(4);
        let message = "snapcli: my cut.pkl is damaged: its index is missing, so the file is truncated, or damaged at \
                       its end; this is what its pickle contains\n";
        for words in [
            &["inspect", "my cut.pkl"][..],
            &["inspect", "-q", "my cut.pkl"],
            &["inspect", "--json", "my cut.pkl"],
            &["inspect", "--bad", "my cut.pkl"],
            &["inspect", "--trace", "model", "my cut.pkl"],
        ] {
            sandbox.snapcli(words).assert_stderr(message).assert_code(4);
        }
        let run = sandbox.snapcli(&["inspect", "--html", "page.html", "my cut.pkl"]);
        assert!(run.err().starts_with(message), "{}", run.whole());
        run.assert_code(4);
    }
}

#[test]
fn a_snapshot_that_is_cut_at_its_index_is_damaged_for_restore() {
    let sandbox = sandbox_with("whole.pkl", "rates = [1, 2]\nmodel = {'a': 1}\n");
    let whole = fs::read(sandbox.work().join("whole.pkl")).unwrap();
    for cut in [400, 20, 1] {
        sandbox.write("my cut.pkl", &whole[..whole.len() - cut]);
        let what = "its index is missing, so the file is truncated, or damaged at its end";
        let list = sandbox.snapcli(&["restore", "--list", "my cut.pkl"]);
        list.assert_code(4).assert_stdout("rates\nmodel\n");
        list.assert_stderr(&format!("snapcli: my cut.pkl is damaged: {what}; these are the names in its pickle\n"));
        sandbox.snapcli(&["restore", "-q", "--list", "my cut.pkl"]).assert_code(4).assert_stdout("");
        let run = sandbox.snapcli(&["restore", "my cut.pkl", "-c", "print('ran')"]);
        run.assert_code(4).assert_stdout("");
        let advice = "  to restore what its pickle holds: snapcli restore --partial 'my cut.pkl'\n";
        run.assert_stderr(&format!("snapcli: cannot restore my cut.pkl: {what}\n{advice}"));
        let run = sandbox.snapcli(&["restore", "--partial", "my cut.pkl", "-c", "rates"]);
        run.assert_code(0).assert_stdout("[1, 2]\n");
        assert!(run.err().contains(what), "{}", run.whole());
    }
}

#[test]
fn an_error_in_json_says_everything_once() {
    let sandbox = sandbox_with("code.pkl", "def f(x): return x\nclass P: pass\np = P()\n");
    let call = sandbox.call_snapcli(&["restore", "--json", "code.pkl", "-c", "1"]);
    let run = call.env("SNAPCLI_KEY", "the key of somebody else").run();
    run.assert_code(5);
    let answer = run.json();
    assert!(answer["error"].as_str().unwrap().starts_with("code.pkl is not trusted ("), "{answer}");
    assert!(answer["details"].as_array().unwrap().len() > 1, "{answer}");
    assert_eq!(answer["causes"], serde_json::json!([]));
}

#[test]
fn imports_that_only_one_file_has_are_one_line_of_a_diff() {
    let sandbox = sandbox_with("a.pkl", "import os, json, collections\nx = 1\n");
    let code = "import os, re, csv, xml.dom as dom\nfrom pathlib import Path\nx = 2\n";
    sandbox.snapcli(&["save", "-q", "-o", "b.pkl", "-c", code]).assert_code(0);
    let expected = "~ x: int 1 → 2\n+ 4 imports: re, csv, xml.dom as dom, Path\n- 2 imports: json, collections\n\
                    a.pkl → b.pkl: 4 added, 2 removed, 1 changed, 1 the same\n";
    sandbox.snapcli(&["diff", "a.pkl", "b.pkl"]).assert_stdout(expected).assert_code(1);
    let json = sandbox.snapcli(&["diff", "--json", "a.pkl", "b.pkl"]).json();
    assert_eq!(json["changes"].as_array().unwrap().len(), 7, "{json}");
}

#[test]
fn log_names_data_before_imports() {
    let sandbox = Sandbox::new();
    let imports = "import argparse, ast, base64, json, keyword\nfrom math import sqrt\n";
    for script in [format!("{imports}rows = [1]\n"), format!("{imports}import types\nrows = [2]\ndef f(): pass\n")] {
        sandbox.write("s.py", script);
        sandbox.snapcli(&["save", "-q", "-o", "r.snaps/", "s.py"]).assert_code(0);
    }
    let run = sandbox.snapcli(&["log", "r.snaps/"]);
    run.assert_code(0);
    for text in ["7: rows, argparse, ast, base64, …", "3: rows, f, types"] {
        assert!(run.out().contains(text), "{text}\n{}", run.whole());
    }
    sandbox.snapcli(&["verify", "r.snaps/"]).assert_code(0);
}

#[test]
fn log_and_inspect_say_how_large_a_store_is() {
    let sandbox = sandbox_with("runs.snaps/", "x = list(range(1000))");
    sandbox.snapcli(&["save", "-q", "-o", "runs.snaps/", "-c", "x = list(range(2000))"]).assert_code(0);
    let files =
        ["objects", "snapshots"].map(|name| fs::read_dir(sandbox.work().join("runs.snaps").join(name)).unwrap());
    let bytes: u64 = files.into_iter().flatten().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    let log = sandbox.snapcli(&["log", "runs.snaps/"]).out();
    let size = log.trim_end().rsplit("2 snapshots, ").next().unwrap().to_owned();
    assert!(log.ends_with(&format!("\n2 snapshots, {size}\n")) && size.ends_with("kB"), "{log}");
    assert_eq!(sandbox.snapcli(&["log", "--json", "runs.snaps/"]).json()["bytes"], bytes);
    let text = sandbox.snapcli(&["inspect", "runs.snaps/"]).out();
    assert!(text.contains(&format!("\n@2, the newest of 2 snapshots in a store of {size}\n")), "{text}");
    let one = sandbox.snapcli(&["inspect", "runs.snaps/@1"]).out();
    assert!(!one.contains("newest"), "{one}");
    let note = "snapcli: note: --max-memory has no effect: a whole store is checked by its hashes alone\n";
    sandbox.snapcli(&["verify", "--max-memory", "1k", "runs.snaps/"]).assert_stderr(note).assert_code(0);
}

#[test]
fn a_rename_that_nothing_needs_is_noted() {
    let sandbox = sandbox_with("a.pkl", "import json\nx = 1\n");
    let note = |old: &str| {
        format!(
            "snapcli: the renaming of {old} to new had no effect: nothing that was restored needs the module {old}\n"
        )
    };
    sandbox.snapcli(&["restore", "--map", "jso=new", "a.pkl", "-c", "x"]).assert_stderr(&note("jso")).assert_code(0);
    sandbox.call_python(&["-c", "import pickle; pickle.dump([1], open('b.pkl', 'wb'))"]).run().assert_code(0);
    for trust in [&[][..], &["--trust"]] {
        let words = [&["restore", "--map", "jso=new"][..], trust, &["b.pkl", "-c", "obj"]].concat();
        sandbox.snapcli(&words).assert_stdout("[1]\n").assert_stderr(&note("jso")).assert_code(0);
    }
}

#[test]
fn a_rename_of_a_package_holds_for_its_submodules() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let class = "class Config:\n    def __init__(self): self.rate = 2\n";
        for (name, text) in [("__init__", ""), ("sub/__init__", ""), ("sub/deep", class)] {
            sandbox.write(&format!("old/{name}.py"), text);
        }
        sandbox.write("job.py", "import old.sub.deep as deep\nfrom old.sub import deep as same\nc = deep.Config()\n");
        sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "job.py"]).assert_code(0);
        fs::rename(sandbox.work().join("old"), sandbox.work().join("new")).unwrap();
        for (map, from) in [("old=new", "new.sub.deep"), ("old.sub=new.sub", "new.sub.deep")] {
            let run = sandbox.snapcli(&["restore", "--map", map, "s.pkl", "-c", "deep.__name__, same is deep, c.rate"]);
            run.assert_stdout(&format!("('{from}', True, 2)\n")).assert_stderr("").assert_code(0);
        }
    }
}

#[test]
fn options_of_scripts_are_named_as_they_were_typed_for_a_file() {
    let sandbox = sandbox_with("a.pkl", "x = 1");
    for option in ["--only", "--include"] {
        let run = sandbox.snapcli(&["inspect", option, "x", "a.pkl"]);
        assert!(run.err().starts_with("snapcli: --only (--include) is for scripts: "), "{}", run.whole());
        run.assert_code(2);
    }
}

#[test]
fn a_script_may_come_from_a_named_pipe() {
    let sandbox = Sandbox::new();
    let feed = "mkfifo 'my pipe'; (echo 'x = 1 + 1'; echo 'print(x)') > 'my pipe' & exec \"$@\"";
    let program = program().into_string().unwrap();
    for words in [&["save", "-o", "s.pkl", "my pipe"][..], &["inspect", "--script", "my pipe"]] {
        let _ = fs::remove_file(sandbox.work().join("my pipe"));
        let python = sandbox.interpreter().to_str().unwrap().to_owned();
        let shell = ["-c", feed, "sh", &program, "--python", &python];
        let run = sandbox.call_program(OsStr::new("sh"), &[&shell[..], words].concat()).run();
        run.assert_code(0);
        assert!(format!("{}{}", run.out(), run.err()).contains("2\n"), "{}", run.whole());
    }
    sandbox.snapcli(&["restore", "s.pkl", "-c", "x"]).assert_stdout("2\n");
}

#[test]
fn a_report_that_nobody_reads_to_the_end_is_no_failure() {
    let sandbox = Sandbox::new();
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    // The reader has ended before anything is written.
    let closed = "{ sleep 0.2; \"$@\"; echo \"exit $?\" >&2; } | true";
    for words in [&["save", "--json", "-c", "x = 1"][..], &["restore", "--json", "-c", "x"]] {
        let shell = ["-c", closed, "sh", &program, "--python", &python];
        let run = sandbox.call_program(OsStr::new("sh"), &[&shell[..], words].concat()).run();
        assert!(run.err().ends_with("exit 0\n") && !run.err().contains("Broken pipe"), "{}", run.whole());
    }
}

//! Names of variables on the command line: lists, globs, and names that do not exist.

use std::fs;

use crate::env::{Run, Sandbox};

const SCRIPT: &str = "best = 3\nscores = [1, 2]\napi_key = 'not so secret'\nbig = [0] * 1000\n";

fn names(sandbox: &Sandbox, file: &str) -> String {
    let run = sandbox.snapcli(&["restore", "--list", file]);
    run.assert_code(0);
    run.out().lines().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_says(run: &Run, code: i32, text: &str) {
    assert!(run.err().contains(text), "{text}\n{}", run.whole());
    run.assert_code(code);
}

#[test]
fn both_marks_of_globs_exclude_characters() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    for pattern in ["[^ab]*", "[!ab]*"] {
        sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "--only", pattern, "job.py"]).assert_code(0);
        assert_eq!(names(&sandbox, "s.pkl"), "scores", "{pattern}");
    }
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "job.py"]).assert_code(0);
    for pattern in ["[^s]*", "[!s]*"] {
        let run = sandbox.snapcli(&["restore", "--list", "--exclude", pattern, "s.pkl"]);
        run.assert_code(0).assert_stdout("scores\n");
    }
    sandbox.write("pyproject.toml", "[tool.snapcli]\nexclude = '[^bs]*'\n");
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "job.py"]).assert_code(0);
    assert_eq!(names(&sandbox, "s.pkl"), "best scores big");
    let code = "import snapcli\nkept = 1; other = 2\nsnapcli.save('api.pkl', only='[^a-jl-z]*')\n";
    sandbox.snapcli(&["save", "-q", "--no-config", "-o", "t.pkl", "-c", code]).assert_code(0);
    assert_eq!(names(&sandbox, "api.pkl"), "kept");
}

#[test]
fn lists_and_repeated_options_name_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    for option in ["--include", "--only"] {
        for words in [vec![option, "best,scores"], vec![option, "best", option, "scores"], vec![option, "best,s*"]] {
            let run = sandbox.snapcli(&[&["save", "-q", "-o", "s.pkl"], words.as_slice(), &["job.py"]].concat());
            run.assert_code(0);
            assert_eq!(names(&sandbox, "s.pkl"), "best scores", "{words:?}");
        }
    }
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "--exclude", "api_*,big", "job.py"]).assert_code(0);
    assert_eq!(names(&sandbox, "s.pkl"), "best scores");
    for option in ["--only", "--include"] {
        let run = sandbox.snapcli(&["restore", option, "best,scores", "s.pkl", "-c", "(best, scores)"]);
        run.assert_code(0).assert_stdout("(3, [1, 2])\n");
    }
    let run = sandbox.snapcli(&["restore", "--exclude", "best,scores", "s.pkl", "-c", "'best' in dir()"]);
    assert_says(&run, 2, "no variable");
}

#[test]
fn a_wrong_name_costs_neither_the_session_nor_the_old_snapshot() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "-c", "old = 1"]).assert_code(0);
    let old = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let cases: [(&[&str], &str, &str); 7] = [
        (&["--exclude", "api_kye"], "did you mean 'api_key'?", "best scores big"),
        (&["--exclude", "scroes,best"], "did you mean 'scores'?", "big"),
        (&["--include", "bset"], "did you mean 'best'?", "best"),
        (&["--include", "bset", "--include", "big"], "did you mean 'best'?", "best big"),
        (&["--only", "nothing_like_it"], "--include nothing_like_it matches no variable", "best scores big"),
        (&["--exclude", "tmp_*"], "--exclude tmp_* matches no variable", "best scores big"),
        (&["--exclude", "Scores", "--redact"], "did you mean 'scores'?", "best big"),
    ];
    for (words, text, saved) in cases {
        let run = sandbox.snapcli(&[&["save", "-q"], words, &["job.py"]].concat());
        assert_says(&run, 2, text);
        assert!(
            run.err().contains("session.pkl is unchanged, and the session is in session.unmatched.pkl"),
            "{words:?}"
        );
        assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), old, "{words:?}");
        assert_eq!(names(&sandbox, "session.unmatched.pkl"), saved, "{words:?}");
        let bytes = fs::read(sandbox.work().join("session.unmatched.pkl")).unwrap();
        assert!(!bytes.windows(13).any(|window| window == b"not so secret"), "{words:?}");
    }
}

#[test]
fn a_wrong_name_is_told_before_the_script_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", format!("import sys\nprint('begins', file=sys.stderr)\n{SCRIPT}"));
    let run = sandbox.snapcli(&["save", "--exclude", "api_kye", "job.py"]);
    let (warned, began) = (run.err().find("has no such name"), run.err().find("begins"));
    assert!(warned.is_some() && warned < began, "{}", run.whole());
    // Names that the source does not show may exist.
    sandbox.write("job.py", "for n in ('api_key', 'x'):\n    globals()[n[:-1] + n[-1]] = 1\nscores = 2\n");
    let run = sandbox.snapcli(&["save", "--exclude", "api_key", "job.py"]);
    assert!(!run.err().contains("no such name"), "{}", run.whole());
    run.assert_code(0);
}

#[test]
fn with_standard_output_a_wrong_name_writes_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    let run = sandbox.snapcli(&["save", "-o", "-", "--exclude", "api_kye", "job.py"]);
    assert_says(&run, 2, "nothing was written to standard output, and the session is in");
    assert!(run.stdout.is_empty(), "{}", run.whole());
    let found: Vec<_> = fs::read_dir(sandbox.root().join("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
    let file = found.iter().find(|path| path.extension().is_some_and(|end| end == "pkl")).unwrap();
    assert_eq!(names(&sandbox, file.to_str().unwrap()), "best scores big");
}

#[test]
fn a_script_that_failed_before_a_name_keeps_its_exit_code() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "best = 1\nraise SystemExit(7)\napi_key = 'not so secret'\n");
    let run = sandbox.snapcli(&["save", "--exclude", "api_key", "job.py"]);
    assert_says(&run, 7, "warning: --exclude api_key matches no variable");
    assert_eq!(names(&sandbox, "session.crash.pkl"), "best");
}

#[test]
fn restore_and_inspect_name_what_may_have_been_meant() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(0);
    sandbox.python(&["-c", "import pickle; pickle.dump({'model': 1, 'loss': [2]}, open('dict.pkl', 'wb'))"]);
    let cases: [(&[&str], &str); 9] = [
        (&["restore", "--only", "bset"], "did you mean 'best'?"),
        (&["restore", "--only", "best,scroes"], "--only scroes matches no variable in session.pkl\n  did you mean"),
        (&["restore", "--exclude", "scoers", "-c", "1"], "did you mean 'scores'?"),
        (&["restore", "--list", "--only", "Best"], "did you mean 'best'?"),
        (&["restore", "--only", "modle", "dict.pkl"], "did you mean 'model'?"),
        (&["inspect", "--trace", "scroes"], "did you mean 'scores'?"),
        (&["inspect", "--trace", "modle", "dict.pkl"], "did you mean 'model'?"),
        (&["inspect", "--trace", "scroes", "job.py"], "did you mean 'scores'?"),
        (&["inspect", "--include", "scroes", "job.py"], "did you mean 'scores'?"),
    ];
    for (words, text) in cases {
        let run = sandbox.snapcli(words);
        assert_says(&run, 2, text);
        run.assert_stdout("");
    }
}

#[test]
fn a_file_that_does_not_exist_is_compared_with_those_that_do() {
    let sandbox = Sandbox::new();
    sandbox.write("train.py", "x = 1\n");
    sandbox.snapcli(&["save", "-q", "-o", "run7.pkl", "train.py"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "sub dir.pkl", "train.py"]).assert_code(0);
    let cases: [(&[&str], &str); 7] = [
        (&["restore", "rnu7.pkl"], "run7.pkl"),
        (&["inspect", "run7.pk"], "run7.pkl"),
        (&["diff", "run7.pkl", "./run-7.pkl"], "./run7.pkl"),
        (&["verify", "Run7.pkl"], "run7.pkl"),
        (&["trust", "run77.pkl"], "run7.pkl"),
        (&["verify", "sub_dir.pkl"], "sub dir.pkl"),
        (&["save", "trian.py"], "train.py"),
    ];
    for (words, file) in cases {
        assert_says(&sandbox.snapcli(words), 2, &format!("did you mean '{file}'"));
    }
    let run = sandbox.snapcli(&["verify", "/no/such/folder/x.pkl"]);
    assert!(!run.err().contains("did you mean"), "{}", run.whole());
}

#[test]
fn a_wrong_module_costs_neither_the_session_nor_the_old_snapshot() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    sandbox.write("broken.py", "raise ValueError('no data')\n");
    sandbox.snapcli(&["save", "-q", "-o", "m.pkl", "-c", "old = 1"]).assert_code(0);
    let old = fs::read(sandbox.work().join("m.pkl")).unwrap();
    for (module, text) in [
        ("jsn", "did you mean 'json'?"),
        ("no_such_thing_here", "No module named 'no_such_thing_here'"),
        ("broken", "ValueError: no data"),
    ] {
        let run = sandbox.snapcli(&["save", "-q", "--module", module, "-o", "m.pkl", "job.py"]);
        assert_says(&run, 2, text);
        assert!(run.err().contains(&format!("--module {module} cannot be imported")), "{}", run.whole());
        assert!(run.err().contains("the session is in m.unmatched.pkl"), "{}", run.whole());
        assert_eq!(fs::read(sandbox.work().join("m.pkl")).unwrap(), old);
        assert_eq!(names(&sandbox, "m.unmatched.pkl"), "best scores big");
    }
    // With the local variables of a function, and a script that fails.
    sandbox.write("locals.py", "def main():\n    inner = 5\nmain()\n");
    let run = sandbox.snapcli(&["save", "-q", "--module", "jsn", "--locals", "main", "-o", "l.pkl", "locals.py"]);
    assert_says(&run, 2, "did you mean 'json'?");
    assert_eq!(names(&sandbox, "l.unmatched.pkl"), "main inner");
    let run = sandbox.snapcli(&["save", "--module", "jsn", "-o", "f.pkl", "-c", "x = 1; 1 / 0"]);
    assert_says(&run, 1, "did you mean 'json'?");
    assert_eq!(names(&sandbox, "f.crash.pkl"), "x");
    // The script makes it.
    let code = "open('made_now.py', 'w').write('value = 3')";
    sandbox.snapcli(&["save", "-q", "--module", "made_now", "-o", "n.pkl", "-c", code]).assert_code(0);
    assert_eq!(names(&sandbox, "n.pkl"), "value");
}

//! Standard output that is closed, or named as a file: an answer that nobody can read is an error, and `/dev/stdout` is
//! `-`. And the report of an earlier command, which an error must not leave behind.

use std::ffi::OsStr;
use std::fs;

use crate::env::{Run, Sandbox, program};

/// Runs the program in a shell, which does `redirect` with its standard output.
fn redirected(sandbox: &Sandbox, redirect: &str, words: &[&str]) -> Run {
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let script = format!("\"$@\" {redirect}");
    let head = ["-c", &script, "sh", &program, "--python", &python];
    sandbox.call_program(OsStr::new("sh"), &[&head[..], words].concat()).run()
}

#[test]
fn a_closed_output_is_an_error_before_a_script_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "open('ran', 'w').close()\nx = 1\n");
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "-c", "x = 1"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "r.snaps/", "-c", "x = 1"]).assert_code(0);
    for redirect in [">&-", "1</dev/null"] {
        for (words, what) in [
            (&["save", "-o", "-", "job.py"][..], "the snapshot"),
            (&["save", "-o", "/dev/stdout", "job.py"], "the snapshot"),
            (&["save", "--json", "-o", "t.pkl", "job.py"], "the report"),
            (&["save", "--report", "-", "-o", "t.pkl", "job.py"], "the report"),
            (&["restore", "--list", "s.pkl"], "the answer"),
            (&["restore", "--json", "s.pkl"], "the report"),
            (&["inspect", "s.pkl"], "the answer"),
            (&["inspect", "-q", "--json", "s.pkl"], "the answer"),
            (&["verify", "s.pkl"], "the answer"),
            (&["diff", "s.pkl", "s.pkl"], "the answer"),
            (&["log", "r.snaps/"], "the answer"),
            (&["export", "r.snaps/", "-o", "-"], "the snapshot"),
            (&["doctor"], "the answer"),
            (&["schema", "save"], "the schema"),
            (&["completions", "bash"], "the script"),
        ] {
            let run = redirected(&sandbox, redirect, words);
            run.assert_code(2);
            let expected = format!("snapcli: cannot write {what} to standard output: it is closed\n");
            assert_eq!(run.err(), expected, "{words:?} {redirect}");
        }
        assert!(!sandbox.work().join("ran").exists() && !sandbox.work().join("t.pkl").exists(), "{redirect}");
        // Commands that have nothing for it work.
        for words in [
            &["save", "-q", "-o", "t.pkl", "-c", "x = 1"][..],
            &["restore", "-q", "s.pkl", "-c", "y = x"],
            &["verify", "-q", "s.pkl"],
            &["diff", "-q", "s.pkl", "s.pkl"],
            &["inspect", "--html", "page.html", "s.pkl"],
            &["import", "-q", "s.pkl", "r.snaps/"],
        ] {
            redirected(&sandbox, redirect, words).assert_code(0);
        }
        fs::remove_file(sandbox.work().join("t.pkl")).unwrap();
    }
}

#[test]
fn an_output_to_the_null_device_is_not_closed() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "-c", "x = 1"]).assert_code(0);
    for redirect in [">/dev/null", "1<>/dev/null", "| cat >/dev/null"] {
        redirected(&sandbox, redirect, &["save", "-q", "-o", "-", "-c", "x = 1"]).assert_code(0);
        redirected(&sandbox, redirect, &["inspect", "s.pkl"]).assert_code(0).assert_stderr("");
    }
}

#[test]
fn names_of_standard_output_mean_standard_output() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "r.snaps/", "-c", "x = 1"]).assert_code(0);
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        for redirect in ["| cat > copy.pkl", "> copy.pkl"] {
            let run = redirected(&sandbox, redirect, &["save", "-o", name, "-c", "print('said'); x = 5"]);
            assert!(run.err().contains("said\nsnapcli: saved 1 variable to standard output"), "{}", run.whole());
            sandbox.snapcli(&["restore", "copy.pkl", "-c", "x"]).assert_stdout("5\n");
            redirected(&sandbox, redirect, &["export", "-q", "r.snaps/", "-o", name]).assert_code(0);
            sandbox.snapcli(&["restore", "copy.pkl", "-c", "x"]).assert_stdout("1\n");
        }
        let report = redirected(&sandbox, "", &["save", "-q", "--report", name, "-o", "s.pkl", "-c", "x = 1"]).json();
        assert_eq!(report["path"].as_str().map(|path| path.ends_with("s.pkl")), Some(true), "{report}");
    }
}

#[test]
fn an_error_replaces_the_report_of_an_earlier_command() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "x = 1\n");
    let report = sandbox.work().join("r.json");
    let told = |words: &[&str], code: i64| {
        sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "--report", "r.json", "job.py"]).assert_code(0);
        assert!(!fs::read_to_string(&report).unwrap().contains("\"error\""));
        let run = sandbox.snapcli(words);
        let found: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        assert_eq!(found["exit"].as_i64(), Some(code), "{words:?}\n{found:#}\n{}", run.whole());
        assert!(run.err().contains(found["error"].as_str().unwrap()), "{found:#}\n{}", run.whole());
    };
    told(&["save", "--report", "r.json", "--strcit", "job.py"], 2);
    told(&["save", "--report=r.json", "none.py"], 2);
    told(&["save", "--every", "soon", "--report", "r.json", "job.py"], 2);
    told(&["restore", "--report", "r.json", "--only", "none", "s.pkl"], 2);
    told(&["restore", "--report", "r.json", "none.pkl"], 2);
    sandbox.write("cut.pkl", &fs::read(sandbox.work().join("s.pkl")).unwrap()[..40]);
    told(&["restore", "--report", "r.json", "cut.pkl", "-c", "x"], 4);
    // A file that is no report stays as it is, and after a usage error none is made.
    for (name, text) in [("notes.json", "{\"a\": 1}"), ("notes.txt", "schema"), ("empty.json", "")] {
        sandbox.write(name, text);
        sandbox.snapcli(&["save", "--report", name, "--strcit", "job.py"]).assert_code(2);
        assert_eq!(fs::read_to_string(sandbox.work().join(name)).unwrap(), text);
    }
    sandbox.snapcli(&["save", "--report", "new.json", "--strcit", "job.py"]).assert_code(2);
    assert!(!sandbox.work().join("new.json").exists());
    // An option of the script is no option of snapcli.
    let before = fs::read(&report).unwrap();
    sandbox.snapcli(&["save", "-q", "none.py", "--report", "r.json"]).assert_code(2);
    assert_eq!(fs::read(&report).unwrap(), before);
}

#[test]
fn a_snapshot_streams_to_stdout_and_script_output_goes_to_stderr() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "print('from the script')\nx = list(range(10))\n");
    let run = sandbox.snapcli(&["save", "-q", "-o", "-", "script.py"]);
    run.assert_code(0).assert_stderr("from the script\n");
    assert!(!sandbox.work().join("session.pkl").exists());
    let back = sandbox.call_snapcli(&["restore", "-", "-c", "print(sum(x))"]).stdin(run.stdout.clone()).run();
    back.assert_stdout("45\n").assert_code(0);
}

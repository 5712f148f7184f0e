//! A script or a save that fails loses nothing: the old file stays, and what the script has reached is saved beside it,
//! or elsewhere.

use std::fs;

use crate::env::Sandbox;
use crate::saving::saved;

#[test]
fn a_failing_script_saves_its_state_next_to_the_good_file() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "good = 1", &[]);
    let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
    sandbox.write("script.py", "reached = [1, 2]\nraise ValueError('no further')\n");
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(1);
    assert!(run.err().contains("the script failed; saved 1 variable to session.crash.pkl"));
    assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    let json = sandbox.snapcli(&["inspect", "--json", "session.crash.pkl"]).json();
    let ended = &json["script"]["ended"];
    assert_eq!((ended["how"].as_str(), ended["exit"].as_i64()), (Some("exception"), Some(1)), "{json:#}");
    assert!(ended["traceback"].as_str().unwrap().ends_with("ValueError: no further\n"), "{json:#}");
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "reached"]).assert_stdout("[1, 2]\n");
    sandbox.write("script.py", "import sys\nreached = 3\nsys.exit(7)\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(7);
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "reached"]).assert_stdout("3\n");
    sandbox.write("script.py", "import sys\nreached = 4\nsys.exit()\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "reached"]).assert_stdout("4\n");
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "good = 1", &[]);
    let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
    // Interrupted while a variable is being pickled.
    let script = "
import os, signal
class Slow:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGINT)
        while True: pass
first = 1
slow = Slow()
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    assert_eq!(run.ending(), "signal 2", "{}", run.whole());
    run.assert_stderr("snapcli: interrupted while saving: nothing was written\n");
    assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    let mut names: Vec<_> = fs::read_dir(sandbox.work()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["script.py", "session.pkl"]);
}

#[test]
fn an_unwritable_path_is_reported_before_the_script_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "print('ran')");
    let run = sandbox.snapcli(&["save", "-o", "missing/session.pkl", "script.py"]);
    run.assert_code(2).assert_stdout("");
    assert!(run.err().contains("cannot save to"), "{}", run.whole());
    fs::create_dir(sandbox.work().join("folder")).unwrap();
    let run = sandbox.snapcli(&["save", "-o", "folder", "script.py"]);
    run.assert_code(2).assert_stdout("");
}

#[test]
fn a_script_that_damages_its_interpreter_is_still_saved() {
    let sandbox = Sandbox::new();
    for name in ["token", "select", "string", "logging", "inspect", "dis", "ast", "multiprocessing"] {
        sandbox.write(&format!("{name}.py"), "print('the wrong module')\n");
    }
    let damage = [
        "sys.argv = None",
        "del sys.argv",
        "sys.executable = None",
        "import os; os.uname = None",
        "import time; time.strftime = None",
        "sys.path[:] = []",
        "import os, shutil; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    ];
    for line in damage {
        let script = format!("import sys\nresults = [1, 2]\ndef f(): return results\n{line}\n");
        let run = saved(&sandbox, &script, &[]);
        run.assert_stdout("");
        let check = sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", "f()"]);
        check.assert_stdout("[1, 2]\n");
    }
}

#[test]
fn a_script_that_fails_at_once_keeps_the_previous_crash_file() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "reached = [1]\nraise ValueError\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(1);
    sandbox.snapcli(&["save", "-m", "no_such_module"]).assert_code(1);
    sandbox.write("script.py", "reached = [1\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(1);
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "reached"]).assert_stdout("[1]\n");
}

#[test]
fn a_session_whose_target_directory_is_gone_is_saved_elsewhere() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.work().join("place")).unwrap();
    sandbox.write("script.py", "import shutil\nshutil.rmtree('place')\nresults = [1, 2]\n");
    let run = sandbox.snapcli(&["save", "-o", "place/session.pkl", "script.py"]);
    run.assert_code(1);
    let elsewhere =
        run.err().split("1 variable and 1 import to ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    sandbox.snapcli(&["restore", &elsewhere, "-c", "results"]).assert_stdout("[1, 2]\n");
    let run = sandbox.snapcli(&["save", "--report", "missing/report.json", "script.py"]);
    run.assert_code(2).assert_stdout("");
}

#[test]
fn the_variables_of_a_crash_are_saved_elsewhere_if_the_directory_is_gone() {
    let sandbox = Sandbox::new();
    let fails = |end: &str, code: Option<i32>, quiet: &[&str]| {
        fs::create_dir(sandbox.work().join("place")).unwrap();
        sandbox.write("script.py", format!("import os, shutil\nresults = [1, 2]\nshutil.rmtree('place')\n{end}\n"));
        let run = sandbox.snapcli(&[&["save"], quiet, &["-o", "place/session.pkl", "script.py"]].concat());
        // A signal ends the process itself.
        if let Some(code) = code {
            run.assert_code(code);
        }
        let lead = if quiet.is_empty() { "saved 1 variable and 2 imports to " } else { "the session was saved to " };
        let elsewhere = run.err().split(lead).nth(1).unwrap_or_else(|| panic!("{}", run.whole())).to_owned();
        let elsewhere = elsewhere.split_whitespace().next().unwrap().to_owned();
        assert!(elsewhere.ends_with("session.crash.pkl"), "{}", run.whole());
        sandbox.snapcli(&["restore", &elsewhere, "-c", "results"]).assert_stdout("[1, 2]\n");
    };
    fails("1 / 0", Some(1), &[]);
    fails("1 / 0", Some(1), &["-q"]);
    fails("os.kill(os.getpid(), 15)", None, &[]);
    fails("raise SystemExit(7)", Some(7), &[]);
    // There is nothing to save.
    sandbox.write("script.py", "__import__('shutil').rmtree('place')\n1 / 0\n");
    fs::create_dir(sandbox.work().join("place")).unwrap();
    let run = sandbox.snapcli(&["save", "-o", "place/session.pkl", "script.py"]);
    assert!(!run.assert_code(1).err().contains("cannot save"), "{}", run.whole());
}

//! `restore FILE < code.py` runs what standard input holds, as `python < code.py` does.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::env::{Sandbox, program};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-c", "best = 3"]).assert_code(0);
    sandbox
}

#[test]
fn code_on_standard_input_is_run_with_the_variables() {
    let sandbox = sandbox();
    let restore =
        |words: &[&str], code: &str| sandbox.call_snapcli(&[&["restore", "-q"], words].concat()).stdin(code).run();
    restore(&[], "print(best)").assert_code(0).assert_stdout("3\n").assert_stderr("");
    restore(&["session.pkl"], "print(best)\nraise SystemExit(7)\n").assert_code(7).assert_stdout("3\n");
    restore(&["--only", "best"], "def f():\n    return best\n\nprint(f())\n").assert_code(0).assert_stdout("3\n");
    let run = restore(&[], "print(best\n");
    assert!(run.err().contains("SyntaxError"), "{}", run.whole());
    run.assert_code(1);
    let run = restore(&[], "1 / 0");
    assert!(run.err().contains("File \"<stdin>\", line 1"), "{}", run.whole());
    run.assert_code(1);
    // As python sees itself.
    let code = "import sys\nprint(sys.argv, __name__, __file__, sys.path[0])\n";
    let python = sandbox.call_python::<&str>(&[]).stdin(code).run();
    restore(&[], code).assert_code(0).assert_stdout(&python.out());
    // Named code does not read it, and a prompt reads it line by line.
    let run = restore(&["session.pkl", "-c", "import sys; print(sys.stdin.read())"], "input");
    run.assert_code(0).assert_stdout("input\n");
    let run = restore(&["-i"], "best + 1\n");
    assert_eq!(run.out(), "4\n", "{}", run.whole());
}

#[test]
fn without_an_input_only_the_session_is_loaded() {
    let sandbox = sandbox();
    let program = program();
    let restore = |stdin: Stdio| {
        let mut command = Command::new(&program);
        command.args(["--python".as_ref(), sandbox.interpreter().as_os_str()]).args(["restore", "session.pkl"]);
        command.current_dir(sandbox.work()).env("HOME", sandbox.root().join("home"));
        command.env("XDG_CONFIG_HOME", sandbox.root().join("home/config")).stdin(stdin);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.contains("restored 1 variable from session.pkl"), "{err}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(restore(Stdio::null()), "");
    sandbox.write("code.py", "print(best + 1)\n");
    assert_eq!(restore(File::open(sandbox.work().join("code.py")).unwrap().into()), "4\n");
    sandbox.write("empty", "");
    assert_eq!(restore(File::open(sandbox.work().join("empty")).unwrap().into()), "");
}

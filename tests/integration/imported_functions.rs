//! `save --locals` names a function as the script does, also one that the script imports. The command in the message
//! about a session without data can be pasted.

use crate::env::{Sandbox, pythons};

/// A package whose `main` is in one module and is imported from another one, as programs have it that pip installs.
fn package(sandbox: &Sandbox) {
    sandbox.write("pkg/__init__.py", "from pkg.cli import main\n");
    sandbox.write(
        "pkg/cli.py",
        "
import functools
class Trainer:
    def fit(self):
        losses = [3]
        return losses
def main():
    total = 5
    Trainer().fit()
    return 0
def traced(function):
    @functools.wraps(function)
    def wrapper(): return function()
    return wrapper
@traced
def decorated():
    inner = 9
",
    );
}

#[test]
fn an_imported_function_is_named_as_in_the_script() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        package(&sandbox);
        for (imports, call, locals, value) in [
            ("from pkg.cli import main", "main()", "main", "total"),
            // It is defined elsewhere, has another name, or is one of all names.
            ("from pkg import main", "main()", "main", "total"),
            ("from pkg.cli import main as run", "run()", "run", "total"),
            ("from pkg.cli import *", "main()", "main", "total"),
            ("try:\n    from pkg.cli import main\nexcept ImportError: pass", "main()", "main", "total"),
            ("from pkg.cli import Trainer", "Trainer().fit()", "Trainer.fit", "losses"),
            ("from pkg.cli import decorated", "decorated()", "decorated", "inner"),
        ] {
            sandbox.write("entry.py", format!("import sys\n{imports}\nif __name__ == '__main__':\n    {call}\n"));
            let run = sandbox.snapcli(&["save", "--locals", locals, "entry.py"]);
            run.assert_code(0);
            let has_told = run.err().lines().any(|line| line.ends_with(&format!(" of {locals}")));
            assert!(has_told, "{imports}\n{}", run.whole());
            sandbox.snapcli(&["restore", "-q", "-c", &format!("{value} is not None")]).assert_stdout("True\n");
        }
        // A function of the script of the same name is meant first.
        sandbox.write("entry.py", "import pkg\ndef main():\n    own = 1\n    pkg.main()\nmain()\n");
        sandbox.snapcli(&["save", "--locals", "main", "entry.py"]).assert_code(0);
        sandbox.snapcli(&["restore", "-q", "-c", "own, 'total' in globals()"]).assert_stdout("(1, False)\n");
    }
}

#[test]
fn an_imported_function_that_is_not_called_is_an_error() {
    let sandbox = Sandbox::new();
    package(&sandbox);
    sandbox.write("entry.py", "from pkg.cli import main\nx = 1\n");
    let run = sandbox.snapcli(&["save", "--locals", "main", "entry.py"]);
    assert!(run.assert_code(2).err().contains("--locals main: the function was never called"), "{}", run.whole());
    // Neither defined nor imported: refused before the script runs, also if it is imported within a function.
    sandbox.write("entry.py", "print('ran')\ndef f():\n    from pkg.cli import main\n");
    let run = sandbox.snapcli(&["save", "--locals", "main", "entry.py"]);
    run.assert_code(2).assert_stdout("");
    assert!(run.err().contains("has no function 'main'"), "{}", run.whole());
}

#[test]
fn the_command_for_the_locals_has_all_options_and_arguments() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "import sys\ndef main():\n    data = sys.argv[1:]\nmain()\n");
    for (words, command) in [
        (&["save", "job.py", "5"][..], "snapcli save --locals main job.py 5"),
        (
            &["save", "-o", "h.pkl", "job.py", "it's", "-o", "$x"],
            "snapcli save -o h.pkl --locals main job.py 'it'\\''s' -o '$x'",
        ),
        (&["save", "-o", "a b.pkl", "--", "job.py"], "snapcli save -o 'a b.pkl' --locals main job.py"),
        (&["save", "-o", "h.pkl", "-m", "job", "d.json"], "snapcli save -o h.pkl --locals main -m job d.json"),
        (
            &["save", "-c", "def main():\n    data = [1]\nmain()", "more"],
            "snapcli save --locals main -c $'def main():\\n    data = [1]\\nmain()' more",
        ),
    ] {
        let run = sandbox.snapcli(words);
        run.assert_code(0);
        let told = run.err().lines().find(|line| line.contains("to save these, run")).unwrap_or_default().to_owned();
        let told = told.replace(&format!(" --python {}", sandbox.interpreter().display()), "");
        assert_eq!(told.split_once("run ").unwrap_or_default().1, command, "{}", run.whole());
    }
    // Messages get into logs.
    let run = sandbox.snapcli(&["save", "job.py", "--password", "hunter2hunter2"]);
    assert!(run.err().contains("--locals main job.py --password") && !run.err().contains("hunter2"), "{}", run.whole());
}

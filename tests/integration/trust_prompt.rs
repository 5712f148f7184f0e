//! The prompt that asks before a file from elsewhere may run code, tested on a pseudo-terminal made by Python's `pty`.

use crate::env::{Sandbox, Shown, in_terminal, program};

/// A sandbox with `got.pkl`, which another user saved and which holds a function.
fn file_of_another_user() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "def double(n):\n    return 2 * n\n");
    let stranger = sandbox.out().join("stranger");
    let save = sandbox.call_snapcli(&["save", "-q", "-o", "got.pkl", "script.py"]);
    save.env("XDG_CONFIG_HOME", stranger).run().assert_code(0);
    sandbox
}

/// The exit code, whether there was a prompt, and the output of a command whose prompt is answered.
fn on_a_terminal(sandbox: &Sandbox, answer: &str, command: &[&str]) -> (i32, bool, String) {
    let shown = Shown::by(in_terminal(sandbox, 200, command, &[("[y/N] ", answer)]));
    (shown.code, shown.typed == 1, shown.text)
}

#[test]
fn a_terminal_is_prompted_and_only_yes_loads_the_file() {
    let sandbox = file_of_another_user();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let program = program().into_string().unwrap();
    let restore = [&*program, "--python", &python, "restore", "got.pkl", "-c", "double(21)"];
    let question = "snapcli: got.pkl is not trusted (signed with a key that is not yours), and loading it would do \
                    more than build plain data\n  double needs types.CodeType (rebuilds code), types.FunctionType \
                    (rebuilds code)\n  see `snapcli inspect --verdict`; restore the plain variables with \
                    --only, or load all of it with --trust\nload it anyway? [y/N] ";
    let nothing = "snapcli: nothing was loaded\n";
    for (answer, code, rest) in [
        ("y\n", 0, "y\n42\n".to_owned()),
        ("yes\n", 0, "yes\n42\n".to_owned()),
        ("n\n", 5, format!("n\n{nothing}")),
        ("\n", 5, format!("\n{nothing}")),
        ("yesterday\n", 5, format!("yesterday\n{nothing}")),
        // Ctrl-D and Ctrl-C.
        ("\x04", 5, format!("\n{nothing}")),
        ("\x03", -2, "^C\nsnapcli: interrupted while restoring got.pkl\n".to_owned()),
    ] {
        let (found, asked, text) = on_a_terminal(&sandbox, answer, &restore);
        assert!(asked && found == code, "{answer:?}: exit {found}\n{text}");
        assert_eq!(text, format!("{question}{rest}"), "{answer:?}");
    }
}

#[test]
fn nothing_but_a_terminal_is_prompted() {
    let sandbox = file_of_another_user();
    let python = sandbox.interpreter().to_str().unwrap();
    let program = program().into_string().unwrap();
    let restore = format!("{program} --python {python} restore");
    for command in [
        // Standard input is the file, so no answer can be read from it.
        format!("cat got.pkl | {restore} - -c 'double(21)'"),
        format!("{restore} got.pkl -c 'double(21)' < /dev/null"),
        format!("echo y | {restore} got.pkl -c 'double(21)'"),
        format!("{restore} got.pkl -c 'double(21)' 2> errors.txt"),
    ] {
        let (code, asked, text) = on_a_terminal(&sandbox, "y\n", &["/bin/sh", "-c", &command]);
        assert!(code == 5 && !asked && !text.contains("42"), "{command}: exit {code}\n{text}");
    }
    let restored = sandbox.call_snapcli(&["restore", "got.pkl", "-c", "double(21)"]).stdin("y\n").run();
    restored.assert_code(5).assert_stdout("");
}

#[test]
fn signing_a_file_is_confirmed_at_a_prompt_too() {
    let sandbox = file_of_another_user();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let program = program().into_string().unwrap();
    let trust = [&*program, "--python", &python, "trust", "got.pkl"];
    for (answer, codes) in [("n\n", [5, 5]), ("\x04", [5, 5]), ("\x03", [130, -2]), ("y\n", [0, 0])] {
        let (code, asked, text) = on_a_terminal(&sandbox, answer, &trust);
        assert!(asked && codes.contains(&code), "{answer:?}: exit {code}\n{text}");
    }
    sandbox.snapcli(&["restore", "got.pkl", "-c", "double(21)"]).assert_code(0).assert_stdout("42\n");
}

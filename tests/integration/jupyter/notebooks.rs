//! `snapcli save notebook.ipynb`: its code cells run as a script, with IPython or without.

use super::{jupyter, notebook};
use crate::env::{Sandbox, Stack, pythons, venv};

const PLAIN: [&str; 5] = [
    "import sys, xml.dom.minidom\nfactor = 2\ndef f(x):\n    return x * factor",
    "f(3)",
    "   ",
    "async def later():\n    return 5\nz = await later()",
    "display(z)\nprint(sys.argv, __name__, '__file__' in globals())",
];

#[test]
fn cells_run_as_a_script() {
    for python in pythons() {
        for stack in [Stack::Dill, Stack::Jupyter] {
            let sandbox = Sandbox::with(venv(python, stack));
            sandbox.write("plain.ipynb", notebook(&PLAIN));
            let run = sandbox.snapcli(&["save", "plain.ipynb", "one", "--two"]);
            run.assert_code(0).assert_stdout("5\n['plain.ipynb', 'one', '--two'] __main__ False\n");
            assert_eq!(sandbox.snapcli(&["restore", "--list", "--all"]).out(), "sys\nxml\nfactor\nf\nlater\nz\n");
            let code = "import inspect; print(inspect.getsource(f), f(4), xml.dom.minidom.Node)";
            sandbox
                .snapcli(&["restore", "-c", code])
                .assert_stdout("def f(x):\n    return x * factor\n 8 <class 'xml.dom.minidom.Node'>\n");
            let script = &sandbox.snapcli(&["inspect", "--json"]).json()["script"];
            assert!(script["path"].as_str().unwrap().ends_with("/plain.ipynb"), "{script}");
            let inspected = sandbox.snapcli(&["inspect", "plain.ipynb"]);
            assert!(inspected.assert_code(0).out().starts_with("plain.ipynb: script with "));
            sandbox.snapcli(&["save", "--verify", "--strict", "plain.ipynb"]).assert_code(0);
        }
    }
}

#[test]
fn a_traceback_names_the_cell_and_the_exit_code_is_that_of_a_script() {
    for stack in [Stack::Dill, Stack::Jupyter] {
        let sandbox = Sandbox::with(venv(crate::env::main_python(), stack));
        sandbox.write(
            "fails.ipynb",
            notebook(&["def k(n):\n    return n / 0", "done = 1", "ok = 1\nk(done)", "never = 1"]),
        );
        let run = sandbox.snapcli(&["save", "fails.ipynb"]);
        let err = run.assert_code(1).err();
        let lines: Vec<_> = err.lines().map(str::trim).filter(|line| !line.starts_with(['~', '^'])).collect();
        assert_eq!(
            lines[..6],
            [
                "Traceback (most recent call last):",
                "File \"<fails.ipynb In[3]>\", line 2, in <module>",
                "k(done)",
                "File \"<fails.ipynb In[1]>\", line 2, in k",
                "return n / 0",
                "ZeroDivisionError: division by zero"
            ],
            "{err}"
        );
        assert_eq!(sandbox.snapcli(&["restore", "--list", "--all", "session.crash.pkl"]).out(), "k\ndone\nok\n");
        sandbox.write("exits.ipynb", notebook(&["x = 1", "import sys\nsys.exit(7)", "never = 1"]));
        sandbox.snapcli(&["save", "exits.ipynb"]).assert_code(7).assert_stdout("");
        sandbox.write("bad.ipynb", notebook(&["x = 1", "a = (1,\nb b"]));
        let run = sandbox.snapcli(&["save", "bad.ipynb"]);
        assert!(run.assert_code(1).err().starts_with("  File \"<bad.ipynb In[2]>\", line "), "{}", run.whole());
    }
}

#[test]
fn magics_and_commands_run_with_ipython() {
    let sandbox = jupyter();
    let cells = [
        "%pwd\nx = 1",
        "!echo from a shell\nlines = !echo two",
        "%%time\ny = 2",
        "%%bash\necho from bash",
        "x + 40",
        "before = _\nz = Out[5]",
        "display(before)",
        "exit",
        "never = 1",
    ];
    sandbox.write("magic.ipynb", notebook(&cells));
    let run = sandbox.snapcli(&["save", "magic.ipynb"]);
    let out = run.assert_code(0).out();
    let shown: Vec<_> = out.lines().filter(|line| !line.contains("time")).filter(|line| !line.is_empty()).collect();
    assert_eq!(shown, ["from a shell", "from bash", "41"], "{}", run.whole());
    assert_eq!(sandbox.snapcli(&["restore", "--list", "--all"]).out(), "x\nlines\ny\nbefore\nz\n");
    sandbox.snapcli(&["restore", "-c", "x, y, list(lines), before, z"]).assert_stdout("(1, 2, ['two'], 41, 41)\n");
    let shown = sandbox.snapcli(&["inspect"]).out();
    assert!(!shown.contains("warnings:") && !shown.contains("logging:"), "{shown}");
}

#[test]
fn without_ipython_a_magic_is_an_error_before_anything_runs() {
    let sandbox = Sandbox::new();
    for (cell, line, text) in
        [("y = 2\n%matplotlib inline", 2, "%matplotlib inline"), ("%%bash\nls", 1, "%%bash"), ("a\n\n!ls", 3, "!ls")]
    {
        sandbox.write("magic.ipynb", notebook(&["print('runs')", cell]));
        let run = sandbox.snapcli(&["save", "magic.ipynb"]);
        let python = sandbox.interpreter().display();
        run.assert_code(1).assert_stdout("").assert_stderr(&format!(
            "snapcli: cannot run magic.ipynb In[2], line {line} ({text}): it needs IPython, which {python} does not \
             have (pip install ipython)\n"
        ));
    }
    sandbox.write("r.ipynb", r#"{"nbformat": 4, "metadata": {"language_info": {"name": "R"}}, "cells": []}"#);
    let run = sandbox.snapcli(&["save", "r.ipynb"]);
    assert!(run.assert_code(1).err().contains("r.ipynb: its language is R, not Python"), "{}", run.whole());
    sandbox.write("text.ipynb", "print('no notebook')\n");
    let run = sandbox.snapcli(&["save", "text.ipynb"]);
    assert!(run.assert_code(1).err().contains("text.ipynb: it is not a notebook"), "{}", run.whole());
}

#[test]
fn a_prompt_of_ipython_has_the_restored_variables() {
    let sandbox = jupyter();
    sandbox.snapcli(&["save", "-c", "k = 3\ndef f(x): return x * k\n"]).assert_code(0);
    let call = sandbox.call_snapcli(&["restore", "--ipython", "-c", "extra = f(1)"]);
    let run = call.stdin("print('got', f(2), extra)\nk = 10\nprint('got', f(2))\n%snap save second.pkl\n").run();
    let out = run.assert_code(0).out();
    assert!(out.contains("got 6 3\n") && out.contains("got 20\n"), "{}", run.whole());
    assert_eq!(sandbox.snapcli(&["restore", "--list", "--all", "second.pkl"]).out(), "k\nf\nextra\n");
    let bare = Sandbox::new();
    bare.snapcli(&["save", "-c", "k = 3"]).assert_code(0);
    let run = bare.snapcli(&["restore", "--ipython"]);
    let python = bare.interpreter().display();
    run.assert_code(6).assert_stderr(&format!(
        "snapcli: {python} has no IPython: install it with `pip install ipython`, or leave out --ipython\n"
    ));
}

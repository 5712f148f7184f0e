//! The source of code that is in no file: it is in the snapshot, and `inspect.getsource` finds it after a restore.

use super::{in_kernels, jupyter};
use crate::env::{Sandbox, Stack, pythons, venv};

/// Runs code as a prompt or a template engine does: its source is in `linecache`, under a name in angle brackets.
const RUN: &str = "import linecache\n\
    def run(source, name, names):\n\
    \x20   linecache.cache[name] = (len(source), None, source.splitlines(True), name)\n\
    \x20   exec(compile(source, name, 'exec'), names)\n";

#[test]
fn source_of_executed_code_is_restored() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("run_code.py", RUN);
        sandbox.write(
            "script.py",
            "from run_code import run as _run\n\
             _run('def first():\\n    return 1  # one\\n', '<input-0>', globals())\n\
             _run('class Second:\\n    def m(self): return 2\\n\\nthird = lambda: 3\\n', 'made/of.py', globals())\n\
             def fourth():\n    return 4\n",
        );
        sandbox.snapcli(&["save", "script.py"]).assert_code(0);
        let source = "import inspect; print(''.join(map(inspect.getsource, [first, Second.m, third])))";
        let expected = "def first():\n    return 1  # one\n    def m(self): return 2\nthird = lambda: 3\n\n";
        sandbox.snapcli(&["restore", "-c", source]).assert_stdout(expected);
        let source_of_first = "import inspect; print(inspect.getsource(first))";
        sandbox
            .snapcli(&["restore", "--no-ambient", "--only", "first", "-c", source_of_first])
            .assert_stdout("def first():\n    return 1  # one\n\n");
        // Once more, through another snapshot.
        sandbox.write("again.py", "import snapcli as _s\n_s.save('again.pkl')\n");
        sandbox.snapcli(&["restore", "session.pkl", "again.py"]).assert_code(0);
        sandbox.snapcli(&["restore", "again.pkl", "-c", source]).assert_stdout(expected);
        sandbox.snapcli(&["verify", "again.pkl"]).assert_code(0);
        sandbox.snapcli(&["save", "--verify", "--strict", "script.py"]).assert_code(0);
        // A new process uses the name again, for other code.
        sandbox.write(
            "other.py",
            "import inspect\nfrom run_code import run\nrun('def own():\\n    return 0\\n', '<input-0>', globals())\n\
             print(inspect.getsource(own), inspect.getsource(first))\n",
        );
        sandbox
            .snapcli(&["restore", "session.pkl", "other.py"])
            .assert_stdout("def own():\n    return 0\n def first():\n    return 1  # one\n\n");
        sandbox
            .python(&["-c", "import dill; dill.load_module('session.pkl'); print(first(), Second().m(), fourth())"])
            .assert_stdout("1 2 4\n");
    }
}

#[test]
fn source_is_stored_once_for_each_cell_and_only_for_saved_code() {
    let sandbox = Sandbox::new();
    sandbox.write("run_code.py", RUN);
    sandbox.write(
        "script.py",
        "from run_code import run as _run\n\
         _run('\\n'.join(f'def f{i}(): return {i}' for i in range(100)) + '\\n', '<many>', globals())\n\
         _run('def gone():\\n    return \"in no snapshot\"\\n', '<dropped>', globals())\ndel gone\n\
         _text = 'key = \"ghp_' + 'a1B2c3D4e5F6' * 3 + '\"\\ndef uses():\\n    return 1\\n'\n\
         _run(_text, '<secret>', globals())\ndel key\n",
    );
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    let file = std::fs::read(sandbox.work().join("session.pkl")).unwrap();
    let count = |text: &str| file.windows(text.len()).filter(|bytes| *bytes == text.as_bytes()).count();
    assert_eq!(count("def f42(): return 42"), 1);
    assert_eq!((count("in no snapshot"), count("ghp_a1B2")), (0, 0));
    let shown = sandbox.snapcli(&["inspect"]).out();
    assert!(shown.contains("linecache: 103 lines of source that no file has"), "{shown}");
    assert!(shown.contains("looks like a credential: it is not kept"), "{shown}");
    let source = "import inspect; print(inspect.getsource(uses))";
    sandbox.snapcli(&["restore", "-c", source]).assert_stdout("def uses():\n    return 1\n\n");
}

#[test]
fn code_of_the_command_line_keeps_its_source_where_python_does() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.snapcli(&["save", "-c", "def f(x):\n    return x + 1\n"]).assert_code(0);
        let run = sandbox.snapcli(&["restore", "-c", "import inspect\nprint(f(1), inspect.getsource(f))"]);
        let has_source =
            sandbox.python(&["-c", "import inspect\ndef f(): pass\ninspect.getsource(f)"]).ending().contains("0");
        if has_source {
            run.assert_stdout("2 def f(x):\n    return x + 1\n\n");
        } else {
            assert!(run.err().contains("could not get source code"), "{}", run.whole());
        }
    }
}

#[test]
fn functions_of_a_terminal_prompt_keep_their_source() {
    let mut tested = false;
    for python in pythons().iter().filter(|python| python.version >= (3, 13)) {
        tested = true;
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/jupyter/terminal_prompt.py");
        let prompt = |statements: &[&str]| sandbox.call_importing(&[&[driver], statements].concat()).run();
        prompt(&["import snapcli", "def f(x): return x * 2  # here\n", "snapcli.save('prompt.pkl')"]);
        // The next prompt counts its statements from 0 again.
        let shown = prompt(&[
            "import snapcli, inspect",
            "def g(): return 'other'\n",
            "snapcli.restore('prompt.pkl')",
            "open('out.txt', 'w').write(inspect.getsource(f) + inspect.getsource(g) + str(f(4))) and None",
        ]);
        let out = std::fs::read_to_string(sandbox.work().join("out.txt")).unwrap_or_default();
        let expected = "def f(x): return x * 2  # here\ndef g(): return 'other'\n8";
        assert_eq!(out.replace("\n\n", "\n"), expected, "{}", shown.whole());
    }
    if !tested {
        crate::skipped::skipped("the prompt keeps sources since 3.13");
    }
}

#[test]
fn a_traceback_shows_the_lines_of_a_restored_cell() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        "import snapcli\ndef fails():\n    return 1 / 0  # here\n\
         ---\nsnapcli.save('t.pkl');\n\
         --- kill\nimport snapcli, traceback\nsnapcli.restore('t.pkl');\n\
         ---\ntry:\n    fails()\nexcept ZeroDivisionError:\n    print(traceback.format_exc())\n",
    );
    assert!(run.out().contains("return 1 / 0  # here"), "{}", run.whole());
}

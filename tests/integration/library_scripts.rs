//! Scripts of the form `def main(): …; main()` that others have written: five of the standard library, saved with
//! `--locals main`, and crashed at a chosen depth by their input.

use crate::env::{Sandbox, pythons};

struct Script {
    module: &'static str,
    /// Arguments with which it works, and an expression of local variables of `main` with its value.
    works: (&'static [&'static str], &'static str, &'static str),
    /// Arguments with which it fails, the function whose frame is asked, and an expression with its value.
    fails: (&'static [&'static str], &'static str, &'static str, &'static str),
}

const SCRIPTS: [Script; 5] = [
    Script {
        module: "calendar",
        works: (&["2024", "2"], "options.year, options.month", "(2024, 2)"),
        fails: (&["2024", "13"], "formatmonthname", "themonth", "13"),
    },
    Script {
        module: "json.tool",
        works: (&["good.json"], "dump_args['indent'], obj", "(4, {'a': [1, 2]})"),
        fails: (&["bad.json"], "main", "dump_args['indent']", "4"),
    },
    Script {
        module: "tokenize",
        works: (&["good.py"], "filename, len(tokens) > 5", "('good.py', True)"),
        fails: (&["bad.json"], "main", "filename", "'bad.json'"),
    },
    Script {
        module: "ast",
        works: (&["good.py"], "type(tree).__name__, len(tree.body)", "('Module', 2)"),
        fails: (&["bad.json"], "parse", "mode, source", "('exec', b'{\"a\": [1, 2\\n')"),
    },
    Script {
        module: "base64",
        works: (&["-e", "good.json"], "func.__name__", "'encode'"),
        fails: (&["-d", "bad.txt"], "decode", "line", "b'abc\\n'"),
    },
];

fn prepare(sandbox: &Sandbox) {
    sandbox.clear();
    sandbox.write("good.json", "{\"a\": [1, 2]}\n");
    sandbox.write("bad.json", "{\"a\": [1, 2\n");
    sandbox.write("good.py", "x = [1, 2]\nprint(x)\n");
    sandbox.write("bad.txt", "abc\n");
}

#[test]
fn scripts_of_the_standard_library_are_saved_with_the_locals_of_main() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for Script { module, works: (arguments, code, value), .. } in SCRIPTS {
            prepare(&sandbox);
            let plain = sandbox.python(&[&["-m", module], arguments].concat());
            let saved = sandbox.snapcli(&[&["save", "--locals", "main", "-m", module], arguments].concat());
            saved.assert_code(0).assert_stdout(&plain.out());
            assert!(saved.err().contains("local variables of main"), "{}", saved.whole());
            let run = sandbox.snapcli(&["restore", "-q", "session.pkl", "-c", code]);
            run.assert_code(0).assert_stdout(&format!("{value}\n"));
        }
    }
}

#[test]
fn scripts_of_the_standard_library_that_fail_keep_the_locals_at_the_depth_of_the_fault() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for Script { module, fails: (arguments, function, code, value), .. } in SCRIPTS {
            prepare(&sandbox);
            let plain = sandbox.python(&[&["-m", module], arguments].concat());
            let saved = sandbox.snapcli(&[&["save", "--locals", "main", "-m", module], arguments].concat());
            assert_eq!(saved.ending(), plain.ending(), "{}", saved.whole());
            let inspected = sandbox.snapcli(&["inspect", "session.crash.pkl"]);
            let frames: Vec<_> = inspected.out().lines().filter_map(|line| number_of(line, function)).collect();
            let number = frames.last().unwrap_or_else(|| panic!("{function}\n{}", inspected.whole())).clone();
            let run = sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "--frame", &number, "-c", code]);
            run.assert_code(0).assert_stdout(&format!("{value}\n"));
        }
    }
}

/// The number of the frame in a line of a traceback, if it is one of this function.
fn number_of(line: &str, function: &str) -> Option<String> {
    let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let name = rest.rsplit_once(", in ")?.1;
    let is_named = name == function || name.ends_with(&format!(".{function}"));
    (is_named && rest.contains(", line ")).then(|| number.to_owned())
}

//! Scripts that do their work in `main()`, as those of installed packages do: `--locals main` keeps its variables, and
//! a crash at any depth keeps those of each frame.

use crate::env::{Sandbox, pythons};

/// A module of the standard library with a `main()`.
struct MainScript {
    module: &'static str,
    arguments: &'static [&'static str],
    /// Local variables that `main` has in every Python version.
    locals: &'static [&'static str],
    /// A function that is made to fail, and the functions of the script on the stack then, the outermost first.
    fails: &'static str,
    stack: &'static [&'static str],
}

const SCRIPTS: [MainScript; 5] = [
    MainScript {
        module: "json.tool",
        arguments: &["data.json"],
        locals: &["parser", "options", "dump_args"],
        fails: "main",
        stack: &["main"],
    },
    MainScript {
        module: "calendar",
        arguments: &["2026", "2"],
        locals: &["parser", "options", "cal"],
        fails: "TextCalendar.formatweek",
        stack: &["main", "formatmonth", "formatweek"],
    },
    MainScript {
        module: "tokenize",
        arguments: &["code.py"],
        locals: &["parser", "args", "tokens", "filename"],
        fails: "detect_encoding",
        stack: &["main", "tokenize", "detect_encoding"],
    },
    MainScript {
        module: "timeit",
        arguments: &["-n", "2", "-r", "2", "x = 1"],
        locals: &["opts", "stmt", "number", "repeat"],
        fails: "reindent",
        stack: &["main", "__init__", "reindent"],
    },
    MainScript {
        module: "tabnanny",
        arguments: &["code.py"],
        locals: &["opts", "args"],
        fails: "check",
        stack: &["main", "check"],
    },
];

/// Copies the module into the project. With a function, that one raises an error when it ends its first statement.
const COPY: &str = r#"
import ast, importlib.util, sys
name, target, function = sys.argv[1:]
tree = ast.parse(open(importlib.util.find_spec(name).origin, encoding="utf-8").read())
def fail(body, path):
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == path[0]:
            if path[1:]: return fail(node.body, path[1:])
            node.body[:0] = ast.parse("chosen = ['depth']\nraise RuntimeError(chosen)").body
            return True
if function:
    assert fail(tree.body, function.split("."))
open(target, "w", encoding="utf-8").write(ast.unparse(tree))
"#;

fn copied(script: &MainScript, function: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("data.json", "{\"a\": [1, 2, 3]}");
    sandbox.write("code.py", "def f(x):\n    if x:\n        return [x]\n");
    let name = format!("my_{}.py", script.module.replace('.', "_"));
    sandbox.python(&["-c", COPY, script.module, &name, function]).assert_code(0);
    (sandbox, name)
}

#[test]
fn the_local_variables_of_main_are_kept() {
    for script in &SCRIPTS {
        let (sandbox, name) = copied(script, "");
        for run in [&[name.as_str()] as &[&str], &["-m", script.module]] {
            let words = [&["save", "-o", "s.pkl", "--locals", "main"], run, script.arguments].concat();
            let saved = sandbox.snapcli(&words);
            assert!(saved.assert_code(0).err().contains("local variables of main"), "{}", saved.whole());
            let list = sandbox.snapcli(&["restore", "s.pkl", "--list"]).out();
            for local in script.locals {
                assert!(list.lines().any(|line| line == *local), "{words:?}: {local} is not in\n{list}");
            }
        }
    }
}

#[test]
fn a_crash_at_a_chosen_depth_keeps_the_locals_of_each_frame() {
    for script in &SCRIPTS {
        let (sandbox, name) = copied(script, script.fails);
        let words = [&["save", "-o", "s.pkl", name.as_str()], script.arguments].concat();
        sandbox.snapcli(&words).assert_code(1);
        let text = sandbox.snapcli(&["inspect", "s.crash.pkl", "--all"]).assert_code(0).out();
        let mut rest = text.as_str();
        for function in script.stack {
            // With its class, where Python knows that.
            let end = rest.match_indices(&format!("{function}\n")).map(|(at, found)| at + found.len()).next();
            let end = end.unwrap_or_else(|| panic!("{name}: {function} is not in\n{rest}\nof\n{text}"));
            rest = &rest[end..];
        }
        assert!(rest.contains("chosen: list = ['depth']"), "{name}: {text}");
        sandbox.snapcli(&["restore", "s.crash.pkl", "--frame", "-1", "-c", "chosen"]).assert_stdout("['depth']\n");
    }
}

#[test]
fn a_function_whose_only_local_is_a_counter_has_done_no_work() {
    let calls = "import sys\ndef work(n): sys.stdout.write(str(n))\n";
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for (main, is_named) in [
            ("for n in range(3): work(n)", false),
            ("for n, (a, b) in enumerate([(1, 2)]): work(a)", false),
            ("for a, *rest in [(1, 2)]: work(a)", false),
            ("for n in range(2):\n        for k in range(2): work(k)", false),
            ("work([n for n in range(3)])", false),
            ("work({n: k for n in range(3) for k in range(n) if k})", false),
            ("total = 0\n    for n in range(3): total += n", true),
            ("for n in range(3): last = n", true),
            ("values = [n for n in range(3)]", true),
            ("n = 5\n    for n in range(n): work(n)", true),
        ] {
            sandbox.write("job.py", format!("{calls}def main():\n    {main}\nmain()\n"));
            let run = sandbox.snapcli(&["save", "job.py"]);
            let has_hint = run.assert_code(0).err().contains("--locals main job.py");
            assert_eq!(has_hint, is_named, "{}: {main}\n{}", python.label(), run.whole());
        }
    }
}

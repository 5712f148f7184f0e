//! A session without data: `save` names the function or method that did the work, in a form that `--locals` takes.

use crate::env::Sandbox;

/// Saves a script, and returns the word after `--locals` in the hint.
fn hint(sandbox: &Sandbox, script: &str) -> Option<String> {
    sandbox.write("job.py", script);
    let run = sandbox.snapcli(&["save", "-o", "s.pkl", "job.py"]);
    let text = run.assert_code(0).err();
    let after = text.split("run snapcli save ").nth(1)?.split("--locals ").nth(1)?;
    Some(after.split_whitespace().next().unwrap().to_owned())
}

const APP: &str = "
class Base:
    def run(self):
        rows = [1, 2, 3]
        self.total = sum(rows)
class App(Base):
    def stop(self): pass
    @staticmethod
    def once(number):
        doubled = number * 2
";

#[test]
fn the_function_is_named_as_locals_takes_it() {
    let sandbox = Sandbox::new();
    sandbox.write("pkg/__init__.py", "");
    sandbox.write(
        "pkg/core.py",
        "def main(argv):\n    rows = [1, 2, 3]\n\nclass Tool:\n    def go(self):\n        rows = [4]\n",
    );
    let main = "import functools, sys\ndef main():\n    rows = [1, 2, 3]\n    return 0\n";
    let app = |end: &str| format!("{APP}{end}");
    for (script, function) in [
        (app("app = App(); app.run(); app.stop()\n"), "Base.run"),
        (app("App().run()\n"), "Base.run"),
        (
            app("if __name__ == '__main__':\n    app = App()\n    try:\n        app.run()\n    finally: app.stop()\n"),
            "Base.run",
        ),
        (app("App.once(3)\n"), "App.once"),
        (format!("{main}status = main()\n"), "main"),
        (format!("{main}sys.exit(main())\n"), "main"),
        (format!("{main}def setup():\n    x = 1\nsetup(); main(); setup()\n"), "main"),
        (format!("{main}LIMIT = 10\nimport logging\nlog = logging.getLogger('x')\nmain()\n"), "main"),
        ("def run(f):\n    return lambda: f()\n@run\ndef work():\n    x = [1]\nwork()\n".to_owned(), "work"),
        ("import asyncio\nasync def work():\n    x = [1]\nasyncio.run(work())\n".to_owned(), "work"),
        ("from pkg import core\ncore.main(['a'])\n".to_owned(), "pkg.core:main"),
        ("from pkg.core import main as start\nstart([])\n".to_owned(), "pkg.core:main"),
        ("from pkg.core import Tool\ntool = Tool()\ntool.go()\n".to_owned(), "pkg.core:Tool.go"),
    ] {
        assert_eq!(hint(&sandbox, &script).as_deref(), Some(function), "{script}");
        let run = sandbox.snapcli(&["save", "-o", "s.pkl", "--locals", function, "job.py"]);
        assert!(run.assert_code(0).err().contains(&format!("of {function}\n")), "{}", run.whole());
        let list = sandbox.snapcli(&["restore", "s.pkl", "--list"]).out();
        assert!(["rows", "x", "doubled"].iter().any(|name| list.lines().any(|line| line == *name)), "{list}");
    }
}

#[test]
fn a_session_with_data_gets_no_hint() {
    let sandbox = Sandbox::new();
    let main = "def main():\n    rows = [1]\n    return rows\n";
    for script in [
        format!("{main}rows = main()\n"),
        format!("{main}main()\nx = 1\n"),
        main.to_owned(),
        format!("{APP}app = App(); app.run(); app.rows = list(range(5000))\n"),
        "import json\njson.dumps([1])\n".to_owned(),
        "def main(): pass\nmain()\n".to_owned(),
        "class A:\n    def __getattr__(self, name): raise SystemExit(9)\na = A()\nprint(len('x'))\n".to_owned(),
    ] {
        assert_eq!(hint(&sandbox, &script), None, "{script}");
    }
}

#[test]
fn code_and_modules_get_the_hint_too() {
    let sandbox = Sandbox::new();
    sandbox.write("tool.py", "def main():\n    rows = [1]\nmain()\n");
    let run = sandbox.snapcli(&["save", "-m", "tool"]);
    assert!(run.assert_code(0).err().contains(" --locals main -m tool\n"), "{}", run.whole());
    sandbox.snapcli(&["save", "--locals", "main", "-m", "tool"]).assert_code(0);
    sandbox.snapcli(&["restore", "-c", "rows"]).assert_stdout("[1]\n");
    let run = sandbox.snapcli(&["save", "-c", "def main():\n    rows = [1]\nmain()"]);
    let command = "--locals main -c $'def main():\\n    rows = [1]\\nmain()'\n";
    assert!(run.assert_code(0).err().contains(command), "{}", run.whole());
}

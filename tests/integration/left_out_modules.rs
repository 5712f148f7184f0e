//! A session of somebody else that imports a module which may not be imported, such as a plotting library, loses this
//! variable and nothing else.

use crate::env::{Run, Sandbox};

const SCRIPT: &str = "import antigravity as plt, json\nx = [1, 2]\ny = {'a': x}\n";

fn saved(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    // Importing it would open a browser.
    let save = sandbox.call_snapcli(&["save", "-q", "script.py"]).env("BROWSER", "true");
    save.run().assert_code(0);
    sandbox
}

/// Restores as a user with another key.
fn restored(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let restore = sandbox.call_snapcli(&[&["restore"], arguments].concat());
    restore.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run()
}

#[test]
fn a_module_that_may_not_be_imported_is_lost_alone() {
    let sandbox = saved(SCRIPT);
    let show = "import sys; print(y['a'] is x, json.__name__, 'plt' in globals(), 'antigravity' in sys.modules)";
    let run = restored(&sandbox, &["-c", show]);
    run.assert_code(0).assert_stdout("True json False False\n");
    assert!(run.err().contains("plt") && run.err().contains("antigravity"), "{}", run.err());
    restored(&sandbox, &["--strict", "-c", "1"]).assert_code(3);
    // What is lost is no reason to call the file plain.
    sandbox.snapcli(&["inspect", "--strict"]).assert_code(0);
    let inspect = sandbox.call_snapcli(&["inspect", "--strict"]);
    inspect.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run().assert_code(5);
}

#[test]
fn a_file_that_needs_more_is_still_refused() {
    let sandbox = saved(&format!("{SCRIPT}def function():\n    return plt\n"));
    let run = restored(&sandbox, &["-c", "print('loaded')"]);
    run.assert_code(5).assert_stdout("");
    assert!(run.err().contains("function") && run.err().contains("plt"), "{}", run.err());
}

#[test]
fn a_variable_that_holds_such_a_module_is_refused() {
    let sandbox = saved("import antigravity\nheld = [antigravity, 1]\ndel antigravity\n");
    let run = restored(&sandbox, &["-c", "print('loaded')"]);
    run.assert_code(5).assert_stdout("");
}

#[test]
fn modules_that_only_exist_in_the_script_are_left_out_by_name() {
    let sandbox = Sandbox::new();
    let script = "
import sys, types, typing
T = typing.TypeVar('T')
made = types.ModuleType('made')
registered = types.ModuleType('registered')
sys.modules['registered'] = registered
exec('class Inner: pass', registered.__dict__)
inner = registered.Inner()
results = [1, 2]
";
    crate::saving::saved(&sandbox, script, &[]);
    let index = sandbox.snapcli(&["inspect", "--json"]).json();
    let names = index["left_out"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["made", "registered", "inner"], "{index:#}");
    let run = sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", "results, T.__name__"]);
    run.assert_stdout("([1, 2], 'T')\n");
}

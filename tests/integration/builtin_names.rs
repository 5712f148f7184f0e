//! Variables of untrusted files that have names of built-ins: the values are plain data, so only these variables are
//! left out and named. A trusted file may have them.

use crate::env::{Sandbox, Stack, pythons, venv};

const SCRIPT: &str = "id = 7\nlicense = 'MIT'\nexit = [1]\ndir = 'a'\nscores = [1, 2]\nshared = scores\nmax = scores\n";
const WHY: &str = "it has the name of a built-in, which only a trusted file may replace: load it with --trust";
/// Prints what the names are, and the built-ins as they are.
const CHECK: &str = "print(scores, shared is scores, id is __builtins__.id, max is __builtins__.max, type(dir))";
const LEFT: &str = "[1, 2] True True True <class 'builtin_function_or_method'>\n";

fn stranger(sandbox: &Sandbox, arguments: &[&str]) -> crate::env::Run {
    sandbox.call_snapcli(arguments).env("SNAPCLI_KEY", "the passphrase of a stranger").run()
}

#[test]
fn an_untrusted_snapshot_loses_only_those_variables_and_they_are_named() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        sandbox.write("script.py", SCRIPT);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        stranger(&sandbox, &["inspect", "--strict"]).assert_code(0);
        stranger(&sandbox, &["verify", "-q"]).assert_code(0);
        let run = stranger(&sandbox, &["restore", "-c", CHECK]);
        run.assert_code(0).assert_stdout(LEFT);
        let named = format!("cannot restore id (int), license (str), exit (list), dir (str), max (list): {WHY}\n");
        assert!(run.err().contains(&named), "{}", run.whole());
        // --strict is for scripts that need all variables.
        stranger(&sandbox, &["restore", "--strict", "-c", CHECK]).assert_code(3).assert_stdout("");
        stranger(&sandbox, &["restore", "--strict", "--only", "s*", "-c", CHECK]).assert_code(0).assert_stdout(LEFT);
        let code = "print(id, license, exit, dir, max is scores)";
        stranger(&sandbox, &["restore", "--trust", "-c", code]).assert_code(0).assert_stdout("7 MIT [1] a True\n");
        sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout("7 MIT [1] a True\n");
    }
}

#[test]
fn an_untrusted_dict_binds_its_other_keys() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let script = "import pickle\npickle.dump({'id': 7, 'data': [1], 'input': 'x'}, open('some.pkl', 'wb'))\n\
                      pickle.dump({'min': 0, 'max': 9}, open('all.pkl', 'wb'))\n\
                      pickle.dump({'a b': 0, 'x': 9}, open('keys.pkl', 'wb'))\n";
        sandbox.write("dump.py", script);
        sandbox.python(&["dump.py"]).assert_code(0);
        let run = sandbox.snapcli(&["restore", "some.pkl", "-c", "print(data, id is __builtins__.id)"]);
        run.assert_code(0).assert_stdout("[1] True\n");
        assert!(run.err().contains(&format!("cannot restore id (int), input (str): {WHY}\n")), "{}", run.whole());
        sandbox.snapcli(&["inspect", "--strict", "some.pkl"]).assert_code(0);
        let trusted = sandbox.snapcli(&["restore", "--trust", "some.pkl", "-c", "print(id, data, input)"]);
        trusted.assert_code(0).assert_stdout("7 [1] x\n").assert_stderr("");
        // Without a name for any key, the dict itself is the variable.
        let run = sandbox.snapcli(&["restore", "all.pkl", "-c", "print(obj['max'], max(1, 2))"]);
        run.assert_code(0).assert_stdout("9 2\n").assert_stderr("");
        sandbox.snapcli(&["restore", "keys.pkl", "-c", "print(obj['x'])"]).assert_code(0).assert_stdout("9\n");
    }
}

#[test]
fn an_untrusted_dill_session_replaces_no_built_in() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let script =
            "import dill\nprint = [1]\ntype = 'a'\nx = 3\nprivate_ = {'k': type}\ndill.dump_module('session.pkl')\n";
        sandbox.write(
            "dump.py",
            script.replace("import dill\n", "import dill as _dill\n").replace("dill.dump", "_dill.dump"),
        );
        sandbox.python(&["dump.py"]).assert_code(0);
        let run = sandbox.snapcli(&["restore", "-c", "print(x, type(x).__name__, private_, __name__)"]);
        // The session refers to dill itself, so it takes trust, or it is plain.
        if run.status.code() == Some(0) {
            run.assert_stdout("3 int {'k': 'a'} __main__\n");
            assert!(
                run.err().contains(&format!("cannot restore print (list), type (str): {WHY}\n")),
                "{}",
                run.whole()
            );
        } else {
            run.assert_code(5);
        }
    }
}

/// A dill session of plain values, written by hand: with names of built-ins, and with those of the module itself.
#[test]
fn names_of_the_module_stay_as_they_are_in_a_session() {
    let sandbox = Sandbox::new();
    let item = |name: &str| [b"\x8c", &[name.len() as u8][..], name.as_bytes(), b"K\x05s"].concat();
    let names = ["print", "__name__", "__builtins__", "__spec__", "x", "not a name", "open"];
    let items: Vec<u8> = names.iter().flat_map(|name| item(name)).collect();
    let head = b"\x80\x04cdill._dill\n_import_module\n\x8c\x08__main__\x85R}";
    sandbox.write("session.pkl", [&head[..], &items, b"b."].concat());
    let run = sandbox.snapcli(&["restore", "-c", "print(x, __name__, __spec__, open.__name__)"]);
    run.assert_code(0).assert_stdout("5 __main__ None open\n");
    assert!(run.err().contains(&format!("cannot restore print (int), open (int): {WHY}\n")), "{}", run.whole());
    assert!(
        run.err().contains("cannot restore not a name (int): that is not a name that Python code can use\n"),
        "{}",
        run.err()
    );
}

/// A dict that the caller gets hides no built-in.
#[test]
fn a_dict_of_the_variables_has_all_of_them() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox.write("read.py", "import snapcli\nprint(snapcli.load_dict('session.pkl')['id'], id is __builtins__.id)\n");
    stranger(&sandbox, &["save", "-q", "-o", "other.pkl", "read.py"]).assert_code(0).assert_stdout("7 True\n");
}

//! Errors name what they are about once, and the Python that was used where another one may have been meant.

use crate::env::{Call, Sandbox};

/// A call of the program that names no Python.
fn call(sandbox: &Sandbox, words: &[&str]) -> Call {
    let program = std::env::var_os("SNAPCLI_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_snapcli").into());
    sandbox.call_program(&program, words)
}

#[test]
fn a_missing_module_is_told_with_the_python() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "x = 1\nimport no_such_module\n");
    sandbox.snapcli(&["save", "-q", "-o", "a.pkl", "-c", "x = 1"]).assert_code(0);
    let python = sandbox.interpreter().display().to_string();
    let commands: [&[&str]; 5] = [
        &["save", "job.py"],
        &["save", "-c", "import no_such_module.part"],
        &["save", "-m", "job"],
        &["inspect", "job.py"],
        &["restore", "a.pkl", "job.py"],
    ];
    for command in commands {
        let run = sandbox.snapcli(command);
        let text = run.assert_code(1).err();
        let (traceback, after) = text.split_once("ModuleNotFoundError: No module named 'no_such_module'\n").unwrap();
        assert!(traceback.contains("Traceback (most recent call last)"), "{command:?}: {}", run.whole());
        assert!(after.contains("this was Python 3.") && after.contains(&python), "{command:?}: {}", run.whole());
        assert!(after.contains("--python"), "{command:?}: {}", run.whole());
    }
    // Another error says nothing about the Python.
    let run = sandbox.snapcli(&["save", "-c", "from json import no_such_name"]);
    assert!(!run.assert_code(1).err().contains("this was Python"), "{}", run.whole());
    sandbox.snapcli(&["-q", "restore", "a.pkl", "-c", "import no_such_module"]).assert_code(1);
}

#[test]
fn an_active_environment_that_is_gone_is_noted() {
    let sandbox = Sandbox::new();
    let folder = sandbox.interpreter().parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    for (name, commands) in [
        ("VIRTUAL_ENV", [&["save", "-c", "x = 1"] as &[&str], &["restore", "-c", "x"], &["inspect", "-c", "x = 1"]]),
        ("CONDA_PREFIX", [&["save", "-c", "x = 1"], &["restore", "-c", "x"], &["inspect", "-m", "this"]]),
    ] {
        for command in commands {
            let run = call(&sandbox, command).env(name, "/no/such env").env("PATH", &path).run();
            let note = format!("note: {name} is /no/such env, which does not exist");
            assert_eq!(run.assert_code(0).err().matches(&note).count(), 1, "{command:?}: {}", run.whole());
        }
    }
    // A folder that is no environment.
    let run = call(&sandbox, &["save", "-c", "x = 1"]).env("VIRTUAL_ENV", sandbox.work()).env("PATH", &path).run();
    assert!(run.assert_code(0).err().contains(", which has no bin/python: using another Python"), "{}", run.whole());
    // Nothing is said where it makes no difference.
    let python = sandbox.interpreter().to_str().unwrap();
    let words = ["--python", python, "save", "-c", "x = 1"];
    let run = call(&sandbox, &words).env("VIRTUAL_ENV", "/no/such env").run();
    assert!(!run.assert_code(0).err().contains("note:"), "{}", run.whole());
    let run = call(&sandbox, &["inspect"]).env("VIRTUAL_ENV", "/no/such env").run();
    run.assert_code(0).assert_stderr("");
}

#[test]
fn an_error_of_the_python_api_names_its_source_once() {
    let sandbox = Sandbox::new();
    sandbox.write("gone.py", "class Thing: pass\n");
    sandbox
        .python(&["-c", "import pickle, gone; pickle.dump({'a': gone.Thing()}, open('t.pkl', 'wb'))"])
        .assert_code(0);
    std::fs::remove_file(sandbox.work().join("gone.py")).unwrap();
    let code = "
import snapcli
for source in ['t.pkl', open('t.pkl', 'rb').read()]:
    for function in [snapcli.restore, snapcli.load_dict]:
        try: function(source, trust=True)
        except ModuleNotFoundError as error: print(str(error).split(':')[0])
";
    sandbox.snapcli(&["save", "-q", "-c", code]).assert_stdout(
        "t.pkl needs the module gone\nt.pkl needs the module gone\n<bytes> needs the module gone\n<bytes> needs the \
         module gone\n",
    );
}

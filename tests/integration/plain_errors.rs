//! Errors name what they are about once, and the Python that was used where another one may have been meant.

use crate::env::{Call, Sandbox, program};

/// A call of the program that names no Python.
fn call(sandbox: &Sandbox, words: &[&str]) -> Call {
    sandbox.call_program(&program(), words)
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

#[test]
fn an_empty_string_in_place_of_a_name_is_said_to_be_one() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "x = 1\n");
    sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(0);
    let file = "the name of a file, such as session.pkl";
    let cases: [(&[&str], String); 14] = [
        (&["save", ""], "the name of the script is an empty string: give one, such as train.py".into()),
        (&["run", ""], "the name of the script is an empty string: give one, such as train.py".into()),
        (
            &["restore", "session.pkl", ""],
            "the name of the script is an empty string: give one, such as train.py".into(),
        ),
        (&["inspect", ""], format!("FILE is an empty string: give {file}, or a script")),
        (&["restore", ""], format!("FILE is an empty string: give {file}")),
        (&["verify", ""], format!("FILE is an empty string: give {file}")),
        (&["diff", "session.pkl", ""], format!("B is an empty string: give {file}")),
        (&["save", "-o", "", "job.py"], format!("--output is an empty string: give {file}")),
        (&["save", "--output=", "job.py"], format!("--output is an empty string: give {file}")),
        (&["save", "--report", "", "job.py"], format!("--report is an empty string: give {file}")),
        (&["log", ""], "STORE is an empty string: give the name of a store, such as runs.snaps/".into()),
        (&["export", ""], "SNAPSHOT is an empty string: give a snapshot of a store, such as runs.snaps/@3".into()),
        (
            &["inspect", "--html", "", "session.pkl"],
            "--html is an empty string: give the name of a page, such as session.html".into(),
        ),
        (
            &["--python", "", "save", "job.py"],
            "--python is an empty string: give a version such as 3.12, or the path of a Python".into(),
        ),
    ];
    for (words, expected) in cases {
        let run = call(&sandbox, words).run();
        run.assert_code(2).assert_stdout("");
        assert_eq!(run.err().lines().next(), Some(format!("snapcli: {expected}").as_str()), "{}", run.whole());
    }
    // Where nothing was typed, that is what is missing.
    let run = sandbox.snapcli(&["save", "job.py", "x", "--output"]);
    run.assert_code(0);
    let run = sandbox.snapcli(&["save", "--output"]);
    assert!(run.assert_code(2).err().contains("a value is required for '--output <FILE>'"), "{}", run.whole());
}

#[test]
fn the_python_api_says_that_a_path_is_empty() {
    let sandbox = Sandbox::new();
    for (call, what) in [
        ("save('')", "target"),
        ("restore('')", "source"),
        ("load_dict('')", "source"),
        ("inspect('')", "source"),
        ("verify('')", "source"),
        ("diff('', 'a.pkl')", "source"),
    ] {
        let code = format!("import snapcli\ntry: snapcli.{call}\nexcept ValueError as error: print(error)\n");
        let run = sandbox.snapcli(&["save", "-q", "-o", "out.pkl", "-c", &code]);
        run.assert_code(0);
        assert!(
            run.out().starts_with(&format!("the {what} is an empty string: give the path of a ")),
            "{}",
            run.whole()
        );
    }
}

#[test]
fn names_of_temporary_files_are_in_no_error() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "x = 1\n");
    sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "some.snaps/", "job.py"]).assert_code(0);
    sandbox.snapcli(&["run", "-q", "job.py"]).assert_code(0);
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().display().to_string();
    for words in [
        "save -o a.pkl job.py",
        "save --verify -o a.pkl job.py",
        "save -o a.pkl.zst job.py",
        "save -o new.snaps/ job.py",
        "save -o some.snaps/ job.py",
        "export -o a.pkl some.snaps/",
        "import session.pkl other.snaps/",
        "import session.pkl some.snaps/",
        "run -o new.snaps/ job.py",
        "run --fresh job.py",
        "inspect --html page.html session.pkl",
        "trust --yes session.pkl",
    ] {
        // No file may grow, as on a full disk. Its signal would end the launcher.
        let shell = format!(
            "trap '' XFSZ; ulimit -f 0; XDG_CONFIG_HOME=$PWD/empty '{program}' --python '{python}' {words} 2>&1 | cat"
        );
        let run = sandbox.call_program("/bin/sh".as_ref(), &["-c", &shell]).run();
        let text = run.out();
        assert!(text.contains("File too large") || text.contains("file too large"), "{words}: {}", run.whole());
        for name in [".snapcli-", ".new-", "run.json.", ".key-", ".tmp"] {
            assert!(!text.contains(name), "{words}: {}", run.whole());
        }
    }
}

#[test]
fn a_directory_that_is_gone_is_named_as_the_cause() {
    let sandbox = Sandbox::new();
    let code = "
import os, subprocess, sys
os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')
sys.exit(subprocess.run(sys.argv[1:]).returncode)
";
    let python = sandbox.interpreter().as_os_str().to_owned();
    let words = ["-c".into(), code.into(), program(), "--python".into(), python, "save".into(), "-cx = 1".into()];
    let run = sandbox.python(&words);
    run.assert_code(1);
    assert!(run.err().contains("the working directory was removed, so change to another\n"), "{}", run.whole());
}

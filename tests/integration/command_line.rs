//! What a command line means: whose an option is, which file is read, and errors that say what to write instead.

use std::fs;

use crate::env::{Run, Sandbox};

/// A directory with a script and two sessions with different values of `best`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "import sys\nprint(sys.argv)\nbest = 3\n");
    sandbox.snapcli(&["save", "-q", "-c", "best = 'of session.pkl'"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "a.pkl", "-c", "best = 'of a.pkl'"]).assert_code(0);
    sandbox
}

/// Fails unless it is a usage error of one message, and each of these is in it.
#[track_caller]
fn assert_usage(run: &Run, parts: &[&str]) {
    run.assert_code(2);
    let (out, err) = (run.out(), run.err());
    assert!(out.is_empty() && err.starts_with("snapcli: ") && err.matches("snapcli: ").count() >= 1, "{}", run.whole());
    assert!(!err.contains("error: ") && !err.contains("Usage:"), "{}", run.whole());
    for part in parts {
        assert!(err.contains(part), "{part}\n{}", run.whole());
    }
}

#[test]
fn a_snapshot_after_the_code_is_an_error() {
    let sandbox = sandbox();
    let copy = |name: &str| fs::copy(sandbox.work().join("a.pkl"), sandbox.work().join(name)).unwrap();
    copy("no extension");
    copy("x.bin");
    for file in ["a.pkl", "./a.pkl", "no extension", "x.bin", "missing.pkl", "run.pickle.gz", "model.joblib"] {
        for (code, options) in [
            (&["-c", "best"][..], ""),
            (&["-cbest"], ""),
            (&["-qc", "best"], " -q"),
            (&["--strict", "-c", "best"], " --strict"),
        ] {
            let words: Vec<&str> = ["restore"].iter().chain(code).chain(&[file]).copied().collect();
            let run = sandbox.snapcli(&words);
            let quoted = if file.contains(' ') { format!("'{file}'") } else { file.to_owned() };
            assert_usage(&run, &[file, &format!("snapcli restore{options} {quoted} -c best")]);
        }
    }
    // With a snapshot in its place, the argument is one.
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "print(best, __import__('sys').argv)", "a.pkl", "-v"]);
    run.assert_code(0).assert_stdout("of session.pkl ['-c', 'a.pkl', '-v']\n");
    let run = sandbox.snapcli(&["restore", "-c", "__import__('sys').argv", "data.csv", "b.pkl"]);
    run.assert_code(0).assert_stdout("['-c', 'data.csv', 'b.pkl']\n");
}

#[test]
fn a_snapshot_anywhere_after_the_code_is_an_error() {
    let sandbox = sandbox();
    sandbox.snapcli(&["save", "-q", "-o", "runs.snaps/", "-c", "best = 1"]).assert_code(0);
    let cases: [(&[&str], &str); 7] = [
        (&["-c", "best", "--", "a.pkl"], "snapcli restore a.pkl -c best\n"),
        (&["-c", "best", "x", "a.pkl"], "snapcli restore a.pkl -c best x\n"),
        (&["-c", "best", "runs.snaps/"], "snapcli restore runs.snaps/ -c best\n"),
        (&["-c", "best", "runs.snaps"], "snapcli restore runs.snaps -c best\n"),
        (&["-c", "best", "runs.snaps/@1"], "-c best\n"),
        (&["-c", "best", "--only", "best", "a.pkl"], "snapcli restore --only best a.pkl -c best\n"),
        (&["-cbest", "--trust", "a.pkl"], "snapcli restore --trust a.pkl -c best\n"),
    ];
    for (words, advice) in cases {
        assert_usage(&sandbox.snapcli(&[&["restore"], words].concat()), &["comes after -c", advice]);
    }
    let advice = "to pass session.pkl to the code: snapcli restore session.pkl -c best session.pkl\n";
    assert_usage(&sandbox.snapcli(&["restore", "-c", "best", "session.pkl"]), &[advice]);
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "best", "x", "a.pkl"]);
    run.assert_code(0);
}

#[test]
fn a_snapshot_and_a_script_in_each_others_place_are_an_error() {
    let sandbox = sandbox();
    let cases: [(&[&str], &str); 8] = [
        (&["restore", "job.py"], "snapcli restore session.pkl job.py\n"),
        (&["restore", "job.py", "a.pkl", "--dpi", "3"], "snapcli restore a.pkl job.py --dpi 3\n"),
        (&["restore", "job.py", "--dpi", "3"], "snapcli restore session.pkl job.py --dpi 3\n"),
        (&["restore", "a.pkl", "session.pkl"], "snapcli diff a.pkl session.pkl\n"),
        (&["save", "session.pkl"], "snapcli restore session.pkl\n"),
        (&["save", "out.pkl", "job.py", "--x"], "snapcli save -o out.pkl job.py --x\n"),
        (&["inspect", "a.pkl", "session.pkl"], "snapcli diff a.pkl session.pkl\n"),
        (&["inspect", "a.pkl", "job.py", "x y"], "snapcli restore a.pkl job.py 'x y'\n"),
    ];
    for (words, advice) in cases {
        assert_usage(&sandbox.snapcli(words), &[advice]);
    }
    // A script may have any name.
    fs::copy(sandbox.work().join("job.py"), sandbox.work().join("job.pkl")).unwrap();
    sandbox.snapcli(&["save", "-q", "job.pkl", "1"]).assert_code(0).assert_stdout("['job.pkl', '1']\n");
}

#[test]
fn options_after_the_script_are_arguments_and_a_note_says_so() {
    let sandbox = sandbox();
    let note = |words: &[&str]| {
        let run = sandbox.snapcli(words);
        run.assert_code(0);
        let notes: Vec<String> = run.err().lines().filter(|line| line.contains("note: ")).map(String::from).collect();
        assert!(notes.len() <= 1, "{}", run.whole());
        notes.into_iter().next().unwrap_or_default()
    };
    let cases: [(&[&str], &str, &str); 8] = [
        (&["save", "job.py", "--strict"], "--strict is an argument of the script", "`snapcli save --strict …`"),
        (&["save", "job.py", "-o", "x.pkl"], "-o is", "`snapcli save -o …`"),
        (&["save", "job.py", "--report=r.json", "-v"], "--report, -v are", "`snapcli save --report …`"),
        (&["save", "-m", "this", "--verify"], "--verify is an argument of the module", "after -m this"),
        (&["save", "-c", "1", "--redact"], "--redact is an argument of the code", "after the code"),
        (&["inspect", "job.py", "--json"], "--json is", "`snapcli inspect --json …`"),
        (&["restore", "a.pkl", "job.py", "--mmap"], "--mmap is", "`snapcli restore --mmap …`"),
        (&["restore", "a.pkl", "-c1", "--python", "x"], "--python is", "`snapcli restore --python …`"),
    ];
    for (words, start, end) in cases {
        let found = note(words);
        assert!(found.contains(&format!("note: {start}")) && found.contains(end), "{words:?}: {found}");
    }
    let silent: [&[&str]; 7] = [
        &["-q", "save", "job.py", "--strict"],
        &["save", "--quiet", "job.py", "--strict"],
        &["save", "--", "job.py", "--strict"],
        &["save", "job.py", "--", "--strict"],
        &["save", "job.py", "--help", "-h", "--version", "-m", "x"],
        &["save", "job.py", "--strict-mode", "--epochs", "3", "strict", "-ox"],
        &["inspect", "session.pkl", "--json"],
    ];
    for words in silent {
        assert_eq!(note(words), "", "{words:?}");
    }
    sandbox.snapcli(&["save", "job.py", "--strict", "--", "-o"]).assert_stdout("['job.py', '--strict', '--', '-o']\n");
    assert!(!sandbox.work().join("x.pkl").exists());
}

#[test]
fn a_misspelt_option_before_the_script_is_named() {
    let sandbox = sandbox();
    let cases: [(&[&str], &str); 9] = [
        (&["save", "--strcit", "job.py"], "--strcit is not an option of `snapcli save`\n  did you mean --strict?"),
        (&["save", "--exlude", "x", "job.py"], "did you mean --exclude?"),
        (&["inspect", "--vedict", "session.pkl"], "did you mean --verdict?"),
        (&["inspect", "session.pkl", "--vedict"], "did you mean --verdict?"),
        (&["restore", "--trsut", "a.pkl"], "did you mean --trust?"),
        (&["restore", "a.pkl", "--olny", "x"], "did you mean --only?"),
        (&["save", "--mmap", "job.py"], "--mmap is an option of `snapcli restore`"),
        (&["diff", "--jsno", "a.pkl", "session.pkl"], "did you mean --json?"),
        (&["save", "-f", "job.py"], "-f is not an option of `snapcli save`"),
    ];
    for (words, part) in cases {
        assert_usage(&sandbox.snapcli(words), &[part]);
    }
    for (option, variable) in [
        ("-W", "PYTHONWARNINGS"),
        ("-Werror", "PYTHONWARNINGS"),
        ("-X", "PYTHONDEVMODE"),
        ("-u", "PYTHONUNBUFFERED"),
        ("-OO", "PYTHONOPTIMIZE"),
        ("-B", "PYTHONDONTWRITEBYTECODE"),
    ] {
        for command in ["save", "inspect"] {
            assert_usage(&sandbox.snapcli(&[command, option, "job.py"]), &["is an option of python", variable]);
        }
    }
}

#[test]
fn options_may_be_joined_to_their_values() {
    let sandbox = sandbox();
    let argv = "print(__import__('sys').argv)";
    let joined = format!("-c{argv}");
    let cases: [(&[&str], &str, &str); 6] = [
        (&["save", "-ok.pkl", "job.py", "1"], "['job.py', '1']\n", "k.pkl"),
        (&["save", "-qo", "l.pkl", "job.py"], "['job.py']\n", "l.pkl"),
        (&["save", "--output=m.pkl", "job.py"], "['job.py']\n", "m.pkl"),
        (&["save", "-qon.pkl", &joined, "-x", "--json"], "['-c', '-x', '--json']\n", "n.pkl"),
        (&["save", "-oo.pkl", "-qc", argv, "a", "-c"], "['-c', 'a', '-c']\n", "o.pkl"),
        (&["restore", "a.pkl", &joined, "a.pkl"], "['-c', 'a.pkl']\n", "a.pkl"),
    ];
    for (words, out, file) in cases {
        sandbox.snapcli(words).assert_code(0).assert_stdout(out);
        assert!(sandbox.work().join(file).exists(), "{words:?}");
    }
    sandbox.write("mod.py", "import sys\nprint(sys.argv[1:])\n");
    sandbox.snapcli(&["save", "-qmmod", "-o", "x"]).assert_code(0).assert_stdout("['-o', 'x']\n");
}

#[test]
fn what_is_no_command_gets_a_tip() {
    let sandbox = sandbox();
    let cases: [(&[&str], &str); 15] = [
        (&["session.pkl"], "snapcli restore session.pkl\n"),
        (&["./missing.pkl", "-c", "x"], "snapcli inspect ./missing.pkl -c x\n"),
        (&["job.py", "--epochs", "3"], "snapcli save job.py --epochs 3\n"),
        (&["ls"], "snapcli inspect FILE"),
        (&["list"], "snapcli restore --list FILE"),
        (&["load", "a.pkl"], "snapcli restore FILE"),
        (&["compare"], "snapcli diff A B"),
        (&["key"], "SNAPCLI_KEY names another"),
        (&["attach", "123"], "--on-signal USR1"),
        (&["merge", "a.pkl", "b.pkl"], "snapcli.restore adds the variables"),
        (&["insepct"], "did you mean `snapcli inspect`?"),
        (&["Restore"], "did you mean `snapcli restore`?"),
        (&["verify-lod"], "snapcli --help"),
        (&["qqq"], "qqq is not a command"),
        (&["help", "qqq"], "qqq is not a command"),
    ];
    for (words, advice) in cases {
        let run = sandbox.snapcli(words);
        assert_usage(&run, &[advice]);
        assert!(!run.err().contains("verify-load") && !run.err().contains("reload"), "{}", run.whole());
    }
}

#[test]
fn a_damaged_file_is_not_the_same_as_a_whole_one() {
    let sandbox = Sandbox::new();
    let code = "import numpy\nn = 1234567\ns = 'text'\na = numpy.arange(1000)";
    sandbox.snapcli(&["save", "-qo", "a.pkl", "-c", code]).assert_code(0);
    let whole = fs::read(sandbox.work().join("a.pkl")).unwrap();
    let at = |needle: &[u8]| whole.windows(needle.len()).position(|window| window == needle).unwrap();
    let number = at(&1_234_567_u32.to_le_bytes());
    let array = at(&500_u64.to_le_bytes());
    for (name, offset) in [("number", number), ("text", at(b"text")), ("array", array), ("end", whole.len() - 8)] {
        let mut bytes = whole.clone();
        bytes[offset] ^= 1;
        sandbox.write("b.pkl", &bytes);
        for words in [["diff", "a.pkl", "b.pkl"], ["diff", "b.pkl", "a.pkl"], ["diff", "b.pkl", "b.pkl"]] {
            let run = sandbox.snapcli(&words);
            assert!(run.err().contains("cannot compare b.pkl"), "{name}\n{}", run.whole());
            run.assert_code(4).assert_stdout("");
        }
    }
    sandbox.write("b.pkl", &whole[..whole.len() - 100]);
    sandbox.snapcli(&["diff", "a.pkl", "b.pkl"]).assert_code(4);
    sandbox.write("b.pkl", &whole);
    sandbox.snapcli(&["diff", "-q", "a.pkl", "b.pkl"]).assert_code(0);
}

#[test]
fn one_rule_decides_about_colours() {
    let sandbox = sandbox();
    sandbox.snapcli(&["save", "-q", "-o", "r.snaps/", "-c", "x = 1"]).assert_code(0);
    sandbox.snapcli(&["run", "-q", "job.py"]).assert_code(0);
    let cases: [(&[&str], bool); 21] = [
        (&["doctor"], true),
        (&["run", "job.py"], true),
        (&["status", "job.snaps/"], true),
        (&["log", "r.snaps/"], true),
        (&["prune", "--dry-run", "--keep-last", "1", "r.snaps/"], true),
        (&["export", "r.snaps/", "-o", "b.pkl"], true),
        (&["import", "a.pkl", "other.snaps/"], true),
        (&["restore", "--list", "a.pkl"], true),
        (&["diff", "a.pkl", "a.pkl"], true),
        (&["verify", "a.pkl"], true),
        (&["trust", "a.pkl"], true),
        (&["inspect", "--trace", "best", "a.pkl"], true),
        (&["log", "--json", "r.snaps/"], false),
        (&["inspect", "a.pkl"], true),
        (&["inspect", "none.pkl"], true),
        (&["save", "--strcit"], true),
        (&["save", "--help"], true),
        (&["save", "-c", "x = 1"], true),
        (&["restore", "a.pkl"], true),
        (&["verify", "none.pkl"], true),
        (&["inspect", "--json", "a.pkl"], false),
    ];
    let is_coloured = |run: Run| run.out().contains('\u{1b}') || run.err().contains('\u{1b}');
    for (words, has_colours) in cases {
        let call = |more: &[&str]| sandbox.call_snapcli(&[more, words].concat());
        assert!(!is_coloured(call(&[]).run()), "{words:?}: not in a pipe");
        assert_eq!(is_coloured(call(&["--color", "always"]).run()), has_colours, "{words:?}: always");
        assert_eq!(is_coloured(call(&[]).env("CLICOLOR_FORCE", "1").run()), has_colours, "{words:?}: forced");
        assert!(!is_coloured(call(&[]).env("CLICOLOR_FORCE", "0").run()), "{words:?}: not forced");
        assert!(!is_coloured(call(&[]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run()), "{words:?}: NO_COLOR");
        let run = call(&["--color=always"]).env("NO_COLOR", "1").run();
        assert_eq!(is_coloured(run), has_colours, "{words:?}: the option wins");
        assert!(!is_coloured(call(&["--color=never"]).env("CLICOLOR_FORCE", "1").run()), "{words:?}: never");
    }
}

#[test]
fn a_script_that_does_not_exist_is_no_script_to_run() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-c", "x = 1"]).assert_code(0);
    for name in ["nofile.py", "nofile.ipynb", "no/such/folder/x.pyz"] {
        let run = sandbox.snapcli(&["restore", name]);
        run.assert_code(2);
        assert!(run.err().contains(&format!("cannot restore {name}\n")), "{}", run.whole());
        assert!(run.err().contains("No such file or directory") && !run.err().contains("to run it"), "{}", run.whole());
    }
}

#[test]
fn paths_are_told_without_needless_dots() {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", "x = 1\n");
    let folder = sandbox.work().join("sub");
    std::fs::create_dir(&folder).unwrap();
    sandbox.call_snapcli(&["save", "-q", "../s.py"]).current_dir(&folder).run().assert_code(0);
    let saved = sandbox.snapcli(&["inspect", "--json", "sub/../sub/session.pkl"]).assert_code(0).json();
    assert_eq!(saved["path"], folder.join("session.pkl").to_str().unwrap());
    assert_eq!(saved["script"]["path"], sandbox.work().join("s.py").to_str().unwrap());
    // The script itself sees what `python` would show it.
    sandbox.write("s.py", "print(__file__)\n");
    let plain = sandbox.python(&["sub/../s.py"]);
    sandbox.snapcli(&["save", "-q", "sub/../s.py"]).assert_stdout(&plain.out());
    // What follows a symlink is elsewhere.
    std::os::unix::fs::symlink("sub", sandbox.work().join("link")).unwrap();
    let linked = sandbox.snapcli(&["inspect", "--json", "link/../sub/session.pkl"]).assert_code(0).json();
    assert_eq!(linked["path"], sandbox.work().join("link/../sub/session.pkl").to_str().unwrap());
}

#[test]
fn an_option_after_the_snapshot_does_not_take_it_for_its_value() {
    let sandbox = sandbox();
    for option in ["--trace", "--html", "--sort", "--format", "--max-memory"] {
        let run = sandbox.snapcli(&["inspect", "a.pkl", option]);
        assert_usage(&run, &[&format!("a value is required for '{option} <")]);
    }
    let run = sandbox.snapcli(&["inspect", "a.pkl", "--trace", "best", "--json"]);
    assert_eq!(run.assert_code(0).json()["name"], "best");
    assert_eq!(sandbox.snapcli(&["inspect", "a.pkl", "--all", "--json"]).assert_code(0).json()["schema"], 2);
}

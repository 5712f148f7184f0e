//! Defaults for options from `pyproject.toml` and `config.toml`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::env::{Run, Sandbox};

const SCRIPT: &str = "import socket\ntmp_a = 1\nx = 2\napi_key = 'k'\nsocket = socket.socket()\ncache = {1: 2}\n";

/// A project with a script in a directory of its own, and a directory for the user's settings.
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("deep/job.py", SCRIPT);
    sandbox
}

fn user(sandbox: &Sandbox, text: &str) {
    let folder = sandbox.root().join("home/config/snapcli");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), text).unwrap();
}

/// The names that a save keeps.
fn saved(sandbox: &Sandbox, words: &[&str]) -> (Run, String) {
    let run = sandbox.snapcli(&[&["save", "-o", "s.pkl"], words, &["deep/job.py"]].concat());
    let list = sandbox.snapcli(&["--no-config", "restore", "--list", "s.pkl"]).out();
    (run, list.lines().collect::<Vec<_>>().join(" "))
}

#[track_caller]
fn assert_saves(sandbox: &Sandbox, words: &[&str], code: i32, names: &str) {
    let (run, found) = saved(sandbox, words);
    run.assert_code(code);
    assert_eq!(found, names, "{}", run.whole());
}

#[test]
fn the_command_line_wins_over_the_project_and_that_over_the_user() {
    let sandbox = project();
    assert_saves(&sandbox, &[], 0, "tmp_a x api_key cache");
    sandbox.write(
        "pyproject.toml",
        "[project]\nname = 'p'\n\n[tool.snapcli]\nexclude = ['tmp_*', 'not_there']\nstrict = true\n",
    );
    assert_saves(&sandbox, &[], 3, "x api_key cache");
    assert_saves(&sandbox, &["--no-strict"], 0, "x api_key cache");
    assert_saves(&sandbox, &["--exclude", "x"], 3, "api_key cache");
    assert_saves(&sandbox, &["--no-config"], 0, "tmp_a x api_key cache");
    user(&sandbox, "exclude = 'cache'\nstrict = false\nredact = true\n");
    assert_saves(&sandbox, &[], 3, "x");
    assert_saves(&sandbox, &["--no-redact"], 3, "x api_key");
    let off = sandbox.call_snapcli(&["save", "-qo", "s.pkl", "deep/job.py"]).env("SNAPCLI_NO_CONFIG", "1").run();
    off.assert_code(0);
    // A project cannot turn off what the user has turned on.
    sandbox.write("pyproject.toml", "[tool.snapcli]\nredact = false\nmax-size = '30'\n");
    assert_saves(&sandbox, &[], 0, "tmp_a x");
    assert_saves(&sandbox, &["--max-size", "1M", "--no-redact"], 0, "tmp_a x api_key");
    // The nearest file with our table counts.
    sandbox.write("deep/pyproject.toml", "[project]\nname = 'inner'\n");
    let run = sandbox.call_snapcli(&["save", "-qo", "s.pkl", "job.py"]);
    let run = run.current_dir(&sandbox.work().join("deep")).run();
    run.assert_code(0);
}

#[test]
fn what_is_wrong_in_a_file_is_an_error_with_its_line() {
    let sandbox = project();
    let cases = [
        ("exlude = ['a']", "unknown key exlude in [tool.snapcli]\n  did you mean 'exclude'?"),
        ("redact = 'yes'", "redact must be true or false"),
        ("max-size = '3 parsecs'", "max-size must be a size"),
        ("trust = true", "unknown key trust in [tool.snapcli]\n  a file cannot say what is trusted"),
        ("python = '/tmp/evil'", "a file cannot name a program to run"),
        ("exclude = [", "this is not TOML"),
    ];
    for (line, text) in cases {
        sandbox.write("pyproject.toml", format!("[project]\n\n[tool.snapcli]\n{line}\n"));
        for words in [&["save", "-c", "x = 1"][..], &["inspect", "s.pkl"], &["restore", "s.pkl", "-c", "1"]] {
            let run = sandbox.snapcli(words);
            let start = format!("snapcli: {}:", sandbox.work().join("pyproject.toml").display());
            assert!(run.err().starts_with(&start) && run.err().contains(text), "{}", run.whole());
            run.assert_code(2);
        }
        let doctor = sandbox.snapcli(&["doctor"]);
        assert!(doctor.out().contains("pyproject.toml:"), "{}", doctor.whole());
        doctor.assert_code(2);
    }
    // A project without our table is none of our business, whatever is in it.
    sandbox.write("pyproject.toml", "[project\n");
    assert_saves(&sandbox, &[], 0, "tmp_a x api_key cache");
    user(&sandbox, "\n\ncolour = 'never'\n");
    let run = sandbox.snapcli(&["verify", "s.pkl"]);
    assert!(run.err().contains("config.toml:3: unknown key colour\n  did you mean 'color'?"), "{}", run.whole());
    run.assert_code(2);
}

#[test]
fn a_file_that_others_can_change_is_ignored_and_that_is_said() {
    let sandbox = project();
    let file = sandbox.write("pyproject.toml", "[tool.snapcli]\nexclude = ['x']\n");
    assert_saves(&sandbox, &[], 0, "tmp_a api_key cache");
    let set = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (path, usual) in [(file.clone(), 0o644), (sandbox.work(), 0o755)] {
        set(&path, 0o777);
        let (run, names) = saved(&sandbox, &[]);
        assert_eq!(names, "tmp_a x api_key cache");
        assert_eq!(run.err().matches("warning: ignoring [tool.snapcli] of ").count(), 1, "{}", run.whole());
        assert!(run.err().contains("other users can write to"), "{}", run.whole());
        let doctor = sandbox.snapcli(&["doctor"]);
        assert!(doctor.out().contains("pyproject.toml: ignored: other users can write to"), "{}", doctor.whole());
        set(&path, usual);
    }
    assert_saves(&sandbox, &[], 0, "tmp_a api_key cache");
}

#[test]
fn doctor_shows_which_file_sets_what() {
    let sandbox = project();
    sandbox.write("pyproject.toml", "[tool.snapcli]\nstrict = true\nexclude = ['a', 'b']\n");
    user(&sandbox, "color = 'never'\nstrict = false\n");
    let settings = sandbox.snapcli(&["doctor", "--json"]).json()["settings"].clone();
    let values = |file: usize| -> Vec<(String, String, u64, bool)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let all = settings[file]["values"].as_array().unwrap().iter();
        all.map(|one| {
            (text(&one["name"]), text(&one["value"]), one["line"].as_u64().unwrap(), one["applies"].as_bool().unwrap())
        })
        .collect()
    };
    let row = |name: &str, value: &str, line, applies| (name.to_owned(), value.to_owned(), line, applies);
    assert_eq!(values(0), [row("strict", "true", 2, true), row("exclude", "a, b", 3, true)]);
    assert_eq!(values(1), [row("color", "never", 1, true), row("strict", "false", 2, false)]);
    assert_eq!(settings[0]["path"], sandbox.work().join("pyproject.toml").to_str().unwrap());
    let text = sandbox.snapcli(&["doctor"]).out();
    assert!(text.contains("    strict       false (line 2) (set elsewhere)\n"), "{text}");
    let off = sandbox.snapcli(&["doctor", "--no-config", "--json"]).json();
    assert_eq!(off["settings"], serde_json::json!([]));
}

#[test]
fn the_environment_wins_over_a_colour_of_a_file() {
    let sandbox = project();
    user(&sandbox, "color = 'always'\n");
    let is_coloured = |run: Run| run.err().contains('\u{1b}');
    let call = |words: &[&str]| sandbox.call_snapcli(&[words, &["verify", "none.pkl"]].concat());
    assert!(is_coloured(call(&[]).run()));
    assert!(!is_coloured(call(&["--color=never"]).run()));
    assert!(!is_coloured(call(&["--color=auto"]).run()));
    assert!(!is_coloured(call(&[]).env("NO_COLOR", "1").run()));
}

#[test]
fn inspect_of_a_script_follows_the_selection() {
    let sandbox = project();
    sandbox.write("pyproject.toml", "[tool.snapcli]\nexclude = ['tmp_*']\nredact = true\nstrict = true\n");
    let run = sandbox.snapcli(&["inspect", "--json", "deep/job.py"]);
    run.assert_code(0);
    let names: Vec<String> = run.json()["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["x", "cache"]);
}

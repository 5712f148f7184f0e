//! `inspect --strict` and `restore` answer alike where building a file would crash Python or take too long: deep and
//! cyclic graphs, keys with one hash, and patterns. What is accepted is built, deleted and collected.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

const DEEP: &str = include_str!("plan_limits/deep.py");
const KEYS: &str = include_str!("plan_limits/keys.py");

/// Deletes the variable, and ends the interpreter with the rest of what it has loaded.
const DELETE: &str = "import gc\nfirst = x\ndel x, first\ngc.collect()\nprint('deleted')";

/// The files in the working directory, whose names begin with their answers.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.work()).unwrap();
    let names = entries.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".pkl")).collect();
    names.sort();
    names
}

/// Inspects and restores each of these files.
pub(crate) fn assert_answers(sandbox: &Sandbox, script: &str, is_tested: impl Fn(&str) -> bool) {
    let names: Vec<String> = files(sandbox).into_iter().filter(|name| is_tested(name)).collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        let code = if name.starts_with("plain_") { 0 } else { 5 };
        let gate = sandbox.snapcli(&["inspect", "--strict", &name]);
        assert_eq!(gate.status.code(), Some(code), "{name}: {}", gate.whole());
        let restored = sandbox.snapcli(&["restore", "-q", &name, "-c", script]);
        assert_eq!(restored.status.code(), Some(code), "{name}: {}", restored.whole());
    }
}

#[test]
fn deep_and_cyclic_graphs_are_deleted_or_refused() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("deep.py", DEEP);
        sandbox.python(&["deep.py", "."]).assert_code(0);
        assert_answers(&sandbox, DELETE, |_| true);
        // The interpreter ends while the objects exist.
        for name in files(&sandbox).iter().filter(|name| name.starts_with("plain_")) {
            sandbox.snapcli(&["restore", "-q", name, "-c", "print(type(x))"]).assert_code(0);
        }
    }
}

#[test]
fn keys_with_one_hash_are_refused_and_others_are_not() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("keys.py", KEYS);
        sandbox.python(&["keys.py", "."]).assert_code(0);
        assert_answers(&sandbox, "assert len(x) > 2_000", |_| true);
    }
}

/// A pickle with a list of compiled patterns.
fn patterns(patterns: impl IntoIterator<Item = String>) -> Vec<u8> {
    let call = |pattern: String| {
        let length = u32::try_from(pattern.len()).unwrap().to_le_bytes();
        [&b"h\x00X"[..], &length, pattern.as_bytes(), b"K\x20\x86R"].concat()
    };
    let calls: Vec<u8> = patterns.into_iter().flat_map(call).collect();
    [&b"\x80\x04cre\n_compile\nq\x000}X\x01\0\0\0x("[..], &calls, b"ls."].concat()
}

#[test]
fn patterns_that_take_too_long_or_are_none_are_refused() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let ranges = "[\u{100}-\u{ffff}]".repeat(60);
    sandbox.write("refused_slow.pkl", patterns((0..2_000).map(|number| format!("(?i){number}{ranges}"))));
    sandbox.write("refused_long.pkl", patterns((0..200).map(|number| format!("{number}{}", "(a)".repeat(20_000)))));
    sandbox.write("refused_nested.pkl", patterns(["(".repeat(5_000) + &")".repeat(5_000)]));
    sandbox.write("refused_open.pkl", patterns(["(a".to_owned()]));
    sandbox.write("refused_set.pkl", patterns(["[a".to_owned()]));
    sandbox.write("plain_many.pkl", patterns((0..5_000).map(|number| format!("word{number}|other{number}+[a-z]"))));
    sandbox.write("plain_one.pkl", patterns(["(?x) # not closed: (\n a".to_owned(), r"[](]\(((a))".to_owned()]));
    assert_answers(&sandbox, "assert len(x) > 0", |_| true);
}

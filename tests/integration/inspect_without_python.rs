//! Inspecting a file needs no Python. These tests also run in the build without Python, on files made by our own
//! writer.

use std::path::Path;
use std::process::{Command, Output};

use snapcli::internals::{Index, SCHEMA, SnapshotWriter, Variable};

/// A snapshot of `x = 5` and `y = [True]`.
fn snapshot() -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    let variable =
        |name: &str, kind: &str| Variable { name: name.into(), type_name: kind.into(), ..Variable::default() };
    writer.segment(variable("x", "int"), b"K\x05").unwrap();
    writer.segment(variable("y", "list"), b"]\x94\x88a").unwrap();
    writer.finish(Index { schema: SCHEMA, module: "__main__".into(), ..Index::default() }, None).unwrap().0
}

fn inspect(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapcli"));
    // No Python can be found.
    command.env("PATH", "").env("SNAPCLI_PYTHON", "/nonexistent").current_dir(folder);
    command.arg("inspect").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_snapshot_is_described_as_text_json_and_tree() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("session.pkl"), snapshot()).unwrap();
    let run = inspect(folder.path(), &[]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("\n  x     int "), "{}", text(&run.stdout));
    let run = inspect(folder.path(), &["--json", "session.pkl"]);
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&json["schema"], &json["variables"][1]["name"]), (&2.into(), &"y".into()));
    let run = inspect(folder.path(), &["--trace", "y"]);
    assert!(text(&run.stdout).contains("list"), "{}", text(&run.stdout));
}

#[test]
fn a_file_that_is_not_a_snapshot_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let good = snapshot();
    let cases: [(&[u8], &str); 3] =
        [(b"", "empty"), (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"), (good.get(..20).unwrap(), "truncated")];
    for (bytes, word) in cases {
        std::fs::write(folder.path().join("file.pkl"), bytes).unwrap();
        let run = inspect(folder.path(), &["file.pkl"]);
        assert_eq!(run.status.code(), Some(4), "{}", text(&run.stdout));
        assert!(text(&run.stderr).starts_with("snapcli: cannot inspect file.pkl\n"), "{}", text(&run.stderr));
        assert!(text(&run.stderr).contains(word), "{}", text(&run.stderr));
    }
    assert_eq!(inspect(folder.path(), &["missing.pkl"]).status.code(), Some(2));
}

#[test]
fn files_are_compared_without_python() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.pkl"), snapshot()).unwrap();
    std::fs::write(folder.path().join("dict.pkl"), b"\x80\x04}(\x8c\x01xK\x06\x8c\x01y](\x88eu.").unwrap();
    let diff = |files: [&str; 2]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapcli"));
        command.env("PATH", "").env("SNAPCLI_PYTHON", "/nonexistent").current_dir(folder.path());
        let run = command.arg("diff").args(files).output().unwrap();
        (run.status.code(), text(&run.stdout), text(&run.stderr))
    };
    let expected = "~ x: int 5 → 6\na.pkl → dict.pkl: 1 changed, 1 the same\n".to_owned();
    assert_eq!(diff(["a.pkl", "dict.pkl"]), (Some(1), expected, String::new()));
    assert_eq!(diff(["a.pkl", "a.pkl"]), (Some(0), "a.pkl → a.pkl: 2 the same\n".to_owned(), String::new()));
    assert_eq!(diff(["a.pkl", "missing.pkl"]).0, Some(2));
}

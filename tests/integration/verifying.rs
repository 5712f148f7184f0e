//! `verify` detects any changed byte, names the intact variables, and needs no Python.

use std::path::Path;
use std::process::{Command, Output};

use snapcli::internals::{Index, SCHEMA, SnapshotWriter, Variable};

/// A snapshot of `x = 5` and `y = [True]`.
fn snapshot() -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    for (name, value) in [("x", &b"K\x05"[..]), ("y\x1b", b"]\x94\x88a")] {
        writer.segment(Variable { name: name.into(), ..Variable::default() }, value).unwrap();
    }
    writer.finish(Index { schema: SCHEMA, ..Index::default() }, None).unwrap().0
}

fn verify(folder: &Path, bytes: &[u8], options: &[&str]) -> (Option<i32>, String, String) {
    std::fs::write(folder.join("session.pkl"), bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapcli"));
    // No Python can be found.
    command.env("PATH", "").env("SNAPCLI_PYTHON", "/nonexistent").current_dir(folder);
    let Output { status, stdout, stderr } = command.arg("verify").args(options).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn an_intact_file_is_reported_intact() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = verify(folder.path(), &snapshot(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("session.pkl: intact, a snapshot with 2 variables, ") && out.lines().count() == 1, "{out}");
    let (code, out, _) = verify(folder.path(), b"\x80\x04}\x8c\x01aK\x01s.rest", &["session.pkl"]);
    let expected = "session.pkl: intact, a pickled dict with 1 variable, 14 B\n  \
                    4 B after the end of the pickle, which readers ignore\n";
    assert_eq!((code, out.as_str()), (Some(0), expected));
    assert_eq!(verify(folder.path(), &snapshot(), &["-q"]), (Some(0), String::new(), String::new()));
}

#[test]
fn damage_is_reported_with_its_offset_as_text_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = snapshot();
    bytes[55] ^= 1;
    let (code, out, _) = verify(folder.path(), &bytes, &[]);
    let expected =
        "  damaged: y\\x1b (bytes 51 to 60)\n      at byte 51: the bytes do not match their checksum\n  intact: x\n";
    assert_eq!(code, Some(4));
    assert_eq!(out.split_once('\n').unwrap().1, expected);
    let (code, out, _) = verify(folder.path(), &bytes, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["schema"], &json["whole"]), (Some(4), &2.into(), &false.into()));
    assert_eq!((&json["variables"][0]["whole"], &json["variables"][1]["whole"]), (&true.into(), &false.into()));
    assert_eq!(json["variables"][1]["problems"][0]["offset"], 51);
}

#[test]
fn every_flipped_byte_and_every_truncation_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = snapshot();
    for offset in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[offset] ^= 0x20;
        let (code, out, err) = verify(folder.path(), &flipped, &[]);
        assert_eq!((code, err.as_str()), (Some(4), ""), "byte {offset}");
        assert!(out.starts_with("session.pkl: damaged"), "{out}");
        assert_eq!(verify(folder.path(), &bytes[..offset], &["--json"]).0, Some(4), "cut at {offset}");
    }
}

#[test]
fn a_file_of_another_kind_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, kind) in [
        (&b"\x93NUMPY\x01\0v\0"[..], "a .npy file"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"{\"a\": 1}\n", "a text file"),
        (b"SQLite format 3\0rest", "an SQLite database"),
    ] {
        let (code, out, _) = verify(folder.path(), bytes, &[]);
        assert!(out.starts_with(&format!("session.pkl: not a snapshot: this is {kind}")), "{out}");
        assert_eq!((code, out.lines().count()), (Some(4), 1), "{out}");
        assert_eq!(verify(folder.path(), bytes, &["--json"]).0, Some(4));
    }
    // A file that may once have been a snapshot.
    for bytes in [&[0; 900][..], &[0xff; 20]] {
        assert!(verify(folder.path(), bytes, &[]).1.starts_with("session.pkl: damaged\n"));
    }
}

#[test]
fn a_snapshot_without_its_end_is_called_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = snapshot();
    let (code, out, _) = verify(folder.path(), &bytes[..90], &[]);
    assert!(out.starts_with("session.pkl: damaged, a truncated snapshot with 2 variables, 90 B\n"), "{out}");
    let (_, json, _) = verify(folder.path(), &bytes[..90], &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["format"]), (Some(4), &"truncated-snapshot".into()));
}

#[test]
fn an_unreadable_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = verify(folder.path(), b"", &["missing.pkl"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("snapcli: cannot verify missing.pkl\n"), "{err}");
}

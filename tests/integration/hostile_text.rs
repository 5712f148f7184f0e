//! Strings of a hostile file on their way to a terminal, the log of a CI job and a page: whatever they are, no control
//! character, no invisible character and no command of a CI service gets out.

use std::fs;

use serde_json::{Value, json};
use snapcli::internals::{Index, SnapshotWriter, Variable};

use crate::env::{Run, Sandbox};

/// What must not reach a terminal, and lines that GitHub, Azure or TeamCity would obey.
const HOSTILE: [&str; 14] = [
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "\u{9b}31m\u{85}\u{7f}",
    "a\r\n::add-mask::b",
    "\n::error file=x::y",
    "::stop-commands::token",
    " \u{a0}::set-env name=X::y",
    "##[add-mask]x",
    "x ##vso[task.setvariable variable=y]z",
    "##teamcity[x]",
    "\u{202e}live\u{2066}x\u{2069}\u{61c}\u{200e}",
    "zero\u{200b}width\u{200d}\u{2060}\u{ad}\u{34f}",
    "line\u{2028}paragraph\u{2029}",
    "\u{feff}bom\u{fff9}",
    "tags\u{e0041}\u{e0042}\u{3164}\u{fe01}",
];

/// The same two by two, each at the start of a line, for tests that start Python for every string.
fn hostile_pairs() -> impl Iterator<Item = String> {
    HOSTILE.chunks(2).map(|pair| pair.join("\n"))
}

/// Whether a character must not be printed as it is. On purpose not the function of the program.
fn is_hidden(c: char) -> bool {
    let n = u32::from(c);
    (n < 0x20 && c != '\n')
        || (0x7f..0xa0).contains(&n)
        || [0xad, 0x34f, 0x61c, 0x3164, 0xfeff].contains(&n)
        || (0x200b..=0x200f).contains(&n)
        || (0x2028..=0x202e).contains(&n)
        || (0x2060..=0x206f).contains(&n)
        || (0xfe00..=0xfe0e).contains(&n)
        || (0xfff0..=0xfffb).contains(&n)
        || (0xe0000..=0xe0fff).contains(&n)
}

/// Fails if a run printed something hostile. Lines that begin with `::error file=` are annotations of ours if
/// `annotations` is set.
#[track_caller]
fn assert_harmless(run: &Run, annotations: bool) {
    let text = run.out() + "\n" + &run.err();
    let hidden: Vec<char> = text.chars().filter(|c| is_hidden(*c)).collect();
    assert!(hidden.is_empty(), "{hidden:?}\n{}", run.whole());
    for line in text.lines() {
        let is_own = annotations && line.starts_with("::error file=");
        let start = line.trim_start();
        assert!(is_own || !start.starts_with("::"), "{line}\n{}", run.whole());
        for word in ["##[", "##vso[", "##teamcity["] {
            assert!(!line.contains(word), "{line}\n{}", run.whole());
        }
    }
    assert!(run.status.code().is_some_and(|code| code != 101), "{}", run.whole());
}

/// An index with a hostile string wherever it has a string.
fn hostile_index(text: &str) -> Index {
    let all = vec![text; 2];
    let lost = json!({"path": text, "type": text, "error": text, "fault": text, "hint": text});
    let left_out = json!({"name": text, "type": text, "reason": "failed", "error": text, "path": text,
                          "fault_type": text, "users": all, "hint": text, "faults": [lost, lost]});
    let rule = json!({"name": text, "type": text, "reason": "secret", "error": text});
    serde_json::from_value(json!({
        "schema": 1, "snapcli": text, "created": text, "module": "__main__", "packages": {text: text},
        "script": {"kind": "script", "path": text, "blake3": text, "argv": [text, text, text],
                   "ended": {"how": "exception", "code": 1, "traceback": format!("{text}\n{text}")}, "seconds": 1.0},
        "python": {"version": text, "implementation": text, "platform": text, "executable": text, "dill": text},
        "left_out": [left_out, rule],
    }))
    .unwrap()
}

/// A variable with a hostile string wherever it has a string that is not checked against the pickle.
fn hostile_variable(text: &str) -> Variable {
    let lost = json!({"path": text, "type": text, "error": text, "fault": text, "hint": text});
    serde_json::from_value(json!({
        "name": text, "type": text, "preview": text, "notes": [text], "secrets": [text], "dtype": text, "shape": [1],
        "columns": [text], "attributes": [text], "source": text, "globals": [text], "lost": [lost],
    }))
    .unwrap()
}

/// The opcodes of a string.
fn string(text: &str) -> Vec<u8> {
    let mut opcodes = vec![b'X'];
    opcodes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    opcodes.extend(text.as_bytes());
    opcodes
}

fn own_snapshot(text: &str) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    writer.segment(hostile_variable(text), &string(text)).unwrap();
    writer.finish(hostile_index(text), None).unwrap().0
}

/// A pickle of `{text: value}` for another program.
fn foreign(text: &str, value: &[u8]) -> Vec<u8> {
    [b"\x80\x04}".as_slice(), &string(text), value, b"s."].concat()
}

/// A call of a global with one string: `module.name(text)`.
fn call(module: &str, name: &str, text: &str) -> Vec<u8> {
    [string(module), string(name), b"\x93".to_vec(), string(text), b"\x85R".to_vec()].concat()
}

/// Runs every command that reads a file.
fn run_all(sandbox: &Sandbox, file: &str, other: &str, name: &str) {
    let inspect: [&[&str]; 9] = [
        &[],
        &["--verdict"],
        &["--json"],
        &["--bad"],
        &["--all"],
        &["--sort", "name"],
        &["--html", "out.html"],
        &["--format", "github"],
        &["--json", "--bad"],
    ];
    for options in inspect {
        let run = sandbox.snapcli(&[&["inspect"], options, &[file]].concat());
        assert_harmless(&run, options.contains(&"github"));
    }
    for arguments in [
        &["inspect", "--trace", name, file][..],
        &["inspect", "--trace", "no such", file],
        &["verify", file],
        &["verify", "--json", file],
        &["diff", file, other],
        &["diff", other, file],
        &["diff", "--json", other, file],
        &["restore", "--list", file],
        &["restore", file],
        &["restore", "-v", file, "-c", "0"],
        &["restore", "--strict", file, "-c", "0"],
        &["restore", "--only", name, file, "-c", "0"],
        &["trust", "--yes", file],
    ] {
        assert_harmless(&sandbox.snapcli(arguments), false);
    }
}

#[test]
fn no_string_of_a_snapshot_gets_out_unescaped() {
    let sandbox = Sandbox::new();
    for text in HOSTILE {
        sandbox.write("plain.pkl", foreign("x", b"K\x01"));
        sandbox.write("own.pkl", own_snapshot(text));
        run_all(&sandbox, "own.pkl", "plain.pkl", text);
        let page = fs::read_to_string(sandbox.work().join("out.html")).unwrap();
        assert!(!page.chars().any(is_hidden), "{:?}", page.chars().find(|c| is_hidden(*c)));
    }
}

#[test]
fn no_string_of_a_foreign_pickle_gets_out_unescaped() {
    let sandbox = Sandbox::new();
    for text in hostile_pairs() {
        sandbox.write("plain.pkl", foreign(&text, b"K\x01"));
        sandbox.write("value.pkl", foreign(&text, &string(&text)));
        run_all(&sandbox, "value.pkl", "plain.pkl", &text);
        sandbox.write("call.pkl", foreign(&text, &call(&text, &text, &text)));
        run_all(&sandbox, "call.pkl", "plain.pkl", &text);
    }
}

#[test]
fn errors_of_a_load_are_escaped() {
    let sandbox = Sandbox::new();
    let callables = [
        ("uuid", "UUID"),
        ("decimal", "Decimal"),
        ("zoneinfo", "ZoneInfo"),
        ("ipaddress", "ip_address"),
        ("builtins", "int"),
        ("numpy", "dtype"),
    ];
    // Each text with two of them, so that each meets several texts.
    for (number, text) in HOSTILE.into_iter().enumerate() {
        let two = callables.into_iter().cycle().skip(2 * number).take(2);
        for (module, name) in two.chain([("builtins", text)]) {
            sandbox.write("error.pkl", foreign("x", &call(module, name, text)));
            assert_harmless(&sandbox.snapcli(&["restore", "error.pkl", "-c", "0"]), false);
            assert_harmless(&sandbox.snapcli(&["restore", "--trust", "error.pkl", "-c", "0"]), false);
        }
    }
}

#[test]
fn hostile_file_names_are_escaped() {
    let sandbox = Sandbox::new();
    for text in hostile_pairs() {
        let name = format!("{text}.pkl");
        sandbox.write("plain.pkl", foreign("x", b"K\x01"));
        sandbox.write(&name, foreign("x", b"K\x02"));
        run_all(&sandbox, &name, "plain.pkl", "x");
        let missing = format!("missing{text}");
        for command in ["inspect", "verify", "restore", "trust"] {
            assert_harmless(&sandbox.snapcli(&[command, &missing]), false);
        }
        fs::remove_file(sandbox.work().join(&name)).unwrap();
    }
}

#[test]
fn json_means_what_the_file_says() {
    let sandbox = Sandbox::new();
    for text in HOSTILE {
        let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
        let variable = serde_json::from_value(json!({"name": "x", "type": "str", "notes": [text]})).unwrap();
        writer.segment(variable, &string("plain")).unwrap();
        sandbox.write("own.pkl", writer.finish(hostile_index(text), None).unwrap().0);
        let report = sandbox.snapcli(&["inspect", "--json", "own.pkl"]).json();
        assert_eq!(report["variables"][0]["notes"][0], Value::from(text), "{report}");
        assert_eq!(report["left_out"][0]["hint"], Value::from(text));
    }
}

//! `inspect --strict FILE` as a gate: only plain data passes, `--allow` accepts more, and so does one's own signature.

use std::fs;

use snapcli::internals::{Index, SCHEMA, SnapshotWriter, TRAILER, Trailer, Variable};

use crate::env::{Sandbox, Stack, main_python, venv};

/// Writes a pickle of each verdict.
fn write_files(sandbox: &Sandbox) {
    sandbox.write("plain.pkl", b"\x80\x04]K\x01a.");
    sandbox.write("calls.pkl", b"\x80\x04\x8c\x05thing\x8c\x04make\x93)R.");
    sandbox.write("dangerous.pkl", b"\x80\x04cos\nsystem\n\x8c\x02id\x85R.");
    sandbox.write("dump.py", "import dill\nf = lambda x: x + 1\ndill.dump(f, open('code.pkl', 'wb'), recurse=True)\n");
    sandbox.python(&["dump.py"]).assert_code(0);
}

fn exit_codes(sandbox: &Sandbox, options: &[&str]) -> Vec<Option<i32>> {
    let files = ["plain.pkl", "code.pkl", "calls.pkl", "dangerous.pkl"];
    let codes = files.iter().map(|file| {
        let run = sandbox.snapcli(&[&["inspect"], options, &[*file]].concat());
        run.assert_stderr("");
        run.status.code()
    });
    codes.collect()
}

#[test]
fn only_plain_files_pass_and_allow_accepts_more() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    write_files(&sandbox);
    assert_eq!(exit_codes(&sandbox, &[]), [0, 0, 0, 0].map(Some));
    assert_eq!(exit_codes(&sandbox, &["--strict"]), [0, 5, 5, 5].map(Some));
    assert_eq!(exit_codes(&sandbox, &["--strict", "--json"]), [0, 5, 5, 5].map(Some));
    assert_eq!(exit_codes(&sandbox, &["--strict", "--allow", "code"]), [0, 0, 5, 5].map(Some));
    assert_eq!(exit_codes(&sandbox, &["--strict", "--allow", "calls"]), [0, 0, 0, 5].map(Some));
    for wrong in [&["inspect", "--allow", "code", "plain.pkl"][..], &["inspect", "--strict", "--allow", "dangerous"]] {
        sandbox.snapcli(wrong).assert_code(2);
    }
}

#[test]
fn ones_own_signature_passes_unless_the_file_was_changed() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "def double(x): return 2 * x\nwords = ['a' * 40]\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox.snapcli(&["inspect", "--strict"]).assert_code(0).assert_stderr("");
    let stranger = |options: &[&str]| {
        let call = sandbox.call_snapcli(&[&["inspect", "--strict"], options].concat());
        call.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run()
    };
    stranger(&[]).assert_code(5);
    stranger(&["--allow", "code"]).assert_code(0);
    // One letter of a string: the pickle is as harmless as before, but not what was signed.
    let mut bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let letter = bytes.windows(40).position(|window| window == [b'a'; 40]).unwrap();
    bytes[letter] = b'b';
    sandbox.write("session.pkl", bytes);
    let damaged = "snapcli: session.pkl is damaged: run `snapcli verify` for details\n";
    sandbox.snapcli(&["inspect", "--strict"]).assert_code(4).assert_stderr(damaged);
    stranger(&[]).assert_code(4).assert_stderr(damaged);
    sandbox.snapcli(&["inspect", "--strict", "--allow", "code"]).assert_code(4).assert_stderr(damaged);
    sandbox.snapcli(&["inspect"]).assert_code(0).assert_stderr("");
}

/// A snapshot whose index points at a string in its pickle, as if the opcodes in that string were a variable.
fn with_hidden_opcodes() -> Vec<u8> {
    let hidden = b"\x8c\x01xcos\nsystem\n\x8c\x02id\x85Rs";
    let value = [&[b'C', hidden.len() as u8][..], hidden].concat();
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    writer.segment(Variable { name: "x".into(), ..Variable::default() }, &value).unwrap();
    let bytes = writer.finish(Index { schema: SCHEMA, ..Index::default() }, None).unwrap().0;
    let at = bytes.windows(hidden.len()).position(|window| window == hidden).unwrap();
    let trailer = Trailer::decode(bytes.last_chunk::<TRAILER>().unwrap(), bytes.len() as u64).unwrap().unwrap();
    let (pickle, rest) = bytes.split_at(trailer.index_offset as usize);
    let mut index: serde_json::Value = serde_json::from_slice(&rest[..rest.len() - TRAILER]).unwrap();
    let variable = &mut index["variables"][0];
    variable["offset"] = at.into();
    variable["length"] = hidden.len().into();
    variable["blake3"] = blake3::hash(hidden).to_hex().as_str().into();
    let index = serde_json::to_vec(&index).unwrap();
    let sealed = Trailer { index_length: index.len() as u64, index_hash: *blake3::hash(&index).as_bytes(), ..trailer };
    [pickle, &index, &sealed.encode()].concat()
}

#[test]
fn a_snapshot_whose_index_differs_from_its_pickle_does_not_pass() {
    let sandbox = Sandbox::new();
    sandbox.write("session.pkl", with_hidden_opcodes());
    let run = sandbox.snapcli(&["inspect", "--strict"]);
    run.assert_code(4);
    let found = "the index is wrong: the bytes up to byte 50 belong to no variable";
    assert!(run.out().contains("verdict: calls") && run.out().contains(found), "{}", run.whole());
}

#[test]
fn no_published_gadget_passes() {
    let sandbox = Sandbox::new();
    let published = include_str!("gadgets/published.txt");
    let mut passed = Vec::new();
    for gadget in published.lines() {
        let (module, name) = gadget.split_once(' ').unwrap();
        let string = |text: &str| [b"\x8c", &[text.len() as u8][..], text.as_bytes()].concat();
        let call = [string(module), string(name), b"\x93".to_vec(), string("touch canary"), b"\x85R.".to_vec()];
        sandbox.write("gadget.pkl", [b"\x80\x04".to_vec(), call.concat()].concat());
        let run = sandbox.snapcli(&["inspect", "--strict", "--json", "gadget.pkl"]);
        if run.status.code() != Some(5) || run.json()["verdict"]["class"] == "plain" {
            passed.push(gadget);
        }
    }
    assert_eq!(passed, [] as [&str; 0]);
    assert_eq!(published.lines().count(), 570);
}

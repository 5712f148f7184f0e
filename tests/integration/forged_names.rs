//! Snapshots whose index gives a variable another name than the pickle does, or none: every command says that the file
//! is damaged, and none goes on with half of it. Names that no Python code can use cost only their variables.

use snapcli::internals::{Index, SCHEMA, SIGNATURE, SnapshotWriter, TRAILER, Trailer, Variable};

use crate::env::Sandbox;

/// A snapshot of the variables `a`, `b` and `c`, whose index was changed afterwards.
fn forged(forge: impl Fn(&mut Index)) -> Vec<u8> {
    forged_session(&[("a", b"K\x07"), ("b", b"K\x01"), ("c", b"K\x02")], forge)
}

/// A snapshot of variables, each with the opcodes of its value; the index is changed afterwards, and its hash fits.
pub(crate) fn forged_session(variables: &[(&str, &[u8])], forge: impl Fn(&mut Index)) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    for (name, value) in variables {
        writer.segment(Variable { name: (*name).into(), ..Variable::default() }, value).unwrap();
    }
    let empty = Index { schema: SCHEMA, module: "__main__".into(), ..Index::default() };
    let (bytes, mut index, _) = writer.finish(empty, None).unwrap();
    forge(&mut index);
    let trailer: &[u8; TRAILER] = bytes.last_chunk().unwrap();
    let pickle = &bytes[..Trailer::decode(trailer, bytes.len() as u64).unwrap().unwrap().index_offset as usize];
    let json = serde_json::to_vec(&index).unwrap();
    let trailer = Trailer {
        index_offset: pickle.len() as u64,
        index_length: json.len() as u64,
        index_hash: *blake3::hash(&json).as_bytes(),
        signature: [0; SIGNATURE],
    };
    [pickle, &json, &trailer.encode()].concat()
}

/// The exit codes of all commands that read a file, and what `restore` printed.
pub(crate) fn answers(sandbox: &Sandbox, bytes: Vec<u8>) -> (Vec<i32>, String) {
    sandbox.write("forged.pkl", bytes);
    sandbox.write("honest.pkl", forged(|_| {}));
    let commands: [&[&str]; 8] = [
        &["inspect", "forged.pkl"],
        &["inspect", "--strict", "forged.pkl"],
        &["verify", "forged.pkl"],
        &["diff", "forged.pkl", "honest.pkl"],
        &["trust", "--yes", "forged.pkl"],
        &["restore", "--list", "forged.pkl"],
        &["restore", "--only", "c", "forged.pkl", "-c", "1"],
        &["restore", "forged.pkl", "-c", "print('went on', a, b, c)"],
    ];
    let runs: Vec<_> = commands.iter().map(|arguments| sandbox.snapcli(arguments)).collect();
    let out = runs.last().unwrap().out();
    (runs.iter().map(|run| run.status.code().unwrap()).collect(), out)
}

#[test]
fn every_command_refuses_a_name_that_is_not_the_one_in_the_pickle() {
    let sandbox = Sandbox::new();
    let (codes, out) = answers(&sandbox, forged(|_| {}));
    assert_eq!(codes, [0; 8], "{out}");
    let names = [
        "A",
        "",
        "if",
        "id",
        "not_a",
        "__builtins__",
        "__spec__",
        "print",
        "None",
        "a b",
        "a\n",
        "a\0",
        "a\u{200b}",
        "\u{202e}a",
        "\u{ff41}",
        "\u{fb01}",
        "b",
        "\u{1f40d}",
    ];
    let longest = "x".repeat(60_000);
    for name in names.into_iter().chain([longest.as_str()]) {
        let (codes, out) = answers(&sandbox, forged(|index| index.variables[0].name = name.into()));
        assert!(codes.iter().all(|code| [4, 5].contains(code)) && !out.contains("went on"), "{name}: {codes:?}\n{out}");
        // A script that goes by the codes is told by all of them that the file is damaged; the gate says 5 as well.
        assert!(codes[2] == 4 && codes[4] == 4 && codes[7] == 4, "{name}: {codes:?}\n{out}");
    }
}

#[test]
fn every_command_refuses_an_index_with_other_variables_than_the_pickle() {
    let sandbox = Sandbox::new();
    type Forge = fn(&mut Index);
    let cases: [(&str, Forge); 7] = [
        ("swapped", |index| {
            let first = std::mem::replace(&mut index.variables[0].name, "b".into());
            index.variables[1].name = first;
        }),
        ("the first is missing", |index| drop(index.variables.remove(0))),
        ("one in the middle is missing", |index| drop(index.variables.remove(1))),
        ("the last is missing", |index| drop(index.variables.pop())),
        ("one more", |index| {
            let more = Variable { name: "d".into(), ..index.variables[2].clone() };
            index.variables.push(more);
        }),
        ("one more that is empty", |index| {
            let last = index.variables[2].clone();
            index.variables.push(Variable { name: "d".into(), offset: last.offset + last.length, length: 0, ..last });
        }),
        ("two in one", |index| {
            let second = index.variables.remove(1);
            index.variables[0].length += second.length;
            let first = &index.variables[0];
            assert_eq!(first.offset + first.length, index.variables[1].offset);
        }),
    ];
    for (case, forge) in cases {
        let (codes, out) = answers(&sandbox, forged(forge));
        assert!(codes[2] == 4 && codes[4] == 4 && [4, 5].contains(&codes[1]), "{case}: {codes:?}\n{out}");
        assert!([4, 5].contains(&codes[7]) && !out.contains("went on"), "{case}: {codes:?}\n{out}");
    }
}

/// A load reads the value between name and SETITEM alone, so a value that takes the name, or sets another one before it
/// ends, means something else to a load than to readers of the whole pickle.
#[test]
fn a_segment_has_one_value_and_no_other_name() {
    let sandbox = Sandbox::new();
    let values: [(&str, &[u8]); 6] = [
        ("the name is a part of a tuple", b"\x85K\x07"),
        ("another name is set", b"K\x07s\x8c\x01zK\x09"),
        ("another name and the same value", b"0\x8c\x01zK\x09"),
        ("the name is memoized", b"\x94K\x07"),
        ("the name is copied", b"2K\x07s\x8c\x01a"),
        ("a mark below the name", b"(K\x07t"),
    ];
    for (case, value) in values {
        let (codes, out) = answers(&sandbox, forged_session(&[("a", value), ("b", b"N"), ("c", b"N")], |_| {}));
        let honest = case == "a mark below the name";
        if honest {
            assert_eq!((codes[1], codes[2], codes[7]), (0, 0, 0), "{case}: {codes:?}\n{out}");
        } else {
            assert!(codes[2] == 4 && codes[4] == 4, "{case}: {codes:?}\n{out}");
            assert!([4, 5].contains(&codes[1]) && [4, 5].contains(&codes[7]), "{case}: {codes:?}\n{out}");
        }
    }
}

#[test]
fn names_that_no_code_can_use_cost_only_their_variables() {
    let sandbox = Sandbox::new();
    // Python reads `ａ` as `a`, and `ｐrint` as `print`; U+3164 is a letter that nobody sees.
    let names =
        ["if", "None", "", "a b", "\u{ff50}rint", "\u{ff49}f", "\u{ff41}", "\u{3164}", "_\u{ff3f}spec_\u{ff3f}"];
    for name in names {
        sandbox.write("odd.pkl", forged_session(&[(name, b"K\x07"), ("b", b"K\x01")], |_| {}));
        sandbox.snapcli(&["verify", "-q", "odd.pkl"]).assert_code(0);
        sandbox.snapcli(&["inspect", "--strict", "odd.pkl"]).assert_code(0);
        let code = "print(b, [name for name in globals() if name[:1] != '_' and name != 'b'])";
        let run = sandbox.snapcli(&["restore", "odd.pkl", "-c", code]);
        run.assert_code(0).assert_stdout("1 []\n");
        assert!(run.err().contains("that is not a name that Python code can use"), "{name}: {}", run.whole());
        sandbox.snapcli(&["restore", "--strict", "odd.pkl", "-c", code]).assert_code(3).assert_stdout("");
    }
    // A name in letters that Python leaves as they are is a name.
    sandbox.write("odd.pkl", forged_session(&[("größe", b"K\x07"), ("名", b"K\x01")], |_| {}));
    sandbox
        .snapcli(&["restore", "--strict", "odd.pkl", "-c", "print(größe, 名)"])
        .assert_code(0)
        .assert_stdout("7 1\n");
    let long = "x".repeat(9000);
    sandbox.write("odd.pkl", forged_session(&[(&long, b"K\x07")], |_| {}));
    sandbox.snapcli(&["inspect", "--strict", "odd.pkl"]).assert_code(0);
    sandbox.snapcli(&["restore", "odd.pkl", "-c", "print(1)"]).assert_code(0).assert_stdout("1\n");
}

#[test]
fn a_dict_with_keys_that_are_no_names_stays_a_dict() {
    let sandbox = Sandbox::new();
    let script = "import pickle\npickle.dump({'class': [1], 'from': 2}, open('d.pkl', 'wb'))\n\
                  pickle.dump({'\\uff41': 1, 'b': 2}, open('wide.pkl', 'wb'))\n";
    sandbox.write("dump.py", script);
    sandbox.python(&["dump.py"]).assert_code(0);
    sandbox
        .snapcli(&["restore", "d.pkl", "-c", "print(obj['class'], obj['from'])"])
        .assert_code(0)
        .assert_stdout("[1] 2\n");
    sandbox.snapcli(&["restore", "wide.pkl", "-c", "print(obj['b'])"]).assert_code(0).assert_stdout("2\n");
}

#[test]
fn damage_to_a_name_is_told_from_a_forged_index() {
    let sandbox = Sandbox::new();
    let mut bytes = forged(|_| {});
    let at = bytes.windows(3).position(|window| window == b"\x8c\x01b").unwrap();
    bytes[at + 2] = b'x';
    sandbox.write("damaged.pkl", bytes);
    sandbox.snapcli(&["verify", "damaged.pkl"]).assert_code(4);
    let run = sandbox.snapcli(&["restore", "damaged.pkl", "-c", "1"]);
    run.assert_code(4);
    assert!(run.err().contains("cause: damaged: b (at byte"), "{}", run.whole());
    // The hashes prove the others.
    let run = sandbox.snapcli(&["restore", "--partial", "damaged.pkl", "-c", "print(a, c)"]);
    run.assert_code(0).assert_stdout("7 2\n");
    sandbox.snapcli(&["restore", "--only", "c", "damaged.pkl", "-c", "c"]).assert_code(0).assert_stdout("2\n");
}

//! Snapshots of others whose index or store says something that the rest of the file contradicts: a checksum that only
//! one command reads, what is in an array, lists of names that exclude each other, the frames of a traceback. Every
//! command gives the same answer.

use std::fs;

use snapcli::internals::{Index, LeftOut, SIGNATURE, TRAILER, Trailer, UnsavableObject};

use crate::env::{Sandbox, Stack, main_python, venv};

const STRANGER: (&str, &str) = ("SNAPCLI_KEY", "the key of a stranger");

/// Saves a script with the key of somebody else.
pub(crate) fn saved(sandbox: &Sandbox, script: &str) -> Vec<u8> {
    sandbox.write("script.py", script);
    sandbox.call_snapcli(&["save", "-q", "-o", "honest.pkl", "script.py"]).env(STRANGER.0, STRANGER.1).run();
    let (file, of_failed) = (sandbox.work().join("honest.pkl"), sandbox.work().join("honest.crash.pkl"));
    if of_failed.exists() {
        fs::rename(of_failed, &file).unwrap();
    }
    fs::read(file).unwrap()
}

/// The file with another index, whose hash fits.
pub(crate) fn forged(file: &[u8], forge: impl FnOnce(&mut Index)) -> Vec<u8> {
    let trailer = Trailer::decode(file.last_chunk::<TRAILER>().unwrap(), file.len() as u64).unwrap().unwrap();
    let (start, length) = (trailer.index_offset as usize, trailer.index_length as usize);
    let mut index: Index = serde_json::from_slice(&file[start..start + length]).unwrap();
    forge(&mut index);
    let json = serde_json::to_vec(&index).unwrap();
    let index_hash = *blake3::hash(&json).as_bytes();
    let trailer = Trailer { index_length: json.len() as u64, index_hash, signature: [0; SIGNATURE], ..trailer };
    [&file[..start], &json, &trailer.encode()].concat()
}

/// The exit codes of all commands that read a file; `names` are two of its variables.
fn answers(sandbox: &Sandbox, file: &str, names: &str) -> Vec<(String, i32)> {
    let load = format!(
        "import snapcli\ntry:\n    snapcli.load_dict({file:?})\nexcept Exception as error:\n    \
         raise SystemExit(5 if 'trusted' in str(error) else 4)\n"
    );
    let commands: [&[&str]; 10] = [
        &["inspect", file],
        &["inspect", "--strict", file],
        &["verify", file],
        &["diff", file, file],
        &["trust", "--yes", file],
        &["restore", "--list", file],
        &["import", file, "imported.snaps/"],
        &["restore", "--only", names, file, "-c", "1"],
        &["restore", "--mmap", "--only", names, file, "-c", "1"],
        &["restore", "--only", names, "honest.pkl", "-c", &load],
    ];
    let code = |arguments: &&[&str]| {
        let run = sandbox.snapcli(arguments);
        (arguments[..arguments.len().min(3)].join(" "), run.status.code().unwrap())
    };
    commands.iter().map(code).collect()
}

fn assert_same_answer(sandbox: &Sandbox, honest: &[u8], names: &str, case: &str, forge: impl Fn(&mut Index)) {
    sandbox.write("forged.pkl", forged(honest, forge));
    let found = answers(sandbox, "forged.pkl", names);
    // The gate may have found something that is not plain, and says so first.
    assert!(
        found.iter().all(|(what, code)| *code == 4 || (what.contains("--strict") && *code == 5)),
        "{case}: {found:?}"
    );
}

const ARRAYS: &str = "import numpy as np\na = [1, 2, 3]\nbig = np.arange(20000.0)\nsmall = np.array([1, 2], 'int8')\n\
                      b = {'k': a}\ngrid = np.ones((3, 4), 'float32', order='F')\n";

#[test]
fn honest_arrays_of_others_are_shown_and_pass() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy as np\nf = np.array([0.1, 1e300, -0.0, float('nan')])\nempty = np.zeros((0, 3))\n\
                  scalar = np.array(7)\nflags = np.array([True, False])\nbig_endian = np.arange(9, dtype='>i4')\n\
                  grid = np.arange(12.0).reshape(3, 4)\ncolumns = np.asfortranarray(grid)\nhalf = np.ones(3, 'f2')\n\
                  words = np.array(['a', 'b'])\nwhen = np.array(['2020-01-01'], 'M8[D]')\nz = np.ones(2, complex)\n\
                  long = np.arange(100000, dtype='uint64')\nsingle = np.array([0.1], 'f4')\nview = f[::2]\n\
                  objects = np.array([1, 'a'], object)\nrecords = np.zeros(2, 'i4,f8')\nmasked = np.ma.array([1, 2])\n";
    saved(&sandbox, script);
    for (command, code) in answers(&sandbox, "honest.pkl", "f,scalar") {
        assert_eq!(code, 0, "{command}");
    }
    fs::remove_file(sandbox.work().join("honest.pkl")).unwrap();
    saved(&sandbox, script);
    let shown = |file: &str| sandbox.snapcli(&["inspect", "--json", file]).json()["variables"].clone();
    let other = shown("honest.pkl");
    sandbox.snapcli(&["save", "-q", "-o", "own.pkl", "script.py"]).assert_code(0);
    for (own, other) in shown("own.pkl").as_array().unwrap().iter().zip(other.as_array().unwrap()) {
        let name = own["name"].as_str().unwrap();
        if ["empty", "scalar", "flags", "big_endian", "long", "single"].contains(&name) {
            assert_eq!(own["preview"], other["preview"], "{name}");
        }
    }
}

#[test]
fn every_command_refuses_an_index_that_something_contradicts() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let honest = saved(&sandbox, ARRAYS);
    let names = "a,big";
    type Forge = fn(&mut Index);
    fn variable<'i>(index: &'i mut Index, name: &str) -> &'i mut snapcli::internals::Variable {
        index.variables.iter_mut().find(|variable| variable.name == name).unwrap()
    }
    let cases: [(&str, Forge); 14] = [
        ("opcodes", |index| variable(index, "big").opcodes = "0".repeat(64)),
        ("no opcodes", |index| variable(index, "big").opcodes.clear()),
        ("opcodes without buffers", |index| variable(index, "a").opcodes = variable(index, "a").blake3.clone()),
        ("stream and frame", |index| {
            index.stream.frame = index.stream.blake3.clone();
            index.stream.blake3 = "1".repeat(64);
        }),
        ("preview of an array", |index| variable(index, "big").preview = "[0.0, 1.0, 99.0, 3.0, 4.0, 5.0, …]".into()),
        ("preview of an array in words", |index| variable(index, "big").preview = "harmless".into()),
        ("preview of a small array", |index| variable(index, "small").preview = "[1, 3]".into()),
        ("length of an array", |index| variable(index, "big").len = Some(3)),
        ("type of another library", |index| variable(index, "big").type_name = "pandas.Series".into()),
        ("lost", |index| {
            let lost = UnsavableObject { path: "a[0]".into(), type_name: "x".into(), ..UnsavableObject::default() };
            variable(index, "a").lost = vec![lost];
        }),
        ("left out", |index| index.left_out = vec![LeftOut { name: "a".into(), ..LeftOut::default() }]),
        ("columns", |index| variable(index, "big").columns = vec!["x".into()]),
        ("attributes", |index| variable(index, "a").attributes = vec!["x".into()]),
        ("source", |index| variable(index, "a").source = Some("x.py".into())),
    ];
    for (case, forge) in cases {
        assert_same_answer(&sandbox, &honest, names, case, forge);
    }
}

#[test]
fn every_command_refuses_frames_that_contradict_their_variables() {
    let sandbox = Sandbox::new();
    let script = "cfg = [1, 2]\nmore = 3\ndef inner(q):\n    local = [q, cfg]\n    return 1 / q\n\
                  def outer(z):\n    text = 'text'\n    try:\n        inner(z)\n    except ZeroDivisionError as e:\n\
                  \x20       raise ValueError('bad') from e\nouter(0)\n";
    let honest = saved(&sandbox, script);
    let found = answers(&sandbox, "honest.pkl", "cfg,more");
    // The script's functions are code.
    assert!(found.iter().all(|(what, code)| *code == if what.contains("--strict") { 5 } else { 0 }), "{found:?}");
    let honest = forged(&honest, |index| assert!(!index.frame_locals.is_empty() && index.raised.len() == 2));
    type Forge = fn(&mut Index);
    let cases: [(&str, Forge); 8] = [
        ("no frames", |index| index.frames.clear()),
        ("no exceptions", |index| index.raised.clear()),
        ("frames that are each other", |index| {
            (index.frames[0].same_as, index.frames[1].same_as) = (Some(1), Some(0));
        }),
        ("a frame that is itself", |index| index.frames[0].same_as = Some(0)),
        ("a frame beyond the last", |index| index.frames[0].same_as = Some(1_000_000_000)),
        ("a frame of no exception", |index| index.frames[0].raised = 44),
        ("an exception of none", |index| index.raised[0].of = Some(44)),
        ("a local of no frame", |index| index.frame_locals[0].name = "frame[99].q".into()),
    ];
    for (case, forge) in cases {
        sandbox.write("forged.pkl", forged(&honest, forge));
        let found = answers(&sandbox, "forged.pkl", "cfg,more");
        let is_refused = |code: i32, what: &str| code == 4 || (what.contains("--strict") && code == 5);
        assert!(found.iter().all(|(what, code)| is_refused(*code, what)), "{case}: {found:?}");
    }
}

#[test]
fn the_gate_refuses_a_snapshot_without_its_index() {
    let sandbox = Sandbox::new();
    let honest = saved(&sandbox, "a = [1, 2, 3]\nb = 'text'\n");
    let packed = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    let (head, tail) = honest.split_at(honest.len() - 40);
    let evil: &[u8] = b"\x80\x04cposix\nsystem\n(\x8c\x04trueR.";
    let cases: [(&str, Vec<u8>); 6] = [
        ("truncated", head.to_vec()),
        ("a second pickle", [&honest, evil].concat()),
        ("a few bytes more", [&honest, &b"more"[..]].concat()),
        ("an extra frame", [packed(&honest), packed(evil)].concat()),
        ("compressed and truncated", packed(head)),
        ("its end twice", [&honest, tail].concat()),
    ];
    for (case, bytes) in cases {
        sandbox.write("broken.pkl", bytes);
        let code = |arguments: &[&str]| sandbox.snapcli(arguments).status.code().unwrap();
        let found = [
            code(&["verify", "broken.pkl"]),
            code(&["inspect", "--strict", "broken.pkl"]),
            code(&["diff", "broken.pkl", "honest.pkl"]),
        ];
        assert_eq!(found, [4; 3], "{case}");
    }
}

/// The file of a snapshot in a store, with other claims: `SNAPSTO`, 1, the length of the JSON, the JSON, its BLAKE3,
/// and no signature.
fn forged_header(file: &[u8], key: &str, value: serde_json::Value) -> Vec<u8> {
    let length = u32::from_le_bytes(file[8..12].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&file[12..12 + length]).unwrap();
    header[key] = value;
    let json = serde_json::to_vec(&header).unwrap();
    let sealed = [&file[..8], &(json.len() as u32).to_le_bytes(), &json].concat();
    let hash = *blake3::hash(&sealed).as_bytes();
    [&sealed[..], &hash, &[0; 32]].concat()
}

#[test]
fn every_command_refuses_a_snapshot_of_a_store_that_is_not_as_its_file_says() {
    let sandbox = Sandbox::new();
    for script in ["a = [1, 2, 3]\nb = 'text'\n", "a = [1, 2, 3]\nb = 'other'\nc = 4\n"] {
        sandbox.write("script.py", script);
        let save = ["save", "-q", "-o", "runs.snaps/", "script.py"];
        sandbox.call_snapcli(&save).env(STRANGER.0, STRANGER.1).run().assert_code(0);
    }
    let codes = || {
        let code = |arguments: &[&str]| sandbox.snapcli(arguments).status.code().unwrap();
        [
            code(&["inspect", "runs.snaps/@2"]),
            code(&["inspect", "--strict", "runs.snaps/@2"]),
            code(&["verify", "runs.snaps/@2"]),
            code(&["verify", "runs.snaps/"]),
            code(&["diff", "runs.snaps/@2", "runs.snaps/@2"]),
            code(&["restore", "--list", "runs.snaps/@2"]),
            code(&["restore", "--only", "a", "runs.snaps/@2", "-c", "1"]),
        ]
    };
    assert_eq!(codes(), [0; 7]);
    let path = sandbox.work().join("runs.snaps/snapshots/00000002.snap");
    let honest = fs::read(&path).unwrap();
    let cases: [(&str, serde_json::Value); 10] = [
        ("variables", 7.into()),
        ("changed", 0.into()),
        ("changed", 3.into()),
        ("removed", 1.into()),
        ("parent", 2.into()),
        ("parent", 0.into()),
        ("names", vec!["a"].into()),
        ("created", "2001-01-01T00:00:00Z".into()),
        ("script", "other.py".into()),
        ("how", "exception".into()),
    ];
    for (key, value) in cases {
        fs::write(&path, forged_header(&honest, key, value.clone())).unwrap();
        assert_eq!(codes(), [4; 7], "{key}: {value}");
    }
    fs::write(&path, honest).unwrap();
    assert_eq!(codes(), [0; 7]);
}

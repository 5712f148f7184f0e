//! Opening snapshots, other pickles, and files that are neither.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use super::file_kind::FileKind;
use super::*;
use crate::pickle::machine::MachineError;
use crate::pickle::samples;
use crate::snapshot::layout::LayoutError;
use crate::snapshot::writer::SnapshotWriter;

/// A snapshot of `a = []`, `n = 1`, `b = [a]`, with its index.
fn snapshot() -> (Vec<u8>, Index) {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").expect("a vector takes all");
    for (name, value) in [("a", &b"]\x94"[..]), ("n", b"K\x01"), ("b", b"]\x94h\x01a")] {
        let variable = Variable { name: name.to_owned(), ..Variable::default() };
        writer.segment(variable, value).expect("opcodes");
    }
    let (bytes, index, _) = writer.finish(Index::default(), None).expect("a vector takes all");
    (bytes, index)
}

/// The snapshot with another index, for which hash and trailer are right.
fn with_index(change: impl FnOnce(&mut Index)) -> Vec<u8> {
    let (bytes, mut index) = snapshot();
    let end = index.stream.length as usize;
    change(&mut index);
    sealed(&bytes[..end], &serde_json::to_vec(&index).expect("JSON"))
}

fn sealed(pickle: &[u8], json: &[u8]) -> Vec<u8> {
    let trailer = Trailer {
        index_offset: pickle.len() as u64,
        index_length: json.len() as u64,
        index_hash: *blake3::hash(json).as_bytes(),
        signature: [0; 32],
    };
    [pickle, json, &trailer.encode()].concat()
}

fn error(bytes: &[u8]) -> ReadError {
    Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed).expect_err("not a snapshot")
}

fn is_foreign(bytes: &[u8], lost: bool) -> bool {
    let snapshot = Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed).expect("a pickle");
    matches!(snapshot.contents(), Contents::Foreign { lost_index } if *lost_index == lost)
}

/// How many bytes a check reports to `progress`.
fn checked(snapshot: &Snapshot) -> Result<u64, ReadError> {
    let done = AtomicU64::new(0);
    snapshot.check(&|bytes| {
        let _ = done.fetch_add(bytes, Ordering::Relaxed);
    })?;
    Ok(done.into_inner())
}

#[test]
fn a_snapshot_is_read_from_a_file_and_from_memory() -> Result<(), Box<dyn std::error::Error>> {
    let (bytes, index) = snapshot();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("s.pkl");
    fs::write(&path, &bytes)?;
    for snapshot in [Snapshot::open(&path)?, Snapshot::from_bytes(bytes.clone())?] {
        let Contents::Own { index: found } = snapshot.contents() else { panic!("our own") };
        let names: Vec<&str> = found.variables.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!((names, snapshot.file_len()), (vec!["a", "n", "b"], bytes.len() as u64));
        assert_eq!(snapshot.bytes()?, &bytes[..index.stream.length as usize]);
        assert_eq!(snapshot.segment(&found.variables[1])?, b"\x8c\x01nK\x01s");
        assert_eq!(checked(&snapshot)?, index.stream.length);
    }
    Ok(())
}

#[test]
fn variables_are_traced() -> Result<(), ReadError> {
    let snapshot = Snapshot::from_bytes(snapshot().0)?;
    let tree = snapshot.trace("b")?.expect("a variable");
    assert_eq!((tree.label.as_str(), tree.children[0].label.as_str()), ("b: list (1)", "(shared with a, memo #1)"));
    assert_eq!(snapshot.trace("c")?, None);
    let foreign = Snapshot::from_bytes(samples::SESSION.to_vec())?;
    assert_eq!(foreign.trace("l")?.map(|tree| tree.label).as_deref(), Some("l: list (3)"));
    Ok(())
}

#[test]
fn other_pickles_are_foreign() -> Result<(), ReadError> {
    for pickle in samples::all() {
        assert!(is_foreign(pickle, false));
        assert_eq!(checked(&Snapshot::from_bytes(pickle.to_vec())?)?, pickle.len() as u64);
    }
    Ok(())
}

#[test]
fn a_snapshot_whose_trailer_is_lost_is_still_a_session() {
    let (bytes, index) = snapshot();
    let pickle = index.stream.length as usize;
    for length in pickle..bytes.len() {
        assert!(is_foreign(&bytes[..length], true));
    }
    let longer = [&bytes[..], b"\n"].concat();
    let opened = Snapshot::from_bytes(longer).expect("a pickle");
    let Ok(Outline::Session { variables, .. }) = opened.outline() else { panic!("a session") };
    assert_eq!(variables.len(), 3);
}

#[test]
fn a_snapshot_cut_within_its_pickle_is_cut_short() {
    let (bytes, index) = snapshot();
    for length in 1..index.stream.length as usize {
        assert!(matches!(error(&bytes[..length]), ReadError::CutShort { at } if at == length as u64));
    }
}

#[test]
fn truncated_pickles_are_reported_as_cut_short() {
    for pickle in samples::all() {
        // Without PROTO in front, the first opcodes could be anything.
        let marked = pickle.first() == Some(&0x80);
        for length in (if marked { 1 } else { 8 })..pickle.len() {
            assert!(matches!(error(&pickle[..length]), ReadError::CutShort { at } if at == length as u64), "{length}");
        }
    }
}

#[test]
fn an_empty_file_is_reported() {
    assert!(matches!(error(b""), ReadError::Empty));
}

#[test]
fn files_of_other_kinds_are_reported() {
    let cases: [(&[u8], FileKind); 9] = [
        (b"\x1f\x8b\x08\0\0\0", FileKind::Gzip),
        (b"BZh91AY&SY", FileKind::Bzip2),
        (b"\xfd7zXZ\0\0\x04", FileKind::Xz),
        (b"\x28\xb5\x2f\xfd\x04\0", FileKind::Zstd),
        (b"PK\x03\x04\x14\0\0\0", FileKind::Zip),
        (b"\x89HDF\r\n\x1a\n\0\0", FileKind::Hdf5),
        (b"PAR1\x15\x04\x15", FileKind::Parquet),
        (b"import os\nprint(1)\n", FileKind::Text),
        (b"\0\x01\x02\x03", FileKind::Unknown),
    ];
    for (bytes, expected) in cases {
        assert!(matches!(error(bytes), ReadError::NotAPickle { kind } if kind == expected), "{expected:?}");
    }
    assert_eq!(error(b"\x1f\x8b").to_string(), "this is a gzip file, not a pickle: decompress it first, with gzip -d");
    for text in
        ["hello world\n", "Name,Age\n", "I am\na text\n", "# x\n", "x = 1\n", "{}", "[1, 2]", "(a)", "Value", "\n"]
    {
        assert!(matches!(error(text.as_bytes()), ReadError::NotAPickle { kind: FileKind::Text }), "{text}");
    }
}

#[test]
fn a_damaged_pickle_is_reported() {
    assert!(matches!(error(b"\x80\x04\xff."), ReadError::BadPickle(MachineError::Parse(_))));
    assert!(matches!(error(b"\x80\x04R."), ReadError::BadPickle(MachineError::Underflow { at: 2, .. })));
}

#[test]
fn a_trailer_that_does_not_fit_is_reported() {
    let (bytes, _) = snapshot();
    let longer = [b"x", &bytes[..]].concat();
    assert!(matches!(error(&longer), ReadError::Layout(LayoutError::FileLength { .. })));
}

#[test]
fn a_damaged_index_is_reported() {
    let (mut bytes, index) = snapshot();
    bytes[index.stream.length as usize + 5] ^= 1;
    assert!(matches!(error(&bytes), ReadError::IndexDamaged { at } if at == index.stream.length));
}

#[test]
fn json_that_is_not_an_index_is_reported() {
    assert!(matches!(error(&sealed(b"N.", b"{")), ReadError::IndexUnreadable { .. }));
    assert!(matches!(error(&sealed(b"N.", b"{\"schema\":1,\"variables\":3}")), ReadError::IndexUnreadable { .. }));
}

#[test]
fn an_index_of_empty_items_is_refused_at_the_first() {
    for list in ["variables", "left_out"] {
        let json = format!("{{\"schema\":1,\"{list}\":[{{}}{}]}}", ",{}".repeat(1 << 20));
        let ReadError::IndexUnreadable { problem } = error(&sealed(b"N.", json.as_bytes())) else { panic!("{list}") };
        assert!(problem.starts_with("an item of a list is empty at line 1 column "), "{problem}");
        let column: usize = problem.rsplit(' ').next().and_then(|text| text.parse().ok()).expect("a number");
        assert!(column < 50, "{problem}");
    }
}

#[test]
fn an_index_of_another_schema_is_reported() {
    assert!(matches!(error(&sealed(b"N.", b"{\"schema\":2,\"variables\":3}")), ReadError::OtherSchema { schema: 2 }));
}

#[test]
fn ranges_outside_the_pickle_are_reported() {
    let bad = |change: fn(&mut Index)| match error(&with_index(change)) {
        ReadError::BadRange { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(bad(|index| index.stream.length += 1), "the pickle");
    assert_eq!(bad(|index| index.stream.prelude = u64::MAX), "the pickle");
    assert_eq!(bad(|index| index.variables[2].length = 1000), "variable b");
    assert_eq!(bad(|index| index.variables[2].length = u64::MAX), "variable b");
    assert_eq!(bad(|index| index.variables[0].offset = 3), "variable a");
    assert_eq!(bad(|index| index.variables.swap(0, 1)), "variable a");
    assert_eq!(bad(|index| index.variables[1].memo = (0, 0)), "variable n");
    assert_eq!(bad(|index| index.variables[2].memo.1 = 1 << 40), "variable b");
    let outside = |index: &mut Index| {
        index.variables[0].buffers.push(crate::snapshot::index::StoredBuffer { offset: 0, length: 1, writable: false });
    };
    assert_eq!(bad(outside), "variable a");
}

#[test]
fn a_damaged_segment_loses_only_its_variable() -> Result<(), ReadError> {
    let (mut bytes, index) = snapshot();
    bytes[index.variables[1].offset as usize + 4] ^= 1;
    let ReadError::Damaged(damage) = Snapshot::from_bytes(bytes)?.check(&|_| {}).expect_err("damaged") else {
        panic!("damaged");
    };
    let expected = vec![("n".to_owned(), index.variables[1].offset)];
    assert_eq!(
        (&damage.damaged, &damage.whole, damage.outside),
        (&expected, &vec!["a".to_owned(), "b".to_owned()], false)
    );
    assert_eq!(damage.to_string(), "damaged: n (at byte 51); undamaged: a, b");
    Ok(())
}

#[test]
fn damage_outside_the_segments_is_found() -> Result<(), ReadError> {
    let (bytes, index) = snapshot();
    for offset in [0, index.stream.prelude as usize - 1, index.stream.length as usize - 1] {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 1;
        let error = Snapshot::from_bytes(damaged)?.check(&|_| {});
        assert!(matches!(error, Err(ReadError::Damaged(Damage { outside: true, .. }))));
    }
    Ok(())
}

#[test]
fn no_flipped_byte_goes_unnoticed_or_panics() {
    let (bytes, _) = snapshot();
    for offset in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 0x20;
        let sound = match Snapshot::from_bytes(damaged) {
            Ok(snapshot) => matches!(snapshot.contents(), Contents::Own { .. }) && snapshot.check(&|_| {}).is_ok(),
            Err(_) => false,
        };
        assert!(!sound, "byte {offset}");
    }
}

#[test]
fn variables_before_the_damage_are_salvaged_and_nothing_else() {
    let (bytes, index) = snapshot();
    let names = |bytes: &[u8]| match Snapshot::partial_from_bytes(bytes, None) {
        Ok((snapshot, damage)) => {
            assert!(matches!(snapshot.contents(), Contents::Foreign { lost_index: true }));
            let Ok(Outline::Session { variables, .. }) = snapshot.outline() else { panic!("a session") };
            let names: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
            (names.join(" "), damage.is_some())
        }
        Err(_) => (String::new(), true),
    };
    for length in 1..bytes.len() {
        let whole = index.variables.iter().filter(|variable| variable.offset + variable.length <= length as u64);
        let expected: Vec<&str> = whole.map(|variable| variable.name.as_str()).collect();
        // A pickle that has its STOP is read as it is.
        let expected = (expected.join(" "), length < index.stream.length as usize);
        assert_eq!(names(&bytes[..length]), expected, "{length}");
    }
    let mut damaged = bytes.clone();
    damaged[index.stream.length as usize + 5] ^= 1;
    assert_eq!(names(&damaged), ("a n b".to_owned(), true));
    assert!(
        Snapshot::partial_from_bytes(b"text", None).is_err()
            && Snapshot::partial_from_bytes(b"\x80\x04]", None).is_err()
    );
}

#[test]
fn a_missing_file_and_a_directory_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(Snapshot::open(folder.path()), Err(ReadError::Folder)));
    assert!(matches!(Snapshot::open(&folder.path().join("none")), Err(ReadError::Open(_))));
}

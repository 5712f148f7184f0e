//! Files with right hashes whose index or opcodes are wrong.

use super::*;
use crate::snapshot::index::StoredBuffer;
use crate::snapshot::layout::Trailer;
use crate::snapshot::writer::SnapshotWriter;

/// `a = []`, `n = os.path`, `b = [a, bytearray(b'xy')]`, with its index.
fn snapshot() -> (Vec<u8>, Index) {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").expect("a vector takes all");
    let b = b"](h\x01\x96\x02\0\0\0\0\0\0\0xye";
    for (name, value) in [("a", &b"]\x94"[..]), ("n", b"cos\npath\n"), ("b", b)] {
        let variable = Variable { name: name.to_owned(), ..Variable::default() };
        writer.segment(variable, value).expect("opcodes");
    }
    let (bytes, index, _) = writer.finish(Index::default(), None).expect("a vector takes all");
    (bytes, index)
}

/// The problems that are found after a change of index or bytes. All hashes are made right again.
fn found(change: impl FnOnce(&mut Index, &mut Vec<u8>)) -> Vec<String> {
    let (mut bytes, mut index) = snapshot();
    bytes.truncate(index.stream.length as usize);
    change(&mut index, &mut bytes);
    let mut outside = blake3::Hasher::new();
    let mut position = 0;
    for variable in &mut index.variables {
        let range = variable.offset as usize..(variable.offset + variable.length) as usize;
        outside.update(&bytes[position..range.start]);
        variable.blake3 = blake3::hash(&bytes[range.clone()]).to_hex().to_string();
        position = range.end;
    }
    outside.update(&bytes[position..]);
    index.stream.blake3 = outside.finalize().to_hex().to_string();
    let json = serde_json::to_vec(&index).expect("JSON");
    let trailer = Trailer {
        index_offset: bytes.len() as u64,
        index_length: json.len() as u64,
        index_hash: *blake3::hash(&json).as_bytes(),
        signature: [0; 32],
    };
    let file = [bytes.as_slice(), &json, &trailer.encode()].concat();
    let verified = verify(&Snapshot::from_bytes(file).expect("a snapshot"), &|_| {}).expect("memory is read");
    let named = |variable: &Checked| {
        variable.problems.iter().map(|problem| format!("{}: {}", variable.name, problem.what)).collect::<Vec<_>>()
    };
    let outside = verified.problems.iter().map(|problem| format!("{}: {}", problem.at, problem.what));
    outside.chain(verified.variables.iter().flat_map(named)).collect()
}

#[track_caller]
fn one(found: &[String], part: &str) {
    assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
}

#[test]
fn an_intact_file_has_no_problems() {
    assert_eq!(found(|_, _| {}), Vec::<String>::new());
    let right = StoredBuffer { offset: 80, length: 2, writable: true };
    // The index has no checksum of the opcodes around it.
    one(&found(|index, _| index.variables[2].buffers.push(right)), "b: the checksum of the opcodes of b is wrong");
}

#[test]
fn an_index_that_is_wrong_about_a_segment_is_found() {
    one(&found(|index, _| index.variables[2].memo.1 += 1), "b: the index is wrong about the memo slots");
    one(&found(|index, _| index.variables[2].uses.clear()), "b: the index is wrong about which variables");
    one(&found(|index, _| index.variables[1].imports.clear()), "n: the index is wrong about what it imports");
    one(&found(|index, _| index.variables[0].has_code = true), "a: the index is wrong about whether it holds code");
    one(&found(|index, _| index.variables[2].name = "z".to_owned()), "z: the name here is not the one in the index");
    for (offset, length, writable) in [(79, 2, true), (80, 1, true), (80, 2, false), (81, 1, true)] {
        let buffer = StoredBuffer { offset, length, writable };
        one(&found(|index, _| index.variables[2].buffers.push(buffer)), "buffer");
    }
}

#[test]
fn bytes_that_belong_to_no_variable_are_found() {
    // A PUT of a slot that is filled, between the last variable and the end.
    let hidden = |index: &mut Index, bytes: &mut Vec<u8>| {
        let end = bytes.len() - 2;
        bytes.splice(end..end, *b"q\x00");
        index.stream.length += 2;
    };
    one(&found(hidden), "the bytes up to byte 86 belong to no variable");
    one(&found(|index, _| index.module = "other".to_owned()), "0: the pickle does not begin like");
    one(&found(|index, _| drop(index.variables.remove(1))), "belong to no variable");
}

#[test]
fn opcodes_that_do_not_balance_are_found() {
    // POP instead of APPENDS: the value is below a mark.
    one(&found(|_, bytes| bytes[82] = b'0'), "b: the segment does not end after a single value");
    one(&found(|_, bytes| bytes[71] = b'\xff'), "b: unknown opcode 0xff at byte 71");
    one(&found(|_, bytes| bytes[70] = 9), "b: byte 69 reads memo slot 9, which is empty");
}

#[test]
fn damage_loses_the_variable_that_it_is_in_and_those_that_share_its_objects() {
    let (mut bytes, index) = snapshot();
    bytes[index.variables[0].offset as usize + 4] ^= 1;
    bytes[1] ^= 1;
    let verified = verify(&Snapshot::from_bytes(bytes).expect("a snapshot"), &|_| {}).expect("memory is read");
    let whole: Vec<_> = verified.variables.iter().map(|variable| (variable.name.as_str(), variable.whole)).collect();
    assert_eq!(whole, [("a", Some(false)), ("n", Some(true)), ("b", Some(false))]);
    assert_eq!((verified.variables[2].shares_with.as_deref(), verified.variables[2].problems.len()), (Some("a"), 0));
    assert_eq!((verified.problems.len(), verified.is_whole()), (1, false));
}

#[test]
fn the_work_is_the_bytes_of_the_file_and_is_all_done_in_the_end() {
    // Opcodes, an array, and both; a list of small objects is followed in many steps.
    let objects = [&b"]("[..], &b"K\x01".repeat(400_000), b"e"].concat();
    let bytes = [&b"\x96"[..], &1_000_000_u64.to_le_bytes(), &vec![7; 1_000_000]].concat();
    for values in [vec![&objects], vec![&bytes], vec![&objects, &bytes]] {
        let mut writer = SnapshotWriter::new(Vec::new(), "__main__").expect("a vector takes all");
        for (name, value) in ["a", "b"].iter().zip(&values) {
            let variable = Variable { name: (*name).to_owned(), ..Variable::default() };
            writer.segment(variable, value).expect("opcodes");
        }
        let (file, ..) = writer.finish(Index::default(), None).expect("a vector takes all");
        let snapshot = Snapshot::from_bytes(file).expect("a snapshot");
        let done = AtomicU64::new(0);
        let progress = |bytes| {
            done.fetch_add(bytes, Ordering::Relaxed);
        };
        let verified = verify(&snapshot, &progress).expect("memory is read");
        assert!(verified.is_whole(), "{verified:?}");
        let (done, all) = (done.into_inner(), work_of(&snapshot));
        assert_eq!(all, snapshot.stream_len());
        assert!(done <= all && all - done < 1000, "{done} of {all}");
    }
}

#[test]
fn bytes_after_another_pickle_are_counted() {
    let pickle = [crate::pickle::samples::SESSION, b"more"].concat();
    let verified = verify(&Snapshot::from_bytes(pickle).expect("a pickle"), &|_| {}).expect("memory is read");
    assert_eq!((verified.behind_stop, verified.is_whole()), (4, true));
    assert!(verified.variables.iter().any(|variable| variable.name == "arr" && variable.length > 0));
}

#[test]
fn a_snapshot_that_lost_its_index_is_damaged() {
    let (bytes, index) = snapshot();
    let cut = bytes[..index.stream.length as usize + 7].to_vec();
    let verified = verify(&Snapshot::from_bytes(cut).expect("a pickle"), &|_| {}).expect("memory is read");
    assert_eq!((verified.behind_stop, verified.problems[0].at, verified.is_whole()), (7, index.stream.length, false));
}

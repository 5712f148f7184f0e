//! Compressed snapshots: they have the bytes of the uncompressed ones, are read in parts, and cannot lie.

use std::fs;
use std::io;

use super::seek_table::SeekTable;
use super::*;
use crate::pickle::format::emit;
use crate::pickle::passes::scan::scan_segment;
use crate::snapshot::index::{Index, SegmentRole, StoredBuffer, Variable};
use crate::snapshot::reader::{Contents, RangeReader, ReadError, Snapshot, WantedRange};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::signature::SigningKey;
use crate::snapshot::writer::SnapshotWriter;

type SeekableOutcome = Result<(), Box<dyn std::error::Error>>;

/// What a variable of a test holds.
enum Contained {
    /// An array of so many bytes, which compress well or not at all.
    Array(usize, bool),
    /// A string of so many bytes.
    Text(usize),
    /// An array that fails after it was written.
    Failed(usize),
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn write<T: SaveTarget>(out: T, values: &[Contained]) -> io::Result<(T, Index)> {
    let mut writer = SnapshotWriter::new(out, "__main__")?;
    let mut memo = emit::PRELUDE_MEMO;
    for (number, value) in values.iter().enumerate() {
        let at = writer.begin(&format!("v{number}"), SegmentRole::Variable)?;
        let (mut opcodes, mut buffers) = (Vec::new(), Vec::new());
        match value {
            Contained::Array(length, _) | Contained::Failed(length) => {
                let contents =
                    if matches!(value, Contained::Array(_, true)) { vec![7; *length] } else { noise(*length) };
                opcodes.push(0x96);
                opcodes.extend((*length as u64).to_le_bytes());
                writer.value(&opcodes)?;
                writer.buffer(&contents)?;
                buffers.push(StoredBuffer { offset: at + 9, length: *length as u64, writable: true });
                opcodes.extend(&contents);
            }
            Contained::Text(length) => {
                opcodes = [&b"X"[..], &(*length as u32).to_le_bytes(), &vec![b't'; *length], b"\x94"].concat();
                writer.value(&opcodes)?;
            }
        }
        if matches!(value, Contained::Failed(_)) {
            writer.discard()?;
            continue;
        }
        let facts = scan_segment(&opcodes, memo).map_err(io::Error::other)?;
        memo = facts.memo.1;
        writer.end(Variable::default(), facts, buffers)?;
    }
    let (out, index, _) = writer.finish(Index::default(), None)?;
    Ok((out, index))
}

fn compressed(values: &[Contained], level: i32) -> io::Result<Vec<u8>> {
    let (out, _) = write(SeekableTarget::new(Vec::new(), level), values)?;
    let (file, length) = out.finish::<Vec<u8>>()?;
    assert_eq!(file.len() as u64, length);
    Ok(file)
}

fn session() -> Vec<Contained> {
    vec![
        Contained::Array(100, true),
        Contained::Array(5 << 20, true),
        Contained::Text(10),
        Contained::Failed(3 << 20),
        Contained::Text(3 << 20),
        Contained::Array(2 << 20, false),
        Contained::Failed(10),
        Contained::Array(70_000, true),
        Contained::Text(400_000),
        Contained::Failed(800_000),
        Contained::Text(900_000),
    ]
}

fn lengths(file: &[u8]) -> Vec<u64> {
    let table = SeekTable::length(file.last_chunk().expect("a footer"), file.len() as u64).expect("a table");
    let table = SeekTable::decode(&file[file.len() - table as usize..], file.len() as u64).expect("a table");
    table.frames().iter().map(|frame| frame.data.end - frame.data.start).collect()
}

#[test]
fn a_compressed_snapshot_has_the_bytes_of_the_other() -> SeekableOutcome {
    let (plain, index) = write(Vec::new(), &session())?;
    for level in [-7, 1, 3, 19] {
        let file = compressed(&session(), level)?;
        assert!(zstd::stream::decode_all(file.as_slice())? == plain, "level {level}");
        assert!(file.len() < plain.len() / 3);
        let snapshot = Snapshot::from_bytes(file)?;
        let Contents::Own { index: found } = snapshot.contents() else { panic!("our own") };
        let hashes = |index: &Index| index.variables.iter().map(|it| it.blake3.clone()).collect::<Vec<_>>();
        assert_eq!(hashes(found), hashes(&index));
        snapshot.check(&|_| {})?;
    }
    assert_eq!(lengths(&compressed(&[], 3)?).len(), 3);
    Ok(())
}

#[test]
fn frames_are_cut_where_readers_begin() -> SeekableOutcome {
    let file = compressed(&session(), 3)?;
    let (_, index) = write(Vec::new(), &session())?;
    let lengths = lengths(&file);
    assert!(lengths.iter().all(|length| (1..=FRAME as u64).contains(length)));
    // The trailer is alone, so that a new signature changes one frame.
    assert_eq!(lengths.last(), Some(&96));
    let starts: Vec<u64> = lengths.iter().scan(0, |at, length| Some(std::mem::replace(at, *at + length))).collect();
    for buffer in index.variables.iter().flat_map(|variable| &variable.buffers).filter(|it| it.length > 65_536) {
        assert!(starts.contains(&buffer.offset) && starts.contains(&(buffer.offset + buffer.length)));
    }
    assert!(starts.contains(&index.stream.length));
    Ok(())
}

#[test]
fn a_small_part_needs_few_frames() -> SeekableOutcome {
    let file = compressed(&session(), 3)?;
    let opened = SeekableFile::open(PackedBytes::Memory(file.clone()), Strictness::Checked)?;
    let seekable = opened.map_err(|_| "not seekable")?;
    let (plain, index) = write(Vec::new(), &session())?;
    let text = index.variables.iter().find(|variable| variable.name == "v2").expect("a variable");
    let unit = seekable.unit(text.offset);
    assert!(unit.end - unit.start <= FRAME as u64 && unit.contains(&text.offset));
    let mut found = vec![0; text.length as usize];
    seekable.read(&mut [WantedRange { offset: text.offset, buffer: &mut found }])?;
    assert!(plain[text.offset as usize..].starts_with(&found));
    Ok(())
}

#[test]
fn ranges_of_any_place_are_read() -> SeekableOutcome {
    let (plain, _) = write(Vec::new(), &session())?;
    let opened = SeekableFile::open(PackedBytes::Memory(compressed(&session(), 1)?), Strictness::Checked)?;
    let seekable = opened.map_err(|_| "not seekable")?;
    assert_eq!(seekable.length(), plain.len() as u64);
    for start in (0..plain.len()).step_by(777_777) {
        for length in [1, 1000, FRAME, 3 * FRAME + 5] {
            let end = plain.len().min(start + length);
            let mut found = vec![0; end - start];
            seekable.read(&mut [WantedRange { offset: start as u64, buffer: &mut found }])?;
            assert!(found == plain[start..end]);
        }
    }
    let mut beyond = [0; 2];
    let end = plain.len() as u64 - 1;
    assert!(seekable.read(&mut [WantedRange { offset: end, buffer: &mut beyond }]).is_err());
    Ok(())
}

#[test]
fn a_target_can_be_read_and_written_again() -> SeekableOutcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("s.pkl");
    let file = crate::snapshot::atomic::AtomicFile::create(&path)?;
    let (mut out, _) = write(SeekableTarget::new(file, 3), &session())?;
    let plain = zstd::stream::decode_all(fs::File::open(out.read_path()?.expect("a path"))?)?;
    assert!(plain == write(Vec::new(), &session())?.0);
    // As a save does whose load failed.
    out.cut(0)?;
    let values = [Contained::Text(5), Contained::Array(2 << 20, true)];
    let (out, _) = write(out, &values)?;
    let (file, length) = out.finish::<crate::snapshot::atomic::AtomicFile>()?;
    file.commit()?;
    assert_eq!(fs::metadata(&path)?.len(), length);
    assert!(fs::read(&path)? == compressed(&values, 3)?);
    Ok(())
}

#[test]
fn a_new_signature_changes_the_last_frame_only() -> SeekableOutcome {
    let file = compressed(&session(), 3)?;
    let key = SigningKey::from_value(b"a passphrase of some length")?;
    let mut signed = Vec::new();
    assert!(Snapshot::from_bytes(file.clone())?.write_signed(&key, &mut signed)?);
    assert!(Snapshot::from_bytes(signed.clone())?.is_signed_by(&key));
    let plain = zstd::stream::decode_all(signed.as_slice())?;
    assert!(plain[..plain.len() - 96] == write(Vec::new(), &session())?.0[..plain.len() - 96]);
    let same = file.iter().zip(&signed).take_while(|(a, b)| a == b).count();
    assert!(same > file.len() - 400, "{same} of {}", file.len());
    Ok(())
}

/// A seek table for a file of other frames.
fn with_table(file: &[u8], change: impl FnOnce(&mut Vec<(u64, u64)>)) -> Vec<u8> {
    let table = SeekTable::length(file.last_chunk().expect("a footer"), file.len() as u64).expect("a table");
    let start = file.len() - table as usize;
    let table = SeekTable::decode(&file[start..], file.len() as u64).expect("a table");
    let mut lengths: Vec<(u64, u64)> =
        table.frames().iter().map(|it| (it.packed.end - it.packed.start, it.data.end - it.data.start)).collect();
    change(&mut lengths);
    let mut table = SeekTable::default();
    lengths.iter().for_each(|(packed, data)| table.push(*packed, *data).expect("short"));
    [&file[..start], &table.encode()].concat()
}

#[test]
fn a_seek_table_that_lies_changes_nothing() -> SeekableOutcome {
    let file = compressed(&session(), 3)?;
    let (plain, index) = write(Vec::new(), &session())?;
    let lies = [
        with_table(&file, |it| it.swap(0, 1)),
        with_table(&file, |it| it.truncate(3)),
        with_table(&file, |it| it[2].1 = 4_000_000_000),
        with_table(&file, |it| (it[1].0, it[2].0) = (it[1].0 - 3, it[2].0 + 3)),
        with_table(&file, |it| it.push((0, 7))),
        with_table(&file, |it| it.extend(vec![(0, 0); 100_000])),
    ];
    for file in lies {
        let opened = SeekableFile::open(PackedBytes::Memory(file.clone()), Strictness::Checked)?;
        assert!(opened.is_err());
        // It is a zstd file all the same.
        let snapshot = Snapshot::from_bytes(file)?;
        assert!(snapshot.bytes()? == &plain[..index.stream.length as usize]);
    }
    Ok(())
}

#[test]
fn a_damaged_frame_loses_its_variable() -> SeekableOutcome {
    let file = compressed(&session(), 3)?;
    let (_, index) = write(Vec::new(), &session())?;
    let lengths = lengths(&file);
    // The noise is stored as it is: its bytes are found in the file.
    let noise = noise(2 << 20);
    let at = file.windows(64).position(|window| window == &noise[1000..1064]).expect("stored as it is");
    let mut damaged = file.clone();
    damaged[at] ^= 1;
    let snapshot = Snapshot::from_bytes(damaged)?;
    let damage = snapshot.damage(&|_| {})?;
    assert_eq!(damage.damaged.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["v5"]);
    assert_eq!(damage.whole.len(), index.variables.len() - 1);
    assert!(lengths.len() > 10);
    Ok(())
}

#[test]
fn a_bit_flip_is_never_a_wrong_result() -> SeekableOutcome {
    let values =
        [Contained::Text(300), Contained::Array(70_000, false), Contained::Array(200_000, true), Contained::Text(50)];
    let file = compressed(&values, 3)?;
    let plain = write(Vec::new(), &values)?.0;
    let mut opened = 0;
    for number in 0..3_000 {
        let (mut changed, bit) = (file.clone(), number * 7919 % (file.len() * 8));
        changed[bit / 8] ^= 1 << (bit % 8);
        let found = || -> Result<Vec<u8>, ReadError> {
            let snapshot = Snapshot::from_bytes(changed)?;
            snapshot.check(&|_| {})?;
            match snapshot.contents() {
                Contents::Own { index } => snapshot.load_contents(index.variables.iter())?,
                Contents::Foreign { .. } => {}
            }
            Ok(snapshot.bytes()?.to_vec())
        };
        if let Ok(found) = found() {
            opened += 1;
            assert!(plain.starts_with(&found), "bit {bit}");
        }
    }
    // Flips in the seek table, and in fields that decoders ignore.
    assert!(opened > 0);
    Ok(())
}

#[test]
fn what_is_left_of_a_truncated_file_is_salvaged() -> SeekableOutcome {
    let file = compressed(&session(), 3)?;
    let cut = &file[..file.len() * 2 / 3];
    let error = Snapshot::from_bytes(cut.to_vec()).expect_err("truncated");
    assert!(matches!(error, ReadError::BadCompression { .. }), "{error}");
    let (snapshot, damage) = Snapshot::partial_from_bytes(cut, None)?;
    assert!(damage.is_some());
    assert!(snapshot.bytes()?.len() > 8 << 20);
    Ok(())
}

#[test]
fn names_beside_a_compressed_file_stay_names_of_one() {
    use crate::snapshot::file_names::beside;
    for (name, expected) in [
        ("a/session.pkl", "a/session.crash.pkl"),
        ("a/session.pkl.zst", "a/session.crash.pkl.zst"),
        ("a/session.ZST", "a/session.crash.pkl.ZST"),
        ("a/x.y.dill.zst", "a/x.y.crash.pkl.zst"),
        ("session", "session.crash.pkl"),
    ] {
        assert_eq!(beside(Path::new(name), "crash"), Path::new(expected));
    }
    assert_eq!(level_for(Path::new("a.pkl"), None), None);
    assert_eq!(level_for(Path::new("a.pkl.zst"), None), Some(USUAL_LEVEL));
    assert_eq!(level_for(Path::new("a.pkl.zst"), Some(-3)), Some(-3));
}

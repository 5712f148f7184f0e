//! Snapshots that go into a store and come out of it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::name_target::NameTarget;
use super::*;
use crate::pickle::passes::scan::{Scanner, SegmentFacts};
use crate::snapshot::file_changes::changes;
use crate::snapshot::index::{Index, SegmentRole, StoredBuffer, Variable};
use crate::snapshot::reader::{Contents, Memory, Snapshot, Wanted};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::signature::SigningKey;
use crate::snapshot::writer::SnapshotWriter;

type StoreOutcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A piece of a value: opcodes, or a raw buffer with its contents.
enum ValuePiece {
    Opcodes(Vec<u8>),
    Buffer(Vec<u8>),
}

use ValuePiece::{Buffer, Opcodes};

const SYNCED: SnapshotNotes<'_> = SnapshotNotes { name: None, message: None, failed: false, sync: true };

/// A variable, what its segment is for, and its value.
type Item = (&'static str, SegmentRole, Vec<ValuePiece>);

fn variable(name: &'static str, pieces: Vec<ValuePiece>) -> Item {
    (name, SegmentRole::Variable, pieces)
}

fn contents(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8 ^ seed).collect()
}

/// Pads as the pickler does.
fn padding(offset: u64) -> Vec<u8> {
    let gap = (offset + 9).next_multiple_of(64) - (offset + 9);
    let gap = if gap == 0 {
        return Vec::new();
    } else if gap < 3 {
        gap + 64
    } else {
        gap
    };
    [&[b'C', (gap - 3) as u8][..], &vec![0; gap as usize - 3], b"0"].concat()
}

/// Writes a session as a save does, and returns the target and the index.
fn write<T: SaveTarget>(out: T, items: &[Item], key: Option<&SigningKey>) -> io::Result<(T, Index)> {
    let mut writer = SnapshotWriter::new(out, "__main__")?;
    let mut scanner = Scanner::new(1);
    for (name, role, pieces) in items {
        let mut position = writer.begin(name, *role)?;
        let (mut value, mut buffers) = (Vec::new(), Vec::new());
        for piece in pieces {
            match piece {
                Opcodes(opcodes) => {
                    writer.value(opcodes)?;
                    value.extend_from_slice(opcodes);
                    position += opcodes.len() as u64;
                }
                Buffer(contents) => {
                    let length = contents.len() as u64;
                    let head = [&padding(position)[..], b"\x96", &length.to_le_bytes()].concat();
                    writer.value(&head)?;
                    writer.buffer(contents)?;
                    let offset = position + head.len() as u64;
                    buffers.push(StoredBuffer { offset, length, writable: true });
                    value.extend([&head[..], contents].concat());
                    position = offset + length;
                }
            }
        }
        let SegmentFacts { memo, takes, imports, has_code } = scanner.segment(&value).expect("opcodes");
        let described = Variable { name: (*name).to_owned(), preview: "…".to_owned(), ..Variable::default() };
        writer.end(described, SegmentFacts { memo, takes, imports, has_code }, buffers)?;
    }
    let index = Index { created: "2026".to_owned(), ..Index::default() };
    writer.finish(index, key).map(|(out, index, _)| (out, index))
}

/// A list in slot 1, strings, an array, a value that shares both, state of a module and of the interpreter.
fn session(number: u8, seed: u8) -> Vec<Item> {
    let many: Vec<u8> = (0..300).flat_map(|_| *b"]\x94").collect();
    vec![
        variable("xs", vec![Opcodes(b"]\x94(K\x01K\x02e".to_vec())]),
        variable("n", vec![Opcodes(vec![b'K', number])]),
        variable("many", vec![Opcodes([&b"]\x94("[..], &many, b"h\x05j\x03\x01\x00\x00e"].concat())]),
        variable(
            "a",
            vec![Opcodes(b"cnumpy\nf\n\x94(".to_vec()), Buffer(contents(70_001, seed)), Opcodes(b"\x94tR".to_vec())],
        ),
        variable("both", vec![Opcodes(b"]\x94(h\x01h\x00j\x31\x01\x00\x00h\x02e".to_vec())]),
        ("m.v", SegmentRole::ModuleItem, vec![Opcodes(b"]\x94h\x010".to_vec())]),
        ("frame[0].x", SegmentRole::FrameLocal, vec![Opcodes(b"]\x94(h\x01h\x05e".to_vec())]),
        ("random", SegmentRole::Ambient, vec![Opcodes(b"\x8c\x03[1]".to_vec())]),
    ]
}

fn save(store: &Path, items: &[Item]) -> StoreOutcome<StoredSnapshot> {
    let (target, _) = write(StoreTarget::create(store)?, items, None)?;
    Ok(target.commit(SYNCED)?)
}

fn exported(path: &Path) -> StoreOutcome<Vec<u8>> {
    let mut out = Vec::new();
    let length = Snapshot::open(path)?.write_as_file(&mut out, None, &|_| {})?;
    assert_eq!(length, out.len() as u64);
    Ok(out)
}

fn folder() -> StoreOutcome<(tempfile::TempDir, PathBuf)> {
    let root = tempfile::tempdir()?;
    let store = root.path().join("s");
    Ok((root, store))
}

/// The files of objects, with their lengths.
fn objects(store: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(store.join("objects")).expect("a folder").flatten();
    let facts = |entry: fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), entry.metadata().expect("a file").len())
    };
    let mut all: Vec<_> = entries.map(facts).collect();
    all.sort();
    all
}

#[test]
fn a_stored_snapshot_is_the_file_again() -> StoreOutcome {
    let (_root, store) = folder()?;
    let sessions = [session(1, 0), session(2, 0), session(1, 7), Vec::new(), session(1, 0)];
    for (number, items) in sessions.iter().enumerate() {
        let saved = save(&store, items)?;
        assert_eq!(saved.number, number as u64 + 1);
        let (file, _) = write(Vec::new(), items, None)?;
        let again = exported(&saved.address)?;
        assert!(again == file, "@{} has {} bytes and not {}", saved.number, again.len(), file.len());
        Snapshot::open(&saved.address)?.check(&|_| {})?;
    }
    // All of them are still what they were.
    for (number, items) in sessions.iter().enumerate() {
        assert!(exported(&store.join(format!("@{}", number + 1)))? == write(Vec::new(), items, None)?.0);
    }
    Ok(())
}

#[test]
fn only_what_changed_is_written() -> StoreOutcome {
    let (_root, store) = folder()?;
    save(&store, &session(1, 0))?;
    let before = objects(&store).len();
    let same = save(&store, &session(1, 0))?;
    assert!(same.changed == 0 && same.added < 1000, "{same:?}");
    let number = save(&store, &session(2, 0))?;
    assert!(number.changed == 1 && number.added < 1000, "{number:?}");
    // The variables after it have other slots and offsets now.
    let mut items = session(2, 0);
    items.insert(0, variable("new", vec![Opcodes(b"]\x94]\x94]\x9400".to_vec())]));
    items[5].2[0] = Opcodes(b"]\x94(h\x04h\x00j\x34\x01\x00\x00h\x05e".to_vec());
    items[6].2[0] = Opcodes(b"]\x94h\x040".to_vec());
    items[7].2[0] = Opcodes(b"]\x94(h\x04h\x08e".to_vec());
    items[3].2[0] = Opcodes(
        [&b"]\x94("[..], &(0..300).flat_map(|_| *b"]\x94").collect::<Vec<_>>(), b"h\x08j\x06\x01\x00\x00e"].concat(),
    );
    let moved = save(&store, &items)?;
    assert!(moved.changed == 1 && moved.added < 1000, "{moved:?}");
    assert!(exported(&moved.address)? == write(Vec::new(), &items, None)?.0);
    let array = save(&store, &session(2, 9))?;
    assert!(array.changed == 1 && (70_001..71_500).contains(&array.added), "{array:?}");
    assert!(objects(&store).len() < before + 10);
    Ok(())
}

#[test]
fn a_hundred_small_changes_stay_small() -> StoreOutcome {
    let (_root, store) = folder()?;
    for number in 0..100 {
        let saved = save(&store, &session(number, 0))?;
        assert!(number == 0 || saved.added < 1000, "{saved:?}");
    }
    for number in [1, 50, 99, 100] {
        let file = write(Vec::new(), &session(number - 1, 0), None)?.0;
        assert!(exported(&store.join(format!("@{number}")))? == file, "{number}");
    }
    Ok(())
}

#[test]
fn a_diff_reads_only_what_differs() -> StoreOutcome {
    let (_root, store) = folder()?;
    save(&store, &session(1, 0))?;
    save(&store, &session(2, 0))?;
    save(&store, &session(2, 3))?;
    let open = |number: u64| Snapshot::open(&store.join(format!("@{number}")));
    let changed = |a: u64, b: u64| -> StoreOutcome<Vec<String>> {
        let read = std::sync::atomic::AtomicU64::new(0);
        let count = |bytes| {
            let _ = read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        };
        let found = changes(&open(a)?, &open(b)?, &count).map_err(|(_, error)| error)?;
        let bytes = read.into_inner();
        assert_eq!(bytes > 70_000, a.max(b) == 3, "{bytes}");
        Ok(found.changes.into_iter().map(|change| change.name).collect())
    };
    assert_eq!(changed(1, 2)?, ["n"]);
    assert_eq!(changed(2, 3)?, ["a", "both"][..1]);
    assert_eq!(changed(1, 1)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn damaged_and_missing_objects_lose_their_variables_only() -> StoreOutcome {
    let (_root, store) = folder()?;
    let saved = save(&store, &session(1, 0))?;
    let (array, _) = objects(&store).into_iter().find(|(_, length)| *length == 70_001).ok_or("no array")?;
    let path = store.join("objects").join(array);
    let whole = fs::read(&path)?;
    let damaged = || -> StoreOutcome<Vec<String>> {
        let found = Snapshot::open(&saved.address)?.damage(&|_| {})?;
        Ok(found.damaged.into_iter().map(|(name, _)| name).collect())
    };
    assert!(damaged()?.is_empty());
    for bytes in [[&[1][..], &whole[1..]].concat(), whole[1..].to_vec()] {
        fs::write(&path, bytes)?;
        assert_eq!(damaged()?, ["a"]);
        assert!(exported(&saved.address).is_err());
    }
    fs::remove_file(&path)?;
    assert_eq!(damaged()?, ["a"]);
    fs::write(&path, whole)?;
    assert!(damaged()?.is_empty());
    // The first save has one pack, with all opcodes.
    let header = SnapshotHeader::decode(&fs::read(store.join("snapshots/00000001.snap"))?)?.0;
    let description = header.description.ok_or("no description")?.0.to_string();
    let is_pack = |(name, length): &(String, u64)| *length != 70_001 && *name != description;
    let (pack, _) = objects(&store).into_iter().find(is_pack).ok_or("no pack")?;
    fs::write(store.join("objects").join(pack), "nonsense")?;
    assert_eq!(damaged()?.len(), session(1, 0).len());
    Ok(())
}

#[test]
fn raw_buffers_are_read_into_memory_and_checked() -> StoreOutcome {
    let (_root, store) = folder()?;
    let saved = save(&store, &session(1, 0))?;
    let snapshot = Snapshot::open(&saved.address)?;
    let Contents::Own { index } = snapshot.contents() else { return Err("foreign".into()) };
    let array = index.variables.iter().find(|variable| variable.name == "a").ok_or("no array")?;
    let mut memory = vec![0; 70_001];
    let wanted = Wanted { variable: array, role: SegmentRole::Variable, memory: Memory::Filled(vec![&mut memory]) };
    let (damage, opcodes) = snapshot.fetch_opcodes(index, vec![wanted], &|_| {})?;
    assert!(damage.is_none() && memory == contents(70_001, 0));
    let (file, _) = write(Vec::new(), &session(1, 0), None)?;
    let head = array.offset as usize..array.buffers[0].offset as usize;
    assert!(opcodes.bytes()[head.clone()] == file[head]);
    assert_eq!(snapshot.buffer_files(array)?.iter().map(|(_, length)| *length).collect::<Vec<_>>(), [70_001]);
    Ok(())
}

#[test]
fn two_writers_get_numbers_of_their_own() -> StoreOutcome {
    let (_root, store) = folder()?;
    let (one, two) = (StoreTarget::create(&store)?, StoreTarget::create(&store)?);
    let (one, _) = write(one, &session(1, 0), None)?;
    let (two, _) = write(two, &session(2, 0), None)?;
    let two = two.commit(SnapshotNotes { name: Some("second"), message: Some("text"), ..SYNCED })?;
    let one = one.commit(SYNCED)?;
    assert_eq!((two.number, one.number), (1, 2));
    assert!(exported(&store.join("@second"))? == write(Vec::new(), &session(2, 0), None)?.0);
    assert!(exported(&store.join("@2"))? == write(Vec::new(), &session(1, 0), None)?.0);
    Ok(())
}

#[test]
fn a_save_that_is_not_complete_leaves_nothing_to_read() -> StoreOutcome {
    let (_root, store) = folder()?;
    save(&store, &session(1, 0))?;
    let before = objects(&store);
    let (mut target, _) = write(StoreTarget::create(&store)?, &session(2, 5), None)?;
    // A check of the save reads it before it is complete.
    let path = target.read_path()?.ok_or("no path")?;
    let mut out = Vec::new();
    Snapshot::open(&path)?.write_as_file(&mut out, None, &|_| {})?;
    assert!(out == write(Vec::new(), &session(2, 5), None)?.0);
    drop(target);
    assert!(!path.exists() && Store::open(&store)?.numbers()? == [1]);
    assert!(objects(&store).len() > before.len());
    drop(write(StoreTarget::create(&store)?, &session(3, 8), None)?);
    assert_eq!(fs::read_dir(store.join("objects"))?.count(), objects(&store).len());
    Ok(())
}

#[test]
fn segments_that_are_discarded_leave_no_trace() -> StoreOutcome {
    let (_root, store) = folder()?;
    let mut writer = SnapshotWriter::new(StoreTarget::create(&store)?, "__main__")?;
    writer.segment(Variable { name: "a".to_owned(), ..Variable::default() }, b"]\x94")?;
    writer.begin("bad", SegmentRole::Variable)?;
    writer.value(b"]\x94\x96\x01\0\0\0\0\0\0\0")?;
    writer.buffer(&contents(80_000, 1))?;
    writer.discard()?;
    writer.begin("bad", SegmentRole::Variable)?;
    writer.value(b"]\x94")?;
    writer.discard()?;
    writer.segment(Variable { name: "b".to_owned(), ..Variable::default() }, b"h\x01")?;
    let (target, ..) = writer.finish(Index::default(), None)?;
    let saved = target.commit(SnapshotNotes::default())?;
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__")?;
    for (name, value) in [("a", &b"]\x94"[..]), ("b", b"h\x01")] {
        writer.segment(Variable { name: name.to_owned(), ..Variable::default() }, value)?;
    }
    assert!(exported(&saved.address)? == writer.finish(Index::default(), None)?.0);
    Ok(())
}

#[test]
fn a_file_that_is_taken_into_a_store_comes_out_again() -> StoreOutcome {
    let (root, store) = folder()?;
    let (file, _) = write(Vec::new(), &session(4, 4), None)?;
    let path = root.path().join("session.pkl");
    fs::write(&path, &file)?;
    let mut target = StoreTarget::create(&store)?;
    import(&Snapshot::open(&path)?, &mut target, None)?;
    let saved = target.commit(SYNCED)?;
    assert!(exported(&saved.address)? == file);
    let as_saved = save(&store, &session(4, 4))?;
    assert_eq!(as_saved.changed, 0);
    // A stored snapshot can be taken into another store.
    let mut target = StoreTarget::create(&root.path().join("other"))?;
    let stored = Snapshot::open(&saved.address)?;
    stored.check(&|_| {})?;
    import(&stored, &mut target, None)?;
    assert!(exported(&target.commit(SYNCED)?.address)? == file);
    Ok(())
}

#[test]
fn signatures_cover_a_snapshot_with_its_number() -> StoreOutcome {
    let (_root, store) = folder()?;
    let (key, other) = (SigningKey::from_value(&[b'a'; 64])?, SigningKey::from_value(&[b'b'; 64])?);
    let (target, _) = write(StoreTarget::create(&store)?, &session(1, 0), Some(&key))?;
    let signed = target.commit(SYNCED)?;
    let snapshot = Snapshot::open(&signed.address)?;
    assert!(snapshot.is_signed() && snapshot.is_signed_by(&key) && !snapshot.is_signed_by(&other));
    let unsigned = save(&store, &session(2, 0))?;
    let snapshot = Snapshot::open(&unsigned.address)?;
    assert!(!snapshot.is_signed() && !snapshot.is_signed_by(&key));
    assert!(snapshot.sign_stored(&key)? && Snapshot::open(&unsigned.address)?.is_signed_by(&key));
    // An older snapshot is not taken for a newer one.
    let files = store.join("snapshots");
    fs::copy(files.join("00000001.snap"), files.join("00000002.snap"))?;
    let error = Snapshot::open(&unsigned.address).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("its file is that of @1"), "{error}");
    Ok(())
}

#[test]
fn every_changed_byte_of_a_store_is_noticed_or_harmless() -> StoreOutcome {
    let (_root, store) = folder()?;
    save(&store, &session(1, 0))?;
    let saved = save(&store, &session(2, 0))?;
    let file = write(Vec::new(), &session(2, 0), None)?.0;
    let folders = ["objects", "snapshots"].map(|folder| store.join(folder));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder").flatten());
    for path in entries.map(|entry| entry.path()) {
        let whole = fs::read(&path)?;
        for at in (0..whole.len()).step_by(1 + whole.len() / 200) {
            let mut changed = whole.clone();
            changed[at] ^= 0x21;
            fs::write(&path, &changed)?;
            // What is read is what was saved, or an error.
            if let Ok(found) = exported(&saved.address) {
                assert!(found == file, "{} at {at}", path.display());
            }
        }
        fs::write(&path, &whole)?;
    }
    assert!(exported(&saved.address)? == file);
    Ok(())
}

fn keep_last(number: u64) -> PruneRules {
    PruneRules { keep_last: Some(number), ..PruneRules::default() }
}

#[test]
fn a_prune_keeps_what_snapshots_need() -> StoreOutcome {
    let (_root, store) = folder()?;
    for number in 0..6 {
        save(&store, &session(number, number / 3))?;
    }
    let opened = Store::open(&store)?;
    opened.set_name("first", NameTarget { number: 1, manifest: None }, true)?;
    fs::write(store.join("objects").join(".new-left"), "by a dead process")?;
    fs::write(store.join("objects").join("a".repeat(64)), "unneeded")?;
    let bytes = |store: &Path| objects(store).iter().map(|(_, length)| length).sum::<u64>();
    let dry = prune(&opened, PruneRules { dry_run: true, keep_named: true, ..keep_last(2) }, &mut || {})?;
    let before = bytes(&store);
    let pruned = prune(&opened, PruneRules { keep_named: true, ..keep_last(2) }, &mut || {})?;
    assert_eq!((&pruned, &pruned.removed, &pruned.kept), (&dry, &vec![2, 3, 4], &vec![1, 5, 6]));
    assert!(pruned.objects >= 2 && before - bytes(&store) < pruned.bytes, "{pruned:?}");
    for number in [1, 5, 6] {
        let items = session(number - 1, (number - 1) / 3);
        assert!(exported(&store.join(format!("@{number}")))? == write(Vec::new(), &items, None)?.0, "{number}");
    }
    assert!(check(&opened, &|_| {})?.is_whole() && check(&opened, &|_| {})?.unneeded == 0);
    // The next save builds on what is left.
    assert!(save(&store, &session(6, 1))?.added < 1000);
    let last = prune(&opened, keep_last(1), &mut || {})?;
    assert_eq!((last.kept, opened.names()?), (vec![7], Vec::new()));
    assert!(exported(&store.join("@7"))? == write(Vec::new(), &session(6, 1), None)?.0);
    assert_eq!(prune(&opened, PruneRules::default(), &mut || {})?.objects, 0);
    Ok(())
}

#[test]
fn a_prune_removes_nothing_if_it_cannot_know_what_is_needed() -> StoreOutcome {
    let (_root, store) = folder()?;
    save(&store, &session(1, 0))?;
    save(&store, &session(2, 1))?;
    let path = store.join("snapshots/00000001.snap");
    fs::write(&path, "damaged")?;
    let (opened, before) = (Store::open(&store)?, objects(&store));
    let error = prune(&opened, PruneRules::default(), &mut || {}).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("snapshot @1")));
    assert_eq!(objects(&store), before);
    assert!(check(&opened, &|_| {})?.snapshots[0].1[0].contains("what it needs is not known"));
    // Without it, the rest is known.
    assert_eq!(prune(&opened, keep_last(1), &mut || {})?.removed, [1]);
    assert!(check(&opened, &|_| {})?.is_whole());
    Ok(())
}

#[test]
fn saves_and_prunes_at_the_same_time_lose_nothing() -> StoreOutcome {
    let (_root, store) = folder()?;
    save(&store, &session(0, 0))?;
    std::thread::scope(|scope| -> StoreOutcome {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..8 {
                        let items = session(writer * 10 + round, round / 2);
                        let saved = save(store, &items).map_err(|error| error.to_string())?;
                        // Another writer may have pruned it by now, if many saves came after it.
                        let again = exported(&saved.address).map_err(|error| error.to_string());
                        let expected = write(Vec::new(), &items, None).map_err(|error| error.to_string())?.0;
                        if again.as_ref().is_ok_and(|again| *again != expected) {
                            return Err(format!("@{} is another one", saved.number));
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let opened = Store::open(&store)?;
        for _ in 0..20 {
            prune(&opened, keep_last(3), &mut || {})?;
            let left = opened.numbers()?;
            let newest = left.last().copied().unwrap_or_default();
            exported(&store.join(format!("@{newest}")))?;
        }
        for writer in writers {
            writer.join().map_err(|_| "a writer panicked")??;
        }
        Ok(())
    })?;
    assert!(check(&Store::open(&store)?, &|_| {})?.is_whole());
    Ok(())
}

#[test]
fn contents_are_there_whenever_they_are_asked_for() -> StoreOutcome {
    let (_root, store) = folder()?;
    let saved = save(&store, &session(1, 0))?;
    let snapshot = Snapshot::open(&saved.address)?;
    let Contents::Own { index } = snapshot.contents() else { return Err("foreign".into()) };
    let (file, _) = write(Vec::new(), &session(1, 0), None)?;
    let pickle = &file[..index.stream.length as usize];
    let before = snapshot.bytes()?;
    assert!(before != pickle && before.len() == pickle.len());
    snapshot.load_contents(index.variables.iter())?;
    assert!(snapshot.bytes()? == pickle && before != pickle);
    Ok(())
}

#[test]
fn a_prune_waits_for_a_reader() -> StoreOutcome {
    let (_root, store) = folder()?;
    let first = save(&store, &session(1, 0))?;
    save(&store, &session(2, 1))?;
    let snapshot = Snapshot::open(&first.address)?;
    let held = snapshot.hold()?;
    let (waits, has_waited) = std::sync::mpsc::channel();
    std::thread::scope(|scope| -> StoreOutcome {
        let pruning = scope.spawn(|| {
            let opened = Store::open(&store)?;
            let mut tell = || waits.send(()).unwrap_or_default();
            prune(&opened, keep_last(1), &mut tell)
        });
        has_waited.recv()?;
        snapshot.check(&|_| {})?;
        drop(held);
        assert_eq!(pruning.join().map_err(|_| "the prune panicked")??.removed, [1]);
        Ok(())
    })?;
    let gone = snapshot.hold().map_err(|error| error.to_string());
    assert!(gone.is_err_and(|error| error.contains("was removed in the meantime")));
    Ok(())
}

//! A file of which only ranges are read: each answer is the same as for the whole file, and reads no more than
//! necessary.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::pickle::passes::scan::scan_segment;
use crate::pickle::samples;
use crate::pickle::verdict::VerdictClass;
use crate::snapshot::file_changes::changes;
use crate::snapshot::index::{SegmentRole, StoredBuffer};
use crate::snapshot::needed_opcodes::bytes_for;
use crate::snapshot::verification::{problem_of_names, verify};
use crate::snapshot::writer::SnapshotWriter;

type RangedOutcome = Result<(), Box<dyn std::error::Error>>;

/// The contents of the raw buffer of each array, in bytes.
const LARGE: usize = 3 << 20;
/// The length of the opcodes of `text`.
const TEXT: usize = 1 << 20;

/// The bytes that were read of a file.
#[derive(Debug, Default)]
struct Meter {
    bytes: AtomicU64,
    calls: AtomicU64,
}

impl Meter {
    /// The bytes that were read since the last call.
    fn take(&self) -> u64 {
        self.calls.store(0, Ordering::Relaxed);
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

/// Reads from memory, and counts. It cannot read across a damaged range.
#[derive(Debug)]
struct CountingReader {
    bytes: Vec<u8>,
    damaged: Option<Range<u64>>,
    is_short: bool,
    meter: Arc<Meter>,
}

impl RangeReader for CountingReader {
    fn length(&self) -> u64 {
        self.bytes.len() as u64 + u64::from(self.is_short)
    }

    fn read(&self, wanted: &mut [WantedRange<'_>]) -> io::Result<()> {
        self.meter.calls.fetch_add(1, Ordering::Relaxed);
        let mut end = 0;
        for WantedRange { offset, buffer } in wanted {
            assert!(*offset >= end, "ascending");
            end = *offset + buffer.len() as u64;
            if self.damaged.as_ref().is_some_and(|damaged| *offset < damaged.end && damaged.start < end) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "damaged"));
            }
            let found = self.bytes.get(*offset as usize..end as usize);
            buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            self.meter.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn unit(&self, offset: u64) -> Range<u64> {
        let Some(Range { start, end }) = self.damaged.clone() else { return 0..self.length() };
        let ends = [start, end, self.length()];
        0..ends.into_iter().find(|end| *end > offset).unwrap_or(0)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn parallel_reads(&self) -> Option<usize> {
        Some(4)
    }

    fn piece(&self) -> usize {
        1 << 19
    }

    fn why_not_mapped(&self) -> &'static str {
        "is in a test"
    }
}

/// A session of two arrays, a long string, a number, and a list that has the string in it.
fn session(number: u8) -> Result<Vec<u8>, io::Error> {
    let text = [&b"X"[..], &(TEXT as u32).to_le_bytes(), &vec![b't'; TEXT], b"\x94"].concat();
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__")?;
    let mut memo = emit::PRELUDE_MEMO;
    for name in ["a", "b", "text", "n", "list"] {
        let at = writer.begin(name, SegmentRole::Variable)?;
        let (mut value, mut buffers) = (Vec::new(), Vec::new());
        match name {
            "a" | "b" => {
                value.extend_from_slice(b"\x96");
                value.extend_from_slice(&(LARGE as u64).to_le_bytes());
                writer.value(&value)?;
                buffers.push(StoredBuffer { offset: at + 9, length: LARGE as u64, writable: true });
                writer.buffer(&vec![name.as_bytes()[0]; LARGE])?;
                value.resize(value.len() + LARGE, name.as_bytes()[0]);
            }
            "text" => value.extend_from_slice(&text),
            "n" => value.extend_from_slice(&[b'K', number]),
            _ => value.extend_from_slice(b"]\x94h\x01a"),
        }
        if buffers.is_empty() {
            writer.value(&value)?;
        }
        let facts = scan_segment(&value, memo).map_err(io::Error::other)?;
        memo = facts.memo.1;
        writer.end(Variable::default(), facts, buffers)?;
    }
    Ok(writer.finish(Index::default(), None)?.0)
}

fn open(bytes: Vec<u8>, damaged: Option<Range<u64>>) -> Result<(Snapshot, Arc<Meter>), ReadError> {
    let meter = Arc::new(Meter::default());
    let reader = CountingReader { bytes, damaged, is_short: false, meter: Arc::clone(&meter) };
    Snapshot::from_ranges(Box::new(reader)).map(|snapshot| (snapshot, meter))
}

fn index(snapshot: &Snapshot) -> &Index {
    let Contents::Own { index } = snapshot.contents() else { panic!("our own") };
    index
}

fn variable<'s>(snapshot: &'s Snapshot, name: &str) -> &'s Variable {
    index(snapshot).variables.iter().find(|variable| variable.name == name).expect("a variable")
}

#[test]
fn opening_and_names_read_neither_contents_nor_long_values() -> RangedOutcome {
    let (snapshot, meter) = open(session(1)?, None)?;
    assert!(meter.take() < 8 << 10);
    assert_eq!(problem_of_names(&snapshot)?, None);
    assert!(meter.take() < 1 << 10);
    // The verdict, which was not asked for, would read the long string.
    assert_eq!((snapshot.verdict(false)?, meter.take()), (None, 0));
    assert_eq!(snapshot.verdict(true)?.map(|verdict| verdict.class), Some(VerdictClass::Plain));
    assert!((TEXT as u64..TEXT as u64 + 4096).contains(&meter.take()));
    Ok(())
}

#[test]
fn a_load_reads_the_wanted_variables_and_those_that_they_share_objects_with() -> RangedOutcome {
    for guarded in [false, true] {
        for (name, least, most) in [("n", 0, 256), ("list", TEXT, TEXT + 512), ("a", 0, 256)] {
            let bytes = session(1)?;
            let (snapshot, meter) = open(bytes.clone(), None)?;
            let segments = VariableSegment::all(index(&snapshot))?;
            meter.take();
            let wanted = segments.iter().map(|segment| segment.variable().name == name);
            let found = bytes_for(&snapshot, &segments, wanted, guarded)?;
            let read = meter.take();
            assert!((least as u64..most as u64).contains(&read), "{name}: {read}");
            let range = variable(&snapshot, name).offset as usize..;
            assert_eq!(found.get(range.clone()).map(|it| &it[..4]), bytes.get(range).map(|it| &it[..4]), "{name}");
        }
    }
    Ok(())
}

#[test]
fn a_file_that_is_not_trusted_cannot_hide_what_it_shares() -> RangedOutcome {
    let bytes = session(1)?;
    let (snapshot, _) = open(bytes.clone(), None)?;
    let mut lying = index(&snapshot).clone();
    lying.variables.iter_mut().for_each(|variable| variable.uses.clear());
    let segments = VariableSegment::all(&lying)?;
    let wanted = || segments.iter().map(|segment| segment.variable().name == "list");
    let text = variable(&snapshot, "text").offset as usize;
    assert_eq!(bytes_for(&snapshot, &segments, wanted(), false)?.get(text), Some(&0));
    assert_eq!(bytes_for(&snapshot, &segments, wanted(), true)?.get(text), bytes.get(text));
    Ok(())
}

#[test]
fn a_check_reads_everything_once_and_a_fetch_what_is_wanted() -> RangedOutcome {
    let bytes = session(1)?;
    let (snapshot, meter) = open(bytes.clone(), None)?;
    meter.take();
    assert!(verify(&snapshot, &|_| {})?.is_whole());
    let read = meter.take();
    assert!((2 * LARGE + TEXT..bytes.len() + 4096).contains(&(read as usize)), "{read}");
    let (snapshot, meter) = open(bytes, None)?;
    meter.take();
    let mut memory = vec![0; LARGE];
    let a = Wanted {
        variable: variable(&snapshot, "a"),
        role: SegmentRole::Variable,
        memory: Memory::Filled(vec![&mut memory]),
    };
    let b = Wanted { variable: variable(&snapshot, "b"), role: SegmentRole::Variable, memory: Memory::Mapped };
    let (damage, image) = snapshot.fetch_opcodes(index(&snapshot), vec![a, b], &|_| {})?;
    assert!(damage.is_none() && image.bytes().len() as u64 == snapshot.stream_len());
    let read = meter.take();
    assert!((LARGE..LARGE + 1024).contains(&(read as usize)), "{read}");
    assert!(memory.iter().all(|byte| *byte == b'a'));
    Ok(())
}

#[test]
fn a_comparison_reads_what_differs() -> RangedOutcome {
    let (before, first) = open(session(1)?, None)?;
    let (after, second) = open(session(2)?, None)?;
    let found = changes(&before, &after, &|_| {}).map_err(|(_, error)| error)?;
    assert_eq!(found.changes.iter().map(|change| change.name.as_str()).collect::<Vec<_>>(), ["n"]);
    // The facts that are shown of files which this user did not sign are proven by their opcodes. No array is read.
    assert!(first.take() + second.take() < 2 * TEXT as u64 + (32 << 10));
    Ok(())
}

#[test]
fn a_trace_loads_its_variable_alone_and_earlier_bytes_stay() -> RangedOutcome {
    let bytes = session(1)?;
    let (snapshot, meter) = open(bytes.clone(), None)?;
    meter.take();
    assert_eq!(snapshot.trace("a")?.map(|tree| tree.label).as_deref(), Some("a: bytearray (3145728)"));
    assert!((LARGE as u64..LARGE as u64 + 1024).contains(&meter.take()));
    let held = snapshot.bytes()?;
    snapshot.load_contents(index(&snapshot).variables.iter())?;
    assert!(held == snapshot.bytes()? && held == &bytes[..held.len()]);
    Ok(())
}

#[test]
fn other_pickles_are_loaded_as_a_whole() -> RangedOutcome {
    for pickle in samples::all() {
        let (snapshot, meter) = open(pickle.to_vec(), None)?;
        let snapshot = snapshot.judged()?;
        assert_eq!(snapshot.bytes()?, pickle);
        assert!(meter.take() <= pickle.len() as u64 + 256);
        snapshot.check(&|_| {})?;
    }
    Ok(())
}

#[test]
fn bytes_that_cannot_be_read_lose_their_variables_only() -> RangedOutcome {
    let bytes = session(1)?;
    let offset = |name: &str| -> Result<Range<u64>, ReadError> {
        let (snapshot, _) = open(session(1)?, None)?;
        let Variable { offset, length, .. } = *variable(&snapshot, name);
        Ok(offset..offset + length)
    };
    // In the contents of an array, in opcodes that are loaded in a batch with others, and over a whole variable.
    let a = offset("a")?;
    let text = offset("text")?;
    for (damaged, name) in
        [(a.end - 9..a.end - 8, "a"), (text.start + 70_000..text.start + 70_001, "text"), (offset("n")?, "n")]
    {
        let (snapshot, _) = open(bytes.clone(), Some(damaged))?;
        let damage = snapshot.damage(&|_| {})?;
        let names: Vec<&str> = damage.damaged.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, damage.outside), (vec![name], false));
        let verified = verify(&snapshot, &|_| {})?;
        assert!(
            verified.variables.iter().all(|it| it.whole == Some(it.name != name && it.shares_with.is_none())),
            "{name}: {:?}",
            verified.variables
        );
        assert_eq!(problem_of_names(&snapshot)?, None);
    }
    // Index and trailer must be there, and every byte of another program's pickle.
    assert!(open(bytes.clone(), Some(bytes.len() as u64 - 1..bytes.len() as u64)).is_err());
    let pickle = samples::SESSION.to_vec();
    for at in [5, pickle.len() as u64 - 200] {
        assert!(open(pickle.clone(), Some(at..at + 1)).and_then(|(snapshot, _)| snapshot.followed()).is_err());
    }
    Ok(())
}

#[test]
fn a_file_that_became_shorter_is_an_error() -> RangedOutcome {
    let (bytes, meter) = (session(1)?, Arc::default());
    let reader = CountingReader { bytes, damaged: None, is_short: true, meter };
    assert!(matches!(Snapshot::from_ranges(Box::new(reader)), Err(ReadError::Io(_))));
    Ok(())
}

static STOPPED: AtomicBool = AtomicBool::new(false);

#[test]
fn a_stop_ends_every_read() -> RangedOutcome {
    fn check() -> io::Result<()> {
        if STOPPED.load(Ordering::Relaxed) { Err(io::Error::other("stopped")) } else { Ok(()) }
    }
    let (snapshot, meter) = open(session(1)?, None)?;
    let snapshot = snapshot.stopped_by(check);
    assert_eq!(problem_of_names(&snapshot)?, None);
    STOPPED.store(true, Ordering::Relaxed);
    meter.take();
    assert!(snapshot.check(&|_| {}).is_err() && snapshot.bytes().is_err());
    assert!(snapshot.load_contents(index(&snapshot).variables.iter()).is_err());
    assert_eq!(meter.take(), 0);
    Ok(())
}

#[test]
fn threads_may_load_and_read_at_the_same_time() -> RangedOutcome {
    let bytes = session(1)?;
    let (snapshot, _) = open(bytes.clone(), None)?;
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (snapshot, failed, bytes) = (&snapshot, &failed, &bytes);
            scope.spawn(move || {
                let names = ["a", "b", "text", "n", "list"];
                let name = names[number % names.len()];
                let Variable { offset, length, .. } = *variable(snapshot, name);
                let range = offset as usize..(offset + length) as usize;
                let is_same = snapshot.load_contents(std::iter::once(variable(snapshot, name))).is_ok()
                    && snapshot.segment(variable(snapshot, name)).is_ok_and(|found| found == &bytes[range]);
                if !is_same || snapshot.damage(&|_| {}).is_ok_and(|damage| !damage.is_none()) {
                    failed.lock().expect("no thread panics").push(name);
                }
            });
        }
    });
    assert!(failed.into_inner()?.is_empty());
    Ok(())
}

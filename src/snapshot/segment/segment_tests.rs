//! The security check judges the same opcodes that the loader feeds, and ranges of a hostile index are errors.

use super::*;
use crate::pickle::format::emit;
use crate::pickle::passes::scan::scan_segment;
use crate::snapshot::index::Index;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::requirements::{LoadInput, of_loads};
use crate::snapshot::writer::SnapshotWriter;

/// Opcodes or a raw buffer: its contents, and whether it is writable.
enum ValuePart {
    Opcodes(&'static [u8]),
    StoredBuffer(Vec<u8>, bool),
}

use ValuePart::{Opcodes, StoredBuffer as Raw};

/// A file with these variables.
fn file(variables: &[(String, Vec<ValuePart>)]) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").expect("a vector takes all");
    let mut memo = emit::PRELUDE_MEMO;
    for (name, parts) in variables {
        let mut offset = writer.begin(name, SegmentRole::Variable).expect("opcodes");
        let (mut value, mut buffers) = (Vec::new(), Vec::new());
        for part in parts {
            let (opcodes, contents) = match part {
                Opcodes(opcodes) => (opcodes.to_vec(), None),
                Raw(contents, writable) => (header(contents, *writable), Some((contents, *writable))),
            };
            writer.value(&opcodes).expect("opcodes");
            offset += opcodes.len() as u64;
            value.extend(opcodes);
            if let Some((contents, writable)) = contents {
                let length = contents.len() as u64;
                buffers.push(StoredBuffer { offset, length, writable });
                writer.buffer(contents).expect("a vector takes all");
                offset += length;
                value.extend(contents);
            }
        }
        let facts = scan_segment(&value, memo).expect("opcodes");
        memo = facts.memo.1;
        writer.end(Variable::default(), facts, buffers).expect("opcodes");
    }
    writer.finish(Index::default(), None).expect("a vector takes all").0
}

fn header(contents: &[u8], writable: bool) -> Vec<u8> {
    let opcode = if writable { Opcode::ByteArray8 } else { Opcode::BinBytes8 };
    [&[opcode as u8], &(contents.len() as u64).to_le_bytes()[..]].concat()
}

/// The input of the unpickler for a value.
fn expected(parts: &[ValuePart]) -> Vec<u8> {
    let opcodes = |part: &ValuePart| match part {
        Opcodes(opcodes) => opcodes.to_vec(),
        Raw(_, true) => b"\x97".to_vec(),
        Raw(_, false) => b"\x97\x98".to_vec(),
    };
    parts.iter().flat_map(opcodes).collect()
}

fn index(snapshot: &Snapshot) -> &Index {
    match snapshot.contents() {
        crate::snapshot::reader::Contents::Own { index } => index,
        crate::snapshot::reader::Contents::Foreign { .. } => panic!("a snapshot"),
    }
}

/// The bytes that a load reads, between PROTO and STOP.
fn read(input: UnpicklerInput, file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in input.into_pickle() {
        match piece {
            InputPiece::Opcodes(opcodes) => bytes.extend(opcodes),
            InputPiece::File(range) => bytes.extend(&file[range]),
        }
    }
    let bytes = bytes.strip_prefix(b"\x80\x05").expect("PROTO");
    let bytes = bytes.strip_suffix(b".").expect("STOP");
    let is_frame = bytes.first() == Some(&0x95);
    if is_frame {
        assert_eq!(bytes[1..9], (bytes.len() as u64 - 9).to_le_bytes(), "the frame is the whole value");
    }
    bytes[if is_frame { 9 } else { 0 }..].to_vec()
}

/// The inputs of all loads, as the loader makes them.
fn loads<'v>(segments: &[&VariableSegment<'v>], file: &[u8]) -> Vec<Vec<u8>> {
    let (mut sequence, module_slot) = LoadSequence::start(true);
    let mut loads = vec![read(module_slot, file)];
    for segment in segments {
        loads.extend(sequence.inputs(segment, &Load::Whole).into_iter().map(|input| read(input, file)));
        sequence.filled_by(segment.variable());
    }
    loads
}

fn whole<'s, 'v>(segments: &[&'s VariableSegment<'v>]) -> Vec<(&'s VariableSegment<'v>, &'static Load)> {
    segments.iter().map(|segment| (*segment, &Load::Whole)).collect()
}

fn variables() -> Vec<(String, Vec<ValuePart>)> {
    let long = |length: usize| "n".repeat(length);
    vec![
        (long(1), vec![Opcodes(b"]\x94(K\x01K\x02e")]),
        (long(255), vec![Opcodes(b"\x8c\x01a\x94"), Raw(vec![7; 100], true), Opcodes(b"\x86\x94")]),
        ("é".repeat(128), vec![Raw(vec![8; 100], false)]),
        (long(256), vec![Opcodes(b"("), Raw(vec![1], true), Raw(vec![], false), Raw(vec![2; 9], false), Opcodes(b"t")]),
        (long(70_000), vec![Opcodes(b"h\x01h\x02\x86\x94")]),
    ]
}

#[test]
fn the_judged_opcodes_are_the_loaded_opcodes() -> Result<(), ReadError> {
    let variables = variables();
    let snapshot = Snapshot::from_bytes(file(&variables))?;
    let (index, bytes) = (index(&snapshot), snapshot.bytes()?);
    let segments: Vec<_> = index.variables.iter().map(VariableSegment::new).collect::<Result<_, _>>()?;
    for (segment, (name, parts)) in segments.iter().zip(&variables) {
        assert_eq!(read(segment.input(), bytes), expected(parts), "{} bytes of name", name.len());
    }
    // Every choice of variables to load and to skip.
    for choice in 0..1_u32 << segments.len() {
        let chosen: Vec<_> =
            segments.iter().enumerate().filter(|(bit, _)| choice & 1 << bit != 0).map(|(_, segment)| segment).collect();
        let input = LoadInput::of_loads(&snapshot, &whole(&chosen))?;
        assert_eq!(input.pickle(), loads(&chosen, bytes).concat(), "choice {choice:b}");
    }
    Ok(())
}

#[test]
fn skipped_variables_fill_their_memo_slots() -> Result<(), ReadError> {
    let snapshot = Snapshot::from_bytes(file(&variables()))?;
    let segments: Vec<_> = index(&snapshot).variables.iter().map(VariableSegment::new).collect::<Result<_, _>>()?;
    let loads = loads(&[&segments[1], &segments[4]], snapshot.bytes()?);
    // Slot 0 is the module, slot 1 the list of the first variable, slots 2 and 3 those of the second.
    let value = expected(&variables()[1].1);
    assert_eq!(loads, [b"N\x94".to_vec(), b"N\x94".to_vec(), value, b"h\x01h\x02\x86\x94".to_vec()]);
    assert_eq!(read(LoadSequence::start(false).1, &[]), b"\x97\x94");
    assert_eq!(read(UnpicklerInput::filled_slots(2), &[]), b"\x97\x940\x97\x940N");
    Ok(())
}

#[test]
fn parts_and_opcode_ranges_cover_the_segment() -> Result<(), ReadError> {
    let snapshot = Snapshot::from_bytes(file(&variables()))?;
    let bytes = snapshot.bytes()?;
    for variable in &index(&snapshot).variables {
        let segment = VariableSegment::new(variable)?;
        let (mut all, mut contents) = (Vec::new(), Vec::new());
        for part in segment.parts() {
            match part {
                SegmentPart::Opcodes(range) => all.extend(range),
                SegmentPart::Contents(range) => {
                    contents.push(range.clone());
                    all.extend(range);
                }
            }
        }
        let range = segment.range();
        assert_eq!(all, (range.start as usize..range.end as usize).collect::<Vec<_>>());
        assert_eq!(contents, segment.contents().collect::<Vec<_>>());
        let mut hasher = blake3::Hasher::new();
        for range in segment.opcode_ranges() {
            hasher.update(&bytes[range.start as usize..range.end as usize]);
        }
        if !variable.buffers.is_empty() {
            assert_eq!(hasher.finalize().to_hex().as_str(), variable.opcodes);
        }
    }
    Ok(())
}

#[test]
fn hostile_ranges_are_errors() {
    let buffer = |offset, length| StoredBuffer { offset, length, writable: true };
    let variable = |offset, length, buffers: &[StoredBuffer]| Variable {
        name: "abc".to_owned(),
        offset,
        length,
        buffers: buffers.to_vec(),
        ..Variable::default()
    };
    // The name takes bytes 100 to 105, SETITEM byte 199, so a header can begin at 105 and contents end at 199.
    for buffers in [&[][..], &[buffer(114, 85)], &[buffer(114, 0), buffer(123, 76)]] {
        assert!(VariableSegment::new(&variable(100, 100, buffers)).is_ok(), "{buffers:?}");
    }
    for buffers in [
        &[buffer(113, 1)][..],
        &[buffer(114, 86)],
        &[buffer(114, 10), buffer(132, 1)],
        &[buffer(140, 10), buffer(120, 10)],
        &[buffer(114, 10), buffer(114, 10)],
        &[buffer(0, 1)],
        &[buffer(8, 1)],
        &[buffer(114, u64::MAX)],
        &[buffer(u64::MAX, 1)],
        &[buffer(u64::MAX, u64::MAX)],
        &[buffer(300, 1)],
        &[buffer(190, 0), buffer(u64::MAX - 1, 2)],
    ] {
        assert!(VariableSegment::new(&variable(100, 100, buffers)).is_err(), "{buffers:?}");
    }
    for (offset, length) in [(100, 0), (100, 5), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX - 5, 5)]
    {
        let error = VariableSegment::new(&variable(offset, length, &[])).err();
        assert_eq!(error, Some(SegmentError { name: "abc".to_owned(), at: offset }), "{length}");
    }
}

#[test]
fn ranges_beyond_the_end_of_the_file_are_not_read() -> Result<(), ReadError> {
    let snapshot = Snapshot::from_bytes(file(&variables()))?;
    let bytes = snapshot.bytes()?;
    for variable in &index(&snapshot).variables {
        let segment = VariableSegment::new(variable)?;
        let short = &bytes[..variable.offset as usize + 3];
        assert_eq!((segment.bytes(short), segment.as_loaded(short)), (None, None));
        assert_eq!(JoinedInputs::new(short).push(&segment.input()), None);
    }
    Ok(())
}

#[test]
fn a_stop_that_only_the_loaded_opcodes_have_is_found() -> Result<(), ReadError> {
    // In the file: a literal, POP, a literal. The index has a raw buffer in the first one, whose header and contents
    // are cut out: then its length reaches into the second one, which continues with NONE and STOP.
    let name = "x".to_owned();
    let value = b"C\x0c\x96\x03\0\0\0\0\0\0\0abc0C\x0bffffffffN.f";
    let bytes = file(&[(name, vec![Opcodes(value)])]);
    let mut index = index(&Snapshot::from_bytes(bytes.clone())?).clone();
    let sound = VariableSegment::new(&index.variables[0])?;
    assert!(of_loads(&Snapshot::from_bytes(bytes.clone())?, &whole(&[&sound]))?.is_empty());
    let offset = index.variables[0].offset + 3 + 2 + RAW_HEADER;
    index.variables[0].buffers.push(StoredBuffer { offset, length: 3, writable: true });
    let snapshot = Snapshot::from_bytes(bytes)?;
    let segment = VariableSegment::new(&index.variables[0])?;
    assert_eq!(read(segment.input(), snapshot.bytes()?), b"C\x0c\x970C\x0bffffffffN.f");
    assert_eq!(of_loads(&snapshot, &whole(&[&segment]))?.len(), 1);
    Ok(())
}

#[test]
fn the_judged_objects_of_a_variable_are_the_loaded_objects() -> Result<(), ReadError> {
    let list = |name: &str| (name.to_owned(), vec![Opcodes(b"]\x94(]\x94K\x01a]\x94K\x02ae")]);
    let second = (
        "b".to_owned(),
        vec![Opcodes(b"]\x94(h\x02]\x94h\x03a"), Raw(vec![7; 100], true), Opcodes(b"\x94"), Opcodes(b"e")],
    );
    let snapshot = Snapshot::from_bytes(file(&[list("a"), second]))?;
    let bytes = snapshot.bytes()?;
    let segments: Vec<_> = index(&snapshot).variables.iter().map(VariableSegment::new).collect::<Result<_, _>>()?;
    let objects = |number: usize, slots: &[u64]| {
        let divided = DividedSegment::new(&segments[number], bytes).expect("snapcli's opcodes");
        let objects = divided.objects(divided.part(slots)).expect("low slots");
        (objects.takes.clone(), objects.buffers.clone(), Load::Objects(objects))
    };
    // The second of the inner lists, without the outer one.
    let (takes, buffers, inner) = objects(0, &[3]);
    assert_eq!((takes.len(), buffers.len()), (0, 0));
    // A list that holds one of another variable, and a list with a raw buffer.
    let (takes, buffers, other) = objects(1, &[5]);
    assert_eq!((takes.into_iter().collect::<Vec<_>>(), buffers), (vec![3], vec![]));
    assert_eq!(objects(1, &[6]).1, [0]);
    let chosen = [(&segments[0], &inner), (&segments[1], &other)];
    let expected = [&b"N\x94N\x94\x94\x94]r\x03\0\0\0K\x02a0N"[..], b"N\x94\x94\x94]r\x05\0\0\0h\x03a0N"].concat();
    assert_eq!(LoadInput::of_loads(&snapshot, &chosen)?.pickle(), expected);
    let (mut sequence, module_slot) = LoadSequence::start(true);
    let inputs = |(segment, load): &(&VariableSegment<'_>, &Load)| sequence.inputs(segment, load);
    let loaded: Vec<u8> = chosen.iter().flat_map(inputs).flat_map(|input| read(input, bytes)).collect();
    assert_eq!([read(module_slot, &[]), loaded].concat(), expected);
    Ok(())
}

#[test]
fn a_long_value_is_read_piece_by_piece() {
    // A frame is read as a whole: no bar can show how much of it has been loaded.
    let has_frame = |length: usize| {
        let input = UnpicklerInput { pieces: vec![InputPiece::File(0..length)] };
        let head = input.into_pickle().into_iter().next();
        matches!(head, Some(InputPiece::Opcodes(head)) if head.contains(&0x95))
    };
    assert_eq!([1, 1000, 1 << 20, (1 << 20) + 1, 30 << 20].map(has_frame), [true, true, true, false, false]);
}

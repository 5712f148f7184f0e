//! Tests of joblib's arrays: all readers skip the same bytes, and hostile lengths are rejected.

use super::joblib_arrays::opcodes_around;
use super::value::{Leaf, Node, NodeKind, Ref, Value};
use super::{Machine, MachineError};
use crate::pickle::compare::{Comparer, Side};
use crate::pickle::explain::labels::Labels;
use crate::pickle::explain::outline::Outline;
use crate::pickle::format::parse::ParseError;
use crate::pickle::inspection::Inspection;
use crate::pickle::passes::stack_check::StackCheck;
use crate::pickle::samples::{self, joblib_dumps as joblib};
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::pickle::work_budget::WorkBudget;

/// The types of the items of a dict, or of the value itself, with dtypes and shapes.
fn types(pickle: &[u8]) -> Vec<String> {
    let (machine, value) = Machine::run(pickle).expect("a pickle");
    let labels = Labels::new(&machine);
    let side = Side::new(&machine, std::iter::empty(), machine.shared_budget());
    let values: Vec<Ref> = match machine.node(value) {
        Some(Node { kind: NodeKind::Dict, items, .. }) => items.iter().skip(1).step_by(2).copied().collect(),
        _ => vec![value],
    };
    let shown = |value: &Ref| match side.array(*value) {
        Some((dtype, shape)) => format!("{} {dtype} {shape:?}", labels.type_name(*value)),
        None => labels.type_name(*value).as_ref().to_owned(),
    };
    values.iter().map(shown).collect()
}

#[test]
fn arrays_have_their_types_dtypes_and_shapes() {
    for pickle in [joblib::C_ORDER, joblib::PROTOCOL_0, joblib::PROTOCOL_2, joblib::UNALIGNED] {
        assert_eq!(types(pickle), ["numpy.ndarray i8 [3]"]);
    }
    assert_eq!(types(joblib::FORTRAN), ["numpy.ndarray i2 [2, 3]"]);
    assert_eq!(types(joblib::OBJECTS), ["numpy.ndarray O8 [3]"]);
    assert_eq!(types(joblib::STRUCTURED), ["numpy.ndarray V12 [1]"]);
    let several = ["U2 [2]", "M8 [1]", "f8 [2, 0]"].map(|array| format!("numpy.ndarray {array}"));
    let others = ["list", "numpy.ndarray f8 []", "str"].map(str::to_owned);
    assert_eq!(types(joblib::SEVERAL), [&several[..], &others[..]].concat());
}

#[test]
fn the_bytes_of_an_array_are_found() {
    let (machine, value) = Machine::run(joblib::FORTRAN).expect("a pickle");
    let contents = machine.node(value).and_then(|array| array.items.get(1)).expect("contents");
    let bytes = b"\0\0\x03\0\x01\0\x04\0\x02\0\x05\0";
    assert!(matches!(machine.value(*contents), Value::Leaf(Leaf::Bytes(found)) if found == bytes));
    assert_eq!(machine.span(*contents), (joblib::FORTRAN.len() as u64 - 13, joblib::FORTRAN.len() as u64 - 1));
}

#[test]
fn all_readers_skip_the_same_bytes() {
    for pickle in joblib::ALL {
        let (machine, _) = Machine::run(pickle).expect("a pickle");
        let mut check = StackCheck::new(0, 0);
        let mut end = 0;
        for op in opcodes_around(pickle, machine.raw()) {
            let op = op.expect("an opcode");
            end = op.end;
            check.step(&op).expect("a sound stack");
        }
        assert_eq!(end, pickle.len() as u64);
    }
}

#[test]
fn a_file_cut_at_any_length_is_reported_as_cut() {
    for pickle in joblib::ALL {
        for length in 0..pickle.len() {
            match Inspection::run(pickle.get(..length).unwrap_or_default(), &WorkBudget::new(0, None)).map(drop) {
                Err(MachineError::Parse(
                    ParseError::Truncated { end, .. }
                    | ParseError::NoStop { end }
                    | ParseError::FrameBeyondEnd { end, .. },
                )) => assert_eq!(end, length as u64),
                other => panic!("cut at {length}: {other:?}"),
            }
        }
    }
}

#[test]
fn damaged_files_do_not_panic() {
    for pickle in joblib::ALL {
        for damaged in samples::flipped(pickle, 2000) {
            let _ = samples::outline(&damaged);
        }
    }
}

fn replaced(pickle: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = pickle.windows(from.len()).position(|window| window == from).expect("it is there");
    [pickle.get(..at).unwrap_or_default(), to, pickle.get(at + from.len()..).unwrap_or_default()].concat()
}

#[test]
fn lengths_are_checked() {
    let error = |pickle: &[u8]| Machine::run(pickle).map(drop).expect_err("hostile");
    // 2^62 items of 8 bytes; 2^40 of them; less than none.
    let shape = |shape: &[u8]| replaced(joblib::PROTOCOL_2, b"K\x03\x85", &[shape, b"\x85"].concat());
    let huge = shape(b"\x8a\x08\0\0\0\0\0\0\0\x40");
    assert!(matches!(error(&huge), MachineError::UnknownArrayLength { problem: "has an impossible size", .. }));
    let large = shape(b"\x8a\x06\0\0\0\0\0\x01");
    assert!(matches!(error(&large), MachineError::Parse(ParseError::Truncated { .. })));
    let negative = shape(b"J\xff\xff\xff\xff");
    assert!(matches!(error(&negative), MachineError::UnknownArrayLength { problem: "has no valid shape", .. }));
    let dtype = replaced(joblib::PROTOCOL_2, b"i8", b"x8");
    assert!(matches!(error(&dtype), MachineError::UnknownArrayLength { problem: "has an unknown dtype", .. }));
    // `c` is an opcode: another reader would continue there.
    let padding = replaced(joblib::C_ORDER, b"ub\x03\xff\xff\xff", b"ubc\xff\xff\xff");
    assert!(matches!(error(&padding), MachineError::UnknownArrayLength { .. }));
}

#[test]
fn an_array_is_plain_data_and_a_pickle_in_it_is_judged() {
    for pickle in joblib::ALL {
        let verdict = Verdict::of_bytes(pickle, &WorkBudget::new(0, None));
        assert_eq!(verdict.class, VerdictClass::Plain, "{:?}", verdict.findings);
    }
    let harm = replaced(joblib::OBJECTS, b"\x94(K\x01\x8c\x01a\x94Ne", b"\x94(cos\nsystem\n\x8c\x02id\x85Re");
    let harm = replaced(&harm, b"\x80\x05\x95\x91\0\0\0\0\0\0\0", b"\x80\x05");
    let verdict = Verdict::of_bytes(&harm, &WorkBudget::new(0, None));
    let finding = verdict.worst().next().expect("a finding");
    assert_eq!((verdict.class, finding.callee.as_str()), (VerdictClass::Dangerous, "os.system"));
    assert_eq!(finding.why, "in a pickle within an array: runs commands or changes the system");
}

#[test]
fn bytes_that_another_reader_takes_for_opcodes_are_dangerous() {
    let contents = b"cos\nsystem\n(X\x02\0\0\0idtR0NN";
    let bytes = joblib::UNALIGNED.len() - 25;
    let head = joblib::UNALIGNED.get(..bytes).unwrap_or_default();
    let pickle = [head, contents, b"."].concat();
    assert_eq!(contents.len(), 24);
    assert_eq!(Verdict::of_bytes(&pickle, &WorkBudget::new(0, None)).class, VerdictClass::Dangerous);
}

#[test]
fn equal_arrays_are_equal_in_every_pickle_format() {
    let differs = |left: &[u8], right: &[u8]| {
        let (left, left_value) = Machine::run(left).expect("a pickle");
        let (right, right_value) = Machine::run(right).expect("a pickle");
        let budget = WorkBudget::new(0, None);
        let sides = [&left, &right].map(|side| Side::new(side, std::iter::empty(), &budget));
        let compared = Comparer::new(&sides[0], &sides[1], &budget).compare(left_value, right_value);
        compared.expect("within the budget").is_some()
    };
    for pickle in joblib::ALL {
        assert!(!differs(pickle, pickle));
    }
    for other in [joblib::PROTOCOL_0, joblib::UNALIGNED, samples::ARRAYS[0], samples::ARRAYS[1]] {
        assert!(!differs(joblib::C_ORDER, other));
    }
    let other = replaced(joblib::C_ORDER, b"\x02\0\0\0\0\0\0\0.", b"\x03\0\0\0\0\0\0\0.");
    assert!(differs(joblib::C_ORDER, &other));
}

#[test]
fn a_pickle_loaded_by_pickle_has_no_array_bytes() {
    let inner = joblib::C_ORDER;
    let outer = [b"cpickle\nloads\nB", &(inner.len() as u32).to_le_bytes()[..], inner, b"\x85R."].concat();
    let inspection = Inspection::run_pruned(&outer, &WorkBudget::new(0, None)).expect("a pickle");
    assert!(matches!(inspection.outline(), Outline::Object { .. }));
    assert_eq!(inspection.verdict().class, VerdictClass::Dangerous);
}

/// An array of bytes as joblib since 1.2 writes it, with this padding.
fn padded(contents: &[u8], padding: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).expect("a short array").to_le_bytes();
    let head = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\x8c\x08subclasscnumpy\nndarray\n\x8c\x05shapeJ";
    let tail = b"\x85\x8c\x05order\x8c\x01C\x8c\x05dtypecnumpy\ndtype\n\x8c\x02u1\x89\x88\x87R\
                 (K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x8c\x0aallow_mmap\x88\
                 \x8c\x1bnumpy_array_alignment_bytesK\x10ub";
    let length_of_padding = u8::try_from(padding.len()).expect("short padding");
    [&head[..], &length, tail, &[length_of_padding], padding, contents].concat()
}

fn class(pickle: &[u8]) -> VerdictClass {
    Verdict::of_bytes(pickle, &WorkBudget::new(pickle.len() as u64, None)).class
}

/// After a padded array, joblib before 1.2 continues as many bytes before its end as the padding and its length take.
#[test]
fn what_old_joblib_would_run_is_not_plain() {
    let full = [0xff; 16];
    let decimal = |array: &[u8], then: &[u8]| [b"\x80\x04cdecimal\nDecimal\n", array, then].concat();
    // To us it is always Decimal('1'), after an array that is dropped.
    let then = b"0X\x01\0\0\x001\x85R.";
    assert_eq!(class(&decimal(&padded(&[0; 40], &full), then)), VerdictClass::Plain);
    // The last bytes look a function up, and the opcodes after the array call it: os.system('1').
    let looks_up = [&[0; 40][..], b"cos\nsystem\nN"].concat();
    assert_ne!(class(&decimal(&padded(&looks_up, &full[..11]), then)), VerdictClass::Plain);
    // They call something themselves.
    let calls = [&[0; 40][..], b"cos\nabort\n)RNNNNN"].concat();
    assert_ne!(class(&decimal(&padded(&calls, &full), then)), VerdictClass::Plain);
    // The last opcode swallows the following bytes, and leads into the next array, which can be of any length.
    let second = padded(b"NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNcos\nsystem\nX\x02\0\0\0id\x85R.....", &full);
    let swallowed = u32::try_from(second.len() - 40).expect("a short array").to_le_bytes();
    let jump = [&[0; 40][..], b"NNNNNNNNNNNNB", &swallowed].concat();
    let long_jump = [&[0; 40][..], b"NNNNNNNN\x8e", &swallowed, &[0; 4]].concat();
    for first in [jump, long_jump] {
        let pickle = [&b"\x80\x04("[..], &padded(&first, &full), &second, b"t."].concat();
        assert_ne!(class(&pickle), VerdictClass::Plain);
    }
    // The object on the stack below the array is called without a look-up: a mark and a class are there already.
    let below = [&[0; 40][..], b"NNNNNNNNNNNNN0\x85R0"].concat();
    let unknown = [&b"\x80\x04(cmodule\nname\n"[..], &padded(&below, &full), b"t."].concat();
    assert_ne!(class(&unknown), VerdictClass::Plain);
}

#[test]
fn only_padding_that_joblib_writes_is_skipped() {
    let zeros = [0; 40];
    let with = |padding: &[u8]| [b"\x80\x04", padded(&zeros, padding).as_slice(), b"."].concat();
    for length in 0..=16 {
        assert_eq!(class(&with(&[0xff; 16][..length])), VerdictClass::Plain, "{length}");
    }
    assert!(Machine::run(&with(&[0xff; 17])).is_err());
    assert!(Machine::run(&with(b"\xff\xff\xfe\xff")).is_err() && Machine::run(&with(b"cos\nsystem\n(")).is_err());
    let other = replaced(&with(&[0xff; 4]), b"bytesK\x10", b"bytesK\x03");
    assert!(Machine::run(&other).is_err());
}

/// Any other unpickler continues right after the BUILD, with its whole stack.
#[test]
fn what_other_unpicklers_would_run_is_not_plain() {
    let unpadded = |contents: &[u8]| {
        // joblib before 1.2 writes no length and no key for it.
        let array = replaced(&padded(contents, b""), b"\x8c\x1bnumpy_array_alignment_bytesK\x10ub\0", b"ub");
        [b"\x80\x04(", array.as_slice(), b"t."].concat()
    };
    assert_eq!(class(&unpadded(&[0; 40])), VerdictClass::Plain);
    for contents in [&b"cos\nsystem\nX\x02\0\0\0id\x85R......."[..], b"0(ios\nsystem\n.......", b"NN0(cos\nabort\noNNN"]
    {
        assert_ne!(class(&unpadded(contents)), VerdictClass::Plain, "{contents:?}");
    }
}

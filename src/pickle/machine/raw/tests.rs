//! That all who read what joblib writes see the same, and that hostile bytes are not believed.

use super::*;
use crate::pickle::balance::Balance;
use crate::pickle::compare::{Comparer, Side};
use crate::pickle::naming::Naming;
use crate::pickle::outline::{Shape, outline};
use crate::pickle::samples::{self, joblib};
use crate::pickle::verdict::{Class, Verdict};

/// The types of the items of a dict, or the type of the value, with dtypes and shapes.
fn types(pickle: &[u8]) -> Vec<String> {
    let (machine, value) = Machine::run(pickle).expect("a pickle");
    let naming = Naming::new(&machine);
    let side = Side::new(&machine, std::iter::empty());
    let values: Vec<Ref> = match machine.node(value) {
        Some(Node { kind: Kind::Dict, items, .. }) => items.iter().skip(1).step_by(2).copied().collect(),
        _ => vec![value],
    };
    let shown = |value: &Ref| match side.array(*value) {
        Some((dtype, shape)) => format!("{} {dtype} {shape:?}", naming.type_name(*value)),
        None => naming.type_name(*value).as_ref().to_owned(),
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
fn all_readers_go_over_the_same_bytes() {
    for pickle in joblib::ALL {
        let Ok((.., raw)) = outline(pickle) else { panic!("a pickle") };
        let mut balance = Balance::new(0, 0);
        let mut end = 0;
        for op in opcodes_around(pickle, &raw) {
            let op = op.expect("an opcode");
            end = op.end;
            balance.step(&op).expect("a sound stack");
        }
        assert_eq!(end, pickle.len() as u64);
    }
}

#[test]
fn what_is_cut_at_any_length_is_said_to_be_cut() {
    for pickle in joblib::ALL {
        for length in 0..pickle.len() {
            match outline(pickle.get(..length).unwrap_or_default()).map(drop) {
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
fn damage_is_no_panic() {
    for pickle in joblib::ALL {
        for damaged in samples::flipped(pickle, 2000) {
            let _ = outline(&damaged);
        }
    }
}

fn replaced(pickle: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = pickle.windows(from.len()).position(|window| window == from).expect("it is there");
    [pickle.get(..at).unwrap_or_default(), to, pickle.get(at + from.len()..).unwrap_or_default()].concat()
}

#[test]
fn lengths_are_not_believed() {
    let error = |pickle: &[u8]| Machine::run(pickle).map(drop).expect_err("hostile");
    // 2^62 items of 8 bytes; 2^40 of them; less than none.
    let shape = |shape: &[u8]| replaced(joblib::PROTOCOL_2, b"K\x03\x85", &[shape, b"\x85"].concat());
    let huge = shape(b"\x8a\x08\0\0\0\0\0\0\0\x40");
    assert!(matches!(error(&huge), MachineError::UntoldArray { problem: "has more bytes than can be", .. }));
    let large = shape(b"\x8a\x06\0\0\0\0\0\x01");
    assert!(matches!(error(&large), MachineError::Parse(ParseError::Truncated { .. })));
    let negative = shape(b"J\xff\xff\xff\xff");
    assert!(matches!(error(&negative), MachineError::UntoldArray { problem: "has no shape", .. }));
    let dtype = replaced(joblib::PROTOCOL_2, b"i8", b"x8");
    assert!(matches!(error(&dtype), MachineError::UntoldArray { problem: "has a dtype that is not known", .. }));
    // `c` is an opcode: what is not joblib would go on there.
    let padding = replaced(joblib::C_ORDER, b"ub\x03\xff\xff\xff", b"ubc\xff\xff\xff");
    assert!(matches!(error(&padding), MachineError::UntoldArray { .. }));
}

#[test]
fn an_array_is_plain_data_and_what_is_within_it_is_judged() {
    for pickle in joblib::ALL {
        let verdict = Verdict::of_bytes(pickle);
        assert_eq!(verdict.class, Class::Plain, "{:?}", verdict.findings);
    }
    let harm = replaced(joblib::OBJECTS, b"\x94(K\x01\x8c\x01a\x94Ne", b"\x94(cos\nsystem\n\x8c\x02id\x85Re");
    let harm = replaced(&harm, b"\x80\x05\x95\x91\0\0\0\0\0\0\0", b"\x80\x05");
    let verdict = Verdict::of_bytes(&harm);
    let finding = verdict.worst().next().expect("a finding");
    assert_eq!((verdict.class, finding.callee.as_str()), (Class::Dangerous, "os.system"));
    assert_eq!(finding.why, "in a pickle within an array: runs commands or changes the system");
}

#[test]
fn bytes_that_another_reader_takes_for_opcodes_are_told() {
    let contents = b"cos\nsystem\n(X\x02\0\0\0idtR0NN";
    let bytes = joblib::UNALIGNED.len() - 25;
    let head = joblib::UNALIGNED.get(..bytes).unwrap_or_default();
    let pickle = [head, contents, b"."].concat();
    assert_eq!(contents.len(), 24);
    assert_eq!(Verdict::of_bytes(&pickle).class, Class::Dangerous);
}

#[test]
fn equal_arrays_are_equal_whoever_pickled_them() {
    let differs = |left: &[u8], right: &[u8]| {
        let (left, left_value) = Machine::run(left).expect("a pickle");
        let (right, right_value) = Machine::run(right).expect("a pickle");
        let sides = (Side::new(&left, std::iter::empty()), Side::new(&right, std::iter::empty()));
        Comparer::new(&sides.0, &sides.1).compare(left_value, right_value).is_some()
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
fn what_pickle_itself_loads_has_no_such_bytes() {
    let inner = joblib::C_ORDER;
    let outer = [b"cpickle\nloads\nB", &(inner.len() as u32).to_le_bytes()[..], inner, b"\x85R."].concat();
    assert!(matches!(outline(&outer), Ok((Shape::Object { .. }, Verdict { class: Class::Dangerous, .. }, _))));
}

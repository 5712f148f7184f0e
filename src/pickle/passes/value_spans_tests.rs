//! The opcodes of single objects, with everything that they need and nothing else.

use super::segment_part::PartPiece;
use super::value_spans::ValueSpans;

/// The opcodes that make the objects in some slots of a value whose first slot is 3, with `r0` to `r9` for
/// LONG_BINPUT, and the slots that they take.
fn part(opcodes: &[u8], slots: &[u64]) -> (String, Vec<u64>) {
    let spans = ValueSpans::new(opcodes, 3).expect("opcodes of snapcli's pickler");
    let part = spans.part(opcodes, slots);
    let pieces = spans.pieces(opcodes, &part).expect("low slots");
    let mut made = Vec::new();
    for piece in &pieces {
        match piece {
            PartPiece::Opcodes(opcodes) => made.extend_from_slice(opcodes),
            PartPiece::Segment(range) => made.extend_from_slice(&opcodes[range.clone()]),
        }
    }
    let text: String = made.iter().map(|byte| char::from(*byte)).collect();
    let text = (0..16_u8).fold(text, |text, slot| {
        text.replace(&format!("r{}\0\0\0", char::from(slot)), &format!("r{slot}"))
            .replace(&format!("h{}", char::from(slot)), &format!("h{slot}"))
    });
    (text, part.takes.into_iter().collect())
}

fn made(opcodes: &[u8], slots: &[u64]) -> String {
    part(opcodes, slots).0
}

#[test]
fn an_object_is_made_without_those_around_it() {
    // [[True], [False], (None,)]
    let lists = b"]\x94(]\x94\x88a]\x94\x89aN\x85\x94e";
    assert_eq!(made(lists, &[4]), "]r4\u{88}a0N");
    assert_eq!(made(lists, &[5, 6]), "]r5\u{89}a0N\u{85}r60N");
    assert_eq!(made(lists, &[3]), "]r3(]r4\u{88}a]r5\u{89}aN\u{85}r6e0N");
    // Slots within others are made once.
    assert_eq!(made(lists, &[3, 5]), made(lists, &[3]));
}

#[test]
fn objects_that_are_read_come_along() {
    // a = []; b = [a, slot 1]; c = [b]
    let lists = b"(]\x94]\x94(h\x03h\x01e]\x94h\x04at";
    assert_eq!(part(lists, &[5]), ("]r30]r4(h3h1e0]r5h4a0N".to_owned(), vec![1]));
    assert_eq!(part(lists, &[3]), ("]r30N".to_owned(), vec![]));
}

#[test]
fn later_changes_come_along() {
    // A list that is filled after another one was begun, within that one.
    assert_eq!(made(b"]\x94(]\x94h\x04Nae", &[4]), "]r40h4Na0N");
    // A state that an instance gets by a GET.
    let state = b"(cm\nC\n)\x81\x94]\x94h\x03}\x94b0t";
    assert_eq!(made(state, &[3]), "cm\nC\n)\u{81}r30h3}r5b0N");
    assert_eq!(made(state, &[4]), "]r40N");
    assert_eq!(made(state, &[5]), "}r50N");
}

#[test]
fn calls_for_an_effect_come_along_with_what_they_change() {
    // setattr(slot 3, 'a', slot 4): the list in slot 4 is not changed.
    let known = b"cm\nC\n)\x81\x94]\x94cbuiltins\nsetattr\n\x94h\x03Nh\x04\x87R0";
    assert_eq!(made(known, &[3]), "cm\nC\n)\u{81}r30]r40cbuiltins\nsetattr\nr5h3Nh4\u{87}R0N");
    assert_eq!(made(known, &[4]), "]r40N");
    // Any other function may change all that it is given.
    let unknown = b"]\x94]\x94cm\nf\n\x94h\x03h\x04\x86R0";
    assert_eq!(made(unknown, &[4]), "]r30]r40cm\nf\nr5h3h4\u{86}R0N");
    // A call whose result is kept changes nothing.
    let kept = b"]\x94cm\nf\n\x94h\x03\x85R";
    assert_eq!(made(kept, &[3]), "]r30N");
}

#[test]
fn a_cycle_is_one_object() {
    // l = [(l,)], as CPython writes it: the tuple is made first within the list.
    let cycle = b"]\x94h\x03\x85\x94a";
    assert_eq!(made(cycle, &[4]), "]r3h3\u{85}r4a0N");
}

#[test]
fn opcodes_of_other_picklers_are_errors() {
    for opcodes in [&b"]q\x03"[..], b"]2", b"NQ", b"\x80\x05N", b"N.", b"a", b"h\x09", b"0", b"(h\x02R"] {
        assert!(ValueSpans::new(opcodes, 3).is_err(), "{opcodes:?}");
    }
}

#[test]
fn buffers_are_counted() {
    let spans = ValueSpans::new(b"(\x97\x94\x97\x98\x94\x97\x94t", 3).expect("opcodes");
    let buffers = |slots: &[u64]| spans.part(b"(\x97\x94\x97\x98\x94\x97\x94t", slots).buffers;
    assert_eq!((buffers(&[4]), buffers(&[3, 5])), (vec![1], vec![0, 2]));
}

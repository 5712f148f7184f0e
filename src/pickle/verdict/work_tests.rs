//! Pickles that are made to take long are judged in few steps.

use super::VerdictClass;
use super::judge::Judge;
use crate::pickle::work_budget::WorkBudget;

/// The verdict, and how many steps it took for each byte of the pickle.
fn class_and_steps(bytes: &[u8]) -> (VerdictClass, u64) {
    let mut judge = Judge::new(0, &WorkBudget::new(bytes.len() as u64, None));
    judge.run(bytes).expect("a pickle");
    let steps = judge.steps;
    (judge.verdict().class, steps / bytes.len() as u64)
}

#[test]
fn a_call_that_is_nested_without_end_takes_few_steps() {
    // A callee that is made by itself, one call within the other.
    let mut pickle = b"cbuiltins\ngetattr\n\x940cos\npath\n".to_vec();
    for _ in 0..200_000 {
        pickle.extend(b"\x94h\x00h\x01\x8c\x01a\x86R");
    }
    pickle.push(b'.');
    let (_, steps) = class_and_steps(&pickle);
    assert!(steps <= 4, "{steps}");
}

#[test]
fn many_calls_with_one_long_argument_list_take_few_steps() {
    let mut pickle = b"(".to_vec();
    pickle.extend(b"K\x01".repeat(100_000));
    pickle.extend(b"t\x940cm\nf\n\x940");
    pickle.extend(b"h\x01h\x00R0".repeat(20_000));
    pickle.extend(b"cfunctools\npartial\n\x940h\x01");
    pickle.extend(b"\x85h\x02\x940h\x03".repeat(10));
    pickle.push(b'.');
    let (_, steps) = class_and_steps(&pickle);
    assert!(steps <= 100, "{steps}");
}

#[test]
fn many_calls_with_one_large_argument_take_few_steps() {
    // Six tuples, each of 250 times the one before, and calls that are given the last one alone, in a list, or itself.
    let mut fan = [&b"\x80\x04cm\nf\n\x94("[..], &b"N".repeat(255), b"t\x94"].concat();
    for slot in 1..=6_u8 {
        let items: Vec<u8> = std::iter::repeat_n([b'h', slot], 250).flatten().collect();
        fan.extend([&b"("[..], &items, b"t\x94"].concat());
    }
    for calls in
        [&b"h\x00h\x07\x85R0"[..], b"h\x00](h\x07h\x06e\x85R0", b"h\x00h\x07R0", b"h\x00h\x07)\x86\x81h\x07\x85R0"]
    {
        let pickle = [&fan[..], &calls.repeat(20_000), b"N."].concat();
        let (_, steps) = class_and_steps(&pickle);
        assert!(steps <= 40, "{steps} {calls:?}");
    }
}

#[test]
fn partial_functions_of_partial_functions_take_few_steps() {
    let mut pickle = b"cfunctools\npartial\n\x940cm\nf\n\x94".to_vec();
    for slot in 1_u32..5_000 {
        pickle.extend(b"0h\x00j");
        pickle.extend(slot.to_le_bytes());
        pickle.extend(b"\x85R\x94");
    }
    pickle.extend(b")R)R.");
    let (class, steps) = class_and_steps(&pickle);
    assert_eq!(class, VerdictClass::Dangerous);
    assert!(steps <= 4, "{steps}");
}

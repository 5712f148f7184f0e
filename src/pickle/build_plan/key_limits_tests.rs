//! Honest keys pass the limits; keys that would take too long to hash or to compare are refused.

use super::RecipeTable;
use super::Refused;
use super::key_limits::KeyLimits;
use super::key_work::KeyWork;
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::NodeKind;

fn check(pickle: &[u8]) -> Result<(), Refused> {
    let (machine, _) = Machine::run(pickle).expect("a pickle");
    let recipes = RecipeTable::default();
    let work = KeyWork::default();
    let mut limits = KeyLimits::new(&machine, &recipes, &work);
    for node in machine.nodes() {
        match node.kind {
            NodeKind::Dict => limits.check(node.items.iter().copied().step_by(2))?,
            NodeKind::Set | NodeKind::FrozenSet => limits.check(node.items.iter().copied())?,
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn honest_keys_are_few_steps() {
    let mut pickle = b"}(".to_vec();
    for number in 0..50_000_u32 {
        pickle.push(b'J');
        pickle.extend(number.to_le_bytes());
        pickle.push(b'N');
    }
    pickle.extend(b"K\x01K\x02\x86NX\x01\0\0\0aNu.");
    assert_eq!(check(&pickle), Ok(()));
}

#[test]
fn a_key_may_hold_what_has_no_parts_to_count() {
    for part in [&b"(K\x01\x91"[..], b"cbuiltins\nint\n", b"\x8c\x01a\x8c\x01b\x93", b"cmine\nmake\n)R"] {
        for tuples in [b"\x85".as_slice(), b"\x85\x85", b"K\x01\x86\x85"] {
            assert_eq!(check(&[b"}", part, tuples, b"Ns."].concat()), Ok(()), "{part:?}");
        }
    }
}

#[test]
fn a_tuple_that_is_wide_by_sharing_is_no_key() {
    let mut pickle = b"}K\x01q\x00".to_vec();
    pickle.extend(b"\x85");
    pickle.extend(b"2\x86".repeat(60));
    pickle.extend(b"Ns.");
    assert!(check(&pickle).is_err_and(|why| why.contains("too large")));
    let deep = [&b"}K\x01"[..], &b"\x85".repeat(1000), b"Ns."].concat();
    assert!(check(&deep).is_err_and(|why| why.contains("too deep")));
}

#[test]
fn a_frozenset_that_is_wide_by_sharing_is_no_key() {
    // A set of a set and a tuple of the same set, 32 times.
    let chain = [&b"("[..].repeat(33), &b"K\x01\x91"[..], &b"2\x85\x91".repeat(32)].concat();
    let pickle = [&b"}("[..], &chain[..], b"K\x01", &chain[..], b"K\x02u."].concat();
    assert!(check(&pickle).is_err_and(|why| why.contains("too large")));
    let honest = [&b"}(("[..], &b"K\x01".repeat(1000), b"\x91\x85Nu."].concat();
    assert_eq!(check(&honest), Ok(()));
}

#[test]
fn colliding_integers_of_any_size_are_refused() {
    for negative in [false, true] {
        let mut pickle = b"\x8f(".to_vec();
        for number in 1..=2_000_u128 {
            let number = (number << 61) - number + 7;
            let number = if negative { (number as i128).wrapping_neg() as u128 } else { number };
            pickle.extend([0x8a, 16]);
            pickle.extend(number.to_le_bytes());
        }
        pickle.extend(b"\x90.");
        assert!(check(&pickle).is_err_and(|why| why.contains("same hash")));
    }
}

#[test]
fn colliding_integers_as_text_are_refused() {
    for (prefix, suffix) in [("L", "L"), ("I", ""), ("L-", "L"), ("I", "_0")] {
        let mut pickle = b"\x8f(".to_vec();
        for number in 1..=2_000_u128 {
            let number = (number << 61) - number + 7;
            pickle.extend(format!("{prefix}{number}{suffix}\n").bytes());
        }
        pickle.extend(b"\x90.");
        assert!(check(&pickle).is_err_and(|why| why.contains("same hash")), "{prefix}{suffix}");
        let mut hex = b"\x8f(".to_vec();
        (1..=2_000_u128).for_each(|number| hex.extend(format!("L0x{:x}L\n", (number << 61) - number).bytes()));
        hex.extend(b"\x90.");
        assert!(check(&hex).is_err_and(|why| why.contains("same hash")), "hexadecimal");
    }
}

fn int(number: i32) -> Vec<u8> {
    [&b"J"[..], &number.to_le_bytes()].concat()
}

/// All tuples or frozensets of as many numbers between these two, as the members of a set.
fn grid(dimensions: u32, first: i32, last: i32, (open, close): (&[u8], &[u8])) -> Vec<u8> {
    let side = (last - first + 1) as u32;
    let mut pickle = b"\x8f(".to_vec();
    for number in 0..side.pow(dimensions) {
        pickle.extend(open);
        (0..dimensions).for_each(|axis| pickle.extend(int(first + (number / side.pow(axis) % side) as i32)));
        pickle.extend(close);
    }
    [&pickle[..], b"\x90."].concat()
}

#[test]
fn grids_of_small_numbers_are_keys() {
    let tuple = (&b"("[..], &b"t"[..]);
    for (dimensions, first, last) in [(2, -50, 50), (5, -2, -1), (5, -3, 3), (8, -2, 0), (10, -2, -1)] {
        assert_eq!(check(&grid(dimensions, first, last, tuple)), Ok(()), "{dimensions} {first} {last}");
    }
    assert!(check(&grid(11, -2, -1, tuple)).is_err_and(|why| why.contains("same hash")));
}

#[test]
fn colliding_numbers_in_tuples_and_frozensets_are_refused() {
    let number = |number: u128| [&[0x8a, 16][..], &((number << 61) - number + 7).to_le_bytes()].concat();
    for (open, close) in [(&b""[..], &b"\x85"[..]), (b"\x8c\x01a", b"\x86"), (b"", b"\x85\x85"), (b"(", b"\x91")] {
        let mut pickle = b"\x8f(".to_vec();
        (1..=2_000).for_each(|n| pickle.extend([open, &number(n), close].concat()));
        pickle.extend(b"\x90.");
        assert!(check(&pickle).is_err_and(|why| why.contains("same hash")), "{open:?} {close:?}");
    }
}

#[test]
fn a_long_number_in_many_keys_is_not_hashed_for_each() {
    let long = |length: u32| [&[0x8b][..], &length.to_le_bytes(), &b"\x07".repeat(length as usize), b"q\x000"].concat();
    let one = [&long(400_000)[..], b"(", &b"}h\x00\x85Ns".repeat(50_000), b"l."].concat();
    assert!(check(&one).is_err_and(|why| why.contains("too long")));
    let many = [&long(500_000)[..], b"(", &b"h\x00h\x00h\x00\x87".repeat(50_000), b"t}2Ns0."].concat();
    assert!(check(&many).is_err());
}

#[test]
fn large_keys_with_one_hash_are_refused_earlier() {
    let wide = b"K\x07".repeat(20_000);
    let key = |last: u128| [&b"("[..], &wide, &[0x8a, 16], &((last << 61) - last).to_le_bytes(), b"t"].concat();
    let pickle = |count: u128| [&b"\x8f("[..], &(1..=count).flat_map(key).collect::<Vec<_>>(), b"\x90."].concat();
    assert_eq!(check(&pickle(16)), Ok(()));
    assert!(check(&pickle(200)).is_err_and(|why| why.contains("take too long")));
}

#[test]
fn containers_and_bytearrays_are_no_keys() {
    for key in [&b"]"[..], b"}", b"\x8f", b"]\x85", b"\x96\x01\0\0\0\0\0\0\0a"] {
        assert!(check(&[b"}", key, b"Ns."].concat()).is_err(), "{key:?}");
    }
}

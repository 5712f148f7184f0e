//! The hashes of keys, as CPython computes them on 64 bits: of numbers, tuples and frozensets.
//!
//! Strings have hashes that each process chooses at random. Here, a hash of their opcode stands for it: two keys with
//! the same hash here have the same hash in every process.

use crate::pickle::format::lines::{MAX_DIGITS, TextInteger};

/// The prime modulo which Python computes the hashes of numbers.
const MODULUS: u64 = (1 << 61) - 1;
/// `hash(float('inf'))`.
const INFINITE: u64 = 314_159;
/// The constants of xxHash, which tuples use (`tuplehash` in Objects/tupleobject.c).
const PRIME_1: u64 = 11_400_714_785_074_694_791;
const PRIME_2: u64 = 14_029_467_366_897_019_727;
const PRIME_5: u64 = 2_870_177_450_012_600_261;

/// The constants of FNV-1a, which stands for the hashes of strings.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The hash of a number that has this absolute value modulo the prime. No hash is -1.
fn signed(absolute: u64, is_negative: bool) -> u64 {
    let hash = if is_negative { absolute.wrapping_neg() } else { absolute };
    if hash == u64::MAX { u64::MAX - 1 } else { hash }
}

/// The hash of an integer.
pub(super) fn of_int(number: i64) -> u64 {
    signed(number.unsigned_abs() % MODULUS, number < 0)
}

/// The hash of an integer in little-endian two's complement.
pub(super) fn of_long(bytes: &[u8]) -> u64 {
    let is_negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let fold = |hash: u64, bits: u32, digit: u64| {
        // 2^61 leaves the rest 1, so the bits beyond it are added.
        let longer = u128::from(hash) << bits | u128::from(digit);
        let sum = (longer as u64 & MODULUS) + (longer >> 61) as u64;
        if sum >= MODULUS { sum - MODULUS } else { sum }
    };
    let (words, rest) = bytes.as_chunks::<4>();
    let rest = rest.iter().rev().map(|byte| if is_negative { !*byte } else { *byte });
    let rest = rest.fold(0, |hash, byte| fold(hash, 8, byte.into()));
    let words = words.iter().rev().map(|word| u32::from_le_bytes(*word));
    let words = words.map(|word| if is_negative { !word } else { word });
    let hash = words.fold(rest, |hash, word| fold(hash, 32, word.into()));
    // -n is the complement of n - 1.
    if is_negative { signed((hash + 1) % MODULUS, true) } else { signed(hash, false) }
}

/// The hash of an integer that is written as text. One with too many digits is refused elsewhere.
pub(super) fn of_text(integer: &TextInteger<'_>) -> u64 {
    let digits = integer.digits.chars().take(MAX_DIGITS).filter_map(|digit| digit.to_digit(integer.base));
    let hash = digits.fold(0, |hash: u64, digit| {
        let longer = u128::from(hash) * u128::from(integer.base) + u128::from(digit);
        (longer % u128::from(MODULUS)) as u64
    });
    signed(hash, integer.negative)
}

/// The hash of a float; `None` for NaN, which has another one in each object.
pub(super) fn of_float(number: f64) -> Option<u64> {
    if number.is_nan() {
        return None;
    }
    if number.is_infinite() {
        return Some(signed(INFINITE, number < 0.0));
    }
    let (absolute, bits) = (number.abs(), number.to_bits());
    if absolute.fract() == 0.0 && absolute < 9e18 {
        return Some(signed(absolute as u64 % MODULUS, number < 0.0));
    }
    // Of the others, few have the same hash.
    Some(of_bytes(&bits.to_le_bytes()))
}

/// What stands for the hash of a string.
pub(super) fn of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// Computes the hash of a tuple or a frozenset from those of its parts.
pub(super) struct PartsHash {
    is_set: bool,
    /// `None` if one of the parts has an unknown hash.
    hash: Option<u64>,
    count: u64,
}

impl PartsHash {
    pub(super) fn of_tuple() -> Self {
        Self { is_set: false, hash: Some(PRIME_5), count: 0 }
    }

    pub(super) fn of_frozenset() -> Self {
        Self { is_set: true, hash: Some(0), count: 0 }
    }

    pub(super) fn add(&mut self, part: Option<u64>) {
        self.count += 1;
        let (Some(hash), Some(part)) = (self.hash, part) else {
            self.hash = None;
            return;
        };
        self.hash = Some(if self.is_set {
            hash ^ ((part ^ 89_869_747) ^ (part << 16)).wrapping_mul(3_644_798_167)
        } else {
            hash.wrapping_add(part.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1)
        });
    }

    pub(super) fn finish(self) -> Option<u64> {
        let hash = self.hash?;
        if self.is_set {
            let counted = hash ^ (self.count + 1).wrapping_mul(1_927_868_237);
            let dispersed = counted ^ ((counted >> 11) ^ (counted >> 25));
            let hash = dispersed.wrapping_mul(69_069).wrapping_add(907_133_923);
            return Some(if hash == u64::MAX { 590_923_713 } else { hash });
        }
        let hash = hash.wrapping_add(self.count ^ (PRIME_5 ^ 3_527_539));
        Some(if hash == u64::MAX { 1_546_275_796 } else { hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_hash(hash: u64) -> i64 {
        hash as i64
    }

    #[test]
    fn hashes_of_integers_are_those_of_python() {
        // hash(2**100), hash(-2**100), hash(2**61 - 1), hash(-3), hash(-1).
        assert_eq!(of_long(&(1_i128 << 100).to_le_bytes()), 549_755_813_888);
        assert_eq!(signed_hash(of_long(&(-(1_i128 << 100)).to_le_bytes())), -549_755_813_888);
        assert_eq!(of_long(&((1_i128 << 61) - 1).to_le_bytes()), 0);
        assert_eq!(signed_hash(of_long(&(-3_i128).to_le_bytes())), -3);
        // hash(int.from_bytes(b'\x01\x02\x03\x04\x05\x06\x07' * 3, 'little')).
        assert_eq!(of_long(&b"\x01\x02\x03\x04\x05\x06\x07".repeat(3)), 1_229_271_551_998_958_289);
        assert_eq!([-1, -2, 0, i64::MIN].map(of_int).map(signed_hash), [-2, -2, 0, -4]);
    }

    #[test]
    fn hashes_of_floats_are_those_of_python() {
        // hash(1.0), hash(-1.0), hash(0.0), hash(-0.0), hash(1e15), hash(-inf).
        let floats = [1.0, -1.0, 0.0, -0.0, 1e15, f64::NEG_INFINITY];
        let hashes = floats.map(|number| of_float(number).map(signed_hash));
        assert_eq!(hashes, [1, -2, 0, 0, 1_000_000_000_000_000, -314_159].map(Some));
        assert_eq!(of_float(f64::NAN), None);
    }

    #[test]
    fn hashes_of_tuples_and_frozensets_are_those_of_python() {
        let combined = |mut parts: PartsHash, numbers: &[i64]| {
            numbers.iter().for_each(|number| parts.add(Some(of_int(*number))));
            parts.finish().map(signed_hash)
        };
        // hash(()), hash((1, 2)), hash((-1, -2, 3)), hash(frozenset()), hash(frozenset({1, 2, -1})).
        assert_eq!(combined(PartsHash::of_tuple(), &[]), Some(5_740_354_900_026_072_187));
        assert_eq!(combined(PartsHash::of_tuple(), &[1, 2]), Some(-3_550_055_125_485_641_917));
        assert_eq!(combined(PartsHash::of_tuple(), &[-1, -2, 3]), Some(-794_967_275_154_932_392));
        assert_eq!(combined(PartsHash::of_frozenset(), &[]), Some(133_146_708_735_736));
        assert_eq!(combined(PartsHash::of_frozenset(), &[1, 2, -1]), Some(3_528_648_450_907_520_039));
    }
}

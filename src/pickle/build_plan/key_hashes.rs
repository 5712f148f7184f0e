//! The hashes of keys, as CPython computes them on 64 bits: of numbers, tuples and frozensets.
//!
//! Strings have hashes that each process chooses at random. Here, a hash of their contents is used instead: two keys
//! with the same hash here have the same hash in every process.

use super::recipe_hashes::BYTES;
use crate::pickle::format::lines::{MAX_DIGITS, TextInteger};

/// The prime modulo which Python computes the hashes of numbers.
const MODULUS: u64 = (1 << 61) - 1;
/// `pow(10, -1, 2**61 - 1)`.
const TENTH: u64 = 2_075_258_708_292_324_556;
/// `hash(float('inf'))`.
const INFINITE: u64 = 314_159;
/// The constants of xxHash, which tuples use (`tuplehash` in Objects/tupleobject.c).
const PRIME_1: u64 = 11_400_714_785_074_694_791;
const PRIME_2: u64 = 14_029_467_366_897_019_727;
const PRIME_5: u64 = 2_870_177_450_012_600_261;

/// The constants of FNV-1a, which is used instead of the hashes of strings.
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
    let bits = number.to_bits();
    let (mantissa, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) as i64 & 0x7ff);
    let (mantissa, exponent) = if exponent == 0 { (mantissa, 1) } else { (mantissa | 1 << 52, exponent) };
    // The number is the mantissa times 2^(exponent - 1075), and 2^61 leaves the rest 1.
    let shift = (exponent - 1075).rem_euclid(61);
    let absolute = (u128::from(mantissa) << shift) % u128::from(MODULUS);
    Some(signed(absolute as u64, number < 0.0))
}

/// The hash of `complex(real, imaginary)`, from the hashes of its parts.
pub(super) fn of_complex(real: u64, imaginary: u64) -> u64 {
    let hash = real.wrapping_add(imaginary.wrapping_mul(1_000_003));
    if hash == u64::MAX { u64::MAX - 1 } else { hash }
}

/// The hash of an integer that is not negative.
pub(super) fn of_wide(number: u128) -> u64 {
    (number % u128::from(MODULUS)) as u64
}

/// The hash of an integer of up to 128 bits.
pub(super) fn of_signed(number: i128) -> u64 {
    signed(of_wide(number.unsigned_abs()), number < 0)
}

/// The rest of a number that is written in decimal digits.
fn rest_of_digits<'d>(digits: impl Iterator<Item = &'d u8>) -> u64 {
    digits.fold(0, |rest, digit| times(rest, 10).wrapping_add(u64::from(digit.wrapping_sub(b'0') & 0xf)) % MODULUS)
}

fn times(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    // 2^61 leaves the rest 1.
    let sum = (product as u64 & MODULUS) + (product >> 61) as u64;
    if sum >= MODULUS { sum - MODULUS } else { sum }
}

fn power(base: u64, exponent: u64) -> u64 {
    let (mut result, mut square, mut rest) = (1, base % MODULUS, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = times(result, square);
        }
        square = times(square, square);
        rest >>= 1;
    }
    result
}

/// The hash of `Decimal(text)`; `None` for NaN.
pub(super) fn of_decimal(text: &str) -> Option<u64> {
    let (is_negative, number) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if number.starts_with(['I', 'i']) {
        return Some(signed(INFINITE, is_negative));
    }
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().unwrap_or(0);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let rest = rest_of_digits(whole.as_bytes().iter().chain(fraction.as_bytes()));
    let exponent = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    let ten = if exponent < 0 { TENTH } else { 10 };
    Some(signed(times(rest, power(ten, exponent.unsigned_abs())), is_negative))
}

/// The hash of a fraction, from the hashes of its numerator and its denominator.
pub(super) fn of_fraction(above: u64, below: u64) -> u64 {
    let absolute = |hash: u64| (hash as i64).unsigned_abs() % MODULUS;
    let is_negative = ((above as i64) < 0) != ((below as i64) < 0);
    match absolute(below) {
        0 => signed(INFINITE, is_negative),
        below => signed(times(absolute(above), power(below, MODULUS - 2)), is_negative),
    }
}

/// The hash of an integer that is written in decimal digits.
pub(super) fn of_digits(text: &str) -> u64 {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    signed(rest_of_digits(digits.as_bytes().iter()), text.starts_with('-'))
}

/// The stand-in for the hash of bytes, or of something else with contents. Empty bytes have the hash 0.
pub(super) fn of_contents(kind: u8, contents: impl IntoIterator<Item = u8>) -> u64 {
    let first = (FNV_BASIS ^ u64::from(kind)).wrapping_mul(FNV_PRIME);
    let mut contents = contents.into_iter().peekable();
    if kind == BYTES && contents.peek().is_none() {
        return 0;
    }
    contents.fold(first, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

/// The stand-in for the hash of a string in UTF-8, perhaps with surrogates. Python hashes the memory of its characters,
/// which have one, two or four bytes each, like the same bytes.
pub(super) fn of_string(text: &[u8]) -> u64 {
    let width = match text.iter().max() {
        None | Some(..0x80) => return of_contents(BYTES, text.iter().copied()),
        Some(..0xc4) => 1,
        Some(..0xf0) => 2,
        Some(_) => 4,
    };
    let characters = text.chunk_by(|_, next| next & 0xc0 == 0x80).map(|bytes| {
        let lead = bytes.first().map_or(0, |lead| u32::from(*lead));
        let lead = if bytes.len() == 1 { lead } else { lead & (0x7f >> bytes.len()) };
        bytes.iter().skip(1).fold(lead, |character, byte| character << 6 | u32::from(byte & 0x3f))
    });
    of_contents(BYTES, characters.flat_map(|character| character.to_le_bytes().into_iter().take(width)))
}

/// The hash of a tuple of values with these hashes.
pub(super) fn of_tuple(parts: impl IntoIterator<Item = u64>) -> u64 {
    let mut tuple = PartsHash::of_tuple();
    parts.into_iter().for_each(|part| tuple.add(part));
    tuple.finish()
}

/// Computes the hash of a tuple or a frozenset from the hashes of its parts.
pub(super) struct PartsHash {
    /// The hashes of the members of a set.
    members: Option<Vec<u64>>,
    hash: u64,
    count: u64,
}

impl PartsHash {
    pub(super) fn of_tuple() -> Self {
        Self { members: None, hash: PRIME_5, count: 0 }
    }

    pub(super) fn of_frozenset() -> Self {
        Self { members: Some(Vec::new()), hash: 0, count: 0 }
    }

    pub(super) fn add(&mut self, part: u64) {
        self.count += 1;
        match &mut self.members {
            Some(members) => members.push(part),
            None => {
                self.hash = self.hash.wrapping_add(part.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1);
            }
        }
    }

    pub(super) fn finish(self) -> u64 {
        if let Some(members) = self.members {
            return of_members(members);
        }
        let hash = self.hash.wrapping_add(self.count ^ (PRIME_5 ^ 3_527_539));
        if hash == u64::MAX { 1_546_275_796 } else { hash }
    }
}

/// The hash of a frozenset. Members with the same hash are left out, and their number as well: they may be one member,
/// or cancel each other out.
fn of_members(mut members: Vec<u64>) -> u64 {
    members.sort_unstable();
    let of_member = |part: u64| ((part ^ 89_869_747) ^ (part << 16)).wrapping_mul(3_644_798_167);
    let count = members.len();
    let alone = members.chunk_by(|one, other| one == other).filter(|same| same.len() == 1);
    let (hash, alone) = alone.flatten().fold((0, 0), |(hash, alone), part| (hash ^ of_member(*part), alone + 1));
    if alone < count {
        return hash;
    }
    let counted = hash ^ (count as u64 + 1).wrapping_mul(1_927_868_237);
    let dispersed = counted ^ ((counted >> 11) ^ (counted >> 25));
    let hash = dispersed.wrapping_mul(69_069).wrapping_add(907_133_923);
    if hash == u64::MAX { 590_923_713 } else { hash }
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
            numbers.iter().for_each(|number| parts.add(of_int(*number)));
            signed_hash(parts.finish())
        };
        // hash(()), hash((1, 2)), hash((-1, -2, 3)), hash(frozenset()), hash(frozenset({1, 2, -1})).
        assert_eq!(combined(PartsHash::of_tuple(), &[]), 5_740_354_900_026_072_187);
        assert_eq!(combined(PartsHash::of_tuple(), &[1, 2]), -3_550_055_125_485_641_917);
        assert_eq!(combined(PartsHash::of_tuple(), &[-1, -2, 3]), -794_967_275_154_932_392);
        assert_eq!(combined(PartsHash::of_frozenset(), &[]), 133_146_708_735_736);
        assert_eq!(combined(PartsHash::of_frozenset(), &[1, 2, -1]), 3_528_648_450_907_520_039);
    }

    #[test]
    fn hashes_of_other_numbers_are_those_of_python() {
        // hash(0.1), hash(-1e300), hash(5e-324), hash(complex(1, -1)), hash(complex(-0.5, 3)).
        let float = |number: f64| of_float(number).map(signed_hash);
        assert_eq!(float(0.1), Some(230_584_300_921_369_408));
        assert_eq!(float(-1e300), Some(-1_224_995_262_755_759_164));
        assert_eq!(float(5e-324), Some(16_777_216));
        let complex = |real: f64, imaginary: f64| Some(signed_hash(of_complex(of_float(real)?, of_float(imaginary)?)));
        assert_eq!(complex(1.0, -1.0), Some(-2_000_005));
        assert_eq!(complex(-0.5, 3.0), Some(-1_152_921_504_603_846_967));
        // hash(Decimal('-1.5E+3')), hash(Decimal('0.001')), hash(Decimal('12345678901234567890.5')).
        let decimal = |text: &str| of_decimal(text).map(signed_hash);
        assert_eq!(
            ["-1.5E+3", "0.001", "12345678901234567890.5"].map(decimal),
            [-1_500, 1_035_323_511_136_948_584, 1_969_385_359_772_945_111].map(Some)
        );
        assert_eq!([decimal("NaN"), decimal("-Infinity")], [None, Some(-314_159)]);
        // hash(Fraction(-3, 7)), hash(Fraction(1, 2**61 - 1)).
        let fraction = |above: &str, below: &str| signed_hash(of_fraction(of_digits(above), of_digits(below)));
        assert_eq!(fraction("-3", "7"), -1_317_624_576_693_539_401);
        assert_eq!(fraction("1", "2305843009213693951"), 314_159);
    }
}

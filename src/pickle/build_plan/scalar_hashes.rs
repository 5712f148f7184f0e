//! The hashes of numpy's scalars, from their bytes: numbers have the hashes of Python's numbers, and strings of a fixed
//! length have the hashes of Python's strings.

use super::key_hashes::{self, of_contents, of_string};
use super::recipe_hashes::{ANY, BYTES};
use super::{Dtype, DtypeKind};

/// The hash of a scalar of numpy; `None` for NaN.
pub(super) fn scalar(dtype: &Dtype, bytes: &[u8]) -> Option<u64> {
    let DtypeKind::Code { code, order } = &dtype.kind else { return Some(ANY) };
    let mut bytes = bytes.to_vec();
    let (parts, letter) = (if code.starts_with('c') { 2 } else { 1 }, code.chars().next());
    let is_big_endian = *order == '>';
    if letter == Some('U') {
        let of_code =
            |bytes: &[u8; 4]| if is_big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
        let text: String = bytes.as_chunks::<4>().0.iter().filter_map(|bytes| char::from_u32(of_code(bytes))).collect();
        return Some(of_string(text.trim_end_matches('\0').as_bytes()));
    }
    if is_big_endian {
        let part = (bytes.len() / parts).max(1);
        bytes.chunks_mut(part).for_each(<[u8]>::reverse);
    }
    match letter {
        Some('i' | 'b' | 'm' | 'M') => {
            let fill = if letter != Some('b') && bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
            bytes.resize(16, fill);
            wide(&bytes).map(key_hashes::of_signed)
        }
        Some('u') => {
            bytes.resize(17, 0);
            wide(&bytes).map(key_hashes::of_signed)
        }
        Some('S') => {
            let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            Some(of_contents(BYTES, bytes.into_iter().take(length)))
        }
        Some('f') => float(&bytes).and_then(key_hashes::of_float),
        Some('c') => {
            let (real, imaginary) = bytes.split_at(bytes.len() / 2);
            let hash = |part| float(part).and_then(key_hashes::of_float);
            hash(real).zip(hash(imaginary)).map(|(real, imaginary)| key_hashes::of_complex(real, imaginary))
        }
        _ => Some(ANY),
    }
}

/// A number in little-endian bytes. If it has more than eight bytes, it is rounded, as in numpy's hash.
fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        2 => {
            let bits = u16::from_le_bytes(bytes.try_into().ok()?);
            let (mantissa, exponent) = (f64::from(bits & 0x3ff), i32::from(bits >> 10 & 0x1f));
            let absolute = match exponent {
                0 => mantissa * 2_f64.powi(-24),
                0x1f if mantissa == 0.0 => f64::INFINITY,
                0x1f => return None,
                _ => (mantissa + 1024.0) * 2_f64.powi(exponent - 25),
            };
            Some(if bits >> 15 == 1 { -absolute } else { absolute })
        }
        4 => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        8 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        // The format of x87: 64 bits, then sign and exponent.
        16 => {
            let mantissa = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?) as f64;
            let top = u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?);
            let exponent = i32::from(top & 0x7fff) - 16_383 - 63;
            let absolute = mantissa * 2_f64.powi(exponent.max(-1_000)) * 2_f64.powi((exponent + 1_000).min(0));
            Some(if top >> 15 == 1 { -absolute } else { absolute })
        }
        _ => None,
    }
}

/// An integer in little-endian two's complement of at most 128 bits.
pub(super) fn wide(digits: &[u8]) -> Option<i128> {
    let fill = if digits.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
    let (low, high) = digits.split_at_checked(16).unwrap_or((digits, &[]));
    let mut bytes = [fill; 16];
    bytes.get_mut(..low.len())?.copy_from_slice(low);
    let number = i128::from_le_bytes(bytes);
    let fits = high.iter().all(|byte| *byte == fill) && (number < 0) == (fill != 0);
    fits.then_some(number)
}

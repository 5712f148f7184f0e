//! Integers of more than 64 bits, which the symbolic machine does not decode.
//!
//! Binary protocols write them in little-endian two's complement (LONG1, LONG4), protocols 0 and 1 in decimal (LONG).

use std::borrow::Cow;

/// The most decimal digits that are converted: the time grows with the square of their number.
const MAX_DIGITS: usize = 2000;

/// The value of an integer of more than 64 bits, from its opcode with the argument.
pub(super) fn large_integer(opcode: &[u8]) -> Cow<'_, [u8]> {
    match opcode {
        // LONG1 has a length of one byte, LONG4 of four.
        [0x8a, _, digits @ ..] | [0x8b, _, _, _, _, digits @ ..] => Cow::Borrowed(shortest(digits)),
        [_, line @ ..] => {
            let line = line.trim_ascii().strip_suffix(b"L").unwrap_or(line.trim_ascii());
            from_decimal(line).map_or(Cow::Borrowed(line), Cow::Owned)
        }
        [] => Cow::Borrowed(&[]),
    }
}

/// Strips the bytes at the end that only repeat the sign.
fn shortest(mut digits: &[u8]) -> &[u8] {
    while let [rest @ .., before, last] = digits {
        let sign = if before & 0x80 != 0 { 0xff } else { 0 };
        if *last != sign {
            break;
        }
        digits = digits.get(..rest.len() + 1).unwrap_or_default();
    }
    digits
}

fn from_decimal(line: &[u8]) -> Option<Vec<u8>> {
    let (negative, digits) = match line {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits {
        // Multiplies the number so far by ten and adds the digit.
        let mut carry = u16::from(digit - b'0');
        for byte in &mut bytes {
            carry += u16::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    // Without this byte a high bit in the last one would read as a sign.
    bytes.push(0);
    if negative {
        // Two's complement: all bits inverted, plus one.
        let mut carry = true;
        for byte in &mut bytes {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    Some(shortest(&bytes).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form_in_all_protocols() {
        let one = |opcode: &'static [u8]| large_integer(opcode).into_owned();
        let big = [0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(one(b"\x8a\x09\0\0\0\0\0\0\0\0\x01"), big);
        assert_eq!(one(b"\x8a\x0b\0\0\0\0\0\0\0\0\x01\0\0"), big);
        assert_eq!(one(b"\x8b\x09\0\0\0\0\0\0\0\0\0\0\0\x01"), big);
        assert_eq!(one(b"L18446744073709551616L\n"), big);
        assert_eq!(one(b"L-18446744073709551616L\n"), [0, 0, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(one(b"L-9223372036854775809L\n"), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff]);
        assert_eq!(shortest(b"\xff\xff"), b"\xff");
        assert_eq!(shortest(b"\xff\0"), b"\xff\0");
    }
}

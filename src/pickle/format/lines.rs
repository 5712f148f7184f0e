//! The arguments of protocol 0, which are lines of ASCII, read as CPython's C unpickler reads them.
//!
//! The counterparts in `Modules/_pickle.c` are `load_int`, `load_long`, `load_float`, `load_string` and `load_unicode`.
//! Each function takes a line without its newline; an error describes the fault in a few words.

use std::borrow::Cow;

use super::argument::Argument;
use super::py_str::{PyStr, push_code_point};

type LineProblem = &'static str;

const NOT_AN_INTEGER: LineProblem = "not an integer";

/// INT: an integer with Python's prefixes, or a bool. Picklers write `00` and `01` for these; the C unpickler takes
/// every line of two characters for one that `strtol` reads as 0 or 1.
pub(super) fn integer(line: &[u8]) -> Result<Argument<'static>, LineProblem> {
    match line {
        [b'0' | b'+' | b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r', digit @ (b'0' | b'1')] => {
            Ok(Argument::Bool(*digit == b'1'))
        }
        b"-0" => Ok(Argument::Bool(false)),
        _ => octal_integer(line).map_or_else(|| int(line, None), |number| Ok(Argument::Int(number))),
    }
}

/// An integer with leading zeros. CPython reads INT by C's `strtol` first, which takes it for an octal one.
fn octal_integer(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line).ok()?.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_octal = digits.starts_with('0') && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    i64::from_str_radix(text, 8).ok().filter(|_| is_octal)
}

/// LONG: an integer, usually followed by an `L`.
pub(super) fn long(line: &[u8]) -> Result<Argument<'static>, LineProblem> {
    int(line.strip_suffix(b"L").unwrap_or(line), None)
}

/// The longest line, in bytes, that is accepted as a memo index. Python accepts any number of leading zeros, but no
/// pickler writes them, and the machine parses these lines repeatedly.
const MAX_INDEX_LINE: usize = 64;

/// GET and PUT: a memo index.
pub(super) fn index(line: &[u8]) -> Result<Argument<'static>, LineProblem> {
    match int(line, Some(10)) {
        Ok(Argument::Int(index)) if index >= 0 && line.len() <= MAX_INDEX_LINE => Ok(Argument::Int(index)),
        _ => Err("not a memo index"),
    }
}

/// An integer as Python's `int` accepts it: surrounding blanks, a sign, a prefix if no base is given, `_` between
/// digits.
fn int(line: &[u8], base: Option<u32>) -> Result<Argument<'static>, LineProblem> {
    let is_prefixable = base.is_none();
    let TextInteger { negative, base, digits } = TextInteger::of_line(line, base).ok_or(NOT_AN_INTEGER)?;
    let clean = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    if digits.is_empty() || !clean || !digits.chars().all(|c| c == '_' || c.is_digit(base)) {
        return Err(NOT_AN_INTEGER);
    }
    // Python reads octal numbers of C only if they are short, see `octal_integer`.
    if is_prefixable && base == 10 && digits.starts_with('0') && digits.contains(|c| matches!(c, '1'..='9')) {
        return Err(NOT_AN_INTEGER);
    }
    // Negative numbers are built up from negative digits, as `i64::MIN` has no positive counterpart.
    let mut value: i64 = 0;
    for digit in digits.chars().filter_map(|c| c.to_digit(base)) {
        let step = if negative { -i64::from(digit) } else { i64::from(digit) };
        match value.checked_mul(i64::from(base)).and_then(|value| value.checked_add(step)) {
            Some(next) => value = next,
            None => return Ok(Argument::LargeInt),
        }
    }
    Ok(Argument::Int(value))
}

/// The most decimal digits of an integer that is written as text: Python's own limit.
pub(crate) const MAX_DIGITS: usize = 4300;

/// An integer that is written as text.
pub(crate) struct TextInteger<'l> {
    /// Whether it has a minus sign.
    pub(crate) negative: bool,
    /// The base of the digits.
    pub(crate) base: u32,
    /// The digits, with `_` between them.
    pub(crate) digits: &'l str,
}

impl<'l> TextInteger<'l> {
    /// The integer of an INT or LONG, whose bytes these are.
    pub(crate) fn of_opcode(bytes: &'l [u8]) -> Option<Self> {
        let line = bytes.get(1..)?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Self::of_line(line.strip_suffix(b"L").unwrap_or(line), None)
    }

    fn of_line(line: &'l [u8], base: Option<u32>) -> Option<Self> {
        let number = std::str::from_utf8(line).ok()?.trim();
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (base, digits) = base.map_or_else(|| prefixed(number), |base| (base, number));
        Some(Self { negative, base, digits })
    }

    /// Whether it has more digits than an untrusted load accepts. Python limits only decimal digits: reading these
    /// takes time in proportion to the square of their number.
    pub(crate) fn is_too_long(&self) -> bool {
        self.digits.len() > MAX_DIGITS
    }
}

/// The base that a prefix such as `0x` means, and the digits after it.
fn prefixed(number: &str) -> (u32, &str) {
    let base = match number.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => return (10, number),
    };
    let digits = number.get(2..).unwrap_or_default();
    (base, digits.strip_prefix('_').unwrap_or(digits))
}

/// FLOAT. Rust accepts what `PyOS_string_to_double` accepts: `1e5`, `1.`, `.5`, `inf`, `nan`. A number that is too
/// large is an `OverflowError` there, and infinite here.
pub(super) fn float(line: &[u8]) -> Result<Argument<'static>, LineProblem> {
    let string = std::str::from_utf8(line).ok();
    let number: f64 = string.and_then(|string| string.parse().ok()).ok_or("not a float")?;
    if number.is_infinite() && line.iter().any(u8::is_ascii_digit) {
        return Err("a float that is too large");
    }
    Ok(Argument::Float(number))
}

/// STRING: a `str` of Python 2 as its `repr` wrote it.
pub(super) fn quoted(line: &[u8]) -> Result<Argument<'_>, LineProblem> {
    let inner = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err("not quoted"),
    };
    if !inner.contains(&b'\\') {
        return Ok(Argument::OldStr(Cow::Borrowed(inner)));
    }
    unescape(inner).map(|bytes| Argument::OldStr(Cow::Owned(bytes)))
}

/// Decodes the escapes of a bytes literal, as `PyBytes_DecodeEscape` does.
fn unescape(literal: &[u8]) -> Result<Vec<u8>, LineProblem> {
    let mut bytes = Vec::with_capacity(literal.len());
    let mut rest = literal.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next().ok_or("it ends with a backslash")? {
            // An escaped newline means nothing.
            b'\n' => {}
            quote @ (b'\\' | b'\'' | b'"') => bytes.push(quote),
            b'b' => bytes.push(0x08),
            b'f' => bytes.push(0x0c),
            b't' => bytes.push(b'\t'),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b'v' => bytes.push(0x0b),
            b'a' => bytes.push(0x07),
            b'x' => bytes.push(escaped_byte(&mut rest)?),
            first @ b'0'..=b'7' => bytes.push(octal(first, &mut rest)),
            // Python keeps an unknown escape as it is.
            other => bytes.extend([b'\\', other]),
        }
    }
    Ok(bytes)
}

/// Reads exactly two hexadecimal digits.
fn escaped_byte(rest: &mut impl Iterator<Item = u8>) -> Result<u8, LineProblem> {
    let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
    match (digit(), digit()) {
        (Some(high), Some(low)) => Ok((high * 16 + low) as u8),
        _ => Err("an incomplete \\x escape"),
    }
}

/// Reads up to two more octal digits; `\777` is truncated to a byte, as in Python.
fn octal(first: u8, rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> u8 {
    let mut value = first - b'0';
    for _ in 0..2 {
        let Some(digit) = rest.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
        value = value.wrapping_mul(8) | (digit - b'0');
    }
    value
}

/// UNICODE: raw-unicode-escape, where only `\u` and `\U` are escapes and all other bytes are Latin-1.
pub(super) fn escaped(line: &[u8]) -> Result<Argument<'_>, LineProblem> {
    // The usual case, which needs no copy.
    if line.is_ascii() && !line.contains(&b'\\') {
        return PyStr::new(line).map(Argument::Str).ok_or("not a string");
    }
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            push_code_point(&mut bytes, u32::from(byte));
            continue;
        }
        match rest.next() {
            Some(b'u') => escaped_code_point(&mut rest, 4, &mut bytes)?,
            Some(b'U') => escaped_code_point(&mut rest, 8, &mut bytes)?,
            // A backslash before any other character is just a backslash.
            other => {
                bytes.push(b'\\');
                other.map(|byte| push_code_point(&mut bytes, u32::from(byte)));
            }
        }
    }
    PyStr::new(bytes).map(Argument::Str).ok_or("not a string")
}

/// Reads the hexadecimal digits of a `\u` or `\U` escape and appends the code point.
fn escaped_code_point(
    rest: &mut impl Iterator<Item = u8>,
    digits: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), LineProblem> {
    let mut code: u32 = 0;
    for _ in 0..digits {
        let digit = rest.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or("an incomplete \\u escape")?;
        // Eight digits fill the 32 bits exactly.
        code = code << 4 | digit;
    }
    if push_code_point(bytes, code) { Ok(()) } else { Err("a \\U escape beyond Unicode") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        let cases: [(&[u8], Argument<'_>); 13] = [
            (b"00", Argument::Bool(false)),
            (b"01", Argument::Bool(true)),
            (b"+1", Argument::Bool(true)),
            (b" 0", Argument::Bool(false)),
            (b"-0", Argument::Bool(false)),
            (b"-1", Argument::Int(-1)),
            (b"1 ", Argument::Int(1)),
            (b"-5", Argument::Int(-5)),
            (b"0x_ff", Argument::Int(255)),
            (b" 1_000 ", Argument::Int(1000)),
            (b"-9223372036854775808", Argument::Int(i64::MIN)),
            (b"9223372036854775808", Argument::LargeInt),
            (b"0", Argument::Int(0)),
        ];
        for (line, expected) in cases {
            assert_eq!(integer(line), Ok(expected));
        }
        assert_eq!(long(b"7L"), Ok(Argument::Int(7)));
        for bad in [&b""[..], b"x", b"1__0", b"_1", b"-", b"0x", b"\xff", b"1 2"] {
            assert_eq!(integer(bad), Err(NOT_AN_INTEGER));
        }
        // INT with leading zeros is octal as in C; LONG is not, and neither is a number that does not fit into a
        // `long`.
        for (line, expected) in [(&b"0012"[..], 10), (b"-0012", -10), (b"+07", 7), (b"000", 0), (b"0_0", 0)] {
            assert_eq!(integer(line), Ok(Argument::Int(expected)));
        }
        for bad in [&b"08"[..], b"0_1", b"-09", b"0777777777777777777777777"] {
            assert_eq!(integer(bad), Err(NOT_AN_INTEGER), "{bad:?}");
        }
        assert_eq!(long(b"00L"), Ok(Argument::Int(0)));
        assert!(long(b"0012").is_err() && long(b"-012L").is_err());
        assert!(index(b"-1").is_err() && index(b"0x1").is_err());
    }

    #[test]
    fn strings_of_python_2_are_unescaped() {
        assert_eq!(quoted(b"'a\\n\\x41\\101\\q'"), Ok(Argument::OldStr(Cow::Borrowed(b"a\nAA\\q"))));
        for bad in [&b"abc"[..], b"'abc\"", b"'", b"'\\'", b"'\\x4'"] {
            assert!(quoted(bad).is_err());
        }
    }

    #[test]
    fn raw_unicode_escapes_are_decoded() {
        let string = |bytes: &'static [u8]| Ok(Argument::Str(PyStr::new(bytes).expect("a string")));
        assert_eq!(escaped(b"a\\u000ab\\\\u0041\xe9"), string("a\nb\\\\u0041é".as_bytes()));
        assert_eq!(escaped(b"\\U0001f600\\ud800"), string(b"\xf0\x9f\x98\x80\xed\xa0\x80"));
        assert!(escaped(b"\\u12").is_err() && escaped(b"\\U00110000").is_err());
    }

    #[test]
    fn floats_are_read_as_python_reads_them() {
        assert_eq!(float(b"1e5"), Ok(Argument::Float(1e5)));
        assert_eq!(float(b"-inf"), Ok(Argument::Float(f64::NEG_INFINITY)));
        assert_eq!(float(b"1.7976931348623157e308"), Ok(Argument::Float(f64::MAX)));
        assert_eq!(float(b"1e-400"), Ok(Argument::Float(0.0)));
        for too_large in [&b"1e400"[..], b"-1e400", b"1.8e308"] {
            assert_eq!(float(too_large), Err("a float that is too large"));
        }
        assert!(float(b"1.0 ").is_err() && float(b"").is_err());
    }
}

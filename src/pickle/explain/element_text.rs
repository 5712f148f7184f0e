//! One element of an array of numpy in the words of a save: the `str` or `repr` of the Python object that `tolist()`
//! makes of it.

use super::value_preview::python_float;

/// The most bytes of a number.
const LONGEST_NUMBER: usize = 16;
/// The value of dates and time differences that means none.
const NOT_A_TIME: i64 = i64::MIN;
/// The days from 1970-01-01 to the first and the last day that Python has.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;
/// The most days of a time difference in Python.
const MAX_DAYS: i64 = 999_999_999;
/// The units of times in a day.
const IN_A_DAY: [(&str, i64); 6] =
    [("D", 1), ("h", 24), ("m", 1_440), ("s", 86_400), ("ms", 86_400_000), ("us", 86_400_000_000)];
/// The units that are finer than those of Python. numpy gives their values as integers.
const FINE: [&str; 4] = ["ns", "ps", "fs", "as"];

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ElementText {
    /// The shown text.
    Shown(String),
    /// A string, of which a part may be shown.
    Text(String),
    /// The same for bytes.
    Bytes(Vec<u8>),
}

/// The element with these bytes, of a dtype with this code, and this unit if it is a date or a time difference; `None`
/// if it is none that is known here.
pub(super) fn element_text(code: &str, unit: Option<&str>, item: &[u8], is_big: bool) -> Option<ElementText> {
    Some(match code.chars().next()? {
        'S' => ElementText::Bytes(item.get(..filled(item))?.to_vec()),
        'U' => {
            let points = item.as_chunks::<4>().0.iter();
            let points =
                points.map(|point| if is_big { u32::from_be_bytes(*point) } else { u32::from_le_bytes(*point) });
            let letters: String = points.map(char::from_u32).collect::<Option<_>>()?;
            ElementText::Text(letters.trim_end_matches('\0').to_owned())
        }
        _ => ElementText::Shown(number(code, unit, item, is_big)?),
    })
}

/// The length without the zeros at the end, which numpy does not take for a part of the string.
fn filled(item: &[u8]) -> usize {
    item.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A number, a date or a time difference.
fn number(code: &str, unit: Option<&str>, item: &[u8], is_big: bool) -> Option<String> {
    if let Some(half) = match code {
        "c8" => Some(4),
        "c16" => Some(8),
        _ => None,
    } {
        let (real, imaginary) = item.split_at_checked(half)?;
        return Some(python_complex(float(real, is_big)?, float(imaginary, is_big)?));
    }
    let unsigned = unsigned(item, is_big)?;
    let unused = 64_usize.checked_sub(8 * item.len()).and_then(|bits| u32::try_from(bits).ok())?;
    let signed = unsigned.wrapping_shl(unused).cast_signed() >> unused;
    Some(match code {
        "b1" => if unsigned == 0 { "False" } else { "True" }.to_owned(),
        "i1" | "i2" | "i4" | "i8" => signed.to_string(),
        "u1" | "u2" | "u4" | "u8" => unsigned.to_string(),
        "f2" | "f4" | "f8" => python_float(float(item, is_big)?),
        "M8" | "m8" if signed == NOT_A_TIME => "None".to_owned(),
        "M8" => moment(unit?, signed)?,
        "m8" => difference(unit?, signed)?,
        _ => return None,
    })
}

/// The bytes as an integer.
fn unsigned(item: &[u8], is_big: bool) -> Option<u64> {
    let mut bytes = [0; LONGEST_NUMBER / 2];
    for (at, byte) in item.iter().enumerate() {
        let at = if is_big { item.len() - 1 - at } else { at };
        *bytes.get_mut(at)? = *byte;
    }
    Some(u64::from_le_bytes(bytes))
}

fn float(item: &[u8], is_big: bool) -> Option<f64> {
    let bits = unsigned(item, is_big)?;
    Some(match item.len() {
        2 => half_float(u16::try_from(bits).ok()?),
        4 => f64::from(f32::from_bits(u32::try_from(bits).ok()?)),
        8 => f64::from_bits(bits),
        _ => return None,
    })
}

/// A float of 16 bits: a sign, five bits of exponent, ten of the fraction.
fn half_float(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// A complex number as Python's `repr` writes it: `(1+2j)`, and `2j` without a real part.
fn python_complex(real: f64, imaginary: f64) -> String {
    let part = |number: f64| {
        let text = python_float(number);
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", part(imaginary));
    }
    let text = part(imaginary);
    let sign = if text.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{text}j)", part(real))
}

/// The type of the object that a date becomes, or the number that it stays.
fn moment(unit: &str, count: i64) -> Option<String> {
    let days = match unit {
        // Only years and months that are certainly dates are shown.
        "Y" => Some((-1_900..=8_000).contains(&count).then_some(0)?),
        "M" => Some((-20_000..=90_000).contains(&count).then_some(0)?),
        "W" => count.checked_mul(7),
        _ if FINE.contains(&unit) => None,
        _ => Some(count.div_euclid(IN_A_DAY.iter().find(|(known, _)| *known == unit)?.1)),
    };
    let kind = if ["Y", "M", "W", "D"].contains(&unit) { "<datetime.date>" } else { "<datetime.datetime>" };
    let is_in_python = days.is_some_and(|days| (FIRST_DAY..=LAST_DAY).contains(&days));
    Some(if is_in_python { kind.to_owned() } else { count.to_string() })
}

/// The same for a time difference.
fn difference(unit: &str, count: i64) -> Option<String> {
    let days = match unit {
        "Y" | "M" => None,
        "W" => count.checked_mul(7),
        _ if FINE.contains(&unit) => None,
        _ => Some(count.div_euclid(IN_A_DAY.iter().find(|(known, _)| *known == unit)?.1)),
    };
    let is_in_python = days.is_some_and(|days| (-MAX_DAYS..=MAX_DAYS).contains(&days));
    Some(if is_in_python { "<datetime.timedelta>".to_owned() } else { count.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_python() {
        let complex = [&1.0_f64.to_le_bytes()[..], &(-2.5_f64).to_le_bytes()].concat();
        let imaginary = [&0.0_f32.to_le_bytes()[..], &1e16_f32.to_le_bytes()].concat();
        let cases: [(&str, &[u8], bool, Option<&str>); 15] = [
            ("b1", &[1], false, Some("True")),
            ("i1", &[0xff], false, Some("-1")),
            ("i2", &[0xff, 0xfe], true, Some("-2")),
            ("u2", &[1, 2], true, Some("258")),
            ("i8", &[0xff; 8], false, Some("-1")),
            ("u8", &[0xff; 8], false, Some("18446744073709551615")),
            ("f4", &0.1_f32.to_le_bytes(), false, Some("0.10000000149011612")),
            ("f8", &1e16_f64.to_be_bytes(), true, Some("1e+16")),
            ("f2", &[0x66, 0x2e], false, Some("0.0999755859375")),
            ("f2", &[0x80, 0x01], true, Some("-5.960464477539063e-08")),
            ("f2", &[0xfc, 0x00], true, Some("-inf")),
            ("c16", &complex, false, Some("(1-2.5j)")),
            ("c8", &imaginary, false, Some("1.0000000272564224e+16j")),
            ("f16", &[0; 16], false, None),
            ("V2", &[0, 0], false, None),
        ];
        for (code, item, is_big, text) in cases {
            assert_eq!(number(code, None, item, is_big).as_deref(), text, "{code}");
        }
    }

    #[test]
    fn strings_lose_the_zeros_at_their_end() {
        let text = |code, item: &[u8], is_big| element_text(code, None, item, is_big);
        assert_eq!(text("S4", b"a\0b\0", false), Some(ElementText::Bytes(b"a\0b".to_vec())));
        assert_eq!(text("U2", &[0, 0, 0, b'a', 0, 0, 0, 0], true), Some(ElementText::Text("a".to_owned())));
        assert_eq!(text("U1", &[0xff; 4], false), None);
    }

    #[test]
    fn dates_are_shown_by_their_type_unless_python_has_none() {
        let shown = |code, unit, count: i64| number(code, Some(unit), &count.to_le_bytes(), false);
        for (code, unit, count, text) in [
            ("M8", "D", 0, "<datetime.date>"),
            ("M8", "D", 3_000_000, "3000000"),
            ("M8", "us", -1, "<datetime.datetime>"),
            ("M8", "ns", 5, "5"),
            ("M8", "s", i64::MIN, "None"),
            ("m8", "h", 24, "<datetime.timedelta>"),
            ("m8", "Y", 2, "2"),
        ] {
            assert_eq!(shown(code, unit, count).as_deref(), Some(text), "{code}[{unit}]");
        }
        assert_eq!(shown("M8", "25s", 1), None);
    }
}

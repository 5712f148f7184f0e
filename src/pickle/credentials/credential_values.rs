//! Tests of a value alone, without its name: whether it looks random, is a placeholder for a credential, or is an
//! encoded pair of a user and a password.

/// From this length on, a value without spaces that has a digit looks like a token.
const LONG: usize = 16;
/// From this length on, it does if it has three kinds of characters.
const MIXED: usize = 11;
/// From this length on, it does if letters and digits alternate at least [`CHANGES`] times.
const SHORT: usize = 6;
const CHANGES: usize = 3;
/// The longest upper-case word that counts as a placeholder, as in `--password=PASSWORD`.
const LONGEST_WORD: usize = 20;
/// Types and constants, as in the JSON schema `{"password": "string"}`.
const NO_VALUES: [&str; 7] = ["string", "str", "text", "none", "null", "true", "false"];

/// Whether a value looks random, unlike a word, or a word with a number: `covid-19`.
pub(super) fn looks_random(value: &str) -> bool {
    let has = |test: fn(&char) -> bool| value.chars().any(|c| test(&c));
    let has_digit = has(char::is_ascii_digit);
    let kinds = [has_digit, has(|c| c.is_lowercase()), has(|c| c.is_uppercase()), has(|c| !c.is_alphanumeric())];
    let is_mixed = kinds.into_iter().filter(|kind| *kind).count() >= 3;
    has_digit && !has(|c| c.is_whitespace()) && (value.len() >= LONG || value.len() >= MIXED && is_mixed)
}

/// Whether letters and digits alternate in a short value, unlike in words with a number: `python3`, `2nd`.
pub(super) fn is_mixed(value: &str) -> bool {
    let kinds: Vec<bool> = value.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.is_ascii_digit()).collect();
    let changes = kinds.windows(2).filter(|pair| pair.first() != pair.last()).count();
    kinds.len() == value.chars().count() && kinds.len() >= SHORT && changes >= CHANGES
}

/// Whether a value is just a word or a number, like many defaults of parameters: `password="postgres"`.
pub(crate) fn is_plain_word(value: &str) -> bool {
    value.chars().all(char::is_alphabetic) || is_number(value)
}

pub(super) fn is_number(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_digit())
}

/// Whether a value is certainly a placeholder: `<password>`, `{password}`, `$PASSWORD`, `***`, `string`.
pub(super) fn is_stand_in(value: &str) -> bool {
    let within = |start: &str, end: &str| value.starts_with(start) && value.ends_with(end);
    within("<", ">")
        || within("{", "}")
        || within("${", "}")
        || value.strip_prefix('$').is_some_and(is_word_in_capitals)
        || value.chars().all(|c| c == '*')
        || NO_VALUES.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether a value is a placeholder: `{password}`, `$PASSWORD`, `<password>`, `***`.
pub(super) fn is_placeholder(value: &str) -> bool {
    value.is_empty()
        || value.starts_with(['{', '$', '<', '%', '('])
        || value.chars().all(|c| c == '*' || c == '.' || c == 'x')
        || ["none", "null", "true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether a value is an upper-case word, as in `usage: prog --password=PASSWORD`.
pub(super) fn is_word_in_capitals(value: &str) -> bool {
    (1..=LONGEST_WORD).contains(&value.len()) && value.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Whether a value is `user:password` in Base64, as in a `Basic` header, or another text with the padding of Base64.
pub(super) fn is_encoded_login(value: &str) -> bool {
    let digits = value.trim_end_matches('=');
    if digits.len() % 4 == 1 || value.len() - digits.len() > 2 {
        return false;
    }
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for letter in digits.bytes() {
        let number = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = (bits << 6 | u32::from(number)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.extend(u8::try_from(bits >> count & 0xff));
        }
    }
    let is_text = |text: &str| (text.contains(':') || value.ends_with('=')) && !text.chars().any(char::is_control);
    std::str::from_utf8(&bytes).is_ok_and(is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_values_are_told_from_words() {
        for value in ["9f86d081884c7d659a2feaa0", "obj-hunter2", "aB3dE5gH7jK"] {
            assert!(looks_random(value), "{value}");
        }
        for value in ["covid-19x", "Covid-19", "internationalization", "", "a long text with 1 digit"] {
            assert!(!looks_random(value), "{value}");
        }
    }

    #[test]
    fn logins_are_decoded() {
        assert!(is_encoded_login("dXNlcjpwYXNz") && is_encoded_login("aGVhZGVyLWh1bnRlcjI6eA=="));
        assert!(!is_encoded_login("Algebra101") && !is_encoded_login("dXNlcnVzZXJ1c2Vy") && !is_encoded_login("a"));
    }
}

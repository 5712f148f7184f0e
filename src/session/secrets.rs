//! Finds variables that look like credentials, by their names and by the prefixes of string values.
//!
//! Only exact strings, bytes, dicts, lists and tuples are inspected, one level deep: no code of the session runs. It
//! is a guess: ordinary names (`tokens`, `tokenizer`, `secret_santa`) must not cause a warning, so some secrets will
//! not either.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyFunction, PyList, PySlice, PyString, PyTuple};

/// The last words of names of credentials.
const NAMES: &[&[&str]] = &[
    &["password"],
    &["passwd"],
    &["passphrase"],
    &["secret"],
    &["token"],
    &["api", "key"],
    &["apikey"],
    &["private", "key"],
    &["access", "key"],
    &["secret", "key"],
    &["signing", "key"],
    &["encryption", "key"],
    &["access", "key", "id"],
    &["credential"],
    &["credentials"],
];
/// Words before `token` that give it another meaning, as in language models and paginated results.
const OTHER_TOKENS: &[&str] =
    &["pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "start", "end", "next", "page", "stop", "current"];
/// The shortest value, in bytes, of a variable named just `token` that may be a credential.
const SHORTEST_TOKEN: usize = 16;

/// The prefix of a credential, the fewest bytes after it, and what the credential is.
const PREFIXES: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghr_", 30, "a GitHub token"),
    ("github_pat_", 20, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("xoxb-", 10, "a Slack token"),
    ("xoxp-", 10, "a Slack token"),
    ("xoxa-", 10, "a Slack token"),
    ("xoxr-", 10, "a Slack token"),
    ("xoxs-", 10, "a Slack token"),
    ("sk-", 20, "an API key"),
    ("hf_", 30, "a Hugging Face token"),
    ("AIza", 35, "a Google API key"),
];
const PEM: (&str, &str) = ("-----BEGIN ", "PRIVATE KEY-----");
/// The prefix of a JSON Web Token: `{"` in Base64. It has three parts, separated by dots.
const JWT: &str = "eyJ";

/// How many characters of a string are searched.
const MAX_CHARS: usize = 4096;
/// How many items of a container are searched.
const MAX_ITEMS: usize = 1000;
/// A dict with this many items of the environment is taken for a copy of it.
const ENVIRONMENT_ITEMS: usize = 8;

/// Why a variable looks like a credential; empty if it does not.
pub(super) fn secrets(name: &str, value: &Bound<'_, PyAny>) -> Vec<String> {
    let mut found = Vec::new();
    if value.is_exact_instance_of::<PyFunction>() {
        return found;
    }
    if let Some(string) = string_head(value) {
        found.extend(reason_in_name(name, &string).or_else(|| reason_in_value(&string)));
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        if holds_environment(dict).unwrap_or(false) {
            // One reason is enough: the environment usually contains several credentials.
            return vec!["a copy of the environment".to_owned()];
        }
        for (key, item) in dict.iter().take(MAX_ITEMS) {
            let (Some(key), Some(item)) = (string_key(&key), string_head(&item)) else { continue };
            let why = reason_in_name(&key, &item).or_else(|| reason_in_value(&item));
            found.extend(why.map(|why| format!("{why}, under key {key:?}")));
        }
    } else if is_environment(value) {
        found.push("the environment".to_owned());
    } else {
        let items: Vec<Bound<'_, PyAny>> = match (value.cast_exact::<PyList>(), value.cast_exact::<PyTuple>()) {
            (Ok(list), _) => list.iter().take(MAX_ITEMS).collect(),
            (_, Ok(tuple)) => tuple.iter().take(MAX_ITEMS).collect(),
            _ => Vec::new(),
        };
        found.extend(items.iter().filter_map(string_head).filter_map(|string| reason_in_value(&string)));
    }
    // A list of keys would otherwise repeat the same reason for each item.
    found.sort();
    found.dedup();
    found
}

/// The beginning of a string or of bytes.
fn string_head(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return Some(String::from_utf8_lossy(bytes.get(..MAX_CHARS).unwrap_or(bytes)).into_owned());
    }
    let string = value.cast_exact::<PyString>().ok()?;
    // Slicing first keeps a string of a gigabyte from being encoded as UTF-8.
    let head = string.get_item(PySlice::new(value.py(), 0, MAX_CHARS as isize, 1)).ok()?;
    Some(head.cast::<PyString>().ok()?.to_string_lossy().into_owned())
}

fn string_key(key: &Bound<'_, PyAny>) -> Option<String> {
    key.is_exact_instance_of::<PyString>().then(|| string_head(key)).flatten()
}

/// The reason why a name says that its value is a credential.
fn reason_in_name(name: &str, value: &str) -> Option<String> {
    let words = words(name);
    // Compare from the end: `db_api_key` ends in `api key`.
    let ends = |pattern: &&&[&str]| {
        words.len() >= pattern.len() && words.iter().rev().zip(pattern.iter().rev()).all(|(word, part)| word == part)
    };
    let pattern = NAMES.iter().find(ends)?;
    let is_token = pattern.last() == Some(&"token");
    let before = words.len().checked_sub(2).and_then(|index| words.get(index));
    // "token" alone is ambiguous: language models and paginated APIs have tokens as well.
    let other = is_token
        && match before {
            Some(before) => OTHER_TOKENS.contains(&before.as_str()) || value.contains(char::is_whitespace),
            None => value.len() < SHORTEST_TOKEN || !value.contains(|c: char| c.is_ascii_digit()),
        };
    (!value.is_empty() && !other).then(|| format!("its name ends in '{}'", pattern.join(" ")))
}

/// The words of `snake_case`, `CONSTANT_CASE`, `camelCase` and `kebab-case`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for letter in name.chars() {
        // A capital after a lower-case letter or digit begins a word; a run of capitals is one word.
        let begins = letter.is_uppercase() && after_lower;
        if !letter.is_alphanumeric() || begins {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The reason why a string contains a credential.
fn reason_in_value(string: &str) -> Option<String> {
    if string.split_once(PEM.0).is_some_and(|(_, rest)| rest.contains(PEM.1)) {
        return Some("contains a private key".to_owned());
    }
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    string.split(|c: char| !part_of_token(c)).find_map(credential_kind).map(|what| format!("contains {what}"))
}

fn credential_kind(word: &str) -> Option<&'static str> {
    let parts: Vec<&str> = word.split('.').collect();
    if word.starts_with(JWT) && parts.len() == 3 && parts.iter().take(2).all(|part| part.len() >= 10) {
        return Some("a JSON Web Token");
    }
    // Prose and identifiers rarely contain digits; random credentials do.
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let fits = |(prefix, least, _): &&(&str, usize, &str)| {
        has_digit && word.strip_prefix(prefix).is_some_and(|rest| rest.len() >= *least && !rest.contains('.'))
    };
    PREFIXES.iter().find(fits).map(|(_, _, what)| *what)
}

fn environment<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    py.import("os")?.getattr("environ")
}

fn is_environment(value: &Bound<'_, PyAny>) -> bool {
    environment(value.py()).is_ok_and(|environment| value.is(&environment))
}

/// Whether a dict is a copy of the environment, or holds many items of it.
fn holds_environment(dict: &Bound<'_, PyDict>) -> PyResult<bool> {
    let environment = environment(dict.py())?.call_method0("copy")?.cast_into::<PyDict>()?;
    let mut same = 0;
    for (key, value) in &environment {
        // The `__eq__` of a script's own key class can run here, but only if its hash is that of the string.
        let found = dict.get_item(&key)?.filter(|found| found.is_exact_instance_of::<PyString>());
        same += usize::from(found.is_some_and(|found| found.eq(&value).unwrap_or(false)));
    }
    Ok(same >= ENVIRONMENT_ITEMS || (same > 0 && same == dict.len() && same == environment.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_found() {
        for name in [
            "password",
            "DB_PASSWORD",
            "dbPassword",
            "api_key",
            "openaiApiKey",
            "apikey",
            "client_secret",
            "AWS_SECRET_ACCESS_KEY",
            "aws_access_key_id",
            "private_key",
            "auth_token",
            "_credentials",
        ] {
            assert!(reason_in_name(name, "hunter2").is_some(), "{name}");
        }
        assert!(reason_in_name("token", "9f86d081884c7d659a2feaa0").is_some());
    }

    #[test]
    fn ordinary_names_cause_no_warning() {
        for name in [
            "tokens",
            "tokenizer",
            "token_count",
            "secret_santa",
            "secretary",
            "password_field_label",
            "key",
            "keyboard",
            "primary_key",
            "pad_token",
            "next_token",
            "passwords_seen",
        ] {
            assert_eq!(reason_in_name(name, "value1"), None, "{name}");
        }
        assert_eq!((reason_in_name("token", "the"), reason_in_name("password", "")), (None, None));
        assert_eq!(reason_in_name("token", "internationalization"), None);
    }

    #[test]
    fn values_of_credentials_are_found() {
        let random = "a1B2c3D4e5F6g7H8i9J0".repeat(3);
        let values = [
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), "an AWS access key"),
            (format!("ghp_{}", &random[..36]), "a GitHub token"),
            (format!("github_pat_{random}"), "a GitHub token"),
            (format!("token=xoxb-{random}"), "a Slack token"),
            (format!("sk-ant-{random}"), "an API key"),
            (format!("Bearer eyJhbGciOiJIUzI1.{random}.{random}"), "a JSON Web Token"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII".to_owned(), "a private key"),
        ];
        for (string, what) in values {
            assert_eq!(reason_in_value(&string).as_deref(), Some(format!("contains {what}").as_str()), "{string}");
        }
        for string in ["sk-learn", "ask-me-anything-about-it-please", "eyJ", "AKIA", "hf_transformers", "a.b.c"] {
            assert_eq!(reason_in_value(string), None, "{string}");
        }
        assert_eq!(reason_in_value("-----BEGIN CERTIFICATE-----"), None);
    }
}

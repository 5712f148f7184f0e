//! Names of credentials, such as `DB_PASSWORD`, and the values that are credentials only under such a name.
//!
//! A name is split into words, and its last words are compared with a table. Whether the value fits the name is decided
//! here as well: `token = "python3"` and `password_file = "/etc/x"` are ordinary variables.

use super::credential_values::{is_mixed, is_placeholder, is_stand_in, is_word_in_capitals, looks_random};

/// The last words of names of credentials.
const NAMES: &[&[&str]] = &[
    &["password"],
    &["passwd"],
    &["passphrase"],
    &["secret"],
    &["secret", "value"],
    &["token"],
    &["api", "key"],
    &["apikey"],
    &["private", "key"],
    &["access", "key"],
    &["account", "key"],
    &["secret", "key"],
    &["signing", "key"],
    &["encryption", "key"],
    &["access", "key", "id"],
    &["credential"],
    &["credentials"],
    &["creds"],
    &["authorization"],
    &["auth", "header"],
    &["cookie"],
    &["pass", "phrase"],
    &["license", "key"],
    &["bearer"],
    &["jwt"],
    &["passwort"],
    &["kennwort"],
    &["mot", "de", "passe"],
];
/// The last words of names that are too short to mean a credential, unless the value looks like a password: with
/// letters and digits, and none of a path.
const SHORT_NAMES: [&[&str]; 9] = [
    &["pw"],
    &["bpw"],
    &["pwd"],
    &["psw"],
    &["passw"],
    &["pin", "code"],
    &["pincode"],
    &["user", "pass"],
    &["db", "pass"],
];
/// As [`SHORT_NAMES`], if there is no other word: `first_pass` is something else.
const PASS: &str = "pass";
/// The ends of these names: a quick test rules out most ordinary names.
const ENDINGS: [&str; 27] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "value",
    "token",
    "key",
    "id",
    "credential",
    "credentials",
    "creds",
    "authorization",
    "cookie",
    "netloc",
    "header",
    "phrase",
    "bearer",
    "jwt",
    "passwort",
    "kennwort",
    "passe",
    "pw",
    "pwd",
    "psw",
    "passw",
    "pass",
    "code",
];
/// The ends of names that are written as one word: `PGPASSWORD`.
const JOINED: [&str; 2] = ["password", "passwd"];
/// What may follow the name of a credential, beside a number: `password_old`.
const SUFFIXES: [&str; 3] = ["_old", "_new", "_backup"];
/// Words before `token` that give it another meaning, as in language models and paginated results.
const OTHER_TOKENS: &[&str] = &[
    "pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "start", "end", "next", "page", "stop", "current",
    "n", "num", "max", "min",
];
/// The names whose values in a string may be numbers: `password=1234`.
pub(super) const NUMBERS: [&str; 3] = ["password", "passwd", "passphrase"];
/// The smallest number that may be a password.
const SMALLEST_NUMBER: u64 = 1000;
/// The last words of options that are credentials; in the name of a variable, they are too short to mean one.
const OPTIONS: [&str; 6] = ["pass", "passw", "pw", "pwd", "auth", "dsn"];
/// Extensions of files that may hold credentials: a path of such a file is no credential.
const FILES: [&str; 14] =
    [".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".txt", ".env", ".pem", ".key", ".crt", ".p12", ".py", ".csv"];
/// Names of several credentials, and names whose plurals mean something else.
const COLLECTIVE: [&str; 3] = ["credential", "credentials", "creds"];
const NO_PLURALS: [&[&str]; 5] =
    [&["secret", "value"], &["authorization"], &["auth", "header"], &["bearer"], &["access", "key", "id"]];
/// The shortest item of `tokens` and of `passwords` that is a credential.
const LONG_TOKEN: usize = 16;
const SHORT_PASSWORD: usize = 6;
const LONGEST_PASSWORD: usize = 128;
/// Words in a message or a line of code that a credential may follow.
const MESSAGE_WORDS: [&str; 6] = ["password", "passwd", "passphrase", "secret", "credential", "credentials"];

/// The reason why a value is a credential, if its name is the name of one.
pub(crate) fn reason_in_name(name: &str, value: &str) -> Option<String> {
    // A part of a URL that was split.
    if name == "netloc" && has_password(value) {
        return Some("contains a URL with a password".to_owned());
    }
    let Some(pattern) = credential_name(name) else {
        return reason_of_item(name, value).or_else(|| reason_in_short_name(name, value));
    };
    let is_other = pattern == ["token"] && !is_token(name, value)
        || pattern == ["cookie"] && !value.contains('=')
        || matches!(pattern, ["authorization"] | ["auth", "header"]) && !is_authorization(value)
        || matches!(pattern, ["bearer"] | ["jwt"]) && !looks_random(value)
        || is_file(pattern, value)
        // `PASSWORD = "DB_PASSWORD"` names a variable.
        || is_word_in_capitals(value) && credential_name(value).is_some()
        // `PASSWORD = "password"`, as in an enumeration.
        || words(value) == words(name)
        || is_stand_in(value);
    (!value.is_empty() && !is_other).then(|| format!("its name ends in '{}'", pattern.join(" ")))
}

/// The reason why a value with a short name such as `pw` is a credential.
fn reason_in_short_name(name: &str, value: &str) -> Option<String> {
    if !may_name_credential(name) || !is_password(value) {
        return None;
    }
    let words = words(stem(name));
    let pattern = SHORT_NAMES.iter().find(|pattern| {
        words.iter().rev().zip(pattern.iter().rev()).all(|(a, b)| a == b) && words.len() >= pattern.len()
    });
    let pattern = pattern.map(|pattern| pattern.join(" ")).or_else(|| (words == [PASS]).then(|| PASS.to_owned()))?;
    Some(format!("its name ends in '{pattern}'"))
}

/// Whether a value is one word with letters and digits, and neither a path nor an address.
fn is_password(value: &str) -> bool {
    (SHORT_PASSWORD..=LONGEST_PASSWORD).contains(&value.len())
        && value.contains(|c: char| c.is_ascii_digit())
        && value.contains(|c: char| c.is_ascii_alphabetic())
        && !value.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '\\' | '='))
        && !is_file(&["items"], value)
        && !is_stand_in(value)
}

/// The reason why an item of a container is a credential, if the container has a name such as `api_keys`: many such
/// containers hold ordinary strings, so the item must look random, too.
pub(crate) fn reason_of_item(name: &str, value: &str) -> Option<String> {
    let pattern = item_pattern(name)?;
    let has = |test: fn(&char) -> bool| value.chars().any(|c| test(&c));
    let is_random = match pattern {
        // Vocabularies have words with digits, and addresses.
        ["token" | "cookie"] => {
            value.len() >= LONG_TOKEN
                && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                && has(char::is_ascii_digit)
                && has(char::is_ascii_uppercase)
                && has(char::is_ascii_lowercase)
        }
        ["password" | "passwd" | "passphrase"] => {
            value.len() >= SHORT_PASSWORD && has(char::is_ascii_digit) && has(|c| !c.is_ascii_digit())
        }
        _ => looks_random(value),
    };
    let is_other = has(|c| c.is_whitespace())
        || value.contains("://")
        || value.starts_with(['/', '~', '.'])
        || is_file(&["items"], value)
        || is_stand_in(value);
    (is_random && !is_other).then(|| format!("its name ends in '{}'", pattern.join(" ")))
}

/// Whether the values in a container with this name may be credentials, whatever their keys are.
pub(crate) fn names_items(name: &str) -> bool {
    item_pattern(name).is_some()
}

/// The entry of [`NAMES`] in whose plural a name ends.
fn item_pattern(name: &str) -> Option<&'static [&'static str]> {
    let is_collective = |pattern: &&[&str]| COLLECTIVE.contains(&pattern.join(" ").as_str());
    credential_name(name).filter(is_collective).or_else(|| {
        let singular = stem(name).strip_suffix(['s', 'S'])?;
        // `mysecrets`
        let joined = || singular.to_ascii_lowercase().ends_with("secret").then_some(&["secret"][..]);
        credential_name(singular).or_else(joined).filter(|pattern| !NO_PLURALS.contains(pattern))
    })
}

/// The part of a key or label such as `('db', 'password')` that names its value: the last one, or another one if the
/// value looks random.
pub(crate) fn name_in_label(parts: &[String], value: Option<&str>) -> Option<String> {
    let names = |part: &&String| credential_name(part).is_some();
    let is_random = || value.is_some_and(looks_random);
    let last = parts.last().filter(names);
    last.or_else(|| parts.iter().find(names).filter(|_| is_random())).cloned()
}

/// As [`reason_in_name`], for a number (`None` if it does not fit into 64 bits). Most numbers are counts.
pub(crate) fn reason_in_number(name: &str, number: Option<i64>) -> Option<String> {
    let pattern = credential_name(name).filter(|words| NUMBERS.contains(&words.join(" ").as_str()))?;
    let is_large = number.is_none_or(|number| number.unsigned_abs() >= SMALLEST_NUMBER);
    is_large.then(|| format!("its name ends in '{}'", pattern.join(" ")))
}

/// Whether all values of a column, an argument or an option with this name count as credentials.
pub(crate) fn names_credentials(name: &str) -> bool {
    credential_name(name).is_some() && reason_in_name(name, "a1B2c3D4e5F6g7H8").is_some()
}

/// Whether the value of an option is a credential.
pub(crate) fn is_secret_option(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else { return false };
    let before = words.len().checked_sub(2).and_then(|index| words.get(index));
    let is_other_token = last == "token" && before.is_some_and(|before| OTHER_TOKENS.contains(&before.as_str()));
    (credential_name(name).is_some() && !is_other_token) || OPTIONS.contains(&last.as_str())
}

/// The word in a message or a line of code that suggests a credential.
pub(crate) fn word_in_message(text: &str) -> Option<&'static str> {
    let all = words(text);
    MESSAGE_WORDS.into_iter().find(|word| all.iter().any(|found| found == word))
}

/// A quick test whether [`reason_in_name`] may find something. It has no false negatives.
pub(crate) fn may_name_credential(name: &str) -> bool {
    let stem = stem(name);
    let ends = |name: &[u8]| {
        ENDINGS.iter().any(|ending| {
            let start = name.len().checked_sub(ending.len());
            start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
        })
    };
    // `api_keys`
    ends(stem.as_bytes()) || stem.strip_suffix(['s', 'S']).is_some_and(|singular| ends(singular.as_bytes()))
}

/// A name without the number or the word that tells several values apart: `password2`, `API_KEY_OLD`.
fn stem(name: &str) -> &str {
    let without_number = |name: &'_ str| name.trim_end_matches(|c: char| !c.is_ascii_alphabetic()).len();
    let name = name.get(..without_number(name)).unwrap_or_default();
    let suffix = SUFFIXES.iter().find_map(|suffix| {
        let start = name.len().checked_sub(suffix.len())?;
        name.get(start..)?.eq_ignore_ascii_case(suffix).then_some(start)
    });
    let name = suffix.and_then(|start| name.get(..start)).unwrap_or(name);
    name.get(..without_number(name)).unwrap_or_default()
}

/// The entry of [`NAMES`] that a name ends in.
pub(super) fn credential_name(name: &str) -> Option<&'static [&'static str]> {
    if !may_name_credential(name) {
        return None;
    }
    let words = words(stem(name));
    // Compare from the end: `db_api_key` ends in `api key`.
    let ends = |pattern: &&&[&str]| {
        words.len() >= pattern.len() && words.iter().rev().zip(pattern.iter().rev()).all(|(word, part)| word == part)
    };
    // `PGPASSWORD`, `dbpassword`
    let joined = || words.last().is_some_and(|word| JOINED.iter().any(|ending| word.ends_with(ending)));
    NAMES.iter().find(ends).copied().or_else(|| joined().then_some(&["password"]))
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

/// Whether the value of a name like `…token` is a credential: language models and paginated APIs have tokens, too.
pub(super) fn is_token(name: &str, value: &str) -> bool {
    // `<image>`, `[SEP]`, and the patterns of a tokenizer
    if value.starts_with(['<', '[']) || is_pattern(value) {
        return false;
    }
    let words = words(name);
    match words.len().checked_sub(2).and_then(|index| words.get(index)) {
        Some(before) => !OTHER_TOKENS.contains(&before.as_str()) && !value.contains(char::is_whitespace),
        None => looks_random(value) || is_mixed(value),
    }
}

/// Whether a value is a regular expression with groups or classes, which no token has.
fn is_pattern(value: &str) -> bool {
    ["(?", "[^", ")|", "|(", ")*", "]+", "]*", "\\d", "\\w", "\\s"].iter().any(|part| value.contains(part))
}

/// Whether the value of an `Authorization` header is a scheme with a credential, or a credential alone.
pub(super) fn is_authorization(value: &str) -> bool {
    looks_random(value) || value.split_once(' ').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.contains(' '))
}

fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "digest", "token", "negotiate", "apikey"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Whether this is `user:password@host`.
fn has_password(netloc: &str) -> bool {
    let user = netloc.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    user.is_some_and(|(_, password)| !is_placeholder(password) && !is_word_in_capitals(password))
}

/// Whether a value names a file where a credential may be, as in `credentials="service.json"`.
fn is_file(pattern: &[&str], value: &str) -> bool {
    let names_file = FILES.iter().any(|end| value.len() > end.len() && value.ends_with(end));
    let is_path = value.starts_with(['/', '.', '~']) && value.matches('/').count() > 1;
    !NUMBERS.contains(&pattern.join(" ").as_str())
        && !value.contains(char::is_whitespace)
        && (names_file || is_path && !looks_random(value))
}

//! What looks like a credential: the only place that decides it, for variables, arguments, environment variables and
//! tracebacks, while a session is saved and when a file is shown. It knows names and strings: `session::secrets` looks
//! for them in Python objects, [`named_previews`](super::explain::named_previews) in the values of a pickle.
//!
//! It is a guess: ordinary names (`tokens`, `tokenizer`, `secret_santa`) must not cause a warning, so some credentials
//! will not either. Where leaving something out costs little, [`may_be_credential`] guesses on the safe side.

mod credential_values;
mod paired_names;
mod source_literals;
mod text_parts;

use std::ops::Range;

pub(crate) use self::credential_values::is_plain_word;
use self::credential_values::{is_mixed, is_number, is_stand_in, is_word_in_capitals, looks_random};
pub(crate) use self::paired_names::{PairedName, may_be_paired, names_login, paired_name};
#[cfg(feature = "python")]
pub(crate) use self::source_literals::hidden_in_source;
pub(crate) use self::text_parts::is_login_argument;
use self::text_parts::{
    assignments, authorization, header_lines, logins_of_options, pairs, passwords_in_urls, webhooks,
};

/// What stands in place of a credential.
pub(crate) const NOT_SHOWN: &str = "(not shown)";

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
    &["authorization"],
    &["auth", "header"],
    &["cookie"],
    &["pass", "phrase"],
    &["license", "key"],
    &["bearer"],
    &["jwt"],
];
/// The last letters of these names, to tell ordinary names apart quickly.
const ENDINGS: [&str; 17] = [
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
    "authorization",
    "cookie",
    "netloc",
    "header",
    "phrase",
    "bearer",
    "jwt",
];
/// The ends of names of one word.
const JOINED: [&str; 2] = ["password", "passwd"];
/// The names of pairs of a user and a password.
const NAMES_OF_LOGINS: [&str; 3] = ["auth", "login", "credentials"];
/// What shows that a string with `Pwd=` is a connection string: elsewhere, that is often a directory.
const CONNECTIONS: [&str; 6] = ["uid=", "user id=", "user=", "server=", "data source=", "driver="];
/// The last words of options that are too short for a name of a variable.
const OPTIONS: [&str; 6] = ["pass", "passw", "pw", "pwd", "auth", "dsn"];
/// Words before `token` that give it another meaning, as in language models and paginated results.
const OTHER_TOKENS: &[&str] = &[
    "pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "start", "end", "next", "page", "stop", "current",
    "n", "num", "max", "min",
];
/// The names whose values in a string may be numbers: `password=1234`.
const NUMBERS: [&str; 3] = ["password", "passwd", "passphrase"];
/// The shortest string, in bytes, that is searched, and the shortest word that may be a token.
const SHORTEST_TOKEN: usize = 8;
/// The shortest value in `name=value` within a string.
const SHORTEST_VALUE: usize = 4;
/// In a string of several lines, which is prose or code, `name=value` means little; in a longer one, looking for it
/// takes long.
const LONGEST_PAIRS: usize = 1 << 16;
/// The smallest number that may be a password.
const SMALLEST_NUMBER: u64 = 1000;
/// The headers of HTTP whose values are credentials, in small letters.
const HEADER_NAMES: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];
/// The endings of names of files that may hold credentials, which are none themselves.
const FILES: [&str; 14] =
    [".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".txt", ".env", ".pem", ".key", ".crt", ".p12", ".py", ".csv"];

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
    ("sk_live_", 16, "an API key"),
    ("rk_live_", 16, "an API key"),
    ("npm_", 30, "an npm token"),
    ("pypi-", 30, "a PyPI token"),
    ("hf_", 30, "a Hugging Face token"),
    ("AIza", 35, "a Google API key"),
];
const PEM: (&str, &str) = ("-----BEGIN ", "PRIVATE KEY-----");
const PEM_END: &str = "-----END ";
/// The prefix of a JSON Web Token: `{"` in Base64. It has three parts, separated by dots.
const JWT: &str = "eyJ";
/// The schemes of an `Authorization` header, and the fewest bytes after them.
const HEADERS: [(&str, usize); 2] = [("Bearer ", 16), ("Basic ", 8)];

/// Parts of the names of environment variables that may hold credentials, in capitals.
const ENVIRONMENT_NAMES: [&str; 14] = [
    "PASS", "PWD", "SECRET", "TOKEN", "KEY", "AUTH", "CRED", "COOKIE", "SESSION", "DSN", "SALT", "PRIVATE", "CERT",
    "SIGN",
];
/// Parts of their values, in small letters.
const ENVIRONMENT_VALUES: [&str; 8] =
    ["password", "passwd", "pwd=", "secret", "token", "bearer ", "basic ", "private key"];
/// Variables that almost every environment has, and how many of them make one.
const USUAL_VARIABLES: [&str; 10] =
    ["PATH", "HOME", "USER", "SHELL", "LANG", "PWD", "LOGNAME", "TERM", "HOSTNAME", "SHLVL"];
const FEW_VARIABLES: usize = 3;
/// Words in a message or a line of code after which a credential may follow.
const MESSAGE_WORDS: [&str; 6] = ["password", "passwd", "passphrase", "secret", "credential", "credentials"];

/// A credential within a string.
#[derive(Debug, PartialEq, Eq)]
struct FoundCredential {
    /// The bytes to hide.
    span: Range<usize>,
    /// What it is, after "contains".
    what: String,
}

/// Why a string looks like a credential, by its name if it has one, or by what it contains.
pub(crate) fn reason(name: Option<&str>, value: &str) -> Option<String> {
    name.and_then(|name| reason_in_name(name, value)).or_else(|| reason_in_value(value))
}

/// The reason why a name says that its value is a credential.
pub(crate) fn reason_in_name(name: &str, value: &str) -> Option<String> {
    // A part of a URL that was split.
    if name == "netloc" && has_password(value) {
        return Some("contains a URL with a password".to_owned());
    }
    let pattern = credential_name(name)?;
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

/// The reason why a name says that its value, which is this number, is a credential. Numbers are often counts.
pub(crate) fn reason_in_number(name: &str, number: Option<i64>) -> Option<String> {
    let pattern = credential_name(name).filter(|words| NUMBERS.contains(&words.join(" ").as_str()))?;
    let is_large = number.is_none_or(|number| number.unsigned_abs() >= SMALLEST_NUMBER);
    is_large.then(|| format!("its name ends in '{}'", pattern.join(" ")))
}

/// Whether the value of an `Authorization` header is a scheme with a credential, or a credential alone.
fn is_authorization(value: &str) -> bool {
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

/// Whether a name is worth a closer look: a quick test that has no false negatives.
pub(crate) fn may_name_credential(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).as_bytes();
    ENDINGS.iter().any(|ending| {
        let start = name.len().checked_sub(ending.len());
        start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    })
}

/// The pattern that a name ends in.
fn credential_name(name: &str) -> Option<&'static [&'static str]> {
    if !may_name_credential(name) {
        return None;
    }
    let words = words(name);
    // Compare from the end: `db_api_key` ends in `api key`.
    let ends = |pattern: &&&[&str]| {
        words.len() >= pattern.len() && words.iter().rev().zip(pattern.iter().rev()).all(|(word, part)| word == part)
    };
    // `PGPASSWORD`, `dbpassword`
    let joined = || words.last().is_some_and(|word| JOINED.iter().any(|ending| word.ends_with(ending)));
    NAMES.iter().find(ends).copied().or_else(|| joined().then_some(&["password"]))
}

/// Whether something named `…token` is a credential: language models and paginated APIs have tokens as well.
fn is_token(name: &str, value: &str) -> bool {
    // `<image>`, `[SEP]`
    if value.starts_with(['<', '[']) {
        return false;
    }
    let words = words(name);
    match words.len().checked_sub(2).and_then(|index| words.get(index)) {
        Some(before) => !OTHER_TOKENS.contains(&before.as_str()) && !value.contains(char::is_whitespace),
        None => looks_random(value) || is_mixed(value),
    }
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
pub(crate) fn reason_in_value(string: &str) -> Option<String> {
    find(string).first().map(|found| format!("contains {}", found.what))
}

/// A string with its credentials hidden; `None` if it has none.
pub(crate) fn hidden(string: &str) -> Option<String> {
    without(string, find(string))
}

/// As [`hidden`], for what a reader must see to judge it, such as a command: hides only what can be no part of one.
pub(crate) fn hidden_in_command(string: &str) -> Option<String> {
    let found = find(string).into_iter();
    without(string, found.filter(|found| string.get(found.span.clone()).is_some_and(is_no_command)).collect())
}

/// Whether a string consists of what tokens, passwords and keys in PEM consist of, and so cannot run anything.
pub(crate) fn is_no_command(string: &str) -> bool {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=%:@".contains(c);
    string.lines().all(|line| line.starts_with("-----") || line.chars().all(is_of_token))
}

fn without(string: &str, mut found: Vec<FoundCredential>) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    found.sort_by_key(|credential| (credential.span.start, std::cmp::Reverse(credential.span.end)));
    let (mut shown, mut end) = (String::new(), 0);
    // One may lie within another, as a token in a header.
    for FoundCredential { span, .. } in found {
        if span.start >= end {
            shown.push_str(string.get(end..span.start).unwrap_or_default());
            shown.push_str(NOT_SHOWN);
        }
        end = end.max(span.end);
    }
    Some(shown + string.get(end..).unwrap_or_default())
}

/// All credentials in a string. The first is the one that is named.
fn find(string: &str) -> Vec<FoundCredential> {
    let mut found = Vec::new();
    // The shortest is `pw` of four letters with its name.
    if string.len() < SHORTEST_TOKEN {
        return found;
    }
    // Most strings have none of these characters.
    let has = |c: char| string.contains(c);
    if has(' ') && has('-') {
        found.extend(private_key(string));
    }
    // All tokens have a digit or, like a JSON Web Token, parts.
    if has('.') || string.bytes().any(|byte| byte.is_ascii_digit()) {
        found.extend(tokens(string));
    }
    if has(' ') {
        found.extend(HEADERS.iter().filter_map(|(scheme, least)| authorization(string, scheme, *least)));
    }
    if has('@') {
        found.extend(passwords_in_urls(string));
    }
    if has(':') {
        found.extend(header_lines(string));
        found.extend(webhooks(string));
        found.extend(logins_of_options(string));
    }
    if string.len() <= LONGEST_PAIRS && (has('=') || has(':')) {
        found.extend(assignments(string));
    }
    if string.len() <= LONGEST_PAIRS && (has('=') || has(':')) && !string.trim_end().contains('\n') {
        found.extend(pairs(string));
    }
    found
}

fn private_key(string: &str) -> Option<FoundCredential> {
    let start = string.find(PEM.0)?;
    let rest = string.get(start..)?;
    rest.find(PEM.1)?;
    let end = rest.rfind(PEM_END).and_then(|end| Some(end + rest.get(end..)?.find('\n').unwrap_or(rest.len() - end)));
    Some(FoundCredential { span: start..start + end.unwrap_or(rest.len()), what: "a private key".to_owned() })
}

/// Words that begin as the tokens of well-known services do.
fn tokens(string: &str) -> impl Iterator<Item = FoundCredential> {
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let words = string.split(move |c: char| !part_of_token(c)).filter(|word| word.len() > SHORTEST_TOKEN);
    words.filter_map(|word| {
        let what = credential_kind(word)?.to_owned();
        // The word is a part of the string, so its address says where.
        let start = word.as_ptr() as usize - string.as_ptr() as usize;
        Some(FoundCredential { span: start..start + word.len(), what })
    })
}

fn credential_kind(word: &str) -> Option<&'static str> {
    if word.starts_with(JWT) {
        let parts: Vec<&str> = word.split('.').collect();
        if parts.len() == 3 && parts.iter().take(2).all(|part| part.len() >= 10) {
            return Some("a JSON Web Token");
        }
    }
    let fits = |(prefix, least, _): &&(&str, usize, &str)| {
        word.strip_prefix(prefix).is_some_and(|rest| {
            // Prose and identifiers rarely contain digits; random credentials do.
            let is_of_letters = *prefix == "npm_" || *prefix == "hf_";
            let is_other = rest.contains('.') || is_of_letters && rest.contains(['_', '-']);
            rest.len() >= *least && !is_other && word.contains(|c: char| c.is_ascii_digit())
        })
    };
    PREFIXES.iter().find(fits).map(|(_, _, what)| *what)
}

/// Whether a value stands for one: `{password}`, `$PASSWORD`, `<password>`, `***`.
fn is_placeholder(value: &str) -> bool {
    value.is_empty()
        || value.starts_with(['{', '$', '<', '%', '('])
        || value.chars().all(|c| c == '*' || c == '.' || c == 'x')
        || ["none", "null", "true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether an environment variable may hold a credential. A snapshot is passed on more easily than an environment, so
/// this errs on the side of leaving out.
pub(crate) fn may_be_credential(name: &str, value: &str) -> bool {
    // A count: `TOKEN_COUNT=3`.
    if value.len() < SHORTEST_VALUE && is_number(value) {
        return false;
    }
    let (name, value) = (name.to_uppercase(), value.to_lowercase());
    // `scheme://user@host`
    let has_user = value.split("://").skip(1).any(|rest| rest.split('/').next().is_some_and(|host| host.contains('@')));
    has_user
        || ENVIRONMENT_NAMES.iter().any(|part| name.contains(part))
        || ENVIRONMENT_VALUES.iter().any(|part| value.contains(part))
}

/// Whether a dict with these keys holds the environment of a process, or a good part of it.
pub(crate) fn is_environment<'k>(keys: impl Iterator<Item = &'k str>) -> bool {
    keys.filter(|key| USUAL_VARIABLES.contains(key)).take(FEW_VARIABLES).count() == FEW_VARIABLES
}

/// Whether the values of a column, an argument or an option with this name would be credentials, whatever they are.
pub(crate) fn names_credentials(name: &str) -> bool {
    reason_in_name(name, "a1B2c3D4e5F6g7H8").is_some()
}

/// The word of a message or of a line of code that says that a credential may be in it.
pub(crate) fn word_in_message(text: &str) -> Option<&'static str> {
    let all = words(text);
    MESSAGE_WORDS.into_iter().find(|word| all.iter().any(|found| found == word))
}

/// Hides the credentials among the arguments of a program. Returns what was hidden: `the argument of --password`.
pub(crate) fn hide_arguments(arguments: &mut [String]) -> Vec<String> {
    let (mut found, mut option) = (Vec::new(), None);
    for argument in arguments {
        if let Some(name) = option.take().filter(|_| !argument.starts_with('-')) {
            *argument = NOT_SHOWN.to_owned();
            found.push(format!("the argument of {name}"));
            continue;
        }
        match argument.split_once('=') {
            Some((name, value)) if is_secret_option(name) && !is_placeholder(value) => {
                found.push(format!("the argument {name}"));
                *argument = format!("{name}={NOT_SHOWN}");
            }
            None if argument.starts_with('-') && is_secret_option(argument) => option = Some(argument.clone()),
            _ => {
                if let Some(shown) = hidden(argument) {
                    let what = find(argument).first().map_or_else(String::new, |found| found.what.clone());
                    found.push(format!("an argument that contains {what}"));
                    *argument = shown;
                }
            }
        }
    }
    found
}

/// Whether the value of an option is a credential.
pub(crate) fn is_secret_option(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else { return false };
    let before = words.len().checked_sub(2).and_then(|index| words.get(index));
    let is_other_token = last == "token" && before.is_some_and(|before| OTHER_TOKENS.contains(&before.as_str()));
    (credential_name(name).is_some() && !is_other_token) || OPTIONS.contains(&last.as_str())
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
            "password_",
            "_secret_value",
        ] {
            assert!(reason_in_name(name, "hunter2").is_some(), "{name}");
        }
        assert!(reason_in_name("token", "9f86d081884c7d659a2feaa0").is_some());
        assert!(reason_in_name("token", "obj-hunter2").is_some());
        assert!(reason_in_name("token", "s3cr3t").is_some() && reason_in_name("token", "a1B2c3").is_some());
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
            "value",
            "id",
        ] {
            assert_eq!(reason_in_name(name, "value1"), None, "{name}");
        }
        assert_eq!((reason_in_name("token", "the"), reason_in_name("password", "")), (None, None));
        assert_eq!(reason_in_name("token", "internationalization"), None);
        assert_eq!((reason_in_name("token", "python3"), reason_in_name("token", "2nd")), (None, None));
        for (name, value) in [
            ("token", "covid-19x"),
            ("password", "string"),
            ("PASSWORD", "DB_PASSWORD"),
            ("PASSWORD", "password"),
            ("password", "<password>"),
            ("credentials", "service.json"),
            ("private_key", "~/.ssh/keys/id_rsa"),
            ("client_secret", "/run/secrets/client"),
            ("cookie", "chocolate chip"),
            ("authorization", "required"),
            ("Authorization", "the user must be an admin"),
        ] {
            assert_eq!(reason_in_name(name, value), None, "{name}: {value}");
        }
        for (name, value) in [
            ("Cookie", "session=a1b2"),
            ("Set-Cookie", "id=a3; Path=/"),
            ("Authorization", "Basic dXNlcjpwYXNz"),
            ("Authorization", "Token abc"),
            ("Proxy-Authorization", "a1B2c3D4e5F6g7H8"),
            ("password", "/run/secrets/x.json"),
        ] {
            assert!(reason_in_name(name, value).is_some(), "{name}: {value}");
        }
        let number = |name, number| reason_in_number(name, Some(number)).is_some();
        assert!(number("password", 12_345_678) && number("db_passwd", -4321));
        assert!(!number("password", 17) && !number("token", 50_256) && !number("password_count", 12_345));
        assert!(reason_in_name("password", "12345678").is_some() && reason_in_name("password", "$ecret1").is_some());
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
            ("postgres://bob:hunter2@db/x".to_owned(), "a URL with a password"),
            ("see https://:pw@host:80 there".to_owned(), "a URL with a password"),
            ("Authorization: Basic dXNlcjpwYXNz".to_owned(), "an authorization header"),
            ("host=db user=bob password=hunter2".to_owned(), "a value of 'password'"),
            ("Server=x;Password='hunter2';Timeout=3".to_owned(), "a value of 'password'"),
            ("https://h/?access_token=abcd1&x=1".to_owned(), "a value of 'token'"),
            ("{\"user\": \"bob\", \"password\": \"hunter2\"}".to_owned(), "a value of 'password'"),
            (format!("password=hunter2{}", "x".repeat(3000)), "a value of 'password'"),
            ("GET / HTTP/1.1\r\nHost: h\r\nCookie: sid=a1\r\n".to_owned(), "a value of 'cookie'"),
            ("Authorization: Token hunter2".to_owned(), "a value of 'authorization'"),
            ("Server=db;Database=x;Uid=bob;Pwd=hunter2;".to_owned(), "a value of 'password'"),
            ("https://x.blob.net/a?sv=2021&se=2026&sig=hunter2%3D".to_owned(), "a value of 'signature'"),
            ("https://h/v1?key=hunter2hunter2hunter2".to_owned(), "a value of 'key'"),
            ("[db]\nuser = bob\npassword = tr0ub4dor-hunter2\n".to_owned(), "a value of 'password'"),
            ("export API_KEY=tr0ub4dor-hunter2\nexport X=1".to_owned(), "a value of 'api key'"),
            ("PGPASSWORD=hunter2 psql".to_owned(), "a value of 'password'"),
            ("db:\n  user: bob\n  password: hunter2\n".to_owned(), "a value of 'password'"),
            ("- api_key: \"k3y\"\n- x: 1".to_owned(), "a value of 'api key'"),
            ("curl -u bob:hunter2 https://h".to_owned(), "the password of -u"),
            ("https://hooks.slack.com/services/T00/B00/a1B2c3D4e5F6".to_owned(), "the address of a webhook"),
        ];
        for (string, what) in values {
            assert_eq!(reason_in_value(&string).as_deref(), Some(format!("contains {what}").as_str()), "{string}");
        }
    }

    #[test]
    fn ordinary_values_cause_no_warning() {
        for string in [
            "sk-learn",
            "ask-me-anything-about-it-please",
            "eyJ",
            "AKIA",
            "hf_transformers",
            "a.b.c",
            "-----BEGIN CERTIFICATE-----",
            "https://example.org/a:b@c",
            "ssh://git@host/x",
            "postgres://{user}:{password}@host",
            "https://user:$PASS@host",
            "the password: should be long",
            "connect(password=password)",
            "password = getpass()",
            "password=os.environ['PASSWORD']",
            "password=None, token=***",
            "Basic understanding of it",
            "Bearer of bad news",
            "Basic Algebra101",
            "usage: prog --password=PASSWORD",
            "usage: prog --password=$PASSWORD --token=<token> --secret=***",
            "npm_package_config_value_for_build1234",
            "max_token=5120",
            "{\"properties\": {\"password\": \"string\"}}",
            "{\"token\": \"covid-19x\", \"pos\": \"NN\"}",
            "pad_token=<pad>",
            "a line\nwith password=hunter2 in it",
            "cookie: chocolate chip",
            "Authorization: required",
        ] {
            assert_eq!(reason_in_value(string), None, "{string}");
        }
    }

    #[test]
    fn only_the_credential_is_hidden() {
        for (string, expected) in [
            ("https://bob:hunter2@host/x", "https://bob:(not shown)@host/x"),
            ("a=1 password=hunter2 b=2", "a=1 password=(not shown) b=2"),
            ("x AKIAIOSFODNN7EXAMPLE y", "x (not shown) y"),
            ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nx", "(not shown)\nx"),
            ("Bearer ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2 é", "Bearer (not shown) é"),
        ] {
            assert_eq!(hidden(string).as_deref(), Some(expected));
        }
        assert_eq!(hidden("plain text"), None);
    }

    #[test]
    fn arguments_with_credentials_are_hidden() {
        let hide = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let found = hide_arguments(&mut words);
            (words.join(" "), found.len())
        };
        for (line, expected, found) in [
            ("s.py --password x1 y", "s.py --password (not shown) y", 1),
            ("--token=abc --db-pw a --auth b", "--token=(not shown) --db-pw (not shown) --auth (not shown)", 3),
            ("db.password=y https://a:b@c", "db.password=(not shown) https://a:(not shown)@c", 2),
            ("--password --verbose x", "--password --verbose x", 0),
            (
                "--epochs 3 --pad-token x --tokens 5 --key a --out=b",
                "--epochs 3 --pad-token x --tokens 5 --key a --out=b",
                0,
            ),
        ] {
            assert_eq!(hide(line), (expected.to_owned(), found), "{line}");
        }
    }
}

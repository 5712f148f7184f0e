//! Credentials within a longer string: in URLs, headers, connection strings, JSON, and lines of configuration files.
//!
//! Each function looks for one form. [`credential_names`](super::credential_names) says which names are credentials.

use super::credential_names::{NUMBERS, credential_name, is_authorization, is_token};
use super::credential_values::{
    is_encoded_login, is_number, is_placeholder, is_plain_word, is_stand_in, is_word_in_capitals, looks_random,
};
use super::{FoundCredential, SHORTEST_VALUE};

/// Options of curl whose argument is `user:password`. (For docker, `--user` takes `user:group`.)
const LOGIN_OPTIONS: [&str; 3] = ["-u", "--user", "--proxy-user"];
/// Parts of a connection string. Outside of one, `Pwd=` is often a directory.
const CONNECTIONS: [&str; 6] = ["uid=", "user id=", "user=", "server=", "data source=", "driver="];
/// The HTTP headers whose values are credentials, in lower case.
const HEADER_NAMES: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];
/// Addresses that anyone who knows the rest of the path can post to.
const WEBHOOKS: [&str; 3] = ["hooks.slack.com/services/", "discord.com/api/webhooks/", "api.telegram.org/bot"];

/// `scheme://user:password@host`.
pub(super) fn passwords_in_urls(string: &str) -> impl Iterator<Item = FoundCredential> {
    string.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let rest = string.get(start..)?;
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>');
        let authority = rest.get(..rest.find(ends).unwrap_or(rest.len()))?;
        let (user, _) = authority.rsplit_once('@')?;
        // A token in place of the user: `https://TOKEN@host`.
        let Some((name, password)) = user.split_once(':') else {
            let is_token = looks_random(user) && user.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            let what = "a URL with a token".to_owned();
            return is_token.then(|| FoundCredential { span: start..start + user.len(), what });
        };
        // A pattern of URLs, or a template: `[user:passwd@]proxy.server:port`.
        if user.contains('[') {
            return None;
        }
        let from = start + name.len() + 1;
        let what = "a URL with a password".to_owned();
        (!is_placeholder(password) && !is_word_in_capitals(password))
            .then(|| FoundCredential { span: from..from + password.len(), what })
    })
}

/// `Bearer …` and `Basic …` in an `Authorization` header, or alone.
pub(super) fn authorization(string: &str, scheme: &str, least: usize) -> Option<FoundCredential> {
    let at = string.find(scheme)?;
    let before = string.get(..at)?.trim_end_matches([' ', '\'', '"', ':', '=']);
    let is_header =
        before.is_empty() || before.get(before.len().saturating_sub(13)..)?.eq_ignore_ascii_case("authorization");
    let start = at + scheme.len();
    let rest = string.get(start..)?;
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    let token = rest.get(..rest.find(|c: char| !in_token(c)).unwrap_or(rest.len()))?;
    let fits = token.len() >= least
        && token.contains(|c: char| !c.is_ascii_lowercase())
        && (scheme != "Basic " || is_encoded_login(token));
    let what = "an authorization header".to_owned();
    (is_header && fits).then(|| FoundCredential { span: start..start + token.len(), what })
}

/// `password=…` and `"password": "…"`, as in connection strings, queries and JSON.
pub(super) fn pairs(string: &str) -> impl Iterator<Item = FoundCredential> {
    string.match_indices(['=', ':']).filter_map(|(at, mark)| {
        let before = string.get(..at)?;
        let (name_end, is_quoted) = match before.strip_suffix(['"', '\'']) {
            Some(inner) => (inner, true),
            None => (before, false),
        };
        let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
        let name = name_end.get(name_end.rfind(|c: char| !in_name(c)).map_or(0, |end| end + 1)..)?;
        let name = name.rsplit("  ").next().unwrap_or(name);
        let after = string.get(at + mark.len()..)?;
        // Prose has `name: value`; in JSON and the like, the name is quoted. Code has spaces around `=`.
        let value = if is_quoted { after.trim_start().trim_start_matches(['"', '\'']) } else { after };
        let value = value.trim_start_matches(['"', '\'']);
        if mark == ":" && !is_quoted {
            return None;
        }
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';' | ',' | ')' | '}' | ']' | '(' | '[');
        let end = value.find(ends).unwrap_or(value.len());
        let is_code = value.get(end..).is_some_and(|rest| rest.starts_with(['(', '[']));
        let value = value.get(..end)?;
        let is_value = value.len() >= SHORTEST_VALUE && !is_placeholder(value) && !is_code && value != name.trim();
        let is_other = |words: &&[&str]| {
            is_word_in_capitals(value)
                || is_stand_in(value)
                || is_number(value) && !NUMBERS.contains(&words.join(" ").as_str())
                || mark == ":" && *words == ["token"] && !is_token(name, value)
        };
        let words = credential_name(name).or_else(|| short_name(name, value, string));
        let words = words.filter(|words| is_value && !is_other(words))?;
        let start = value.as_ptr() as usize - string.as_ptr() as usize;
        Some(FoundCredential { span: start..start + value.len(), what: format!("a value of '{}'", words.join(" ")) })
    })
}

/// Names that mean a credential in connection strings and signed URLs only.
fn short_name(name: &str, value: &str, string: &str) -> Option<&'static [&'static str]> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("pwd") && string.contains(';') {
        let string = string.to_ascii_lowercase();
        return CONNECTIONS.iter().any(|part| string.contains(part)).then_some(&["password"]);
    }
    if name == "key" && string.contains("://") && looks_random(value) {
        return Some(&["key"]);
    }
    let is_signature =
        ["sig", "signature", "x-amz-signature", "x-goog-signature"].contains(&&*name.to_ascii_lowercase());
    (is_signature && string.contains("://")).then_some(&["signature"])
}

/// `Cookie: session=…` on a separate line, as in HTTP.
pub(super) fn header_lines(string: &str) -> impl Iterator<Item = FoundCredential> {
    let mut start = 0;
    string.split_inclusive('\n').filter_map(move |line| {
        let at = start;
        start += line.len();
        let (name, value) = line.split_once(':')?;
        let known = HEADER_NAMES.iter().find(|header| name.trim_start().eq_ignore_ascii_case(header))?;
        let shown = value.trim();
        let is_value = shown.len() >= SHORTEST_VALUE
            && !is_placeholder(shown)
            && (!known.ends_with("cookie") || shown.contains('='))
            && (!known.ends_with("authorization") || is_authorization(shown));
        let from = at + name.len() + 1 + (value.len() - value.trim_start().len());
        is_value.then(|| FoundCredential { span: from..from + shown.len(), what: format!("a value of '{known}'") })
    })
}

/// `password = …` and `password: …` on a separate line, as in configuration files and shells. Prose and code have such
/// lines, too, so the value must look random; in YAML, where the name is one word, a digit is enough.
pub(super) fn assignments(string: &str) -> impl Iterator<Item = FoundCredential> {
    let mut start = 0;
    string.split_inclusive('\n').filter_map(move |line| {
        let at = start;
        start += line.len();
        let (name, value) = line.split_once(['=', ':'])?;
        let words = credential_name(name.trim().trim_start_matches("export ").trim_matches(['"', '\'']))?;
        let shown = value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'']);
        let is_yaml = || {
            let name = name.trim().trim_start_matches("- ").trim_matches(['"', '\'']);
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            is_name && value.starts_with([' ', '\t']) && has_digit_in_word(shown) && words != ["token"]
        };
        let is_colon = line.as_bytes().get(name.len()) == Some(&b':');
        // `DB_PASSWORD=…`, without spaces, as in the files that set environment variables.
        let is_variable = || {
            let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            name.trim_start_matches("export ").chars().all(is_capital)
                && !value.starts_with(' ')
                && has_digit_in_word(shown)
        };
        let is_value = (looks_random(shown) || is_colon && is_yaml() || !is_colon && is_variable())
            && !is_placeholder(shown)
            && !shown.contains(['(', '[', '{']);
        let from = at + name.len() + 1 + value.find(shown)?;
        let what = format!("a value of '{}'", words.join(" "));
        is_value.then_some(FoundCredential { span: from..from + shown.len(), what })
    })
}

/// `login NAME password PASSWORD`, as in the file `.netrc`.
pub(super) fn netrc_passwords(string: &str) -> impl Iterator<Item = FoundCredential> {
    let mut before = ["", "", ""];
    string.split_ascii_whitespace().filter_map(move |word| {
        let is_password = before[0] == "login" && before[2] == "password" && !is_placeholder(word);
        before = [before[1], before[2], word];
        let start = word.as_ptr() as usize - string.as_ptr() as usize;
        let what = "a password of .netrc".to_owned();
        is_password.then(|| FoundCredential { span: start..start + word.len(), what })
    })
}

/// Whether a value is one word with a digit, but not a number.
fn has_digit_in_word(value: &str) -> bool {
    value.contains(|c: char| c.is_ascii_digit()) && !value.contains(char::is_whitespace) && !is_number(value)
}

/// Whether the argument of an option is `user:password`.
pub(crate) fn is_login_argument(option: &str, argument: &str) -> bool {
    let password = argument.split_once(':').map(|(_, password)| password);
    LOGIN_OPTIONS.contains(&option) && password.is_some_and(|it| !is_plain_word(it) && !is_placeholder(it))
}

/// `curl -u user:password`.
pub(super) fn logins_of_options(string: &str) -> impl Iterator<Item = FoundCredential> {
    let mut words = string.split(' ').peekable();
    std::iter::from_fn(move || Some((words.next()?, words.peek().copied()))).filter_map(|(option, argument)| {
        let argument = argument.filter(|argument| is_login_argument(option, argument))?;
        let (_, password) = argument.split_once(':')?;
        let start = password.as_ptr() as usize - string.as_ptr() as usize;
        let what = format!("the password of {option}");
        Some(FoundCredential { span: start..start + password.len(), what })
    })
}

/// The secret part of the path of a webhook.
pub(super) fn webhooks(string: &str) -> impl Iterator<Item = FoundCredential> {
    WEBHOOKS.into_iter().filter_map(|address| {
        let start = string.find(address)? + address.len();
        let rest = string.get(start..)?;
        let path = rest.get(..rest.find(|c: char| c.is_whitespace() || "\"'<>".contains(c)).unwrap_or(rest.len()))?;
        let what = "the address of a webhook".to_owned();
        looks_random(path).then_some(FoundCredential { span: start..start + path.len(), what })
    })
}

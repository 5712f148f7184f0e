//! Decides what looks like a credential in variables, arguments, environment variables and tracebacks, both while a
//! session is saved and when a file is shown. It knows only names and strings: `session::secrets` applies it to Python
//! objects, [`named_previews`](super::explain::named_previews) to the values of a pickle.
//!
//! It is a guess. Ordinary names (`tokens`, `tokenizer`, `secret_santa`) must not cause a warning, so some credentials
//! are missed. Where leaving something out costs little, [`may_be_credential`] guesses on the safe side.

mod client_passwords;
mod credential_names;
mod credential_values;
mod environment_variables;
mod hidden_arguments;
mod known_tokens;
mod paired_names;
mod source_literals;
#[cfg(test)]
mod tests;
mod text_parts;

use std::ops::Range;

pub(crate) use self::client_passwords::PasswordOption;
use self::client_passwords::client_passwords;
#[cfg(any(feature = "python", test))]
pub(crate) use self::credential_names::reason_of_item;
pub(crate) use self::credential_names::{
    is_secret_option, may_name_credential, name_in_label, names_credentials, names_items, reason_in_name,
    reason_in_number, word_in_message,
};
pub(crate) use self::credential_values::is_plain_word;
pub(crate) use self::environment_variables::{is_environment, may_be_credential};
pub(crate) use self::hidden_arguments::hide_arguments;
use self::known_tokens::{private_key, tokens};
pub(crate) use self::paired_names::{PairedName, may_be_paired, names_login, paired_name};
#[cfg(feature = "python")]
pub(crate) use self::source_literals::hidden_in_source;
pub(crate) use self::text_parts::is_login_argument;
use self::text_parts::{
    assignments, authorization, header_lines, logins_of_options, netrc_passwords, pairs, passwords_in_urls, webhooks,
};

/// The text that replaces a credential.
pub(crate) const NOT_SHOWN: &str = "(not shown)";
/// The shortest string, in bytes, that is searched, and the shortest word that may be a token.
const SHORTEST_TOKEN: usize = 8;
/// The shortest value in `name=value` within a string.
const SHORTEST_VALUE: usize = 4;
/// Longer strings, in bytes, are not searched for `name=value`: that would take too long.
const LONGEST_PAIRS: usize = 1 << 16;
/// The schemes of an `Authorization` header, and the minimum length of the credential, in bytes.
const HEADERS: [(&str, usize); 2] = [("Bearer ", 16), ("Basic ", 8)];

/// A credential within a string.
#[derive(Debug, PartialEq, Eq)]
struct FoundCredential {
    /// The bytes to hide.
    span: Range<usize>,
    /// A description, to be shown after "contains".
    what: String,
}

/// Why a string looks like a credential: because of its name, if it has one, or because of its content.
pub(crate) fn reason(name: Option<&str>, value: &str) -> Option<String> {
    name.and_then(|name| reason_in_name(name, value)).or_else(|| reason_in_value(value))
}

/// The reason why a string contains a credential.
pub(crate) fn reason_in_value(string: &str) -> Option<String> {
    find(string).first().map(|found| format!("contains {}", found.what))
}

/// A string with its credentials hidden; `None` if it has none.
pub(crate) fn hidden(string: &str) -> Option<String> {
    without(string, find(string))
}

/// Like [`hidden`], but for a string that a reader must see to judge it, such as a command. Hides only credentials that
/// cannot be part of a command.
pub(crate) fn hidden_in_command(string: &str) -> Option<String> {
    let found = find(string).into_iter();
    without(string, found.filter(|found| string.get(found.span.clone()).is_some_and(is_no_command)).collect())
}

/// Whether a string has only characters of tokens, passwords and PEM keys, and so cannot run anything.
pub(crate) fn is_no_command(string: &str) -> bool {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=%:@".contains(c);
    string.lines().all(|line| line.starts_with("-----") || line.chars().all(is_of_token))
}

/// Replaces the credentials that were found in a string.
fn without(string: &str, mut found: Vec<FoundCredential>) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    found.sort_by_key(|credential| (credential.span.start, std::cmp::Reverse(credential.span.end)));
    let (mut shown, mut end) = (String::new(), 0);
    // One may be inside another, such as a token in a header.
    for FoundCredential { span, .. } in found {
        if span.start >= end {
            shown.push_str(string.get(end..span.start).unwrap_or_default());
            shown.push_str(NOT_SHOWN);
        }
        end = end.max(span.end);
    }
    Some(shown + string.get(end..).unwrap_or_default())
}

/// All credentials in a string. Messages name the first one.
fn find(string: &str) -> Vec<FoundCredential> {
    let mut found = Vec::new();
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
    if has(' ') && has('-') {
        found.extend(client_passwords(string));
    }
    if has(' ') {
        found.extend(HEADERS.iter().filter_map(|(scheme, least)| authorization(string, scheme, *least)));
    }
    if string.len() <= LONGEST_PAIRS && string.contains("login ") {
        found.extend(netrc_passwords(string));
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
    // In several lines, which are prose or code, `name=value` means little.
    if string.len() <= LONGEST_PAIRS && (has('=') || has(':')) && !string.trim_end().contains('\n') {
        found.extend(pairs(string));
    }
    found
}

//! Credentials that are known by their form: private keys in PEM, and the tokens of well-known services, which begin
//! with a prefix of their own.

use super::{FoundCredential, SHORTEST_TOKEN};

/// The prefix of a credential, the minimum number of bytes after it, and a description.
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

pub(super) fn private_key(string: &str) -> Option<FoundCredential> {
    let start = string.find(PEM.0)?;
    let rest = string.get(start..)?;
    rest.find(PEM.1)?;
    let end = rest.rfind(PEM_END).and_then(|end| Some(end + rest.get(end..)?.find('\n').unwrap_or(rest.len() - end)));
    Some(FoundCredential { span: start..start + end.unwrap_or(rest.len()), what: "a private key".to_owned() })
}

/// Finds words that begin like the tokens of well-known services.
pub(super) fn tokens(string: &str) -> impl Iterator<Item = FoundCredential> {
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let words = string.split(move |c: char| !part_of_token(c)).filter(|word| word.len() > SHORTEST_TOKEN);
    words.filter_map(|word| {
        let what = credential_kind(word)?.to_owned();
        // The word is a slice of the string, so its address gives the offset.
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
    // SendGrid: an ID and a key.
    if let Some((id, key)) = word.strip_prefix("SG.").and_then(|rest| rest.split_once('.'))
        && id.len() >= 16
        && key.len() >= 32
        && !key.contains('.')
    {
        return Some("an API key");
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

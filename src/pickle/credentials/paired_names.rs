//! Names that are stored next to a value: `{"name": "password", "value": "…"}`, `auth = ("user", "…")`, the parts of a
//! cookie or of a login.

use super::credential_names::credential_name;
use super::credential_values::is_plain_word;

/// Keys of values, if the name of the value is under one of the keys in [`NAMES_OF_VALUES`].
const VALUES: [&str; 2] = ["value", "default"];
const NAMES_OF_VALUES: [&str; 5] = ["name", "key", "dest", "header", "option"];
/// Keys that are too short to mean a password, unless the same dict has one of [`USERS`].
const SHORT: [&str; 5] = ["pass", "passw", "pw", "pwd", "psw"];
const USERS: [&str; 7] = ["user", "username", "user_name", "login", "email", "uid", "userid"];
/// The names of pairs of a user and a password.
const NAMES_OF_LOGINS: [&str; 3] = ["auth", "login", "credentials"];

/// The meaning that another key gives to the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PairedName {
    /// The value has this name.
    Named(String),
    /// It is the value of a cookie.
    Cookie,
}

/// A quick test whether [`paired_name`] may find something. It has no false negatives.
pub(crate) fn may_be_paired(key: &str) -> bool {
    let bare = key.trim_start_matches('_');
    bare.len() <= "coded_value".len() && (bare == "coded_value" || VALUES.contains(&bare) || SHORT.contains(&bare))
}

/// The name of the value of a key of a dict or of the attributes of an object. `text` gives the string under another
/// key, if there is one.
pub(crate) fn paired_name(key: &str, text: impl Fn(&str) -> Option<String>) -> Option<PairedName> {
    let bare = key.trim_start_matches('_');
    let beside = |name: &str| text(name).or_else(|| text(&format!("_{name}")));
    if SHORT.contains(&bare) {
        // A working directory.
        if text(key).is_some_and(|value| value.starts_with(['/', '~'])) {
            return None;
        }
        return USERS.iter().find_map(|user| beside(user)).map(|_| PairedName::Named("password".to_owned()));
    }
    // The attributes of cookies in `http.cookiejar`, in browsers and in `http.cookies`.
    let is_cookie = bare == "coded_value" || bare == "value" && beside("domain").and_then(|_| beside("path")).is_some();
    if is_cookie || bare == "value" && beside("coded_value").is_some() {
        return Some(PairedName::Cookie);
    }
    let name = NAMES_OF_VALUES.iter().find_map(|name| beside(name).filter(|name| credential_name(name).is_some()))?;
    // Many defaults are just words.
    let is_default = bare == "default" && text(key).is_some_and(|value| is_plain_word(&value));
    (VALUES.contains(&bare) && !is_default).then_some(PairedName::Named(name))
}

/// Whether a pair with this name is a user and a password, as in `requests.get(url, auth=("user", "…"))`.
pub(crate) fn names_login(name: &str) -> bool {
    let name = name.trim_matches('_').to_ascii_lowercase();
    NAMES_OF_LOGINS
        .iter()
        .any(|login| name.strip_suffix(login).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(key: &str, pairs: &[(&str, &str)]) -> Option<PairedName> {
        paired_name(key, |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_name_of_a_value_is_beside_it() {
        let password = Some(PairedName::Named("password".to_owned()));
        assert_eq!(named("value", &[("name", "password"), ("value", "x1")]), password);
        assert_eq!(named("default", &[("dest", "password"), ("default", "x-1")]), password);
        assert_eq!(named("pwd", &[("user", "bob"), ("pwd", "x1")]), password);
        assert_eq!(
            named("_value", &[("_key", "sid"), ("_value", "x"), ("_coded_value", "x")]),
            Some(PairedName::Cookie)
        );
        assert_eq!(named("value", &[("name", "a"), ("domain", ""), ("path", "/")]), Some(PairedName::Cookie));
        for (key, pairs) in [
            ("value", &[("name", "learning_rate"), ("value", "x1")][..]),
            ("default", &[("name", "password"), ("default", "changeme")]),
            ("pwd", &[("cwd", "/home")]),
            ("pwd", &[("user", "ada"), ("pwd", "/home/ada")]),
            ("value", &[("path", "/x"), ("value", "x1")]),
            ("other", &[("name", "password")]),
        ] {
            assert_eq!(named(key, pairs), None, "{key}: {pairs:?}");
        }
    }

    #[test]
    fn logins_are_pairs_named_auth() {
        assert!(["auth", "basic_auth", "_proxy_auth", "AUTH"].into_iter().all(names_login));
        assert!(!["oauth", "author", "authors", "auth_method"].into_iter().any(names_login));
    }
}

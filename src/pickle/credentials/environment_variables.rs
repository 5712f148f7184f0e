//! Environment variables that may hold a credential, and dicts that hold an environment.
//!
//! Here a false alarm costs little, as the variable is only left out: the test looks for parts of words.

use super::SHORTEST_VALUE;
use super::credential_values::is_number;

/// Parts of the names of environment variables that may hold credentials, in upper case.
pub(super) const ENVIRONMENT_NAMES: [&str; 14] = [
    "PASS", "PWD", "SECRET", "TOKEN", "KEY", "AUTH", "CRED", "COOKIE", "SESSION", "DSN", "SALT", "PRIVATE", "CERT",
    "SIGN",
];
/// Parts of the values of such variables, in lower case.
const ENVIRONMENT_VALUES: [&str; 8] =
    ["password", "passwd", "pwd=", "secret", "token", "bearer ", "basic ", "private key"];
/// Variables that almost every environment has.
const USUAL_VARIABLES: [&str; 10] =
    ["PATH", "HOME", "USER", "SHELL", "LANG", "PWD", "LOGNAME", "TERM", "HOSTNAME", "SHLVL"];
/// A dict with this many of them is an environment.
const FEW_VARIABLES: usize = 3;

/// Whether an environment variable may hold a credential. A snapshot is passed on more easily than an environment, so
/// this errs on the side of caution.
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

/// Whether a dict with these keys holds the environment of a process, or most of it.
pub(crate) fn is_environment<'k>(keys: impl Iterator<Item = &'k str>) -> bool {
    keys.filter(|key| USUAL_VARIABLES.contains(key)).take(FEW_VARIABLES).count() == FEW_VARIABLES
}

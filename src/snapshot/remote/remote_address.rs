//! Addresses of object storage: `s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY` and `https://HOST/PATH`.
//!
//! An address can be given in place of a path, and is passed on as a path. The query of a web address may be a
//! signature, and its user a password: [`RemoteAddress::conceal`] replaces them by a mark as soon as the command line
//! is parsed, so that no message, report or index can show them.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::remote_error::{FaultKind, RemoteError};
use crate::snapshot::plain_path::plain_absolute;

/// Stands in for a query.
const MARK: &str = "?…";
/// The longest scheme that is recognized.
const LONGEST_SCHEME: usize = 12;

/// The full text of addresses that were concealed.
static CONCEALED: Mutex<Vec<ConcealedAddress>> = Mutex::new(Vec::new());

struct ConcealedAddress {
    shown: String,
    whole: String,
}

/// The kind of object storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Amazon S3, and all that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
    /// A web server, which is only read.
    Http,
    /// A web server, over TLS.
    Https,
}

impl Scheme {
    fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => Self::S3,
            "gs" | "gcs" => Self::Google,
            "az" | "azure" => Self::Azure,
            "http" => Self::Http,
            "https" => Self::Https,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Whether it is a web server, which can only be read.
    pub(crate) fn is_web(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// An address of object storage.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RemoteAddress {
    /// The kind of storage.
    pub(crate) scheme: Scheme,
    /// The bucket or container; of a web address the host, with its port.
    pub(crate) bucket: String,
    /// The text after the `/`.
    pub(crate) key: String,
    /// The user of a web address, with a password.
    user: String,
    /// The query of a web address, without the `?`.
    query: String,
}

impl RemoteAddress {
    /// The address that a path is; `None` for the path of a file.
    ///
    /// # Errors
    /// If it looks like an address, and cannot be one.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, RemoteError> {
        let Some((scheme, rest)) = split_scheme(path) else { return Ok(None) };
        let wrong = |why: String| RemoteError::new(FaultKind::Address, "use", "", why);
        let Ok(rest) = std::str::from_utf8(rest) else {
            return Err(wrong(format!("{} is not UTF-8, as an address must be", path.display())));
        };
        let Some(known) = Scheme::of(scheme) else {
            // It is a file whose path contains `://`.
            if path.exists() {
                return Ok(None);
            }
            let known = "s3://, gs://, az://, http:// and https://";
            return Err(wrong(format!("snapcli does not know addresses that begin with {scheme}://, but {known}")));
        };
        let whole = whole_of(known, rest);
        let address = Self::split(known, &whole);
        if address.bucket.is_empty() {
            let part = if known.is_web() { "host" } else { "bucket" };
            return Err(wrong(format!("{scheme}:// is followed by no {part}")));
        }
        if let Some(part) = address.key.split('/').find(|part| matches!(*part, "." | "..")) {
            return Err(wrong(format!("{address} has {part:?} in it, which means nothing there")));
        }
        if address.to_string().contains(char::is_control) {
            return Err(wrong("the address has control characters in it".to_owned()));
        }
        Ok(Some(address))
    }

    fn split(scheme: Scheme, rest: &str) -> Self {
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) if scheme.is_web() => (rest, query.split('#').next().unwrap_or_default()),
            _ => (rest, ""),
        };
        let (place, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, bucket) = match place.rsplit_once('@') {
            Some((user, bucket)) if scheme.is_web() => (user, bucket),
            _ => ("", place),
        };
        let (bucket, key) = (bucket.to_owned(), key.trim_start_matches('/').to_owned());
        Self { scheme, bucket, key, user: user.to_owned(), query: query.to_owned() }
    }

    /// Whether a path is an address, or looks like one.
    pub(crate) fn is_at(path: &Path) -> bool {
        !matches!(Self::of(path), Ok(None))
    }

    /// The absolute form of a path. An address stays as it is.
    pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
        if Self::is_at(path) { Ok(path.to_path_buf()) } else { plain_absolute(path) }
    }

    /// The same path, with a mark instead of a query and a user. [`of`](Self::of) knows the meaning of the mark.
    pub(crate) fn conceal(path: PathBuf) -> PathBuf {
        let Ok(Some(address)) = Self::of(&path) else { return path };
        if address.user.is_empty() && address.query.is_empty() {
            return path;
        }
        let whole = address.after_scheme();
        let mut concealed = CONCEALED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = concealed.iter().find(|known| known.whole == whole) {
            return PathBuf::from(&known.shown);
        }
        // The query may select a version of the object, so each query has its own mark.
        let number = concealed.len() + 1;
        let mark = if address.query.is_empty() && number == 1 { "" } else { MARK };
        let suffix = if number == 1 { String::new() } else { number.to_string() };
        // Names in a store follow it.
        let slash = if address.is_folder() && !mark.is_empty() { "/" } else { "" };
        let shown = format!("{address}{mark}{suffix}{slash}");
        concealed.push(ConcealedAddress { shown: shown.clone(), whole });
        PathBuf::from(shown)
    }

    /// The text after the scheme, including everything that must not be shown.
    fn after_scheme(&self) -> String {
        let user = if self.user.is_empty() { String::new() } else { format!("{}@", self.user) };
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        format!("{user}{}/{}{query}", self.bucket, self.key)
    }

    /// The address for a request to a web server. It may hold credentials.
    #[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only the client asks"))]
    pub(super) fn request_url(&self, key: &str) -> String {
        let at = Self { key: format!("{}{key}", self.key), ..self.clone() };
        format!("{}://{}", self.scheme.name(), at.after_scheme())
    }

    /// The address of an object below this one, for messages.
    pub(crate) fn join(&self, key: &str) -> String {
        format!("{}://{}/{}{key}", self.scheme.name(), self.bucket, self.key)
    }

    /// The address of a folder: its key is empty, or ends with `/`.
    #[must_use]
    pub(crate) fn as_folder(&self) -> Self {
        let mut folder = self.clone();
        if !folder.key.is_empty() && !folder.key.ends_with('/') {
            folder.key.push('/');
        }
        folder
    }

    /// Whether it can only be a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }
}

/// Without user and query.
impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.join(""))
    }
}

impl fmt::Debug for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text after the scheme, including the concealed parts.
fn whole_of(scheme: Scheme, rest: &str) -> String {
    let shown = format!("{}://{rest}", scheme.name());
    let concealed = CONCEALED.lock().unwrap_or_else(PoisonError::into_inner);
    // In a store, names follow the address that was concealed.
    let known = concealed.iter().rev().filter(|_| scheme.is_web()).find_map(|known| {
        let more = shown.strip_prefix(known.shown.trim_end_matches('/'))?;
        (more.is_empty() || more.starts_with('/')).then_some((known, more))
    });
    let Some((known, more)) = known else { return rest.to_owned() };
    let (before, query) = known.whole.split_once('?').unwrap_or((&known.whole, ""));
    if more.is_empty() && !known.shown.ends_with('/') {
        return known.whole.clone();
    }
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{}{more}{query}", before.trim_end_matches('/'))
}

/// The scheme of an address, and the text after `://`.
fn split_scheme(path: &Path) -> Option<(&str, &[u8])> {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.windows(3).take(LONGEST_SCHEME).position(|three| three == b"://")?;
    let (scheme, rest) = bytes.split_at_checked(end)?;
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    Some((std::str::from_utf8(scheme).ok().filter(|_| is_scheme)?, rest.get(3..)?))
}

impl From<&RemoteAddress> for PathBuf {
    fn from(address: &RemoteAddress) -> Self {
        Self::from(OsStr::new(&address.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Result<Option<RemoteAddress>, RemoteError> {
        RemoteAddress::of(Path::new(path))
    }

    #[test]
    fn addresses_are_told_from_paths() {
        let parts = |path| of(path).ok().flatten().map(|it| (it.scheme, it.bucket.clone(), it.key.clone()));
        for (path, scheme, bucket, key) in [
            ("s3://b/run7.pkl", Scheme::S3, "b", "run7.pkl"),
            ("S3://b/runs/@3", Scheme::S3, "b", "runs/@3"),
            ("s3://b", Scheme::S3, "b", ""),
            ("s3://b/a b/ü?x#y", Scheme::S3, "b", "a b/ü?x#y"),
            ("gs://b/x/", Scheme::Google, "b", "x/"),
            ("az://c/x", Scheme::Azure, "c", "x"),
            ("http://h:8000/x/y.pkl", Scheme::Http, "h:8000", "x/y.pkl"),
            ("https://u:p@h/x?sig=1#z", Scheme::Https, "h", "x"),
        ] {
            assert_eq!(parts(path), Some((scheme, bucket.to_owned(), key.to_owned())), "{path}");
        }
        for path in ["a.pkl", "/s3:/x", "s3:/x", "./s3://x", "C:\\x", "://x", "a b://x", "runs.snaps/@3"] {
            assert!(matches!(of(path), Ok(None)), "{path}");
        }
        for path in ["s3://", "s3:///x", "https:///x", "ftp://h/x", "s3://b/../x", "s3://b/a\nb", "file:///x"] {
            assert!(of(path).is_err_and(|error| error.is_wrong_name()), "{path}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() -> Result<(), RemoteError> {
        let path = "https://me:pass@host.example/run.pkl?X-Amz-Signature=abc&x=1";
        let shown = RemoteAddress::conceal(PathBuf::from(path)).display().to_string();
        for secret in ["pass", "abc", "Signature", "me:"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let address = of(&shown)?.expect("an address");
        assert_eq!(address.request_url(""), path);
        assert_eq!(format!("{address} {address:?}"), ["https://host.example/run.pkl"; 2].join(" "));
        // Another version of the same object is another one.
        let other = RemoteAddress::conceal(PathBuf::from("https://host.example/run.pkl?versionId=2"));
        assert_ne!(other.display().to_string(), shown);
        let other = RemoteAddress::of(&other)?.expect("an address");
        assert_eq!(other.request_url(""), "https://host.example/run.pkl?versionId=2");
        // An object in a store has the credentials of the store.
        let store = RemoteAddress::conceal(PathBuf::from("https://you:word@host.example/runs.snaps/"));
        let snapshot = RemoteAddress::of(&store.join("@3"))?.expect("an address");
        assert_eq!(snapshot.request_url(""), "https://you:word@host.example/runs.snaps/@3");
        assert_eq!(RemoteAddress::conceal(PathBuf::from("s3://b/x?y")), Path::new("s3://b/x?y"));
        Ok(())
    }
}

//! Object storage: the addresses of stores and files there, and a client that reads and writes them.
//!
//! [`remote_address`] parses addresses, [`remote_error`] explains why one cannot be used, and [`credential_sources`]
//! finds credentials. The rest needs the feature `remote`: [`io_thread`] runs the requests, [`remote_client`] makes
//! them, and [`s3_settings`] and [`cloud_settings`] set it up. Every answer of a server is hostile: lengths and ranges
//! are checked, and everything that is read into memory has a limit.

#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only the client uses the keys"))]
mod aws_files;
#[cfg(feature = "remote")]
mod bucket_region;
#[cfg(feature = "remote")]
mod cloud_settings;
#[cfg(feature = "remote")]
mod credential_process;
mod credential_sources;
#[cfg(feature = "remote")]
mod fault_causes;
#[cfg(feature = "remote")]
mod io_thread;
#[cfg(not(feature = "remote"))]
mod no_client;
mod remote_address;
#[cfg(feature = "remote")]
mod remote_client;
mod remote_error;
#[cfg(feature = "remote")]
mod requests;
#[cfg(feature = "remote")]
mod s3_settings;
#[cfg(feature = "remote")]
mod upload;
#[cfg(feature = "remote")]
mod web_client;

#[cfg(not(feature = "remote"))]
pub(in crate::snapshot) use self::no_client::{RemoteClient, Renewal, Uploads};
pub(crate) use self::remote_address::RemoteAddress;
#[cfg(feature = "remote")]
pub(in crate::snapshot) use self::remote_client::{RemoteClient, Renewal};
pub(crate) use self::remote_error::{FaultKind, RemoteError};
#[cfg(feature = "remote")]
pub(in crate::snapshot) use self::upload::Uploads;

/// The `User-Agent` of requests.
#[cfg(feature = "remote")]
const USER_AGENT: &str = concat!("snapcli/", env!("CARGO_PKG_VERSION"));

/// The credentials for one kind of object storage.
#[derive(Debug)]
pub(crate) struct FoundCredentials {
    /// How its addresses begin, such as `s3://`.
    pub(crate) scheme: &'static str,
    /// Where they come from, if there are any; or why they cannot be used.
    pub(crate) source: Result<Option<String>, String>,
}

impl FoundCredentials {
    /// The settings for all kinds of object storage.
    pub(crate) fn all() -> Vec<Self> {
        credential_sources::found_credentials()
    }
}

/// The version of an object, as an answer gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct ObjectVersion {
    /// Its length in bytes.
    pub(in crate::snapshot) length: u64,
    /// The `ETag`, or the time of the last change; `None` if the server gives neither.
    pub(in crate::snapshot) tag: Option<String>,
}

/// The key of an object, and its bytes if it exists.
pub(in crate::snapshot) type FoundObject = (String, Option<Vec<u8>>);

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct ListedObject {
    /// Its key, relative to the address.
    pub(in crate::snapshot) key: String,
    /// Its length in bytes.
    pub(in crate::snapshot) length: u64,
    /// When it was written, by the clock of the storage, in seconds since 1970.
    pub(in crate::snapshot) modified: i64,
}

/// An object that is downloaded to a file.
#[derive(Clone, Debug)]
pub(in crate::snapshot) struct WantedObject {
    /// Its key, relative to the address.
    pub(in crate::snapshot) key: String,
    /// The length that it must have.
    pub(in crate::snapshot) length: u64,
    /// The file that it is downloaded to.
    pub(in crate::snapshot) path: std::path::PathBuf,
}

//! Why an address of object storage cannot be read or written. Each message names the failed operation, the address,
//! the cause, and a remedy. No message holds a credential: addresses come without their query and user.

use std::io;

use thiserror::Error;

use crate::snapshot::atomic::signals::Interrupted;

/// Why an address cannot be used.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// A signal ended the operation.
    #[error("interrupted by a signal")]
    Interrupted,
    /// A request failed, or cannot be made.
    #[error("{0}")]
    Fault(Box<RemoteFault>),
}

/// A request that failed.
#[derive(Debug)]
pub struct RemoteFault {
    /// The kind of failure.
    pub(crate) kind: FaultKind,
    /// The action that failed, as a verb: `read`, `write`, `list`, `remove`.
    pub(crate) action: &'static str,
    /// The address without credentials.
    pub(crate) address: String,
    /// The cause.
    pub(crate) why: String,
}

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The address cannot be right, or this build has no object storage.
    Address,
    /// It does not exist.
    Missing,
    /// There is no such bucket.
    NoBucket,
    /// The credentials are not allowed to do this.
    Denied,
    /// The web server wants credentials.
    WebDenied,
    /// There are no credentials.
    Anonymous,
    /// The credentials are wrong, or have expired.
    Unauthenticated,
    /// The bucket is in another region.
    Region,
    /// No connection can be made.
    Unreachable,
    /// The certificate of the server is not trusted.
    Tls,
    /// The server did not answer in time, or ended the connection.
    Broken,
    /// The server has a fault.
    Server,
    /// The answer does not match the request.
    BadAnswer,
    /// The object changed while it was read.
    Changed,
    /// The server does not send parts of files.
    NoRanges,
    /// Reading or writing a local file failed.
    Disk,
    /// Settings or files with credentials that cannot be used.
    Settings,
}

impl FaultKind {
    fn advice(self) -> &'static str {
        match self {
            Self::Address => "write it as in s3://BUCKET/run.pkl, or s3://BUCKET/runs.snaps/ for a store",
            Self::Missing => "check the address",
            Self::NoBucket => "check the name of the bucket, or create it",
            Self::Denied => "check what the credentials may do (`snapcli doctor` says which are used)",
            Self::WebDenied => "check the address, or use a presigned one, or https://USER:PASSWORD@HOST/",
            Self::Anonymous => {
                "no credentials were found, and it is not public: set them as for the tools of this storage \
                 (`snapcli doctor` lists where snapcli looks)"
            }
            Self::Unauthenticated => "check the credentials, or get new ones (`snapcli doctor` says which are used)",
            Self::Region => "set AWS_REGION to the region of the bucket",
            Self::Unreachable => "check the address and the network",
            Self::Tls => "check the address and the clock; SSL_CERT_FILE names the certificates of your own authority",
            Self::Broken => "check the network, and try again",
            Self::Server => "try again later",
            Self::BadAnswer => "try again, and check what answers at this address",
            Self::Changed => "try again when nothing writes to it",
            Self::NoRanges => "download it, and use the file",
            Self::Disk => "free some space, or set TMPDIR to another disk",
            Self::Settings => "correct it, or set the credentials in the environment",
        }
    }
}

impl RemoteFault {
    /// The fault of the request, without the address.
    fn cause(&self) -> String {
        if self.why.is_empty() { "it failed".to_owned() } else { self.why.clone() }
    }
}

impl std::fmt::Display for RemoteFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, action, address, .. } = self;
        let cause = self.cause();
        let advice = kind.advice();
        match address.is_empty() {
            true => write!(f, "{cause}: {advice}"),
            false => write!(f, "cannot {action} {address}: {cause}: {advice}"),
        }
    }
}

impl RemoteError {
    pub(crate) fn new(
        kind: FaultKind,
        action: &'static str,
        address: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::Fault(Box::new(RemoteFault { kind, action, address: address.into(), why: why.into() }))
    }

    /// The kind of failure; `None` for an interrupt.
    pub(crate) fn kind(&self) -> Option<FaultKind> {
        match self {
            Self::Interrupted => None,
            Self::Fault(fault) => Some(fault.kind),
        }
    }

    /// The closest `errno`.
    #[cfg(feature = "python")]
    pub(crate) fn system_number(&self) -> Option<i32> {
        Some(match self.kind()? {
            FaultKind::Missing | FaultKind::NoBucket => libc::ENOENT,
            FaultKind::Denied | FaultKind::WebDenied | FaultKind::Anonymous | FaultKind::Unauthenticated => {
                libc::EACCES
            }
            FaultKind::Unreachable => libc::EHOSTUNREACH,
            FaultKind::Address | FaultKind::Settings | FaultKind::Region => libc::EINVAL,
            FaultKind::Disk => libc::ENOSPC,
            _ => libc::EIO,
        })
    }

    /// Whether there is no such object.
    pub(crate) fn is_missing(&self) -> bool {
        self.kind() == Some(FaultKind::Missing)
    }

    /// Whether the user named something that does not exist, or that cannot be an address: a usage error.
    pub(crate) fn is_wrong_name(&self) -> bool {
        matches!(self.kind(), Some(FaultKind::Missing | FaultKind::NoBucket | FaultKind::Address))
    }

    /// Whether the answer of the server is to blame.
    pub(crate) fn is_bad_answer(&self) -> bool {
        self.kind() == Some(FaultKind::BadAnswer)
    }
}

impl From<RemoteError> for io::Error {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Interrupted => Self::other(Interrupted),
            fault @ RemoteError::Fault(_) => {
                let kind = match fault.kind() {
                    Some(FaultKind::Missing | FaultKind::NoBucket) => io::ErrorKind::NotFound,
                    Some(
                        FaultKind::Denied | FaultKind::WebDenied | FaultKind::Anonymous | FaultKind::Unauthenticated,
                    ) => io::ErrorKind::PermissionDenied,
                    _ => io::ErrorKind::Other,
                };
                Self::new(kind, fault)
            }
        }
    }
}

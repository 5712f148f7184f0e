//! Stands in for the client in a build without the feature `remote`: making one is an error.

use std::convert::Infallible;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::remote_address::RemoteAddress;
use super::remote_error::{FaultKind, RemoteError};
use super::{FoundObject, ListedObject, ObjectVersion, WantedObject};

#[derive(Clone, Debug)]
pub(in crate::snapshot) struct RemoteClient(Infallible);

#[derive(Debug)]
pub(in crate::snapshot) struct Renewal(Infallible);

#[derive(Debug)]
pub(in crate::snapshot) struct Uploads(Infallible);

#[allow(
    clippy::needless_pass_by_value,
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    reason = "as the client"
)]
impl RemoteClient {
    pub(in crate::snapshot) fn new(address: &RemoteAddress) -> Result<Self, RemoteError> {
        let why = "this snapcli was built without object storage (the feature `remote`)";
        Err(RemoteError::new(FaultKind::Address, "use", address.to_string(), why))
    }

    pub(in crate::snapshot) fn address(&self) -> &RemoteAddress {
        match self.0 {}
    }

    pub(in crate::snapshot) fn read(&self, _: &str, _: u64) -> Result<Vec<u8>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn read_all(&self, _: Vec<String>, _: u64) -> Result<Vec<FoundObject>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn lengths(&self, _: Vec<String>) -> Result<Vec<Option<u64>>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn heads(&self, _: Vec<String>) -> Result<Vec<Option<ListedObject>>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn list(&self, _: &str) -> Result<Vec<ListedObject>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn put(&self, _: &str, _: Vec<u8>) -> Result<(), RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn create(&self, _: &str, _: Vec<u8>) -> Result<bool, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn remove(&self, _: Vec<String>) -> Result<(), RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn download(&self, _: Vec<WantedObject>) -> Result<Vec<String>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn read_end(&self, _: u64) -> Result<(ObjectVersion, Vec<u8>), RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn read_ranges(
        &self,
        _: Vec<Range<u64>>,
        _: &ObjectVersion,
    ) -> Result<Vec<Vec<u8>>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn download_whole(&self, _: Option<&ObjectVersion>) -> Result<File, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn hash_all(
        &self,
        _: Vec<(String, u64)>,
    ) -> Result<Vec<(String, Option<blake3::Hash>)>, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn check_writable(&self, _: &str) -> Result<(), RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn renew(
        &self,
        _: &str,
        _: Vec<u8>,
        _: Duration,
        _: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Renewal, RemoteError> {
        match self.0 {}
    }

    pub(in crate::snapshot) fn give_back(&self, _: &str) {
        match self.0 {}
    }

    pub(in crate::snapshot) fn remove_soon(&self, _: &str) {
        match self.0 {}
    }

    pub(in crate::snapshot) fn uploads(&self) -> Result<Uploads, RemoteError> {
        match self.0 {}
    }
}

#[allow(clippy::needless_pass_by_value, clippy::needless_pass_by_ref_mut, reason = "as the client")]
impl Uploads {
    pub(in crate::snapshot) fn add(&mut self, _: String, _: File, _: u64, _: bool) {
        match self.0 {}
    }

    pub(in crate::snapshot) fn finish(&mut self) -> Result<u64, RemoteError> {
        match self.0 {}
    }
}

//! The settings for S3: environment variables and files of the AWS tools, and the credentials that AWS gives to EC2
//! machines and containers. Without credentials, requests are not signed, which is enough for public buckets.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region};

use super::bucket_region::BucketRegion;
use super::cloud_settings::{build_failed, client_options, retries};
use super::credential_process;
use super::credential_sources::{CredentialSource, is_set, s3_source, variable};
use super::remote_error::{FaultKind, RemoteError};

/// A bucket, and how requests to it are made and signed.
#[derive(Debug)]
pub(super) struct S3Bucket {
    builder: AmazonS3Builder,
    pub(super) source: CredentialSource,
    /// Whether no setting names its region.
    needs_region: bool,
    name: String,
}

impl S3Bucket {
    pub(super) fn new(bucket: &str) -> Result<Self, RemoteError> {
        let (source, profile) = s3_source()?;
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries());
        let keys = match &profile.process {
            _ if is_set("AWS_ACCESS_KEY_ID") => None,
            Some(process) => Some(credential_process::keys(process, &profile.name)?),
            None => profile.keys,
        };
        if let Some(keys) = keys {
            builder = builder.with_access_key_id(keys.id).with_secret_access_key(keys.secret);
            if let Some(token) = keys.token {
                builder = builder.with_token(token);
            }
        }
        let value = |builder: &AmazonS3Builder, key| builder.get_config_value(&key);
        if value(&builder, AmazonS3ConfigKey::Region).is_none()
            && let Some(region) = profile.region
        {
            builder = builder.with_region(region);
        }
        let mut endpoint = value(&builder, AmazonS3ConfigKey::Endpoint);
        if endpoint.is_none() {
            endpoint = variable("AWS_ENDPOINT_URL_S3").or(profile.endpoint);
            if let Some(endpoint) = &endpoint {
                builder = builder.with_endpoint(endpoint);
            }
        }
        let is_plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        builder = builder.with_client_options(client_options().with_allow_http(is_plain));
        if source == CredentialSource::Anonymous {
            builder = builder.with_skip_signature(true);
        }
        let needs_region = endpoint.is_none() && value(&builder, AmazonS3ConfigKey::Region).is_none();
        Ok(Self { builder, source, needs_region, name: bucket.to_owned() })
    }

    /// Whether [`region`](Self::region) must be called first.
    pub(super) fn needs_region(&self) -> bool {
        self.needs_region
    }

    /// Asks AWS for the region of a bucket. This needs no credentials.
    pub(super) async fn region(bucket: String) -> Result<String, RemoteError> {
        let found = resolve_bucket_region(&bucket, &client_options()).await;
        found.map_err(|error| {
            let address = format!("s3://{bucket}/");
            match error.to_string().contains("not found") {
                true => RemoteError::new(FaultKind::NoBucket, "find", address, "there is no such bucket"),
                false => super::fault_causes::fault_of(&error, "find the region of", address, true),
            }
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The client, and the region that its answers name.
    pub(super) fn build(self, region: Option<String>) -> Result<(Arc<dyn ObjectStore>, BucketRegion), RemoteError> {
        let builder = match region {
            Some(region) => self.builder.with_region(region),
            None => self.builder,
        };
        let region = BucketRegion::new(builder.get_config_value(&AmazonS3ConfigKey::Region));
        let builder = builder.with_http_connector(region.clone());
        let store = builder.build().map_err(|error| build_failed(&format!("s3://{}/", self.name), &error))?;
        Ok((Arc::new(store), region))
    }
}

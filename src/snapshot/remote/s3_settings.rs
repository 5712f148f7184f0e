//! The settings for S3: environment variables and files of the AWS tools, and the credentials that AWS gives to EC2
//! machines and containers. Without credentials, requests are not signed, which is enough for public buckets.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region};

use super::aws_files::AwsProfile;
use super::cloud_settings::{CredentialSource, build_failed, client_options, is_set, retries, variable};
use super::credential_process;
use super::remote_error::{FaultKind, RemoteError};

/// The file in which Linux shows the maker of the machine.
const MAKER: &str = "/sys/class/dmi/id/sys_vendor";

/// Where the credentials for S3 come from.
///
/// # Errors
/// If the AWS files ask for a kind of credentials that snapcli does not support.
pub(super) fn source() -> Result<(CredentialSource, AwsProfile), RemoteError> {
    if is_set("AWS_ACCESS_KEY_ID") {
        // Region and endpoint may still be in the profile.
        let profile = AwsProfile::read().unwrap_or_default();
        return Ok((CredentialSource::Found("AWS_ACCESS_KEY_ID".to_owned()), profile));
    }
    let given = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    ];
    let profile = match AwsProfile::read() {
        Err(_) if given.iter().any(|(one, two)| is_set(one) && is_set(two)) => AwsProfile::default(),
        read => read?,
    };
    if let Some(process) = &profile.process {
        let program = credential_process::program_of(process);
        let shown = format!("{program}, the credential_process of the AWS profile {}", profile.name);
        return Ok((CredentialSource::Found(shown), profile));
    }
    if profile.keys.is_some() {
        return Ok((CredentialSource::Found(format!("the AWS profile {}", profile.name)), profile));
    }
    if let Some((name, _)) = given.into_iter().find(|(one, two)| is_set(one) && is_set(two)) {
        return Ok((CredentialSource::Found(name.to_owned()), profile));
    }
    if is_ec2() {
        return Ok((CredentialSource::Found("the role of this EC2 machine".to_owned()), profile));
    }
    Ok((CredentialSource::Anonymous, profile))
}

/// Whether this is an EC2 machine. Only there, the metadata service is asked for credentials: elsewhere the request
/// would have to time out.
fn is_ec2() -> bool {
    let is_off = std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !is_off && std::fs::read_to_string(Path::new(MAKER)).is_ok_and(|maker| maker.contains("Amazon EC2"))
}

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
        let (source, profile) = source()?;
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

    /// Whether [`region`](Self::region) must be asked first.
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

    pub(super) fn build(self, region: Option<String>) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        let builder = match region {
            Some(region) => self.builder.with_region(region),
            None => self.builder,
        };
        let store = builder.build().map_err(|error| build_failed(&format!("s3://{}/", self.name), &error))?;
        Ok(Arc::new(store))
    }
}

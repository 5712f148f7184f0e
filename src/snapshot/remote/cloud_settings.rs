//! The settings for Google Cloud Storage and Azure Blob Storage, and the settings that all requests to buckets share.

use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ClientOptions, HeaderValue, ObjectStore, RetryConfig};

use super::credential_sources::{CredentialSource, azure_source, google_source, is_set, variable};
use super::remote_error::{FaultKind, RemoteError};

const CONNECT: Duration = Duration::from_secs(10);
/// How often a request is retried, and for how long at most.
const RETRIES: usize = 4;
const RETRYING: Duration = Duration::from_secs(45);

/// Makes ring the cryptography library of rustls, once for the process.
pub(super) fn use_ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The options of all requests to buckets.
pub(super) fn client_options() -> ClientOptions {
    // Each request has its own timeout, which depends on its length.
    let options = ClientOptions::new().with_timeout_disabled().with_connect_timeout(CONNECT).with_http1_only();
    options.with_user_agent(HeaderValue::from_static(super::USER_AGENT))
}

pub(super) fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(3), base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRYING }
}

pub(super) fn build_failed(address: &str, error: &object_store::Error) -> RemoteError {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    RemoteError::new(FaultKind::Settings, "use", address, last.to_string())
}

pub(super) fn google(bucket: &str) -> Result<(Arc<dyn ObjectStore>, CredentialSource), RemoteError> {
    let source = google_source();
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retries());
    let mut options = client_options();
    // The variable of Google's own tools for emulators.
    if let Some(emulator) = variable("STORAGE_EMULATOR_HOST") {
        let url = if emulator.contains("://") { emulator } else { format!("http://{emulator}") };
        options = options.with_allow_http(url.starts_with("http://"));
        builder = builder.with_base_url(url.trim_end_matches('/'));
    }
    builder = builder.with_client_options(options);
    if source == CredentialSource::Anonymous {
        builder = builder.with_skip_signature(true);
    }
    let store = builder.build().map_err(|error| build_failed(&format!("gs://{bucket}/"), &error))?;
    Ok((Arc::new(store), source))
}

pub(super) fn azure(container: &str) -> Result<(Arc<dyn ObjectStore>, CredentialSource), RemoteError> {
    let source = azure_source();
    let address = format!("az://{container}/");
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(container).with_retry(retries());
    let account = variable("AZURE_STORAGE_ACCOUNT");
    if let Some(account) = account.filter(|_| !is_set("AZURE_STORAGE_ACCOUNT_NAME")) {
        builder = builder.with_account(account);
    } else if !is_set("AZURE_STORAGE_ACCOUNT_NAME") && !is_set("AZURE_STORAGE_USE_EMULATOR") {
        let why = "AZURE_STORAGE_ACCOUNT_NAME is not set, which names the account of the container";
        return Err(RemoteError::new(FaultKind::Settings, "use", address, why));
    }
    if let Some(key) = variable("AZURE_STORAGE_KEY") {
        builder = builder.with_access_key(key);
    }
    let endpoint = std::env::var("AZURE_STORAGE_ENDPOINT").or_else(|_| std::env::var("AZURE_ENDPOINT"));
    let is_plain = endpoint.is_ok_and(|endpoint| endpoint.starts_with("http://"));
    builder = builder.with_client_options(client_options().with_allow_http(is_plain));
    if source == CredentialSource::Anonymous {
        builder = builder.with_skip_signature(true);
    }
    let store = builder.build().map_err(|error| build_failed(&address, &error))?;
    Ok((Arc::new(store), source))
}

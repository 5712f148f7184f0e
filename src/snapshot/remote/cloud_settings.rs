//! The settings for Google Cloud Storage and Azure Blob Storage, and those that all requests to buckets share.

use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ClientOptions, HeaderValue, ObjectStore, RetryConfig};

use super::remote_error::{FaultKind, RemoteError};
use super::{FoundCredentials, s3_settings};

const CONNECT: Duration = Duration::from_secs(10);
/// How often a request is retried, and for how long at most.
const RETRIES: usize = 4;
const RETRYING: Duration = Duration::from_secs(45);
/// The file in which Linux shows the model of the machine.
const MAKER: &str = "/sys/class/dmi/id/product_name";

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CredentialSource {
    /// The name of a variable, a file or a service; never a value.
    Found(String),
    /// There are none.
    Anonymous,
}

/// Whether a variable is set to something.
pub(super) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// The value of a variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn first_set(names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| is_set(name))
}

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
    // Each request has a timeout of its own, which depends on its length.
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

/// Where the credentials for Google come from.
pub(super) fn google_source() -> CredentialSource {
    let names = [
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ];
    if let Some(name) = first_set(&names) {
        return CredentialSource::Found(name.to_owned());
    }
    if gcloud_file().is_some_and(|file| file.is_file()) {
        return CredentialSource::Found("the file that `gcloud auth application-default login` writes".to_owned());
    }
    // Elsewhere, a request to the metadata service would have to time out.
    if std::fs::read_to_string(MAKER).is_ok_and(|maker| maker.contains("Google")) {
        return CredentialSource::Found("the account of this Google machine".to_owned());
    }
    CredentialSource::Anonymous
}

fn gcloud_file() -> Option<PathBuf> {
    Some(dirs::home_dir()?.join(".config/gcloud/application_default_credentials.json"))
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

/// Where the credentials for Azure come from.
pub(super) fn azure_source() -> CredentialSource {
    let names = [
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_MASTER_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
        "AZURE_USE_AZURE_CLI",
        "AZURE_STORAGE_USE_EMULATOR",
    ];
    match first_set(&names) {
        Some(name) => CredentialSource::Found(name.to_owned()),
        None => CredentialSource::Anonymous,
    }
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

/// The credentials for all kinds of object storage.
pub(super) fn found_credentials() -> Vec<FoundCredentials> {
    let name = |source| match source {
        CredentialSource::Found(name) => Some(name),
        CredentialSource::Anonymous => None,
    };
    let s3 = s3_settings::source().map(|(source, _)| name(source)).map_err(|error| error.to_string());
    [("s3://", s3), ("gs://", Ok(name(google_source()))), ("az://", Ok(name(azure_source())))]
        .map(|(scheme, source)| FoundCredentials { scheme, source })
        .into()
}

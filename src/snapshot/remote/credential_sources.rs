//! Where the credentials for object storage come from: environment variables, files and services. Nothing here makes a
//! request, so that `doctor` can show them in a program without the feature `remote`, such as the launcher.

use std::path::{Path, PathBuf};

use super::FoundCredentials;
use super::aws_files::AwsProfile;
use super::remote_error::RemoteError;

/// The file in which Linux shows the maker of the machine.
const EC2_MAKER: &str = "/sys/class/dmi/id/sys_vendor";
/// The file in which Linux shows the model of the machine.
const GOOGLE_MODEL: &str = "/sys/class/dmi/id/product_name";

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

/// Where the credentials for S3 come from.
///
/// # Errors
/// If the AWS files ask for a kind of credentials that snapcli does not support.
pub(super) fn s3_source() -> Result<(CredentialSource, AwsProfile), RemoteError> {
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
    // It is not run here: it may ask for a code.
    if profile.process.is_some() {
        let name = &profile.name;
        return Ok((CredentialSource::Found(format!("the credential_process of the AWS profile {name}")), profile));
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

/// Whether this is an EC2 machine. The metadata service is asked for credentials only there: elsewhere the request
/// would have to time out.
fn is_ec2() -> bool {
    let is_off = std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !is_off && std::fs::read_to_string(Path::new(EC2_MAKER)).is_ok_and(|maker| maker.contains("Amazon EC2"))
}

/// Where the credentials for Google come from.
pub(super) fn google_source() -> CredentialSource {
    let names = [
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_BEARER_TOKEN",
    ];
    if let Some(name) = first_set(&names) {
        return CredentialSource::Found(name.to_owned());
    }
    if gcloud_file().is_some_and(|file| file.is_file()) {
        return CredentialSource::Found("the file that `gcloud auth application-default login` writes".to_owned());
    }
    // Elsewhere, a request to the metadata service would have to time out.
    if std::fs::read_to_string(GOOGLE_MODEL).is_ok_and(|maker| maker.contains("Google")) {
        return CredentialSource::Found("the account of this Google machine".to_owned());
    }
    CredentialSource::Anonymous
}

fn gcloud_file() -> Option<PathBuf> {
    Some(dirs::home_dir()?.join(".config/gcloud/application_default_credentials.json"))
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

/// The credentials for all kinds of object storage.
pub(super) fn found_credentials() -> Vec<FoundCredentials> {
    let name = |source| match source {
        CredentialSource::Found(name) => Some(name),
        CredentialSource::Anonymous => None,
    };
    let s3 = s3_source().map(|(source, _)| name(source)).map_err(|error| error.to_string());
    [("s3://", s3), ("gs://", Ok(name(google_source()))), ("az://", Ok(name(azure_source())))]
        .map(|(scheme, source)| FoundCredentials { scheme, source })
        .into()
}

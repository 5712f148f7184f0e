//! What `snapcli doctor` says of object storage: which credentials would be used, by their names, never their values.

use std::io;

use schemars::JsonSchema;
use serde::Serialize;

use crate::snapshot::remote::FoundCredentials;
use crate::ui::{Lines, Paint};

/// The credentials for one kind of object storage.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StorageReport {
    /// How its addresses begin.
    pub scheme: &'static str,
    /// Where the credentials come from: a variable, a profile, a file or a service. Absent if there are none; then only
    /// what is public can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// Why they cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl StorageReport {
    /// What is found on this machine.
    pub(crate) fn all() -> Vec<Self> {
        let report = |found: FoundCredentials| match found.source {
            Ok(credentials) => Self { scheme: found.scheme, credentials, error: None },
            Err(error) => Self { scheme: found.scheme, credentials: None, error: Some(error) },
        };
        FoundCredentials::all().into_iter().map(report).collect()
    }

    /// Writes the section, if there is anything to say.
    pub(crate) fn write_all(reports: &[Self], out: &mut Lines<'_>) -> io::Result<()> {
        if reports.is_empty() {
            return Ok(());
        }
        out.blank()?;
        out.painted(&[(Paint::Name, "object storage")])?;
        for Self { scheme, credentials, error } in reports {
            let text = match (error, credentials) {
                (Some(error), _) => format!("cannot be used: {error}"),
                (None, Some(credentials)) => format!("credentials from {credentials}"),
                (None, None) => "no credentials: only what is public can be read".to_owned(),
            };
            let paint = if error.is_some() { Paint::Bad } else { Paint::Plain };
            out.painted_hanging(15, &[(Paint::Faint, &format!("  {scheme:<12} ")), (paint, &text)])?;
        }
        Ok(())
    }
}

//! The commands that work on stores: `log`, `export`, `import`, `prune`, and `verify` of a whole store.

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod questions;
pub(crate) mod remove_snapshots;

use std::path::Path;

use anyhow::Result;

use crate::exit::{self, OrExit};
use crate::snapshot::store::{Store, StoreAddress, StoreError};

/// The store that the user or a file of settings named.
///
/// # Errors
/// With exit code 2, if there is none.
fn named_store<'a>(path: Option<&'a Path>, command: &str) -> Result<&'a Path> {
    path.ok_or_else(|| {
        let text = format!("no store given: run `snapcli {command} STORE`");
        let advice = "or set store in [tool.snapcli] of pyproject.toml, or in config.toml".to_owned();
        exit::coded(exit::USAGE, text).with_details(vec![advice]).into()
    })
}

/// Opens the store that the user named.
fn open_store(path: &Path, action: &str) -> Result<Store> {
    if let Ok(Some(address)) = StoreAddress::of(path)
        && !StoreAddress::is_whole_store(path)
    {
        let text = format!("cannot {action} {}: it is a snapshot, and not a whole store", path.display());
        let details = vec![format!("the store is {}/", address.folder.display())];
        return Err(exit::coded(exit::USAGE, text).with_details(details).into());
    }
    with_code(Store::open(path), || format!("cannot {action} {}", path.display()))
}

/// Adds context and an exit code to an error of a store.
pub(in crate::commands) fn with_code<T>(result: Result<T, StoreError>, message: impl FnOnce() -> String) -> Result<T> {
    let code = match &result {
        Err(error) if error.is_wrong_name() => exit::USAGE,
        Err(StoreError::Io { .. } | StoreError::Unnamed { .. } | StoreError::Lock(..) | StoreError::Remote(_)) => {
            exit::FAILED
        }
        _ => exit::DAMAGED,
    };
    result.or_exit(code, message)
}

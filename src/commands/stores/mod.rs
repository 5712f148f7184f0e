//! The commands that work on stores: `log`, `export`, `import`, `prune`, and `verify` of a whole store.

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod questions;
pub(crate) mod remove_snapshots;

use std::path::Path;

use anyhow::Result;

use crate::exit::{self, OrExit};
use crate::snapshot::store::{Store, StoreError};

/// Opens the store that the user named.
fn open_store(path: &Path, action: &str) -> Result<Store> {
    with_code(Store::open(path), || format!("cannot {action} {}", path.display()))
}

/// Adds context and an exit code to an error of a store.
pub(in crate::commands) fn with_code<T>(result: Result<T, StoreError>, message: impl FnOnce() -> String) -> Result<T> {
    let code = match &result {
        Err(error) if error.is_wrong_name() => exit::USAGE,
        Err(StoreError::Io { .. } | StoreError::Lock(..) | StoreError::Remote(_)) => exit::FAILED,
        _ => exit::DAMAGED,
    };
    result.or_exit(code, message)
}

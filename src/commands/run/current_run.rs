//! Which run of a store is the one in force: the last one that has begun. `run.json` in the folder names it, and its
//! checkpoints carry the same ID. So a run that `--fresh` has begun is in force before its first checkpoint.

use std::fs::File;
use std::io::Read;
#[cfg(feature = "python")]
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

#[cfg(feature = "python")]
use crate::snapshot::system::without_temporary_name;

/// The file in the folder of the store.
const NAME: &str = "run.json";
/// The most bytes of it that are read.
const MAX_BYTES: u64 = 4096;

/// A run that has begun.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CurrentRun {
    /// Its ID, which no other run has.
    pub(super) run: String,
    /// The number of the last snapshot of the store when it began.
    pub(super) after: u64,
}

impl CurrentRun {
    /// The run in force; `None` if the store does not say.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let mut bytes = Vec::new();
        File::open(folder.join(NAME)).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Makes a new run the one in force.
    ///
    /// # Errors
    /// If the file cannot be replaced.
    #[cfg(feature = "python")]
    pub(super) fn begin(folder: &Path, after: u64) -> io::Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        let run = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let this = Self { run, after };
        let made = tempfile::Builder::new().prefix(&format!("{NAME}.")).tempfile_in(folder);
        let mut file = made.map_err(without_temporary_name)?;
        file.as_file_mut().write_all(&serde_json::to_vec(&this)?)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(NAME)).map_err(|error| error.error)?;
        Ok(this)
    }
}

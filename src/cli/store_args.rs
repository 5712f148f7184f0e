//! The arguments of the commands that work on stores: `log`, `export`, `import` and `prune`; and what `save` says of a
//! snapshot that goes into one.

use std::path::PathBuf;

use clap::Args;

use super::help_texts;
use super::session_args::parse_level;

/// What is noted with a snapshot of a store.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Store options")]
pub(crate) struct SnapshotLabels {
    /// Name the snapshot, so that STORE/@NAME stands for it; an older snapshot loses the name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Note TEXT with the snapshot, for `snapcli log`
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}

/// List the snapshots of a store
///
/// A store is a folder that holds many snapshots of a session, and each object in them only once: `snapcli save -o
/// runs.snaps/ SCRIPT` adds one. The newest comes first. `changed` is the number of variables that are new or differ
/// from the snapshot before; `added` is what was written for it.
#[derive(Debug, Args)]
#[command(after_help = help_texts::LOG, after_long_help = help_texts::LOG_LONG)]
pub(crate) struct LogArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// List at most this many
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count)]
    pub(crate) max_count: Option<u64>,
    /// Store to list [default: `store` of pyproject.toml or config.toml]
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<PathBuf>,
}

/// Write a snapshot of a store to a file of its own
///
/// The file is what `snapcli save -o FILE` would have written: any unpickler reads it, without snapcli and without the
/// store, once a compressed one is decompressed. It is signed with your key if the snapshot is.
#[derive(Debug, Args)]
#[command(after_help = help_texts::EXPORT, after_long_help = help_texts::EXPORT_LONG)]
pub(crate) struct ExportArgs {
    /// File to write; `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = "session.pkl")]
    pub(crate) output: PathBuf,
    /// Compress FILE with zstd, level -7 (fastest) to 22 (smallest); 3 for a FILE that ends in .zst
    ///
    /// `zstd -d` gives the uncompressed snapshot, which `dill.load_module` reads. snapcli reads the compressed file
    /// directly.
    #[arg(long, value_name = "LEVEL", value_parser = parse_level, allow_negative_numbers = true)]
    pub(crate) compress: Option<i32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Snapshot: STORE/ for the newest one, STORE/@3 or STORE/@NAME [default: the newest of `store` of pyproject.toml
    /// or config.toml]
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshot: Option<PathBuf>,
}

/// Add a snapshot from a file to a store
///
/// The file is checked first, and stays as it is. It becomes the newest snapshot of the store, signed with your key if
/// the file is.
#[derive(Debug, Args)]
#[command(after_help = help_texts::IMPORT, after_long_help = help_texts::IMPORT_LONG)]
pub(crate) struct ImportArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Snapshot to add: a file, `-` for standard input, or a snapshot of another store
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Store to add it to; made if it does not exist
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) labels: SnapshotLabels,
}

/// Remove snapshots from a store, and what no snapshot needs
///
/// Without an option that says what to keep, all snapshots stay, and only the leftovers of saves that were killed are
/// removed, and names whose snapshots are gone. Waits until no process saves to the store; saves that begin meanwhile
/// wait for the end.
#[derive(Debug, Args)]
#[command(after_help = help_texts::PRUNE, after_long_help = help_texts::PRUNE_LONG)]
pub(crate) struct PruneArgs {
    /// Keep the N newest snapshots, and the newest of a script that did not fail; remove the others
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) keep_last: Option<u64>,
    /// Keep snapshots that have a name, too
    #[arg(long, requires = "keep_last")]
    pub(crate) keep_named: bool,
    /// Remove snapshots that cannot be read, and damaged objects too: a save writes again what it needs of them
    #[arg(long)]
    pub(crate) drop_damaged: bool,
    /// Remove nothing, and say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Store to remove snapshots from [default: `store` of pyproject.toml or config.toml]
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<PathBuf>,
}

/// Parses a number of snapshots.
fn parse_count(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a number of snapshots, at least 1".to_owned())
}

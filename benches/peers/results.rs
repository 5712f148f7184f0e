//! The measurements that `measure.py` writes as JSON, and the targets that they are compared with.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The sessions, in the order of the tables, each with its targets: the largest ratio of snapcli's time to that of the
/// base (0.65 is 35 % less time), and the most memory. They were set once for the project; a figure that misses its
/// target means that a change has cost speed, or that the machine is noisy.
pub(crate) const SESSIONS: [Session; 7] = [
    Session { name: "records", base: "C pickle", save: Some(0.65), load: Some(0.75), save_extra: Some(48.0) },
    Session { name: "integers", base: "C pickle", save: Some(0.65), load: Some(0.75), save_extra: None },
    Session { name: "instances", base: "C pickle", save: Some(0.70), load: Some(0.75), save_extra: None },
    Session { name: "functions", base: "dill", save: Some(0.50), load: None, save_extra: None },
    Session { name: "frame", base: "C pickle", save: Some(0.90), load: Some(0.75), save_extra: None },
    Session { name: "array", base: "plain write", save: Some(1.10), load: Some(1.00), save_extra: Some(16.0) },
    Session { name: "mixed", base: "C pickle", save: None, load: None, save_extra: None },
];

/// A session, the peer that its save is compared with, and the targets: ratios, and memory in MB.
pub(crate) struct Session {
    pub(crate) name: &'static str,
    pub(crate) base: &'static str,
    pub(crate) save: Option<f64>,
    pub(crate) load: Option<f64>,
    pub(crate) save_extra: Option<f64>,
}

/// The measurements of one session, by peer.
#[derive(Deserialize)]
pub(crate) struct Measured {
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) save: BTreeMap<String, Cell>,
    pub(crate) load: BTreeMap<String, Cell>,
    pub(crate) synced: BTreeMap<String, Cell>,
    pub(crate) small: Option<Reads>,
}

/// The measurements of one peer, or why there are none.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cell {
    /// The best of all rounds.
    pub(crate) seconds: Option<f64>,
    /// Bytes over the memory that was resident before: at the peak, and at the end.
    peak: Option<f64>,
    held: Option<f64>,
    pub(crate) cannot: Option<String>,
    pub(crate) not_yet: Option<String>,
}

/// How much of a file was read, in bytes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reads {
    /// By calls of `read`.
    pub(crate) calls: Option<u64>,
    /// By touching a mapping; unknown if the file could not be evicted from the page cache.
    pub(crate) touched: Option<u64>,
}

impl Cell {
    /// The peak memory over that of the session itself, in MB.
    pub(crate) fn peak_mb(&self) -> Option<f64> {
        self.peak.map(|bytes| bytes / 1e6)
    }
}

impl Measured {
    /// The memory of a loaded session in MB: the least that any of the complete loads holds at its end.
    pub(crate) fn loaded_mb(&self) -> Option<f64> {
        let whole =
            self.load.iter().filter(|(name, _)| !["mapped", "only small", "untrusted"].contains(&name.as_str()));
        whole.filter_map(|(_, cell)| cell.held).min_by(f64::total_cmp).map(|bytes| bytes / 1e6)
    }
}

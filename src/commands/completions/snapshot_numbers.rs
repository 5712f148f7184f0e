//! The snapshots of a store, for `runs.snaps/@<TAB>`: their numbers, and the names that the user gave them. A store in
//! object storage is not asked: a completion must not make the user wait.

use std::path::Path;

use clap_complete::CompletionCandidate;

use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::store::{HistoryEntry, Store, StoreAddress};
use crate::ui::{escape, format_utc};

/// The most snapshots that are offered, the newest first.
const MOST: usize = 100;

/// The snapshots that a word may name which begins with the path of a store and its `/`; `None` for any other word.
pub(super) fn snapshots(word: &str) -> Option<Vec<CompletionCandidate>> {
    let (folder, selector) = word.rsplit_once('/').map(|(folder, last)| (folder, last.strip_prefix('@')))?;
    let selector = selector.or_else(|| word.ends_with('/').then_some(""))?;
    let store = Some(Path::new(folder)).filter(|folder| !RemoteAddress::is_at(folder) && Store::is_at(folder))?;
    let history = Store::open(store).and_then(|store| store.history()).ok()?;
    let newest = history.into_iter().rev().take(MOST);
    let all: Vec<(String, String)> = newest.flat_map(named).collect();
    // Numbers come first, in their own order.
    let (numbers, names): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| name.parse::<u64>().is_ok());
    let found = numbers.into_iter().chain(names).filter(|(name, _)| name.starts_with(selector));
    let candidate =
        |(name, help): (String, String)| CompletionCandidate::new(format!("{folder}/@{name}")).help(Some(help.into()));
    Some(found.map(candidate).collect())
}

/// The number of a snapshot and its names, each with what it is. Text in a store may be hostile.
fn named(entry: HistoryEntry) -> Vec<(String, String)> {
    let help = match &entry.header {
        Ok(header) => format!("{}, {}", format_utc(&header.created), header.script.rsplit('/').next().unwrap_or("")),
        Err(_) => "damaged".to_owned(),
    };
    let help = escape(&help).into_owned();
    let number = (entry.number.to_string(), help.clone());
    let names = entry.names.into_iter().filter(|name| escape(name) == *name);
    std::iter::once(number).chain(names.map(|name| (name, format!("@{}, {help}", entry.number)))).collect()
}

/// Whether a path names a store on this machine, or a snapshot in one.
pub(super) fn is_in_local_store(path: &Path) -> bool {
    !RemoteAddress::is_at(path) && matches!(StoreAddress::of(path), Ok(Some(_)))
}

//! What the file of a snapshot in a store claims, against the description that it names and the snapshot before: `log`
//! shows these claims, and nothing else proves them if the file is not signed.

use super::description::Description;
use super::parent_snapshot::ParentSnapshot;
use super::snapshot_header::SnapshotHeader;
use super::store_folder::Store;
use crate::snapshot::index::Index;

/// What the header says wrongly about the session that it stands for.
pub(super) fn false_claim(store: &Store, header: &SnapshotHeader, index: &Index) -> Option<String> {
    let script = &index.script;
    let wrong = [
        (header.variables != index.variables.len() as u64, "the number of its variables"),
        (header.changed > header.variables, "how many variables changed"),
        (header.pickle != index.stream.length, "the length of its pickle"),
        (header.created != index.created, "when it was saved"),
        (header.kind != script.kind || header.script != script.path, "the script that made it"),
        (header.how != script.ended.how, "how the script ended"),
        (header.number > 0 && header.parent >= header.number, "the snapshot before it"),
    ];
    let wrong = wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, what)| what);
    let wrong = wrong.or_else(|| has_other_changes(store, header, index).then_some("what changed in it"));
    wrong.map(|what| format!("its file is wrong about {what}"))
}

/// Whether other variables changed since the snapshot before than the header says. That one may have been removed.
fn has_other_changes(store: &Store, header: &SnapshotHeader, index: &Index) -> bool {
    let mut expected = SnapshotHeader::default();
    if header.parent == 0 {
        // It builds on nothing, so all of it is new.
        return header.changed != header.variables || header.removed != 0;
    }
    let Ok(file) = store.read_snapshot(&store.snapshot_path(header.parent)) else { return false };
    let described = SnapshotHeader::decode(&file).ok().and_then(|(parent, _)| parent.description);
    let Some((description, encoded)) = described.and_then(|object| Description::read(store, object).ok()) else {
        return false;
    };
    ParentSnapshot::new(header.parent, &description, encoded).note_changes(index, &mut expected);
    let claims = |header: &SnapshotHeader| (header.changed, header.removed, header.names.clone());
    claims(header) != claims(&expected)
}

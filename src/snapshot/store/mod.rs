//! Stores: folders that hold many snapshots of an evolving session, each object once. `docs/format.md` describes them.
//!
//! A store holds ordinary snapshots, cut up. [`store_target`] takes the stream of a save apart into objects, and
//! [`assembled`] puts the file together again, as far as it is read ([`assembled_image`]): pickler, writer, reader,
//! load plan, verdict and diff do not know of stores. [`store_address`] says what a path names, [`store_folder`] knows
//! the parts of the folder and [`store_files`] the files in it, [`store_marker`] makes a store, and [`object_writer`]
//! writes the objects. A store in object storage has a local folder that stands for it ([`upstream`]), and a
//! [`store_lease`] in place of a lock.

mod assembled;
mod assembled_image;
mod damage_marks;
mod description;
mod file_import;
mod header_claims;
mod name_target;
mod object_name;
mod object_writer;
mod packed_object;
mod parent_snapshot;
mod reused_objects;
mod snapshot_header;
mod snapshot_names;
mod store_address;
mod store_check;
mod store_error;
mod store_files;
mod store_folder;
mod store_history;
mod store_lease;
mod store_locks;
mod store_marker;
mod store_prune;
mod store_target;
#[cfg(test)]
mod store_tests;
mod stored_opcodes;
mod untouched_memory;
mod upstream;

pub(crate) use self::assembled::HeldStore;
pub(in crate::snapshot) use self::assembled::{AssembledSnapshot, BufferContents, is_signed_by};
pub(crate) use self::damage_marks::mark_damage_of;
pub(crate) use self::file_import::{ImportError, import};
pub(crate) use self::object_name::ObjectName;
pub(crate) use self::snapshot_header::SnapshotHeader;
#[cfg(feature = "python")]
pub(crate) use self::snapshot_header::new_run_id;
pub(crate) use self::snapshot_names::CRASH;
#[cfg(feature = "python")]
pub(crate) use self::snapshot_names::UNVERIFIED;
pub(crate) use self::store_address::StoreAddress;
pub(crate) use self::store_check::{StoreCheck, check, local_bytes, object_bytes, problem_of};
pub(crate) use self::store_error::StoreError;
#[cfg(feature = "python")]
pub(crate) use self::store_files::remove_leftovers;
pub(crate) use self::store_folder::Store;
pub(crate) use self::store_history::HistoryEntry;
#[cfg(feature = "python")]
pub(crate) use self::store_locks::WAITING_FOR_PRUNE;
pub(crate) use self::store_prune::{PruneRules, Pruned, prune};
pub(crate) use self::store_target::{SnapshotNotes, StoreTarget, StoredSnapshot};

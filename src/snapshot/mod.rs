//! The snapshot file: a pickle that any pickle reader accepts, then an index in JSON, then a trailer of 96 bytes.
//!
//! This folder knows nothing about Python objects: the pickler supplies bytes, and the commands ask what is in a file.
//! [`writer`] writes into a [`save_target`], such as an [`atomic`] file, and [`reader`] reads it back; [`layout`]
//! defines the trailer for both, [`index`] the JSON, and [`signature`] who signed it. [`segment`] cuts the file into
//! variables, [`load_plan`] says what of them is loaded, and [`requirements`] what that needs. [`verification`] checks
//! that a file is as it was saved, [`proven_facts`] is what its opcodes show of variables, [`file_changes`] compares
//! two files and returns a [`change_list`], and [`roundtrip_target`] compares a file with the objects that were loaded
//! from it. A [`store`] holds many snapshots. Bytes from outside are treated as hostile everywhere in this folder.

pub(crate) mod atomic;
mod change_list;
pub(crate) mod file_changes;
pub(crate) mod file_names;
mod hash_tree;
pub(crate) mod index;
pub(crate) mod layout;
pub(crate) mod load_plan;
pub(crate) mod needed_opcodes;
mod pipeline;
pub(crate) mod plain_path;
pub(crate) mod proven_facts;
pub(crate) mod reader;
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "the full build finds dead code"))]
pub(crate) mod remote;
pub(crate) mod requirements;
pub(crate) mod roundtrip_target;
pub(crate) mod save_target;
pub(crate) mod seekable;
pub(crate) mod segment;
#[cfg_attr(not(feature = "python"), allow(dead_code, reason = "only processes with Python work for each other"))]
pub(crate) mod shared_meter;
pub(crate) mod signature;
pub(crate) mod signer;
pub(crate) mod store;
pub(crate) mod system;
pub(crate) mod verification;
pub(crate) mod work_meter;
mod worker_threads;
pub(crate) mod writer;

/// The name of an unnamed object: a pickle that is neither a session nor a dict of variables holds one.
pub(crate) const OBJECT_NAME: &str = "obj";

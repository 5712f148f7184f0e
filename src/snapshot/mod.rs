//! The snapshot file: a pickle that any pickle reader accepts, then an index in JSON, then a trailer of 96 bytes.
//!
//! Knows nothing about Python objects: the pickler supplies bytes, and the commands ask what is in a file. [`writer`]
//! writes into a [`save_target`], such as an [`atomic`] file, and [`reader`] reads it back; [`layout`] defines the
//! trailer for both, [`index`] the JSON, and [`signature`] who signed it. [`verify`] checks that a file is as it was
//! saved, [`changes`] compares two files, and [`echo`] compares a file with the objects that it was loaded into.
//! Bytes from outside are treated as hostile everywhere in this folder.

pub mod atomic;
pub mod changes;
pub mod echo;
mod hash_tree;
pub mod index;
pub mod layout;
mod pipeline;
pub mod reader;
pub mod save_target;
pub mod signature;
pub(crate) mod system;
pub mod verify;
pub mod wants;
pub mod writer;

use self::hash_tree as tree; // compat
use self::pipeline as pipe; // compat
pub use self::save_target as target; // compat
pub use self::signature as trust; // compat

/// The name of an unnamed object: a pickle that is neither a session nor a dict of variables holds one.
pub const OBJECT_NAME: &str = "obj";

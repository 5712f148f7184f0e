//! The file: a pickle that any reader of pickles takes, then an index in JSON, then a trailer of 96 bytes.
//!
//! Knows nothing of Python objects: the pickler hands it bytes, the commands ask it what is in a file. [`writer`]
//! writes into a [`target`], such as an [`atomic`] file, what [`reader`] reads; [`layout`] is what the two agree on;
//! [`trust`] knows who saved it; [`segment`] knows how a variable lies in the file, [`verification`] checks a file,
//! [`file_changes`] compares two, [`roundtrip_target`] compares what a file restores with what was saved. Everything
//! here treats bytes from outside as hostile.

pub mod atomic;
pub mod file_changes;
pub mod index;
pub mod layout;
mod pipe;
pub mod reader;
pub mod requirements;
pub mod roundtrip_target;
pub mod segment;
pub mod signals;
mod system;
pub mod target;
mod tree;
pub mod trust;
pub mod verification;
pub mod writer;

pub use self::file_changes as changes; // compat
pub use self::roundtrip_target as echo; // compat
pub use self::verification as verify; // compat

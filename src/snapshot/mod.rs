//! The file: a pickle that any reader of pickles takes, then an index in JSON, then a trailer of 96 bytes.
//!
//! Knows nothing of Python objects: the pickler hands it bytes, the commands ask it what is in a file.
//! [`writer`] writes into a [`target`], such as an [`atomic`] file, what [`reader`] reads; [`layout`] is what the two
//! agree on; [`trust`] knows who saved it; [`verify`] tells whether a file is what was saved, [`changes`] what changed between two,
//! [`echo`] whether what a file gives back is what was saved.
//! Everything here treats bytes from outside as hostile.

pub mod atomic;
pub mod changes;
pub mod echo;
pub mod index;
pub mod layout;
mod pipe;
pub mod reader;
pub mod signals;
mod system;
pub mod target;
mod tree;
pub mod trust;
pub mod verify;
pub mod wants;
pub mod writer;

//! The session: which names of a namespace are saved, why the others are not, and how they are restored.
//!
//! [`select`] chooses the names, [`save`] writes a snapshot of them with their [`provenance`], and [`restore`] restores
//! one. [`api`] is the module that scripts import as `snapcli`. [`roundtrip`] compares a session with its snapshot. The
//! other files describe objects: what they are, where saving them fails, and which globals their code uses.

pub(crate) mod api;
mod code_objects;
pub(crate) mod failure_path;
mod interpreter_guards;
mod object_description;
pub(crate) mod provenance;
pub(crate) mod restore;
pub(crate) mod roundtrip;
pub(crate) mod save;
mod secrets;
pub(crate) mod select;
mod size_estimate;
mod variable_saver;

//! One module for each subcommand: its steps in order, on one screen. The work itself is done by the layers below.
//!
//! Commands take the structs of [`cli`](crate::cli) as clap made them, and return the exit code.
#![warn(clippy::disallowed_macros)]

pub(crate) mod completions;
pub(crate) mod diff;
#[cfg(feature = "python")]
pub(crate) mod doctor;
mod input_output;
pub(crate) mod inspect;
#[cfg(feature = "python")]
pub(crate) mod restore;
#[cfg(feature = "python")]
pub(crate) mod save;
pub(crate) mod trust;
pub(crate) mod verify;
#[cfg(feature = "python")]
pub(crate) mod verify_load;

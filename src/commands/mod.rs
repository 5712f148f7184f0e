//! One module for each subcommand: its steps in order, on one screen. The work itself is done by the layers below.
//!
//! Commands take the structs of [`cli`](crate::cli) as clap made them, and return the exit code.

pub mod completions;
pub mod diff;
#[cfg(feature = "python")]
pub mod doctor;
mod input_output;
pub mod inspect;
#[cfg(feature = "python")]
pub mod restore;
#[cfg(feature = "python")]
pub mod save;
pub mod trust;
pub mod verify;
#[cfg(feature = "python")]
pub mod verify_load;

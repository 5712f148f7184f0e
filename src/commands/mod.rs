//! One file for each subcommand: its flow on one screen, stage by stage.

pub use crate::report::say::Talk;

mod ask;
pub mod completions;
pub mod diff;
#[cfg(feature = "python")]
pub mod doctor;
#[cfg(feature = "python")]
mod ending;
pub mod inspect;
#[cfg(feature = "python")]
mod inspect_script;
mod open;
mod page;
mod progress;
#[cfg(feature = "python")]
pub mod reload;
#[cfg(feature = "python")]
pub mod restore;
#[cfg(feature = "python")]
pub mod save;
pub mod trust;
pub mod verify;

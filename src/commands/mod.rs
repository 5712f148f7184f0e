//! One module for each subcommand: its steps in order, on one screen. The work itself is done by the layers below.
//!
//! Commands take the structs of [`cli`](crate::cli) as clap made them, and return the exit code.
#![warn(clippy::disallowed_macros)]

pub(crate) mod answer_output;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod doctor;
mod file_claims;
mod generations;
mod input_output;
pub(crate) mod inspect;
pub(crate) mod man;
mod operand_order;
mod output_conflicts;
pub(crate) mod remote_operands;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod save;
pub(crate) mod schema;
pub(crate) mod standard_output;
pub(crate) mod stores;
pub(crate) mod trust;
pub(crate) mod unused_options;
pub(crate) mod usage_error;
pub(crate) mod verify;
pub(crate) mod verify_load;
mod wrong_names;

//! Describes the values of a machine for people: types, lengths, previews, the outline of a file, and a tree with
//! sizes.

mod describe_arrays;
mod describe_frames;
pub mod describe_value;
pub mod labels;
mod lengths;
pub mod outline;
pub mod trace_tree;

//! Describes the values of a machine for people: types, lengths, previews, the outline of a file, and a tree with
//! sizes.

pub(crate) mod array_elements;
mod describe_arrays;
mod describe_frames;
pub(crate) mod describe_value;
mod element_text;
mod key_equality;
pub(crate) mod label_cache;
pub(crate) mod labels;
mod lengths;
pub(crate) mod named_previews;
pub(crate) mod outline;
pub(crate) mod trace_tree;
pub(crate) mod value_preview;

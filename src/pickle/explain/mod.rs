//! What the values of a machine are, in words: types, lengths, previews, variables, and a tree with sizes.

pub mod describe_value;
pub mod labels;
pub mod outline;
pub mod trace_tree;

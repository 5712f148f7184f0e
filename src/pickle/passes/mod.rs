//! Single passes over opcodes that keep next to nothing: they run over files of any size.

pub mod recover;
pub mod scan;
pub mod stack_check;

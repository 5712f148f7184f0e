//! Objects to pickle opcodes, one variable at a time, with one memo for the whole session.

mod dill;
mod imported;

pub use dill::Pickler;
pub use imported::Imported;

//! The bytes of a pickle: which opcodes there are, how they are parsed, and how snapcli writes its own.

mod argument;
pub(crate) mod emit;
pub(crate) mod joined_list;
mod lines;
pub mod opcode;
pub mod parse;
mod parse_error;
pub mod py_str;

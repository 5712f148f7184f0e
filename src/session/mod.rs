//! The session: which names of a namespace are kept, why the others are not, and how they come back.
//!
//! [`keep`] chooses, [`capture`] pickles what was chosen, [`save`] makes a snapshot of it with its [`provenance`],
//! [`checkpoint`] does so in the middle of a script, [`restore`] brings a snapshot back. The rest tells of objects: what they are, where they fail, what their code uses.

pub mod again;
pub mod capture;
pub mod check;
pub mod checkpoint;
pub mod code;
mod codes;
mod collector;
pub mod describe;
pub mod fault;
pub mod keep;
pub mod key;
pub mod provenance;
pub mod restore;
mod room;
pub mod save;
mod secrets;
mod sink;
mod warnings;

pub use self::restore as loading; // compat

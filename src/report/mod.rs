//! Results for people and programs. Each result is a struct first; its JSON, text, HTML page and annotations are
//! functions from that struct into any `Write`.
//!
//! Nothing here reads files or asks the system. Messages on standard error are in [`ui`](crate::ui).

use std::io::{self, Write};

pub mod diff_report;
#[cfg(feature = "python")]
pub(crate) mod doctor_report;
pub(crate) mod github;
pub(crate) mod html;
pub(crate) mod inspect_report;
pub(crate) mod inspect_text;
pub(crate) mod table;
pub(crate) mod verdict_text;
pub mod verify_report;

/// Writes a result as indented JSON and a newline.
pub fn write_json(out: &mut dyn Write, result: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, result)?;
    writeln!(out)
}

//! Results for people and programs. Each result is a struct first; its JSON, text, HTML page and annotations are
//! functions from that struct into any `Write`.
//!
//! Nothing here reads files or asks the system. The strings in a result are those of a hostile file: text goes through
//! [`Lines`](crate::ui::Lines), JSON and the data of the page through [`json_text`]. Messages on standard error are in
//! [`ui`](crate::ui).
#![warn(clippy::disallowed_macros)]

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Serializer;

use self::json_text::JsonText;

pub(crate) mod answers;
pub mod diff_report;
pub(crate) mod doctor_report;
mod frames_text;
pub(crate) mod github;
pub(crate) mod grouped_notes;
pub(crate) mod html;
pub(crate) mod imports;
pub(crate) mod inspect_report;
pub(crate) mod inspect_text;
mod json_text;
pub(crate) mod status_report;
pub(crate) mod storage_report;
pub(crate) mod store_report;
pub(crate) mod table;
pub(crate) mod verdict_text;
pub mod verify_report;

/// Writes a result as indented JSON and a newline.
pub fn write_json(out: &mut dyn Write, result: &impl Serialize) -> io::Result<()> {
    result.serialize(&mut Serializer::with_formatter(&mut *out, JsonText::indented()))?;
    out.write_all(b"\n")
}

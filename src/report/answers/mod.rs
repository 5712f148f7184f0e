//! The JSON that the commands print and that `import snapcli` returns as dicts: one struct for each answer, apart from
//! the structs of the file format, whose names are not promised to programs.
//!
//! The keys follow one vocabulary. `bytes` is a size and `offset` a position, both in bytes; other sizes end in
//! `_bytes`. `items` is the `len()` of a value. `path` is an absolute path of a file, and so is a key that ends in
//! `_path`. `where` is a place within an object, as Python writes it. `error` says what failed, `why` explains, `hint`
//! says what to do. A list has a plural noun as its key and is present even if it is empty; a number of things ends in
//! `_count`; any other key that does not apply is absent. No value is null.

mod error_answer;
mod file_answers;
mod json_schema;
mod raised_answer;
mod restore_answer;
mod session_answer;
mod status_answer;
mod store_answer;
mod trace_answer;
mod variable_answer;
mod verdict_answer;

use std::path::Path;

pub(crate) use self::error_answer::{ErrorAnswer, FailureAnswer};
pub(crate) use self::file_answers::TrustAnswer;
pub use self::file_answers::{DiffAnswer, VerifyAnswer};
pub(crate) use self::json_schema::{AnswerKind, SchemaVersion, json_schema};
#[cfg(feature = "python")]
pub(crate) use self::restore_answer::LostAnswer;
pub(crate) use self::restore_answer::{ListAnswer, RestoreAnswer};
pub use self::session_answer::SessionAnswer;
pub(crate) use self::status_answer::StatusAnswer;
pub(crate) use self::store_answer::{ExportAnswer, ImportAnswer, LogAnswer, PruneAnswer, VerifyStoreAnswer};
pub use self::trace_answer::TraceAnswer;
pub(crate) use self::variable_answer::MarkerAnswer;
pub(crate) use self::verdict_answer::VerdictAnswer;
use crate::snapshot::remote::RemoteAddress;

/// A path as JSON gives it: absolute, because its reader may be in another directory. `-`, which is a standard
/// stream, stays as it is, and so does an address.
pub(crate) fn absolute_path(path: &Path) -> String {
    if path == Path::new("-") {
        return "-".to_owned();
    }
    let absolute = RemoteAddress::absolute(path);
    absolute.as_deref().unwrap_or(path).to_string_lossy().into_owned()
}

//! What the commands share at both ends: opening the snapshot that the user named, and printing a report.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::operand_order::shell_word;
use crate::cli::MemoryArgs;
use crate::exit;
use crate::report;
use crate::report::table::TableStyle;
use crate::snapshot::file_names::has_script_name;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::store::StoreAddress;
use crate::ui::line_breaks::terminal_width;
use crate::ui::nearest_names::nearest_files;
use crate::ui::{Verbosity, colors};

/// How many bytes show what a stream is.
const HEAD: usize = 4096;

/// Opens a snapshot; `-` is standard input.
pub(super) fn open_snapshot(path: &Path, memory: MemoryArgs) -> Result<Snapshot, ReadError> {
    if !is_stdio(path) {
        return Snapshot::open(path).map(|snapshot| snapshot.with_max_memory(memory.max_memory));
    }
    Snapshot::from_bytes(read_piped(memory.max_memory)?).map(|snapshot| snapshot.with_max_memory(memory.max_memory))
}

/// All bytes of standard input.
///
/// A pipe cannot be mapped or read twice, so they are in memory: but not a stream that is no snapshot, which may not
/// end.
///
/// # Errors
/// If it is no snapshot, or longer than the memory that the user allows.
pub(super) fn read_piped(max_memory: Option<u64>) -> Result<Vec<u8>, ReadError> {
    let mut input = io::stdin().lock();
    let mut bytes = Vec::new();
    input.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
    if bytes.len() == HEAD {
        ReadError::check_beginning(&bytes)?;
    }
    let most = max_memory.unwrap_or(u64::MAX);
    input.by_ref().take(most.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
    let is_longer = bytes.len() as u64 > most || input.take(1).read(&mut [0])? > 0;
    if is_longer { Err(ReadError::LongPipe { most }) } else { Ok(bytes) }
}

/// Whether a path stands for standard input or output.
pub(super) fn is_stdio(path: &Path) -> bool {
    path == Path::new("-")
}

/// The absolute form of a path, for use after a script may have changed the working directory. `-` stays as it is, and
/// so does an address.
pub(super) fn absolute_path(path: &Path) -> Result<PathBuf> {
    if is_stdio(path) {
        return Ok(path.to_path_buf());
    }
    RemoteAddress::absolute(path).with_context(|| {
        let path = path.display();
        match std::env::current_dir() {
            Ok(_) => format!("cannot resolve the path {path}"),
            Err(_) => {
                format!("cannot resolve the path {path}: the working directory was removed, so change to another")
            }
        }
    })
}

/// Adds context and an exit code to an error of opening or reading a file: only a file that exists can be damaged, one
/// that does not is a usage error.
pub(super) fn or_exit_code<T>(
    result: Result<T, ReadError>,
    path: &Path,
    message: impl FnOnce() -> String,
) -> Result<T> {
    let is_wrong_name = result.as_ref().is_err_and(ReadError::is_wrong_name);
    let code = match &result {
        _ if is_wrong_name => exit::USAGE,
        Err(error) => damage_code(error),
        Ok(_) => exit::DONE,
    };
    result.map_err(|error| {
        // An error of a store names what is in it.
        let is_file = !matches!(error, ReadError::Store(_) | ReadError::Remote(_));
        let advice = match is_wrong_name {
            true if is_file => meant_snapshot(path).or_else(|| nearest_files(path)),
            // Nothing else has such a name.
            false if code == exit::DAMAGED && has_script_name(path) => {
                let script = shell_word(&path.to_string_lossy());
                Some(format!("a script has no session until it has run: snapcli save {script}"))
            }
            _ => None,
        };
        let coded = exit::coded(code, message()).with_details(advice.into_iter().collect());
        anyhow::Error::from(error).context(coded)
    })
}

/// The snapshot of a store that was meant by `runs.snaps@3` or `runs.snaps/3`.
fn meant_snapshot(path: &Path) -> Option<String> {
    let (store, which) = path.to_str()?.rsplit_once(['/', '@'])?;
    let is_one = !which.is_empty() && StoreAddress::is_whole_store(Path::new(store));
    is_one.then(|| format!("did you mean '{store}/@{which}'?"))
}

/// The exit code for a file that cannot be read to its end: it is damaged, unless object storage failed.
pub(super) fn damage_code(error: &ReadError) -> i32 {
    if error.is_unreachable() { exit::FAILED } else { exit::DAMAGED }
}

/// Prints a report to standard output: `answer`, if that is the JSON that was asked for, or text. With `--quiet`,
/// prints no text.
pub(super) fn print_report<R>(
    report: &R,
    answer: Option<&impl Serialize>,
    write_text: impl FnOnce(&mut dyn Write, &R, TableStyle) -> io::Result<()>,
    verbosity: Verbosity,
) -> Result<()> {
    // One write for many lines, and the flush below reports a full disk or a closed pipe.
    let out = &mut io::BufWriter::new(stdout());
    match answer {
        Some(answer) => report::write_json(out, answer)?,
        None if verbosity == Verbosity::Quiet => return Ok(()),
        None => write_text(out, report, stdout_style())?,
    }
    Ok(out.flush()?)
}

/// Standard output, for results. Text must go through [`Lines`](crate::ui::Lines).
#[allow(clippy::disallowed_methods, reason = "this is where commands get it from")]
pub(super) fn stdout() -> io::Stdout {
    io::stdout()
}

/// How dill reads a compressed file whose name does not say that it is one.
pub(super) fn compressed_note(file: &str) -> String {
    format!("{file} is compressed: dill reads what `zstd -d -c {}` prints", shell_word(file))
}

/// How a table can look on standard output.
pub(super) fn stdout_style() -> TableStyle {
    let terminal = console::Term::stdout();
    TableStyle { width: terminal_width(&terminal), colour: colors::on_stdout(), unicode: is_utf8_locale() }
}

/// As `setlocale` decides: by the first of these variables that is set and not empty.
fn is_utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

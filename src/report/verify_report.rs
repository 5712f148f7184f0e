//! The result of `verify`: whether a file is intact, what is wrong with it, and which of its variables are intact.

use std::io::{self, Write};

use super::imports::count_apart;
use super::inspect_report::FileFormat;
use super::table::TableStyle;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::verification::{Checked, FileInput, Problem, Verified};
use crate::ui::{Lines, Paint, format_size};

/// What a check of a file found.
#[derive(Debug)]
pub struct VerifyReport {
    /// The path of the file.
    pub file: String,
    /// The kind of file; `None` if the damage hides it.
    pub format: Option<FileFormat>,
    /// The size of the file.
    pub bytes: Option<u64>,
    /// Whether nothing is wrong with the file.
    pub whole: bool,
    /// The problems, and the variables.
    pub verified: Verified,
}

impl VerifyReport {
    /// Checks a file: see [`FileInput::verify`].
    ///
    /// # Errors
    /// If the file cannot be read, or is too large to check.
    pub(crate) fn of(
        file: String,
        input: &FileInput,
        max_memory: Option<u64>,
        begin: &dyn Fn(u64) -> Box<dyn Fn(u64) + Sync>,
    ) -> Result<Self, ReadError> {
        let (snapshot, verified) = input.verify(max_memory, begin)?;
        let format = snapshot.as_ref().map(FileFormat::of).transpose()?;
        let bytes = snapshot.as_ref().map(Snapshot::file_len);
        Ok(Self { file, format, bytes, whole: verified.is_whole(), verified })
    }
}

/// How many intact variables of a damaged file are named.
const NAMED: usize = 20;

/// Writes one line for an intact file; for a damaged one also the problems, and which variables are intact.
pub fn write_text(out: &mut dyn Write, report: &VerifyReport, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let verified = &report.verified;
    let of = |whole: Option<bool>| -> Vec<&Checked> {
        verified.variables.iter().filter(|variable| variable.whole == whole).collect()
    };
    let (intact, damaged, unproven) = (of(Some(true)), of(Some(false)), of(None));
    write_summary(out, report)?;
    if !verified.is_no_pickle {
        verified.problems.iter().try_for_each(|problem| write_problem(out, "", problem))?;
    }
    for variable in &damaged {
        if let Some(owner) = &variable.shares_with {
            let name = &variable.name;
            out.line(format_args!("  lost with it: {name} shares an object with {owner}, which is damaged"))?;
            continue;
        }
        // Numbers from a damaged file may be of any size.
        let end = variable.offset.saturating_add(variable.length);
        let place = format!(" (bytes {} to {end})", variable.offset);
        out.painted(&[(Paint::Bad, &format!("  damaged: {}", variable.name)), (Paint::Plain, &place)])?;
        for problem in &variable.problems {
            write_problem(out, "    ", problem)?;
        }
    }
    if !report.whole && !intact.is_empty() {
        out.line(format_args!("  intact: {}", names_of(&intact)))?;
    }
    if !unproven.is_empty() {
        out.line(format_args!("  complete, but not proven intact: {}", names_of(&unproven)))?;
    }
    if verified.behind_stop > 0 {
        let size = format_size(verified.behind_stop);
        out.line(format_args!("  {size} after the end of the pickle, which readers ignore"))?;
    }
    Ok(())
}

/// The first names, and how many more there are.
fn names_of(variables: &[&Checked]) -> String {
    let names: Vec<&str> = variables.iter().take(NAMED).map(|variable| variable.name.as_str()).collect();
    let more = variables.len() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// Writes the first line: the file, its kind and size, and whether it is intact.
fn write_summary(out: &mut Lines<'_>, report: &VerifyReport) -> io::Result<()> {
    let mut line = String::new();
    let verified = &report.verified;
    let (paint, state) = match report.whole {
        true => (Paint::Good, "intact"),
        false if verified.is_no_pickle => (Paint::Bad, "not a snapshot"),
        false => (Paint::Bad, "damaged"),
    };
    if verified.is_no_pickle {
        line = verified.problems.iter().map(|problem| format!(": {}", problem.what)).collect();
    }
    if let (Some(format), Some(bytes)) = (report.format, report.bytes) {
        line = format!("{line}, a {}", format.words());
        // Any other pickle holds one object without a name.
        if format != FileFormat::Pickle {
            let imports = verified.imports;
            line = format!("{line} with {}", count_apart(verified.variables.len().saturating_sub(imports), imports));
        }
        line = format!("{line}, {}", format_size(bytes));
    }
    out.painted(&[(Paint::Name, &report.file), (Paint::Plain, ": "), (paint, state), (Paint::Plain, &line)])
}

fn write_problem(out: &mut Lines<'_>, indent: &str, problem: &Problem) -> io::Result<()> {
    out.line(format_args!("  {indent}at byte {}: {}", problem.at, problem.what))
}

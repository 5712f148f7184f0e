//! The answer of `verify`: whether a file is whole, and what is not.

use std::io::{self, Write};

use serde::Serialize;

use super::answer::Format;
use super::{count, plain, size};
use crate::snapshot::verify::{Checked, Problem, Verified};

/// What a check of a file found.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The version of this answer.
    pub schema: u32,
    /// The file.
    pub file: String,
    /// What it is; `None` where it cannot be told.
    pub format: Option<Format>,
    /// Its size.
    pub bytes: Option<u64>,
    /// Whether nothing is wrong with it.
    pub whole: bool,
    /// What was found.
    #[serde(flatten)]
    pub verified: Verified,
}

/// How many variables that are whole a damaged file's answer names in a line.
const NAMED: usize = 20;

/// Writes an answer: one line for a file that is whole; else what is wrong, and which variables are whole.
pub fn text(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    let verified = &answer.verified;
    let (whole, damaged): (Vec<&Checked>, Vec<&Checked>) =
        verified.variables.iter().partition(|variable| variable.whole);
    write!(out, "{}: {}", plain(&answer.file), if answer.whole { "whole" } else { "damaged" })?;
    if let (Some(format), Some(bytes)) = (answer.format, answer.bytes) {
        write!(out, ", a {}", format.words())?;
        // Any other pickle has one object, without a name.
        if format != Format::Pickle {
            write!(out, " with {}", count(verified.variables.len(), "variable"))?;
        }
        write!(out, ", {}", size(bytes))?;
    }
    writeln!(out)?;
    for problem in &verified.problems {
        line(out, "", problem)?;
    }
    for variable in &damaged {
        let end = variable.offset.saturating_add(variable.length);
        writeln!(out, "  damaged: {} (bytes {} to {end})", plain(&variable.name), variable.offset)?;
        for problem in &variable.problems {
            line(out, "    ", problem)?;
        }
    }
    if !answer.whole && !whole.is_empty() {
        let names: Vec<&str> = whole.iter().take(NAMED).map(|variable| variable.name.as_str()).collect();
        let more = whole.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(out, "  whole: {}{more}", plain(&names.join(", ")))?;
    }
    if verified.behind_stop > 0 {
        writeln!(out, "  {} behind the pickle's end, which no reader looks at", size(verified.behind_stop))?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, indent: &str, problem: &Problem) -> io::Result<()> {
    writeln!(out, "  {indent}at byte {}: {}", problem.at, plain(&problem.what))
}

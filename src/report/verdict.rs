//! A verdict as text: what loading would do, the worst of what it would call, and that this is no proof.

use std::io::{self, Write};

use console::Style;

use super::{count, plain};
use crate::pickle::verdict::{Class, Finding, NO_PROOF, Verdict};

/// How many findings are told where nobody asked for all.
const FEW: usize = 3;

/// Writes a verdict, with the worst findings, or with all of them.
pub fn text(out: &mut dyn Write, verdict: &Verdict, all: bool, colour: bool) -> io::Result<()> {
    let class = verdict.class;
    let danger = Style::new().force_styling(colour && class == Class::Dangerous).red().bold();
    let name = danger.apply_to(format!("{class:?}").to_lowercase());
    writeln!(out, "\nverdict: {name}: loading it {}", class.words())?;
    let shown: Vec<&Finding> =
        if all { verdict.findings.iter().collect() } else { verdict.worst().take(FEW).collect() };
    for finding in &shown {
        writeln!(out, "  {}", line(finding))?;
    }
    let left = verdict.findings.len() - shown.len();
    let more = if all { verdict.more } else { verdict.more + left as u64 };
    if more > 0 {
        let hint = if all { "" } else { " (--verdict tells them)" };
        writeln!(out, "  and {}{hint}", count(usize::try_from(more).unwrap_or(usize::MAX), "more finding"))?;
    }
    writeln!(out, "  ({NO_PROOF})")
}

/// Says that looking would take a while.
pub fn not_looked_into(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nverdict: not looked into, as the file is large: add --verdict, or --strict for scripts")
}

fn line(finding: &Finding) -> String {
    let times = if finding.count > 1 { format!(", {} times", finding.count) } else { String::new() };
    let (callee, arguments) = (plain(&finding.callee), plain(&finding.arguments));
    format!("at byte {}: {callee}{arguments} {}{times}", finding.offset, plain(&finding.why))
}

//! A verdict as text: what loading a file would do, the worst of what it would call, and a reminder that this is no
//! proof.

use std::io::{self, Write};

use console::Style;

use crate::pickle::verdict::{Finding, NO_PROOF, Verdict, VerdictClass};
use crate::ui::{count, escape};

/// How many findings are shown without `--verdict`.
const FEW: usize = 3;

/// Writes a verdict with its worst findings, or with all of them.
pub fn write_verdict(out: &mut dyn Write, verdict: &Verdict, all: bool, colour: bool) -> io::Result<()> {
    let class = verdict.class;
    // Only the class `dangerous` is coloured, so that the colour stays a warning.
    let danger = Style::new().force_styling(colour && class == VerdictClass::Dangerous).red().bold();
    let name = danger.apply_to(format!("{class:?}").to_lowercase());
    writeln!(out, "\nverdict: {name}: loading it {}", class.words())?;
    // `worst` yields the findings that decide the class of the verdict.
    let shown: Vec<&Finding> =
        if all { verdict.findings.iter().collect() } else { verdict.worst().take(FEW).collect() };
    for finding in &shown {
        writeln!(out, "  {}", describe(finding))?;
    }
    // `verdict.more` counts findings that the verdict itself does not list.
    let hidden = verdict.findings.len() - shown.len();
    let more = if all { verdict.more } else { verdict.more + hidden as u64 };
    if more > 0 {
        let hint = if all { "" } else { " (use --verdict to show them)" };
        writeln!(out, "  and {}{hint}", count(usize::try_from(more).unwrap_or(usize::MAX), "more finding"))?;
    }
    writeln!(out, "  ({NO_PROOF})")
}

/// Says that the verdict of a large snapshot is only computed on request.
pub(crate) fn write_not_computed(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nverdict: not computed, because the file is large: add --verdict, or --strict in scripts")
}

fn describe(finding: &Finding) -> String {
    let times = if finding.count > 1 { format!(", {} times", finding.count) } else { String::new() };
    let (callee, arguments) = (escape(&finding.callee), escape(&finding.arguments));
    format!("at byte {}: {callee}{arguments} {}{times}", finding.offset, escape(&finding.why))
}

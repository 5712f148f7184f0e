//! A verdict as text: what loading a file would do, the worst of what it would call, and a reminder that this is no
//! proof.

use std::io::{self, Write};

use console::Style;

use super::table::TableStyle;
use crate::pickle::verdict::{Finding, NO_PROOF, Verdict, VerdictClass};
use crate::ui::{Lines, count};

/// How many findings are shown without `--verdict`.
pub(super) const FEW: usize = 3;

/// Writes a verdict with its worst findings, or with all of them.
pub fn write_verdict(out: &mut dyn Write, verdict: &Verdict, all: bool, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    let class = verdict.class;
    // Only the class `dangerous` is coloured, so that the colour stays a warning.
    let danger = Style::new().force_styling(style.colour && class == VerdictClass::Dangerous).red().bold();
    let (name, plain) = (class.name().to_owned(), Style::new());
    let words = format!(": {}", class.words());
    out.blank()?;
    out.styled(&[("verdict: ".to_owned(), &plain), (name, &danger), (words, &plain)])?;
    // `worst` yields the findings that decide the class of the verdict.
    let shown: Vec<&Finding> =
        if all { verdict.findings.iter().collect() } else { verdict.worst().take(FEW).collect() };
    for finding in &shown {
        out.line(format_args!("  {}", describe(finding)))?;
    }
    // `verdict.more` counts findings that the verdict itself does not list.
    let hidden = verdict.findings.len() - shown.len();
    let more = if all { verdict.more } else { verdict.more + hidden as u64 };
    if more > 0 {
        let hint = if all { "" } else { " (use --verdict to show them)" };
        let more = count(usize::try_from(more).unwrap_or(usize::MAX), "more finding");
        out.line(format_args!("  and {more}{hint}"))?;
    }
    out.line(format_args!("  ({NO_PROOF})"))
}

/// Says that the verdict of a large snapshot is only computed on request.
pub(crate) fn write_not_computed(out: &mut dyn Write, style: TableStyle) -> io::Result<()> {
    let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
    out.blank()?;
    out.line("verdict: not computed, because that takes too much time or memory: add --verdict, or --strict in scripts")
}

/// A finding as one line.
pub(super) fn describe(finding: &Finding) -> String {
    let times = if finding.count > 1 { format!(", {} times", finding.count) } else { String::new() };
    let Finding { offset, callee, arguments, why, .. } = finding;
    format!("at byte {offset}: {callee}{arguments} {why}{times}")
}

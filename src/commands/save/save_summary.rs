//! What a save prints: how much was saved, what was left out, and what needs the user's attention.

use std::path::Path;

use super::load_check::print_load_check;
use super::running_save::reason;
use super::save_job::SaveJob;
use crate::commands::input_output::compressed_note;
use crate::python::script_run::ScriptRun;
use crate::report::grouped_notes::grouped_notes;
use crate::report::imports::counted;
use crate::report::inspect_report::SessionReport;
use crate::report::inspect_text::{self, is_missed, with_users};
use crate::snapshot::index::LeftOutReason;
use crate::snapshot::seekable::is_named_so;
use crate::snapshot::store::StoredSnapshot;
use crate::ui::messages::{print_line, print_lines};
use crate::ui::{Verbosity, count, format_size};

impl SaveJob {
    /// Prints what was saved, what was left out, and what needs the user's attention.
    pub(super) fn print_summary(&self, run: &ScriptRun, report: &SessionReport, stored: Option<&StoredSnapshot>) {
        let verbosity = self.verbosity;
        let saved = counted(&report.index.variables);
        let saved = match report.index.script.ended.how.as_str() {
            _ if run.succeeded() => format!("saved {saved}"),
            "interrupted" => format!("the script was interrupted; saved {saved}"),
            "signal" => format!("{}; saved {saved}", reason(run)),
            _ => format!("the script failed; saved {saved}"),
        };
        let file = if report.file == "-" { "standard output".to_owned() } else { relative_to_here(&report.file) };
        let size = format_size(report.bytes);
        let size =
            stored.map_or(size, |stored| format!("{} changed, {} written", stored.changed, format_size(stored.added)));
        verbosity.note(&format!("{saved} to {file} ({size})"));
        if self.compress.is_some() && stored.is_none() && report.file != "-" && !is_named_so(Path::new(&report.file)) {
            verbosity.note(&compressed_note(&file));
        }
        if let Some(verified) = &report.verified {
            print_load_check(verified, &report.index, self.strict, verbosity);
        }
        if verbosity == Verbosity::Quiet {
            return;
        }
        self.print_failures(report);
        self.print_warnings(report);
        let is_included = |name: &str| self.named.include.iter().any(|pattern| pattern.as_str() == name);
        // Failures have been printed above. Rules that the user set himself are only confirmed with --verbose.
        for item in report.index.left_out.iter().filter(|item| item.reason != LeftOutReason::Failed) {
            let text = format!("left out {}: {}", item.name, with_users(item));
            match item.reason {
                LeftOutReason::Filter if is_missed(item) => verbosity.note(&text),
                LeftOutReason::Size | LeftOutReason::Secret => verbosity.note(&text),
                // A variable of another module that cannot be saved, and that importing the module makes again.
                LeftOutReason::Filter if item.error.starts_with("made again") => verbosity.note(&text),
                // It was asked for, or everything was left out.
                LeftOutReason::Filter if is_included(&item.name) || report.index.variables.is_empty() => {
                    verbosity.note(&text)
                }
                _ => verbosity.detail(&text),
            }
        }
    }

    fn print_failures(&self, report: &SessionReport) {
        let failed: Vec<_> = report.index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed).collect();
        if !failed.is_empty() {
            self.verbosity.note(&format!("left out {} that cannot be saved:", count(failed.len(), "variable")));
            print_lines(|lines| inspect_text::write_left_out(lines, failed, false));
        }
        if report.has_lost() {
            let lost = count(inspect_text::number_of_lost(&report.index.variables), "object");
            self.verbosity.note(&format!("replaced {lost} that cannot be saved by a marker:"));
            print_lines(|lines| inspect_text::write_lost(lines, &report.index.variables, false));
        }
    }

    fn print_warnings(&self, report: &SessionReport) {
        for found in &report.index.script.secrets {
            self.verbosity.note(&format!("warning: {found}"));
        }
        let ambient: Vec<_> = report.index.ambient.iter().map(|entry| entry.name.as_str()).collect();
        if !ambient.is_empty() {
            self.verbosity.detail(&format!("saved the state of {}", ambient.join(", ")));
        }
        for (_, variable) in report.index.segments() {
            let name = &variable.name;
            if !variable.secrets.is_empty() {
                let why = variable.secrets.join("; ");
                self.verbosity
                    .note(&format!("warning: {name} looks like a credential ({why}): use --redact to leave it out"));
            }
        }
        for note in grouped_notes(report.index.segments().map(|(_, variable)| variable)) {
            self.verbosity.note(&note);
        }
    }
}

/// Names in few lines why `--strict` ends a save with `--quiet`, which prints nothing else.
pub(super) fn print_strict(report: &SessionReport) {
    let failed = report.index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed);
    let failed: Vec<&str> = failed.map(|item| item.name.as_str()).collect();
    if !failed.is_empty() {
        print_line(&format!(
            "left out {} that cannot be saved: {}",
            count(failed.len(), "variable"),
            failed.join(", ")
        ));
    }
    let with_lost = report.index.variables.iter().filter(|variable| !variable.lost.is_empty());
    let with_lost: Vec<&str> = with_lost.map(|variable| variable.name.as_str()).collect();
    if !with_lost.is_empty() {
        print_line(&format!("objects that cannot be saved are replaced by a marker in {}", with_lost.join(", ")));
    }
    if failed.is_empty() && with_lost.is_empty() {
        print_line("a variable came back different");
    }
}

/// A path without the working directory, if it is below that.
pub(super) fn relative_to_here(path: &str) -> String {
    let directory = std::env::current_dir().unwrap_or_default();
    Path::new(path).strip_prefix(directory).unwrap_or(Path::new(path)).display().to_string()
}

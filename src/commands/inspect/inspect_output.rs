//! Prints the result of `inspect`, for files and scripts alike, in the format and order that the arguments ask for.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::{InspectArgs, OutputFormat, SortBy};
use crate::commands::input_output::{absolute_path, is_stdio};
use crate::commands::wrong_names::no_variable;
use crate::exit::{self, OrExit};
use crate::pickle::explain::trace_tree::TraceTree;
use crate::report::answers::{FailureAnswer, SessionAnswer, TraceAnswer};
use crate::report::html::PageContents;
use crate::report::imports::is_import;
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::report::table::TableStyle;
use crate::report::{github, html, inspect_text, verdict_text, write_json};
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::Snapshot;
use crate::snapshot::signer::Signer;
use crate::ui::{Verbosity, count, format_size};

/// The most variables of which a page shows what is inside. Following more takes seconds, and the page has no room.
const MOST_OPENED: usize = 2_000;

/// How the result is printed. The properties of standard output are determined before a script runs: while it runs,
/// file descriptor 1 is a copy of standard error.
pub(super) struct InspectOutput {
    pub(super) args: InspectArgs,
    pub(super) verbosity: Verbosity,
    pub(super) style: TableStyle,
}

impl InspectOutput {
    /// Prints a tree as text or JSON; `path` is the absolute path of its file. Returns the exit code, which is
    /// `code`.
    pub(super) fn print_tree(
        &self,
        out: &mut dyn Write,
        tree: &TraceTree,
        path: Option<String>,
        failure: Option<FailureAnswer>,
        code: i32,
    ) -> Result<i32> {
        if self.args.output_format() == OutputFormat::Json {
            let name = self.args.trace.as_deref().unwrap_or_default();
            write_json(out, &TraceAnswer::of(name, tree, path).with_failure(failure))?
        } else if self.verbosity != Verbosity::Quiet {
            inspect_text::write_tree(out, tree, self.style)?
        }
        out.flush()?;
        Ok(code)
    }

    /// Prints a report in the chosen format; `path` is the absolute path of its file, and `page` is what a page shows
    /// besides the report. Returns the exit code, which is `code` if it can be printed.
    pub(super) fn print(
        &self,
        out: &mut dyn Write,
        report: &mut SessionReport,
        path: Option<String>,
        failure: Option<FailureAnswer>,
        code: i32,
        contents: &PageContents,
    ) -> Result<i32> {
        let args = &self.args;
        if args.bad {
            report.keep_failures_only();
        }
        sort(&mut report.index, args.sort);
        match (&args.html, args.output_format()) {
            (Some(page), _) => self.write_page(out, page, report, contents)?,
            (None, OutputFormat::Json) => write_json(out, &SessionAnswer::of(report, path).with_failure(failure))?,
            (None, OutputFormat::Github) => {
                github::write_annotations(out, report)?;
                // Otherwise the job would fail without a word.
                if args.verdict || matches!(code, exit::UNTRUSTED | exit::DAMAGED) {
                    github::write_verdict(out, report)?;
                }
            }
            // `--html` conflicts with every format but the default one.
            (None, OutputFormat::Text) if self.verbosity == Verbosity::Quiet => {}
            (None, OutputFormat::Text) => self.print_text(out, report)?,
        }
        out.flush()?;
        Ok(code)
    }

    /// Writes the page of a report to `path`, or to `out` if that is `-`.
    fn write_page(
        &self,
        out: &mut dyn Write,
        path: &Path,
        report: &SessionReport,
        contents: &PageContents,
    ) -> Result<()> {
        if is_stdio(path) {
            return Ok(html::write_page(out, report, contents)?);
        }
        let mut page = Vec::new();
        html::write_page(&mut page, report, contents)?;
        let written = || -> Result<()> {
            let mut file = AtomicFile::create_public(path)?;
            file.write_all(&page)?;
            Ok(file.commit()?)
        };
        written().with_context(|| cannot_write_page(path))?;
        let (path, size) = (path.display(), format_size(page.len() as u64));
        self.verbosity.note(&format!("wrote the page {path} ({size}): open it in a browser"));
        if contents.omitted_variables > 0 {
            let (omitted, shown) = (contents.omitted_variables, report.index.variables.len());
            let all = count(omitted + shown, "variable");
            let text = format!("the page has the {shown} largest of {all}: the text of `snapcli inspect` lists all");
            self.verbosity.note(&text);
        }
        Ok(())
    }

    fn print_text(&self, out: &mut dyn Write, report: &SessionReport) -> io::Result<()> {
        if self.args.bad {
            inspect_text::write_failures(out, report, self.style, self.args.all)?
        } else {
            inspect_text::write_session(out, report, self.style, self.args.all)?
        }
        match &report.verdict {
            Some(verdict) => verdict_text::write_verdict(out, verdict, self.args.verdict, self.style),
            None if report.format == FileFormat::Snapcli => verdict_text::write_not_computed(out, self.style),
            None => Ok(()),
        }
    }
}

/// The tree of objects that are pickled under a variable. `listed_by` is the command that shows all variables.
pub(super) fn trace(snapshot: &Snapshot, name: &str, listed_by: &str) -> Result<TraceTree> {
    let tree = snapshot.trace(name).or_exit(exit::DAMAGED, || format!("cannot trace {name}"))?;
    tree.ok_or_else(|| no_variable(name, snapshot, listed_by))
}

fn sort(index: &mut Index, by: SortBy) {
    let Index { variables, left_out, .. } = index;
    match by {
        SortBy::Order => {}
        SortBy::Name => {
            variables.sort_by(|a, b| a.name.cmp(&b.name));
            left_out.sort_by(|a, b| a.name.cmp(&b.name));
        }
        SortBy::Size => variables.sort_by_key(|variable| Reverse(variable.length)),
    }
}

/// Checks before anything runs that a page can be written to `path`, and returns the path in its absolute form.
pub(super) fn check_page_path(path: &Path) -> Result<PathBuf> {
    let path = absolute_path(path)?;
    if !is_stdio(&path) {
        // The temporary file is dropped at once; an existing page stays as it is.
        AtomicFile::create(&path).or_exit(exit::USAGE, || cannot_write_page(&path))?;
    }
    Ok(path)
}

/// What is inside the variables of a file, largest first, for its page; and who signed it. Takes what the page has no
/// room for out of the report.
pub(super) fn page_contents(snapshot: &Snapshot, report: &mut SessionReport) -> PageContents {
    let mut page = PageContents { signer: Some(Signer::of(snapshot)), ..PageContents::default() };
    page.omit_variables(report);
    page.omit_locals(report);
    let mut variables: Vec<&Variable> = report.index.variables.iter().filter(|variable| !is_import(variable)).collect();
    variables.sort_by_key(|variable| Reverse(variable.length));
    let names: Vec<&str> = variables.iter().take(MOST_OPENED).map(|variable| variable.name.as_str()).collect();
    // The page is complete without: a variable that cannot be followed has no parts.
    page.trees = snapshot.traces(&names).unwrap_or_default();
    page
}

fn cannot_write_page(path: &Path) -> String {
    format!("cannot write the page to {}", path.display())
}

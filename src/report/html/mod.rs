//! The result of `inspect` as a single HTML page that needs no network.
//!
//! The page holds the report as JSON, what is inside the variables, and a script that draws it. Strings in it come from
//! the file and are hostile: hidden characters in them are escaped, the JSON contains no character that could end its
//! element, the script adds strings to the page as text nodes only, and the Content-Security-Policy of the page blocks
//! everything without its nonce.

mod page_parts;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Serializer;

use self::page_parts::PageParts;
use super::inspect_report::SessionReport;
use super::json_text::JsonText;
use crate::pickle::explain::trace_tree::TraceTree;
use crate::snapshot::index::Variable;
use crate::snapshot::signer::Signer;
use crate::ui::{count, escape, format_size};

/// The most bytes that the variables of a page take. A page of 2 MB, which has more than these, opens at once.
const MOST_OF_VARIABLES: usize = 1_700_000;
/// The most local variables of frames that a page has.
const MOST_LOCALS: usize = 1000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// Concatenated into one scope, in this order.
const SCRIPTS: [&str; 7] = [
    include_str!("words.js"),
    include_str!("parts.js"),
    include_str!("map.js"),
    include_str!("table.js"),
    include_str!("frames.js"),
    include_str!("facts.js"),
    include_str!("page.js"),
];

/// What the page shows besides the report.
#[derive(Debug, Default)]
pub struct PageContents {
    /// Who signed the file; `None` for a script.
    pub signer: Option<Signer>,
    /// What is inside the variables, by name. The page has of it what fits.
    pub trees: Vec<(String, TraceTree)>,
    /// How many local variables of frames were taken out of the report.
    pub omitted_locals: usize,
    /// How many variables were taken out of the report.
    pub omitted_variables: usize,
}

impl PageContents {
    /// Takes the variables out of a report that a page has no room for. The largest stay, in the order of the report.
    pub(crate) fn omit_variables(&mut self, report: &mut SessionReport) {
        let variables = &mut report.index.variables;
        let bytes = |variables: &[Variable]| variables.iter().map(page_parts::json_length).collect::<Vec<usize>>();
        if bytes(variables).iter().sum::<usize>() <= MOST_OF_VARIABLES {
            return;
        }
        for variable in variables.iter_mut() {
            // The page does not show these.
            (variable.blake3, variable.opcodes, variable.buffers) = Default::default();
        }
        let bytes = bytes(variables);
        let mut largest: Vec<usize> = (0..variables.len()).collect();
        largest.sort_by_key(|number| std::cmp::Reverse(variables.get(*number).map(|variable| variable.length)));
        let mut room = MOST_OF_VARIABLES;
        let fits = |number: &usize| {
            let left = bytes.get(*number).and_then(|bytes| room.checked_sub(*bytes));
            room = left.unwrap_or(0);
            left.is_some()
        };
        let kept: HashSet<usize> = largest.into_iter().take_while(fits).collect();
        self.omitted_variables += variables.len() - kept.len();
        let mut number = 0..;
        variables.retain(|_| number.next().is_some_and(|number| kept.contains(&number)));
    }

    /// Takes the local variables of frames out of a report that a page has no room for. Those of the innermost frames
    /// stay: they come last.
    pub(crate) fn omit_locals(&mut self, report: &mut SessionReport) {
        let locals = &mut report.index.frame_locals;
        self.omitted_locals = locals.len().saturating_sub(MOST_LOCALS);
        locals.drain(..self.omitted_locals);
        for local in locals {
            // The page shows the name, the type and the value only.
            *local = Variable {
                name: std::mem::take(&mut local.name),
                type_name: std::mem::take(&mut local.type_name),
                preview: std::mem::take(&mut local.preview),
                ..Variable::default()
            };
        }
    }
}

/// The data of the page: the report, and what else it shows.
#[derive(Serialize)]
struct PageData<'a> {
    #[serde(flatten)]
    report: &'a SessionReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<SignedPart>,
    inside: PageParts<'a>,
    /// How many local variables of frames the page does not have.
    #[serde(skip_serializing_if = "is_zero")]
    omitted_locals: usize,
    /// How many variables the page does not have.
    #[serde(skip_serializing_if = "is_zero")]
    omitted_variables: usize,
}

/// Who signed the file, as a word for the script of the page and in words for people.
#[derive(Serialize)]
struct SignedPart {
    by: &'static str,
    words: &'static str,
}

impl SignedPart {
    fn of(signer: Signer) -> Self {
        let by = match signer {
            Signer::User => "you",
            Signer::Other => "other",
            Signer::None | Signer::NotSnapcli => "nobody",
        };
        Self { by, words: signer.words() }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Writes the page of a report.
pub fn write_page(out: &mut dyn Write, report: &SessionReport, contents: &PageContents) -> io::Result<()> {
    let data = embeddable_json(report, contents)?;
    let nonce = nonce(&data);
    // Only the template is searched for `{{name}}`, never the inserted strings: a hostile one could contain `{{data}}`.
    let mut parts = PAGE.split("{{");
    out.write_all(parts.next().unwrap_or_default().as_bytes())?;
    for part in parts {
        // `part` is `name}}` and the template up to the next placeholder.
        let (name, text) = part.split_once("}}").unwrap_or_default();
        match name {
            "nonce" => out.write_all(nonce.as_bytes())?,
            "title" => out.write_all(escape_markup(&report.file).as_bytes())?,
            "summary" => out.write_all(escape_markup(&summary(report, contents)).as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            // Already escaped by `embeddable_json`.
            "data" => out.write_all(&data)?,
            "script" => SCRIPTS.iter().try_for_each(|script| out.write_all(script.as_bytes()))?,
            _ => {}
        }
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}

fn summary(report: &SessionReport, contents: &PageContents) -> String {
    let variables = count(report.index.variables.len() + contents.omitted_variables, "variable");
    format!("{} with {variables}, {}", report.format.words(), format_size(report.bytes))
}

/// The nonce that marks the style and the script of the page as its own. It is a hash of the data, so the same report
/// makes the same page, and no string in the data can contain it.
fn nonce(data: &[u8]) -> String {
    blake3::hash(data).to_hex().chars().take(32).collect()
}

/// Escapes a string for use as the content of an element.
fn escape_markup(text: &str) -> String {
    // `&` first: the other entities contain it.
    escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The JSON of a report for a `script` element: nothing in it can end the element or begin a comment.
fn embeddable_json(report: &SessionReport, contents: &PageContents) -> io::Result<Vec<u8>> {
    let mut written = Vec::new();
    report.serialize(&mut Serializer::with_formatter(&mut written, JsonText::in_page()))?;
    let template = PAGE.len() + STYLE.len() + SCRIPTS.iter().map(|script| script.len()).sum::<usize>();
    let inside = PageParts::new(&contents.trees, template + written.len());
    let PageContents { omitted_locals, omitted_variables, .. } = *contents;
    let signed = contents.signer.map(SignedPart::of);
    let data = PageData { report, signed, inside, omitted_locals, omitted_variables };
    written.clear();
    data.serialize(&mut Serializer::with_formatter(&mut written, JsonText::in_page()))?;
    Ok(written)
}

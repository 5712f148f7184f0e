//! The answer of `inspect` as one page for a browser, which needs no network.
//!
//! The page holds the answer as JSON, the same that `--json` prints, and a script that draws it. Names and texts come from
//! the file and are hostile: the JSON has no character that could end its element, the script puts texts into the page as
//! texts only, and the page's own policy lets nothing run or load but what carries its nonce.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::answer::Answer;
use super::{count, plain, size};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
/// One scope, in this order.
const SCRIPTS: [&str; 5] = [
    include_str!("html/words.js"),
    include_str!("html/map.js"),
    include_str!("html/table.js"),
    include_str!("html/facts.js"),
    include_str!("html/page.js"),
];

/// Writes the page of an answer.
pub fn page(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    let data = embedded(answer)?;
    let nonce = nonce(&data);
    let mut parts = PAGE.split("{{");
    out.write_all(parts.next().unwrap_or_default().as_bytes())?;
    for part in parts {
        let (name, text) = part.split_once("}}").unwrap_or_default();
        match name {
            "nonce" => out.write_all(nonce.as_bytes())?,
            "title" => out.write_all(escaped(&answer.file).as_bytes())?,
            "summary" => out.write_all(escaped(&summary(answer)).as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "data" => out.write_all(&data)?,
            "script" => SCRIPTS.iter().try_for_each(|script| out.write_all(script.as_bytes()))?,
            _ => {}
        }
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}

fn summary(answer: &Answer) -> String {
    let variables = count(answer.index.variables.len(), "variable");
    format!("{} with {variables}, {}", answer.format.words(), size(answer.bytes))
}

/// What the page's style and script are known by to its policy. A text in the file that carried it would have to hold
/// a part of its own hash; and the same answer makes the same page.
fn nonce(data: &[u8]) -> String {
    blake3::hash(data).to_hex().chars().take(32).collect()
}

/// A text as the content of an element.
fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// JSON for a `script` element: nothing in it can end that, or begin a comment.
fn embedded(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    answer.serialize(&mut Serializer::with_formatter(&mut json, Embedded))?;
    Ok(json)
}

/// Writes the characters that mean something to HTML as JSON's escapes. They occur in strings only.
struct Embedded;

impl Formatter for Embedded {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        for piece in fragment.split_inclusive(['<', '>', '&']) {
            let text = piece.trim_end_matches(['<', '>', '&']);
            out.write_all(text.as_bytes())?;
            for c in piece.chars().skip(text.chars().count()) {
                write!(out, "\\u{:04x}", u32::from(c))?;
            }
        }
        Ok(())
    }
}

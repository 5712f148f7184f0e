//! What was left out as annotations of GitHub Actions: a line each, which the web page shows beside the script's line.
//!
//! The form is that of "Workflow commands for GitHub Actions": `::error file=…,line=…,title=…::message`.

use std::io::{self, Write};

use super::answer::Answer;
use crate::snapshot::index::{LeftOut, Reason};

/// Writes an annotation for each variable that cannot be saved.
pub fn annotations(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    // Of a snapshot, the script is what can be mended.
    let script = match answer.index.script.path.as_str() {
        "" => &answer.file,
        _ if answer.index.script.kind != "script" => &answer.file,
        path => path,
    };
    let failed = answer.index.left_out.iter().filter(|item| item.reason == Reason::Failed);
    failed.into_iter().try_for_each(|item| annotation(out, script, item))
}

fn annotation(out: &mut dyn Write, script: &str, item: &LeftOut) -> io::Result<()> {
    let mut message = format!("{} ({}): {}", item.name, item.type_name, item.error);
    if let Some(path) = &item.path {
        message.push_str(&format!("\nat fault: {path} ({})", item.fault_type.as_deref().unwrap_or("?")));
    }
    if let Some(hint) = &item.hint {
        message.push_str(&format!("\nhint: {hint}"));
    }
    let line = item.line.map_or(String::new(), |line| format!(",line={line}"));
    let title = property(&format!("{} cannot be saved", item.name));
    writeln!(out, "::error file={}{line},title={title}::{}", property(script), data(&message))
}

/// A message: what would end it is escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value: what would end that, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::answer::Format;
    use crate::snapshot::index::Index;

    #[test]
    fn an_annotation_stands_at_the_scripts_line_and_cannot_be_broken_out_of() -> io::Result<()> {
        let item = LeftOut {
            name: "a,b::\n".to_owned(),
            type_name: "socket.socket".to_owned(),
            error: "TypeError: 100% no".to_owned(),
            line: Some(7),
            ..LeftOut::default()
        };
        let rule = LeftOut { name: "x".to_owned(), reason: Reason::Filter, ..LeftOut::default() };
        let index = Index { left_out: vec![item, rule], ..Index::default() };
        let answer = Answer {
            file: "train.py".to_owned(),
            format: Format::Script,
            bytes: 0,
            index,
            verdict: None,
            verified: None,
        };
        let mut out = Vec::new();
        annotations(&mut out, &answer)?;
        let expected = "::error file=train.py,line=7,title=a%2Cb%3A%3A%0A cannot be saved::a,b::%0A (socket.socket): \
                        TypeError: 100%25 no\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        Ok(())
    }
}

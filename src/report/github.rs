//! Variables and objects that cannot be saved, and the verdict on a file that does not pass, as annotations of GitHub
//! Actions: the web page shows them beside the line of the script.
//!
//! The format is `::error file=…,line=…,title=…::message`, from "Workflow commands for GitHub Actions".

use std::io::{self, Write};

use super::inspect_report::SessionReport;
use super::verdict_text::{self, FEW};
use crate::snapshot::index::{LeftOut, LeftOutReason, UnsavableObject, Variable};
use crate::ui::shown_lines::printable;

/// Writes a line for each variable that cannot be saved, and for each object in one.
pub fn write_annotations(out: &mut dyn Write, report: &SessionReport) -> io::Result<()> {
    // Annotate the script, even if a snapshot was inspected: the script is the file that the user can fix.
    let script = match report.index.script.path.as_str() {
        "" => &report.file,
        _ if report.index.script.kind != "script" => &report.file,
        path => path,
    };
    let failed = report.index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed);
    failed.into_iter().try_for_each(|item| write_annotation(out, script, item))?;
    let lost =
        report.index.variables.iter().flat_map(|variable| variable.lost.iter().map(move |item| (variable, item)));
    lost.into_iter().try_for_each(|(variable, item)| write_lost(out, script, variable, item))
}

/// Writes a line with the verdict on a file that did not pass.
pub(crate) fn write_verdict(out: &mut dyn Write, report: &SessionReport) -> io::Result<()> {
    let Some(verdict) = &report.verdict else { return Ok(()) };
    let title = format!("verdict: {}", verdict.class.name());
    let findings = verdict.worst().take(FEW).map(verdict_text::describe);
    let lines: Vec<String> = [verdict.class.words().to_owned()].into_iter().chain(findings).collect();
    write_command(out, &report.file, None, &title, &lines)
}

fn write_lost(out: &mut dyn Write, script: &str, variable: &Variable, item: &UnsavableObject) -> io::Result<()> {
    let what = format!("{} ({}): {}", item.path, item.type_name, item.error);
    let fault = item.fault.as_ref().map(|fault| format!("at fault: {fault}"));
    let hint = item.hint.as_ref().map(|hint| format!("hint: {hint}"));
    let lines: Vec<String> = [Some(what), fault, hint].into_iter().flatten().collect();
    write_command(out, script, variable.line, &cannot_be_saved(&item.path), &lines)
}

fn write_annotation(out: &mut dyn Write, script: &str, item: &LeftOut) -> io::Result<()> {
    let what = format!("{} ({}): {}", item.name, item.type_name, item.error);
    let fault_type = item.fault_type.as_deref().unwrap_or("?");
    let fault = item.path.as_ref().map(|path| format!("at fault: {path} ({fault_type})"));
    let hint = item.hint.as_ref().map(|hint| format!("hint: {hint}"));
    let lines: Vec<String> = [Some(what), fault, hint].into_iter().flatten().collect();
    write_command(out, script, item.line, &cannot_be_saved(&item.name), &lines)
}

fn cannot_be_saved(what: &str) -> String {
    format!("{what} cannot be saved")
}

/// Writes an annotation. Its strings are escaped twice: for people, and for the form of the command.
fn write_command(
    out: &mut dyn Write,
    script: &str,
    line: Option<u32>,
    title: &str,
    lines: &[String],
) -> io::Result<()> {
    let line = line.map_or(String::new(), |line| format!(",line={line}"));
    let title = escape_property(title);
    let message: Vec<String> = lines.iter().map(|line| escape_message(line)).collect();
    let command = format!("::error file={}{line},title={title}::{}\n", escape_property(script), message.join("%0A"));
    out.write_all(command.as_bytes())
}

/// Escapes a line of a message: hidden characters, and those that would end the message.
fn escape_message(line: &str) -> String {
    // `%` is what escapes of the command begin with.
    printable(line).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes characters that would end the value of a property.
fn escape_property(text: &str) -> String {
    escape_message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::inspect_report::FileFormat;
    use crate::snapshot::index::Index;

    #[test]
    fn an_annotation_names_the_line_and_a_hostile_name_cannot_end_it() -> io::Result<()> {
        let item = LeftOut {
            name: "a,b::\n".to_owned(),
            type_name: "socket.socket".to_owned(),
            error: "TypeError: 100% no".to_owned(),
            line: Some(7),
            ..LeftOut::default()
        };
        let rule = LeftOut { name: "x".to_owned(), reason: LeftOutReason::Filter, ..LeftOut::default() };
        let index = Index { left_out: vec![item, rule], ..Index::default() };
        let report = SessionReport::of_own_index("train.py".to_owned(), FileFormat::Script, 0, index);
        let mut out = Vec::new();
        write_annotations(&mut out, &report)?;
        let expected = "::error file=train.py,line=7,title=a%2Cb%3A%3A\\n cannot be saved::a,b::\\n (socket.socket): \
                        TypeError: 100%25 no\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        Ok(())
    }
}

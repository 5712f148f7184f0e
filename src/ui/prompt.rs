//! Yes-or-no questions in a terminal, where anything but `y` or `yes` means no. A command that cannot ask refuses
//! instead.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result};
use console::Term;

use super::line_breaks::terminal_width;
use super::messages::HANG;
use super::shown_lines::Lines;
use crate::exit;

/// Whether the user can read a question and answer it: standard input and standard error are terminals.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question. Ctrl-C is an error with exit code 130, even while Python runs with its own SIGINT handler.
pub(crate) fn confirm(question: &str) -> Result<bool> {
    let mut text = Vec::new();
    Lines::in_columns(&mut text, terminal_width(&Term::stderr())).hanging(HANG, format_args!("{question} [y/N]"))?;
    // The answer is typed behind it.
    text.pop();
    text.push(b' ');
    io::stderr().write_all(&text).context("cannot ask")?;
    let answer = read_line(&mut io::stdin().lock());
    if !answer.as_ref().is_ok_and(|answer| answer.ends_with(b"\n")) {
        // End of input or Ctrl-C: the cursor is still on the line of the question.
        writeln!(io::stderr()).context("cannot ask")?;
    }
    match answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(exit::error(exit::INTERRUPTED, "interrupted")),
        answer => Ok(matches!(answer.context("cannot read the answer")?.trim_ascii(), b"y" | b"Y" | b"yes")),
    }
}

/// Reads up to a newline or the end of input. Unlike `read_line`, it returns an error when a signal interrupts it.
fn read_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let buffered = input.fill_buf()?;
        let end = buffered.iter().position(|byte| *byte == b'\n').map_or(buffered.len(), |newline| newline + 1);
        if end == 0 {
            break;
        }
        line.extend(buffered.iter().take(end));
        input.consume(end);
    }
    Ok(line)
}

//! Questions at a terminal, whose answer is no unless it is yes. What a terminal asks, a pipe refuses.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result};

use crate::exit;

/// Whether there is somebody who reads questions and answers them.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks. Ctrl-C is an end, also where a Python that runs has its own handler for it.
pub(super) fn ask(question: &str) -> Result<bool> {
    write!(io::stderr(), "{question} [y/N] ").context("cannot ask")?;
    let answer = answer(&mut io::stdin().lock());
    if !answer.as_ref().is_ok_and(|answer| answer.ends_with(b"\n")) {
        // Nobody pressed return.
        writeln!(io::stderr()).context("cannot ask")?;
    }
    match answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(exit::error(exit::INTERRUPTED, "interrupted")),
        answer => Ok(matches!(answer.context("cannot read the answer")?.trim_ascii(), b"y" | b"Y" | b"yes")),
    }
}

/// A line, or what there is of it. `read_line` would go on reading after a signal.
fn answer(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let found = input.fill_buf()?;
        let end = found.iter().position(|byte| *byte == b'\n').map_or(found.len(), |place| place + 1);
        if end == 0 {
            break;
        }
        line.extend(found.iter().take(end));
        input.consume(end);
    }
    Ok(line)
}

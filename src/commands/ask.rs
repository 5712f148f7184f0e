//! Questions at a terminal, whose answer is no unless it is yes. What a terminal asks, a pipe refuses.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result};

/// Whether there is somebody who reads questions and answers them.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks.
pub(super) fn ask(question: &str) -> Result<bool> {
    write!(io::stderr(), "{question} [y/N] ").context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

//! `snapcli completions`: prints what the files in `completions/` hold.

use std::io::Write;

use anyhow::Result;

use crate::exit;

/// What was asked.
pub struct Options {
    /// The completions, as the command line's library made them.
    pub text: Vec<u8>,
}

/// Prints them.
pub fn run(options: &Options) -> Result<i32> {
    std::io::stdout().write_all(&options.text)?;
    Ok(exit::DONE)
}

//! Messages to the user, on standard error: standard output belongs to the script, or to the result of the command.
//!
//! Every message begins with `snapcli:`, so that it stands out from the output of a script, and passes [`Lines`]: what
//! is in it may come from a hostile file.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use console::{Style, Term};

use super::colors;
use super::display::format_time;
use super::line_breaks::terminal_width;
use super::open_line;
use super::shown_lines::Lines;
use crate::exit::Coded;

/// The column at which a message goes on below. Its details and causes begin at column 2.
pub(super) const HANG: usize = 4;

/// How much is printed, as `--quiet` and `--verbose` choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// Every step.
    Verbose,
}

impl Verbosity {
    /// Prints what was done, or what the user should know; not with `--quiet`.
    pub(crate) fn note(self, text: &str) {
        if self != Self::Quiet {
            print_line(text);
        }
    }

    /// Prints a step, with `--verbose` only.
    pub(crate) fn detail(self, text: &str) {
        if self == Self::Verbose {
            print_line(text);
        }
    }
}

/// A step that is under way. When it is dropped, `--verbose` prints how long it took.
pub(crate) struct TimedStep<'t> {
    what: &'t str,
    verbosity: Verbosity,
    started: Instant,
}

impl Verbosity {
    /// Begins a step. `what` names it as in `checking session.pkl`.
    pub(crate) fn step(self, what: &str) -> TimedStep<'_> {
        TimedStep { what, verbosity: self, started: Instant::now() }
    }

    /// Prints how long something took, with `--verbose` only.
    pub(crate) fn took(self, what: &str, time: Duration) {
        self.detail(&format!("{what} took {}", format_time(time)));
    }
}

impl Drop for TimedStep<'_> {
    fn drop(&mut self) {
        self.verbosity.took(self.what, self.started.elapsed());
    }
}

/// Prints an error, and below it a line for each of its details and causes.
pub(crate) fn print_error(error: &anyhow::Error) {
    print_lines(|lines| {
        for (depth, cause) in error.chain().enumerate() {
            let coded = match cause.downcast_ref::<Coded>() {
                // A `Coded` that is the context of another error is found through `anyhow` alone.
                None if depth == 0 => error.downcast_ref::<Coded>().filter(|coded| coded.is_shown_as(cause)),
                coded => coded,
            };
            let text = coded.map_or_else(|| cause.to_string(), |coded| coded.message().to_owned());
            if depth == 0 {
                write_message(lines, &text, MessageKind::Error)?;
            } else {
                lines.hanging(HANG, format_args!("  cause: {text}"))?;
            }
            let details = coded.map(Coded::details).unwrap_or_default();
            details.iter().try_for_each(|detail| lines.line(format_args!("  {detail}")))?;
        }
        Ok(())
    });
}

/// Prints an error with its details, but without its causes: its first line already says all of them.
pub(crate) fn print_error_line(error: &anyhow::Error) {
    let coded = error.downcast_ref::<Coded>();
    let text = coded.map_or_else(|| error.to_string(), |coded| coded.message().to_owned());
    let details = coded.map(Coded::details).unwrap_or_default();
    print_lines(|lines| {
        write_message(lines, &text, MessageKind::Error)?;
        details.iter().try_for_each(|detail| lines.line(format_args!("  {detail}")))
    });
}

/// Prints a line even with `--quiet`.
pub(crate) fn print_line(text: &str) {
    let kind = if text.starts_with("warning: ") { MessageKind::Warning } else { MessageKind::Note };
    print_lines(|lines| write_message(lines, text, kind));
}

/// Prints the help of clap, which has been asked for by a command line without a command.
pub(crate) fn print_help(help: &clap::builder::StyledStr) {
    let text = if colors::on_stderr() { help.ansi().to_string() } else { help.to_string() };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints lines without a prefix, which continue a message.
pub(crate) fn print_lines(write: impl FnOnce(&mut Lines<'_>) -> io::Result<()>) {
    let mut text = Vec::new();
    let width = terminal_width(&Term::stderr());
    // Writing to memory does not fail.
    let _ = write(&mut Lines::in_columns(&mut text, width).coloured(colors::on_stderr()));
    open_line::end_it();
    // One write for each message, so that the output of a script's threads does not end up inside it. A closed standard
    // error is no reason to fail.
    let _ = io::stderr().write_all(&text);
}

/// What a message is: its prefix has the colour of it.
#[derive(Clone, Copy)]
enum MessageKind {
    Error,
    Warning,
    Note,
}

/// Writes the line of a message. Only the prefix is coloured.
fn write_message(lines: &mut Lines<'_>, text: &str, kind: MessageKind) -> io::Result<()> {
    if !colors::on_stderr() {
        return lines.hanging(HANG, format_args!("snapcli: {text}"));
    }
    let bold = Style::new().force_styling(true).bold();
    let style = match kind {
        MessageKind::Error => bold.red(),
        MessageKind::Warning => bold.yellow(),
        MessageKind::Note => bold,
    };
    lines.styled_hanging(HANG, &[("snapcli:".to_owned(), &style), (format!(" {text}"), &Style::new())])
}

//! What the program shows people on a terminal: messages, progress, questions, and strings that are safe to print.
//!
//! Every layer above `pickle` and `snapshot` may use it, and it imports only [`exit`](crate::exit). Results that a user
//! asked for are not messages: those are in [`report`](crate::report).
#![allow(clippy::disallowed_methods, reason = "the only place that writes to standard error")]

pub(crate) mod closed_output;
pub(crate) mod colors;
pub(crate) mod display;
pub(crate) mod line_breaks;
pub(crate) mod messages;
pub(crate) mod nearest_names;
pub(crate) mod open_line;
pub(crate) mod paint;
pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod shown_lines;
pub(crate) mod terminal_signals;

pub(crate) use self::display::{count, escape, format_size, format_utc};
pub(crate) use self::messages::Verbosity;
pub(crate) use self::paint::Paint;
pub(crate) use self::shown_lines::Lines;

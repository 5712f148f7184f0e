//! Whether output is coloured: one rule for standard output and standard error, and for all commands.
//!
//! `--color always` and `never` decide. With `auto`, NO_COLOR turns colours off, CLICOLOR_FORCE and FORCE_COLOR turn
//! them on, and otherwise a stream has colours if it is a terminal that can show them. The rule is applied once, when
//! the program starts: a script may change the environment, and standard output may be redirected while it runs.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ColorMode {
    /// As the environment and the stream say.
    #[default]
    Auto,
    /// In files and pipes, too.
    Always,
    /// Not even in a terminal.
    Never,
}

static STDOUT: AtomicBool = AtomicBool::new(false);
static STDERR: AtomicBool = AtomicBool::new(false);

/// Applies the rule. Until then, nothing is coloured.
#[allow(clippy::disallowed_methods, reason = "nothing is written here")]
pub(crate) fn choose(mode: ColorMode) {
    STDOUT.store(is_coloured(mode, std::io::stdout().is_terminal()), Ordering::Relaxed);
    STDERR.store(is_coloured(mode, std::io::stderr().is_terminal()), Ordering::Relaxed);
}

/// Whether standard output is coloured.
pub(crate) fn on_stdout() -> bool {
    STDOUT.load(Ordering::Relaxed)
}

/// Whether standard error is coloured.
pub(crate) fn on_stderr() -> bool {
    STDERR.load(Ordering::Relaxed)
}

/// Whether the environment decides, and not the stream.
pub(crate) fn is_set_by_environment() -> bool {
    anstyle_query::no_color() || is_forced()
}

fn is_coloured(mode: ColorMode, is_terminal: bool) -> bool {
    match mode {
        ColorMode::Always => true,
        ColorMode::Never => false,
        ColorMode::Auto if anstyle_query::no_color() => false,
        ColorMode::Auto if is_forced() => true,
        ColorMode::Auto => {
            is_terminal && anstyle_query::term_supports_color() && anstyle_query::clicolor() != Some(false)
        }
    }
}

/// Unlike `anstyle_query`, `0` means no.
fn is_forced() -> bool {
    let is_set =
        |name| std::env::var_os(name).is_some_and(|value: std::ffi::OsString| !value.is_empty() && value != "0");
    is_set("CLICOLOR_FORCE") || is_set("FORCE_COLOR")
}

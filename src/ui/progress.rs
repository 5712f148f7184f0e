//! Progress bars for long saves, loads and checks, on standard error: in a terminal only, and only for work that takes
//! a while.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Verbosity;

/// Work that ends sooner shows no bar.
const DELAY: Duration = Duration::from_millis(700);

/// A bar that stays hidden until [`DELAY`] is over, and disappears when it is dropped.
pub(crate) struct DelayedBar {
    bar: ProgressBar,
    position: AtomicU64,
    /// Dropping it ends the thread that waits to show the bar.
    _alive: Option<Sender<()>>,
}

impl DelayedBar {
    /// A bar that counts bytes. `label` is a verb, such as `checking`.
    pub(crate) fn bytes(label: &'static str, total: u64, verbosity: Verbosity) -> Self {
        Self::new("{spinner} {msg} {wide_bar} {bytes}/{total_bytes}", label, total, verbosity)
    }

    /// A bar that counts variables.
    #[cfg(feature = "python")]
    pub(crate) fn variables(label: &'static str, verbosity: Verbosity) -> Self {
        Self::new("{spinner} {msg} {wide_bar} {pos}/{len} {prefix} {elapsed}", label, 0, verbosity)
    }

    fn new(template: &str, label: &'static str, total: u64, verbosity: Verbosity) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()).with_message(label);
        // The templates are constants, so this does not fail.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let wanted = verbosity != Verbosity::Quiet && std::io::stderr().is_terminal();
        let alive = wanted.then(|| show_later(bar.clone()));
        Self { bar, position: AtomicU64::new(0), _alive: alive }
    }

    /// Adds to the bytes that are done. May be called from several threads.
    pub(crate) fn advance(&self, bytes: u64) {
        let position = self.position.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bar.set_position(position);
    }

    /// Shows the variable that is next.
    #[cfg(feature = "python")]
    pub(crate) fn start_variable(&self, name: &str, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        self.bar.set_prefix(super::escape(name).into_owned());
    }
}

/// Shows the bar after [`DELAY`]. This needs a separate thread: a single large variable reports nothing until it is
/// done.
fn show_later(bar: ProgressBar) -> Sender<()> {
    let (alive, ended) = channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(DELAY) == Err(RecvTimeoutError::Timeout) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    });
    alive
}

impl Drop for DelayedBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

//! How far a long save, load or check has come, on standard error: only on a terminal, and only when it takes a while.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Talk;

/// How long something may take before a bar shows up.
const PATIENCE: Duration = Duration::from_millis(700);

/// A bar that stays out of sight while there is nothing worth showing.
pub(super) struct Progress {
    bar: ProgressBar,
    position: AtomicU64,
    /// Dropped with the rest, which ends the thread that waits to show the bar.
    _alive: Option<Sender<()>>,
}

impl Progress {
    /// A bar over bytes.
    pub(super) fn bytes(what: &'static str, total: u64, talk: Talk) -> Self {
        Self::new("{spinner} {msg} {wide_bar} {bytes}/{total_bytes}", what, total, talk)
    }

    /// A bar over variables.
    #[cfg(feature = "python")]
    pub(super) fn variables(what: &'static str, talk: Talk) -> Self {
        Self::new("{spinner} {msg} {wide_bar} {pos}/{len} {prefix} {elapsed}", what, 0, talk)
    }

    fn new(template: &str, what: &'static str, total: u64, talk: Talk) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()).with_message(what);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let wanted = talk != Talk::Quiet && std::io::stderr().is_terminal();
        let alive = wanted.then(|| show_later(bar.clone()));
        Self { bar, position: AtomicU64::new(0), _alive: alive }
    }

    /// So many bytes more.
    pub(super) fn advance(&self, bytes: u64) {
        let position = self.position.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bar.set_position(position);
    }

    /// At this variable now.
    #[cfg(feature = "python")]
    pub(super) fn at(&self, name: &str, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        self.bar.set_prefix(crate::report::plain(name).into_owned());
    }
}

/// Shows the bar when the patience is over, from a thread of its own: one large variable, or one long read, would
/// otherwise show nothing at all.
fn show_later(bar: ProgressBar) -> Sender<()> {
    let (alive, ended) = channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    });
    alive
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

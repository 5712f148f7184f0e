//! How far a long save or load has come, on standard error: only on a terminal, and only when it takes a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Talk;

/// How long something may take before a bar shows up.
const PATIENCE: Duration = Duration::from_millis(700);

/// A bar that stays out of sight while there is nothing worth showing.
pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: std::sync::OnceLock<()>,
    position: AtomicU64,
    talk: Talk,
}

impl Progress {
    /// A bar over bytes.
    pub(super) fn bytes(what: &'static str, total: u64, talk: Talk) -> Self {
        Self::new("{msg} {wide_bar} {bytes}/{total_bytes}", what, total, talk)
    }

    /// A bar over variables.
    pub(super) fn variables(what: &'static str, talk: Talk) -> Self {
        Self::new("{msg} {wide_bar} {pos}/{len} {prefix}", what, 0, talk)
    }

    fn new(template: &str, what: &'static str, total: u64, talk: Talk) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()).with_message(what);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let (started, shown) = (Instant::now(), std::sync::OnceLock::new());
        Self { bar, started, shown, position: AtomicU64::new(0), talk }
    }

    /// So many bytes more.
    pub(super) fn advance(&self, bytes: u64) {
        let position = self.position.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.show();
        self.bar.set_position(position);
    }

    /// At this variable now.
    pub(super) fn at(&self, name: &str, done: usize, total: usize) {
        self.show();
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        self.bar.set_prefix(crate::report::plain(name).into_owned());
    }

    fn show(&self) {
        if self.talk != Talk::Quiet && self.started.elapsed() > PATIENCE {
            // indicatif itself draws nothing where standard error is no terminal.
            self.shown.get_or_init(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

//! Progress bars on standard error, of one line: what is done, bytes of bytes, the rate, and the time left. Work that
//! ends soon shows none, and none stays on the screen.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal_signals::ClearedAtSignals;
use super::{Verbosity, format_size, open_line};

/// Work that ends sooner shows no bar.
const DELAY: Duration = Duration::from_millis(500);
/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);
/// The rate is that of the last so many ticks.
const RATE_TICKS: usize = 30;
/// All columns but those of the bar have a fixed width, so that nothing jumps.
const TEMPLATE: &str = "{spinner} {msg:9} {wide_bar} {prefix:41}";
/// For work whose end is not known.
const OPEN_TEMPLATE: &str = "{spinner} {msg:9} {prefix:41}";

/// A rate below this, in bytes per second, is not shown: something other than reading or writing takes the time.
const SLOWEST: u64 = 10_000;
/// The time left is shown once a fiftieth of the work is done: earlier estimates are wrong too often.
const FIRST_ESTIMATE: u64 = 50;

static SWITCHED_OFF: AtomicBool = AtomicBool::new(false);

/// Shows no bars from now on.
pub(crate) fn switch_off() {
    SWITCHED_OFF.store(true, Ordering::Relaxed);
}

/// What a bar shows: a verb, such as `checking`, the bytes that are done, and all bytes, 0 if that is unknown.
pub(crate) type Measured = (&'static str, u64, u64);

/// A bar that stays hidden until [`DELAY`] is over, and disappears when it is dropped.
pub(crate) struct DelayedBar {
    shared: Arc<Shared>,
    /// `None` if there is no bar.
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    label: &'static str,
    done: AtomicU64,
    total: u64,
    /// Measures work of another stage than that of `done`, while it returns something.
    other: Option<fn() -> Option<Measured>>,
    ended: Mutex<bool>,
    wake: Condvar,
}

impl DelayedBar {
    /// A bar that counts bytes.
    pub(crate) fn bytes(label: &'static str, total: u64, verbosity: Verbosity) -> Self {
        Self::new(label, total, None, verbosity)
    }

    /// A bar that counts bytes, until `other` measures something.
    pub(crate) fn measuring(
        label: &'static str,
        total: u64,
        other: fn() -> Option<Measured>,
        verbosity: Verbosity,
    ) -> Self {
        Self::new(label, total, Some(other), verbosity)
    }

    fn new(label: &'static str, total: u64, other: Option<fn() -> Option<Measured>>, verbosity: Verbosity) -> Self {
        let (done, ended, wake) = (AtomicU64::new(0), Mutex::new(false), Condvar::new());
        let shared = Arc::new(Shared { label, done, total, other, ended, wake });
        let is_wanted = verbosity != Verbosity::Quiet && !SWITCHED_OFF.load(Ordering::Relaxed);
        let thread = (is_wanted && std::io::stderr().is_terminal()).then(|| {
            let shared = Arc::clone(&shared);
            // A thread of its own: the work may be busy for long without a word.
            std::thread::Builder::new().spawn(move || shared.show())
        });
        Self { shared, thread: thread.and_then(Result::ok) }
    }

    /// Whether it is shown, if the work takes long enough.
    #[cfg(feature = "python")]
    pub(crate) fn is_shown(&self) -> bool {
        self.thread.is_some()
    }

    /// Adds to the bytes that are done. May be called from several threads.
    pub(crate) fn advance(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for DelayedBar {
    fn drop(&mut self) {
        *self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // If drawing has panicked, there is nothing to clear.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Draws the bar from time to time, and clears it in the end.
    fn show(&self) {
        if self.wait(DELAY) {
            return;
        }
        let _cleared = ClearedAtSignals::new();
        // Nothing is drawn before all is set.
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden());
        let (mut rate, mut label, mut is_open) = (Rate::default(), "", false);
        loop {
            let (next, done, total) = self.measure();
            // A total that was estimated too low is no total: a full bar would say that all is done.
            let total = if done > total { 0 } else { total };
            if next != label || is_open != (total == 0) {
                if !bar.is_hidden() {
                    // A new target does not know of the old line. If it cannot be cleared, nothing is lost.
                    let _ = console::Term::stderr().clear_line();
                }
                bar.set_draw_target(ProgressDrawTarget::hidden());
                rate = if next == label { rate } else { Rate::default() };
                (label, is_open) = (next, total == 0);
                bar.set_message(label);
                set_template(&bar, total);
            }
            let rate = rate.at(done);
            bar.set_length(total.max(1));
            // Not quite full as long as there is work: the total may be an estimate.
            bar.set_position(done.min(total - total / 100));
            bar.set_prefix(figures(done, total, rate));
            if bar.is_hidden() {
                // The bar would erase what the script has written in its line.
                open_line::end_it();
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.tick();
            if self.wait(TICK) {
                break;
            }
        }
        bar.finish_and_clear();
    }

    fn measure(&self) -> Measured {
        let own = || (self.label, self.done.load(Ordering::Relaxed), self.total);
        self.other.and_then(|other| other()).unwrap_or_else(own)
    }

    /// Waits; true if the work has ended meanwhile.
    fn wait(&self, time: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.wake.wait_timeout_while(ended, time, |ended| !*ended);
        *ended.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn set_template(bar: &ProgressBar, total: u64) {
    // The templates are constants, so this does not fail.
    if let Ok(style) = ProgressStyle::with_template(if total > 0 { TEMPLATE } else { OPEN_TEMPLATE }) {
        bar.set_style(style);
    }
}

/// Bytes per second, from what was done in the last seconds.
#[derive(Default)]
struct Rate {
    seen: std::collections::VecDeque<(Instant, u64)>,
}

impl Rate {
    fn at(&mut self, done: u64) -> u64 {
        let now = Instant::now();
        // What was done may be discarded: then the rate begins anew.
        if self.seen.back().is_some_and(|(_, before)| *before > done) {
            self.seen.clear();
        }
        if self.seen.len() >= RATE_TICKS {
            self.seen.pop_front();
        }
        self.seen.push_back((now, done));
        let Some((start, before)) = self.seen.front() else { return 0 };
        let seconds = now.duration_since(*start).as_secs_f64();
        if seconds > 0.0 { ((done - before) as f64 / seconds) as u64 } else { 0 }
    }
}

/// `1.4 GB of 2.8 GB   210 MB/s   7 s left`, in columns.
fn figures(done: u64, total: u64, rate: u64) -> String {
    let amount = match (done, total) {
        (0, 0) => String::new(),
        (done, 0) => format_size(done),
        (done, total) => format!("{} of {}", format_size(done), format_size(total)),
    };
    // Modules that are imported take time and no bytes: neither figure would mean anything.
    let rate = if rate < SLOWEST { 0 } else { rate };
    let speed = if rate > 0 { format!("{}/s", format_size(rate)) } else { String::new() };
    let left = match total.saturating_sub(done).checked_div(rate) {
        Some(seconds) if total > done && done >= total / FIRST_ESTIMATE => format!("{} left", duration(seconds + 1)),
        _ => String::new(),
    };
    format!("{amount:>16} {speed:>10} {left:>12}")
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600).min(999)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_figures_have_the_same_width() {
        for (done, total) in
            [(0, 0), (1, 0), (999_499_999, 999_499_999), (5_000, 2_800_000_000), (1 << 50, 900_000_000_000_000_000)]
        {
            for rate in [0, 1, 99_999, 210_000_000, 999_000_000_000] {
                let text = figures(done, total, rate);
                assert_eq!(text.chars().count(), 40, "{text}");
            }
        }
        assert_eq!(figures(1_400_000_000, 2_800_000_000, 210_000_000), "1.4 GB of 2.8 GB   210 MB/s     7 s left");
        // A slow import and the first bytes are no basis for an estimate.
        assert_eq!(figures(940, 717_000, 499).trim(), "940 B of 717 kB");
        assert_eq!(figures(1_000_000, 2_800_000_000, 20_000).trim(), "1.0 MB of 2.8 GB    20 kB/s");
    }

    #[test]
    fn the_rate_forgets_what_was_discarded() {
        let mut rate = Rate::default();
        rate.at(1000);
        std::thread::sleep(Duration::from_millis(2));
        assert!(rate.at(2000) > 0);
        assert_eq!(rate.at(500), 0);
    }
}

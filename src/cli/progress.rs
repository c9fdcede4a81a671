//! A bar on a terminal, for keys that take longer than half a second.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Before that nobody wonders.
const PATIENCE: Duration = Duration::from_millis(500);

/// The bar; hidden where stderr is no terminal.
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
}

impl Progress {
    /// Not shown yet.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("making keys {bar:30} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self { bar, begun: Instant::now() }
    }

    /// So many of so many are made.
    pub fn show(&self, done: usize, total: usize) {
        if self.bar.is_hidden() && self.begun.elapsed() > PATIENCE && stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    /// Takes it away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

//! A bar on a terminal, for keys that take longer than half a second.
//!
//! By hand: a crate for bars brings the mathematics library along, which is a third of a megabyte in each run.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Before that nobody wonders.
const PATIENCE: Duration = Duration::from_millis(500);
/// No eye sees more.
const PAUSE: Duration = Duration::from_millis(50);
/// In characters.
const BAR: usize = 30;

/// The bar; hidden where stderr is no terminal.
pub struct Progress {
    begun: Instant,
    drawn: Mutex<Option<Instant>>,
}

impl Progress {
    /// Not shown yet.
    pub fn new() -> Self {
        Self { begun: Instant::now(), drawn: Mutex::new(None) }
    }

    /// So many of so many are made.
    pub fn show(&self, done: usize, total: usize) {
        let taken = self.begun.elapsed();
        // Where another core draws, this one need not wait.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if taken < PATIENCE || drawn.is_some_and(|at| at.elapsed() < PAUSE) || !stderr().is_terminal() {
            return;
        }
        *drawn = Some(Instant::now());
        draw(&line(done, total, taken));
    }

    /// Takes it away.
    pub fn finish(&self) {
        if self.drawn.lock().is_ok_and(|drawn| drawn.is_some()) {
            draw("");
        }
    }
}

/// In place of what stood there.
fn draw(line: &str) {
    // A terminal that has gone is no reason to leave keys unmade.
    let _ = write!(stderr().lock(), "\r\u{1b}[2K{line}");
}

fn line(done: usize, total: usize, taken: Duration) -> String {
    let full = BAR * done / total.max(1);
    let (bar, rest) = ("█".repeat(full), "░".repeat(BAR.saturating_sub(full)));
    let left = taken.as_secs() * total.saturating_sub(done) as u64 / done.max(1) as u64;
    let left = if left < 120 { format!("{left}s") } else { format!("{}m", left / 60) };
    format!("making keys {bar}{rest} {done}/{total} {left}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::line;

    #[test]
    fn a_line_says_how_much_is_left_and_is_short() {
        let bar = "█".repeat(10) + &"░".repeat(20);
        assert_eq!(line(1, 3, Duration::from_secs(7)), format!("making keys {bar} 1/3 14s"));
        assert!(line(1, 10_001, Duration::from_secs(86_400)).chars().count() < 80);
    }
}

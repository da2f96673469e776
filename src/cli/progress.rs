//! How far a long command is, on standard error: on a terminal one line that is written over and over, elsewhere a line
//! now and then, for logs.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// How often the line on a terminal is written.
const ON_TERMINAL: Duration = Duration::from_millis(100);
/// How often there is a line elsewhere.
const ELSEWHERE: Duration = Duration::from_secs(10);
/// How many characters a bar has between its ends.
const WIDTH: u64 = 30;

/// What is said of a command while it runs.
#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    said: Option<Instant>,
    begun: Instant,
}

impl Progress {
    /// Begins.
    pub(super) fn new() -> Self {
        Self {
            terminal: stderr().is_terminal(),
            said: None,
            begun: Instant::now(),
        }
    }

    /// Says how far it is, if it is time for that.
    pub(super) fn show(&mut self, bar: Option<Bar>, text: &str) {
        let now = Instant::now();
        if !self.is_due(now) {
            return;
        }
        self.said = Some(now);
        self.write(bar, text);
    }

    /// Says the last of it. Elsewhere than on a terminal, what the command prints at its end suffices.
    pub(super) fn end(self, bar: Option<Bar>, text: &str) {
        if self.terminal {
            self.write(bar, text);
            writeln!(stderr()).ok();
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        match (self.terminal, self.said) {
            (true, None) => true,
            (true, Some(said)) => now.duration_since(said) >= ON_TERMINAL,
            (false, said) => now.duration_since(said.unwrap_or(self.begun)) >= ELSEWHERE,
        }
    }

    fn write(&self, bar: Option<Bar>, text: &str) {
        let mut output = stderr();
        if self.terminal {
            let bar = bar.map_or(String::new(), |bar| format!("{} ", bar.drawn()));
            // And nothing of a longer line before.
            write!(output, "\r{bar}{text}\x1b[K").ok();
        } else {
            writeln!(output, "{text}").ok();
        }
    }
}

/// How much is done of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    pub(super) done: u64,
    pub(super) total: u64,
}

impl Bar {
    fn drawn(self) -> String {
        let total = self.total.max(1);
        let done = self.done.min(total);
        let full = usize::try_from(done * WIDTH / total).unwrap_or_default();
        let width = usize::try_from(WIDTH).unwrap_or_default();
        format!(
            "[{:-<width$}] {:>3} %",
            "#".repeat(full),
            done * 100 / total
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_much_is_done() {
        let drawn = |done, total| Bar { done, total }.drawn();
        assert_eq!(drawn(0, 10), "[------------------------------]   0 %");
        assert_eq!(drawn(5, 10), "[###############---------------]  50 %");
        assert_eq!(drawn(12, 10), "[##############################] 100 %");
        assert_eq!(drawn(0, 0), "[------------------------------]   0 %");
    }

    #[test]
    fn elsewhere_than_on_a_terminal_it_is_said_now_and_then() {
        let mut progress = Progress::new();
        let after = |seconds| progress.begun + Duration::from_secs(seconds);
        let (nine, ten, nineteen, twenty) = (after(9), after(10), after(19), after(20));
        progress.terminal = false;
        assert!(!progress.is_due(nine) && progress.is_due(ten));
        progress.said = Some(ten);
        assert!(!progress.is_due(nineteen) && progress.is_due(twenty));
        progress.terminal = true;
        assert!(progress.is_due(ten + ON_TERMINAL) && !progress.is_due(ten));
    }
}

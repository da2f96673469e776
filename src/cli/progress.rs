//! How far a long command is, on standard error: a bar in a terminal, and elsewhere a line every ten seconds, for logs.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal;

/// The time between two lines where there is no terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of a command.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    logged: Instant,
}

impl Progress {
    /// Begins at 0 of `total`, if that is known.
    pub(super) fn new(total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => "[{bar:30}] {percent:>3} % {msg}",
            None => "{msg}",
        };
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        Self {
            bar: bar.with_style(style.progress_chars("#--")),
            logged: Instant::now(),
        }
    }

    /// Shows how much is done.
    pub(super) fn show(&mut self, done: u64, text: String) {
        if self.bar.is_hidden() && self.logged.elapsed() >= LOG_INTERVAL {
            self.logged = Instant::now();
            terminal::say(&text);
        }
        self.bar.set_position(done);
        self.bar.set_message(text);
    }

    /// Leaves the last state in the terminal.
    pub(super) fn end(self) {
        self.bar.abandon();
    }

    /// Leaves nothing in the terminal.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

//! Log lines on their way to standard output. Who logs never waits for who reads: a log collector that has stopped, or
//! Ctrl-S in a terminal, would stop every thread of the service.

use std::io::{self, Write};
use std::mem::take;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::text::{printable, printable_but_escapes};

/// How many bytes of lines may wait, and one line more. What comes then is dropped and counted.
const ROOM: usize = 1024 * 1024;
/// What an empty buffer keeps of its memory.
const KEPT: usize = 64 * 1024;
/// How long lines are gathered. A hundred of them need as many system calls as one, and no thread has to be woken.
const GATHER: Duration = Duration::from_millis(2);
/// How long the end of the process waits for the reader.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The lines that wait.
#[derive(Debug)]
pub(super) struct LogBuffer {
    state: Mutex<WaitingLines>,
    changed: Condvar,
}

#[derive(Debug)]
struct WaitingLines {
    lines: Vec<u8>,
    /// How many lines were dropped since the last ones were written.
    dropped: u64,
    /// Whether the thread that writes is awake: it finds new lines by itself.
    is_writing: bool,
}

impl LogBuffer {
    pub(super) const fn new() -> Self {
        Self {
            state: Mutex::new(WaitingLines {
                lines: Vec::new(),
                dropped: 0,
                is_writing: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds lines, or drops them if nobody takes what waits.
    pub(super) fn add(&self, lines: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() >= ROOM {
            state.dropped += 1;
            drop(state);
            metrics::counter!("chatrace_log_lines_dropped_total").increment(1);
            return;
        }
        state.lines.extend_from_slice(lines);
        if !state.is_writing {
            self.changed.notify_all();
        }
    }

    /// Writes lines as they come, for ever.
    pub(super) fn write_to(&self, mut output: impl Write) {
        loop {
            let state = self.lock();
            let waiting = self
                .changed
                .wait_while(state, |state| state.lines.is_empty());
            let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
            state.is_writing = true;
            let mut lines = take(&mut state.lines);
            let dropped = take(&mut state.dropped);
            drop(state);
            if dropped > 0 {
                // The first line behind those that are being written: the dropped ones belong there.
                tracing::warn!(dropped, "log lines were dropped: nobody read the log");
            }
            // The reader may be gone, and there is nobody else to tell.
            output.write_all(&lines).and_then(|()| output.flush()).ok();
            lines.clear();
            lines.shrink_to(KEPT);
            thread::sleep(GATHER);
            let mut state = self.lock();
            if state.lines.is_empty() {
                state.lines = lines;
            }
            state.is_writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits until everything is written; not for ever.
    pub(super) fn flush(&self) {
        let state = self.lock();
        let is_busy = |state: &mut WaitingLines| state.is_writing || !state.lines.is_empty();
        drop(
            self.changed
                .wait_timeout_while(state, FLUSH_TIMEOUT, is_busy),
        );
    }

    fn lock(&self) -> MutexGuard<'_, WaitingLines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what is written to a buffer, without what a terminal would obey.
pub(super) struct LogWriter {
    pub(super) buffer: &'static LogBuffer,
    /// Whether lines are coloured. Then the formatter has escaped foreign escapes already.
    pub(super) is_coloured: bool,
}

impl Write for LogWriter {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines);
        let safe = if self.is_coloured {
            printable_but_escapes(&text)
        } else {
            printable(&text)
        };
        self.buffer.add(safe.as_bytes());
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader who takes what is written only when told to.
    struct Reluctant {
        asking: Sender<()>,
        permits: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Reluctant {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            self.asking.send(()).ok();
            self.permits.recv().ok();
            self.taken.send(lines.to_vec()).ok();
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_the_reader_and_what_is_too_much_is_dropped_and_counted() {
        static BUFFER: LogBuffer = LogBuffer::new();
        let (asking, asked) = channel();
        let (permit, permits) = channel();
        let (taken, taking) = channel();
        let reader = Reluctant {
            asking,
            permits,
            taken,
        };
        thread::spawn(|| BUFFER.write_to(reader));
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        let lines = 3 * ROOM / line.len();
        BUFFER.add(&line);
        // Until it waits for its reader, it may take what was dropped, and count anew.
        asked.recv().unwrap();
        for _ in 1..lines {
            BUFFER.add(&line);
        }
        let dropped = usize::try_from(BUFFER.lock().dropped).unwrap();
        assert!(dropped > 0);
        // The flush of a process that ends does not wait for ever either.
        BUFFER.flush();
        let mut written = 0;
        while written < (lines - dropped) * line.len() {
            permit.send(()).unwrap();
            written += taking.recv().unwrap().len();
        }
        assert_eq!(written, (lines - dropped) * line.len());
        BUFFER.add(b"more\n");
        permit.send(()).unwrap();
        assert_eq!(taking.recv().unwrap(), b"more\n");
        BUFFER.flush();
        assert!(!BUFFER.lock().is_writing);
    }
}

//! The log on standard error.
//!
//! A thread writes it: a pipe whose reader has stopped blocks whoever writes, and must not stop
//! requests. Lines that the thread cannot take are dropped.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

/// Lines that wait for the thread.
const MAX_WAITING: usize = 1024;

/// How long [`Log::finish`] waits for a reader.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The log of this process.
#[derive(Debug)]
pub struct Log {
    lines: Lines,
    finished: Receiver<()>,
}

/// A writer that hands each line to the thread.
#[derive(Debug, Clone)]
struct Lines(SyncSender<Option<Vec<u8>>>);

impl Log {
    /// Writes what is traced up to `level` to standard error, which has nothing else.
    ///
    /// # Errors
    /// The system starts no further thread.
    pub fn start(level: LevelFilter) -> io::Result<Self> {
        let log = Self::writing(terminal::Log)?;
        let lines = log.lines.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_target(false);
        subscriber.with_writer(move || lines.clone()).init();
        Ok(log)
    }

    fn writing(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<Option<Vec<u8>>>(MAX_WAITING);
        let (ended, finished) = sync_channel(1);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            // A line without text is the last one.
            while let Ok(Some(line)) = waiting.recv() {
                // There is no other place to report to.
                let _ = out.write_all(&line);
            }
            let _ = ended.send(());
        })?;
        Ok(Self { lines: Lines(lines), finished })
    }

    /// Waits until all lines are written, but not for a reader that has stopped.
    pub fn finish(self) {
        if self.lines.0.try_send(None).is_ok() {
            let _: Result<(), RecvTimeoutError> = self.finished.recv_timeout(LONGEST_WAIT);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(Some(bytes.to_vec()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use super::*;

    #[test]
    fn lines_are_written_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let log = Log::writing(writer).unwrap();
        for line in ["one\n", "two\n"] {
            log.lines.clone().write_all(line.as_bytes()).unwrap();
        }
        log.finish();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_reader_that_has_stopped_blocks_nobody() {
        let (_reader, writer) = io::pipe().unwrap();
        let log = Log::writing(writer).unwrap();
        // More than a pipe and the queue hold.
        for _ in 0..10 * MAX_WAITING {
            log.lines.clone().write_all(&[b'x'; 1024]).unwrap();
        }
        log.finish();
    }
}

//! Streams that cannot be written, for tests of programs as processes.

use std::fs::{File, OpenOptions};
use std::io;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Why a stream cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// A pipe whose reader is gone.
    ClosedPipe,
    /// A file on a full disk.
    Full,
    /// A terminal whose window is gone.
    ClosedTerminal,
}

impl Unwritable {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::ClosedPipe, Self::Full, Self::ClosedTerminal];

    /// Such a stream, for a child process.
    ///
    /// # Errors
    /// The system has no pipes, no `/dev/full` or no pseudo-terminals.
    pub fn stream(self) -> io::Result<Stdio> {
        match self {
            Self::ClosedPipe => io::pipe().map(|(_, writer)| writer.into()),
            Self::Full => OpenOptions::new().write(true).open("/dev/full").map(File::into),
            Self::ClosedTerminal => closed_terminal().map(File::into),
        }
    }
}

fn closed_terminal() -> io::Result<File> {
    // The program under test must not get this terminal as its own.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let window = openpt(flags)?;
    grantpt(&window)?;
    unlockpt(&window)?;
    let name = ptsname(&window, Vec::new())?;
    // Returning closes the window, and every write to the terminal then fails.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(name, flags, Mode::empty())?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn no_stream_can_be_written() {
        for unwritable in Unwritable::ALL {
            let mut echo = Command::new("echo");
            let output = echo.arg("hello").stdout(unwritable.stream().unwrap()).output().unwrap();
            assert!(!output.status.success(), "{unwritable:?}: {output:?}");
        }
    }
}

//! Standard streams and signals, as all programs treat them.
//!
//! * A line for people, such as a warning, progress or a log, is written to standard error with
//!   [`note!`] or [`Log`]. If it cannot be written, it is dropped and the work goes on.
//! * A result is written to standard output with [`print`](print()). If it cannot be written, the
//!   command failed: exit code 1, and a message on standard error.
//! * [`stop_on_interrupt`] lets a command end after its step, so that nothing is lost.
//! * A panic in the decoder of an image is an error of the file, in one line:
//!   [`ignore_decoder_panics`] keeps its own text away from standard error.
//! * [`parse`] reads the command line by the same rules, and [`ignore_file_size_signal`] turns a
//!   limit of file sizes into an error of the write.
//!
//! `println!` and `eprintln!` end a program with 101 in such cases, so no program uses them.

#[cfg(feature = "cases")]
pub mod cases;

use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::fs;
use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::builder::Resettable;
use clap::{Arg, Command, Parser};
use models::fault::Message;
use models::image;
use signal_hook::consts::{SIGHUP, SIGINT, SIGXFSZ};
use signal_hook::flag;

/// Prints a result and a line break on standard output.
///
/// # Errors
/// Standard output cannot be written: its disk is full, its reader has closed the pipe, its
/// terminal is gone.
pub fn print(result: impl Display) -> Result<(), Message> {
    print_to(&mut io::stdout(), result)
}

/// Writes bytes on standard output: a result that is no text, or a part of it.
///
/// # Errors
/// Those of [`print`](print()).
pub fn print_bytes(bytes: &[u8]) -> Result<(), Message> {
    write_to(&mut io::stdout(), bytes)
}

fn print_to(out: &mut impl Write, result: impl Display) -> Result<(), Message> {
    write_to(out, format!("{result}\n").as_bytes())
}

fn write_to(out: &mut impl Write, bytes: &[u8]) -> Result<(), Message> {
    let written = out.write_all(bytes);
    // An error that is found only while the program ends would be lost.
    written.and_then(|()| out.flush()).map_err(unwritten)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unwritten(error: io::Error) -> Message {
    Message::machine(format!(
        "cannot write to standard output: {error}; the result is lost, write it to a file or a \
         program that reads all of it"
    ))
}

/// Writes a line on standard error, or drops it if it cannot be written.
pub fn note(line: fmt::Arguments<'_>) {
    // In one piece, so that the lines of two threads do not mix.
    let _ = Log.write_all(format!("{line}\n").as_bytes());
}

/// Formats a line and writes it on standard error with [`note`](note()), which drops a line that
/// cannot be written.
#[macro_export]
macro_rules! note {
    ($($argument:tt)*) => {
        $crate::note(::core::format_args!($($argument)*))
    };
}

/// Standard error as a writer that never fails: what cannot be written is dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // There is no other place to report to.
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

/// The arguments of the command line. `Err` has the exit code of a program that ends here: a help
/// text was asked for, or the command line is wrong.
///
/// # Errors
/// See [`usage_code`].
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    parse_from(env::args_os()).map_err(|usage| usage_code(&usage))
}

/// The arguments of a command line, of which the first is the name of the program. An environment
/// variable that is set and empty counts as not set.
///
/// # Errors
/// A help text was asked for, or the command line or a variable is wrong: see [`usage_code`].
pub fn parse_from<A: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<A, clap::Error> {
    let mut matches = without_empty_variables(A::command()).try_get_matches_from(arguments)?;
    A::from_arg_matches_mut(&mut matches)
}

fn without_empty_variables(command: Command) -> Command {
    command.mut_args(|argument| match has_empty_variable(&argument) {
        true => argument.env(Resettable::Reset),
        false => argument,
    })
}

fn has_empty_variable(argument: &Arg) -> bool {
    argument.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty())
}

/// Prints a help text or what is wrong with a command line. Returns 0 after a help text, 1 if it
/// could not be printed, and 2 for a wrong command line.
#[must_use]
pub fn usage_code(usage: &clap::Error) -> ExitCode {
    let printed = usage.print().and_then(|()| io::stdout().flush());
    match printed {
        _ if usage.use_stderr() => ExitCode::from(2),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note!("error: {}", unwritten(error));
            ExitCode::from(1)
        }
    }
}

/// Lets a write beyond the limit of file sizes (`ulimit -f`) fail like one on a full disk. Without
/// it, the signal ends the program. To be called first in `main`.
pub fn ignore_file_size_signal() {
    // A handler, because ignoring a signal takes `unsafe`. The flag has no reader.
    // Where the signal cannot be handled, it ends the program as before.
    let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// The exit code of a program that a signal ends is 128 more than its number.
const SIGNALED: i32 = 128;

/// A flag that Ctrl-C sets: the command ends after its step. Ctrl-C ends the program at once while
/// the flag is set, so that a second one is always obeyed.
///
/// # Errors
/// When the system does not let the signal be handled.
pub fn stop_on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    // This order matters: the first Ctrl-C must find the flag not set.
    flag::register_conditional_shutdown(SIGINT, SIGNALED + SIGINT, Arc::clone(&stop))?;
    flag::register(SIGINT, Arc::clone(&stop))?;
    Ok(stop)
}

/// Prints nothing of a panic that is caught and becomes the error of an image. Others are printed
/// as before. To be called first in `main`: the hook of panics is the program's, never a library's.
pub fn ignore_decoder_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !image::is_decoding() {
            usual(panic);
        }
    }));
}

/// Whether the program was started so that it survives its terminal, as `nohup` does.
#[must_use]
pub fn is_hangup_ignored() -> bool {
    // From the system, because asking for the handler of a signal takes `unsafe`. Where it does not
    // say, the signal counts as not ignored.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use models::fault::{Blame, Fault};

    /// Takes every byte and fails when it is flushed.
    struct Unflushed;

    impl Write for Unflushed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::Error::other("disk full"))
        }
    }

    #[test]
    fn a_result_that_is_not_written_is_the_fault_of_the_machine() {
        let mut short = [0; 3];
        let error = print_to(&mut &mut short[..], "answer").unwrap_err();
        assert_eq!(error.blame(), Blame::Machine);
        let error = print_to(&mut Unflushed, "answer").unwrap_err();
        assert!(error.to_string().contains("standard output: disk full"), "{error}");
    }

    #[test]
    fn a_result_ends_with_a_line_break() {
        let mut out = Vec::new();
        print_to(&mut out, format_args!("{} {}", 1, 2)).unwrap();
        assert_eq!(out, b"1 2\n");
    }
}

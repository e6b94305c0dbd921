//! Who is at fault for an error, the input or the machine, and the resulting exit code.
//!
//! Every error that a program ends with implements [`Fault`], and [`exit_code`] is its exit code.
//! An error that is only the source of another needs no answer: the outer one has it.

use std::error::Error;
use std::fmt;
use std::io;

/// The side that has to change something before a retry can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// A file, an option or a request cannot be used: exit code 2.
    Input,
    /// The disk, an engine or the operating system failed: exit code 1.
    Machine,
}

/// An error that knows who is at fault.
pub trait Fault: Error + Send + Sync {
    /// Whether the input or the machine is at fault.
    fn blame(&self) -> Blame;
}

/// Any error of a program. `?` makes one of every error that implements [`Fault`].
pub type AnyFault = Box<dyn Fault>;

// The standard library has the same conversion for `Box<dyn Error>`.
impl<E: Fault + 'static> From<E> for AnyFault {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// The exit code of a program that ends with this error: 2 for bad input, 1 for everything else.
#[must_use]
pub fn exit_code(fault: &dyn Fault) -> u8 {
    match fault.blame() {
        Blame::Input => 2,
        Blame::Machine => 1,
    }
}

impl Fault for io::Error {
    fn blame(&self) -> Blame {
        Blame::Machine
    }
}

/// An error that is only a text: what is wrong, what was expected, what to do.
#[derive(Debug)]
pub struct Message {
    blame: Blame,
    text: String,
}

impl Message {
    /// The input is at fault.
    pub fn input(text: impl fmt::Display) -> Self {
        Self { blame: Blame::Input, text: text.to_string() }
    }

    /// The machine is at fault.
    pub fn machine(text: impl fmt::Display) -> Self {
        Self { blame: Blame::Machine, text: text.to_string() }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Message {}

impl Fault for Message {
    fn blame(&self) -> Blame {
        self.blame
    }
}

/// The same error with its subject in front of the text, such as a file or an option.
pub fn about(subject: impl fmt::Display, fault: impl Into<AnyFault>) -> AnyFault {
    let fault = fault.into();
    Message { blame: fault.blame(), text: format!("{subject}: {fault}") }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Result<(), AnyFault> {
        Err(Message::machine("the disk failed"))?
    }

    #[test]
    fn exit_code_follows_the_blame() {
        assert_eq!(exit_code(&Message::input("no such file")), 2);
        assert_eq!(exit_code(&*read().unwrap_err()), 1);
    }

    #[test]
    fn subject_keeps_the_blame() {
        let fault = about("a.png", read().unwrap_err());
        assert_eq!(fault.to_string(), "a.png: the disk failed");
        assert_eq!(fault.blame(), Blame::Machine);
    }
}

//! How many threads an engine may have.

use std::num::NonZero;
use std::str::FromStr;
use std::thread;

use serde::Deserialize;

/// A number of threads, 1 to [`Threads::most`].
///
/// # Examples
/// ```
/// use edge::device::Threads;
///
/// assert_eq!("1".parse::<Threads>()?.get(), 1);
/// let error = Threads::try_from(999_999).unwrap_err().to_string();
/// assert!(error.starts_with("the number of threads must be 1 to "));
/// assert!(error.ends_with(", the cores of this machine, got 999999"));
/// # Ok::<(), edge::device::ThreadsError>(())
/// ```
// A settings file takes the numbers of the command line, with the same error for one out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub struct Threads(usize);

impl Threads {
    /// The most: the cores that this process may use. More threads than cores take memory and make
    /// nothing faster.
    #[must_use]
    pub fn most() -> usize {
        thread::available_parallelism().map_or(1, NonZero::get)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<usize> for Threads {
    type Error = ThreadsError;

    fn try_from(number: usize) -> Result<Self, ThreadsError> {
        match (1..=Self::most()).contains(&number) {
            true => Ok(Self(number)),
            false => Err(ThreadsError(number.to_string())),
        }
    }
}

impl FromStr for Threads {
    type Err = ThreadsError;

    fn from_str(text: &str) -> Result<Self, ThreadsError> {
        let number: usize = text.parse().map_err(|_| ThreadsError(text.to_owned()))?;
        number.try_into()
    }
}

/// A value that is no number of threads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the number of threads must be 1 to {most}, the cores of this machine, got {0}",
    most = Threads::most()
)]
pub struct ThreadsError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_the_range_are_read() {
        let most = Threads::most();
        for (number, read) in [(1, Some(1)), (most, Some(most)), (0, None), (most + 1, None)] {
            assert_eq!(Threads::try_from(number).ok().map(Threads::get), read, "{number}");
        }
        for text in ["", "-1", "two", "99999999999999999999999"] {
            let error = text.parse::<Threads>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {text}")), "{error}");
        }
    }
}

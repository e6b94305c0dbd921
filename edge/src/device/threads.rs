//! How many threads an engine may have.

use std::str::FromStr;

use serde::Deserialize;

/// A number of threads, 1 to [`Threads::MAX`].
///
/// # Examples
/// ```
/// use edge::device::Threads;
///
/// assert_eq!("4".parse::<Threads>()?.get(), 4);
/// let error = Threads::try_from(999_999).unwrap_err();
/// assert_eq!(error.to_string(), "the number of threads must be 1 to 1024, got 999999");
/// # Ok::<(), edge::device::ThreadsError>(())
/// ```
// A settings file takes the numbers of the command line, with the same error for one out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub struct Threads(usize);

impl Threads {
    /// The most: an engine starts all its threads at once, and each takes memory.
    pub const MAX: usize = 1024;

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<usize> for Threads {
    type Error = ThreadsError;

    fn try_from(number: usize) -> Result<Self, ThreadsError> {
        match number {
            1..=Self::MAX => Ok(Self(number)),
            _ => Err(ThreadsError(number.to_string())),
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
#[error("the number of threads must be 1 to {max}, got {0}", max = Threads::MAX)]
pub struct ThreadsError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_the_range_are_read() {
        for (text, read) in [("1", Some(1)), ("1024", Some(1024)), ("0", None), ("1025", None)] {
            assert_eq!(text.parse().ok().map(Threads::get), read, "{text}");
        }
        for text in ["", "-1", "two", "99999999999999999999999"] {
            let error = text.parse::<Threads>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {text}")), "{error}");
        }
    }
}

//! The identifiers of classes and examples.

use std::fmt;
use std::str::FromStr;

/// The stable identifier of a class, written `@7`: the revision that created the class.
///
/// A label cannot have this form, so text that may be an id or a label is unambiguous.
///
/// # Examples
/// ```
/// use edge::gallery::ClassId;
///
/// let id: ClassId = "@7".parse()?;
/// assert_eq!(id.to_string(), "@7");
/// assert!("7".parse::<ClassId>().is_err());
/// # Ok::<(), edge::gallery::NotAnId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassId(pub(in crate::gallery) u64);

impl ClassId {
    /// A number that no other class has.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("@{}", self.0))
    }
}

impl FromStr for ClassId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let number = text.strip_prefix('@').and_then(number);
        number.map(Self).ok_or_else(|| NotAnId(text.to_owned()))
    }
}

/// Text that is not the id of a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class id: expected `@` and a number")]
pub struct NotAnId(String);

/// The stable identifier of an example, written `@9.0`: the revision that enrolled it, and its
/// position in that call.
///
/// # Examples
/// ```
/// use edge::gallery::ExampleId;
///
/// let id: ExampleId = "@9.0".parse()?;
/// assert_eq!(id.to_string(), "@9.0");
/// assert!("@9".parse::<ExampleId>().is_err());
/// # Ok::<(), edge::gallery::NotAnExampleId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExampleId {
    pub(in crate::gallery) revision: u64,
    pub(in crate::gallery) index: u32,
}

impl ExampleId {
    /// A number that no other example has, as long as no call enrolls 2^32 of them.
    pub(crate) fn number(self) -> u64 {
        (self.revision << 32) | u64::from(self.index)
    }
}

impl fmt::Display for ExampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("@{}.{}", self.revision, self.index))
    }
}

impl FromStr for ExampleId {
    type Err = NotAnExampleId;

    fn from_str(text: &str) -> Result<Self, NotAnExampleId> {
        parse_example(text).ok_or_else(|| NotAnExampleId(text.to_owned()))
    }
}

fn parse_example(text: &str) -> Option<ExampleId> {
    let (revision, index) = text.strip_prefix('@')?.split_once('.')?;
    let id = ExampleId { revision: number(revision)?, index: number(index)? };
    // One id has one spelling: no zeros in front.
    (id.to_string() == text).then_some(id)
}

/// Text that is not the id of an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an example id: expected `@`, a number, a dot and a number, such as `@9.0`")]
pub struct NotAnExampleId(String);

fn number<T: FromStr>(digits: &str) -> Option<T> {
    // Rust parses numbers with a leading `+` too; `@+7` is not an id.
    if digits.starts_with('+') { None } else { digits.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_examples_are_read_as_they_are_written() {
        let id = ExampleId { revision: u64::MAX, index: u32::MAX };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "@", "9.0", "@9", "@9.", "@.0", "@+9.0", "@9.+0", "@9.-1", "@9.0.0"] {
            let error = wrong.parse::<ExampleId>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{wrong}`")), "{error}");
        }
    }
}

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

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("@{}", self.0))
    }
}

impl FromStr for ClassId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // Numbers are parsed with a leading `+` too; `@+7` is not an id.
        let digits = text.strip_prefix('@').filter(|digits| !digits.starts_with('+'));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| NotAnId(text.to_owned()))
    }
}

/// Text that is not the id of a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class id: expected `@` and a number")]
pub struct NotAnId(String);

/// The stable identifier of an example, written `@9.0`: the revision that enrolled it, and its
/// position in that call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExampleId {
    pub(in crate::gallery) revision: u64,
    pub(in crate::gallery) index: u32,
}

impl fmt::Display for ExampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("@{}.{}", self.revision, self.index))
    }
}

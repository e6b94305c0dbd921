//! What the holder of a key may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the holder of a key may do. Each role may do what those before it may.
///
/// # Examples
/// ```
/// use access::Role;
///
/// assert!(Role::Read < Role::Enroll && Role::Enroll < Role::Admin);
/// assert_eq!("enroll".parse(), Ok(Role::Enroll));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Classify images and read galleries.
    Read,
    /// Change classes and examples too.
    Enroll,
    /// Everything: galleries, settings, purges and what is private too.
    Admin,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; expected read, enroll or admin")]
pub struct UnknownRole(String);

impl Role {
    const ALL: [Self; 3] = [Self::Read, Self::Enroll, Self::Admin];

    /// The word for it in options, files and answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Enroll => "enroll",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.word() == word);
        found.ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_the_same_as_text_and_in_json() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{role}\""));
        }
        let error = "Admin".parse::<Role>().unwrap_err().to_string();
        assert_eq!(error, "`Admin` is no role; expected read, enroll or admin");
    }
}

//! The identifiers of classes, examples, changes, galleries and devices.
//!
//! All of them are UUIDs (RFC 9562), so two devices never give the same one. Their text has a
//! letter for the kind and 32 hexadecimal digits. People may type the letter and at least 6 of the
//! 16 digits of the random half: `c_8f3a21`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Digits of the whole id, and of its random half.
const DIGITS: usize = 32;
const RANDOM_DIGITS: usize = 16;
/// The fewest digits of the random half that name something.
const SHORT_DIGITS: usize = 6;

/// Text that is not the id of a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id: expected `{prefix}` and 32 hexadecimal digits")]
pub struct NotAnId {
    prefix: &'static str,
    text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub(in crate::gallery) Uuid);

        impl $name {
            /// What the text of such an id begins with.
            pub const PREFIX: &str = $prefix;

            /// The form for people: the first 6 digits of the random half.
            #[must_use]
            pub fn short(self) -> String {
                format!("{}{}", $prefix, &random_half(self.0)[..SHORT_DIGITS])
            }

            /// Whether `text` is this id, whole or at least 6 digits of its random half.
            #[must_use]
            pub fn is_meant_by(self, text: &str) -> bool {
                digits($prefix, text).is_some_and(|digits| match digits.len() {
                    DIGITS => digits == self.0.simple().to_string(),
                    _ => random_half(self.0).starts_with(digits),
                })
            }

            /// Whether `text` has the form of such an id, whole or at least 6 digits of its random
            /// half.
            #[must_use]
            pub fn is_form_of(text: &str) -> bool {
                digits($prefix, text).is_some()
            }

            /// When it was made: milliseconds since 1970 (UTC), by the clock of its device.
            #[must_use]
            pub fn made_at_ms(self) -> u64 {
                self.0.as_u64_pair().0 >> 16
            }

            /// A number that hardly any other id has: the random half.
            #[must_use]
            pub fn number(self) -> u64 {
                self.0.as_u64_pair().1
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("{}{}", $prefix, self.0.simple()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                whole($prefix, text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }
    };
}

id! {
    /// The stable identifier of a class, written `c_` and 32 hexadecimal digits.
    ///
    /// A label cannot have this form, so text that may be an id or a label is unambiguous.
    ///
    /// # Examples
    /// ```
    /// use edge::gallery::ClassId;
    ///
    /// let id: ClassId = "c_0193b7a2c4d87000812ab34cd56ef789".parse()?;
    /// assert_eq!(id.short(), "c_812ab3");
    /// assert!(id.is_meant_by("c_812ab34c"));
    /// assert!("c_812ab3".parse::<ClassId>().is_err());
    /// # Ok::<(), edge::gallery::NotAnId>(())
    /// ```
    ClassId, "c_"
}

id! {
    /// The stable identifier of an example, written `e_` and 32 hexadecimal digits.
    ExampleId, "e_"
}

id! {
    /// The identifier of the changes that one call made, written `ch_` and 32 hexadecimal digits.
    /// They are undone together.
    GroupId, "ch_"
}

id! {
    /// The identifier of one change in a journal, written `j_` and 32 hexadecimal digits.
    ChangeId, "j_"
}

id! {
    /// The stable identifier of a gallery, written `g_` and 32 hexadecimal digits.
    GalleryId, "g_"
}

id! {
    /// The identifier of a store, made once at random; written `d_` and 32 hexadecimal digits.
    DeviceId, "d_"
}

/// The digits of a whole or short id.
fn digits<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let digits = text.strip_prefix(prefix)?;
    let is_id = digits.len() == DIGITS || (SHORT_DIGITS..=RANDOM_DIGITS).contains(&digits.len());
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (is_id && digits.bytes().all(is_lower_hex)).then_some(digits)
}

fn whole(prefix: &'static str, text: &str) -> Result<Uuid, NotAnId> {
    let digits = digits(prefix, text).filter(|digits| digits.len() == DIGITS);
    let uuid = digits.and_then(|digits| Uuid::try_parse(digits).ok());
    // A hostile text may be long; the answer need not be.
    uuid.ok_or_else(|| NotAnId { prefix, text: text.chars().take(64).collect() })
}

fn random_half(uuid: Uuid) -> String {
    format!("{:016x}", uuid.as_u64_pair().1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "e_0193b7a2c4d87000812ab34cd56ef789";

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id: ExampleId = TEXT.parse().unwrap();
        assert_eq!((id.to_string().as_str(), id.short().as_str()), (TEXT, "e_812ab3"));
        let upper = TEXT.replace('a', "A");
        for wrong in ["", "e_", "e_812ab3", &TEXT[1..], &TEXT[..33], &upper, "c_812ab3"] {
            let error = wrong.parse::<ExampleId>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{wrong}`")), "{error}");
        }
    }

    #[test]
    fn six_digits_of_the_random_half_name_an_id() {
        let id: ExampleId = TEXT.parse().unwrap();
        for right in ["e_812ab3", "e_812ab34c", "e_812ab34cd56ef789", TEXT] {
            assert!(id.is_meant_by(right), "{right}");
        }
        for wrong in ["e_812ab", "e_812ab4", "c_812ab3", "812ab3", "e_0193b7", "e_"] {
            assert!(!id.is_meant_by(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_ids_have_the_form_of_one() {
        for id in [TEXT, "e_abcdef", "e_0123456789abcdef"] {
            assert!(ExampleId::is_form_of(id) && !ClassId::is_form_of(id), "{id}");
        }
        for label in ["c_abc", "c_cement", "c_", "@7", "c_0123456789abcdef0", "x_abcdef"] {
            assert!(!ClassId::is_form_of(label), "{label}");
        }
    }
}

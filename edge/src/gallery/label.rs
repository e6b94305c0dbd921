//! What people may call a class.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthStr;

use super::id::ClassId;

/// Most characters in a label.
const LONGEST: usize = 128;

/// A class's name: Unicode NFC, trimmed, 1 to 128 characters of which one can be seen, without `/`,
/// control characters and invisible direction overrides, and neither `.`, `..` nor an id such as
/// `@7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

impl Label {
    /// Checks and normalizes `text`.
    ///
    /// # Errors
    /// [`LabelError`] with the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        // Bounded before any work: a hostile name may be megabytes. NFC never makes a text more
        // than three times shorter, so no name that would fit is refused here.
        if text.chars().nth(4 * LONGEST).is_some() {
            return Err(LabelError::TooLong);
        }
        let label: String = text.trim().nfc().collect();
        check(&label)?;
        Ok(Self(label))
    }

    /// The label's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(label: &str) -> Result<(), LabelError> {
    if label.is_empty() {
        return Err(LabelError::Empty);
    }
    if label.chars().nth(LONGEST).is_some() {
        return Err(LabelError::TooLong);
    }
    if let Some(bad) = label.chars().find(|&c| is_forbidden(c)) {
        return Err(LabelError::Forbidden(bad));
    }
    if label.width() == 0 {
        return Err(LabelError::Invisible);
    }
    if matches!(label, "." | "..") || label.parse::<ClassId>().is_ok() {
        return Err(LabelError::Reserved(label.to_owned()));
    }
    Ok(())
}

/// Plain right-to-left text and emoji joiners are fine; characters that override or isolate the
/// direction of the text around them can make one name look like another.
fn is_forbidden(c: char) -> bool {
    let direction = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let line_break = matches!(c, '\u{2028}' | '\u{2029}');
    c == '/' || c.is_control() || direction || line_break
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::parse(text)
    }
}

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The rule that a class name breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Nothing is left after trimming.
    #[error("a class name must have at least one character")]
    Empty,
    /// More than 128 characters.
    #[error("a class name has at most {LONGEST} characters")]
    TooLong,
    /// A character that no name may have.
    #[error("a class name may not contain `{}`", .0.escape_default())]
    Forbidden(char),
    /// Nothing that one could see or point at.
    #[error("a class name must have at least one visible character")]
    Invisible,
    /// A name that means something else in a path.
    #[error("`{0}` cannot be a class name: it is reserved")]
    Reserved(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn labels_are_normalized_and_trimmed() {
        assert_eq!(Label::parse("  mug\t").unwrap().as_str(), "mug");
        assert_eq!(Label::parse("cafe\u{301}").unwrap().as_str(), "caf\u{e9}");
    }

    #[test]
    fn emoji_and_right_to_left_text_are_names() {
        for name in ["👩\u{200D}🚀 astronaut", "كوب", "כוס", "杯子", "a.b", "@home", "..."]
        {
            assert_eq!(Label::parse(name).unwrap().as_str(), name);
        }
        assert!(Label::parse(&"x".repeat(LONGEST)).is_ok());
        // Decomposed it is twice as long as allowed; it is counted as people see it.
        assert!(Label::parse(&"e\u{301}".repeat(LONGEST)).is_ok());
    }

    #[test]
    fn each_rule_has_its_own_refusal() {
        let too_long = "x".repeat(10_000);
        let cases = [
            ("", LabelError::Empty),
            (" \n ", LabelError::Empty),
            (too_long.as_str(), LabelError::TooLong),
            ("a/b", LabelError::Forbidden('/')),
            ("a\0b", LabelError::Forbidden('\0')),
            ("a\u{1b}[31mb", LabelError::Forbidden('\u{1b}')),
            ("a\u{202e}b", LabelError::Forbidden('\u{202e}')),
            ("a\u{2067}b", LabelError::Forbidden('\u{2067}')),
            ("\u{200B}\u{200D}", LabelError::Invisible),
            ("\u{3164}", LabelError::Invisible),
            (".", LabelError::Reserved(".".to_owned())),
            ("..", LabelError::Reserved("..".to_owned())),
            ("@12", LabelError::Reserved("@12".to_owned())),
        ];
        for (name, expected) in cases {
            assert_eq!(Label::parse(name), Err(expected), "{name:.20?}");
        }
    }
}

//! The names of classes, and the rules for them.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthStr;

use super::id::ClassId;

/// The most characters of a label.
const LONGEST: usize = 128;

/// The name of a class, in Unicode normalization form C (NFC) and without spaces around it.
///
/// A label has 1 to 128 characters, of which at least one is visible. It does not contain `/`,
/// control characters, line breaks or characters that change the direction of text. It is not `.`,
/// `..` or the form of an id such as `@7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

impl Label {
    /// Checks and normalizes `text`.
    ///
    /// # Errors
    /// [`LabelError`] with the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let text = text.trim();
        // Before NFC, since a hostile name may have megabytes. NFC composes at most four characters
        // to one (U+1F82), so this bound refuses no name that is short enough after it.
        if text.chars().nth(4 * LONGEST).is_some() {
            return Err(LabelError::TooLong);
        }
        let label: String = text.nfc().collect();
        check(&label)?;
        Ok(Self(label))
    }

    /// The text of the label.
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
    // A class of zero-width spaces and joiners could not be seen or selected.
    if label.width() == 0 {
        return Err(LabelError::Invisible);
    }
    // A label is a part of a path in the service, where `.` and `..` are resolved away.
    if matches!(label, "." | "..") || label.parse::<ClassId>().is_ok() {
        return Err(LabelError::Reserved(label.to_owned()));
    }
    Ok(())
}

/// Right-to-left scripts and joined emoji are allowed. What is forbidden are the characters that
/// override or isolate the direction of text: with them one name can look like another.
fn is_forbidden(c: char) -> bool {
    // `/` would end the part of a path that a label is.
    // The explicit bidirectional controls of Unicode Standard Annex 9.
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

/// The rule that a text breaks, so that it cannot be a class name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Nothing is left after trimming.
    #[error("a class name must have at least one character")]
    Empty,
    /// More than 128 characters.
    #[error("a class name has at most {LONGEST} characters")]
    TooLong,
    /// A character that no class name may contain.
    #[error("a class name may not contain `{}`", .0.escape_default())]
    Forbidden(char),
    /// No character is visible.
    #[error("a class name must have at least one visible character")]
    Invisible,
    /// `.`, `..` or the form of an id.
    #[error("`{0}` cannot be a class name: `.`, `..` and `@` with a number are reserved")]
    Reserved(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn labels_are_normalized_and_trimmed() {
        assert_eq!(Label::parse("  mug\t").unwrap().as_str(), "mug");
        let spaces = " ".repeat(10_000);
        assert_eq!(Label::parse(&format!("{spaces}mug{spaces}")).unwrap().as_str(), "mug");
        assert_eq!(Label::parse("cafe\u{301}").unwrap().as_str(), "caf\u{e9}");
    }

    #[test]
    fn emoji_and_right_to_left_text_are_names() {
        for name in ["👩\u{200D}🚀 astronaut", "كوب", "כוס", "杯子", "a.b", "@home", "..."]
        {
            assert_eq!(Label::parse(name).unwrap().as_str(), name);
        }
        assert!(Label::parse(&"x".repeat(LONGEST)).is_ok());
        // Decomposed they are longer than allowed; characters are counted as people see them.
        assert!(Label::parse(&"e\u{301}".repeat(LONGEST)).is_ok());
        assert!(Label::parse(&"\u{3B1}\u{313}\u{300}\u{345}".repeat(LONGEST)).is_ok());
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

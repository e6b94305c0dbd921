//! The names of classes, and the rules for them.

use std::fmt;
use std::str::FromStr;

use models::label::is_invisible;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthStr;

use super::id::{ClassId, ExampleId, GalleryId};

/// The most characters of a label.
pub const MAX_LABEL_CHARS: usize = 128;

/// The most accents and other marks on one letter. Writing systems need three, and a tower of marks
/// would paint over what stands above it.
const MOST_MARKS: usize = 4;

/// Joins several emoji to one.
const JOINER: char = '\u{200D}';

/// A sign of Braille without dots, which looks like a space.
const EMPTY_BRAILLE: char = '\u{2800}';

/// Asks for the colored form of an emoji.
const EMOJI_FORM: char = '\u{FE0F}';

/// The name of a class, in Unicode normalization form C (NFC), without spaces around it and without
/// invisible characters, except for those that make an emoji what it is.
///
/// A label has 1 to 128 characters, of which at least one is visible. It does not contain `/`,
/// control characters, line breaks or characters that change the direction of text. It is not `.`,
/// `..` or the form of an id such as `c_8f3a21`.
///
/// # Examples
/// ```
/// use edge::gallery::Label;
///
/// let label = Label::parse(" Coffee\u{200B} Mug ")?;
/// assert_eq!(label.as_str(), "Coffee Mug");
/// assert_eq!(label.folded(), Label::parse("coffee  mug")?.folded());
/// # Ok::<(), edge::gallery::LabelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
        if text.chars().nth(4 * MAX_LABEL_CHARS).is_some() {
            return Err(LabelError::TooLong);
        }
        // Composed after that: an invisible character may stand between a letter and its accent.
        let visible: String = without_invisible(text).nfc().collect();
        if visible.is_empty() && !text.is_empty() {
            return Err(LabelError::Invisible);
        }
        let label = with_few_marks(visible.trim());
        check(&label)?;
        Ok(Self(label))
    }

    /// A label as a journal holds it. One that another version took stays as it is, so that the
    /// journal can be read and the class renamed.
    ///
    /// # Errors
    /// [`LabelError`] if no version took it.
    pub(super) fn stored(text: &str) -> Result<Self, LabelError> {
        match Self::parse(text) {
            Err(LabelError::Invisible | LabelError::Reserved(_)) => Ok(Self(text.to_owned())),
            parsed => parsed,
        }
    }

    /// The form in which labels are compared: two labels with the same one name the same class. It
    /// is in NFKC, without case, with single spaces.
    #[must_use]
    pub fn folded(&self) -> String {
        models::label::folded(&self.0)
    }

    /// The text of the label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text without invisible characters.
fn without_invisible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let after = text[at + c.len_utf8()..].chars().next().unwrap_or(' ');
        if !is_invisible(c) || is_of_emoji(before, c, after) {
            visible.push(c);
        }
        before = c;
    }
    visible
}

/// The text with at most [`MOST_MARKS`] marks on a letter.
fn with_few_marks(text: &str) -> String {
    let mut marks = 0;
    let mut few = text.to_owned();
    few.retain(|c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        marks <= MOST_MARKS
    });
    few
}

/// Whether an invisible character belongs to the emoji that it stands beside.
fn is_of_emoji(before: char, c: char, after: char) -> bool {
    match c {
        JOINER => is_pictogram(before) && is_pictogram(after),
        EMOJI_FORM => is_pictogram(before),
        _ => false,
    }
}

/// Signs that can begin an emoji, and what modifies one: blocks of symbols in Unicode, and keycaps.
fn is_pictogram(c: char) -> bool {
    matches!(c, '\u{203C}'..='\u{3299}' | '\u{1F000}'..='\u{1FAFF}' | '\u{A9}' | '\u{AE}')
        || matches!(c, '0'..='9' | '#' | '*' | EMOJI_FORM)
}

fn check(label: &str) -> Result<(), LabelError> {
    if label.is_empty() {
        return Err(LabelError::Empty);
    }
    if label.chars().nth(MAX_LABEL_CHARS).is_some() {
        return Err(LabelError::TooLong);
    }
    if let Some(bad) = label.chars().find(|&c| is_forbidden(c)) {
        return Err(LabelError::Forbidden(bad));
    }
    // A class of zero-width spaces and joiners could not be seen or selected.
    if label.width() == 0 || label.chars().all(|c| c == EMPTY_BRAILLE) {
        return Err(LabelError::Invisible);
    }
    // A label is a part of a path in the service, where `.` and `..` are resolved away.
    let is_id =
        ClassId::is_form_of(label) || ExampleId::is_form_of(label) || GalleryId::is_form_of(label);
    if is_id || matches!(label, "." | "..") {
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

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::stored(&text).map_err(D::Error::custom)
    }
}

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The rule that a text breaks, so that it cannot be the name of a class or a gallery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Nothing is left after trimming.
    #[error("a name must have at least one character")]
    Empty,
    /// More than 128 characters.
    #[error("a name has at most {MAX_LABEL_CHARS} characters")]
    TooLong,
    /// A character that no name may contain.
    #[error("a name may not contain `{}`", .0.escape_default())]
    Forbidden(char),
    /// No character is visible.
    #[error("a name must have at least one visible character")]
    Invisible,
    /// `.`, `..` or the form of an id.
    #[error(
        "`{0}` cannot be a name: `.`, `..` and ids (`c_`, `e_` or `g_` and 6 or more hexadecimal \
         digits) are reserved"
    )]
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
    fn invisible_characters_are_left_out() {
        for invisible in [
            "mu\u{200B}g",
            "\u{FEFF}mug",
            "mug\u{200F}",
            "m\u{AD}ug",
            "mug\u{E0041}",
            "mu\u{200D}g",
        ] {
            assert_eq!(Label::parse(invisible).unwrap().as_str(), "mug", "{invisible:?}");
        }
        for emoji in ["👩\u{200D}🚀", "❤\u{FE0F}", "1\u{FE0F}\u{20E3}", "❤\u{FE0F}\u{200D}🔥"]
        {
            assert_eq!(Label::parse(emoji).unwrap().as_str(), emoji);
        }
    }

    #[test]
    fn a_tower_of_accents_is_cut() {
        let hidden = format!("x{}", "\u{33F}\u{33F}\u{200B}".repeat(20));
        assert_eq!(Label::parse(&hidden).unwrap().as_str(), "x\u{33F}\u{33F}\u{33F}\u{33F}");
        let apart = Label::parse("e\u{200B}\u{301}").unwrap();
        assert_eq!(apart.as_str(), "\u{e9}", "composed");
        let tower = format!("x{} y", "\u{33F}".repeat(40));
        assert_eq!(Label::parse(&tower).unwrap().as_str(), "x\u{33F}\u{33F}\u{33F}\u{33F} y");
        // A letter of Vietnamese, of Hebrew with a vowel and an accent.
        for letter in ["ệ", "בְּ֑"] {
            let composed: String = letter.nfc().collect();
            assert_eq!(Label::parse(letter).unwrap().as_str(), composed);
        }
    }

    #[test]
    fn labels_are_compared_without_case_width_and_extra_spaces() {
        for (one, other) in [
            ("Coffee Mug", "coffee  mug"),
            ("STRASSE", "Straße"),
            ("ｍｕｇ", "mug"),
            ("ΟΔΟΣ", "οδος"),
            ("ﬁle", "FILE"),
            ("É", "e\u{301}"),
            ("❤\u{FE0F}", "❤"),
        ] {
            let folded = |text| Label::parse(text).unwrap().folded();
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(Label::parse("mug 1").unwrap().folded(), Label::parse("mug1").unwrap().folded());
    }

    #[test]
    fn emoji_and_right_to_left_text_are_names() {
        for name in ["👩\u{200D}🚀 astronaut", "كوب", "כוס", "杯子", "a.b", "@home", "..."]
        {
            assert_eq!(Label::parse(name).unwrap().as_str(), name);
        }
        assert!(Label::parse(&"x".repeat(MAX_LABEL_CHARS)).is_ok());
        // Decomposed they are longer than allowed; characters are counted as people see them.
        assert!(Label::parse(&"e\u{301}".repeat(MAX_LABEL_CHARS)).is_ok());
        assert!(Label::parse(&"\u{3B1}\u{313}\u{300}\u{345}".repeat(MAX_LABEL_CHARS)).is_ok());
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
            ("c_8f3a21", LabelError::Reserved("c_8f3a21".to_owned())),
        ];
        for (name, expected) in cases {
            assert_eq!(Label::parse(name), Err(expected), "{name:.20?}");
        }
    }
}

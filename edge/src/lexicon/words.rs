//! The words of a label, as people name folders: `Red-Bell-Pepper`, `golden_delicious`, `mugBlue2`.

use models::label::is_invisible;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A label in the letters that WordNet has: without accents, widths and invisible characters.
pub(super) fn plain(label: &str) -> String {
    label.nfkd().filter(|&c| !is_combining_mark(c) && !is_invisible(c)).collect()
}

/// A word of a label, without the number at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether it is a code, such as `A12b`, or too short to mean anything by itself, such as `no`.
    pub(super) is_code: bool,
}

/// The fewest letters of a word that means something by itself: shorter ones are codes, symbols and
/// abbreviations more often than nouns.
const FEWEST_LETTERS: usize = 3;

/// Words after which a label says more about the thing that it has named: `cup of tea`.
const PREPOSITIONS: [&str; 8] = ["of", "with", "without", "for", "in", "on", "from", "at"];

/// Words behind a noun that say where or how the thing is: `glove left`.
const POSITIONS: [&str; 16] = [
    "left", "right", "top", "bottom", "front", "back", "rear", "side", "inside", "outside", "up",
    "down", "on", "off", "open", "closed",
];

impl Word {
    /// `None` for what is a number or no word at all.
    fn read(token: &str) -> Option<Self> {
        let text = token.trim_end_matches(|c: char| c.is_numeric());
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        let is_number = !text.chars().any(char::is_alphabetic);
        // `MAX232`, unlike `mug2`, is no word with a number.
        let is_numbered = text.len() < token.len() && token.ends_with(char::is_numeric);
        let is_code = text.chars().any(char::is_numeric)
            || is_numbered && !text.chars().any(char::is_lowercase)
            || text.chars().filter(|c| c.is_alphabetic()).count() < FEWEST_LETTERS;
        (!is_number).then(|| Self { text: text.to_owned(), is_code })
    }

    pub(super) fn is_position(&self) -> bool {
        POSITIONS.contains(&self.text.to_lowercase().as_str())
    }

    pub(super) fn is_preposition(&self) -> bool {
        PREPOSITIONS.contains(&self.text.to_lowercase().as_str())
    }
}

/// The words as they are written: `T-shirt` is one.
pub(super) fn written(label: &str) -> Vec<Word> {
    tokens(label).filter_map(Word::read).collect()
}

/// The words with those apart that are joined by a hyphen, a dot or a change of case.
pub(super) fn split(label: &str) -> Vec<Word> {
    let parts =
        tokens(label).flat_map(|token| token.split(['-', '.'])).flat_map(at_changes_of_case);
    parts.filter_map(|part| Word::read(&part)).collect()
}

/// Nouns of WordNet have letters, `-`, `'` and `.`; numbers are told apart later.
fn tokens(label: &str) -> impl Iterator<Item = &str> {
    label.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '\'' | '.')))
}

/// `mugBlue` is `mug` and `Blue`. One small letter belongs to what follows it, as in brands: `iPad`
/// is no pad, and `tShirt` is WordNet's `T-shirt`.
fn at_changes_of_case(token: &str) -> Vec<String> {
    let mut parts: Vec<String> = parts_by_case(token).into_iter().map(str::to_owned).collect();
    let mut letters = parts[0].chars();
    let is_small = letters.next().is_some_and(char::is_lowercase) && letters.next().is_none();
    if is_small && parts.len() > 1 {
        let letter = parts.remove(0);
        parts[0] = format!("{letter}-{}", parts[0]);
    }
    parts
}

/// `mugBlue` is `mug` and `Blue`; `LEDLamp` is `LED` and `Lamp`.
fn parts_by_case(token: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = token.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..letters.len() {
        let before = letters[at - 1].1;
        let (offset, here) = letters[at];
        let after = letters.get(at + 1).map(|(_, c)| *c);
        let begins_word = here.is_uppercase()
            && (before.is_lowercase()
                || before.is_uppercase() && after.is_some_and(char::is_lowercase));
        if begins_word {
            parts.push(&token[start..offset]);
            start = offset;
        }
    }
    parts.push(&token[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn words_are_joined_in_many_ways() {
        for (label, expected) in [
            ("Red-Bell-Pepper", &["Red", "Bell", "Pepper"][..]),
            ("golden_delicious", &["golden", "delicious"]),
            ("mugBlue2", &["mug", "Blue"]),
            ("LEDLamp", &["LED", "Lamp"]),
            ("iPad", &["i-Pad"]),
            ("iPhoneCase2", &["i-Phone", "Case"]),
            ("tShirt", &["t-Shirt"]),
            ("TShirt", &["T", "Shirt"]),
            ("mug 7", &["mug"]),
            ("mug-07.", &["mug"]),
            ("jack-o'-lantern", &["jack", "o", "lantern"]),
            ("Straße", &["Straße"]),
            ("003.backpack", &["backpack"]),
            ("2024", &[]),
            ("…", &[]),
        ] {
            assert_eq!(texts(&split(label)), expected, "{label}");
        }
        assert_eq!(texts(&written("T-shirt 12")), ["T-shirt"]);
    }

    #[test]
    fn codes_and_short_words_are_no_nouns() {
        for code in ["C1", "A12b", "OK", "x", "XJ-400", "MAX232", "M8", "9V"] {
            assert!(split(code).iter().all(|word| word.is_code), "{code}");
        }
        for word in ["mug", "mug2", "Cup", "LED", "Mug12"] {
            assert!(split(word).iter().all(|word| !word.is_code), "{word}");
        }
    }
}

//! Splits text into names and words, and those into their parts.

use std::ops::Range;

/// A name or a word, and its parts in lower case: `maxPictures` and `max_pictures` have two.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) parts: Vec<String>,
}

impl Token<'_> {
    pub(super) fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// All names and words of a text, those of addresses on the web left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for word in text.split_ascii_whitespace() {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        let readable = word.find("://").map_or(word, |at| &word[..at]);
        for name in readable.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if !name.is_empty() {
                let at = start + (name.as_ptr().addr() - word.as_ptr().addr());
                tokens.push(Token { text: name, at, parts: parts(name) });
            }
        }
    }
    tokens
}

/// `ImageDecoder`, `image_decoder` and `IMAGE_DECODER` are the parts "image" and "decoder".
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous = '_';
    for c in name.chars() {
        let starts = c == '_' || c.is_uppercase() && previous.is_lowercase();
        if starts {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().expect("invariant: never empty").extend(c.to_lowercase());
        }
        previous = c;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Where the words of a phrase follow each other; `#` stands for a count.
pub(super) fn phrase(phrase: &str, text: &str, tokens: &[Token]) -> Vec<Range<usize>> {
    let words: Vec<&str> = phrase.split(' ').collect();
    let windows = tokens.windows(words.len());
    let found = windows.filter(|window| {
        window.iter().zip(&words).all(|(token, word)| is_word(token, word))
            && window.windows(2).all(|pair| is_prose(&text[pair[0].range().end..pair[1].at]))
    });
    found.map(|window| window[0].at..window[words.len() - 1].range().end).collect()
}

fn is_word(token: &Token, word: &str) -> bool {
    const COUNTS: [&str; 9] = ["k", "n", "one", "two", "three", "four", "five", "few", "many"];
    let text = token.text.to_lowercase();
    match word {
        "#" => COUNTS.contains(&text.as_str()) || text.starts_with(|c: char| c.is_ascii_digit()),
        word => text == word,
    }
}

/// What may stand between two words of a phrase: a space, a comment's line end, an apostrophe.
fn is_prose(between: &str) -> bool {
    between.chars().all(|c| c.is_whitespace() || "/!*'`[#".contains(c))
}

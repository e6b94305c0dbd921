//! Retired words stand nowhere: not in sources, help, page, documents or configurations.

mod checkout;
pub(super) mod table;
mod token;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use crate::sources::lexer::{Kind, pieces};
use table::{Old, RETIRED};
use token::{Token, tokens};

/// A retired word, as `file:line` shows it and with what to write instead.
#[derive(Debug, PartialEq)]
struct Hit {
    line: usize,
    found: String,
    new: &'static str,
}

/// Retired words of one file. Its path counts as its first line does.
fn hits(path: &Path, text: &str, golden_keys: &BTreeSet<String>) -> Vec<Hit> {
    let text = without_keys(path, text, golden_keys);
    let code = code(path, &text);
    let name = path.to_string_lossy();
    let mut hits = hits_in(&name, &[]);
    hits.extend(hits_in(&text, &code));
    hits
}

fn hits_in(text: &str, code: &[Range<usize>]) -> Vec<Hit> {
    let tokens = tokens(text);
    let mut hits = Vec::new();
    for retired in RETIRED {
        for at in places(retired.old, text, &tokens, code) {
            let line = text[..at.start].matches('\n').count() + 1;
            hits.push((at.start, Hit { line, found: one_line(&text[at]), new: retired.new }));
        }
    }
    hits.sort_by_key(|(at, _)| *at);
    hits.into_iter().map(|(_, hit)| hit).collect()
}

/// A phrase that was broken into lines, within a comment or not.
fn one_line(found: &str) -> String {
    let words = found.split_whitespace().filter(|word| word.contains(char::is_alphanumeric));
    words.collect::<Vec<_>>().join(" ")
}

fn places(old: Old, text: &str, tokens: &[Token], code: &[Range<usize>]) -> Vec<Range<usize>> {
    match old {
        Old::Exactly(exact) => {
            text.match_indices(exact).map(|(at, found)| at..at + found.len()).collect()
        }
        Old::Phrase(phrase) => token::phrase(phrase, text, tokens),
        old => {
            let found = tokens.iter().filter(|token| matches(old, token, code));
            found.map(Token::range).collect()
        }
    }
}

fn matches(old: Old, token: &Token, code: &[Range<usize>]) -> bool {
    match old {
        Old::Word(word) => token.parts.iter().any(|part| is_word(part, word)),
        Old::Stem(stem) => token.parts.iter().any(|part| part.starts_with(stem)),
        Old::Ise(verb) => token.parts.iter().any(|part| is_british(part, verb)),
        Old::Name(name) => token.text == name,
        Old::Code(name) => token.text == name && code.iter().any(|range| range.contains(&token.at)),
        Old::Exactly(_) | Old::Phrase(_) => false,
    }
}

fn is_word(part: &str, word: &str) -> bool {
    part.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest == "s")
}

fn is_british(part: &str, verb: &str) -> bool {
    const ENDINGS: [&str; 7] = ["ise", "ised", "iser", "ises", "ising", "isation", "isations"];
    part.strip_prefix(verb).is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Where a file holds names and keys rather than prose.
fn code(path: &Path, text: &str) -> Vec<Range<usize>> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        // JavaScript has the comments and quotes of Rust, near enough.
        Some("rs" | "js") => kept(text, |kind| kind == Kind::Code),
        Some("json") => without_spaces(text),
        Some("toml") => without_comments(text),
        _ => Vec::new(),
    }
}

/// Texts of one word: keys of JSON, and values that are names.
fn without_spaces(text: &str) -> Vec<Range<usize>> {
    let mut literals = kept(text, |kind| kind == Kind::Literal);
    literals.retain(|range| !text[range.clone()].contains(' '));
    literals
}

/// Lines of TOML up to their comments.
fn without_comments(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let length = line.find('#').unwrap_or(line.len());
        ranges.push(start..start + length);
        start += line.len();
    }
    ranges
}

fn kept(text: &str, keep: impl Fn(Kind) -> bool) -> Vec<Range<usize>> {
    let kept = pieces(text).into_iter().filter(|(kind, _)| keep(*kind));
    kept.map(|(_, range)| range).collect()
}

/// Texts in the bytes of committed lexicons: a key, and a gloss of WordNet.
const LEXICON_TEXTS: [&str; 2] = ["rename = \"licence\"", "0000 | somebody"];

/// The text with literals that are keys of golden files, and texts of lexicons, blanked.
fn without_keys(path: &Path, text: &str, golden_keys: &BTreeSet<String>) -> String {
    let mut text = text.to_owned();
    if path.extension().is_some_and(|extension| extension == "rs") {
        for range in kept(&text, |kind| kind == Kind::Literal) {
            if golden_keys.contains(text[range.clone()].trim_matches('"')) {
                text.replace_range(range.clone(), &" ".repeat(range.len()));
            }
        }
        for frozen in LEXICON_TEXTS {
            text = text.replace(frozen, &" ".repeat(frozen.len()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a made-up file.
    fn found(name: &str, text: &str) -> Vec<String> {
        let keys = BTreeSet::from(["lift".to_owned()]);
        hits(Path::new(name), text, &keys).into_iter().map(|hit| hit.found).collect()
    }

    #[test]
    fn parts_of_names_are_found() {
        assert_eq!(found("a.rs", "struct PictureDecoder;"), ["PictureDecoder"]);
        assert_eq!(found("a.md", "Two Pictures, MAX_PICTURES"), ["Pictures", "MAX_PICTURES"]);
        assert_eq!(found("a.md", "picturesque"), [""; 0]);
    }

    #[test]
    fn names_of_code_may_stand_in_prose() {
        assert_eq!(found("a.rs", "/// Known for How it is.\nenum How { Known }"), ["How", "Known"]);
        assert_eq!(found("a.md", "How is it Known?"), [""; 0]);
        assert_eq!(found("a.toml", "# A mirror.\n[a]\nmirror = true"), ["mirror"]);
        assert_eq!(found("a.json", "{\"How\": \"How it is\"}"), ["How"]);
    }

    #[test]
    fn phrases_may_be_broken_into_lines() {
        assert_eq!(found("a.md", "a field\nwhich\nsays it"), ["which says"]);
        assert_eq!(found("a.md", "beside 5 of them"), ["beside 5"]);
        assert_eq!(found("a.md", "beside the point"), [""; 0]);
    }

    #[test]
    fn british_spelling_is_found() {
        assert_eq!(found("a.md", "Normalised colours"), ["Normalised", "colours"]);
        assert_eq!(found("a.md", "realistic optimists"), [""; 0]);
    }

    #[test]
    fn keys_of_golden_files_are_exempt() {
        assert_eq!(found("a.rs", "f(\"lift\", \"a lift\")"), ["lift"]);
    }

    #[test]
    fn the_replacement_is_named_with_its_line() {
        let hits = hits(Path::new("a.md"), "a\nthe licence", &BTreeSet::new());
        let expected = Hit { line: 2, found: "licence".to_owned(), new: "license" };
        assert_eq!(hits, [expected]);
    }
}

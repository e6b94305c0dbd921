//! The nouns of WordNet 3.0 (Fellbaum 1998), read from `index.noun` and `data.noun` (format:
//! wndb(5WN)).
//!
//! Only what the method uses is kept: lemmas, glosses, hypernyms (of kinds and of instances) and
//! part meronyms.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::str::{self, FromStr, SplitAsciiWhitespace};

use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};

/// The most bytes of a database file that are read; WordNet 3.0's noun data is 15 MB.
pub const MAX_BYTES: u64 = 256 << 20;

/// The most characters of a broken line that an error repeats.
const SHOWN: usize = 60;

/// A noun synset: its offset in WordNet 3.0's `data.noun`, shown as `n02391049`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SynsetId(pub u32);

impl fmt::Display for SynsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{:08}", self.0)
    }
}

impl From<SynsetId> for String {
    fn from(id: SynsetId) -> Self {
        id.to_string()
    }
}

impl FromStr for SynsetId {
    type Err = NotASynset;

    fn from_str(text: &str) -> Result<Self, NotASynset> {
        let digits = text.strip_prefix('n').filter(|d| d.len() == 8);
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| NotASynset(text.to_owned()))
    }
}

impl TryFrom<String> for SynsetId {
    type Error = NotASynset;

    fn try_from(text: String) -> Result<Self, NotASynset> {
        text.parse()
    }
}

/// A text that does not name a noun synset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a WordNet 3.0 noun: expected `n` and eight digits, such as n02391049")]
pub struct NotASynset(pub String);

/// A set of nouns with one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synset {
    /// Its identity in WordNet 3.0.
    pub id: SynsetId,
    /// Its words, as written in WordNet, `_` between the parts of a collocation.
    pub lemmas: Vec<String>,
    /// Its definition, often with examples.
    pub gloss: String,
    /// What it is a kind or an instance of.
    pub hypernyms: Vec<SynsetId>,
    /// What it has as parts (part meronyms).
    pub parts: Vec<SynsetId>,
}

/// Why bytes are not a usable noun database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordNetError {
    /// A line does not follow the format.
    #[error("{file} line {line}: expected {expected}, got `{got}`")]
    Line {
        /// `index.noun` or `data.noun`.
        file: &'static str,
        /// The line's number, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
        /// The line's beginning.
        got: String,
    },
    /// A file has no entries.
    #[error("{file} holds no nouns: expected that file of WordNet 3.0")]
    Empty {
        /// `index.noun` or `data.noun`.
        file: &'static str,
    },
    /// A synset is missing: the files do not belong together, or one was cut.
    #[error("{from} names the synset {id}, which data.noun does not have")]
    Unknown {
        /// The synset or the lemma that names it.
        from: String,
        /// The synset that is missing.
        id: SynsetId,
    },
}

impl Fault for WordNetError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// WordNet's nouns.
#[derive(Debug, Clone, PartialEq)]
pub struct WordNet {
    synsets: BTreeMap<SynsetId, Synset>,
    /// The senses of each lower-case lemma, the most frequent first.
    senses: HashMap<String, Vec<SynsetId>>,
}

impl WordNet {
    /// Reads the bytes of `index.noun` and `data.noun`.
    ///
    /// # Errors
    /// The first line that does not follow the format; a synset that is named but missing.
    pub fn parse(index: &[u8], data: &[u8]) -> Result<Self, WordNetError> {
        let mut synsets = BTreeMap::new();
        for line in lines(data, "data.noun") {
            let synset = line?.synset()?;
            synsets.insert(synset.id, synset);
        }
        let mut senses = HashMap::new();
        for line in lines(index, "index.noun") {
            let (lemma, ids) = line?.senses()?;
            senses.insert(lemma, ids);
        }
        for (file, is_empty) in
            [("data.noun", synsets.is_empty()), ("index.noun", senses.is_empty())]
        {
            if is_empty {
                return Err(WordNetError::Empty { file });
            }
        }
        let wordnet = Self { synsets, senses };
        wordnet.check()?;
        Ok(wordnet)
    }

    /// Every synset that another synset or a lemma names must be there: the lexicon looks them up
    /// without a check.
    fn check(&self) -> Result<(), WordNetError> {
        for synset in self.synsets.values() {
            if let Some(id) = self.missing(synset.hypernyms.iter().chain(&synset.parts)) {
                return Err(WordNetError::Unknown { from: synset.id.to_string(), id });
            }
        }
        // A hash map has no fixed order: sorted, the same files always give the same error.
        let mut lemmas: Vec<_> = self.senses.iter().collect();
        lemmas.sort_unstable();
        for (lemma, ids) in lemmas {
            if let Some(id) = self.missing(ids) {
                return Err(WordNetError::Unknown { from: format!("`{lemma}`"), id });
            }
        }
        Ok(())
    }

    fn missing<'a>(&self, ids: impl IntoIterator<Item = &'a SynsetId>) -> Option<SynsetId> {
        ids.into_iter().copied().find(|id| !self.synsets.contains_key(id))
    }

    /// The synset with this id.
    pub fn synset(&self, id: SynsetId) -> Option<&Synset> {
        self.synsets.get(&id)
    }

    /// All synsets, in the order of their ids.
    pub fn synsets(&self) -> impl Iterator<Item = &Synset> {
        self.synsets.values()
    }

    /// The senses of a noun, the most frequent first. Case does not matter, and a space counts as
    /// `_`.
    pub fn senses(&self, noun: &str) -> &[SynsetId] {
        let lemma = noun.trim().to_lowercase().replace(' ', "_");
        self.senses.get(&lemma).map_or(&[], Vec::as_slice)
    }

    /// Every lower-case lemma with its senses, in no order.
    pub fn lemmas(&self) -> impl Iterator<Item = (&str, &[SynsetId])> {
        self.senses.iter().map(|(lemma, senses)| (lemma.as_str(), senses.as_slice()))
    }

    /// Everything that a synset is a kind or an instance of, on every path, without itself.
    pub fn ancestors(&self, id: SynsetId) -> BTreeSet<SynsetId> {
        let mut found = BTreeSet::new();
        let mut ahead = vec![id];
        while let Some(next) = ahead.pop() {
            let hypernyms = self.synset(next).map_or(&[][..], |synset| &synset.hypernyms);
            // What was found before is not followed again, so a cycle ends here.
            ahead.extend(hypernyms.iter().filter(|&&hypernym| found.insert(hypernym)));
        }
        // A cycle can lead back to the synset itself.
        found.remove(&id);
        found
    }

    /// The synset's name for people, such as `apple.n.01`: its first lemma, and the number of the
    /// synset among that lemma's senses.
    pub fn name(&self, id: SynsetId) -> Option<String> {
        let lemma = self.synset(id)?.lemmas.first()?.to_lowercase();
        let sense = self.senses(&lemma).iter().position(|&sense| sense == id)?;
        Some(format!("{lemma}.n.{:02}", sense + 1))
    }
}

/// A line of a database file.
struct Line<'a> {
    file: &'static str,
    number: usize,
    text: &'a str,
}

/// The lines of a file, without the license at its head, whose lines begin with a space.
fn lines<'a>(
    bytes: &'a [u8],
    file: &'static str,
) -> impl Iterator<Item = Result<Line<'a>, WordNetError>> {
    let all = bytes.split(|&byte| byte == b'\n').enumerate();
    let entries = all.filter(|(_, line)| !line.is_empty() && !line.starts_with(b" "));
    entries.map(move |(i, line)| match str::from_utf8(line) {
        Ok(text) => Ok(Line { file, number: i + 1, text }),
        Err(_) => {
            let text = &String::from_utf8_lossy(line);
            Err(Line { file, number: i + 1, text }.wrong("UTF-8 text"))
        }
    })
}

impl Line<'_> {
    fn wrong(&self, expected: &'static str) -> WordNetError {
        let got = self.text.chars().take(SHOWN).collect();
        WordNetError::Line { file: self.file, line: self.number, expected, got }
    }

    /// `offset file n w_cnt (word lex_id)… p_cnt (symbol offset pos source/target)… | gloss`.
    fn synset(&self) -> Result<Synset, WordNetError> {
        let (head, gloss) = self.text.split_once(" | ").unwrap_or((self.text, ""));
        let mut fields = Fields { line: self, rest: head.split_ascii_whitespace() };
        let id = self.offset(fields.next("a synset's offset")?)?;
        fields.next("a file's number")?;
        if fields.next("the part of speech `n`")? != "n" {
            return Err(self.wrong("the part of speech `n`"));
        }
        let lemmas = fields.lemmas()?;
        let mut hypernyms = Vec::new();
        let mut parts = Vec::new();
        for _ in 0..fields.count("the number of pointers")? {
            let [symbol, offset, part_of_speech] = fields.pointer()?;
            match (symbol, part_of_speech) {
                ("@" | "@i", "n") => hypernyms.push(self.offset(offset)?),
                ("%p", "n") => parts.push(self.offset(offset)?),
                // Relations that the method does not use.
                _ => {}
            }
        }
        Ok(Synset { id, lemmas, gloss: gloss.trim().to_owned(), hypernyms, parts })
    }

    /// `lemma n synset_cnt p_cnt symbol… sense_cnt tagsense_cnt offset…`.
    fn senses(&self) -> Result<(String, Vec<SynsetId>), WordNetError> {
        let fields: Vec<&str> = self.text.split_ascii_whitespace().collect();
        let offsets = offsets(&fields)
            .ok_or_else(|| self.wrong("a lemma, `n`, and as many offsets as counted"))?;
        let ids = offsets.iter().map(|text| self.offset(text)).collect::<Result<_, _>>()?;
        Ok((fields[0].to_owned(), ids))
    }

    fn offset(&self, text: &str) -> Result<SynsetId, WordNetError> {
        let digits = (text.len() == 8).then(|| text.parse().ok()).flatten();
        digits.map(SynsetId).ok_or_else(|| self.wrong("an offset of eight digits"))
    }
}

/// The offsets of a line of the index; `None` if they are not as many as the line counts.
fn offsets<'a>(fields: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let &[_, "n", n_senses, n_symbols, ..] = fields else { return None };
    let n_senses: usize = n_senses.parse().ok()?;
    let n_symbols: usize = n_symbols.parse().ok()?;
    // Behind lemma, part of speech, two counts, the symbols, and two counts more.
    let offsets = fields.get(n_symbols.checked_add(6)?..)?;
    (n_senses > 0 && offsets.len() == n_senses).then_some(offsets)
}

/// The fields of a line of the data that are still to be read.
struct Fields<'a> {
    line: &'a Line<'a>,
    rest: SplitAsciiWhitespace<'a>,
}

impl<'a> Fields<'a> {
    fn next(&mut self, expected: &'static str) -> Result<&'a str, WordNetError> {
        self.rest.next().ok_or_else(|| self.line.wrong(expected))
    }

    fn count(&mut self, expected: &'static str) -> Result<usize, WordNetError> {
        self.next(expected)?.parse().map_err(|_| self.line.wrong(expected))
    }

    fn lemmas(&mut self) -> Result<Vec<String>, WordNetError> {
        let expected = "the number of words in hexadecimal, at least 01";
        let n_words = usize::from_str_radix(self.next(expected)?, 16).ok().filter(|&n| n > 0);
        let mut lemmas = Vec::new();
        for _ in 0..n_words.ok_or_else(|| self.line.wrong(expected))? {
            lemmas.push(self.next("as many words as counted")?.to_owned());
            self.next("a word's lexical id")?;
        }
        Ok(lemmas)
    }

    /// The symbol of a pointer, its offset, and the part of speech that it leads to.
    fn pointer(&mut self) -> Result<[&'a str; 3], WordNetError> {
        let expected = "as many pointers as counted";
        let pointer = [self.next(expected)?, self.next(expected)?, self.next(expected)?];
        // Which words of the two synsets it relates: not used, so it may be missing.
        self.rest.next();
        Ok(pointer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_n_and_eight_digits() {
        assert_eq!("n02391049".parse(), Ok(SynsetId(2_391_049)));
        assert_eq!(SynsetId(1740).to_string(), "n00001740");
        for text in
            ["", "n", "02391049", "n2391049", "n+2391049", "n023910490", "v02391049", "n0239104é"]
        {
            assert_eq!(text.parse::<SynsetId>(), Err(NotASynset(text.to_owned())));
        }
    }

    fn refused(index: &str, data: &str) -> String {
        WordNet::parse(index.as_bytes(), data.as_bytes()).unwrap_err().to_string()
    }

    const INDEX: &str = "thing n 1 0 1 0 00000001\n";
    const DATA: &str = "00000001 03 n 01 thing 0 000 | what is\n";

    #[test]
    fn a_broken_line_is_named() {
        WordNet::parse(INDEX.as_bytes(), DATA.as_bytes()).unwrap();
        assert_eq!(
            refused("", DATA),
            "index.noun holds no nouns: expected that file of WordNet 3.0"
        );
        assert!(refused(INDEX, "  1 a license\n").starts_with("data.noun holds no nouns"));
        let cut = "  1 license\n00000001 03 n 02 thing 0 000";
        let expected = "data.noun line 2: expected a word's lexical id";
        assert!(refused(INDEX, cut).starts_with(expected), "{}", refused(INDEX, cut));
        assert!(refused(INDEX, "00000001 03 v 01 go 0 000 | x").contains("part of speech `n`"));
        assert!(refused("thing n 2 0 2 0 00000001", DATA).contains("as many offsets as counted"));
        assert!(
            refused("thing n 1 18446744073709551615 1 0 00000001", DATA)
                .contains("index.noun line 1")
        );
    }

    #[test]
    fn a_synset_that_is_not_there_is_named() {
        assert_eq!(
            refused("thing n 1 0 1 0 00000002", DATA),
            "`thing` names the synset n00000002, which data.noun does not have"
        );
        let data = "00000001 03 n 01 thing 0 001 @ 00000007 n 0000 | what is";
        assert!(refused(INDEX, data).starts_with("n00000001 names the synset n00000007"));
    }

    #[test]
    fn a_cycle_ends() {
        let data = "00000001 03 n 01 a 0 001 @ 00000002 n 0000 | x\n00000002 03 n 01 b 0 001 @i 00000001 n 0000 | y\n";
        let wordnet = WordNet::parse(b"a n 1 1 @ 1 0 00000001\n", data.as_bytes()).unwrap();
        assert_eq!(wordnet.ancestors(SynsetId(1)), BTreeSet::from([SynsetId(2)]));
    }
}

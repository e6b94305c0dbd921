//! The noun database of WordNet 3.0 (Fellbaum 1998), as `index.noun` and `data.noun` lay it down
//! (format: wndb(5WN)).
//!
//! Only what the method reads is kept: lemmas, glosses, hypernyms (of kinds and of instances) and
//! part meronyms.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::str::{self, FromStr};

use serde::{Deserialize, Serialize};

use crate::fault::{Blame, Fault};

/// The most bytes of a database file that are read; WordNet 3.0's noun data is 15 MB.
pub const MAX_BYTES: u64 = 256 << 20;

/// Most characters of a broken line that an error repeats.
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

/// A text that names no noun synset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no WordNet 3.0 noun: expected `n` and eight digits, such as n02391049")]
pub struct NotASynset(pub String);

/// A set of nouns with one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synset {
    /// Its name for machines.
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
    /// A line is not as the format says.
    #[error("{file} line {line}: expected {expected}, got `{got}`")]
    Line {
        /// `index.noun` or `data.noun`.
        file: &'static str,
        /// From 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
        /// The line's beginning.
        got: String,
    },
    /// A file without any entry.
    #[error("{file} holds no nouns: expected that file of WordNet 3.0")]
    Empty {
        /// `index.noun` or `data.noun`.
        file: &'static str,
    },
    /// The files do not belong together, or one was cut.
    #[error("{from} names the synset {id}, which data.noun does not have")]
    Unknown {
        /// A synset, or a lemma of the index.
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
    /// Lower-case lemma to senses, the most frequent first.
    senses: HashMap<String, Vec<SynsetId>>,
}

impl WordNet {
    /// Reads the bytes of `index.noun` and `data.noun`.
    ///
    /// # Errors
    /// The first line that is not as the format says; a synset that is named and not there.
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

    fn check(&self) -> Result<(), WordNetError> {
        let known = |from: &dyn Fn() -> String, id: SynsetId| match self.synsets.contains_key(&id) {
            true => Ok(()),
            false => Err(WordNetError::Unknown { from: from(), id }),
        };
        for synset in self.synsets.values() {
            for &id in synset.hypernyms.iter().chain(&synset.parts) {
                known(&|| synset.id.to_string(), id)?;
            }
        }
        let mut lemmas: Vec<_> = self.senses.iter().collect();
        lemmas.sort_unstable();
        for (lemma, ids) in lemmas {
            ids.iter().try_for_each(|&id| known(&|| format!("`{lemma}`"), id))?;
        }
        Ok(())
    }

    /// The synset with this id.
    pub fn synset(&self, id: SynsetId) -> Option<&Synset> {
        self.synsets.get(&id)
    }

    /// All synsets, in the order of their ids.
    pub fn synsets(&self) -> impl Iterator<Item = &Synset> {
        self.synsets.values()
    }

    /// The senses of a noun, the most frequent first; spaces and `_` are alike, and so is case.
    pub fn senses(&self, noun: &str) -> &[SynsetId] {
        let lemma = noun.trim().to_lowercase().replace(' ', "_");
        self.senses.get(&lemma).map_or(&[], Vec::as_slice)
    }

    /// Every lower-case lemma with its senses, in no order.
    pub fn lemmas(&self) -> impl Iterator<Item = (&str, &[SynsetId])> {
        self.senses.iter().map(|(lemma, senses)| (lemma.as_str(), senses.as_slice()))
    }

    /// All that a synset is a kind or an instance of, on every path, without itself.
    pub fn ancestors(&self, id: SynsetId) -> BTreeSet<SynsetId> {
        let mut found = BTreeSet::new();
        let mut ahead = vec![id];
        while let Some(next) = ahead.pop() {
            let hypernyms = self.synset(next).map_or(&[][..], |synset| &synset.hypernyms);
            // What was found before is not looked at again: a cycle ends here.
            ahead.extend(hypernyms.iter().filter(|&&hypernym| found.insert(hypernym)));
        }
        found.remove(&id);
        found
    }

    /// The synset's name for people, such as `apple.n.01`: its first lemma, and which sense of that
    /// it is.
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

/// The lines of a file, without the license at its head (whose lines begin with a space).
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
        let mut fields = head.split_ascii_whitespace();
        let mut field = |expected| fields.next().ok_or_else(|| self.wrong(expected));
        let id = self.offset(field("a synset's offset")?)?;
        field("a file's number")?;
        if field("the part of speech `n`")? != "n" {
            return Err(self.wrong("the part of speech `n`"));
        }
        let words = "the number of words in hexadecimal, at least 01";
        let n_words = usize::from_str_radix(field(words)?, 16).ok().filter(|&n| n > 0);
        let mut lemmas = Vec::new();
        for _ in 0..n_words.ok_or_else(|| self.wrong(words))? {
            lemmas.push(field("as many words as counted")?.to_owned());
            field("a word's lexical id")?;
        }
        let pointers = "the number of pointers";
        let n_pointers: usize = field(pointers)?.parse().map_err(|_| self.wrong(pointers))?;
        let (mut hypernyms, mut parts) = (Vec::new(), Vec::new());
        for _ in 0..n_pointers {
            let [symbol, offset, kind, _] = [(); 4].map(|()| field("as many pointers as counted"));
            let (symbol, offset) = (symbol?, offset?);
            match (symbol, kind?) {
                ("@" | "@i", "n") => hypernyms.push(self.offset(offset)?),
                ("%p", "n") => parts.push(self.offset(offset)?),
                _ => {}
            }
        }
        Ok(Synset { id, lemmas, gloss: gloss.trim().to_owned(), hypernyms, parts })
    }

    /// `lemma n synset_cnt p_cnt symbol… sense_cnt tagsense_cnt offset…`.
    fn senses(&self) -> Result<(String, Vec<SynsetId>), WordNetError> {
        let fields: Vec<&str> = self.text.split_ascii_whitespace().collect();
        let count = |at: usize| fields.get(at).and_then(|text| text.parse::<usize>().ok());
        let expected = "a lemma, `n`, and as many offsets as counted";
        let (Some(n_senses), Some(n_symbols), Some(&"n")) = (count(2), count(3), fields.get(1))
        else {
            return Err(self.wrong(expected));
        };
        let first = n_symbols.checked_add(6).and_then(|first| fields.get(first..));
        let offsets = first.filter(|offsets| n_senses > 0 && offsets.len() == n_senses);
        let offsets = offsets.ok_or_else(|| self.wrong(expected))?;
        let ids = offsets.iter().map(|text| self.offset(text)).collect::<Result<_, _>>()?;
        Ok((fields[0].to_owned(), ids))
    }

    fn offset(&self, text: &str) -> Result<SynsetId, WordNetError> {
        let digits = (text.len() == 8).then(|| text.parse().ok()).flatten();
        digits.map(SynsetId).ok_or_else(|| self.wrong("an offset of eight digits"))
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

//! From a label to the noun that names its class, and to the sense of that noun.

use models::knowledge::lexicon::Lexicon;
use models::knowledge::wordnet::{Synset, SynsetId};

use super::words::{self, Word};

/// `physical entity`: images show nothing that is not a kind of it.
const PHYSICAL_ENTITY: SynsetId = SynsetId(1930);

/// `person`: of two senses, the one that is not a person is taken.
const PERSON: SynsetId = SynsetId(7846);

/// What proper names name: `person`, `location`, `body of water`, `geological formation`,
/// `celestial body`, `land`.
// WordNet also capitalizes kinds, such as `Labrador retriever`, which are none of these.
const NAMED: [SynsetId; 6] = [
    PERSON,
    SynsetId(27_167),
    SynsetId(9_225_146),
    SynsetId(9_287_968),
    SynsetId(9_239_740),
    SynsetId(9_334_396),
];

/// `attribute`: what a thing is like. The most frequent sense of such a noun is that of an
/// adjective, such as `blue`.
const ATTRIBUTE: SynsetId = SynsetId(24_264);

/// How WordNet's definitions mark words that nobody calls a class.
const SLANG: [&str; 6] =
    ["street name", "slang", "ethnic slur", "offensive term", "obscene term", "vulgar term"];

/// The most words of a label that are looked up, from its end; no noun of WordNet has more.
const MAX_WORDS: usize = 9;

/// How the meaning of a class was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The whole label is a noun.
    Label,
    /// The last words of the label are a noun.
    HeadNoun,
    /// The user set the sense.
    Override,
}

impl Rule {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::HeadNoun => "head-noun",
            Self::Override => "override",
        }
    }
}

/// What the lexicon has for a label.
#[derive(Debug, Clone, PartialEq)]
pub struct LookedUp {
    /// Which of its words are the noun.
    pub rule: Rule,
    /// The senses of the noun, most frequent first; at least one.
    pub senses: Vec<SynsetId>,
    /// The sense of a class with this label; `None` if no sense is something that an image can
    /// show.
    pub default_sense: Option<SynsetId>,
}

/// Looks labels up.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadNoun<'a> {
    lexicon: &'a Lexicon,
}

/// What a label has been found to name so far.
#[derive(Debug, Default)]
struct Found {
    /// Nothing better was found after it.
    first: Option<LookedUp>,
    /// A noun that is no adjective most of the time.
    best: Option<LookedUp>,
}

impl<'a> HeadNoun<'a> {
    pub(super) fn new(lexicon: &'a Lexicon) -> Self {
        Self { lexicon }
    }

    /// See [`NameKnowledge::look_up`](super::NameKnowledge::look_up).
    pub(super) fn look_up(self, label: &str) -> Option<LookedUp> {
        let label = words::plain(label);
        let label = label.as_str();
        let mut found = Found::default();
        // `T-shirt` and `fire_truck` are nouns as a whole.
        for words in [words::written(label), words::split(label)] {
            self.find(&words, Rule::Label, &mut found);
        }
        for words in [words::written(label), words::split(label)] {
            // `cup of tea` is a cup.
            let end = words.iter().position(Word::is_preposition).filter(|&at| at > 0);
            if found.best.is_none() {
                self.find_head(&words[..end.unwrap_or(words.len())], &mut found);
            }
        }
        found.best.or(found.first)
    }

    /// Finds the last words that are a noun. English puts the head noun last; a code or an
    /// adjective may follow it: `bracket M8`, `mug blue`, `glove left`.
    fn find_head(self, words: &[Word], found: &mut Found) {
        let mut words = &words[words.len().saturating_sub(MAX_WORDS)..];
        while let [before @ .., last] = words
            && last.is_position()
            && !before.is_empty()
        {
            words = before;
        }
        while let Some((last, rest)) = words.split_last() {
            let most_frequent = (0..words.len())
                .find_map(|first| self.find(&words[first..], Rule::HeadNoun, found));
            // What is no English noun may be a word of another language, with other rules.
            let may_follow = last.is_code || most_frequent.is_some_and(|id| self.is_quality(id));
            if found.best.is_some() || !may_follow {
                return;
            }
            words = rest;
        }
    }

    /// The most frequent sense of these words, if they are a noun; it is added to what is found.
    fn find(self, words: &[Word], rule: Rule, found: &mut Found) -> Option<SynsetId> {
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let noun = texts.join(" ");
        let senses = self.lexicon.senses(&noun);
        let most_frequent = *senses.first()?;
        let is_code = words.iter().all(|word| word.is_code);
        let default_sense = if is_code { None } else { self.default_sense(&noun, &senses) };
        let is_best = default_sense.is_some() && !self.is_quality(most_frequent);
        let looked_up = LookedUp { rule, senses, default_sense };
        let place = if is_best { &mut found.best } else { &mut found.first };
        // The first one stays, which has more of the label's words, unless it has no sense.
        let has_sense = place.as_ref().is_some_and(|before| before.default_sense.is_some());
        if place.is_none() || default_sense.is_some() && !has_sense {
            *place = Some(looked_up);
        }
        Some(most_frequent)
    }

    /// The most frequent sense that an image can show: rather a thing than a person, rather one
    /// that is called so first of all (a mug is also a word for a face), and rather one whose words
    /// have a vector. None if the noun is slang, or a proper name, in the first place.
    fn default_sense(self, noun: &str, senses: &[SynsetId]) -> Option<SynsetId> {
        let most_frequent = *senses.first()?;
        let is_capitalized = noun.chars().next().is_some_and(char::is_uppercase);
        let is_name = self.is_proper_name(noun, most_frequent);
        if self.is_slang(most_frequent) || is_capitalized && is_name {
            return None;
        }
        let lower = unhyphenated(&noun.to_lowercase());
        let usable = senses.iter().filter(|&&id| {
            // Written small, `china` is no country, and `paris` is none of the capitalized kinds.
            let is_other = is_name && self.is_capitalized(noun, id);
            !is_other && !self.is_slang(id) && !self.is_proper_name(noun, id)
        });
        let ranked = usable.filter_map(|&id| Some((self.rank(&lower, id)?, id)));
        // The first of equals: senses come most frequent first.
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, id)| id)
    }

    /// The rank of a sense of `noun`, the least of which is the default sense; `None` for what no
    /// image can show.
    fn rank(self, noun: &str, id: SynsetId) -> Option<(bool, bool, bool)> {
        let line = self.lexicon.line(id);
        let first = self.lexicon.synset(id)?.lemmas.into_iter().next()?;
        // A plural begins with its singular, mostly; names of persons and places are capitalized.
        let by_its_name = noun.starts_with(&unhyphenated(&first));
        let has_vector = self.lexicon.vector(id).is_some();
        let is_shown = line.contains(&PHYSICAL_ENTITY);
        is_shown.then_some((line.contains(&PERSON), !by_its_name, !has_vector))
    }

    fn is_quality(self, id: SynsetId) -> bool {
        self.lexicon.line(id).contains(&ATTRIBUTE)
    }

    fn is_slang(self, id: SynsetId) -> bool {
        let synset = self.lexicon.synset(id);
        synset.is_some_and(|Synset { gloss, .. }| SLANG.iter().any(|mark| gloss.contains(mark)))
    }

    /// Whether the sense is one person or place, and not a kind of thing.
    fn is_proper_name(self, noun: &str, id: SynsetId) -> bool {
        let line = self.lexicon.line(id);
        self.is_capitalized(noun, id) && NAMED.iter().any(|named| line.contains(named))
    }

    /// Whether WordNet capitalizes the noun in this sense.
    fn is_capitalized(self, noun: &str, id: SynsetId) -> bool {
        let noun = unhyphenated(&noun.to_lowercase());
        let lemmas = self.lexicon.synset(id).map(|synset| synset.lemmas).unwrap_or_default();
        // A plural begins with its singular, mostly.
        let mut own =
            lemmas.iter().filter(|lemma| noun.starts_with(&unhyphenated(&lemma.to_lowercase())));
        own.next().is_some_and(|lemma| lemma.starts_with(char::is_uppercase))
    }
}

/// A lemma may be written as one word, with a hyphen or with a space: `tea_cup`, `tea-cup`.
fn unhyphenated(word: &str) -> String {
    word.replace(['_', '-'], " ")
}

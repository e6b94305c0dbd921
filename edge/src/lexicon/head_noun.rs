//! From a label to the noun that names its class, and to the sense of that noun.

use models::knowledge::lexicon::{Lexicon, Noun};
use models::knowledge::wordnet::{Synset, SynsetId};

use super::words::{self, Word};

/// `physical entity`: images show nothing that is not a kind of it.
const PHYSICAL_ENTITY: SynsetId = SynsetId(1930);

/// `person`: of two senses, the one that is not a person is taken.
const PERSON: SynsetId = SynsetId(7846);

/// What proper names name: `person`, `location`, `body of water`, `geological formation`,
/// `celestial body`, `land`, `constellation`, `university`, `thoroughbred` (a racehorse).
// WordNet also capitalizes kinds, such as `Labrador retriever`, which are none of these. A lexicon
// does not keep which of WordNet's hypernyms are those of an instance.
const NAMED: [SynsetId; 9] = [
    PERSON,
    SynsetId(27_167),
    SynsetId(9_225_146),
    SynsetId(9_287_968),
    SynsetId(9_239_740),
    SynsetId(9_334_396),
    SynsetId(9_252_970),
    SynsetId(4_511_002),
    SynsetId(2_383_231),
];

/// What has street names: `drug of abuse`, `controlled substance`, `psychoactive drug`,
/// `stimulant`.
const DRUGS: [SynsetId; 4] =
    [SynsetId(3_248_958), SynsetId(3_097_890), SynsetId(4_017_137), SynsetId(4_320_126)];

/// Kinds of those that a class may well be called by any of their words: `beverage`, `tobacco`.
const SOLD_OPENLY: [SynsetId; 2] = [SynsetId(7_881_800), SynsetId(4_442_831)];

/// `attribute`: what a thing is like. The most frequent sense of such a noun is that of an
/// adjective, such as `blue`.
const ATTRIBUTE: SynsetId = SynsetId(24_264);

/// How WordNet's definitions mark words that nobody calls a class.
const SLANG: [&str; 6] =
    ["street name", "slang", "ethnic slur", "offensive term", "obscene term", "vulgar term"];

/// The least number of persons who have a given name; one may be `Gypsy Rose Lee`.
const MIN_PERSONS: usize = 2;

/// The most nouns that begin with a given name and are looked at.
const MAX_FULL_NAMES: usize = 64;

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
        let written = texts.join(" ");
        let mut nouns = self.lexicon.nouns(&written);
        let noun = nouns.next()?;
        let is_code = words.iter().all(|word| word.is_code);
        let default_sense = if is_code { None } else { self.default_sense(&written, &noun) };
        let (noun, default_sense) = match default_sense {
            None if !is_code && !self.is_name_or_slang(&noun) => {
                let singular = nouns.find_map(|noun| self.thing(&written, noun));
                singular.map_or((noun, None), |(noun, sense)| (noun, Some(sense)))
            }
            sense => (noun, sense),
        };
        let senses = noun.senses;
        let most_frequent = *senses.first()?;
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

    /// A noun that something is called by first of all, with that sense: WordNet has `shoes`, which
    /// no image shows, beside `shoe`.
    fn thing(self, written: &str, noun: Noun) -> Option<(Noun, SynsetId)> {
        let sense = self.default_sense(written, &noun)?;
        self.is_called_first(&noun.lemma, sense).then_some((noun, sense))
    }

    /// The most frequent sense that an image can show: rather a thing than a person, rather one
    /// that is called so first of all (a mug is also a word for a face), and rather one whose words
    /// have a vector. None if the noun is slang, or a proper name, in the first place.
    fn default_sense(self, written: &str, noun: &Noun) -> Option<SynsetId> {
        let Noun { lemma, senses } = noun;
        let most_frequent = *senses.first()?;
        let is_capitalized = written.chars().next().is_some_and(char::is_uppercase);
        let is_name = self.is_proper_name(lemma, most_frequent);
        if self.is_slang(lemma, most_frequent) || is_capitalized && is_name {
            return None;
        }
        let usable = senses.iter().filter(|&&id| {
            // Written small, `china` is no country, and `paris` is none of the capitalized kinds.
            let is_other = is_name && self.is_capitalized(lemma, id);
            !is_other && !self.is_slang(lemma, id) && !self.is_proper_name(lemma, id)
        });
        let ranked = usable.filter_map(|&id| Some((self.rank(lemma, id)?, id)));
        // The first of equals: senses come most frequent first.
        let (_, best) = ranked.min_by_key(|(rank, _)| *rank)?;
        let is_person = !self.is_called_first(lemma, best) && self.is_given_name(lemma);
        (!is_person).then_some(best)
    }

    /// The rank of a sense of a noun, the least of which is the default sense; `None` for what no
    /// image can show.
    fn rank(self, lemma: &str, id: SynsetId) -> Option<(bool, bool, bool)> {
        let line = self.lexicon.line(id);
        let is_first = self.is_called_first(lemma, id);
        let has_vector = self.lexicon.vector(id).is_some();
        let is_shown = line.contains(&PHYSICAL_ENTITY);
        is_shown.then_some((line.contains(&PERSON), !is_first, !has_vector))
    }

    /// Whether the noun, written small, is the first of the sense's words.
    fn is_called_first(self, lemma: &str, id: SynsetId) -> bool {
        let first = self.lexicon.first_lemma(id);
        first.is_some_and(|first| unhyphenated(&first) == unhyphenated(lemma))
    }

    fn is_name_or_slang(self, noun: &Noun) -> bool {
        let most_frequent = noun.senses.first();
        most_frequent.is_some_and(|&id| {
            self.is_slang(&noun.lemma, id) || self.is_proper_name(&noun.lemma, id)
        })
    }

    /// Whether several persons have this word before other names: `John Adams`, `John Milton`.
    fn is_given_name(self, lemma: &str) -> bool {
        let full_names = self.lexicon.search(&format!("{lemma}_"), MAX_FULL_NAMES);
        let persons = full_names.iter().filter(|name| {
            let most_frequent = self.lexicon.senses(name).into_iter().next();
            most_frequent.is_some_and(|id| {
                self.is_capitalized(name, id) && self.lexicon.line(id).contains(&PERSON)
            })
        });
        persons.take(MIN_PERSONS).count() == MIN_PERSONS
    }

    fn is_quality(self, id: SynsetId) -> bool {
        self.lexicon.line(id).contains(&ATTRIBUTE)
    }

    fn is_slang(self, lemma: &str, id: SynsetId) -> bool {
        let synset = self.lexicon.synset(id);
        let is_marked = synset
            .is_some_and(|Synset { gloss, .. }| SLANG.iter().any(|mark| gloss.contains(mark)));
        is_marked || self.is_street_name(lemma, id)
    }

    /// Whether the sense is a drug that has another name: `speed` is first of all `amphetamine`.
    fn is_street_name(self, lemma: &str, id: SynsetId) -> bool {
        let line = self.lexicon.line(id);
        let is_drug = DRUGS.iter().any(|drug| line.contains(drug))
            && !SOLD_OPENLY.iter().any(|sold| line.contains(sold));
        let first = self.lexicon.first_lemma(id).unwrap_or_default().to_lowercase();
        is_drug && unhyphenated(&first) != unhyphenated(lemma)
    }

    /// Whether the sense is one person, place or other thing, and not a kind of them.
    fn is_proper_name(self, lemma: &str, id: SynsetId) -> bool {
        let line = self.lexicon.line(id);
        self.is_capitalized(lemma, id) && NAMED.iter().any(|named| line.contains(named))
    }

    /// Whether WordNet capitalizes the noun in this sense.
    fn is_capitalized(self, lemma: &str, id: SynsetId) -> bool {
        let noun = unhyphenated(lemma);
        let written = self.lexicon.synset(id).map(|synset| synset.lemmas).unwrap_or_default();
        let mut own = written.iter().filter(|own| unhyphenated(&own.to_lowercase()) == noun);
        own.next().is_some_and(|own| own.starts_with(char::is_uppercase))
    }
}

/// A lemma may be written as one word, with a hyphen or with a space: `tea_cup`, `tea-cup`.
fn unhyphenated(word: &str) -> String {
    word.replace(['_', '-'], " ")
}

//! What names tell: from what people call a class to a meaning, and from a meaning to a prototype.
//!
//! A meaning is looked up whenever it is needed; the gallery keeps only what people said of it.

use std::collections::BTreeSet;

use few_shot::embedding_frame::EmbeddingFrame;
use few_shot::fusion::ErrorVariances;
use few_shot::kernel::{KernelError, NameRegressor};
use few_shot::name_bias::NameBias;
use models::bundle::{Bundle, BundleError};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::lexicon::{Lexicon, LexiconError};
use models::knowledge::wordnet::SynsetId;
use ndarray::{Array1, Array2};

use crate::gallery::{Class, Said};

/// What every physical thing is a kind of: images show nothing else.
const PHYSICAL_ENTITY: SynsetId = SynsetId(1930);

/// What every person is a kind of. Whoever points a camera at a mug means nobody.
const PERSON: SynsetId = SynsetId(7846);

/// The most words of a label that are looked up, from its end; no noun of WordNet has more.
const MAX_WORDS: usize = 9;

/// The most attributes that a sense or a class lists, and that people may say of a class; an animal has dozens.
pub const MAX_ATTRIBUTES: usize = 128;

/// The most characters of a wrong word that an error repeats.
const MAX_SHOWN: usize = 64;

/// The completer and the lexicon of a bundle.
#[derive(Debug)]
pub struct Knowledge {
    completer: NameRegressor,
    lexicon: Lexicon,
}

/// Why a bundle's knowledge cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnowledgeError {
    /// A file is missing, or is another one than the manifest says.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The completer's file.
    #[error("the bundle's kernel completer cannot be used: {0}")]
    Kernel(#[from] KernelError),
    /// The lexicon's file.
    #[error("the bundle's lexicon cannot be used: {0}")]
    Lexicon(#[from] LexiconError),
    /// Both are sound, and do not belong together.
    #[error("the bundle's knowledge does not fit it: {what} is {got}, expected {expected}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// The backbone's or the completer's.
        expected: String,
        /// As found.
        got: String,
    },
}

/// Why what people say of a class's attributes cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The lexicon has no such noun.
    #[error("`{0}`: expected a noun that the lexicon has, such as `handle`, or its synset")]
    Unknown(String),
    /// There is a limit.
    #[error("expected at most {MAX_ATTRIBUTES} attributes, got {0}")]
    TooMany(usize),
}

/// How a class came by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The whole label is a noun.
    Label,
    /// The last words of the label are.
    HeadNoun,
    /// People said so.
    Said,
}

impl Rule {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::HeadNoun => "head-noun",
            Self::Said => "said",
        }
    }
}

/// What a class's name is taken to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The noun's synset.
    pub synset: SynsetId,
    /// Why this one.
    pub rule: Rule,
}

/// What the lexicon has for a label.
#[derive(Debug, Clone, PartialEq)]
pub struct LookedUp {
    /// Which of its words are the noun.
    pub rule: Rule,
    /// The noun's meanings, most frequent first; at least one.
    pub senses: Vec<SynsetId>,
    /// The one that is taken; none of them when images show none of them.
    pub read_as: Option<SynsetId>,
}

/// One meaning of a noun, for people to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sense {
    /// Its synset.
    pub synset: SynsetId,
    /// Its words.
    pub lemmas: Vec<String>,
    /// Its definition.
    pub gloss: String,
    /// What it is a kind of, directly.
    pub kind_of: Vec<String>,
    /// Parts of it and of what it is a kind of; at most [`MAX_ATTRIBUTES`].
    pub attributes: Vec<Part>,
    /// Whether a word vector is known, without which a name tells little.
    pub has_vector: bool,
}

/// An attribute of a thing, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its synset.
    pub synset: SynsetId,
    /// Its first word.
    pub name: String,
}

impl Knowledge {
    /// Opens what the bundle knows of names; `None` when it has nothing.
    ///
    /// # Errors
    /// See [`KnowledgeError`]. The bundle can be used without its knowledge.
    pub fn open(bundle: &Bundle) -> Result<Option<Self>, KnowledgeError> {
        let (Some(files), Some(lexicon)) = (&bundle.manifest.knowledge, bundle.lexicon()?) else {
            return Ok(None);
        };
        let kernel = bundle.file(&files.kernel).unwrap_or_default();
        let (space_id, completer) = NameRegressor::parse(kernel)?;
        let lexicon = Lexicon::parse_verified(&lexicon)?;
        let same = |what, expected: &str, got: String| match got == expected {
            true => Ok(()),
            false => Err(KnowledgeError::Mismatch { what, expected: expected.to_owned(), got }),
        };
        same("the completer's space", &bundle.manifest.space_id, space_id)?;
        let size = bundle.manifest.backbone.embedding_size.to_string();
        same("the completer's embedding", &size, completer.frame().center().len().to_string())?;
        let dimension = completer.dimension().to_string();
        same("the lexicon's word vector", &dimension, lexicon.header().dimension.to_string())?;
        Ok(Some(Self { completer, lexicon }))
    }

    /// Around what prototypes from knowledge lie.
    #[must_use]
    pub fn frame(&self) -> &EmbeddingFrame {
        self.completer.frame()
    }

    /// How far mean prototypes and those from knowledge are off beside so many images.
    #[must_use]
    pub fn errors(&self, k_shot: usize) -> Option<&ErrorVariances> {
        self.completer.errors(k_shot)
    }

    /// What classes without images are lifted by, beside others with some.
    #[must_use]
    pub fn name_bias(&self) -> &NameBias {
        self.completer.name_bias()
    }

    /// What the class means: as was said, or as its label is read.
    #[must_use]
    pub fn meaning(&self, class: &Class) -> Option<Meaning> {
        self.meaning_as(class.label.as_str(), class.said.meaning)
    }

    /// What a class with this label would mean, of which this was said.
    #[must_use]
    pub fn meaning_as(&self, label: &str, said: Option<Said>) -> Option<Meaning> {
        match said {
            Some(Said::Nothing) => None,
            Some(Said::Synset(synset)) => {
                self.lexicon.synset(synset).map(|_| Meaning { synset, rule: Rule::Said })
            }
            None => self.read(label),
        }
    }

    /// The meaning of a label, unless nothing that images show is called so.
    #[must_use]
    pub fn read(&self, label: &str) -> Option<Meaning> {
        let LookedUp { rule, read_as, .. } = self.look_up(label)?;
        read_as.map(|synset| Meaning { synset, rule })
    }

    /// Looks a label up: its words together, or else as many of its last words as are a noun ("my blue coffee mug" is a
    /// coffee mug). `None` when it ends with no noun that the lexicon has.
    #[must_use]
    pub fn look_up(&self, label: &str) -> Option<LookedUp> {
        let is_part = |c: char| c.is_alphabetic() || matches!(c, '-' | '\'' | '.');
        let words: Vec<&str> = label.split(|c| !is_part(c)).filter(|w| !w.is_empty()).collect();
        let words = &words[words.len().saturating_sub(MAX_WORDS)..];
        (0..words.len()).find_map(|first| {
            let noun = words[first..].join(" ");
            let senses = self.lexicon.senses(&noun);
            let read_as = self.likeliest(&noun, &senses);
            let rule = if first == 0 { Rule::Label } else { Rule::HeadNoun };
            (!senses.is_empty()).then_some(LookedUp { rule, senses, read_as })
        })
    }

    /// The most frequent sense that an image can show: rather a thing than a person, rather one that is called so first
    /// of all (a mug is also a word for a face), and rather one whose words have a vector.
    fn likeliest(&self, noun: &str, senses: &[SynsetId]) -> Option<SynsetId> {
        let plain = |word: &str| word.replace(['_', '-'], " ");
        let noun = plain(&noun.to_lowercase());
        let rank = |id: SynsetId| {
            let line = self.lexicon.line(id);
            let first = self.lexicon.synset(id)?.lemmas.into_iter().next()?;
            // A plural begins with its singular, mostly; names of persons and places are capitalized.
            let by_its_name = noun.starts_with(&plain(&first));
            let has_vector = self.lexicon.vector(id).is_some();
            let is_shown = line.contains(&PHYSICAL_ENTITY);
            is_shown.then_some((line.contains(&PERSON), !by_its_name, !has_vector))
        };
        let ranked = senses.iter().filter_map(|&id| Some((rank(id)?, id)));
        // The first of equals: senses come most frequent first.
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, id)| id)
    }

    /// Words and definition of a meaning; `None` for a synset that is not in the lexicon.
    #[must_use]
    pub fn definition(&self, synset: SynsetId) -> Option<(Vec<String>, String)> {
        let found = self.lexicon.synset(synset)?;
        Some((found.lemmas.iter().map(|lemma| lemma.replace('_', " ")).collect(), found.gloss))
    }

    /// The first word of a meaning; `None` for a synset that is not in the lexicon.
    #[must_use]
    pub fn name(&self, synset: SynsetId) -> Option<String> {
        Some(self.lexicon.synset(synset)?.lemmas.first()?.replace('_', " "))
    }

    /// What a class has: as people said, or else parts of what it means, and of what that is a kind of.
    #[must_use]
    pub fn attributes_of(&self, class: &Class) -> Vec<SynsetId> {
        match (&class.said.attributes, self.meaning(class)) {
            (Some(said), _) => said.iter().copied().collect(),
            (None, Some(meaning)) => self.attributes(meaning.synset),
            (None, None) => Vec::new(),
        }
    }

    /// The same with names; at most [`MAX_ATTRIBUTES`].
    #[must_use]
    pub fn parts_of(&self, class: &Class) -> Vec<Part> {
        self.parts(&self.attributes_of(class))
    }

    fn parts(&self, attributes: &[SynsetId]) -> Vec<Part> {
        let part = |&synset: &SynsetId| Some(Part { synset, name: self.name(synset)? });
        attributes.iter().filter_map(part).take(MAX_ATTRIBUTES).collect()
    }

    /// What people say that a class of this meaning has, in words or synsets. A word is read as a part that the meaning
    /// has, where it has one of that name.
    ///
    /// # Errors
    /// Names the word that the lexicon does not have; more than [`MAX_ATTRIBUTES`] words.
    pub fn attributes_said<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str>,
        meaning: Option<Meaning>,
    ) -> Result<BTreeSet<SynsetId>, AttributeError> {
        let words: Vec<&str> = words.into_iter().collect();
        if words.len() > MAX_ATTRIBUTES {
            return Err(AttributeError::TooMany(words.len()));
        }
        let own = meaning.map(|meaning| self.attributes(meaning.synset)).unwrap_or_default();
        let of = |word: &&str| {
            let unknown = || AttributeError::Unknown(word.chars().take(MAX_SHOWN).collect());
            self.attribute(word, &own).ok_or_else(unknown)
        };
        words.iter().map(of).collect()
    }

    /// What a word for a part means: one of `own`, or else as the word is read; a synset stands for itself.
    fn attribute(&self, word: &str, own: &[SynsetId]) -> Option<SynsetId> {
        if let Ok(synset) = word.parse() {
            return self.lexicon.synset(synset).map(|_| synset);
        }
        let LookedUp { rule: Rule::Label, senses, read_as } = self.look_up(word)? else {
            return None;
        };
        let as_own = senses.iter().copied().find(|sense| own.contains(sense));
        as_own.or(read_as).or(senses.first().copied())
    }

    /// Parts of a thing, and of what it is a kind of.
    #[must_use]
    pub fn attributes(&self, synset: SynsetId) -> Vec<SynsetId> {
        self.lexicon.attributes(synset).into_iter().collect()
    }

    /// Values of a word vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.completer.dimension()
    }

    /// The word vector of a meaning, if one is known.
    #[must_use]
    pub fn word(&self, synset: SynsetId) -> Option<Array1<f32>> {
        self.lexicon.vector(synset)
    }

    /// One meaning in words; `None` for a synset that is not in the lexicon.
    #[must_use]
    pub fn sense(&self, synset: SynsetId) -> Option<Sense> {
        let found = self.lexicon.synset(synset)?;
        let (lemmas, gloss) = self.definition(synset)?;
        let name = |id: &SynsetId| self.name(*id);
        let attributes = self.attributes(synset);
        Some(Sense {
            synset,
            lemmas,
            gloss,
            kind_of: found.hypernyms.iter().filter_map(name).collect(),
            attributes: self.parts(&attributes),
            has_vector: self.lexicon.vector(synset).is_some(),
        })
    }

    /// Raw prototypes by knowledge alone, `[n, s]`; the [space](Self::space)'s center where nothing is known.
    #[must_use]
    pub fn semantic(&self, meanings: &[Option<Meaning>]) -> Array2<f32> {
        let known = meanings.iter().map(|meaning| {
            let known = meaning.and_then(|meaning| self.lexicon.descriptor(meaning.synset));
            known.unwrap_or_else(|| SemanticDescriptor::unknown(self.completer.dimension()))
        });
        self.completer.semantic(&known.collect::<Vec<_>>())
    }
}

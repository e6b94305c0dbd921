//! Name knowledge: maps a class label to a WordNet sense, and a sense to a semantic prototype.
//!
//! A meaning is looked up whenever it is needed; the gallery keeps only what the user set.
//!
//! # Examples
//! ```
//! use edge::lexicon::NameKnowledge;
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let folder = "tests/fixtures/knowing/knowing-bundle";
//! let bundle = Bundle::open(folder.as_ref(), &BundleLimits::default())?;
//! let names = NameKnowledge::open(&bundle)?.expect("the bundle has a lexicon");
//! let zebra = names.read("zebra").expect("a noun of the lexicon");
//! assert_eq!(names.name(zebra.synset).as_deref(), Some("zebra"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod head_noun;
mod words;

use std::collections::BTreeSet;

use few_shot::embedding_frame::EmbeddingFrame;
use few_shot::kernel::{KernelError, NameRegressor};
use few_shot::name_bias::NameBias;
use models::bundle::{Bundle, BundleError};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::lexicon::{Lexicon, LexiconError};
use models::knowledge::wordnet::SynsetId;
use ndarray::{Array1, Array2};

use crate::gallery::{Class, SenseOverride};
use head_noun::HeadNoun;

pub use head_noun::{LookedUp, Rule};

/// The most attributes that a sense or a class lists, and that a user may set for a class. An
/// animal has dozens.
pub const MAX_ATTRIBUTES: usize = 128;

/// The most characters of a wrong word that an error repeats.
const MAX_SHOWN: usize = 64;

/// The name regressor and the lexicon of a bundle.
#[derive(Debug)]
pub struct NameKnowledge {
    regressor: NameRegressor,
    lexicon: Lexicon,
}

/// Why the name knowledge of a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameKnowledgeError {
    /// A file is missing, or is another one than the manifest says.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The file of the name regressor.
    #[error("the bundle's name regressor cannot be used: {0}")]
    Kernel(#[from] KernelError),
    /// The file of the lexicon.
    #[error("the bundle's lexicon cannot be used: {0}")]
    Lexicon(#[from] LexiconError),
    /// Each file is sound, but they do not belong together.
    #[error("the bundle's name knowledge does not fit it: {what} is {got}, expected {expected}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// That of the backbone or of the name regressor.
        expected: String,
        /// As found.
        got: String,
    },
}

/// Why the attributes of a class cannot be set.
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

impl AttributeError {
    fn unknown(word: &str) -> Self {
        Self::Unknown(word.chars().take(MAX_SHOWN).collect())
    }
}

/// The meaning of a class name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The noun's synset.
    pub synset: SynsetId,
    /// Why this one.
    pub rule: Rule,
}

/// A meaning with its words and its definition, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeaningInfo {
    /// The synset of the noun.
    pub synset: SynsetId,
    /// How it was found.
    pub rule: Rule,
    /// The words of the synset.
    pub lemmas: Vec<String>,
    /// The definition of the synset.
    pub gloss: String,
}

/// One sense of a noun, for a user to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sense {
    /// Its synset.
    pub synset: SynsetId,
    /// Its words.
    pub lemmas: Vec<String>,
    /// Its definition.
    pub gloss: String,
    /// Its direct hypernyms.
    pub kind_of: Vec<String>,
    /// The attributes of it and of its hypernyms; at most [`MAX_ATTRIBUTES`].
    pub attributes: Vec<Attribute>,
    /// Whether it has a word vector, without which its semantic prototype is uncertain.
    pub has_vector: bool,
}

/// An attribute of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its synset.
    pub synset: SynsetId,
    /// Its first word.
    pub name: String,
}

impl NameKnowledge {
    /// Opens the name knowledge of a bundle; `None` if it has none.
    ///
    /// # Errors
    /// See [`NameKnowledgeError`]. The bundle can be used without it.
    pub fn open(bundle: &Bundle) -> Result<Option<Self>, NameKnowledgeError> {
        let (Some(files), Some(lexicon)) = (&bundle.manifest.knowledge, bundle.lexicon()?) else {
            return Ok(None);
        };
        let kernel = bundle.file(&files.kernel).unwrap_or_default();
        let (space_id, regressor) = NameRegressor::parse(kernel)?;
        // The bundle has compared it with the hash of the manifest: one hash of the file is enough.
        let lexicon = Lexicon::parse_verified(&lexicon)?;
        check("the space of the name regressor", &bundle.manifest.space_id, &space_id)?;
        let size = bundle.manifest.backbone.embedding_size;
        check("the embedding of the name regressor", size, regressor.frame().center().len())?;
        let dimension = lexicon.header().dimension;
        check("the lexicon's word vector", regressor.dimension(), dimension)?;
        Ok(Some(Self { regressor, lexicon }))
    }

    /// The frame of the semantic prototypes.
    #[must_use]
    pub fn frame(&self) -> &EmbeddingFrame {
        self.regressor.frame()
    }

    /// What ranking adds for classes without images.
    #[must_use]
    pub fn name_bias(&self) -> &NameBias {
        self.regressor.name_bias()
    }

    /// The meaning of a class: the sense that the user set, or the default sense of its label.
    #[must_use]
    pub fn meaning(&self, class: &Class) -> Option<Meaning> {
        self.meaning_as(class.label.as_str(), class.overrides.sense)
    }

    /// The meaning of a class with this label and this override.
    #[must_use]
    pub fn meaning_as(&self, label: &str, sense: Option<SenseOverride>) -> Option<Meaning> {
        match sense {
            Some(SenseOverride::ImagesOnly) => None,
            Some(SenseOverride::Synset(synset)) => {
                self.lexicon.synset(synset).map(|_| Meaning { synset, rule: Rule::Override })
            }
            None => self.read(label),
        }
    }

    /// The default meaning of a label; `None` if no sense is something that an image can show.
    #[must_use]
    pub fn read(&self, label: &str) -> Option<Meaning> {
        let LookedUp { rule, default_sense, .. } = self.look_up(label)?;
        default_sense.map(|synset| Meaning { synset, rule })
    }

    /// Looks a label up: its words together, or else as many of its last words as are a noun ("my
    /// blue coffee mug" is a coffee mug). `None` when it ends with no noun that the lexicon has.
    #[must_use]
    pub fn look_up(&self, label: &str) -> Option<LookedUp> {
        HeadNoun::new(&self.lexicon).look_up(label)
    }

    /// The nouns of the lexicon that begin with this text, in the order of their letters, at most
    /// `limit`.
    #[must_use]
    pub fn completions(&self, beginning: &str, limit: usize) -> Vec<String> {
        let found = self.lexicon.search(beginning, limit).into_iter();
        found.map(|lemma| lemma.replace('_', " ")).collect()
    }

    /// A meaning with its words and its definition; `None` for a synset that is not in the lexicon.
    #[must_use]
    pub fn describe(&self, Meaning { synset, rule }: Meaning) -> Option<MeaningInfo> {
        let (lemmas, gloss) = self.definition(synset)?;
        Some(MeaningInfo { synset, rule, lemmas, gloss })
    }

    /// Words and definition of a synset; `None` if it is not in the lexicon.
    #[must_use]
    pub fn definition(&self, synset: SynsetId) -> Option<(Vec<String>, String)> {
        let found = self.lexicon.synset(synset)?;
        Some((found.lemmas.iter().map(|lemma| lemma.replace('_', " ")).collect(), found.gloss))
    }

    /// The first word of a synset; `None` if it is not in the lexicon.
    #[must_use]
    pub fn name(&self, synset: SynsetId) -> Option<String> {
        Some(self.lexicon.first_lemma(synset)?.replace('_', " "))
    }

    /// The attributes of a class: those that the user set, or those of its meaning.
    #[must_use]
    pub fn attributes_of(&self, class: &Class) -> Vec<SynsetId> {
        match (&class.overrides.attributes, self.meaning(class)) {
            (Some(set), _) => set.iter().copied().collect(),
            (None, Some(meaning)) => self.attributes(meaning.synset),
            (None, None) => Vec::new(),
        }
    }

    /// The same with names; at most [`MAX_ATTRIBUTES`].
    #[must_use]
    pub fn listed_attributes(&self, class: &Class) -> Vec<Attribute> {
        self.parts(&self.attributes_of(class))
    }

    fn parts(&self, attributes: &[SynsetId]) -> Vec<Attribute> {
        let named = attributes
            .iter()
            .filter_map(|&synset| Some(Attribute { synset, name: self.name(synset)? }));
        named.take(MAX_ATTRIBUTES).collect()
    }

    /// What people say that a class of this meaning has, in words or synsets. A word is read as a
    /// part that the meaning has, where it has one of that name.
    ///
    /// # Errors
    /// Names the word that the lexicon does not have; more than [`MAX_ATTRIBUTES`] words.
    pub fn resolve_attributes<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str>,
        meaning: Option<Meaning>,
    ) -> Result<BTreeSet<SynsetId>, AttributeError> {
        let words: Vec<&str> = words.into_iter().collect();
        // Words may be those of a request: they are counted before any is looked up.
        if words.len() > MAX_ATTRIBUTES {
            return Err(AttributeError::TooMany(words.len()));
        }
        let own = meaning.map(|meaning| self.attributes(meaning.synset)).unwrap_or_default();
        let mut attributes = BTreeSet::new();
        for word in words {
            let attribute = self.attribute(word, &own);
            attributes.insert(attribute.ok_or_else(|| AttributeError::unknown(word))?);
        }
        Ok(attributes)
    }

    /// What a word for a part means: one of `own`, or else as the word is read; a synset stands for
    /// itself.
    fn attribute(&self, word: &str, own: &[SynsetId]) -> Option<SynsetId> {
        if let Ok(synset) = word.parse() {
            return self.lexicon.synset(synset).map(|_| synset);
        }
        // The head noun would drop the other words unseen.
        let LookedUp { rule: Rule::Label, senses, default_sense } = self.look_up(word)? else {
            return None;
        };
        let as_own = senses.iter().copied().find(|sense| own.contains(sense));
        as_own.or(default_sense).or(senses.first().copied())
    }

    /// The attributes of a synset and of its hypernyms.
    #[must_use]
    pub fn attributes(&self, synset: SynsetId) -> Vec<SynsetId> {
        self.lexicon.attributes(synset).into_iter().collect()
    }

    /// The length of a word vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.regressor.dimension()
    }

    /// The word vector of a synset, `[d]`, if it has one.
    #[must_use]
    pub fn word(&self, synset: SynsetId) -> Option<Array1<f32>> {
        self.lexicon.vector(synset)
    }

    /// A synset for display; `None` if it is not in the lexicon.
    #[must_use]
    pub fn sense(&self, synset: SynsetId) -> Option<Sense> {
        let found = self.lexicon.synset(synset)?;
        let (lemmas, gloss) = self.definition(synset)?;
        let attributes = self.attributes(synset);
        Some(Sense {
            synset,
            lemmas,
            gloss,
            kind_of: found.hypernyms.iter().filter_map(|&id| self.name(id)).collect(),
            attributes: self.parts(&attributes),
            has_vector: self.lexicon.vector(synset).is_some(),
        })
    }

    /// Raw semantic prototypes, `[n, s]`; the center of the [frame](Self::frame) without a meaning.
    #[must_use]
    pub fn semantic(&self, meanings: &[Option<Meaning>]) -> Array2<f32> {
        self.regressor.semantic(&self.descriptors(meanings))
    }

    /// The name regressor.
    #[must_use]
    pub fn regressor(&self) -> &NameRegressor {
        &self.regressor
    }

    /// What the regressor predicts from, one for each meaning.
    pub(crate) fn descriptors(&self, meanings: &[Option<Meaning>]) -> Vec<SemanticDescriptor> {
        let descriptors = meanings.iter().map(|meaning| {
            let known = meaning.and_then(|meaning| self.lexicon.descriptor(meaning.synset));
            // Rows stay in step with the classes.
            known.unwrap_or_else(|| SemanticDescriptor::unknown(self.regressor.dimension()))
        });
        descriptors.collect()
    }
}

/// Refuses a file of another bundle.
fn check<T: PartialEq + ToString>(
    what: &'static str,
    expected: T,
    got: T,
) -> Result<(), NameKnowledgeError> {
    if got == expected {
        return Ok(());
    }
    Err(NameKnowledgeError::Mismatch { what, expected: expected.to_string(), got: got.to_string() })
}

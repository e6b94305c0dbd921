//! Senses of a noun.

use edge::{lexicon, recognizer};
use serde::Serialize;
use utoipa::ToSchema;

use super::class::Attribute;

/// The WordNet senses of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Senses {
    /// The noun of the request.
    #[schema(max_length = 128, example = "mug")]
    pub q: String,
    /// The id of the sense that a class with this label gets unless another is set; null if no
    /// sense of the noun is a visible thing.
    #[schema(pattern = "^n[0-9]{8}$", example = "n03797390")]
    pub default_sense: Option<String>,
    /// Most frequent first; empty if the lexicon does not have the noun.
    #[schema(max_items = 1000)]
    pub senses: Vec<Sense>,
    /// The nouns of the lexicon that begin with `q`, in the order of their letters; empty without
    /// `prefix=true`.
    #[schema(max_items = 20, example = json!(["mug", "mug file", "mugful"]))]
    pub completions: Vec<String>,
}

/// One sense of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sense {
    /// The id of the WordNet 3.0 sense, such as `n03147509`.
    #[schema(example = "n03797390", pattern = "^n[0-9]{8}$")]
    pub synset: String,
    /// The words with this sense.
    #[schema(max_items = 100)]
    pub lemmas: Vec<String>,
    /// The definition.
    #[schema(max_length = 4096)]
    pub gloss: String,
    /// More general senses (direct hypernyms): a mug is a kind of cup.
    #[schema(max_items = 100)]
    pub kind_of: Vec<String>,
    /// The parts that WordNet lists for the sense and its hypernyms; at most 128.
    #[schema(max_items = 128)]
    pub attributes: Vec<Attribute>,
    /// True if the bundle has a word vector for the sense. Without one, the name helps little to
    /// recognize the class.
    pub vector: bool,
}

impl Senses {
    /// The senses of a noun, and the nouns that begin with it.
    #[must_use]
    pub fn new(senses: recognizer::Senses, completions: Vec<String>) -> Self {
        Self {
            completions,
            q: senses.noun,
            default_sense: senses.default_sense.map(|synset| synset.to_string()),
            senses: senses.senses.into_iter().map(Sense::from).collect(),
        }
    }
}

impl From<lexicon::Sense> for Sense {
    fn from(sense: lexicon::Sense) -> Self {
        Self {
            synset: sense.synset.to_string(),
            lemmas: sense.lemmas,
            gloss: sense.gloss,
            kind_of: sense.kind_of,
            attributes: sense.attributes.iter().map(Attribute::from).collect(),
            vector: sense.has_vector,
        }
    }
}

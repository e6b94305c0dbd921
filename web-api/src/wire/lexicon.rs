//! Senses of a noun.

use edge::{lexicon, recognizer};
use serde::Serialize;
use utoipa::ToSchema;

use super::class::Attribute;

/// The WordNet senses of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Senses {
    /// The noun of the request.
    pub q: String,
    /// The sense that a class with this label has without an override.
    pub default_sense: Option<String>,
    /// Most frequent first; empty if the lexicon does not have the noun.
    pub senses: Vec<Sense>,
}

/// One sense of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sense {
    /// The WordNet 3.0 noun synset.
    #[schema(example = "n03797390")]
    pub synset: String,
    /// The words of the synset.
    pub lemmas: Vec<String>,
    /// The definition.
    pub gloss: String,
    /// The direct hypernyms.
    pub kind_of: Vec<String>,
    /// Parts of it and of its hypernyms; at most 128.
    pub attributes: Vec<Attribute>,
    /// True if a word vector is known. Without one the name adds little.
    pub vector: bool,
}

impl From<recognizer::Senses> for Senses {
    fn from(senses: recognizer::Senses) -> Self {
        Self {
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

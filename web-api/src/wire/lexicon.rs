//! Senses of a noun.

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

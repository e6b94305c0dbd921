//! Senses of a noun.

use serde::Serialize;
use utoipa::ToSchema;

use super::class::Part;

/// The meanings of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Senses {
    /// The noun asked for.
    pub q: String,
    /// The synset that a class of this name is taken to mean unless people say otherwise.
    pub read_as: Option<String>,
    /// Most frequent first; none when the lexicon does not have the noun.
    pub senses: Vec<Sense>,
}

/// One meaning of a noun.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sense {
    /// The WordNet 3.0 noun.
    #[schema(example = "n03797390")]
    pub synset: String,
    /// Its words.
    pub lemmas: Vec<String>,
    /// Its definition.
    pub gloss: String,
    /// What it is a kind of, directly.
    pub kind_of: Vec<String>,
    /// Parts of it and of what it is a kind of; at most 128.
    pub attributes: Vec<Part>,
    /// Whether a word vector is known, without which a name tells little.
    pub vector: bool,
}

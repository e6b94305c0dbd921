//! Classes of a gallery.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every class of a gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Classes {
    /// Sorted by label.
    pub classes: Vec<Class>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A class: something that can be recognized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Class {
    /// Stable; never used again.
    #[schema(example = "@7")]
    pub id: String,
    /// What people call it; may change.
    #[schema(example = "mug")]
    pub label: String,
    /// How many images it was learned from.
    pub examples: usize,
    /// True while it has no image: it is known by its name alone, or not at all.
    pub provisional: bool,
    /// What its name is taken to mean; null where nothing is known of it.
    pub meaning: Option<Meaning>,
    /// People said that its name means nothing: only its images count.
    pub images_only: bool,
    /// What it has: as people said, or else as WordNet says of its meaning; at most 128. Explanations weigh these.
    pub attributes: Vec<Part>,
    /// Whether people said what it has.
    pub attributes_said: bool,
}

/// What a class's name is taken to mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meaning {
    /// The WordNet 3.0 noun.
    #[schema(example = "n03797390")]
    pub synset: String,
    /// Why this one: `label` (the whole label is its name), `head-noun` (the label's last words are), `said` (by people).
    #[schema(example = "label")]
    pub rule: &'static str,
    /// Its words.
    pub lemmas: Vec<String>,
    /// Its definition.
    pub gloss: String,
}

/// An attribute of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// The WordNet 3.0 noun.
    #[schema(example = "n03485997")]
    pub synset: String,
    /// In a word.
    #[schema(example = "handle")]
    pub name: String,
}

/// What a class means. An empty object: what its label says.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDefinition {
    /// This WordNet noun, of those that `GET /v1/lexicon` lists.
    #[serde(default)]
    #[schema(example = "n03793489")]
    pub synset: Option<String>,
    /// Nothing: only its images count.
    #[serde(default)]
    pub images_only: bool,
    /// What it has: nouns that the lexicon has, or their synsets; at most 128. Left out: what its meaning has.
    #[serde(default)]
    #[schema(example = json!(["spout", "lid"]))]
    pub attributes: Option<Vec<String>>,
}

/// One class and the revision it was read at or changed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OneClass {
    /// As it is now; after a deletion, as it was.
    pub class: Class,
    /// The gallery's revision, also in the header `etag`.
    pub revision: u64,
}

/// A change of a class.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassPatch {
    /// Its new name: 1 to 128 characters, no `/`, no control characters.
    #[schema(example = "blue mug")]
    pub label: String,
}

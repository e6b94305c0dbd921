//! Classes of a gallery.

use edge::lexicon::MeaningInfo;
use edge::recognizer::ClassInfo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The classes of a gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Classes {
    /// Sorted by label.
    pub classes: Vec<Class>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Class {
    /// Stable; never reused.
    #[schema(example = "@7")]
    pub id: String,
    /// The name of the class; can change.
    #[schema(example = "mug")]
    pub label: String,
    /// Number of examples.
    pub examples: usize,
    /// True without examples: the class is recognized from its name only, or not at all.
    pub provisional: bool,
    /// The sense of the class; null if no sense is known.
    pub meaning: Option<Meaning>,
    /// True if an override says that the class has no sense: only its images are used.
    pub images_only: bool,
    /// The attributes used in explanations: those of the override, else those that WordNet lists
    /// for the sense; at most 128.
    pub attributes: Vec<Attribute>,
    /// True if the attributes come from an override.
    pub attributes_overridden: bool,
}

/// The sense of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meaning {
    /// The WordNet 3.0 noun synset.
    #[schema(example = "n03797390")]
    pub synset: String,
    /// How the sense was chosen: `label` (the whole label is a lemma), `head-noun` (the last words
    /// of the label are a lemma), `override` (set by a client).
    #[schema(example = "label")]
    pub rule: &'static str,
    /// The words of the synset.
    pub lemmas: Vec<String>,
    /// The definition.
    pub gloss: String,
}

/// An attribute of a class, such as a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attribute {
    /// The WordNet 3.0 noun synset.
    #[schema(example = "n03485997")]
    pub synset: String,
    /// The first word of the synset.
    #[schema(example = "handle")]
    pub name: String,
}

impl From<&ClassInfo> for Class {
    fn from(class: &ClassInfo) -> Self {
        Self {
            id: class.id.to_string(),
            label: class.label.to_string(),
            examples: class.examples,
            provisional: class.examples == 0,
            meaning: class.meaning.as_ref().map(Meaning::from),
            images_only: class.images_only,
            attributes: class.attributes.iter().map(Attribute::from).collect(),
            attributes_overridden: class.attributes_overridden,
        }
    }
}

impl From<&MeaningInfo> for Meaning {
    fn from(meaning: &MeaningInfo) -> Self {
        Self {
            synset: meaning.synset.to_string(),
            rule: meaning.rule.as_str(),
            lemmas: meaning.lemmas.clone(),
            gloss: meaning.gloss.clone(),
        }
    }
}

impl From<&edge::lexicon::Attribute> for Attribute {
    fn from(attribute: &edge::lexicon::Attribute) -> Self {
        Self { synset: attribute.synset.to_string(), name: attribute.name.clone() }
    }
}

/// Overrides of a class. An empty object: the sense comes from the label.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDefinition {
    /// The sense: a WordNet noun synset, as listed by `GET /v1/lexicon`.
    #[serde(default)]
    #[schema(example = "n03793489")]
    pub synset: Option<String>,
    /// No sense: only the images are used.
    #[serde(default)]
    pub images_only: bool,
    /// The attributes: nouns or their synsets, at most 128. Without it: those of the sense.
    #[serde(default)]
    #[schema(example = json!(["spout", "lid"]))]
    pub attributes: Option<Vec<String>>,
}

/// One class and the gallery's revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OneClass {
    /// The class as it is now; after a deletion, as it was.
    pub class: Class,
    /// The gallery's revision, also in the header `etag`.
    pub revision: u64,
}

/// A change of a class.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassPatch {
    /// The new label: 1 to 128 characters, no `/`, no control characters.
    #[schema(example = "blue mug")]
    pub label: String,
}

//! Classes of a gallery.

use edge::lexicon::MeaningInfo;
use edge::recognizer::ClassInfo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::merge_patch;

/// Classes of a gallery.
// Written in parts by `routes::class_list`; only its schema is used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Classes {
    /// Sorted by label.
    #[schema(max_items = 1000)]
    pub classes: Vec<Class>,
    /// The value of `after` for the classes that follow; null after the last one.
    #[schema(max_length = 128, example = "mug")]
    pub next: Option<String>,
    /// The gallery's revision.
    pub revision: u64,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Class {
    /// The id of the class, such as `c_8f3a21`: stable, and never used again.
    #[schema(
        example = "c_0193b7a2c4d870008f3a21b4cd56ef78",
        max_length = 64,
        pattern = "^c_[0-9a-f]{32}$"
    )]
    pub id: String,
    /// The name of the class; can change.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub label: String,
    /// Number of examples.
    pub examples: usize,
    /// True if the class has no examples. It is recognized from its name only, or not at all if
    /// `meaning` is null.
    pub provisional: bool,
    /// The sense of the class's label; null if none is known or `images_only` is true.
    pub meaning: Option<Meaning>,
    /// True if the label is ignored: only images are used.
    pub images_only: bool,
    /// The attributes (parts) that explanations name: those that were set, else those that WordNet
    /// lists for the sense and its hypernyms; at most 128. They do not change the classification.
    #[schema(max_items = 128)]
    pub attributes: Vec<Attribute>,
    /// True if the attributes were set.
    pub attributes_overridden: bool,
}

/// The sense of a class, and how it was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meaning {
    /// The id of the WordNet 3.0 sense, such as `n03147509`.
    #[schema(example = "n03797390", pattern = "^n[0-9]{8}$")]
    pub synset: String,
    /// How the sense was chosen: `label` (the whole label is a noun of WordNet), `head-noun` (only
    /// its last words are: `coffee mug` of `red coffee mug`) or `override` (it was set).
    #[schema(example = "label", max_length = 16)]
    pub rule: &'static str,
    /// The words with this sense.
    #[schema(max_items = 100, example = json!(["mug"]))]
    pub lemmas: Vec<String>,
    /// The definition.
    #[schema(max_length = 4096, example = "with handle and usually cylindrical")]
    pub gloss: String,
}

/// An attribute of a class: a part, such as a handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attribute {
    /// The id of the WordNet 3.0 sense, such as `n03147509`.
    #[schema(example = "n03485997", pattern = "^n[0-9]{8}$")]
    pub synset: String,
    /// The name of the attribute, such as `handle`.
    #[schema(example = "handle", max_length = 256)]
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

/// Settings that override what the label of a class implies. An empty object removes all earlier
/// settings.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDefinition {
    /// The id of the sense, as listed by `GET /v1/lexicon`. Without it, the label decides.
    #[serde(default)]
    #[schema(example = "n03793489", pattern = "^n[0-9]{8}$")]
    pub synset: Option<String>,
    /// Ignore the label and use only images.
    #[serde(default)]
    pub images_only: bool,
    /// The attributes: nouns or ids of senses, at most 128. Without them, the attributes of the
    /// sense are used.
    #[serde(default)]
    #[schema(example = json!(["spout", "lid"]), max_items = 128)]
    pub attributes: Option<Vec<String>>,
}

/// One class and the gallery's revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OneClass {
    /// The class as it is now; after a deletion, as it was.
    pub class: Class,
    /// The gallery's revision, also in the header `etag`.
    pub revision: u64,
    /// The id of the change that this call made, by which it is undone; null if it changed nothing,
    /// as a read does.
    #[schema(pattern = "^ch_[0-9a-f]{32}$", example = "ch_0193b7a2c4d870008a3f21b4cd56ef78")]
    pub change: Option<String>,
}

/// The class that takes over the examples of another one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassMerge {
    /// Its id or label.
    #[schema(example = "mug", min_length = 1, max_length = 128)]
    pub into: String,
}

/// A change of a class, as a merge patch (RFC 7396): a field that is absent stays as it is, and
/// null resets it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassPatch {
    /// The new label: 1 to 128 characters, no `/`, no control characters.
    #[serde(default, deserialize_with = "merge_patch::text")]
    #[schema(
        value_type = String,
        example = "blue mug",
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f/]+$"
    )]
    pub label: Option<String>,
    /// The id of the sense, as listed by `GET /v1/lexicon`; it ends `images_only`. Null: the label
    /// decides.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<String>, example = "n03793489", pattern = "^n[0-9]{8}$")]
    pub synset: Option<Option<String>>,
    /// True: ignore the label and use only images; it ends `synset`. False and null: the label is
    /// used.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<bool>)]
    pub images_only: Option<Option<bool>>,
    /// The attributes: nouns or ids of senses, at most 128. Null: those of the sense.
    #[serde(default, deserialize_with = "merge_patch::present")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["spout", "lid"]), max_items = 128)]
    pub attributes: Option<Option<Vec<String>>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn absent_and_null_are_two_things() {
        let absent: ClassPatch = serde_json::from_str("{}").unwrap();
        assert_eq!(absent, ClassPatch::default());
        let null = r#"{"synset":null,"images_only":null,"attributes":null}"#;
        let null: ClassPatch = serde_json::from_str(null).unwrap();
        let reset = ClassPatch {
            label: None,
            synset: Some(None),
            images_only: Some(None),
            attributes: Some(None),
        };
        assert_eq!(null, reset);
        assert!(serde_json::from_str::<ClassPatch>(r#"{"label":null}"#).is_err());
    }
}

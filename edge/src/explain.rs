//! Explains an answer: the share of the name, the attributes of the class, the most similar
//! examples.
//!
//! # Examples
//! ```
//! use edge::classifier::Classifier;
//! use edge::explain::explain;
//! use edge::gallery::{Gallery, Label, NewExample};
//!
//! let mut gallery = Gallery::in_memory();
//! let sha256 = [0; 32];
//! let embedding = vec![1.0, 0.0];
//! let precision = "fp32".to_owned();
//! let example = NewExample { sha256, crop: None, embedding, precision, image: None };
//! gallery.enroll(&Label::parse("mug")?, vec![example], true)?;
//! let image = [0.8, 0.6];
//! let best = &Classifier::new(gallery.iter(), None).rank(&image, 1)[0];
//! let explanation = explain(best, gallery.class("mug")?, &image, None, None)?;
//! assert!((explanation.nearest[0].similarity - 0.8).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use few_shot::prototype;
use models::knowledge::wordnet::SynsetId;
use ndarray::{Array1, ArrayView1, Axis};

use crate::attention::{Attention, AttentionError};
use crate::classifier::{self, Candidate, Neighbor};
use crate::gallery::Class;
use crate::lexicon::{Meaning, MeaningInfo, NameKnowledge};

/// The examples that an explanation names.
const MAX_NEAREST: usize = 3;

/// The most attributes that an explanation names; an animal has dozens.
const MAX_ATTRIBUTES: usize = 16;

/// Why an image was classified as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The share of the semantic prototype, 0 to 1; the rest is that of the images.
    pub knowledge: f32,
    /// The meaning of the class name; `None` if it does not contribute.
    pub meaning: Option<MeaningInfo>,
    /// The attributes of the class, those with the greatest weights first. Empty if the name does
    /// not contribute and the user set none.
    pub attributes: Vec<AttributeWeight>,
    /// The most similar examples of the class, best first.
    pub nearest: Vec<Neighbor>,
}

/// An attribute and its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeWeight {
    /// Its first word.
    pub name: String,
    /// Its share of the class prototype (the attention of ProtoComNet); `None` if no base class had
    /// it, or if the bundle has no ProtoComNet.
    pub weight: Option<f32>,
}

/// Explains the best candidate for the raw embedding `[s]` of an image; `class` is its class.
///
/// # Errors
/// When an engine that has started fails now.
pub fn explain(
    best: &Candidate,
    class: &Class,
    embedding: &[f32],
    names: Option<&NameKnowledge>,
    attention: Option<&mut Attention>,
) -> Result<Explanation, AttentionError> {
    // Attributes that the user set count even if the name does not contribute.
    let has_attributes = best.meaning.is_some() || class.overrides.attributes.is_some();
    let attributes = match names.filter(|_| has_attributes) {
        Some(names) => attributes(class, names, attention)?,
        None => Vec::new(),
    };
    Ok(Explanation {
        knowledge: best.knowledge,
        meaning: best.meaning.and_then(|meaning| names?.describe(meaning)),
        attributes,
        nearest: classifier::nearest(class, embedding, MAX_NEAREST),
    })
}

fn attributes(
    class: &Class,
    names: &NameKnowledge,
    attention: Option<&mut Attention>,
) -> Result<Vec<AttributeWeight>, AttentionError> {
    let all = names.attributes_of(class);
    // Not that of the candidate, which has none if its share rounds to 0 %: ProtoComNet reads the
    // word of a class however much the images agree with it.
    let meaning = names.meaning(class);
    let word = match meaning {
        Some(meaning) => names.word(meaning.synset),
        // Attributes that the user set are weighed also where the class has no sense.
        None => Some(Array1::zeros(names.dimension())),
    };
    let weights = match attention.zip(word) {
        Some((attention, word)) => {
            let prototype = prototype(class, meaning, names);
            attention.weights(prototype.view(), word, all.iter().copied())?
        }
        None => Vec::new(),
    };
    let mut found: Vec<AttributeWeight> = all
        .into_iter()
        .filter_map(|id| Some(AttributeWeight { name: names.name(id)?, weight: of(id, &weights) }))
        .collect();
    // `None` is less than any weight; equals stay in the order of the lexicon.
    found.sort_by(|a, b| b.weight.partial_cmp(&a.weight).unwrap_or(std::cmp::Ordering::Equal));
    // After the sort, so that the greatest weights stay.
    found.truncate(MAX_ATTRIBUTES);
    Ok(found)
}

fn of(attribute: SynsetId, weights: &[(SynsetId, f32)]) -> Option<f32> {
    weights.iter().find(|(id, _)| *id == attribute).map(|(_, weight)| *weight)
}

/// The mean of the examples of the class, or its semantic prototype if it has none; raw, `[s]`.
fn prototype(class: &Class, meaning: Option<Meaning>, names: &NameKnowledge) -> Array1<f32> {
    let rows: Vec<_> =
        class.examples.iter().map(|example| ArrayView1::from(&example.embedding)).collect();
    match ndarray::stack(Axis(0), &rows) {
        Ok(rows) if !rows.is_empty() => prototype::mean(rows.view()),
        _ => names.semantic(&[meaning]).row(0).to_owned(),
    }
}

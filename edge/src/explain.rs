//! Why an image was named so: what the answer rests on, the attributes of the thing, the images most like it.

use few_shot::prototype;
use ndarray::{Array1, ArrayView1, Axis};

use crate::attention::{Attention, AttentionError};
use crate::classifier::{self, Candidate, Near};
use crate::gallery::Class;
use crate::knowledge::{Knowledge, Meaning};

/// The images that an explanation names.
const MAX_NEAREST: usize = 3;

/// The most attributes that an explanation names; an animal has dozens.
const MAX_ATTRIBUTES: usize = 16;

/// Why an image was named so.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The share of the name in the prototype, 0 to 1; the rest is the images'.
    pub knowledge: f32,
    /// What the name was taken to mean; `None` when it played no part.
    pub meaning: Option<Meaning>,
    /// What such a thing has: those that were weighed first, by their weight; none when the name played no part and people
    /// said nothing.
    pub attributes: Vec<Attribute>,
    /// The images of the class that are most alike, best first.
    pub nearest: Vec<Near>,
}

/// Something that a thing has.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// In a word.
    pub name: String,
    /// How much it counts for the class's prototype (the attention of ProtoComNet); `None` where no base class had it, or
    /// the bundle has no ProtoComNet.
    pub weight: Option<f32>,
}

/// Explains the best answer for `embedding`, which is this `class`.
///
/// # Errors
/// When an engine that started before fails now.
pub fn explain(
    best: &Candidate,
    class: &Class,
    embedding: &[f32],
    knowledge: Option<&Knowledge>,
    attention: Option<&mut Attention>,
) -> Result<Explanation, AttentionError> {
    // What people said counts, whether or not the name does.
    let tells = best.meaning.is_some() || class.said.attributes.is_some();
    let attributes = knowledge
        .filter(|_| tells)
        .map(|knowledge| attributes(class, best.meaning, knowledge, attention));
    Ok(Explanation {
        knowledge: best.knowledge,
        meaning: best.meaning,
        attributes: attributes.transpose()?.unwrap_or_default(),
        nearest: classifier::nearest(class, embedding, MAX_NEAREST),
    })
}

fn attributes(
    class: &Class,
    meaning: Option<Meaning>,
    knowledge: &Knowledge,
    attention: Option<&mut Attention>,
) -> Result<Vec<Attribute>, AttentionError> {
    let all = knowledge.attributes_of(class);
    let word = match meaning {
        Some(meaning) => knowledge.word(meaning.synset),
        // A class without a meaning is weighed without a word.
        None => Some(Array1::zeros(knowledge.dimension())),
    };
    let weights = match attention.zip(word) {
        Some((attention, word)) => {
            let prototype = prototype(class, meaning, knowledge);
            attention.weights(prototype.view(), word, all.iter().copied())?
        }
        None => Vec::new(),
    };
    let weight = |id| weights.iter().find(|(of, _)| *of == id).map(|(_, weight)| *weight);
    let mut found: Vec<Attribute> = all
        .into_iter()
        .filter_map(|id| Some(Attribute { name: knowledge.name(id)?, weight: weight(id) }))
        .collect();
    // `None` is less than any weight; equals stay in the lexicon's order.
    found.sort_by(|a, b| b.weight.partial_cmp(&a.weight).unwrap_or(std::cmp::Ordering::Equal));
    found.truncate(MAX_ATTRIBUTES);
    Ok(found)
}

/// The mean of the class's images, or what its name tells if it has none; raw, `[s]`.
fn prototype(class: &Class, meaning: Option<Meaning>, knowledge: &Knowledge) -> Array1<f32> {
    let rows: Vec<_> =
        class.examples.iter().map(|example| ArrayView1::from(&example.embedding)).collect();
    match ndarray::stack(Axis(0), &rows) {
        Ok(rows) if !rows.is_empty() => prototype::mean(rows.view()),
        _ => knowledge.semantic(&[meaning]).row(0).to_owned(),
    }
}

//! What rejects unknown images, measured on the enrolled images of a gallery.

use std::collections::BTreeMap;
use std::sync::Arc;

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::decision::DecisionModel;
use few_shot::decision::gallery::{Classes, Examples, GalleryDecision, Previous};
use few_shot::decision::images::Images;
use few_shot::decision::sampling::sample;
use ndarray::ArrayView1;

use crate::gallery::{Class, ClassId, Example, ExampleId};

/// A decision, with what it was computed from: after a change of the gallery most of that is still
/// of use.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) decision: GalleryDecision<f32>,
    /// The position of each class.
    classes: BTreeMap<ClassId, usize>,
    examples: Described,
    background: Described,
}

/// Examples as a decision sees them.
#[derive(Debug, Clone)]
struct Described {
    /// The position of each.
    positions: BTreeMap<ExampleId, usize>,
    images: Images<f32>,
}

impl Measured {
    /// For the prototypes of `members`, all classes that can be recognized, in order; `previous` is
    /// from before the last change.
    pub(super) fn new(
        model: &Arc<DecisionModel<f32>>,
        prototypes: &ClassPrototypes,
        members: &[&Class],
        background: &[Example],
        previous: Option<&Self>,
    ) -> Self {
        let enrolled = sampled_examples(members);
        let owners: Vec<usize> = enrolled.iter().map(|(class, _)| *class).collect();
        let enrolled = enrolled.into_iter().map(|(_, example)| example);
        let examples = Described::new(model, enrolled, previous.map(|one| &one.examples));
        let background = Described::new(model, background, previous.map(|one| &one.background));
        let decision = GalleryDecision::measured_with(
            Arc::clone(model),
            Classes {
                prototypes: prototypes.rows(),
                image_counts: prototypes.image_counts(),
                name_bias: &prototypes.name_bias().to_vec(),
            },
            Examples { images: &examples.images, classes: &owners },
            &sample(members.iter().map(|class| class.id.number())),
            Previous {
                gallery: previous.map(|one| &one.decision),
                positions: &previous_positions(members, previous),
            },
        );
        Self {
            decision: decision.with_negatives(background.images.clone()),
            classes: members.iter().enumerate().map(|(at, class)| (class.id, at)).collect(),
            examples,
            background,
        }
    }
}

/// A sample of the enrolled images, each with the position of its class.
fn sampled_examples<'a>(members: &[&'a Class]) -> Vec<(usize, &'a Example)> {
    let all = members.iter().enumerate();
    let all: Vec<(usize, &Example)> =
        all.flat_map(|(at, class)| class.examples.iter().map(move |one| (at, one))).collect();
    let sampled = sample(all.iter().map(|(_, example)| example.id.number())).into_iter();
    sampled.map(|position| all[position]).collect()
}

/// Where each class was before the last change.
fn previous_positions(members: &[&Class], previous: Option<&Measured>) -> Vec<Option<usize>> {
    let classes = previous.map(|one| &one.classes);
    members.iter().map(|class| classes?.get(&class.id).copied()).collect()
}

impl Described {
    fn new<'a>(
        model: &DecisionModel<f32>,
        examples: impl IntoIterator<Item = &'a Example>,
        previous: Option<&Self>,
    ) -> Self {
        let examples: Vec<&Example> = examples.into_iter().collect();
        let rows: Vec<ArrayView1<'_, f32>> =
            examples.iter().map(|example| ArrayView1::from(&example.embedding)).collect();
        let none = Self { positions: BTreeMap::new(), images: Images::none(model) };
        let known = previous.unwrap_or(&none);
        let known_at: Vec<Option<usize>> =
            examples.iter().map(|example| known.positions.get(&example.id).copied()).collect();
        Self {
            positions: examples.iter().enumerate().map(|(at, one)| (one.id, at)).collect(),
            images: Images::reusing(model, &rows, &known.images, &known_at),
        }
    }
}

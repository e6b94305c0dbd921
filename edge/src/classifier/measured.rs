//! What rejects unknown images, measured on the enrolled images of a gallery.

use std::collections::HashMap;
use std::sync::Arc;

use few_shot::decision::DecisionModel;
use few_shot::decision::gallery::{Examples, GalleryDecision, Previous, Prototypes};
use few_shot::decision::images::Images;
use ndarray::ArrayView1;

use crate::gallery::Example;

/// A decision, with what it was computed from: after a change of the gallery most of that is still
/// of use.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) decision: GalleryDecision<f32>,
    examples: Described,
    background: Described,
}

/// Examples as a decision sees them.
#[derive(Debug, Clone)]
struct Described {
    /// Not their ids: an example that was embedded again has the same one.
    examples: Arc<[Arc<Example>]>,
    images: Arc<Images<f32>>,
}

/// What a gallery is measured with.
pub(super) struct Sample<'a> {
    /// The positions of classes, ascending.
    pub(super) classes: Vec<usize>,
    /// Enrolled images.
    pub(super) examples: Vec<&'a Arc<Example>>,
    /// The position of the class of each.
    pub(super) owners: Vec<usize>,
}

impl Measured {
    /// For prototypes with these name biases; `previous` is from before the last change.
    pub(super) fn new(
        model: &Arc<DecisionModel<f32>>,
        (prototypes, name_bias): (&Prototypes<f32>, &[f32]),
        sample: &Sample<'_>,
        background: &[Arc<Example>],
        previous: Option<&Self>,
    ) -> Self {
        let background: Vec<&Arc<Example>> = background.iter().collect();
        let (examples, examples_at) =
            Described::new(model, &sample.examples, previous.map(|one| &one.examples));
        let (background, background_at) =
            Described::new(model, &background, previous.map(|one| &one.background));
        let previous = Previous {
            gallery: previous.map(|one| &one.decision),
            examples: &examples_at,
            negatives: &background_at,
        };
        let decision = GalleryDecision::measured_with(
            Arc::clone(model),
            prototypes.clone(),
            name_bias.to_vec(),
            Examples { images: &examples.images, classes: &sample.owners },
            &sample.classes,
            previous,
        );
        let decision = decision.with_negatives_after(Arc::clone(&background.images), previous);
        Self { decision, examples, background }
    }
}

impl Described {
    /// These examples, and the position of each in `previous`.
    fn new(
        model: &DecisionModel<f32>,
        examples: &[&Arc<Example>],
        previous: Option<&Self>,
    ) -> (Self, Vec<Option<usize>>) {
        if let Some(same) = previous.filter(|previous| previous.is_of(examples)) {
            return (same.clone(), (0..examples.len()).map(Some).collect());
        }
        let none = Self { examples: Arc::default(), images: Arc::new(Images::none(model)) };
        let before = previous.unwrap_or(&none);
        let positions: HashMap<*const Example, usize> =
            before.examples.iter().map(Arc::as_ptr).zip(0..).collect();
        let known_at: Vec<Option<usize>> =
            examples.iter().map(|one| positions.get(&Arc::as_ptr(one)).copied()).collect();
        let rows: Vec<ArrayView1<'_, f32>> =
            examples.iter().map(|example| ArrayView1::from(&example.embedding)).collect();
        let images = Arc::new(Images::reusing(model, &rows, &before.images, &known_at));
        (Self { examples: examples.iter().copied().cloned().collect(), images }, known_at)
    }

    /// Whether these are the examples, in this order.
    fn is_of(&self, examples: &[&Arc<Example>]) -> bool {
        let mut both = self.examples.iter().zip(examples);
        self.examples.len() == examples.len() && both.all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

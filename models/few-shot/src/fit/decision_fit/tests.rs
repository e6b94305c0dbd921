#![allow(clippy::unwrap_used)]
use super::*;

use models::random::below;
use ndarray::{Array1, Array2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::decision::gallery::{Criterion, Question};
use crate::embedding_frame::{EmbeddingFrame, normalized};
use crate::name_bias::NameBias;
use draw::{Kind, Prototypes};
use measure::MeasuredSet;

const SIZE: usize = 24;

/// Classes of images around directions of their own, and imprecise names of them.
struct World {
    rng: ChaCha8Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn noise(&mut self, rows: usize) -> Array2<f32> {
        // A sum of three uniform numbers is nearly normal.
        let mut uniform = || below(&mut self.rng, 2001) as f32 / 1000.0 - 1.0;
        Array2::from_shape_simple_fn((rows, SIZE), || uniform() + uniform() + uniform())
    }

    /// A set, and the directions of its classes, `[classes, s]`.
    fn set(&mut self, classes: usize) -> (BaseSet, Array2<f32>) {
        let directions = normalized(self.noise(classes));
        let embeddings = directions.rows().into_iter().map(|direction| {
            let images = normalized(self.noise(24));
            3.0 + &direction * 2.0 + images * 1.2
        });
        let embeddings = embeddings.collect();
        let semantic = 3.0 + normalized(&directions + normalized(self.noise(classes)) * 0.8) * 2.0;
        let set = BaseSet { name: "made up".to_owned(), embeddings, semantic: Some(semantic) };
        (set, directions)
    }
}

fn center() -> Array1<f32> {
    Array1::from_elem(SIZE, 3.0)
}

fn fitted(set: BaseSet, background: &Background<f32>) -> DecisionFit {
    let frame = EmbeddingFrame::new(center(), 2.0);
    let name_bias = NameBias::from([(1, 0.02)]);
    let names = NameConstants { frame: &frame, name_bias: &name_bias };
    fit(&[set], Some(names), background, 7, &|_, _| ()).unwrap()
}

#[test]
fn a_background_that_does_not_help_is_dropped() {
    let mut world = World::new(1);
    let (set, _) = world.set(14);
    let random = Background::new(center(), normalized(world.noise(30)));
    let DecisionFit { model, report } = fitted(set, &random);
    assert_eq!(model.table.weights, weights::PLAIN);
    assert_eq!((model.background.len(), report.background), (0, 0));
    assert_eq!(model.background.center(), center(), "names are compared around it");
    model.table.check().unwrap();
}

#[test]
fn a_background_that_has_the_classes_is_kept() {
    let (set, directions) = World::new(1).set(14);
    let DecisionFit { model, report } = fitted(set, &Background::new(center(), directions));
    assert_ne!(model.table.weights, weights::PLAIN);
    assert_eq!((model.background.len(), report.background), (14, 14));
    let of_five = report.sets[0].galleries.iter().find(|figures| figures.classes == 5).unwrap();
    assert!(of_five.auroc > of_five.auroc_cosine, "{of_five:?}");
    model.table.check().unwrap();
}

#[test]
fn other_classes_of_the_same_world_keep_the_stated_rates() {
    let mut world = World::new(2);
    let (set, _) = world.set(24);
    let model = fitted(set, &Background::none(center())).model;
    let (other, _) = world.set(24);
    let figures = figures(&[other], None, &model, 8, &|_, _| ()).unwrap();
    let with_images = figures[0].galleries.iter().filter(|of| of.drawn == GalleryGroup::Images);
    for figures in with_images {
        for Stated { rate, false_accept_rate, .. } in &figures.stated {
            let excess = false_accept_rate - rate;
            assert!(excess < 0.02, "{} classes at {rate}: {false_accept_rate}", figures.classes);
        }
        let at_10 = figures.stated.last().unwrap();
        assert!(at_10.false_accept_rate > 0.03, "{} classes: {at_10:?}", figures.classes);
        assert!(at_10.true_accept_rate > 0.5, "{} classes: {at_10:?}", figures.classes);
    }
}

#[test]
fn a_fit_does_not_depend_on_threads_and_depends_on_the_seed() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (set, directions) = World::new(3).set(12);
        let background = Background::new(center(), directions);
        pool.install(|| fit(&[set], None, &background, 7, &|_, _| ()).unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(3));
    let (set, directions) = World::new(3).set(12);
    let other = fit(&[set], None, &Background::new(center(), directions), 8, &|_, _| ());
    assert_ne!(one.model.table, other.unwrap().model.table);
}

#[test]
fn too_few_classes_or_images_are_refused() {
    let (mut set, _) = World::new(4).set(12);
    set.embeddings[3] = set.embeddings[3].select(Axis(0), &[0, 1, 2]);
    let error = fit(&[set], None, &Background::none(center()), 7, &|_, _| ()).unwrap_err();
    assert!(error.to_string().starts_with("made up has 11 base classes of 4 images"), "{error}");
    let error = fit(&[], None, &Background::none(center()), 7, &|_, _| ()).unwrap_err();
    assert_eq!(error, DecisionFitError::NoSet);
}

/// The fit computes calibrated scores and limits of measured parts, a device of embeddings.
#[test]
fn a_device_has_the_calibrated_scores_and_limits_of_the_fit() {
    let (set, directions) = World::new(5).set(14);
    let model = Arc::new(fitted(set.clone(), &Background::new(center(), directions)).model);
    let frame = EmbeddingFrame::new(center(), 2.0);
    let name_bias = NameBias::from([(1, 0.02)]);
    let names = NameConstants { frame: &frame, name_bias: &name_bias };
    let measured = MeasuredSet::new(&set, Some(names), &model);
    let table = &model.table;
    let constants = Constants { weights: &table.weights, expected: &table.expected };
    for (prototypes, shots) in
        [(Prototypes::Mean, 2), (Prototypes::Trusted, 1), (Prototypes::NameOnly, 0)]
    {
        let kind = Kind { classes: 5, shots, prototypes };
        for gallery in measured.source(9).galleries(kind).into_iter().take(5) {
            let decision = measured.decision(kind, &gallery);
            let question = Question { criterion: Criterion::Rate(0.05), ..Question::default() };
            let decided = decision.decide(&measured.unknown(&gallery), question);
            let gallery = measured.measured(kind, &gallery);
            let calibrated = calibrated::Calibrated::new(constants, &gallery);
            let limit = calibrated.limits(&table.limits).at(0.05);
            for (decided, score) in decided.iter().zip(calibrated.unknown()) {
                assert!((decided.calibrated - score).abs() < 1e-5, "{kind:?}: {decided:?} {score}");
                assert!((decided.limit - limit).abs() < 1e-5, "{kind:?}: {decided:?} {limit}");
            }
        }
    }
}

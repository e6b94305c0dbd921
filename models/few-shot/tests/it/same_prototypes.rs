//! An evaluation answers as a device does.

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::evaluation::comparison::compare;
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::episode::{Episode, Episodes};
use few_shot::evaluation::policies::{Inputs, Policy};
use few_shot::prototype;
use ndarray::{Array2, Axis};

use crate::comparison::{SIZE, SPEC, problem};

const EPISODES: Episodes = Episodes { spec: SPEC, count: 60, seed: 7 };

/// The mean prototypes of an episode, made as a device makes them: class by class.
fn means(classes: &[Array2<f32>], episode: &Episode) -> Array2<f32> {
    let mut means = Array2::zeros((SPEC.n_way, SIZE));
    for (way, &class) in episode.classes.iter().enumerate() {
        let images = classes[class].select(Axis(0), &episode.support[way]);
        means.row_mut(way).assign(&prototype::mean(images.view()));
    }
    means
}

/// The share of right queries that a device answers one by one.
fn share(classes: &[Array2<f32>], episode: &Episode, prototypes: &ClassPrototypes) -> f64 {
    let mut right = 0;
    for (way, &class) in episode.classes.iter().enumerate() {
        for &image in &episode.query[way] {
            let query = classes[class].select(Axis(0), &[image]);
            let scores = prototypes.ranking_scores(query.view());
            let best =
                (0..SPEC.n_way).rev().max_by(|&a, &b| scores[[0, a]].total_cmp(&scores[[0, b]]));
            right += usize::from(best == Some(way));
        }
    }
    right as f64 / (SPEC.n_way * SPEC.n_query) as f64
}

#[test]
fn trusted_prototypes_of_a_device_have_the_accuracy_of_an_evaluation() {
    let (classes, knowledge) = problem();
    let sampler = EPISODES.sampler(&classes).unwrap();
    let shares: Vec<f64> = (0..EPISODES.count)
        .map(|index| {
            let episode = sampler.episode(index);
            let prototypes = ClassPrototypes::trusted(
                means(&classes, &episode),
                vec![SPEC.k_shot; SPEC.n_way],
                knowledge.semantic.select(Axis(0), &episode.classes).view(),
                &knowledge.frame,
                &knowledge.name_bias,
            );
            share(&classes, &episode, &prototypes)
        })
        .collect();
    let inputs = Inputs::of_knowledge(&knowledge);
    let outcomes =
        compare(&classes, inputs, &[Policy::Trusted], EPISODES, Conditions::PLAIN).unwrap();
    let accuracy = shares.iter().sum::<f64>() / EPISODES.count as f64;
    assert!(0.3 < accuracy && accuracy < 1.0, "neither chance nor certainty: {accuracy}");
    assert_eq!(outcomes[0].accuracy, accuracy);
}

//! The scores behind every published figure are those of a live gallery.

use edge::embedder::Embedded;
use edge::engine::EngineChoice;
use edge::gallery::Gallery;
use edge::lexicon::{Meaning, NameKnowledge};
use edge::recognizer::{ClassifyOptions, Recognizer};
use few_shot::evaluation::comparison::scores;
use few_shot::evaluation::episode::Episode;
use few_shot::evaluation::policies::{Inputs, Policy};
use models::bundle::{Bundle, BundleLimits};
use ndarray::{Array2, ArrayView1, stack};

use crate::files::png;
use crate::fixtures::{folder, options};

/// Sorted, as a data set gives its classes.
const CLASSES: [&str; 3] = ["cup", "mouse", "zebra"];

/// Each class has one example for the gallery and three queries.
const IMAGES: [u32; 4] = [0, 2, 5, 7];

/// The most that two programs may differ.
const TOLERANCE: f32 = 1e-6;

fn open(with_names: bool) -> (Recognizer, Option<NameKnowledge>) {
    let folder = folder().join("knowing/knowing-bundle");
    let mut bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
    let names = NameKnowledge::open(&bundle).unwrap().filter(|_| with_names);
    if !with_names {
        bundle.manifest.knowledge = None;
    }
    let recognizer =
        Recognizer::new(bundle, EngineChoice::Auto, options(None), Gallery::in_memory());
    (recognizer, names)
}

/// The images of each class, embedded as the service embeds them.
fn embedded(recognizer: &mut Recognizer) -> Vec<Vec<Embedded>> {
    let mut class = |kind| IMAGES.map(|variant| recognizer.embed(&png(kind, variant)).unwrap());
    (0..3).map(|kind| class(kind).to_vec()).collect()
}

/// What the evaluations of both programs take of the same images.
fn rows(images: &[Vec<Embedded>]) -> Vec<Array2<f32>> {
    let class = |images: &Vec<Embedded>| {
        let rows: Vec<_> = images.iter().map(|image| ArrayView1::from(&image.embedding)).collect();
        stack(ndarray::Axis(0), &rows).unwrap()
    };
    images.iter().map(class).collect()
}

/// The scores of a live gallery, `[queries, classes]`, in the order of an evaluation.
fn live(recognizer: &mut Recognizer, images: &[Vec<Embedded>], transductive: bool) -> Array2<f32> {
    let queries: Vec<Embedded> = images.iter().flat_map(|class| class[1..].to_vec()).collect();
    let options = ClassifyOptions { top: 9, transductive, explain: false };
    let answers = recognizer.classify(&queries, options).unwrap().answers;
    Array2::from_shape_fn((queries.len(), CLASSES.len()), |(query, way)| {
        let mut candidates = answers[query].candidates.iter();
        candidates.find(|candidate| candidate.label.as_str() == CLASSES[way]).unwrap().rank()
    })
}

fn check(with_names: bool, inductive: Policy) {
    let (mut recognizer, names) = open(with_names);
    let images = embedded(&mut recognizer);
    for (label, class) in CLASSES.iter().zip(&images) {
        recognizer.enroll(label, &class[..1], true).unwrap();
    }
    let knowledge = names.map(|names| {
        let meanings: Vec<Option<Meaning>> = CLASSES.map(|label| names.read(label)).to_vec();
        names.class_knowledge(&meanings, 1)
    });
    let inputs = knowledge.as_ref().map_or(Inputs::IMAGES_ONLY, Inputs::of_knowledge);
    let episode = Episode {
        classes: vec![0, 1, 2],
        support: vec![vec![0]; 3],
        query: vec![vec![1, 2, 3]; 3],
    };
    let mut policies = vec![(inductive, false)];
    if with_names {
        policies.push((Policy::SoftKMeans, true));
    }
    for (policy, transductive) in policies {
        let evaluated = &scores(&rows(&images), inputs, &[policy], &episode).unwrap()[&policy];
        let live = live(&mut recognizer, &images, transductive);
        let largest = (evaluated - &live).iter().fold(0.0_f32, |most, d| most.max(d.abs()));
        assert!(largest <= TOLERANCE, "{policy}: {largest}\n{evaluated}\n{live}");
        let spread = live.iter().fold(f32::MAX, |least, &s| least.min(s));
        assert!(spread < 0.999, "{policy}: all scores are alike, so the test shows nothing");
    }
}

#[test]
fn a_live_gallery_without_names_has_the_scores_of_an_evaluation() {
    check(false, Policy::Mean);
}

#[test]
fn a_live_gallery_with_names_has_the_scores_of_an_evaluation() {
    check(true, Policy::Trusted);
}

//! An evaluation has the scores and the accuracy of a live gallery, for each policy of a device.
//!
//! The scores are those of `few_shot`, of one episode. The accuracy is that of `edge::evaluate`,
//! which is what `handful evaluate` calls. `handful-train evaluate` has its own images and
//! embeddings; from there on both call `ClassKnowledge::new` and `Protocol::compare`.

use std::fs;
use std::path::Path;

use edge::embedder::{Embedded, Embedder};
use edge::engine::EngineChoice;
use edge::evaluate::{Evaluation, evaluate};
use edge::gallery::Gallery;
use edge::lexicon::{Meaning, NameKnowledge};
use edge::recognizer::{ClassifyOptions, Precondition, Recognizer};
use few_shot::evaluation::class_knowledge::ClassKnowledge;
use few_shot::evaluation::comparison::scores;
use few_shot::evaluation::episode::{Episode, EpisodeSpec, Sampler};
use few_shot::evaluation::policies::{Inputs, Policy};
use few_shot::evaluation::report::Protocol;
use models::bundle::{Bundle, BundleLimits};
use models::dataset::{Dataset, Split};
use ndarray::{Array2, ArrayView1, stack};

use crate::files::png;
use crate::fixtures::{folder, options};

/// Sorted, as a data set gives its classes.
const CLASSES: [&str; 3] = ["cup", "mouse", "zebra"];

/// Each class has one example for the gallery and three queries.
const IMAGES: [u32; 4] = [0, 2, 5, 7];

/// The most that two programs may differ.
const TOLERANCE: f32 = 1e-6;

fn bundle() -> Bundle {
    let folder = folder().join("knowing/knowing-bundle");
    Bundle::open(&folder, &BundleLimits::default()).unwrap()
}

fn open(with_names: bool) -> (Recognizer, Option<NameKnowledge>) {
    let mut bundle = bundle();
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
    let options = ClassifyOptions { top: 9, transductive, ..ClassifyOptions::default() };
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
        ClassKnowledge {
            frame: names.frame().clone(),
            semantic: names.semantic(&meanings),
            errors: None,
            name_bias: names.name_bias().clone(),
        }
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

/// The images of each class of the data set.
const N_IMAGES: u32 = 6;

const PROTOCOL: Protocol = Protocol {
    split: Split::Base,
    half: None,
    spec: EpisodeSpec { n_way: 3, k_shot: 1, n_query: 4 },
    episodes: 20,
    seed: 7,
};

/// A third of the images of a class look like the next class, so that answers can be wrong. No two
/// images are equal: their similarities would be too, and their order would decide.
fn drawn(class: u8, image: u32) -> Vec<u8> {
    let is_odd_one = image % 3 == 2;
    png(
        if is_odd_one { (class + 1) % 3 } else { class },
        if is_odd_one { image } else { 2 * image },
    )
}

fn draw_dataset(dir: &Path) {
    for (class, name) in (0..).zip(CLASSES) {
        fs::create_dir_all(dir.join(name)).unwrap();
        for image in 0..N_IMAGES {
            fs::write(dir.join(name).join(format!("{image}.png")), drawn(class, image)).unwrap();
        }
    }
}

/// The share of right answers of live galleries, one for each episode of the protocol.
fn live_accuracy(with_names: bool, transductive: bool) -> f64 {
    let (mut recognizer, _) = open(with_names);
    let mut embed = |class, image| recognizer.embed(&drawn(class, image)).unwrap();
    let images: Vec<Vec<Embedded>> =
        (0..3).map(|class| (0..N_IMAGES).map(|image| embed(class, image)).collect()).collect();
    let sampler = Sampler::new(vec![N_IMAGES as usize; 3], PROTOCOL.spec, PROTOCOL.seed).unwrap();
    let shares = (0..PROTOCOL.episodes).map(|index| {
        let episode = sampler.episode(index);
        share_of_right_answers(&mut recognizer, &images, &episode, transductive)
    });
    shares.sum::<f64>() / PROTOCOL.episodes as f64
}

fn share_of_right_answers(
    recognizer: &mut Recognizer,
    images: &[Vec<Embedded>],
    episode: &Episode,
    transductive: bool,
) -> f64 {
    let mut queries = Vec::new();
    let mut expected = Vec::new();
    for ((&class, support), query) in
        episode.classes.iter().zip(&episode.support).zip(&episode.query)
    {
        let support: Vec<_> = support.iter().map(|&image| images[class][image].clone()).collect();
        recognizer.enroll(CLASSES[class], &support, true).unwrap();
        queries.extend(query.iter().map(|&image| images[class][image].clone()));
        expected.extend(vec![CLASSES[class]; query.len()]);
    }
    let options = ClassifyOptions { top: 1, transductive, ..ClassifyOptions::default() };
    let answers = recognizer.classify(&queries, options).unwrap().answers;
    for class in CLASSES {
        recognizer.delete(class, Precondition::Anything).unwrap();
    }
    let answered = answers.iter().map(|answer| answer.candidates[0].label.as_str());
    let n_right = answered.zip(&expected).filter(|(got, label)| got == *label).count();
    n_right as f64 / queries.len() as f64
}

#[test]
fn live_galleries_have_the_accuracy_that_an_evaluation_reports() {
    let root = tempfile::tempdir().unwrap();
    draw_dataset(root.path());
    let dataset = Dataset::open(root.path()).unwrap();
    let bundle = bundle();
    let names = NameKnowledge::open(&bundle).unwrap();
    let mut embedder = Embedder::open(&bundle, EngineChoice::Auto, &options(None)).unwrap();
    let knowledge = names.as_ref();
    let evaluation = Evaluation { dataset: &dataset, protocol: PROTOCOL, knowledge, unknown: None };
    let report = evaluate(&mut embedder, &evaluation, &mut |_, _| ()).unwrap();
    let policies = [
        (Policy::Mean, live_accuracy(false, false)),
        (Policy::Trusted, live_accuracy(true, false)),
        (Policy::SoftKMeans, live_accuracy(true, true)),
    ];
    for (policy, live) in policies {
        let outcome = report.results.iter().find(|outcome| outcome.fusion == policy).unwrap();
        let evaluated = outcome.accuracy;
        assert!((evaluated - live).abs() <= 1e-6, "{policy}: {evaluated} {live}");
        assert!((0.4..0.95).contains(&live), "{policy}: {live}: the test shows little");
    }
}

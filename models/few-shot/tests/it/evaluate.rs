//! Accuracy against a second, plain implementation, and for any number of threads.

use few_shot::evaluation::accuracy::Outcome;
use few_shot::evaluation::comparison::evaluate;
use few_shot::evaluation::episode::{EpisodeSpec, Episodes, Sampler};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SPEC: EpisodeSpec = EpisodeSpec { n_way: 5, k_shot: 3, n_query: 4 };

fn episodes(count: u64, seed: u64) -> Episodes {
    Episodes { spec: SPEC, count, seed }
}

/// Classes that overlap: noise around a center each.
fn embeddings(n_classes: usize, size: usize) -> Vec<Array2<f32>> {
    let mut generator = ChaCha8Rng::seed_from_u64(11);
    let mut uniform = || (generator.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..n_classes)
        .map(|class| {
            let center: Vec<f32> = (0..size).map(|_| 0.4 * uniform()).collect();
            Array2::from_shape_fn((20 + class, size), |(_, i)| center[i] + uniform())
        })
        .collect()
}

/// The definition, in f64, one query at a time.
fn plain_shares(embeddings: &[Array2<f32>], episodes: u64, seed: u64) -> Vec<f64> {
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), SPEC, seed).unwrap();
    let vector = |class: usize, image: usize| -> Vec<f64> {
        embeddings[class].row(image).iter().map(|&x| f64::from(x)).collect()
    };
    let cosine = |a: &[f64], b: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let share = |index| {
        let episode = sampler.episode(index);
        let prototypes: Vec<Vec<f64>> = (0..SPEC.n_way)
            .map(|way| {
                let support: Vec<_> = episode.support[way]
                    .iter()
                    .map(|&image| vector(episode.classes[way], image))
                    .collect();
                let mean =
                    |i: usize| support.iter().map(|v| v[i]).sum::<f64>() / support.len() as f64;
                (0..support[0].len()).map(mean).collect()
            })
            .collect();
        let mut right = 0;
        for way in 0..SPEC.n_way {
            for &image in &episode.query[way] {
                let query = vector(episode.classes[way], image);
                let scores: Vec<f64> = prototypes.iter().map(|p| cosine(&query, p)).collect();
                let best =
                    (0..SPEC.n_way).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
                right += usize::from(best == way);
            }
        }
        right as f64 / (SPEC.n_way * SPEC.n_query) as f64
    };
    (0..episodes).map(share).collect()
}

#[test]
fn the_accuracy_follows_its_definition() {
    let embeddings = embeddings(9, 24);
    let shares = plain_shares(&embeddings, 300, 5);
    let mean = shares.iter().sum::<f64>() / 300.0;
    let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 299.0;
    let outcome = evaluate(&embeddings, episodes(300, 5)).unwrap();
    assert!(0.3 < mean && mean < 0.95, "neither chance nor certainty: {mean}");
    assert!((outcome.accuracy - mean).abs() < 1e-9, "{} and {mean}", outcome.accuracy);
    assert!((outcome.ci95 - 1.96 * (variance / 300.0).sqrt()).abs() < 1e-9);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let embeddings = embeddings(9, 24);
    let with_threads = |n: usize| -> Outcome {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| evaluate(&embeddings, episodes(501, 7)).unwrap())
    };
    let one = with_threads(1);
    for n in [2, 3, 8] {
        let other = with_threads(n);
        assert_eq!(one.accuracy.to_bits(), other.accuracy.to_bits());
        assert_eq!(one.ci95.to_bits(), other.ci95.to_bits());
    }
}

#[test]
fn another_seed_gives_another_figure() {
    let embeddings = embeddings(9, 24);
    assert_ne!(
        evaluate(&embeddings, episodes(50, 1)).unwrap(),
        evaluate(&embeddings, episodes(50, 2)).unwrap()
    );
}

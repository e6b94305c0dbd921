//! The target: figures over thousands of episodes take seconds, from embeddings that are computed
//! once.
//!
//! `cargo bench -p handful-few-shot` times, interleaved in one run, 5-way 1-shot 15-query episodes
//! at 512 values: with mean prototypes, with all policies that need no measured errors, and the
//! bare matrix products that any implementation must compute.

use std::hint::black_box;
use std::time::{Duration, Instant};

use few_shot::embedding_frame::{EmbeddingFrame, normalized};
use few_shot::evaluation::class_knowledge::ClassKnowledge;
use few_shot::evaluation::comparison::{compare, evaluate};
use few_shot::evaluation::conditions::Conditions;
use few_shot::evaluation::episode::{EpisodeSpec, Episodes};
use few_shot::evaluation::policies::Inputs;
use few_shot::name_bias::NameBias;
use ndarray::{Array1, Array2};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

const SIZE: usize = 512;
const SPEC: EpisodeSpec = EpisodeSpec { n_way: 5, k_shot: 1, n_query: 15 };
const EPISODES: u64 = 2000;
const ROUNDS: usize = 5;
/// What is reported.
const THOUSANDS: f64 = 10.0;

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let classes: Vec<Array2<f32>> =
        (0..16).map(|_| Array2::from_shape_simple_fn((200, SIZE), &mut uniform)).collect();
    let semantic = normalized(Array2::from_shape_simple_fn((16, SIZE), &mut uniform));
    let frame = EmbeddingFrame::new(Array1::zeros(SIZE), 1.0);
    let knowledge =
        ClassKnowledge { frame, semantic, errors: None, name_bias: NameBias::default() };
    let query = Array2::from_shape_simple_fn((SPEC.n_way * SPEC.n_query, SIZE), &mut uniform);
    let prototypes = Array2::from_shape_simple_fn((SPEC.n_way, SIZE), &mut uniform);

    let episodes = Episodes { spec: SPEC, count: EPISODES, seed: 7 };
    let inputs = Inputs::of_knowledge(&knowledge);
    let policies = inputs.policies(true);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| {
            let product = |_| black_box(black_box(&query).dot(&black_box(&prototypes).t()))[[0, 0]];
            black_box((0..EPISODES).into_par_iter().map(product).sum::<f32>());
        }));
        times[1].push(timed(|| {
            black_box(evaluate(&classes, episodes)).expect("invariant: the classes suffice");
        }));
        times[2].push(timed(|| {
            let figures = compare(&classes, inputs, &policies, episodes, Conditions::PLAIN);
            black_box(figures).expect("invariant: the classes suffice");
        }));
    }
    println!("{} threads, 5-way 1-shot 15-query, {SIZE} values", rayon::current_num_threads());
    for (name, times) in ["bare products", "mean", "all policies"].iter().zip(&mut times) {
        times.sort_unstable();
        let seconds = times[ROUNDS / 2].as_secs_f64() * THOUSANDS * 1000.0 / EPISODES as f64;
        println!("  {name:<13} {seconds:6.2} s for 10,000 episodes");
    }
}

fn timed(f: impl FnOnce()) -> Duration {
    let started = Instant::now();
    f();
    started.elapsed()
}

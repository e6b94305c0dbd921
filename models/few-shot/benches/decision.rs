//! The targets: a decision takes at most 0.2 ms an image at 10 classes on one core, and a
//! classification with it at most 1.2 times one without it at 1,000 classes. What it adds to a
//! change of a gallery of 1,000 classes of 5 images is at most 5 ms.
//!
//! `cargo bench -p handful-few-shot --bench decision` times, interleaved in one run on one thread,
//! embeddings of 1280 values and 1,000 background directions.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::decision::ambiguity::Ambiguity;
use few_shot::decision::background::Background;
use few_shot::decision::confidence::{Confidence, Logistic};
use few_shot::decision::gallery::{
    Examples, GalleryDecision, Place, Previous, PrototypeBlock, Prototypes, Question,
};
use few_shot::decision::images::Images;
use few_shot::decision::limits::Limits;
use few_shot::decision::sampling::sample;
use few_shot::decision::score::{Fading, Weights};
use few_shot::decision::{DecisionModel, DecisionTable, ExpectedScore};
use few_shot::embedding_frame::normalized;
use ndarray::{Array1, Array2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SIZE: usize = 1280;
const DIRECTIONS: usize = 1000;
const SHOTS: usize = 5;
const ROUNDS: usize = 101;

/// The classes of a block of prototypes.
const BLOCK: usize = 250;

fn table() -> DecisionTable {
    let logistic = Logistic { slope: 10.0, intercept: -1.0 };
    let fading = Fading { most: 0.0, mean: 16.0 };
    DecisionTable {
        weights: Weights { novelty: 0.5, overlap: 0.3, sharpness: 30.0, fading },
        expected: ExpectedScore { by_shots: [(1, 0.2)].into(), growth: 0.06, likeness: 0.2 },
        limits: Limits {
            rates: vec![0.01, 0.1],
            by_classes: [(1, vec![0.4, 0.2]), (5, vec![0.3, 0.1])].into(),
            by_name: [(1, vec![0.3, 0.1])].into(),
            table_classes: 20.0,
        },
        confidence: Confidence {
            with_images: logistic,
            by_name: logistic,
            sharpness: [(1, 30.0)].into(),
        },
        ambiguity: Ambiguity { largest_share: 0.3, share_per_rate: 5.0 },
    }
}

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let mut matrix = |rows| Array2::from_shape_simple_fn((rows, SIZE), &mut uniform);
    let rows = normalized(matrix(DIRECTIONS));
    let background = Background::new(Array1::zeros(SIZE), rows).rounded();
    let model = Arc::new(DecisionModel { table: table(), background });
    let query = matrix(1);
    println!("one thread, {SIZE} values, {DIRECTIONS} background directions, median of {ROUNDS}");
    for classes in [10, 1000] {
        let examples = matrix(classes * SHOTS);
        report(&model, classes, &examples, &query);
    }
}

fn report(
    model: &Arc<DecisionModel<f32>>,
    classes: usize,
    examples: &Array2<f32>,
    query: &Array2<f32>,
) {
    let positions: Vec<usize> = (0..classes).map(|class| class * SHOTS).collect();
    let means = examples.select(Axis(0), &positions);
    let prototypes = ClassPrototypes::of_means(means.clone(), vec![SHOTS; classes]);
    let sampled = sample(0..(classes * SHOTS) as u64);
    let images = Images::new(model, examples.select(Axis(0), &sampled).view());
    let owners: Vec<usize> = sampled.iter().map(|position| position / SHOTS).collect();
    let blocks = blocks(&means);
    let before = prepare(model, blocks.clone(), &images, &owners, Previous::NONE);
    let rows: Vec<_> = sampled.iter().map(|&position| examples.row(position)).collect();
    let known_at: Vec<_> = (0..rows.len()).map(|row| (row > 0).then_some(row)).collect();
    let mut changed = means.clone();
    changed.row_mut(owners[0]).assign(&query.row(0));
    let mut times = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        times[0].push(timed(|| {
            black_box(prototypes.ranking_scores(black_box(query).view()));
        }));
        times[1].push(timed(|| {
            let images = Images::new(model, black_box(query).view());
            black_box(before.decide(&images, Question::default()));
        }));
        times[2].push(timed(|| {
            let images = Images::reusing(model, &rows, &images, &known_at);
            let previous =
                Previous { gallery: Some(&before), examples: &known_at, ..Previous::NONE };
            let blocks = blocks_after(&blocks, &changed, owners[0]);
            black_box(prepare(model, blocks, &images, &owners, previous));
        }));
        if round % 10 == 0 {
            times[3].push(timed(|| {
                let blocks = self::blocks(&means);
                black_box(prepare(model, blocks, &images, &owners, Previous::NONE));
            }));
        }
    }
    println!("{classes} classes");
    let names = ["ranking only", "ranking and decision", "after one change", "from nothing"];
    for (name, times) in names.iter().zip(&mut times) {
        times.sort_unstable();
        let milliseconds = times[times.len() / 2].as_secs_f64() * 1e3;
        println!("  {name:<20} {milliseconds:8.3} ms");
    }
}

type Blocks = Vec<Arc<PrototypeBlock<f32>>>;

fn blocks(means: &Array2<f32>) -> Blocks {
    let chunks = means.axis_chunks_iter(Axis(0), BLOCK);
    let block = chunks.map(|rows| {
        let counts = vec![SHOTS; rows.nrows()];
        Arc::new(PrototypeBlock::new(rows.to_owned(), counts))
    });
    block.collect()
}

/// The blocks of `means` after the prototype of a class has changed.
fn blocks_after(before: &Blocks, means: &Array2<f32>, class: usize) -> Blocks {
    let mut after = before.clone();
    let at = class / BLOCK;
    let rows = means.axis_chunks_iter(Axis(0), BLOCK).nth(at).expect("the class is in a block");
    let mut block = PrototypeBlock::new(rows.to_owned(), vec![SHOTS; rows.nrows()]);
    for row in 0..rows.nrows() {
        block.take_over(row, &before[at], row);
    }
    after[at] = Arc::new(block);
    after
}

fn prepare(
    model: &Arc<DecisionModel<f32>>,
    blocks: Blocks,
    images: &Images<f32>,
    owners: &[usize],
    previous: Previous<'_, f32>,
) -> GalleryDecision<f32> {
    let sizes = blocks.iter().map(|block| block.len() as u32).zip(0..);
    let places = sizes.flat_map(|(size, block)| (0..size).map(move |row| Place { block, row }));
    let places = places.collect();
    let prototypes = Prototypes::new(blocks, places);
    let sampled = sample(0..prototypes.len() as u64);
    let name_bias = vec![0.0; prototypes.len()];
    let examples = Examples { images, classes: owners };
    GalleryDecision::measured_with(
        Arc::clone(model),
        prototypes,
        name_bias,
        examples,
        &sampled,
        previous,
    )
}

fn timed(f: impl FnOnce()) -> Duration {
    let started = Instant::now();
    f();
    started.elapsed()
}

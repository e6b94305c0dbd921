//! Removes a part of the knowledge, to measure its effect.

use models::knowledge::attributes::{Knowledge, KnownClass, Words};
use models::random::below;
use ndarray::Axis;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Seed of the permutation of names.
const SEED: u64 = 1;

/// The part that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ablation {
    /// Word vectors, which become zero.
    Words,
    /// Hypernyms of the classes.
    Ancestors,
    /// Attributes of the classes.
    Attributes,
    /// Correct names: a random permutation exchanges the names of all classes.
    #[value(name = "names")]
    ShuffledNames,
}

impl Ablation {
    /// Removes the part.
    pub(super) fn apply(self, knowledge: &mut Knowledge, words: &mut Words) {
        match self {
            Self::Words => {
                words.classes.fill(0.0);
                words.attributes.fill(0.0);
            }
            Self::Ancestors => knowledge.classes.iter_mut().for_each(|c| c.ancestors.clear()),
            Self::Attributes => knowledge.links.clear(),
            Self::ShuffledNames => {
                let order = order(knowledge.classes.len());
                let old = knowledge.classes.clone();
                for (class, &from) in knowledge.classes.iter_mut().zip(&order) {
                    // The class keeps its name in the data and its split; what follows from the
                    // name moves.
                    let name = class.name.clone();
                    *class = KnownClass { name, split: class.split, ..old[from].clone() };
                }
                words.classes = words.classes.select(Axis(0), &order);
            }
        }
    }
}

/// A random permutation of `0..n`.
fn order(n: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, below(&mut rng, i + 1));
    }
    order
}

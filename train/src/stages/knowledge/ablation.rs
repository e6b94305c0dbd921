//! Knowledge with something taken away, to see what it is worth.

use models::knowledge::attributes::{Knowledge, KnownClass, Words};
use models::random::below;
use ndarray::Axis;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Seed of the names that are exchanged.
const SEED: u64 = 1;

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ablation {
    /// Word vectors: all are zero.
    Words,
    /// What classes are kinds of.
    Ancestors,
    /// The parts of classes.
    Attributes,
    /// That names are right: all classes bear each other's, in a random order.
    LabelNoise,
}

impl Ablation {
    /// Takes it away.
    pub(super) fn apply(self, knowledge: &mut Knowledge, words: &mut Words) {
        match self {
            Self::Words => {
                words.classes.fill(0.0);
                words.attributes.fill(0.0);
            }
            Self::Ancestors => knowledge.classes.iter_mut().for_each(|c| c.ancestors.clear()),
            Self::Attributes => knowledge.links.clear(),
            Self::LabelNoise => {
                let order = order(knowledge.classes.len());
                let old = knowledge.classes.clone();
                for (class, &from) in knowledge.classes.iter_mut().zip(&order) {
                    let (name, split) = (class.name.clone(), class.split);
                    *class = KnownClass { name, split, ..old[from].clone() };
                }
                words.classes = words.classes.select(Axis(0), &order);
            }
        }
    }
}

/// A random order of `n`.
fn order(n: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, below(&mut rng, i + 1));
    }
    order
}

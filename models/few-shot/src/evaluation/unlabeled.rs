//! The unlabeled images of an episode: some of its queries, and images of other classes.

use ndarray::{Array2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::evaluation::episode::Episode;
use crate::evaluation::episode_data::joined;
use models::random::below;

/// Mixed into the seed, so that distractors are not drawn from the streams of episodes.
const DISTRACTORS: u64 = 0x666f_7265_6967_6e00;

/// Which unlabeled images a transductive policy has, where these are not just all queries.
///
/// # Examples
/// ```
/// use few_shot::evaluation::unlabeled::Unlabeled;
///
/// let json = r#"{"per_class":5,"distractors":2,"unbalanced":false}"#;
/// let unlabeled: Unlabeled = serde_json::from_str(json)?;
/// assert!(!unlabeled.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlabeled {
    /// Queries of each class of the episode that serve as unlabeled images; at most all.
    pub per_class: usize,
    /// Images of classes outside the episode, for each class in it.
    pub distractors: usize,
    /// Whether the number of queries falls from `per_class` for the first class to nearly none for
    /// the last.
    pub unbalanced: bool,
}

impl Unlabeled {
    /// Whether there are no unlabeled images.
    pub fn is_none(self) -> bool {
        self.per_class + self.distractors == 0
    }

    /// How many queries of the class at `way` of `n_way` serve.
    fn of_way(self, way: usize, n_way: usize) -> usize {
        match self.unbalanced {
            // Rounded up: the last class keeps at least one image.
            true => (self.per_class * (n_way - way)).div_ceil(n_way),
            false => self.per_class,
        }
    }

    /// The unlabeled images of an episode, `[u, s]`; a function of `seed` and `index`. `query` are
    /// its queries, `[n_way * n_query, s]`.
    pub(crate) fn images(
        self,
        embeddings: &[Array2<f32>],
        episode: &Episode,
        query: &Array2<f32>,
        seed: u64,
        index: u64,
    ) -> Array2<f32> {
        let n_way = episode.classes.len();
        let n_query = query.nrows() / n_way;
        let own = (0..n_way).flat_map(|way| way * n_query..way * n_query + self.of_way(way, n_way));
        let own = query.select(Axis(0), &own.collect::<Vec<_>>());
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ DISTRACTORS);
        rng.set_stream(index);
        let mut rows = vec![own];
        rows.extend(distractors(embeddings, episode, n_way * self.distractors, &mut rng));
        joined(&rows)
    }
}

/// `count` images `[1, s]` of classes outside the episode.
fn distractors(
    embeddings: &[Array2<f32>],
    episode: &Episode,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Array2<f32>> {
    let outside: Vec<usize> =
        (0..embeddings.len()).filter(|class| !episode.classes.contains(class)).collect();
    // All classes are drawn before the first image: figures depend on this order.
    let classes: Vec<usize> = (0..count).map(|_| outside[below(rng, outside.len())]).collect();
    classes
        .into_iter()
        .map(|class| {
            let image = below(rng, embeddings[class].nrows());
            embeddings[class].select(Axis(0), &[image])
        })
        .collect()
}

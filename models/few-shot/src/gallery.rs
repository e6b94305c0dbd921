//! The prototypes of a gallery: of classes with images, with a name, or with both.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compare::ClassKnowledge;
use super::embedding_frame::EmbeddingFrame;
use super::episode::{EpisodeSpec, Sampler};
use super::evaluate::{EpisodeData, EvaluateError, check, first_greatest, mean_and_ci95};
use super::name_bias::NameBias;
use super::{fusion, metric};

/// One prototype for each class, and how an image is held against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prototypes {
    /// Raw, `[n, s]`.
    rows: Array2<f32>,
    /// Of each class, how many images it has.
    images: Vec<usize>,
    /// The share of knowledge in each, `[n]`, 0 (images alone) to 1 (name alone).
    knowledge: Array1<f32>,
    /// What is added to a cosine, `[n]`. All images are farther from the prototype of a name than from that of images,
    /// so that classes without images would hardly ever be the answer.
    name_bias: Array1<f32>,
}

impl Prototypes {
    /// The means of classes that all have `images`, where names tell nothing ([`fusion::Fusion::Mean`]).
    ///
    /// # Shapes
    /// `means` `[n, s]`, `images` `[n]`.
    pub fn of_means(means: Array2<f32>, images: Vec<usize>) -> Self {
        let zeros = Array1::zeros(means.nrows());
        Self { rows: means, images, knowledge: zeros.clone(), name_bias: zeros }
    }

    /// Means moved towards knowledge as far as names fit the images ([`fusion::Fusion::Trusted`]); classes without
    /// images are what their names tell.
    ///
    /// # Shapes
    /// `means`, `semantic` `[n, s]`, raw; `images` `[n]`; `name_bias` of classes without images. Rows of `means` of classes without images play no part.
    pub fn trusted(
        means: Array2<f32>,
        images: Vec<usize>,
        semantic: ArrayView2<'_, f32>,
        frame: &EmbeddingFrame,
        name_bias: &NameBias,
    ) -> Self {
        let with_images: Vec<usize> = (0..images.len()).filter(|&row| images[row] > 0).collect();
        let beside = semantic.select(Axis(0), &with_images);
        let own = means.select(Axis(0), &with_images);
        let counts: Vec<usize> = with_images.iter().map(|&row| images[row]).collect();
        let shares: Array1<f32> = counts.iter().map(|&n| frame.share(n)).collect();
        let weights = fusion::name_trust(own.view(), beside.view(), &counts, frame) * shares;
        let moved = fusion::interpolated(own.view(), beside.view(), weights.view());
        let (mut rows, mut knowledge) = (semantic.to_owned(), Array1::ones(images.len()));
        for (at, &row) in with_images.iter().enumerate() {
            rows.row_mut(row).assign(&moved.row(at));
            knowledge[row] = weights[at];
        }
        let usual = images.iter().sum::<usize>().checked_div(with_images.len()).unwrap_or(0);
        let name_bias = name_bias.beside(usual);
        let name_bias = images.iter().map(|&n| if n == 0 { name_bias } else { 0.0 }).collect();
        Self { rows, images, knowledge, name_bias }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Values of a prototype.
    pub fn size(&self) -> usize {
        self.rows.ncols()
    }

    /// The share of knowledge in each, `[n]`, 0 to 1.
    pub fn knowledge(&self) -> &Array1<f32> {
        &self.knowledge
    }

    /// How close each image of `query` `[q, s]` is to each class, `[q, n]`: cosine, lifted for classes without images,
    /// at most 1.
    pub fn scores(&self, query: ArrayView2<'_, f32>) -> Array2<f32> {
        (metric::cosine(query, self.rows.view()) + &self.name_bias).mapv(|score| score.min(1.0))
    }

    /// The same moved to where `unlabeled` images `[u, s]` lie: [`fusion::soft_k_means`]. A class without images stays
    /// where it is: nothing but its name holds it.
    #[must_use]
    pub fn among(&self, unlabeled: ArrayView2<'_, f32>) -> Self {
        let mut moved = fusion::soft_k_means(self.rows.view(), &self.images, unlabeled);
        for (row, _) in self.images.iter().enumerate().filter(|(_, n)| **n == 0) {
            moved.row_mut(row).assign(&self.rows.row(row));
        }
        Self { rows: moved, ..self.clone() }
    }
}

/// How often queries of both kinds of classes are recognized by [`fusion::Fusion::Trusted`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneralizedZeroShot {
    /// Classes of an episode that have no image; the others have `k_shot`.
    pub name_only: usize,
    /// Of queries of classes without images.
    pub named: Recall,
    /// Of queries of classes with images.
    pub with_images: Recall,
}

/// A share of queries that are recognized.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Mean over episodes, 0..=1.
    pub recall: f64,
    /// Half width of its 95 % interval.
    pub ci95: f64,
}

impl Recall {
    fn of(shares: &[f64]) -> Self {
        let (recall, ci95) = mean_and_ci95(shares);
        Self { recall, ci95 }
    }
}

/// Recall over `episodes` episodes whose first `name_only` classes are known by their names alone. Episodes are those of
/// [`evaluate`](super::evaluate::evaluate).
///
/// # Errors
/// Those of `evaluate`; `name_only` that leaves no class of one kind.
pub fn generalized_zero_shot(
    embeddings: &[Array2<f32>],
    known: &ClassKnowledge,
    spec: EpisodeSpec,
    name_only: usize,
    episodes: u64,
    seed: u64,
) -> Result<GeneralizedZeroShot, EvaluateError> {
    check(embeddings, episodes)?;
    if name_only == 0 || name_only >= spec.n_way {
        return Err(EvaluateError::NameOnly { got: name_only, n_way: spec.n_way });
    }
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed)?;
    let shares: Vec<(f64, f64)> = (0..episodes)
        .into_par_iter()
        .map(|index| {
            let episode = sampler.episode(index);
            let chosen = EpisodeData::of(embeddings, &episode);
            let semantic = known.semantic.select(Axis(0), &episode.classes);
            recalls(&chosen, &semantic, known, name_only, spec)
        })
        .collect();
    let (named, with_images): (Vec<f64>, Vec<f64>) = shares.into_iter().unzip();
    Ok(GeneralizedZeroShot {
        name_only,
        named: Recall::of(&named),
        with_images: Recall::of(&with_images),
    })
}

/// The shares of right queries of classes without and with images.
fn recalls(
    chosen: &EpisodeData,
    semantic: &Array2<f32>,
    known: &ClassKnowledge,
    name_only: usize,
    spec: EpisodeSpec,
) -> (f64, f64) {
    let images = (0..spec.n_way).map(|way| if way < name_only { 0 } else { spec.k_shot });
    let (means, semantic) = (chosen.means(), semantic.view());
    let (frame, name_bias) = (&known.frame, &known.name_bias);
    let prototypes = Prototypes::trusted(means, images.collect(), semantic, frame, name_bias);
    let scores = prototypes.scores(chosen.query.view());
    let rows = scores.rows().into_iter().enumerate();
    let right: Vec<bool> =
        rows.map(|(query, row)| first_greatest(row.iter()) == query / spec.n_query).collect();
    let share =
        |right: &[bool]| right.iter().filter(|&&right| right).count() as f64 / right.len() as f64;
    let (named, with_images) = right.split_at(name_only * spec.n_query);
    (share(named), share(with_images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn gallery() -> Prototypes {
        let frame = EmbeddingFrame::new(array![0.0, 0.0, 1.0], 1.0);
        let means = array![[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]];
        let semantic = array![[1.0, 0.1, 1.0], [-1.0, -1.0, 1.0], [0.1, 1.0, 1.0]];
        let name_bias = NameBias::from([(1, 0.1)]);
        Prototypes::trusted(means, vec![1, 0, 5], semantic.view(), &frame, &name_bias)
    }

    #[test]
    fn a_class_without_images_is_its_name_and_stays_it() {
        let gallery = gallery();
        assert_eq!(gallery.knowledge()[1], 1.0);
        assert!(gallery.knowledge()[0] > gallery.knowledge()[2], "more images, less name");
        assert_eq!(gallery.rows.row(1), array![-1.0, -1.0, 1.0]);
        assert!(gallery.name_bias[1] > 0.0 && gallery.name_bias[0] == 0.0);
        // Unlabeled images of the first class only: the nameless third and the imageless second do not take them.
        let unlabeled = array![[1.0, 0.2, 1.0], [1.1, 0.2, 1.0]];
        let moved = gallery.among(unlabeled.view());
        assert_eq!(moved.rows.row(1), gallery.rows.row(1));
        let scores = moved.scores(unlabeled.view());
        assert!(scores[[0, 0]] > scores[[0, 1]] && scores[[0, 0]] > scores[[0, 2]], "{scores}");
    }

    #[test]
    fn without_names_prototypes_are_means() {
        let means = array![[1.0, 0.0], [0.0, 1.0]];
        let gallery = Prototypes::of_means(means.clone(), vec![1, 2]);
        assert_eq!((gallery.len(), gallery.size()), (2, 2));
        let scores = gallery.scores(array![[2.0, 0.0]].view());
        assert_eq!(scores, array![[1.0, 0.0]]);
        assert!(Prototypes::of_means(Array2::zeros((0, 0)), Vec::new()).is_empty());
    }
}

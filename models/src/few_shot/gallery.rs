//! The prototypes of a gallery: of classes with pictures, with a name, or with both.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compare::Known;
use super::episode::{EpisodeSpec, Sampler};
use super::evaluate::{Chosen, EvaluateError, check, first_greatest, mean_and_ci95};
use super::lift::Lifts;
use super::space::Space;
use super::{fusion, metric};

/// One prototype for each class, and how a picture is held against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prototypes {
    /// Raw, `[n, s]`.
    rows: Array2<f32>,
    /// Of each class, how many pictures it has.
    pictures: Vec<usize>,
    /// The share of knowledge in each, `[n]`, 0 (pictures alone) to 1 (name alone).
    knowledge: Array1<f32>,
    /// What is added to a cosine, `[n]`. All pictures are farther from the prototype of a name than from that of pictures,
    /// so that classes without pictures would hardly ever be the answer.
    lift: Array1<f32>,
}

impl Prototypes {
    /// The means of classes that all have `pictures`, where names tell nothing ([`fusion::Fusion::Mean`]).
    ///
    /// # Shapes
    /// `means` `[n, s]`, `pictures` `[n]`.
    pub fn of_means(means: Array2<f32>, pictures: Vec<usize>) -> Self {
        let zeros = Array1::zeros(means.nrows());
        Self { rows: means, pictures, knowledge: zeros.clone(), lift: zeros }
    }

    /// Means moved towards knowledge as far as names fit the pictures ([`fusion::Fusion::Trusted`]); classes without
    /// pictures are what their names tell.
    ///
    /// # Shapes
    /// `means`, `semantic` `[n, s]`, raw; `pictures` `[n]`; `lifts` of classes without pictures. Rows of `means` of classes without pictures play no part.
    pub fn trusted(
        means: Array2<f32>,
        pictures: Vec<usize>,
        semantic: ArrayView2<'_, f32>,
        space: &Space,
        lifts: &Lifts,
    ) -> Self {
        let pictured: Vec<usize> = (0..pictures.len()).filter(|&row| pictures[row] > 0).collect();
        let beside = semantic.select(Axis(0), &pictured);
        let own = means.select(Axis(0), &pictured);
        let counts: Vec<usize> = pictured.iter().map(|&row| pictures[row]).collect();
        let shares: Array1<f32> = counts.iter().map(|&n| space.share(n)).collect();
        let weights = fusion::trust(own.view(), beside.view(), &counts, space) * shares;
        let moved = fusion::interpolated(own.view(), beside.view(), weights.view());
        let (mut rows, mut knowledge) = (semantic.to_owned(), Array1::ones(pictures.len()));
        for (at, &row) in pictured.iter().enumerate() {
            rows.row_mut(row).assign(&moved.row(at));
            knowledge[row] = weights[at];
        }
        let usual = pictures.iter().sum::<usize>().checked_div(pictured.len()).unwrap_or(0);
        let lift = lifts.beside(usual);
        let lift = pictures.iter().map(|&n| if n == 0 { lift } else { 0.0 }).collect();
        Self { rows, pictures, knowledge, lift }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// Values of a prototype.
    pub fn size(&self) -> usize {
        self.rows.ncols()
    }

    /// The share of knowledge in each, `[n]`, 0 to 1.
    pub fn knowledge(&self) -> &Array1<f32> {
        &self.knowledge
    }

    /// How close each picture of `query` `[q, s]` is to each class, `[q, n]`: cosine, lifted for classes without pictures,
    /// at most 1.
    pub fn scores(&self, query: ArrayView2<'_, f32>) -> Array2<f32> {
        (metric::cosine(query, self.rows.view()) + &self.lift).mapv(|score| score.min(1.0))
    }

    /// The same moved to where `unlabelled` pictures `[u, s]` lie: [`fusion::soft_k_means`]. A class without pictures stays
    /// where it is: nothing but its name holds it.
    #[must_use]
    pub fn among(&self, unlabelled: ArrayView2<'_, f32>) -> Self {
        let mut moved = fusion::soft_k_means(self.rows.view(), &self.pictures, unlabelled);
        for (row, _) in self.pictures.iter().enumerate().filter(|(_, n)| **n == 0) {
            moved.row_mut(row).assign(&self.rows.row(row));
        }
        Self { rows: moved, ..self.clone() }
    }
}

/// How often queries of both kinds of classes are recognized by [`fusion::Fusion::Trusted`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixed {
    /// Classes of an episode that have no picture; the others have `k_shot`.
    pub name_only: usize,
    /// Of queries of classes without pictures.
    pub named: Recall,
    /// Of queries of classes with pictures.
    pub pictured: Recall,
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
pub fn mixed(
    embeddings: &[Array2<f32>],
    known: &Known,
    spec: EpisodeSpec,
    name_only: usize,
    episodes: u64,
    seed: u64,
) -> Result<Mixed, EvaluateError> {
    check(embeddings, episodes)?;
    if name_only == 0 || name_only >= spec.n_way {
        return Err(EvaluateError::NameOnly { got: name_only, n_way: spec.n_way });
    }
    let sampler = Sampler::new(embeddings.iter().map(Array2::nrows).collect(), spec, seed)?;
    let shares: Vec<(f64, f64)> = (0..episodes)
        .into_par_iter()
        .map(|index| {
            let episode = sampler.episode(index);
            let chosen = Chosen::of(embeddings, &episode);
            let semantic = known.semantic.select(Axis(0), &episode.classes);
            recalls(&chosen, &semantic, known, name_only, spec)
        })
        .collect();
    let (named, pictured): (Vec<f64>, Vec<f64>) = shares.into_iter().unzip();
    Ok(Mixed { name_only, named: Recall::of(&named), pictured: Recall::of(&pictured) })
}

/// The shares of right queries of classes without and with pictures.
fn recalls(
    chosen: &Chosen,
    semantic: &Array2<f32>,
    known: &Known,
    name_only: usize,
    spec: EpisodeSpec,
) -> (f64, f64) {
    let pictures = (0..spec.n_way).map(|way| if way < name_only { 0 } else { spec.k_shot });
    let (means, semantic) = (chosen.means(), semantic.view());
    let (space, lifts) = (&known.space, &known.lifts);
    let prototypes = Prototypes::trusted(means, pictures.collect(), semantic, space, lifts);
    let scores = prototypes.scores(chosen.query.view());
    let rows = scores.rows().into_iter().enumerate();
    let right: Vec<bool> =
        rows.map(|(query, row)| first_greatest(row.iter()) == query / spec.n_query).collect();
    let share =
        |right: &[bool]| right.iter().filter(|&&right| right).count() as f64 / right.len() as f64;
    let (named, pictured) = right.split_at(name_only * spec.n_query);
    (share(named), share(pictured))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn gallery() -> Prototypes {
        let space = Space::new(array![0.0, 0.0, 1.0], 1.0);
        let means = array![[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]];
        let semantic = array![[1.0, 0.1, 1.0], [-1.0, -1.0, 1.0], [0.1, 1.0, 1.0]];
        let lifts = Lifts::from([(1, 0.1)]);
        Prototypes::trusted(means, vec![1, 0, 5], semantic.view(), &space, &lifts)
    }

    #[test]
    fn a_class_without_pictures_is_its_name_and_stays_it() {
        let gallery = gallery();
        assert_eq!(gallery.knowledge()[1], 1.0);
        assert!(gallery.knowledge()[0] > gallery.knowledge()[2], "more pictures, less name");
        assert_eq!(gallery.rows.row(1), array![-1.0, -1.0, 1.0]);
        assert!(gallery.lift[1] > 0.0 && gallery.lift[0] == 0.0);
        // Unlabelled pictures of the first class only: the nameless third and the pictureless second do not take them.
        let unlabelled = array![[1.0, 0.2, 1.0], [1.1, 0.2, 1.0]];
        let moved = gallery.among(unlabelled.view());
        assert_eq!(moved.rows.row(1), gallery.rows.row(1));
        let scores = moved.scores(unlabelled.view());
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

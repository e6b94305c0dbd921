//! From what is known of a class to the one prototype that stands for it: eight policies.
//!
//! `P` is the mean prototype, `S` the knowledge prototype, `C` the completed one, all of them raw embeddings, as the
//! queries are.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

use super::embedding_frame::{EmbeddingFrame, normalized};
use super::metric::cosine;
use super::name_trust::NameEvidence;

/// How sharply an unlabeled image is shared among classes.
const TEMPERATURE: f32 = 10.0;

/// The same for [`soft_k_means`], whose shares follow prototypes that are better than the mean. Chosen with the next two on
/// validation classes (CIFAR-FS, Caltech) among 10, 20 and 30.
const SHARPNESS: f32 = 30.0;

/// A prototype counts as much as the images that it was made of and so many more; among 0, 2, 6 and 10.
const PRIOR: f32 = 2.0;

/// How often [`soft_k_means`] shares images out; among 1, 2 and 4.
const ROUNDS: usize = 4;

/// The most classes that names are held against together.
pub const MAX_TRUST_GROUP: usize = 256;

/// How prototypes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fusion {
    /// The mean of the raw embeddings of a class's images (Snell et al. 2017). Inductive; always safe.
    Mean,
    /// `C = (1 - a) P + a S` with [share](Space::share) `a`. Inductive; safe while names are right.
    Completed,
    /// `(P + C) / 2`. Inductive; safe while names are right, and half as far from the mean.
    Average,
    /// `S` alone. Inductive; for classes without images.
    Semantic,
    /// `w P + (1 - w) S` per dimension, `w` from the [errors](ErrorVariances) that both make on base classes.
    /// Inductive; safe while names are right.
    ErrorVariance,
    /// `(1 - a t) P + a t S`, where [trust](super::trust) `t` is near 0 where names do not fit the images.
    /// Inductive; safe whatever the names are: the default.
    Trusted,
    /// `P` and `C`, each moved to the unlabeled images near it, weighted by each other's variance (section 3.4 of
    /// Zhang et al. 2021). Transductive: needs unlabeled images of the very classes.
    Gaussian,
    /// The trusted prototype, moved to the unlabeled images that look like it, round after round ([`soft_k_means`]).
    /// Transductive: needs unlabeled images of the very classes; safe whatever the names are.
    SoftKMeans,
}

impl Fusion {
    /// Every policy.
    pub const ALL: [Self; 8] = [
        Self::Mean,
        Self::Completed,
        Self::Average,
        Self::Semantic,
        Self::ErrorVariance,
        Self::Trusted,
        Self::Gaussian,
        Self::SoftKMeans,
    ];

    /// Whether a query may be answered with the help of others.
    pub fn setting(self) -> Setting {
        match self {
            Self::Gaussian | Self::SoftKMeans => Setting::Transductive,
            _ => Setting::Inductive,
        }
    }
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mean => "mean",
            Self::Completed => "completed",
            Self::Average => "average",
            Self::Semantic => "semantic",
            Self::ErrorVariance => "error-variance",
            Self::Trusted => "trusted",
            Self::Gaussian => "gaussian",
            Self::SoftKMeans => "soft-k-means",
        })
    }
}

/// A word that names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{got}` is no fusion; expected mean, completed, average, semantic, error-variance, trusted, gaussian or soft-k-means"
)]
pub struct FusionError {
    /// The word.
    pub got: String,
}

impl FromStr for Fusion {
    type Err = FusionError;

    fn from_str(text: &str) -> Result<Self, FusionError> {
        let known = Self::ALL.into_iter().find(|fusion| fusion.to_string() == text);
        known.ok_or_else(|| FusionError { got: text.to_owned() })
    }
}

/// Whether the classifier saw the queries together before it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// Each query is answered by itself.
    Inductive,
    /// The queries served as unlabeled images.
    Transductive,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inductive => "inductive",
            Self::Transductive => "transductive",
        })
    }
}

/// `(1 - weight) a + weight b`, row by row, each with its own weight.
///
/// # Shapes
/// `a`, `b` `[n, s]`, `weights` `[n]`; result `[n, s]`.
pub fn interpolated(
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    weights: ArrayView1<'_, f32>,
) -> Array2<f32> {
    let weights = weights.insert_axis(Axis(1));
    &a + &((&b - &a) * weights)
}

/// `w mean + (1 - w) other` with a weight for each dimension.
///
/// # Shapes
/// `mean`, `other` `[n, s]`, `weight_of_mean` `[s]`; result `[n, s]`.
pub fn weighted(
    mean: ArrayView2<'_, f32>,
    other: ArrayView2<'_, f32>,
    weight_of_mean: ArrayView1<'_, f32>,
) -> Array2<f32> {
    &other + &((&mean - &other) * weight_of_mean)
}

/// [`Fusion::Trusted`]: the [share](Space::share) of knowledge beside `k_shot` images, times the trust that each name has earned.
///
/// # Shapes
/// `mean`, `semantic` `[n, s]`, raw; result `[n, s]`.
pub fn trusted(
    mean: ArrayView2<'_, f32>,
    semantic: ArrayView2<'_, f32>,
    k_shot: usize,
    frame: &EmbeddingFrame,
) -> Array2<f32> {
    let images = vec![k_shot; mean.nrows()];
    let weights = name_trust(mean, semantic, &images, frame) * frame.share(k_shot);
    interpolated(mean, semantic, weights.view())
}

/// How far each class's name is believed beside its images, `[n]`, 0 to 1; 0 where knowledge says nothing or there is
/// no other class to hold names against.
///
/// # Shapes
/// `mean`, `semantic` `[n, s]`, raw; `images` `[n]`, how many each class has. The work grows with `n`, not with its square:
/// names are held against those of at most [`MAX_TRUST_GROUP`] classes.
pub fn name_trust(
    mean: ArrayView2<'_, f32>,
    semantic: ArrayView2<'_, f32>,
    images: &[usize],
    frame: &EmbeddingFrame,
) -> Array1<f32> {
    let (mean, semantic) = (frame.directions(mean), frame.directions(semantic));
    let speaks = |row: usize| semantic.row(row).iter().any(|&x| x != 0.0);
    let speaking: Vec<usize> = (0..mean.nrows()).filter(|&row| speaks(row)).collect();
    let groups = speaking.len().div_ceil(MAX_TRUST_GROUP);
    let mut trust = Array1::zeros(mean.nrows());
    for group in 0..groups {
        // Every so many: neighbors in a sorted gallery are often alike.
        let rows: Vec<usize> = speaking.iter().copied().skip(group).step_by(groups).collect();
        let of = |all: &Array2<f32>| all.select(Axis(0), &rows);
        let Some(evidence) = NameEvidence::of(of(&semantic).view(), of(&mean).view()) else {
            continue;
        };
        let images: Vec<usize> = rows.iter().map(|&row| images[row]).collect();
        for (&row, believed) in rows.iter().zip(evidence.trust(&images)) {
            trust[row] = believed;
        }
    }
    trust
}

/// Mean squared errors of two estimators of a class's mean, per dimension `[s]`, measured on base classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorVariances {
    /// Of the mean prototype.
    pub mean: Array1<f32>,
    /// Of the other one.
    pub other: Array1<f32>,
    /// The mean product of both errors.
    pub product: Array1<f32>,
}

impl ErrorVariances {
    /// The weight of the mean prototype that makes the error of the sum smallest, in 0..=1, per dimension `[s]`;
    /// one half where nothing tells them apart.
    pub fn weight_of_mean(&self) -> Array1<f32> {
        Zip::from(&self.mean).and(&self.other).and(&self.product).map_collect(|&e1, &e2, &e12| {
            let both = e1 + e2 - 2.0 * e12;
            if both > 0.0 { ((e2 - e12) / both).clamp(0.0, 1.0) } else { 0.5 }
        })
    }
}

/// Class-wise mean and variance of weighted points, `[n, s]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussians {
    /// Weighted means.
    pub mean: Array2<f32>,
    /// Weighted variances, two-pass.
    pub variance: Array2<f32>,
}

/// The Gaussian of each class around `prototypes`, over its support and the unlabeled images that look like it.
///
/// # Shapes
/// `prototypes` `[n, s]`; `support` `[m, s]`, whose rows belong to the classes `labels` `[m]`; `unlabeled` `[u, s]`.
pub fn gaussians(
    prototypes: ArrayView2<'_, f32>,
    support: ArrayView2<'_, f32>,
    labels: &[usize],
    unlabeled: ArrayView2<'_, f32>,
) -> Gaussians {
    let soft = softmax(cosine(unlabeled, prototypes) * TEMPERATURE);
    let n = prototypes.nrows();
    let hard =
        Array2::from_shape_fn(
            (labels.len(), n),
            |(row, class)| {
                if labels[row] == class { 1.0 } else { 0.0 }
            },
        );
    let total = hard.sum_axis(Axis(0)) + soft.sum_axis(Axis(0));
    let total = total.insert_axis(Axis(1));
    let mean = (hard.t().dot(&support) + soft.t().dot(&unlabeled)) / &total;
    let mut variance = Array2::<f32>::zeros(mean.dim());
    for (rows, weights) in [(support, &hard), (unlabeled, &soft)] {
        for (point, weights) in rows.rows().into_iter().zip(weights.rows()) {
            for (class, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0)
            {
                Zip::from(variance.row_mut(class))
                    .and(mean.row(class))
                    .and(point)
                    .for_each(|variance, &mean, &x| *variance += weight * (x - mean) * (x - mean));
            }
        }
    }
    variance /= &total;
    Gaussians { mean, variance }
}

/// [`Fusion::Gaussian`]: `(m1 v2 + m2 v1) / (v1 + v2)`, and the arithmetic mean where both variances are zero.
///
/// # Shapes
/// See [`gaussians`]; `mean`, `completed` and the result are `[n, s]`.
pub fn gaussian(
    mean: ArrayView2<'_, f32>,
    completed: ArrayView2<'_, f32>,
    support: ArrayView2<'_, f32>,
    labels: &[usize],
    unlabeled: ArrayView2<'_, f32>,
) -> Array2<f32> {
    let one = gaussians(mean, support, labels, unlabeled);
    let two = gaussians(completed, support, labels, unlabeled);
    Zip::from(&one.mean).and(&one.variance).and(&two.mean).and(&two.variance).map_collect(
        |&m1, &v1, &m2, &v2| {
            let both = v1 + v2;
            if both > 0.0 { (m1 * v2 + m2 * v1) / both } else { 0.5 * (m1 + m2) }
        },
    )
}

/// [`Fusion::SoftKMeans`]: unlabeled images are shared out among the prototypes, each of which moves to the mean of
/// itself and of those that it got, and so on (Ren et al., "Meta-learning for semi-supervised few-shot classification",
/// 2018). A prototype counts as its class's images and a few more, so that one or two unlabeled images do not drag it
/// away. All in directions: long embeddings count as much as short ones, and only the direction of the result means
/// something.
///
/// # Shapes
/// `prototypes` and the result `[n, s]`; `images` `[n]`, of each class; `unlabeled` `[u, s]`.
pub fn soft_k_means(
    prototypes: ArrayView2<'_, f32>,
    images: &[usize],
    unlabeled: ArrayView2<'_, f32>,
) -> Array2<f32> {
    let counts: Array1<f32> = images.iter().map(|&n| n as f32 + PRIOR).collect();
    let unlabeled = normalized(unlabeled.to_owned());
    let mut prototypes = normalized(prototypes.to_owned());
    let own = &prototypes * &counts.insert_axis(Axis(1));
    for _ in 0..ROUNDS {
        let shares = softmax(unlabeled.dot(&prototypes.t()) * SHARPNESS);
        prototypes = normalized(&own + &shares.t().dot(&unlabeled));
    }
    prototypes
}

/// Rows to shares that sum to 1.
fn softmax(mut logits: Array2<f32>) -> Array2<f32> {
    for mut row in logits.rows_mut() {
        let largest = row.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        row.mapv_inplace(|x| (x - largest).exp());
        let sum = row.sum();
        row /= sum;
    }
    logits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn names_go_both_ways() {
        for fusion in Fusion::ALL {
            assert_eq!(fusion.to_string().parse(), Ok(fusion));
            let json = serde_json::to_string(&fusion).unwrap();
            assert_eq!(json, format!("\"{fusion}\""));
        }
        assert!("fused".parse::<Fusion>().unwrap_err().to_string().contains("error-variance"));
    }

    #[test]
    fn prototypes_move_to_what_looks_like_them() {
        let prototypes = array![[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let moved = |images: [usize; 2], unlabeled: Array2<f32>| {
            soft_k_means(prototypes.view(), &images, unlabeled.view())
        };
        let long = moved([1, 1], array![[0.0, 9.0, 9.0], [1.0, 0.0, 0.0]]);
        let short = moved([1, 1], array![[0.0, 0.1, 0.1], [1.0, 0.0, 0.0]]);
        assert!((&long - &short).iter().all(|x| x.abs() < 1e-6), "lengths do not matter");
        // One image, 45 degrees off, beside a prototype that counts as three.
        assert!((long[[1, 2]] - 0.189).abs() < 1e-2, "{long}");
        assert!(long[[0, 0]] > 0.999, "{long}");
        let steady = moved([1, 50], array![[0.0, 9.0, 9.0]]);
        assert!(steady[[1, 2]] < 0.1 * long[[1, 2]], "many images hold it: {steady}");
        let alone = moved([0, 0], Array2::zeros((0, 3)));
        assert_eq!(alone, normalized(prototypes.clone()), "nothing draws at them");
    }

    #[test]
    fn errors_that_go_together_give_no_weight_beyond_the_ends() {
        let errors = ErrorVariances {
            mean: array![1.0, 1.0, 1.0, 0.0],
            other: array![3.0, 1.0, 0.5, 0.0],
            product: array![0.0, 1.0, 0.6, 0.0],
        };
        assert_eq!(errors.weight_of_mean(), array![0.75, 0.5, 0.0, 0.5]);
    }

    #[test]
    fn a_name_that_says_nothing_changes_nothing_and_many_classes_are_as_few() {
        let n = MAX_TRUST_GROUP + 50;
        let frame = EmbeddingFrame::new(Array1::ones(32), 2.0);
        let noise = |seed: usize| ((seed * 2_654_435_761) % 1_000_003) as f32 / 1e6;
        let mean = Array2::from_shape_fn((n, 32), |(row, i)| 0.5 + noise(row * 32 + i + 1));
        let mut semantic = mean.clone();
        semantic.row_mut(5).assign(frame.center());
        let believed = name_trust(mean.view(), semantic.view(), &vec![1; n], &frame);
        assert_eq!(believed[5], 0.0);
        assert!(believed.iter().enumerate().all(|(row, &t)| row == 5 || t > 0.8), "{believed}");
        let fused = trusted(mean.view(), semantic.view(), 1, &frame);
        assert_eq!(fused.row(5), mean.row(5));
    }

    #[test]
    fn one_class_is_its_images() {
        let (mean, semantic) = (array![[1.0, 0.0]], array![[0.0, 1.0]]);
        let frame = EmbeddingFrame::new(array![0.0, 0.0], 1.0);
        assert_eq!(trusted(mean.view(), semantic.view(), 1, &frame), mean);
    }

    #[test]
    fn a_dimension_without_variance_is_no_nan() {
        let support = array![[0.0, 1.0], [0.0, -1.0]];
        let unlabeled = array![[0.0, 0.9], [0.0, -1.1]];
        let completed = array![[0.0, 0.5], [0.0, -0.5]];
        let fused =
            gaussian(support.view(), completed.view(), support.view(), &[0, 1], unlabeled.view());
        assert!(fused.iter().all(|x| x.is_finite()), "{fused}");
        assert_eq!((fused[[0, 0]], fused[[1, 0]]), (0.0, 0.0));
        assert!(fused[[0, 1]] > 0.5 && fused[[1, 1]] < -0.5, "{fused}");
    }
}

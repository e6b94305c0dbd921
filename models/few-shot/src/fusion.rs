//! Fusion: how a device combines the images and the name of a class into one prototype.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

use crate::embedding_frame::normalized;

/// How sharply [`soft_k_means`] shares an unlabeled image among classes. Chosen with the next two
/// on validation classes (CIFAR-FS, Caltech) among 10, 20 and 30.
const SHARPNESS: f32 = 30.0;

/// The weight of a prototype against unlabeled images, beyond the number of its own images; among
/// 0, 2, 6 and 10.
const PRIOR: f32 = 2.0;

/// The rounds of [`soft_k_means`]; among 1, 2 and 4.
const ROUNDS: usize = 4;

/// How a device makes prototypes.
///
/// # Examples
/// ```
/// use few_shot::fusion::{Fusion, Setting};
///
/// let fusion: Fusion = "soft-k-means".parse()?;
/// assert_eq!(fusion.setting(), Setting::Transductive);
/// # Ok::<(), few_shot::fusion::FusionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fusion {
    /// The mean of the raw embeddings of a class's images (Snell et al. 2017). Inductive.
    Mean,
    /// `(1 - a t) P + a t S` for the mean prototype `P` and the semantic prototype `S`: `a` is the
    /// share of the [name prior](crate::name_prior), `t` the [name trust](crate::name_trust).
    /// Inductive; wrong names do little harm, so it is the default.
    Trusted,
    /// The trusted prototypes, moved to the unlabeled images near them ([`soft_k_means`]).
    /// Transductive: needs unlabeled images of the same classes.
    SoftKMeans,
}

impl Fusion {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Mean, Self::Trusted, Self::SoftKMeans];

    /// Whether the answer for a query depends on other queries.
    pub fn setting(self) -> Setting {
        match self {
            Self::SoftKMeans => Setting::Transductive,
            Self::Mean | Self::Trusted => Setting::Inductive,
        }
    }
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mean => "mean",
            Self::Trusted => "trusted",
            Self::SoftKMeans => "soft-k-means",
        })
    }
}

/// A word that is no [`Fusion`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not a fusion; expected mean, trusted or soft-k-means")]
pub struct FusionError {
    /// The word.
    pub got: String,
}

impl FromStr for Fusion {
    type Err = FusionError;

    fn from_str(text: &str) -> Result<Self, FusionError> {
        let found = Self::ALL.into_iter().find(|fusion| fusion.to_string() == text);
        found.ok_or_else(|| FusionError { got: text.to_owned() })
    }
}

/// Whether a classifier sees the queries together before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// Each query is answered by itself.
    Inductive,
    /// The queries serve as unlabeled images.
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
    interpolated_in(a, b.to_owned(), weights)
}

/// The same in the place of `b`.
pub(crate) fn interpolated_in(
    a: ArrayView2<'_, f32>,
    b: Array2<f32>,
    weights: ArrayView1<'_, f32>,
) -> Array2<f32> {
    // In this form a weight of 0 gives `a` to the bit: without trust in its name, a class has
    // exactly the prototype of the policy `mean`.
    let mut rows = b;
    rows -= &a;
    rows *= &weights.insert_axis(Axis(1));
    rows += &a;
    rows
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

/// Mean squared errors of two estimators of a class's mean, per dimension `[s]`, measured on base
/// classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorVariances {
    /// Those of the mean prototype.
    pub mean: Array1<f32>,
    /// Those of the other prototype.
    pub other: Array1<f32>,
    /// The mean product of both errors.
    pub product: Array1<f32>,
}

impl ErrorVariances {
    /// The weight of the mean prototype that minimizes the error of the weighted sum, in 0..=1, per
    /// dimension `[s]`; one half where both are equal and without error.
    pub fn weight_of_mean(&self) -> Array1<f32> {
        Zip::from(&self.mean).and(&self.other).and(&self.product).map_collect(|&e1, &e2, &e12| {
            // The minimum over w of w² e1 + 2 w (1 - w) e12 + (1 - w)² e2 (Bates and Granger 1969).
            // The errors are not independent: both are measured against the same true mean.
            let both = e1 + e2 - 2.0 * e12;
            // `both` is the mean squared difference of the two prototypes. Where they agree it is
            // 0, or a little less by rounding. The clamp keeps the sum between the two.
            if both > 0.0 { ((e2 - e12) / both).clamp(0.0, 1.0) } else { 0.5 }
        })
    }
}

/// [`Fusion::SoftKMeans`]: shares unlabeled images out among the prototypes, moves each prototype
/// to the mean of itself and its images, and repeats (Ren et al. 2018, "Meta-Learning for
/// Semi-Supervised Few-Shot Classification").
///
/// A prototype counts as the images of its class and a few more, so that one or two unlabeled
/// images do not drag it away. All embeddings are normalized first, so long ones count no more than
/// short ones.
///
/// # Shapes
/// `prototypes` and the result `[n, s]`, the result of length 1; `images` `[n]`, the number of
/// images of each class; `unlabeled` `[u, s]`.
pub fn soft_k_means(
    prototypes: ArrayView2<'_, f32>,
    images: &[usize],
    unlabeled: ArrayView2<'_, f32>,
) -> Array2<f32> {
    let counts: Array1<f32> = images.iter().map(|&n| n as f32 + PRIOR).collect();
    let unlabeled = normalized(unlabeled.to_owned());
    let mut prototypes = normalized(prototypes.to_owned());
    // Labeled images never change their class, so their part of each sum is the same in all rounds.
    let own = &prototypes * &counts.insert_axis(Axis(1));
    for _ in 0..ROUNDS {
        let shares = softmax(unlabeled.dot(&prototypes.t()) * SHARPNESS);
        // Ren et al. divide by the sum of weights; normalizing makes that division unnecessary.
        prototypes = normalized(&own + &shares.t().dot(&unlabeled));
    }
    prototypes
}

/// Turns each row of logits `[n, m]` into shares that sum to 1.
pub(crate) fn softmax(mut logits: Array2<f32>) -> Array2<f32> {
    for mut row in logits.rows_mut() {
        // Exponents of at most 0 cannot overflow, and the greatest is 0, so the sum is at least 1.
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
    fn a_fusion_is_written_and_read_by_its_word() {
        for fusion in Fusion::ALL {
            assert_eq!(fusion.to_string().parse(), Ok(fusion));
            let json = serde_json::to_string(&fusion).unwrap();
            assert_eq!(json, format!("\"{fusion}\""));
        }
        assert!("fused".parse::<Fusion>().unwrap_err().to_string().contains("soft-k-means"));
    }

    fn prototypes() -> Array2<f32> {
        array![[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    }

    fn moved(images: [usize; 2], unlabeled: Array2<f32>) -> Array2<f32> {
        soft_k_means(prototypes().view(), &images, unlabeled.view())
    }

    #[test]
    fn prototypes_move_to_the_unlabeled_images_near_them() {
        let long = moved([1, 1], array![[0.0, 9.0, 9.0], [1.0, 0.0, 0.0]]);
        let short = moved([1, 1], array![[0.0, 0.1, 0.1], [1.0, 0.0, 0.0]]);
        assert!((&long - &short).iter().all(|x| x.abs() < 1e-6), "lengths do not matter");
        // One image, 45 degrees off, against a prototype that counts as three.
        assert!((long[[1, 2]] - 0.189).abs() < 1e-2, "{long}");
        assert!(long[[0, 0]] > 0.999, "{long}");
        let steady = moved([1, 50], array![[0.0, 9.0, 9.0]]);
        assert!(
            steady[[1, 2]] < 0.1 * long[[1, 2]],
            "a class with many images moves less: {steady}"
        );
        let unmoved = moved([0, 0], Array2::zeros((0, 3)));
        assert_eq!(unmoved, normalized(prototypes()), "there are no unlabeled images");
    }

    #[test]
    fn weights_of_correlated_errors_stay_between_0_and_1() {
        let errors = ErrorVariances {
            mean: array![1.0, 1.0, 1.0, 0.0],
            other: array![3.0, 1.0, 0.5, 0.0],
            product: array![0.0, 1.0, 0.6, 0.0],
        };
        assert_eq!(errors.weight_of_mean(), array![0.75, 0.5, 0.0, 0.5]);
    }
}

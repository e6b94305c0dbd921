//! Name trust: how well the names of classes, together and one by one, fit their images.
//!
//! `M[i, j] = cos(S_i, P_j)` compares semantic prototypes `S` with mean prototypes `P` of the
//! classes that have both, in one [frame](crate::embedding_frame). Where names are right, the
//! diagonal of `M` stands out. Where a name is wrong its weight falls, so that it does not ruin the
//! prototype of its class.

mod comparison;
pub mod groups;

use ndarray::{Array1, Array2, ArrayView2, Axis, CowArray, Ix2, Zip};

use crate::decision::sampling::hash;
use crate::embedding_frame::EmbeddingFrame;
use crate::metric::cosine;
use groups::trust_groups;

pub use comparison::{FormerComparison, NameComparison};

/// The evidence at which the names of a gallery are as likely right as wrong.
const GALLERY_MIDDLE: f32 = 2.0;
/// How fast trust grows with it.
const GALLERY_SLOPE: f32 = 2.0;
/// The same middle for the evidence of one class, which is counted in standard deviations of `M`
/// off its diagonal.
const CLASS_MIDDLE: f32 = 0.3;
/// The slope of the evidence of a class where it is added to that of the gallery. Chosen on base
/// classes left out of the name regressor, among 2, 3 and 4: it keeps most of the gain of right
/// names and loses least to wrong ones.
const ADDED_SLOPE: f32 = 2.0;
/// The limit of the gallery's evidence where it is added to that of a class: a name that does not
/// fit is not trusted, however well the others fit. Chosen on validation classes (CIFAR-FS,
/// Caltech) among 2, 3, 4 and 6 by what two swapped names cost.
const MAX_GALLERY_EVIDENCE: f32 = 2.0;
/// The weight of a better fitting rival at many shots; at one shot such a rival is likely chance.
/// Chosen on the same validation classes among 0, 2, 3 and 4: at 0 two swapped names cost too much,
/// above 2 right names gain too little.
const RIVAL_SLOPE: f32 = 2.0;

/// Keeps a division by the deviation finite.
const EPSILON: f32 = 1e-6;

/// The trust in the name of each class, `[n]`, 0 to 1; 0 where a class has no semantic prototype
/// (its row is the center of `frame`) or there is no other class to compare it with.
///
/// # Shapes
/// `mean` and `semantic` `[n, s]`, raw; `images` `[n]`, the number of images of each class. The
/// work grows with `n`, not with its square: names are compared in [groups], here by the
/// position of a class.
///
/// # Examples
/// ```
/// use few_shot::embedding_frame::EmbeddingFrame;
/// use few_shot::name_trust::name_trust;
/// use ndarray::{Array1, Array2};
///
/// let frame = EmbeddingFrame::new(Array1::zeros(5), 1.0);
/// let means = Array2::<f32>::eye(5);
/// let trust = name_trust(means.view(), means.view(), &[1; 5], &frame);
/// assert!(trust.iter().all(|&trust| trust > 0.9));
/// ```
pub fn name_trust(
    mean: ArrayView2<'_, f32>,
    semantic: ArrayView2<'_, f32>,
    images: &[usize],
    frame: &EmbeddingFrame,
) -> Array1<f32> {
    let mean = frame.directions(mean);
    let semantic = frame.directions(semantic);
    let named = rows_with_direction(&semantic);
    let mut trust = Array1::zeros(mean.nrows());
    for rows in grouped(&named) {
        let group_semantic = selected(semantic.view(), &rows);
        let group_mean = selected(mean.view(), &rows);
        let Some(evidence) = NameEvidence::of(group_semantic.view(), group_mean.view()) else {
            continue;
        };
        let group_images: Vec<usize> = rows.iter().map(|&row| images[row]).collect();
        for (&row, value) in rows.iter().zip(evidence.trust(&group_images)) {
            trust[row] = value;
        }
    }
    trust
}

/// These rows, ascending; without a copy if they are all.
pub(crate) fn selected<'a>(matrix: ArrayView2<'a, f32>, rows: &[usize]) -> CowArray<'a, f32, Ix2> {
    if rows.len() == matrix.nrows() { matrix.into() } else { matrix.select(Axis(0), rows).into() }
}

/// The groups of these rows, each ascending.
fn grouped(rows: &[usize]) -> Vec<Vec<usize>> {
    let mut hashed: Vec<(u64, usize)> = rows.iter().map(|&row| (hash(row as u64), row)).collect();
    hashed.sort_unstable();
    let keys: Vec<u64> = hashed.iter().map(|(key, _)| *key).collect();
    let groups = trust_groups(&keys).into_iter();
    let rows_of = groups.map(|group| {
        let mut rows: Vec<usize> = hashed[group.members].iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows
    });
    rows_of.collect()
}

fn rows_with_direction(directions: &Array2<f32>) -> Vec<usize> {
    let rows = directions.rows().into_iter().enumerate();
    rows.filter(|(_, row)| row.iter().any(|&x| x != 0.0)).map(|(row, _)| row).collect()
}

/// The evidence in `M` for the names of a gallery and of each class.
#[derive(Debug, Clone, PartialEq)]
pub struct NameEvidence {
    /// `sqrt(n) (mean diagonal - mean off-diagonal) / std off-diagonal`.
    pub gallery: f32,
    /// For each class `[n]`: its diagonal less the mean of the rest of its row and column, in the
    /// same deviations.
    pub classes: Array1<f32>,
    /// For each class `[n]`: its diagonal less the greatest of the rest of its row and column, in
    /// the same deviations; 0 where the diagonal is greater.
    pub rivals: Array1<f32>,
}

impl NameEvidence {
    /// Compares semantic with mean prototypes, `[n, s]` each, row by row. `None` for fewer than two
    /// classes.
    pub fn of(semantic: ArrayView2<'_, f32>, mean: ArrayView2<'_, f32>) -> Option<Self> {
        Self::of_cosines(&cosine(semantic, mean))
    }

    /// The same for prototypes that were compared already.
    pub fn of_comparison(comparison: &NameComparison) -> Option<Self> {
        Self::of_cosines(comparison.cosines())
    }

    fn of_cosines(m: &Array2<f32>) -> Option<Self> {
        let n = m.nrows();
        if n < 2 {
            return None;
        }
        let diagonal = m.diag();
        let others = (n * (n - 1)) as f32;
        let off_mean = (m.sum() - diagonal.sum()) / others;
        // Two passes: cosines of similar classes are nearly equal, and in `E[x²] - mean²` their
        // small variance would be lost.
        let squares: f32 = m
            .indexed_iter()
            .filter(|((i, j), _)| i != j)
            .map(|(_, x)| (x - off_mean).powi(2))
            .sum();
        let std = (squares / (others - 1.0)).sqrt() + EPSILON;
        Some(Self {
            // Only evidence against a name: what speaks for it is in `classes`.
            rivals: (0..n).map(|class| (over_rivals(m, class) / std).min(0.0)).collect(),
            // The mean of n values varies sqrt(n) times less than one value: this is a z-score.
            gallery: (n as f32).sqrt() * (diagonal.sum() / n as f32 - off_mean) / std,
            classes: (0..n).map(|class| over_others(m, class) / std).collect(),
        })
    }

    /// Trust in each name, `[n]`, 0 to 1; `images` `[n]` is the number of images of each class.
    ///
    /// All evidence is added before it becomes a share. A product of shares would penalize a right
    /// name twice: one noisy image makes the evidence of its class weak even where the rest of the
    /// gallery fits. Added, strong evidence of the gallery outweighs it, and the evidence against
    /// one wrong name outweighs that of a gallery that hardly fits. At many shots another class
    /// that the name fits better is evidence against the name as well.
    ///
    /// At many shots the trust of a class is also scaled by the mean trust of the classes with many
    /// images. A class whose name moves its prototype towards its images is chosen more often, also
    /// for images of a class whose prototype stays at its mean; there a right name gains less than
    /// that costs.
    pub fn trust(&self, images: &[usize]) -> Array1<f32> {
        let gallery = (GALLERY_SLOPE * (self.gallery - GALLERY_MIDDLE)).min(MAX_GALLERY_EVIDENCE);
        let beyond: Array1<f32> = images.iter().map(|&n| beyond_one(n)).collect();
        let classes = Zip::from(&self.classes).and(&self.rivals).and(&beyond);
        let trust = classes.map_collect(|class, rival, beyond| {
            sigmoid(gallery + ADDED_SLOPE * (class - CLASS_MIDDLE) + RIVAL_SLOPE * beyond * rival)
        });
        // Where all classes have one image, `beyond` is 0, the floor prevents 0 / 0, and the
        // exponent of 0 below makes the factor 1.
        let mean = trust.dot(&beyond) / beyond.sum().max(EPSILON);
        Zip::from(&trust).and(&beyond).map_collect(|trust, &beyond| trust * mean.powf(beyond))
    }
}

/// The diagonal of a class less the mean of the rest of its row and column.
fn over_others(m: &Array2<f32>, class: usize) -> f32 {
    let own = m[[class, class]];
    // The row compares the name with the images of other classes, the column the images of the
    // class with other names. The diagonal is in both.
    let rest = m.row(class).sum() + m.column(class).sum() - 2.0 * own;
    own - rest / (2 * m.nrows() - 2) as f32
}

/// The diagonal of a class less the greatest of the rest of its row and column.
fn over_rivals(m: &Array2<f32>, class: usize) -> f32 {
    let others = (0..m.nrows()).filter(|&other| other != class);
    let greatest = others.map(|other| m[[class, other]].max(m[[other, class]]));
    m[[class, class]] - greatest.fold(f32::NEG_INFINITY, f32::max)
}

/// The share of a class's evidence that comes from images after the first: 0 at one shot, near 1 at
/// many.
fn beyond_one(images: usize) -> f32 {
    1.0 - (images.max(1) as f32).recip()
}

fn sigmoid(x: f32) -> f32 {
    (1.0 + (-x).exp()).recip()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::groups::MAX_TRUST_GROUP;
    use super::*;
    use ndarray::array;

    #[test]
    fn one_class_has_no_evidence() {
        let one = array![[1.0, 0.0]];
        assert_eq!(NameEvidence::of(one.view(), one.view()), None);
        assert_eq!(
            NameEvidence::of(Array2::zeros((0, 2)).view(), Array2::zeros((0, 2)).view()),
            None
        );
    }

    #[test]
    fn right_names_are_trusted_and_wrong_ones_are_not() {
        let mean = Array2::<f32>::eye(5);
        let mut semantic = mean.clone() + 0.1;
        semantic[[0, 3]] += 0.2;
        let one = [1; 5];
        let right = NameEvidence::of(semantic.view(), mean.view()).unwrap().trust(&one);
        assert!(right.iter().all(|&t| t > 0.9), "{right}");
        semantic.swap_axes(0, 1);
        let rolled = semantic.select(Axis(0), &[1, 2, 3, 4, 0]);
        let wrong = NameEvidence::of(rolled.view(), mean.view()).unwrap().trust(&one);
        assert!(wrong.iter().all(|&t| t < 0.1), "{wrong}");
    }

    #[test]
    fn trust_in_swapped_names_falls_with_more_images() {
        let mean = Array2::<f32>::eye(5);
        let names = (mean.clone() + 0.1).select(Axis(0), &[1, 0, 2, 3, 4]);
        let evidence = NameEvidence::of(names.view(), mean.view()).unwrap();
        let [one, many] = [1, 25].map(|n| evidence.trust(&[n; 5]));
        assert!(one[0] < 0.6 && many[0] < 0.5 * one[0] && many[1] < 0.5 * one[1], "{one} {many}");
        assert!(one[2] > 0.9, "{one}");
        // A right name in a group with wrong ones.
        assert!(many[2] < 0.8 * one[2] && many[2] > 0.5, "{one} {many}");
        let varied = evidence.trust(&[1, 1, 25, 25, 25]);
        assert!(
            varied[2] > 0.9 && varied[0] == one[0],
            "the classes with swapped names have one image: {varied}"
        );
    }

    #[test]
    fn equal_prototypes_give_finite_trust() {
        let same = array![[1.0, 0.0], [1.0, 0.0]];
        let evidence = NameEvidence::of(same.view(), same.view()).unwrap();
        let one = [1; 2];
        assert!(evidence.trust(&one).iter().all(|t| t.is_finite()));
    }

    #[test]
    fn a_class_without_semantic_prototype_has_no_trust_in_a_large_gallery() {
        let n = MAX_TRUST_GROUP + 50;
        let frame = EmbeddingFrame::new(Array1::ones(32), 2.0);
        let mean = Array2::from_shape_fn((n, 32), |(row, i)| {
            0.5 + (((row * 32 + i + 1) * 2_654_435_761) % 1_000_003) as f32 / 1e6
        });
        let mut semantic = mean.clone();
        semantic.row_mut(5).assign(frame.center());
        let trust = name_trust(mean.view(), semantic.view(), &vec![1; n], &frame);
        assert_eq!(trust[5], 0.0);
        assert!(trust.iter().enumerate().all(|(row, &t)| row == 5 || t > 0.8), "{trust}");
    }

    #[test]
    fn one_class_has_no_trust() {
        let frame = EmbeddingFrame::new(array![0.0, 0.0], 1.0);
        let trust = name_trust(array![[1.0, 0.0]].view(), array![[0.0, 1.0]].view(), &[1], &frame);
        assert_eq!(trust, array![0.0]);
    }
}

//! How far names can be believed: whether knowledge prototypes, together and one by one, fit the images.
//!
//! `M[i, j] = cos(S_i, P_j)` compares knowledge prototypes `S` with mean prototypes `P` of the classes that have
//! both, in one [space](super::embedding_frame). Where names are right the diagonal stands out.

use ndarray::{Array1, ArrayView2, Zip};

use super::metric::cosine;

/// The evidence at which the gallery is as likely right as wrong.
const GALLERY_MIDDLE: f32 = 2.0;
/// How fast trust grows with it.
const GALLERY_SLOPE: f32 = 2.0;
/// The same for one class, in standard deviations of `M` off its diagonal.
const CLASS_MIDDLE: f32 = 0.3;
const CLASS_SLOPE: f32 = 3.0;
/// The slope of a class's evidence when it is added to the gallery's. Chosen on base classes left out of the
/// completer, among 2, 3 and 4: it keeps most of the gain of right names and loses least to wrong ones.
const ADDED_SLOPE: f32 = 2.0;
/// The most that the gallery's evidence counts beside a class's: however well the others fit, a name that does not is
/// doubted. Chosen on validation classes (CIFAR-FS, Caltech) among 2, 3, 4 and 6 by what two swapped names cost.
const GALLERY_MOST: f32 = 2.0;
/// How much a better fitting rival counts beside many images; beside one it is likely chance. Chosen there among 0, 2, 3
/// and 4: with none two swapped names cost too much, with more right names gain too little.
const RIVAL_SLOPE: f32 = 2.0;

/// Keeps a division by the deviation finite.
const EPSILON: f32 = 1e-6;

/// What `M` tells.
#[derive(Debug, Clone, PartialEq)]
pub struct NameEvidence {
    /// `sqrt(n) (mean diagonal - mean off-diagonal) / std off-diagonal`.
    pub gallery: f32,
    /// Of each class `[n]`: its diagonal less the mean of the rest of its row and column, in the same deviations.
    pub classes: Array1<f32>,
    /// Of each class `[n]`: its diagonal less the greatest of the rest of its row and column, in the same deviations; 0
    /// where the diagonal is greater.
    pub rivals: Array1<f32>,
}

impl NameEvidence {
    /// Compares knowledge prototypes with mean prototypes, `[n, s]` each, row by row. `None` for fewer than two
    /// classes: there is nothing to tell apart, and names are not trusted.
    pub fn of(semantic: ArrayView2<'_, f32>, mean: ArrayView2<'_, f32>) -> Option<Self> {
        let n = semantic.nrows();
        if n < 2 {
            return None;
        }
        let m = cosine(semantic, mean);
        let (diagonal, others) = (m.diag(), (n * (n - 1)) as f32);
        let off_mean = (m.sum() - diagonal.sum()) / others;
        let squares: f32 = m
            .indexed_iter()
            .filter(|((i, j), _)| i != j)
            .map(|(_, x)| (x - off_mean).powi(2))
            .sum();
        let std = (squares / (others - 1.0)).sqrt() + EPSILON;
        let of_class = |k: usize| {
            let around = m.row(k).sum() + m.column(k).sum() - 2.0 * diagonal[k];
            (diagonal[k] - around / (2 * n - 2) as f32) / std
        };
        let rival_of = |k: usize| {
            let others = (0..n).filter(|&other| other != k);
            let greatest = others.map(|other| m[[k, other]].max(m[[other, k]]));
            ((diagonal[k] - greatest.fold(f32::NEG_INFINITY, f32::max)) / std).min(0.0)
        };
        Some(Self {
            rivals: (0..n).map(rival_of).collect(),
            gallery: (n as f32).sqrt() * (diagonal.sum() / n as f32 - off_mean) / std,
            classes: (0..n).map(of_class).collect(),
        })
    }

    /// Trust in all names together, 0 to 1.
    pub fn gallery_trust(&self) -> f32 {
        sigmoid(GALLERY_SLOPE * (self.gallery - GALLERY_MIDDLE))
    }

    /// Trust in each name by itself, `[n]`, 0 to 1.
    pub fn class_trust(&self) -> Array1<f32> {
        self.classes.mapv(|class| sigmoid(CLASS_SLOPE * (class - CLASS_MIDDLE)))
    }

    /// Trust in each name, `[n]`, 0 to 1; `images` `[n]` is how many each class has.
    ///
    /// All kinds of evidence are added before they become a share. A product of shares doubts a right name twice: one noisy
    /// image makes a class's own evidence weak even where the rest of the gallery fits. Added, strong evidence of the gallery
    /// outweighs it, and the evidence against one wrong name outweighs that of a gallery that hardly fits. Where a class has many
    /// images, another class that its name fits better is evidence against it, too.
    ///
    /// Beside one image that is all. Classes with many are believed as far as others with many are on average, besides: one that
    /// its name moves towards its images is chosen more often, also for images of a class whose doubted name leaves it where
    /// it was, and beside many images a right name gains less than that loses.
    pub fn trust(&self, images: &[usize]) -> Array1<f32> {
        let gallery = (GALLERY_SLOPE * (self.gallery - GALLERY_MIDDLE)).min(GALLERY_MOST);
        let beyond: Array1<f32> = images.iter().map(|&n| beyond_one(n)).collect();
        let classes = Zip::from(&self.classes).and(&self.rivals).and(&beyond);
        let trust = classes.map_collect(|class, rival, beyond| {
            sigmoid(gallery + ADDED_SLOPE * (class - CLASS_MIDDLE) + RIVAL_SLOPE * beyond * rival)
        });
        let mean = trust.dot(&beyond) / beyond.sum().max(EPSILON);
        Zip::from(&trust).and(&beyond).map_collect(|trust, &beyond| trust * mean.powf(beyond))
    }
}

/// How much of what a class's images say is beyond the first of them: nothing of one, nearly all of many.
fn beyond_one(images: usize) -> f32 {
    1.0 - (images.max(1) as f32).recip()
}

fn sigmoid(x: f32) -> f32 {
    (1.0 + (-x).exp()).recip()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn one_class_tells_nothing() {
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
        let rolled = semantic.select(ndarray::Axis(0), &[1, 2, 3, 4, 0]);
        let wrong = NameEvidence::of(rolled.view(), mean.view()).unwrap().trust(&one);
        assert!(wrong.iter().all(|&t| t < 0.1), "{wrong}");
    }

    #[test]
    fn two_swapped_names_are_doubted_the_more_the_more_images_there_are() {
        let mean = Array2::<f32>::eye(5);
        let names = (mean.clone() + 0.1).select(ndarray::Axis(0), &[1, 0, 2, 3, 4]);
        let evidence = NameEvidence::of(names.view(), mean.view()).unwrap();
        let [one, many] = [1, 25].map(|n| evidence.trust(&[n; 5]));
        assert!(one[0] < 0.6 && many[0] < 0.5 * one[0] && many[1] < 0.5 * one[1], "{one} {many}");
        assert!(one[2] > 0.9, "{one}");
        // Right names, but in bad company.
        assert!(many[2] < 0.8 * one[2] && many[2] > 0.5, "{one} {many}");
        let varied = evidence.trust(&[1, 1, 25, 25, 25]);
        assert!(varied[2] > 0.9 && varied[0] == one[0], "those in doubt have one image: {varied}");
    }

    #[test]
    fn two_classes_alike_in_all_are_no_nan() {
        let same = array![[1.0, 0.0], [1.0, 0.0]];
        let evidence = NameEvidence::of(same.view(), same.view()).unwrap();
        let one = [1; 2];
        assert!(evidence.trust(&one).iter().all(|t| t.is_finite()));
    }
}

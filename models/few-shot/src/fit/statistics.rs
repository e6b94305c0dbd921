//! Mean and standard deviation of classes and of attributes (section 3.2 of Zhang et al., CVPR
//! 2021).
//!
//! Running moments in f64 that can be merged (Welford 1962; Chan, Golub and LeVeque 1979), so a
//! pass over the images can be cut into parts and an attribute is the merge of the classes that
//! have it.

mod file;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

pub use file::{Statistics, StatisticsError, Table};

/// What the sum of squared deviations is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Std {
    /// By `n - 1` (the published code; the default).
    #[default]
    Unbiased,
    /// By `n` (the paper's text).
    Population,
}

/// Count, mean and squared deviations of a set of embeddings.
///
/// # Examples
/// ```
/// use few_shot::fit::statistics::{Moments, Std};
/// use ndarray::array;
///
/// let moments = Moments::of(array![[1.0], [3.0]].view());
/// assert_eq!(moments.mean(), array![2.0]);
/// assert_eq!(moments.std(Std::Population), array![1.0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    count: u64,
    mean: Array1<f64>,
    squares: Array1<f64>,
}

impl Moments {
    /// Nothing yet, for embeddings of `size` values.
    pub fn new(size: usize) -> Self {
        Self { count: 0, mean: Array1::zeros(size), squares: Array1::zeros(size) }
    }

    /// The moments of all rows of `embeddings`: `[images, s]`.
    pub fn of(embeddings: ArrayView2<'_, f32>) -> Self {
        let mut moments = Self::new(embeddings.ncols());
        embeddings.axis_iter(Axis(0)).for_each(|row| moments.push(row));
        moments
    }

    /// Takes in one embedding `[s]`. Its size must be that of [`Moments::new`].
    pub fn push(&mut self, embedding: ArrayView1<'_, f32>) {
        self.count += 1;
        // Welford's step: the product of the deviations from the mean before and after it moves is
        // exactly what the sum of squares grows by. No difference of large squares is needed.
        let before = embedding.mapv(f64::from) - &self.mean;
        self.mean.scaled_add(1.0 / self.count as f64, &before);
        let after = embedding.mapv(f64::from) - &self.mean;
        self.squares += &(before * after);
    }

    /// Takes in everything that `other` has seen. Sizes must be the same.
    pub fn merge(&mut self, other: &Self) {
        // Two empty parts would give 0 / 0 below.
        if other.count == 0 {
            return;
        }
        let mine = self.count as f64;
        let theirs = other.count as f64;
        let apart = &other.mean - &self.mean;
        self.mean.scaled_add(theirs / (mine + theirs), &apart);
        self.squares += &other.squares;
        // Each part measured its squares from its own mean; this is what the distance of the two
        // means adds.
        self.squares.scaled_add(mine * theirs / (mine + theirs), &(&apart * &apart));
        self.count += other.count;
    }

    /// Number of embeddings seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean `[s]`; zero before the first one.
    pub fn mean(&self) -> Array1<f32> {
        self.mean.mapv(|x| x as f32)
    }

    /// Their standard deviation `[s]`; zero where it is not defined (no embedding, or one and
    /// `Unbiased`).
    pub fn std(&self, std: Std) -> Array1<f32> {
        let divisor = match std {
            Std::Unbiased => self.count.saturating_sub(1),
            Std::Population => self.count,
        };
        let divisor = divisor.max(1) as f64;
        self.squares.mapv(|x| (x / divisor).sqrt() as f32)
    }
}

/// The moments of every class: `embeddings[c]` is `[images, s]`.
pub fn classes(embeddings: &[Array2<f32>]) -> Vec<Moments> {
    embeddings.iter().map(|rows| Moments::of(rows.view())).collect()
}

/// A relation that names a class that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "attribute number {attribute} names class number {class}, but there are {n_classes} classes"
)]
pub struct RelationError {
    /// Position of the attribute, from 0.
    pub attribute: usize,
    /// The class that it names.
    pub class: usize,
    /// Number of classes.
    pub n_classes: usize,
}

/// The moments of every attribute over all images of the base classes that have it, each image
/// once.
///
/// `relation[a]` lists the positions in `classes` of the classes that have attribute `a`; a class
/// named twice counts once. An attribute without classes has no moments (count 0).
///
/// # Errors
/// A position outside `classes`.
pub fn attributes(
    classes: &[Moments],
    relation: &[Vec<usize>],
) -> Result<Vec<Moments>, RelationError> {
    let size = classes.first().map_or(0, |class| class.mean.len());
    relation
        .iter()
        .enumerate()
        .map(|(attribute, members)| merged(classes, size, attribute, members))
        .collect()
}

fn merged(
    classes: &[Moments],
    size: usize,
    attribute: usize,
    members: &[usize],
) -> Result<Moments, RelationError> {
    // Sorted as well: merging in another order would change the last bits of the sums.
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup();
    let mut moments = Moments::new(size);
    for class in members {
        let n_classes = classes.len();
        moments.merge(classes.get(class).ok_or(RelationError { attribute, class, n_classes })?);
    }
    Ok(moments)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn far_from_zero_nothing_is_lost() {
        // E[x^2] - m^2 in f32 would give 0 or noise here.
        let moments = Moments::of(array![[1e4_f32 + 1.0], [1e4 + 2.0], [1e4 + 3.0]].view());
        assert_eq!(moments.mean(), array![1e4_f32 + 2.0]);
        assert_eq!(moments.std(Std::Unbiased), array![1.0]);
        assert!((moments.std(Std::Population)[0] - (2.0_f32 / 3.0).sqrt()).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_defined_is_zero() {
        assert_eq!(Moments::new(2).std(Std::Population), array![0.0, 0.0]);
        assert_eq!(Moments::of(array![[3.0_f32]].view()).std(Std::Unbiased), array![0.0]);
    }

    #[test]
    fn a_class_named_twice_counts_once() {
        let classes = classes(&[array![[1.0_f32], [3.0]], array![[5.0_f32]]]);
        let twice = attributes(&classes, &[vec![0, 1, 0]]).unwrap();
        assert_eq!(twice, attributes(&classes, &[vec![0, 1]]).unwrap());
        assert_eq!((twice[0].count(), twice[0].mean()), (3, array![3.0]));
        assert!(attributes(&classes, &[vec![], vec![2]]).is_err());
    }
}

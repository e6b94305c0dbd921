//! The comparison of names with images, kept over the changes of a gallery.

use ndarray::{Array2, ArrayView2, Axis};

use crate::embedding_frame::EmbeddingFrame;
use crate::metric::cosine_of_several;

/// How similar the names of some classes are to the images of each: cosines of semantic prototypes
/// to means, `[n, n]`, in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct NameComparison {
    cosines: Array2<f32>,
}

/// A comparison before a change, and where it had what stayed the same.
#[derive(Debug, Clone, Copy)]
pub struct FormerComparison<'a> {
    /// The comparison.
    pub comparison: &'a NameComparison,
    /// The position of each class there, if its semantic prototype is the same, `[n]`.
    pub semantic_at: &'a [Option<usize>],
    /// The position of each class there, if its mean is the same, `[n]`.
    pub means_at: &'a [Option<usize>],
}

impl NameComparison {
    /// Of semantic and mean prototypes, `[n, s]` each, raw. What is taken from `before` is equal to
    /// the last bit to what would be computed.
    pub fn new(
        semantic: ArrayView2<'_, f32>,
        means: ArrayView2<'_, f32>,
        frame: &EmbeddingFrame,
        before: Option<FormerComparison<'_>>,
    ) -> Self {
        let Some(before) = before else {
            return Self { cosines: between(semantic, means, frame) };
        };
        let [rows, columns] = [before.semantic_at, before.means_at].map(missing);
        let n = means.nrows();
        if rows.len() + columns.len() > n {
            // To compute all of them at once takes no longer.
            return Self { cosines: between(semantic, means, frame) };
        }
        let mut cosines = before.cosines(n);
        if !columns.is_empty() {
            let new = between(semantic, means.select(Axis(0), &columns).view(), frame);
            for (&column, values) in columns.iter().zip(new.columns()) {
                cosines.column_mut(column).assign(&values);
            }
        }
        if !rows.is_empty() {
            let new = between(semantic.select(Axis(0), &rows).view(), means, frame);
            for (&row, values) in rows.iter().zip(new.rows()) {
                cosines.row_mut(row).assign(&values);
            }
        }
        Self { cosines }
    }

    /// `[n, n]`, a row for each semantic prototype.
    pub(crate) fn cosines(&self) -> &Array2<f32> {
        &self.cosines
    }
}

impl FormerComparison<'_> {
    /// The cosines that are known, `[n, n]`; 0 in the place of others.
    fn cosines(&self, n: usize) -> Array2<f32> {
        let known = &self.comparison.cosines;
        Array2::from_shape_fn((n, n), |(row, column)| {
            let at = self.semantic_at[row].zip(self.means_at[column]);
            at.map_or(0.0, |(row, column)| known[[row, column]])
        })
    }
}

/// Cosines of semantic `[m, s]` to mean prototypes `[n, s]`, seen from the center, `[m, n]`.
fn between(
    semantic: ArrayView2<'_, f32>,
    means: ArrayView2<'_, f32>,
    frame: &EmbeddingFrame,
) -> Array2<f32> {
    cosine_of_several(frame.directions(semantic).view(), frame.directions(means).view())
}

/// The positions of what was not there before.
fn missing(at: &[Option<usize>]) -> Vec<usize> {
    (0..at.len()).filter(|&position| at[position].is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::sampling::hash;
    use ndarray::Array1;

    // Longer than a part of a sum of a product of matrices.
    const SIZE: usize = 700;

    fn matrix(rows: usize, seed: u64) -> Array2<f32> {
        Array2::from_shape_fn((rows, SIZE), |(row, column)| {
            let key = (seed << 32) + (row * SIZE + column) as u64;
            (hash(key) >> 40) as f32 / (1 << 24) as f32
        })
    }

    #[test]
    fn a_comparison_after_a_change_is_that_computed_anew() {
        let frame = EmbeddingFrame::new(Array1::from_elem(SIZE, 0.5), 1.0);
        let [semantic, means] = [1, 2].map(|seed| matrix(37, seed));
        let before = NameComparison::new(semantic.view(), means.view(), &frame, None);
        // The first class is deleted, one has another image, one another name, and one is new.
        let kept: Vec<usize> = (1..37).chain([0]).collect();
        let mut semantic_at: Vec<Option<usize>> = (1..37).map(Some).chain([None]).collect();
        let mut means_at = semantic_at.clone();
        let [mut semantic, mut means] = [semantic, means].map(|all| all.select(Axis(0), &kept));
        let other = matrix(4, 3);
        for (at, rows, row) in
            [(&mut semantic_at, &mut semantic, 7), (&mut means_at, &mut means, 20)]
        {
            rows.row_mut(row).assign(&other.row(0));
            rows.row_mut(36).assign(&other.row(1));
            at[row] = None;
        }
        let former = FormerComparison {
            comparison: &before,
            semantic_at: &semantic_at,
            means_at: &means_at,
        };
        let after = NameComparison::new(semantic.view(), means.view(), &frame, Some(former));
        let anew = NameComparison::new(semantic.view(), means.view(), &frame, None);
        assert_eq!(after, anew);
        // Only one mean is another one, as after an enrollment.
        means.row_mut(3).assign(&other.row(2));
        let all: Vec<Option<usize>> = (0..37).map(Some).collect();
        let mut means_at = all.clone();
        means_at[3] = None;
        let former =
            FormerComparison { comparison: &after, semantic_at: &all, means_at: &means_at };
        let again = NameComparison::new(semantic.view(), means.view(), &frame, Some(former));
        assert_ne!(again, after);
        assert_eq!(again, NameComparison::new(semantic.view(), means.view(), &frame, None));
    }
}

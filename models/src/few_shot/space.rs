//! The space in which knowledge and pictures meet: embeddings centered, then normalized.
//!
//! Everything that mixes prototypes with knowledge works here, queries included: mixing in one space and asking
//! in another costs more than a point of accuracy.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// `c(x) = (x - center) / |x - center|`.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    center: Array1<f32>,
}

impl Space {
    /// The space around `center`, `[s]`: usually the mean of the base prototypes.
    pub fn new(center: Array1<f32>) -> Self {
        Self { center }
    }

    /// The space around the mean of the rows of `prototypes`, `[K, s]`.
    pub fn around(prototypes: ArrayView2<'_, f32>) -> Self {
        let mean = prototypes.mapv(f64::from).mean_axis(Axis(0));
        let size = prototypes.ncols();
        Self::new(mean.map_or_else(|| Array1::zeros(size), |mean| mean.mapv(|x| x as f32)))
    }

    /// Its center, `[s]`.
    pub fn center(&self) -> &Array1<f32> {
        &self.center
    }

    /// Moves raw embeddings or prototypes `[n, s]` into the space; what is the center itself stays zero.
    pub fn apply(&self, raw: ArrayView2<'_, f32>) -> Array2<f32> {
        normalized(&raw - &self.center)
    }
}

/// Rows scaled to length 1; a zero row stays zero.
pub fn normalized(mut rows: Array2<f32>) -> Array2<f32> {
    for mut row in rows.rows_mut() {
        let norm = row.dot(&row).sqrt();
        if norm > 0.0 {
            row /= norm;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rows_are_centered_then_normalized() {
        let space = Space::around(array![[0.0, 2.0], [2.0, 0.0]].view());
        assert_eq!(space.center(), array![1.0, 1.0]);
        let moved = space.apply(array![[4.0, 5.0], [1.0, 1.0]].view());
        assert_eq!(moved, array![[0.6, 0.8], [0.0, 0.0]]);
    }
}

//! Images as a decision sees them: their directions, and how they look in front of the background.
//!
//! # Examples
//! ```
//! use few_shot::decision::DecisionModel;
//! use few_shot::decision::images::Images;
//! use ndarray::Array2;
//!
//! # fn example(model: &DecisionModel<f32>) {
//! // Computed once, used by every gallery that has some of them.
//! let all = Images::new(model, Array2::ones((10, 1280)).view());
//! assert_eq!(all.select(&[3, 7]).len(), 2);
//! # }
//! ```

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, NdFloat};

use super::DecisionModel;
use super::score::{profiles, unit_rows};

/// What is computed of several images before any gallery is known, `q` images.
#[derive(Debug, Clone, PartialEq)]
pub struct Images<F> {
    /// Embeddings of length 1, `[q, s]`; a zero embedding stays zero.
    pub(super) unit: Array2<F>,
    /// Cosines to the background directions, `[q, b]`.
    pub(super) cosines: Array2<F>,
    /// `[q, b]`, see [`profiles`].
    pub(super) profiles: Array2<F>,
}

impl<F: NdFloat> Images<F> {
    /// From raw embeddings `[q, s]`.
    pub fn new(model: &DecisionModel<F>, raw: ArrayView2<'_, F>) -> Self {
        let cosines = model.background.cosines(raw);
        Self {
            unit: unit_rows(raw.to_owned()),
            profiles: profiles(&cosines, model.table.weights.sharpness),
            cosines,
        }
    }

    /// From raw embeddings, each `[s]`; what `known` has already at the position of `known_at` is
    /// not computed again.
    pub fn reusing(
        model: &DecisionModel<F>,
        raw: &[ArrayView1<'_, F>],
        known: &Self,
        known_at: &[Option<usize>],
    ) -> Self {
        let mut images = Self::zeros(model, raw.len());
        for (row, (raw, known_at)) in raw.iter().zip(known_at).enumerate() {
            match known_at {
                Some(position) => images.assign(row, known, *position),
                None => images.assign(row, &Self::new(model, raw.insert_axis(Axis(0))), 0),
            }
        }
        images
    }

    fn assign(&mut self, row: usize, other: &Self, position: usize) {
        self.unit.row_mut(row).assign(&other.unit.row(position));
        self.cosines.row_mut(row).assign(&other.cosines.row(position));
        self.profiles.row_mut(row).assign(&other.profiles.row(position));
    }

    fn zeros(model: &DecisionModel<F>, count: usize) -> Self {
        let unit = Array2::zeros((count, model.background.center().len()));
        let cosines = Array2::zeros((count, model.background.len()));
        Self { unit, profiles: cosines.clone(), cosines }
    }

    /// No image.
    pub fn none(model: &DecisionModel<F>) -> Self {
        Self::zeros(model, 0)
    }

    /// Those at these positions, in this order.
    #[must_use]
    pub fn select(&self, positions: &[usize]) -> Self {
        Self {
            unit: self.unit.select(Axis(0), positions),
            cosines: self.cosines.select(Axis(0), positions),
            profiles: self.profiles.select(Axis(0), positions),
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.unit.nrows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

//! What a gallery is prepared from.

use ndarray::ArrayView2;

use crate::decision::images::Images;

/// The prototypes of a gallery and the number of images of each class.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a, F> {
    /// Raw, `[n, s]`, those that classify.
    pub prototypes: ArrayView2<'a, F>,
    /// `[n]`.
    pub image_counts: &'a [usize],
    /// Added to the similarity of each class to choose the winner, `[n]`.
    pub name_bias: &'a [F],
}

/// Enrolled images, `m`, and the class of each.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a, F> {
    /// `m` images.
    pub images: &'a Images<F>,
    /// `[m]`.
    pub classes: &'a [usize],
}

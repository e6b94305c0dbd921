//! What completes mean prototypes: one interface for [kernel](super::kernel) and [ProtoComNet](super::protocomnet).

use ndarray::{Array2, ArrayView2};

/// The labeled images of some classes.
#[derive(Debug, Clone, Copy)]
pub struct Support<'a> {
    /// Of each class, raw, `[k_shot, s]`.
    pub images: &'a [Array2<f32>],
    /// Their means, `[n, s]`.
    pub mean: ArrayView2<'a, f32>,
}

impl Support<'_> {
    /// Images of a class.
    pub fn k_shot(&self) -> usize {
        self.images.first().map_or(0, Array2::nrows)
    }
}

/// Moves the mean prototypes of classes to where knowledge of the classes says that they belong.
pub trait Completer: Sync {
    /// The completed prototypes `[n, s]` of a support; `names[i]` is the class whose name class `i` of it bears, by its
    /// position among the classes that the completer was made for.
    fn complete(&self, support: Support<'_>, names: &[usize]) -> Array2<f32>;
}

//! The trait of completers, which move mean prototypes with the help of class names;
//! [ProtoComNet](crate::protocomnet) is one.

use ndarray::{Array2, ArrayView2};

/// The labeled images of some classes.
#[derive(Debug, Clone, Copy)]
pub struct Support<'a> {
    /// The raw embeddings of each class, `[k_shot, s]`.
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

/// Moves mean prototypes closer to the true means of their classes, with the help of class names.
///
/// # Examples
/// ```
/// use few_shot::completer::{Completer, Support};
/// use ndarray::{Array2, array};
///
/// /// Leaves the means where they are.
/// struct Identity;
///
/// impl Completer for Identity {
///     fn complete(&self, support: Support<'_>, _names: &[usize]) -> Array2<f32> {
///         support.mean.to_owned()
///     }
/// }
///
/// let images = [array![[1.0, 3.0]]];
/// let support = Support { images: &images, mean: images[0].view() };
/// assert_eq!(Identity.complete(support, &[0]), array![[1.0, 3.0]]);
/// ```
pub trait Completer: Sync {
    /// The completed prototypes `[n, s]` of a support of `n` classes. `names[i]` is the name that
    /// class `i` of the support has: its position among the classes that the completer was made
    /// for.
    fn complete(&self, support: Support<'_>, names: &[usize]) -> Array2<f32>;
}

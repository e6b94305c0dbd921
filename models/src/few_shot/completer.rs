//! What completes mean prototypes: one interface for [kernel](super::kernel) and [ProtoComNet](super::protocomnet).

use ndarray::{Array2, ArrayView2};

/// Moves the mean prototypes of classes to where knowledge of the classes says that they belong.
pub trait Completer: Sync {
    /// The completed prototypes `[n, s]` of raw means `[n, s]`, of `k_shot` pictures each; `names[i]` is the class whose
    /// name row `i` bears, by its position among the classes that the completer was made for.
    fn complete(&self, mean: ArrayView2<'_, f32>, k_shot: usize, names: &[usize]) -> Array2<f32>;
}

/// The mean of what two completers answer.
pub struct Both<'a>(pub &'a dyn Completer, pub &'a dyn Completer);

impl Completer for Both<'_> {
    fn complete(&self, mean: ArrayView2<'_, f32>, k_shot: usize, names: &[usize]) -> Array2<f32> {
        let of = |completer: &dyn Completer| completer.complete(mean, k_shot, names);
        (of(self.0) + of(self.1)) * 0.5
    }
}

/// Half way from the means to what a completer answers.
pub struct Halfway<'a>(pub &'a dyn Completer);

impl Completer for Halfway<'_> {
    fn complete(&self, mean: ArrayView2<'_, f32>, k_shot: usize, names: &[usize]) -> Array2<f32> {
        (self.0.complete(mean, k_shot, names) + mean) * 0.5
    }
}

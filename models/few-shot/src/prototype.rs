//! Prototypes: one vector that stands for a class (Snell et al. 2017, "Prototypical Networks").

use ndarray::{Array1, ArrayView2, Axis};

/// The mean of a class's raw embeddings.
///
/// # Shapes
/// `embeddings`: `[images, s]`; result: `[s]`. Without images the result is zero, whose similarity
/// to everything is 0.
///
/// # Examples
/// ```
/// use few_shot::prototype::mean;
/// use ndarray::array;
///
/// assert_eq!(mean(array![[1.0, 4.0], [3.0, 0.0]].view()), array![2.0, 2.0]);
/// ```
pub fn mean(embeddings: ArrayView2<'_, f32>) -> Array1<f32> {
    // A class without images gives 0 / 1: 0 / 0 is NaN, which cannot be ranked.
    let images = embeddings.nrows().max(1) as f64;
    // The sum of many images keeps its digits in f64; in f32 it would depend on their order.
    let zero = Array1::<f64>::zeros(embeddings.ncols());
    let sum = embeddings.axis_iter(Axis(0)).fold(zero, |sum, row| sum + row.mapv(f64::from));
    sum.mapv(|x| (x / images) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn the_mean_is_taken_over_images() {
        assert_eq!(mean(array![[1.0, 4.0], [3.0, 0.0]].view()), array![2.0, 2.0]);
    }

    #[test]
    fn one_image_is_its_own_prototype() {
        let image = array![[0.1_f32, -7.3, 1e-20]];
        assert_eq!(mean(image.view()), image.row(0));
    }

    #[test]
    fn no_image_gives_zero() {
        assert_eq!(mean(Array2::zeros((0, 3)).view()), array![0.0, 0.0, 0.0]);
    }
}

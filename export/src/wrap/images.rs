//! A user's images: whether engines agree on them, and how different their embeddings are.

use std::path::Path;

use models::disk;
use models::image::{self, EXTENSIONS, ImageLimits};
use models::preprocess::Preprocess;
use ndarray::{Array3, ArrayView2};
use serde::Serialize;

use super::error::WrapError;

/// The most images that are embedded; those with the first names are taken.
pub const MOST_IMAGES: usize = 32;

/// The most bytes of an image file.
const MAX_BYTES: u64 = 128 << 20;

/// Different images with only greater cosines than this show that something is wrong.
const COLLAPSED: f64 = 0.99;

/// The cosines between the embeddings of two images, over all pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The number of images.
    pub images: usize,
    /// The smallest cosine.
    pub least: f64,
    /// Their mean.
    pub mean: f64,
    /// The greatest cosine.
    pub greatest: f64,
}

/// The images in a folder, prepared for the network: at most [`MOST_IMAGES`].
///
/// # Errors
/// [`WrapError`] names the first file that cannot be used; fewer than two images are refused.
pub fn read(folder: &Path, preprocess: &Preprocess) -> Result<Vec<Array3<f32>>, WrapError> {
    let files = disk::list(folder)?;
    let files = files.iter().filter(|path| is_image(path)).take(MOST_IMAGES);
    let images: Vec<_> =
        files.map(|path| read_image(path, preprocess)).collect::<Result<_, _>>()?;
    match images.len() {
        got @ 0..2 => Err(WrapError::TooFewImages { path: folder.to_owned(), got }),
        _ => Ok(images),
    }
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|is| EXTENSIONS.iter().any(|known| is.eq_ignore_ascii_case(known)))
}

fn read_image(path: &Path, preprocess: &Preprocess) -> Result<Array3<f32>, WrapError> {
    let bytes = disk::read(path, MAX_BYTES)?;
    let image = image::decode(&bytes, &ImageLimits::default(), preprocess.detail())
        .map_err(|source| WrapError::Image { path: path.to_owned(), source })?;
    Ok(preprocess.apply(&image)?)
}

impl Spread {
    /// That of embeddings `[n, s]`, at least two.
    pub(super) fn of(embeddings: ArrayView2<'_, f32>) -> Self {
        let wide = embeddings.mapv(f64::from);
        let images = wide.nrows();
        let mut cosines = Vec::new();
        for (at, first) in wide.outer_iter().enumerate() {
            for second in wide.outer_iter().skip(at + 1) {
                let lengths = (first.dot(&first) * second.dot(&second)).sqrt();
                // Embeddings of zeros are as good as equal.
                cosines.push(if lengths > 0.0 { first.dot(&second) / lengths } else { 1.0 });
            }
        }
        Self {
            images,
            least: cosines.iter().copied().fold(1.0, f64::min),
            mean: cosines.iter().sum::<f64>() / cosines.len().max(1) as f64,
            greatest: cosines.iter().copied().fold(-1.0, f64::max),
        }
    }

    /// Whether all images have nearly the same embedding.
    pub fn is_collapsed(&self) -> bool {
        self.least > COLLAPSED
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn spread_is_that_of_all_pairs() {
        let spread = Spread::of(arr2(&[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]).view());
        assert_eq!((spread.images, spread.least, spread.greatest), (3, 0.0, 1.0));
        assert!((spread.mean - 1.0 / 3.0).abs() < 1e-12, "{spread:?}");
        assert!(!spread.is_collapsed());
    }

    #[test]
    fn nearly_equal_embeddings_are_a_bad_sign() {
        let spread = Spread::of(arr2(&[[1.0, 0.0], [1.0, 0.01]]).view());
        assert!(spread.is_collapsed(), "{spread:?}");
    }
}

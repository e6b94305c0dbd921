//! What a fit learns from.

use ndarray::Array2;

use crate::embedding_frame::EmbeddingFrame;
use crate::name_bias::NameBias;

/// The most images of a class that a fit uses.
pub const MAX_IMAGES: usize = 60;

/// Base classes of one data set.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseSet {
    /// The name of the data set, for errors and figures.
    pub name: String,
    /// The raw embeddings of each class, `[images, s]`; of more than [`MAX_IMAGES`] the first ones
    /// are used.
    pub embeddings: Vec<Array2<f32>>,
    /// The raw semantic prototype of each class, `[classes, s]`, from a name regressor that did not
    /// learn from it. Without it, galleries have images only.
    pub semantic: Option<Array2<f32>>,
}

/// What galleries with names need.
#[derive(Debug, Clone, Copy)]
pub struct NameConstants<'a> {
    /// The frame of the semantic prototypes.
    pub frame: &'a EmbeddingFrame,
    /// The addend for classes without images.
    pub name_bias: &'a NameBias,
}

/// Called with the number of galleries that are measured and that of all galleries, by any thread.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

//! The choices that a user makes about a bundle, and the metadata that follows from them.

use std::collections::BTreeMap;

use models::bundle::{Accuracy, Precision, WeightStorage};
use models::preprocess::Preprocess;
use ndarray::Array3;

/// The default of [`Recipe::max_batch`].
pub const MAX_BATCH: usize = 64;

/// The program and version that a manifest names.
pub const CREATED_BY: &str = concat!("handful-export ", env!("CARGO_PKG_VERSION"));

/// The choices that a user makes about a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The bundle's name.
    pub name: String,
    /// How weights are stored.
    pub storage: WeightStorage,
    /// The largest number of images in one run of the network.
    pub max_batch: usize,
    /// Measured accuracies to include.
    pub accuracy: Vec<Accuracy>,
    /// The license of the weights; by default what the run states of weights from elsewhere, else
    /// that of this project.
    pub weights_license: Option<String>,
    /// The lexicon's bytes; with the run's name regressor they give the bundle name knowledge.
    pub lexicon: Option<Vec<u8>>,
    /// Whether to add a variant in fp16 arithmetic.
    pub half_arithmetic: bool,
    /// How to make variants in int8 arithmetic, if any.
    pub calibration: Option<Calibration>,
}

/// How to make variants in int8 arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The variants to make.
    pub precisions: Vec<Precision>,
    /// Inputs of the network, `[3, h, w]`; at least one.
    pub images: Vec<Array3<f32>>,
}

/// The metadata of every ONNX file of a bundle, which identify it when it is found by itself.
pub(crate) fn metadata(
    name: &str,
    preprocess: &Preprocess,
    space_id: &str,
) -> BTreeMap<String, String> {
    let preprocess = serde_json::to_string(preprocess).expect("invariant: a recipe is plain data");
    BTreeMap::from([
        ("handful.bundle".to_owned(), name.to_owned()),
        ("handful.preprocess".to_owned(), preprocess),
        ("handful.producer".to_owned(), CREATED_BY.to_owned()),
        ("handful.space_id".to_owned(), space_id.to_owned()),
    ])
}

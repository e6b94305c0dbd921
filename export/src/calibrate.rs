//! Measures the ranges of the values that a network computes on real images, for quantization.

use std::collections::BTreeMap;
use std::path::Path;

use edge::engine::{Engine, EngineChoice, EngineError, EngineOptions, Model, SelectError, select};
use models::bundle::{Precision, WeightStorage};
use models::dataset::{Class, Dataset, DatasetError, ImageRef, Split};
use models::fault::{Blame, Fault};
use models::graph::Graph;
use models::image::ImageLimits;
use models::preprocess::{Preprocess, PreprocessError};
use models::tensors::Tensors;
use ndarray::{Array3, ArrayD, Axis};

use crate::onnx::{self, OnnxError, Storage};
use crate::precision::int8::{self, Ranges};

/// The number of images that ranges are measured on; more did not change the accuracy.
pub const IMAGES: usize = 128;

/// Why ranges could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// The images cannot be read.
    #[error("--calibrate: {0}")]
    Dataset(#[from] DatasetError),
    /// An image cannot be preprocessed.
    #[error("--calibrate: {0}")]
    Preprocess(#[from] PreprocessError),
    /// The network cannot be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// No engine runs the network.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// An engine failed.
    #[error("the engine failed on an image of --calibrate: {0}")]
    Engine(#[from] EngineError),
}

impl Fault for CalibrateError {
    fn blame(&self) -> Blame {
        match self {
            Self::Dataset(_) | Self::Preprocess(_) => Blame::Input,
            Self::Onnx(_) | Self::Select(_) | Self::Engine(_) => Blame::Machine,
        }
    }
}

/// [`IMAGES`] images of a data set as inputs `[3, h, w]` of a network, the same number from each
/// base class, or from each class if there are no base classes.
///
/// # Errors
/// [`CalibrateError`] names the first image that cannot be used.
pub fn images(data: &Path, preprocess: &Preprocess) -> Result<Vec<Array3<f32>>, CalibrateError> {
    let dataset = Dataset::open(data)?;
    // Base classes, because validation and test classes must not influence a network.
    let mut classes = dataset.split(Split::Base);
    if classes.is_empty() {
        classes = dataset.classes.iter().collect();
    }
    let limits = ImageLimits::default();
    interleaved(&classes)
        .take(IMAGES)
        .map(|image| {
            Ok(preprocess.apply(&dataset.image(image, &limits, preprocess.detail())?)?)
        })
        .collect()
}

/// The first image of each class, then the second of each, and so on.
fn interleaved<'a>(classes: &'a [&'a Class]) -> impl Iterator<Item = &'a ImageRef> {
    let largest = classes.iter().map(|class| class.images.len()).max().unwrap_or(0);
    // Classes that have fewer images drop out of later rounds.
    (0..largest).flat_map(|i| classes.iter().filter_map(move |class| class.images.get(i)))
}

/// The ranges of all values that an int8 network rounds, over these images `[3, h, w]`: from the
/// smallest value to the greatest.
///
/// # Errors
/// [`CalibrateError`] if no engine runs the network, or an engine fails.
pub fn ranges(
    graph: &Graph,
    tensors: &Tensors,
    images: &[Array3<f32>],
    options: &EngineOptions,
) -> Result<Ranges, CalibrateError> {
    let mut probe = Probe::start(graph, tensors, options)?;
    let mut ranges = Ranges::new();
    for image in images {
        probe.widen(&mut ranges, image)?;
    }
    Ok(ranges.into_iter().map(|(name, range)| (name, range.map(outward))).collect())
}

/// Widens a range so that it covers these values.
fn cover([least, greatest]: &mut [f32; 2], values: &ArrayD<f32>) {
    for &x in values {
        // NaN must stay in the range, where quantization finds it; a comparison drops it.
        *least = if x < *least || x.is_nan() { x } else { *least };
        *greatest = if x > *greatest || x.is_nan() { x } else { *greatest };
    }
}

/// Rounds away from 0 to 11 significant bits: the bits below depend on the engine and the machine,
/// and a bundle's bytes must not.
fn outward(x: f32) -> f32 {
    const DROPPED: u32 = 13;
    let bits = x.to_bits();
    let kept = (bits + (1 << DROPPED) - 1) >> DROPPED << DROPPED;
    if x.is_finite() { f32::from_bits(kept) } else { x }
}

/// A network on an engine, with every value that quantization rounds as an output.
struct Probe {
    engine: Box<dyn Engine>,
    input: String,
    outputs: Vec<String>,
}

impl Probe {
    fn start(
        graph: &Graph,
        tensors: &Tensors,
        options: &EngineOptions,
    ) -> Result<Self, CalibrateError> {
        let input = graph.inputs[0].clone();
        let mut outputs = int8::points(graph);
        // The range of the input is measured on the images themselves.
        outputs.retain(|name| *name != input.name);
        let graph = Graph { outputs: outputs.clone(), ..graph.clone() };
        // Ranges of the trained weights: quantization starts from them.
        let storage = Storage::Floats(WeightStorage::Fp32);
        let onnx = onnx::write(&graph, tensors, storage, &BTreeMap::new())?;
        let inputs = [(input.name.clone(), input.shape)];
        // One image per batch: all intermediate values are outputs and stay in memory.
        let model =
            Model { onnx: &onnx, inputs: &inputs, max_batch: 1, precision: Precision::Fp32 };
        let engine = select(&model, EngineChoice::Auto, options)?.engine;
        Ok(Self { engine, input: input.name, outputs })
    }

    /// Widens the ranges by the values of one image `[3, h, w]`.
    fn widen(&mut self, ranges: &mut Ranges, image: &Array3<f32>) -> Result<(), CalibrateError> {
        let image = image.view().insert_axis(Axis(0)).into_dyn();
        cover(ranges.entry(self.input.clone()).or_default(), &image.to_owned());
        let values = self.engine.run(&[(&self.input, image)])?;
        for (name, values) in self.outputs.iter().zip(&values) {
            cover(ranges.entry(name.clone()).or_default(), values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;

    #[test]
    fn a_range_covers_all_values_and_keeps_nan() {
        let mut range = [0.0, 0.0];
        cover(&mut range, &arr1(&[-1.0, 3.0, 2.0]).into_dyn());
        assert_eq!(range, [-1.0, 3.0]);
        cover(&mut range, &arr1(&[f32::NAN, 4.0]).into_dyn());
        assert!(range.iter().any(|limit| limit.is_nan()), "{range:?}");
    }

    #[test]
    fn ranges_grow_by_less_than_a_thousandth() {
        for x in [1.0, -1.0, 0.0, 0.1, -7.3, 1e-20, 65504.5] {
            let grown = outward(x);
            assert!(grown.abs() >= x.abs() && (grown - x).abs() <= 1e-3 * x.abs(), "{x} {grown}");
            assert_eq!(outward(grown), grown);
        }
        assert!(outward(f32::NAN).is_nan() && outward(0.1) == outward(0.100_000_1));
    }
}

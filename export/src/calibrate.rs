//! Which numbers a network computes on real images: what an 8-bit network must be able to tell apart.

use std::collections::BTreeMap;
use std::path::Path;

use edge::engine::{EngineChoice, EngineError, EngineOptions, Model, SelectError, select};
use models::bundle::{Precision, WeightStorage};
use models::dataset::{Class, Dataset, DatasetError, Split};
use models::graph::Graph;
use models::image::ImageLimits;
use models::preprocess::{Preprocess, PreprocessError};
use models::tensors::Tensors;
use ndarray::{Array3, ArrayD, Axis};

use crate::onnx::{self, OnnxError, Storage};
use crate::precision::int8::{self, Ranges};

/// Images that are looked at: more were seen to change nothing.
pub const IMAGES: usize = 128;

mod histogram;

use histogram::Histogram;

/// How the range of a value is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Method {
    /// From the least to the greatest that was seen.
    #[default]
    Minmax,
    /// What holds 99.99 % of what was seen: rare greater values are cut, the others get finer steps.
    Percentile,
    /// What loses the least information when it is rounded: the range whose 128 steps, on either side of 0, tell most of
    /// how often each value was seen, also where all 255 lie on one side (Kullback-Leibler; Migacz 2017, "8-bit inference with TensorRT").
    Entropy,
}

/// Why a network could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// The images cannot be read.
    #[error("--calibrate: {0}")]
    Dataset(#[from] DatasetError),
    /// An image cannot become the network's input.
    #[error("--calibrate: {0}")]
    Preprocess(#[from] PreprocessError),
    /// The network cannot be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// No engine runs it.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// An engine failed.
    #[error("the engine failed on an image of --calibrate: {0}")]
    Engine(#[from] EngineError),
}

impl CalibrateError {
    /// Whether the images are at fault.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Dataset(_) | Self::Preprocess(_))
    }
}

/// [`IMAGES`] images of a data set as a network's inputs `[3, h, w]`, evenly from all base classes, or from all classes
/// where there are no base classes.
///
/// # Errors
/// The first image that cannot be used.
pub fn images(data: &Path, preprocess: &Preprocess) -> Result<Vec<Array3<f32>>, CalibrateError> {
    let dataset = Dataset::open(data)?;
    let mut classes = dataset.split(Split::Base);
    if classes.is_empty() {
        classes = dataset.classes.iter().collect();
    }
    let most = classes.iter().map(|class| class.images.len()).max().unwrap_or(0);
    let round = |i: usize| classes.iter().filter_map(move |class: &&Class| class.images.get(i));
    let chosen = (0..most).flat_map(round).take(IMAGES);
    let limits = ImageLimits::default();
    let input = |image| Ok(preprocess.apply(&dataset.image(image, &limits)?)?);
    chosen.map(input).collect()
}

/// The ranges of all values that an 8-bit network rounds, over these images; a little wider, so that the last bits, which
/// depend on the engine and the machine, do not matter.
///
/// # Errors
/// [`CalibrateError`].
pub fn ranges(
    graph: &Graph,
    tensors: &Tensors,
    images: &[Array3<f32>],
    method: Method,
    options: &EngineOptions,
) -> Result<Ranges, CalibrateError> {
    let mut seen = Seen::of(graph, tensors, options)?;
    let mut extremes = Ranges::new();
    seen.each(images, |name, values| {
        let [least, greatest] = extremes.entry(name.to_owned()).or_insert([0.0, 0.0]);
        for &x in values {
            // A comparison would drop what is not a number.
            *least = if x < *least || x.is_nan() { x } else { *least };
            *greatest = if x > *greatest || x.is_nan() { x } else { *greatest };
        }
    })?;
    if method == Method::Minmax {
        return Ok(extremes.into_iter().map(|(name, range)| (name, range.map(outward))).collect());
    }
    let mut histograms: BTreeMap<String, Histogram> = BTreeMap::new();
    seen.each(images, |name, values| {
        let new = || Histogram::over(extremes[name]);
        histograms.entry(name.to_owned()).or_insert_with(new).add(values);
    })?;
    let range = |histogram: &Histogram| match method {
        Method::Entropy => histogram.most_telling(),
        Method::Minmax | Method::Percentile => histogram.kept(),
    };
    Ok(histograms.iter().map(|(name, seen)| (name.clone(), range(seen).map(outward))).collect())
}

/// Away from 0, to the next number of 11 significant bits.
fn outward(x: f32) -> f32 {
    const DROPPED: u32 = 13;
    let bits = x.to_bits();
    let kept = (bits + (1 << DROPPED) - 1) >> DROPPED << DROPPED;
    if x.is_finite() { f32::from_bits(kept) } else { x }
}

/// The network with all rounded values as outputs, on an engine.
struct Seen {
    engine: Box<dyn edge::engine::Engine>,
    input: String,
    names: Vec<String>,
}

impl Seen {
    fn of(
        graph: &Graph,
        tensors: &Tensors,
        options: &EngineOptions,
    ) -> Result<Self, CalibrateError> {
        let input = graph.inputs[0].clone();
        let computed = int8::points(graph).into_iter().filter(|name| *name != input.name);
        let names: Vec<String> = computed.collect();
        let graph = Graph { outputs: names.clone(), ..graph.clone() };
        let storage = Storage::Floats(WeightStorage::Fp32);
        let onnx = onnx::write(&graph, tensors, storage, &BTreeMap::new())?;
        let inputs = [(input.name.clone(), input.shape)];
        let model =
            Model { onnx: &onnx, inputs: &inputs, max_batch: 1, precision: Precision::Fp32 };
        let engine = select(&model, EngineChoice::Auto, options)?.engine;
        Ok(Self { engine, input: input.name, names })
    }

    /// Shows each value of each image.
    fn each(
        &mut self,
        images: &[Array3<f32>],
        mut view: impl FnMut(&str, &ArrayD<f32>),
    ) -> Result<(), CalibrateError> {
        for image in images {
            let image = image.view().insert_axis(Axis(0)).into_dyn();
            view(&self.input, &image.to_owned());
            let outputs = self.engine.run(&[(&self.input, image)])?;
            self.names.iter().zip(&outputs).for_each(|(name, values)| view(name, values));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_by_less_than_a_thousandth() {
        for x in [1.0, -1.0, 0.0, 0.1, -7.3, 1e-20, 65504.5] {
            let grown = outward(x);
            assert!(grown.abs() >= x.abs() && (grown - x).abs() <= 1e-3 * x.abs(), "{x} {grown}");
            assert_eq!(outward(grown), grown);
        }
        assert!(outward(f32::NAN).is_nan() && outward(0.1) == outward(0.100_000_1));
    }
}

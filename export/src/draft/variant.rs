//! The backbone in other arithmetic than fp32.

use std::collections::BTreeMap;

use edge::engine::{EngineOptions, Provider};
use models::bundle::{Precision, SelfTest, Variant};
use models::checkpoint::Golden;
use models::graph::Graph;
use models::tensors::Tensors;
use ndarray::{Array3, Axis, stack};

use super::recipe::{Calibration, Recipe};
use crate::calibrate::ranges;
use crate::error::ExportError;
use crate::onnx::{self, Storage};
use crate::precision::fp16::narrow_all;
use crate::precision::int8::{Activations, Quantized, Ranges, quantize};
use crate::run::MAX_GOLDEN_SAMPLES;
use crate::self_test;
use crate::verify::{Subject, Tolerance, reference_golden};

/// Calibration images whose embeddings become the golden outputs of an int8 variant. Two suffice:
/// an engine with wrong arithmetic is wrong on any image, and the reference is slow.
const GOLDEN_IMAGES: usize = 2;

/// The network that variants are derived from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// The folded network.
    pub(super) graph: &'a Graph,
    /// Its tensors, as trained.
    pub(super) tensors: &'a Tensors,
    /// The metadata of the ONNX files.
    pub(super) metadata: &'a BTreeMap<String, String>,
}

/// A variant that is not yet verified.
#[derive(Debug, Clone)]
pub struct DraftVariant {
    precision: Precision,
    engines: &'static [Provider],
    graph: Graph,
    tensors: Tensors,
    onnx: Vec<u8>,
    tolerance: Tolerance,
    golden: Golden,
    self_test: SelfTest,
}

/// The variants that a recipe asks for, fp16 first.
///
/// # Errors
/// [`ExportError`] if a weight does not fit, or calibration fails.
pub(super) fn all(
    source: Source<'_>,
    recipe: &Recipe,
    golden: &Golden,
    options: &EngineOptions,
) -> Result<Vec<DraftVariant>, ExportError> {
    let mut variants = Vec::new();
    if recipe.half_arithmetic {
        // fp16 needs no ranges: each number carries its own exponent.
        variants.push(DraftVariant::fp16(source, golden)?);
    }
    if let Some(Calibration { precisions, images }) = &recipe.calibration {
        // Both int8 variants share the ranges: one pass over the images.
        let ranges = ranges(source.graph, source.tensors, images, options)?;
        for &precision in precisions {
            variants.push(DraftVariant::int8(source, precision, images, &ranges)?);
        }
    }
    Ok(variants)
}

/// The rounding of an int8 precision, and the engines that are fast with it.
fn arithmetic(precision: Precision) -> (Activations, &'static [Provider]) {
    match precision {
        Precision::Int8S8 => (Activations::Signed, &[Provider::TensorRt]),
        _ => (Activations::Unsigned, &[Provider::Cpu]),
    }
}

/// The reference's outputs for these images.
fn golden(graph: &Graph, tensors: &Tensors, images: &[Array3<f32>]) -> Result<Golden, ExportError> {
    let views: Vec<_> = images.iter().map(|image| image.view()).collect();
    let image = stack(Axis(0), &views).expect("invariant: inputs have the network's size");
    let inputs = Tensors::from([(graph.inputs[0].name.clone(), image.into_dyn())]);
    Ok(reference_golden(graph, tensors, inputs)?)
}

impl DraftVariant {
    /// The network in fp16 arithmetic, held to the training engine's golden outputs.
    fn fp16(source: Source<'_>, golden: &Golden) -> Result<Self, ExportError> {
        let tensors = narrow_all(source.tensors)?;
        let onnx = onnx::write(source.graph, &tensors, Storage::Halves, source.metadata)?;
        let self_test = self_test::compute(source.graph, &tensors, self_test::FP16_TOLERANCE)?;
        Ok(Self {
            precision: Precision::Fp16,
            // CPU engines widen every value to fp32 and narrow it again, which is slower than fp32.
            engines: &[Provider::TensorRt, Provider::Cuda],
            graph: source.graph.clone(),
            tensors,
            onnx,
            tolerance: Tolerance::FP16,
            golden: golden.clone(),
            self_test,
        })
    }

    /// The network in int8 arithmetic, held to the reference with the same rounding.
    fn int8(
        source: Source<'_>,
        precision: Precision,
        images: &[Array3<f32>],
        ranges: &Ranges,
    ) -> Result<Self, ExportError> {
        let (activations, engines) = arithmetic(precision);
        let Quantized { graph, tensors, scales } =
            quantize(source.graph, source.tensors, ranges, activations)?;
        let onnx = onnx::write(&graph, &tensors, Storage::Integers(&scales), source.metadata)?;
        // Not training's outputs: quantization moves embeddings by more than an engine may.
        let golden = golden(&graph, &tensors, &images[..GOLDEN_IMAGES.min(images.len())])?;
        let self_test = self_test::compute(&graph, &tensors, self_test::INT8_TOLERANCE)?;
        let tolerance = Tolerance::INT8;
        Ok(Self { precision, engines, graph, tensors, onnx, tolerance, golden, self_test })
    }

    /// The variant's arithmetic.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Its file, by name.
    pub fn file(&self) -> (String, Vec<u8>) {
        (self.file_name(), self.onnx.clone())
    }

    fn file_name(&self) -> String {
        format!("backbone.{}.onnx", self.precision)
    }

    /// The manifest's entry, without verification figures.
    pub(super) fn describe(&self) -> Variant {
        Variant {
            file: self.file_name(),
            precision: self.precision,
            engines: self.engines.iter().map(|engine| engine.word().to_owned()).collect(),
            verification: Vec::new(),
            self_test: self.self_test.clone(),
        }
    }

    /// The input of [`verify`](crate::verify::verify).
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            graph: &self.graph,
            tensors: &self.tensors,
            onnx: &self.onnx,
            precision: self.precision,
            tolerance: self.tolerance,
            golden: &self.golden,
            self_test: Some(&self.self_test),
            max_batch: MAX_GOLDEN_SAMPLES,
        }
    }
}

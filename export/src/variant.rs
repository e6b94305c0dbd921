//! A bundle's backbone once more, in other arithmetic.

use std::collections::BTreeMap;

use edge::engine::{EngineOptions, Provider};
use models::bundle::{Precision, SelfTest, Variant};
use models::checkpoint::Golden;
use models::graph::Graph;
use models::tensors::Tensors;
use ndarray::{Array3, Axis, stack};

use crate::bundle_writer::{WriteError, answer};
use crate::calibrate::{Method, ranges};
use crate::onnx::{self, Storage};
use crate::precision::fp16::narrow_all;
use crate::precision::int8::{Activations, Quantized, quantize};
use crate::verify::{Subject, Tolerance, Verified, reference_golden, verify};

/// Images whose embeddings every engine must find in integers.
const PROVEN: usize = 2;

/// How far a device's engine may be from the reference, as a share of the largest value. On noise, values lie close to the
/// middle between two of 256 steps more often than on images.
const INTEGER_SELF_TEST: f32 = 0.25;

/// The same in 16 bits, of which each operation rounds to 11 and the reference to none.
const HALF_SELF_TEST: f32 = 5e-2;

/// The network that variants are made of.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Folded.
    pub graph: &'a Graph,
    /// Its tensors, as trained.
    pub tensors: &'a Tensors,
    /// What goes into the files.
    pub metadata: &'a BTreeMap<String, String>,
}

/// What variants in integers are made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The variants to make.
    pub precisions: Vec<Precision>,
    /// Inputs of the network, `[3, h, w]`; at least one.
    pub images: Vec<Array3<f32>>,
    /// How ranges are chosen.
    pub method: Method,
}

/// A variant that is not yet proved.
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

/// The network in 16-bit arithmetic, which must compute what training did.
///
/// # Errors
/// [`WriteError`] when 16 bits cannot hold its weights.
pub fn half(source: Source<'_>, golden: &Golden) -> Result<DraftVariant, WriteError> {
    let tensors = narrow_all(source.tensors)?;
    let onnx = onnx::write(source.graph, &tensors, Storage::Halves, source.metadata)?;
    let self_test = answer(source.graph, &tensors, HALF_SELF_TEST)?;
    Ok(DraftVariant {
        precision: Precision::Fp16,
        engines: &[Provider::TensorRt, Provider::Cuda],
        graph: source.graph.clone(),
        tensors,
        onnx,
        tolerance: Tolerance::HALVES,
        golden: golden.clone(),
        self_test,
    })
}

/// The network in integers, which must compute what the reference does with the same rounding.
///
/// # Errors
/// [`WriteError`] when the network cannot be looked at or narrowed.
pub fn integers(
    source: Source<'_>,
    calibration: &Calibration,
    options: &EngineOptions,
) -> Result<Vec<DraftVariant>, WriteError> {
    let Source { graph, tensors, metadata } = source;
    let Calibration { precisions, images, method } = calibration;
    let ranges = ranges(graph, tensors, images, *method, options)?;
    let of = |precision: Precision| {
        let (activations, engines): (_, &[_]) = match precision {
            Precision::Int8S8 => (Activations::Signed, &[Provider::TensorRt]),
            _ => (Activations::Unsigned, &[Provider::Cpu]),
        };
        let Quantized { graph, tensors, scales } = quantize(graph, tensors, &ranges, activations)?;
        let onnx = onnx::write(&graph, &tensors, Storage::Integers(&scales), metadata)?;
        let golden = golden(&graph, &tensors, &images[..PROVEN.min(images.len())])?;
        let self_test = answer(&graph, &tensors, INTEGER_SELF_TEST)?;
        let tolerance = Tolerance::INTEGERS;
        Ok(DraftVariant { precision, engines, graph, tensors, onnx, tolerance, golden, self_test })
    };
    precisions.iter().map(|&precision| of(precision)).collect()
}

/// What the reference computes of these images.
fn golden(graph: &Graph, tensors: &Tensors, images: &[Array3<f32>]) -> Result<Golden, WriteError> {
    let views: Vec<_> = images.iter().map(|image| image.view()).collect();
    let image = stack(Axis(0), &views).expect("invariant: inputs have the network's size");
    let inputs = Tensors::from([(graph.inputs[0].name.clone(), image.into_dyn())]);
    Ok(reference_golden(graph, tensors, inputs)?)
}

impl DraftVariant {
    /// Its file.
    pub fn file(&self) -> (String, Vec<u8>) {
        (self.file_name(), self.onnx.clone())
    }

    fn file_name(&self) -> String {
        format!("backbone.{}.onnx", self.precision)
    }

    /// What a manifest says of it, without verification figures.
    pub fn describe(&self) -> Variant {
        Variant {
            file: self.file_name(),
            precision: self.precision,
            engines: self.engines.iter().map(|engine| engine.word().to_owned()).collect(),
            verification: Vec::new(),
            self_test: self.self_test.clone(),
        }
    }

    /// Runs it on every engine of this machine.
    pub fn verify(&self, options: &EngineOptions) -> Verified {
        let subject = Subject {
            graph: &self.graph,
            tensors: &self.tensors,
            onnx: &self.onnx,
            precision: self.precision,
            tolerance: self.tolerance,
            golden: &self.golden,
            self_test: Some(&self.self_test),
        };
        verify(&subject, options)
    }

    /// Its precision.
    pub fn precision(&self) -> Precision {
        self.precision
    }
}

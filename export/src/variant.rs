//! A bundle's backbone once more, in 8-bit arithmetic.

use std::collections::BTreeMap;

use edge::engine::{EngineOptions, Provider};
use models::bundle::{Precision, SelfTest, Variant};
use models::checkpoint::Golden;
use models::graph::Graph;
use models::reference;
use models::tensors::Tensors;
use ndarray::{Array3, Axis, stack};

use crate::bundle_writer::{WriteError, answer};
use crate::calibrate::{Method, ranges};
use crate::onnx::{self, Storage};
use crate::precision::int8::{Activations, Quantized, quantize};
use crate::verify::{Subject, Tolerance, Verified, verify};

/// Pictures whose embeddings every engine must find.
const PROVEN: usize = 2;

/// How far a device's engine may be from the reference of the same rounding, as a share of the largest value: on noise,
/// values lie close to the middle between two steps more often than on pictures.
const SELF_TEST_TOLERANCE: f32 = 0.25;

/// What variants are made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The variants to make.
    pub precisions: Vec<Precision>,
    /// Inputs of the network, `[3, h, w]`; at least one.
    pub pictures: Vec<Array3<f32>>,
    /// How ranges are chosen.
    pub method: Method,
}

/// A variant that is not yet proved.
#[derive(Debug, Clone)]
pub struct DraftVariant {
    precision: Precision,
    quantized: Quantized,
    onnx: Vec<u8>,
    golden: Golden,
    self_test: SelfTest,
}

/// The variants of a folded network; `metadata` goes into their files.
///
/// # Errors
/// [`WriteError`] when the network cannot be looked at or narrowed.
pub fn variants(
    graph: &Graph,
    tensors: &Tensors,
    calibration: &Calibration,
    metadata: &BTreeMap<String, String>,
    options: &EngineOptions,
) -> Result<Vec<DraftVariant>, WriteError> {
    let Calibration { precisions, pictures, method } = calibration;
    if precisions.is_empty() {
        return Ok(Vec::new());
    }
    let ranges = ranges(graph, tensors, pictures, *method, options)?;
    let of = |precision: Precision| {
        let activations = match precision {
            Precision::Int8S8 => Activations::Signed,
            _ => Activations::Unsigned,
        };
        let quantized = quantize(graph, tensors, &ranges, activations)?;
        let Quantized { graph, tensors, scales } = &quantized;
        let onnx = onnx::write(graph, tensors, Storage::Integers(scales), metadata)?;
        let views: Vec<_> = pictures.iter().take(PROVEN).map(|picture| picture.view()).collect();
        let image = stack(Axis(0), &views).expect("invariant: inputs have the network's size");
        let (input, output) = (graph.inputs[0].name.clone(), graph.outputs[0].clone());
        let inputs = Tensors::from([(input.clone(), image.into_dyn())]);
        let computed = reference::run(graph, tensors, &[(&input, inputs[&input].view())])?;
        let outputs = Tensors::from([(output, computed[0].clone())]);
        let golden = Golden { inputs, outputs };
        let self_test = answer(graph, tensors, SELF_TEST_TOLERANCE)?;
        Ok(DraftVariant { precision, quantized, onnx, golden, self_test })
    };
    precisions.iter().map(|&precision| of(precision)).collect()
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
        let engines = match self.precision {
            Precision::Int8S8 => [Provider::TensorRt],
            _ => [Provider::Cpu],
        };
        Variant {
            file: self.file_name(),
            precision: self.precision,
            engines: engines.map(|engine| engine.word().to_owned()).to_vec(),
            verification: Vec::new(),
            self_test: self.self_test.clone(),
        }
    }

    /// Runs it on every engine of this machine.
    pub fn verify(&self, options: &EngineOptions) -> Verified {
        let subject = Subject {
            graph: &self.quantized.graph,
            tensors: &self.quantized.tensors,
            onnx: &self.onnx,
            tolerance: Tolerance::INTEGERS,
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

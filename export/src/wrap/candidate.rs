//! A network on engines, before there is a bundle of it.

use edge::engine::{EngineOptions, Model, Provider, start_verified};
use models::bundle::{Precision, SelfTest, WeightStorage};
use models::checkpoint::Golden;
use models::graph::{Graph, Input};
use models::tensors::Tensors;
use ndarray::{Array2, Array4, ArrayD, Axis, Ix2};

use super::error::WrapError;
use super::network::{NetworkError, OnnxNetwork};
use crate::verify::{NetworkVerification, Subject, Tolerance, verify_on_engines};

/// Images of one run where a network takes several: enough to find one that takes only one, and
/// little memory.
const BATCH: usize = 8;

/// A network as it will ship.
pub(super) struct Candidate<'a> {
    /// Its inputs and outputs; only the ONNX file has its operations.
    graph: Graph,
    onnx: &'a [u8],
    max_batch: usize,
}

impl<'a> Candidate<'a> {
    /// The network for images of `size` x `size` pixels; `onnx` is its file in the bundle.
    pub(super) fn new(network: &OnnxNetwork, onnx: &'a [u8], size: usize) -> Self {
        let input = Input { name: network.input.clone(), shape: vec![3, size, size] };
        let graph = Graph {
            name: "wrapped".to_owned(),
            inputs: vec![input],
            nodes: Vec::new(),
            outputs: vec![network.output.clone()],
        };
        Self { graph, onnx, max_batch: if network.any_batch { BATCH } else { 1 } }
    }

    /// tract's embeddings `[n, s]` of images `[n, 3, h, w]`: tract is on every device, and takes
    /// images one by one, as most calls do.
    ///
    /// # Errors
    /// [`WrapError::Engine`], [`WrapError::NotFinite`], or another output than `[n, s]`.
    pub(super) fn embed(&self, images: &Array4<f32>) -> Result<Array2<f32>, WrapError> {
        let Input { name, shape } = &self.graph.inputs[0];
        let inputs = [(name.clone(), shape.clone())];
        let model = Model {
            onnx: self.onnx,
            inputs: &inputs,
            max_batch: images.len_of(Axis(0)),
            precision: Precision::Fp32,
        };
        let mut output = None;
        let options = EngineOptions::default();
        // Within the verification, where a panic of the engine becomes an error.
        start_verified(&model, Provider::Tract, &options, &mut |engine| {
            let run = engine.run(&[(name, images.view().into_dyn())]);
            output = run.map_err(|error| error.to_string())?.into_iter().next();
            Ok(())
        })
        .map_err(|rejection| WrapError::Engine(rejection.reason))?;
        self.embeddings(output.unwrap_or_default())
    }

    fn embeddings(&self, output: ArrayD<f32>) -> Result<Array2<f32>, WrapError> {
        let got = format!("{:?}", output.shape());
        let embeddings = output
            .into_dimensionality::<Ix2>()
            .map_err(|_| NetworkError::output_shape(&self.graph.outputs[0], got))?;
        match embeddings.iter().all(|value| value.is_finite()) {
            true => Ok(embeddings),
            false => Err(WrapError::NotFinite),
        }
    }

    /// Holds every engine of this machine to these embeddings.
    ///
    /// # Errors
    /// [`WrapError::Disagree`] with the table.
    pub(super) fn verify(
        &self,
        images: Array4<f32>,
        embeddings: Array2<f32>,
        self_test: Option<&SelfTest>,
        options: &EngineOptions,
    ) -> Result<NetworkVerification, WrapError> {
        let golden = Golden {
            inputs: Tensors::from([(self.graph.inputs[0].name.clone(), images.into_dyn())]),
            outputs: Tensors::from([(self.graph.outputs[0].clone(), embeddings.into_dyn())]),
        };
        let subject = Subject {
            graph: &self.graph,
            tensors: &Tensors::new(),
            onnx: self.onnx,
            precision: Precision::Fp32,
            // However they are stored, all engines have the same weights.
            tolerance: Tolerance::of(WeightStorage::Fp32),
            golden: &golden,
            self_test,
            max_batch: self.max_batch,
        };
        verify_on_engines(&subject, options).accepted().map_err(WrapError::Disagree)
    }
}

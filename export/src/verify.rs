//! Verifies that every engine computes on a network's ONNX file what the training engine computed:
//! it replays the golden inputs and compares the outputs.

mod difference;
mod report;
mod tolerance;

pub use difference::{Difference, difference};
pub use report::{EngineResult, NetworkVerification, Outcome, REFERENCE};
pub use tolerance::Tolerance;

use std::ops::Range;

use edge::backbone::reluctance;
use edge::engine::{Engine, EngineChoice, EngineOptions, Model, Provider, select};
use models::bundle::{Precision, SelfTest, self_test};
use models::checkpoint::Golden;
use models::graph::Graph;
use models::reference::{self, ReferenceError};
use models::tensors::Tensors;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// A network as it ships, and the outputs that it must compute.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The network.
    pub graph: &'a Graph,
    /// Its tensors, with the values that are stored.
    pub tensors: &'a Tensors,
    /// The network and its tensors as an ONNX file.
    pub onnx: &'a [u8],
    /// The file's arithmetic.
    pub precision: Precision,
    /// How far an engine may be off.
    pub tolerance: Tolerance,
    /// The training engine's outputs, or the reference's for an int8 variant or another input size.
    pub golden: &'a Golden,
    /// The self-test that a device will run on a backbone.
    pub self_test: Option<&'a SelfTest>,
    /// The most samples of one run.
    pub max_batch: usize,
}

/// Replays the golden inputs through the reference only.
pub(crate) fn verify_on_reference(
    graph: &Graph,
    tensors: &Tensors,
    golden: &Golden,
    tolerance: Tolerance,
) -> NetworkVerification {
    let mut verification = NetworkVerification::new(tolerance, largest(golden));
    let result = reference::run(graph, tensors, &inputs(golden))
        .map(|outputs| compare(graph, golden, &outputs, 0..golden.samples()))
        .map_err(|error| error.to_string());
    verification.push(REFERENCE.to_owned(), result);
    verification
}

/// Replays the golden inputs through the reference and every engine of this machine, and the
/// self-test through every engine.
///
/// ONNX Runtime's CPU provider must pass if its library was found, tract always; TensorRT and CUDA
/// if they start.
pub fn verify(subject: &Subject<'_>, options: &EngineOptions) -> NetworkVerification {
    let Subject { graph, tensors, golden, tolerance, .. } = *subject;
    let mut verification = verify_on_reference(graph, tensors, golden, tolerance);
    add_engines(&mut verification, subject, options);
    verification
}

/// The same without the reference, for a network that only its ONNX file describes: of the graph,
/// only inputs and outputs are read.
pub(crate) fn verify_on_engines(
    subject: &Subject<'_>,
    options: &EngineOptions,
) -> NetworkVerification {
    let mut verification = NetworkVerification::new(subject.tolerance, largest(subject.golden));
    add_engines(&mut verification, subject, options);
    verification
}

fn add_engines(
    verification: &mut NetworkVerification,
    subject: &Subject<'_>,
    options: &EngineOptions,
) {
    for provider in Provider::ALL {
        match verify_on(subject, provider, options) {
            Ok(result) => verification.push(provider.to_string(), result),
            Err(skipped) => verification.skip(provider.to_string(), skipped),
        }
    }
}

/// Why an engine was not tried.
type Skipped = String;

/// Runs one engine; the inner error is a failure, the outer one a reason to skip the engine.
fn verify_on(
    subject: &Subject<'_>,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Result<Difference, String>, Skipped> {
    if let Some(reason) = reluctance(provider, subject.precision) {
        return Err(reason.to_owned());
    }
    match start(subject, provider, options) {
        Ok(mut engine) => Ok(replay(subject, engine.as_mut())),
        Err(reason) if must_start(provider, options) => Ok(Err(reason)),
        Err(reason) => Err(reason),
    }
}

fn must_start(provider: Provider, options: &EngineOptions) -> bool {
    match provider {
        // Compiled into the program.
        Provider::Tract => true,
        // A library that was found but does not load is a fault, not an absence.
        Provider::Cpu => options.onnxruntime.is_some(),
        // Whether a GPU is present is known only after a start.
        Provider::TensorRt | Provider::Cuda => false,
    }
}

fn start(
    subject: &Subject<'_>,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, String> {
    let inputs: Vec<_> = subject
        .graph
        .inputs
        .iter()
        .map(|input| (input.name.clone(), input.shape.clone()))
        .collect();
    let model = Model {
        onnx: subject.onnx,
        inputs: &inputs,
        // TensorRT builds its engine for the largest batch: not larger than needed.
        max_batch: subject.max_batch,
        precision: subject.precision,
    };
    match select(&model, EngineChoice::Only(provider), options) {
        Ok(selected) => Ok(selected.engine),
        // With one candidate, its own reason is clearer than the selection's summary.
        Err(error) => {
            Err(error.rejected.first().map_or_else(|| error.to_string(), |r| r.reason.clone()))
        }
    }
}

/// Runs all golden samples in batches, the first sample by itself, and the self-test.
///
/// Two batch sizes find an engine that fixes the batch dimension when it loads the file.
fn replay(subject: &Subject<'_>, engine: &mut dyn Engine) -> Result<Difference, String> {
    let Subject { graph, golden, max_batch, .. } = *subject;
    let mut difference = replay_rows(subject, engine, 0..1)?;
    for first in (0..golden.samples()).step_by(max_batch) {
        let rows = first..golden.samples().min(first + max_batch);
        difference = difference.worse(replay_rows(subject, engine, rows)?);
    }
    if let Some(self_test) = subject.self_test {
        let input = &graph.inputs[0];
        let noise = self_test::input(self_test.seed, input.shape[1]).into_dyn();
        let outputs = run(graph, engine, &[(&input.name, noise.view())])?;
        let embedding = outputs[0].flatten();
        self_test.verify(embedding.view()).map_err(|e| e.to_string())?;
    }
    Ok(difference)
}

/// Runs these golden samples as one batch.
fn replay_rows(
    Subject { graph, golden, .. }: &Subject<'_>,
    engine: &mut dyn Engine,
    rows: Range<usize>,
) -> Result<Difference, String> {
    let all = inputs(golden);
    let batch: Vec<_> =
        all.iter().map(|(name, value)| (*name, select_rows(value, &rows))).collect();
    Ok(compare(graph, golden, &run(graph, engine, &batch)?, rows))
}

/// Runs an engine and checks the number of its outputs.
fn run(
    graph: &Graph,
    engine: &mut dyn Engine,
    inputs: &[(&str, ArrayViewD<'_, f32>)],
) -> Result<Vec<ArrayD<f32>>, String> {
    let outputs = engine.run(inputs).map_err(|e| e.to_string())?;
    let expected = graph.outputs.len();
    match outputs.len() {
        got if got == expected => Ok(outputs),
        got => Err(format!("the engine returned {got} outputs, expected {expected}")),
    }
}

fn inputs(golden: &Golden) -> Vec<(&str, ArrayViewD<'_, f32>)> {
    golden.inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect()
}

fn select_rows<'a>(value: &ArrayViewD<'a, f32>, rows: &Range<usize>) -> ArrayViewD<'a, f32> {
    value.clone().slice_axis_move(Axis(0), rows.clone().into())
}

/// The largest absolute golden value: differences are measured as a share of it.
fn largest(golden: &Golden) -> f64 {
    golden.outputs.values().flatten().fold(0.0, |max: f64, v| max.max(f64::from(v.abs())))
}

/// The largest difference of any output from these golden samples.
fn compare(
    graph: &Graph,
    golden: &Golden,
    outputs: &[ArrayD<f32>],
    rows: Range<usize>,
) -> Difference {
    graph
        .outputs
        .iter()
        .zip(outputs)
        .map(|(name, got)| {
            let expected = golden.outputs[name].slice_axis(Axis(0), rows.clone().into());
            difference(got, &expected.to_owned())
        })
        .fold(Difference::NONE, Difference::worse)
}

/// The reference's outputs for these inputs, as golden outputs for the engines.
///
/// # Errors
/// [`ReferenceError`] for a network that cannot be run.
pub(crate) fn reference_golden(
    graph: &Graph,
    tensors: &Tensors,
    inputs: Tensors,
) -> Result<Golden, ReferenceError> {
    let views: Vec<_> = inputs.iter().map(|(name, value)| (name.as_str(), value.view())).collect();
    let outputs = reference::run(graph, tensors, &views)?;
    let outputs = graph.outputs.iter().cloned().zip(outputs).collect();
    Ok(Golden { inputs, outputs })
}

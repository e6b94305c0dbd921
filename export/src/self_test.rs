//! Computes a bundle's self-test: noise made from a seed, and the reference's embedding of it.

use models::bundle::{SelfTest, self_test};
use models::graph::Graph;
use models::reference::{self, ReferenceError};
use models::tensors::Tensors;

/// The seed of the noise.
pub(crate) const SEED: u64 = 1;

// Each tolerance bounds how far a device's engine may be from the reference on the same weights,
// as a share of the embedding's largest absolute value.

/// For fp32. A GPU that multiplies in 19 bits (TF32) needs most of it; a wrong layout, a lost bias
/// or a damaged weight exceed it by far.
pub(crate) const FP32_TOLERANCE: f32 = 1e-2;

/// For fp16: engines round after each operation to 11 bits, the reference does not.
pub(crate) const FP16_TOLERANCE: f32 = 5e-2;

/// For int8. On noise, more values lie near the middle between two of 256 steps than on images, and
/// engines round these to either side.
pub(crate) const INT8_TOLERANCE: f32 = 0.25;

/// Runs the weights as stored on the self-test's noise, `[1, 3, h, w]`.
pub(crate) fn compute(
    graph: &Graph,
    tensors: &Tensors,
    tolerance: f32,
) -> Result<SelfTest, ReferenceError> {
    let input = &graph.inputs[0];
    let noise = self_test::input(SEED, input.shape[1]).into_dyn();
    let outputs = reference::run(graph, tensors, &[(&input.name, noise.view())])?;
    Ok(with_embedding(outputs[0].iter().copied().collect(), tolerance))
}

/// The self-test with this embedding of the noise of [`SEED`].
pub(crate) fn with_embedding(embedding: Vec<f32>, tolerance: f32) -> SelfTest {
    // A share of the largest value, not of each: values near 0 have no relative precision.
    let largest = embedding.iter().fold(0.0f32, |max, v| max.max(v.abs()));
    SelfTest { seed: SEED, embedding, max_abs_difference: tolerance * largest }
}

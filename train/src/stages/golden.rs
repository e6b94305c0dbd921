//! Golden inputs and outputs: what libtorch computes, for the verification of an export.

use anyhow::Result;
use models::checkpoint::{Checkpoint, Golden};
use models::graph::Graph;
use models::tensors::Tensors;
use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Device, Kind, Tensor};

use crate::net::{Compute, Mode, Net, to_array, to_tensor};

/// Number of golden samples.
pub const SAMPLES: usize = 8;

const SEED: u64 = 20210;

/// Golden inputs and outputs of the checkpoint's backbone. The inputs are noise.
pub fn golden(checkpoint: &Checkpoint) -> Result<Golden> {
    let size = checkpoint.architecture.input_size();
    // Seeded noise needs no image, and the same checkpoint always gives the same golden file.
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    // Uniform in -2..2: the range of normalized images.
    let image = ArrayD::from_shape_simple_fn(IxDyn(&[SAMPLES, 3, size, size]), || {
        (rng.next_u32() >> 8) as f32 / (1 << 22) as f32 - 2.0
    });
    let inputs = Tensors::from([("image".to_owned(), image)]);
    run(checkpoint.architecture.graph(), &checkpoint.backbone()?, inputs)
}

/// Whether all outputs are finite.
pub fn is_finite(golden: &Golden) -> bool {
    golden.outputs.values().flatten().all(|value| value.is_finite())
}

/// Runs a network in fp32 on the CPU.
pub fn run(graph: Graph, parameters: &Tensors, inputs: Tensors) -> Result<Golden> {
    // In fp32 on the CPU, so that the golden outputs do not depend on the training device.
    let compute = Compute { device: Device::Cpu, kind: Kind::Float };
    let net = Net::new(graph, parameters, compute)?;
    let given: Vec<(&String, Tensor)> =
        inputs.iter().map(|(name, value)| Ok((name, to_tensor(value)?))).collect::<Result<_>>()?;
    let given: Vec<(&str, &Tensor)> = given.iter().map(|(name, t)| (name.as_str(), t)).collect();
    let outputs = tch::no_grad(|| net.forward(&given, Mode::Eval))?;
    let outputs = net.graph().outputs.iter().zip(&outputs);
    let outputs = outputs.map(|(name, output)| Ok((name.clone(), to_array(output)?)));
    Ok(Golden { inputs, outputs: outputs.collect::<Result<_>>()? })
}

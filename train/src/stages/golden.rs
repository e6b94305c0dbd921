//! The proof that travels with a checkpoint: synthetic inputs and what libtorch makes of them.

use anyhow::Result;
use models::checkpoint::{Checkpoint, Golden};
use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Device, Kind};

use crate::net::{Compute, Mode, Net, to_array, to_tensor};

const PICTURES: usize = 8;
const SEED: u64 = 20210;

/// Runs the checkpoint's network in fp32 on the CPU.
pub fn golden(checkpoint: &Checkpoint) -> Result<Golden> {
    let compute = Compute { device: Device::Cpu, kind: Kind::Float };
    let net = Net::new(checkpoint.architecture.graph(), &checkpoint.backbone()?, compute)?;
    let size = checkpoint.architecture.input_size();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    // Uniform in -2..2: the range of normalized pictures.
    let image = ArrayD::from_shape_simple_fn(IxDyn(&[PICTURES, 3, size, size]), || {
        (rng.next_u32() >> 8) as f32 / (1 << 22) as f32 - 2.0
    });
    let outputs = tch::no_grad(|| net.forward(&[("image", &to_tensor(&image)?)], Mode::Eval))?;
    Ok(Golden { image, embedding: to_array(&outputs[0])? })
}

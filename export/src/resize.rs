//! The same weights for images of another size: a convolutional network takes any, and a smaller one is faster.
//!
//! The training engine's golden outputs prove a run at its own size only. So the weights are proved there first, through
//! the [reference](models::reference); what the reference then computes at the new size is what every engine is held to.

use models::bundle::{WeightStorage, self_test};
use models::checkpoint::Golden;
use models::graph::Graph;
use models::tensors::Tensors;
use ndarray::{Axis, concatenate};

use crate::bundle_writer::WriteError;
use crate::run::Run;
use crate::verify::{Tolerance, Verified, on_reference, reference_golden};

/// Noise that proves the network at its new size: other seeds than a bundle's self-test.
const SEEDS: [u64; 2] = [100, 101];

impl Run {
    /// The run for images of `size` pixels a side, proved anew; as it is where that is its size already.
    ///
    /// Completers are left behind: what they know was measured in the embedding space of the run's own size.
    ///
    /// # Errors
    /// [`WriteError::Size`] where the network shrinks such images to nothing, [`WriteError::Rejected`] where the
    /// run's own proof fails.
    pub fn resized(self, size: usize) -> Result<Self, WriteError> {
        let Self { checkpoint, golden, .. } = &self;
        let own = checkpoint.preprocess.size;
        if size == own {
            return Ok(self);
        }
        let mut resized = checkpoint.resized(size);
        let graph = resized.architecture.graph();
        graph.shapes().map_err(|source| WriteError::Size { size, source })?;
        let parameters = checkpoint.backbone()?;
        let proof = proved(&checkpoint.architecture.graph(), &parameters, golden);
        if !proof.passed() {
            return Err(WriteError::Rejected(proof));
        }
        let golden = reference_golden(&graph, &parameters, noise(&graph, size))?;
        let note = format!(
            "proved at {own}x{own} against training, at {size}x{size} against the reference interpreter"
        );
        let notes = &mut resized.provenance.notes;
        *notes = if notes.is_empty() { note } else { format!("{notes}; {note}") };
        Ok(Self { checkpoint: resized, golden, kernel: None, completer: None })
    }
}

fn proved(graph: &Graph, parameters: &Tensors, golden: &Golden) -> Verified {
    on_reference(graph, parameters, golden, Tolerance::of(WeightStorage::Fp32))
}

fn noise(graph: &Graph, size: usize) -> Tensors {
    let images = SEEDS.map(|seed| self_test::input(seed, size));
    let images = images.each_ref().map(|image| image.view());
    let noise = concatenate(Axis(0), &images).expect("invariant: all have the same size");
    Tensors::from([(graph.inputs[0].name.clone(), noise.into_dyn())])
}

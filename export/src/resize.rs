//! Resizes the input of a trained network: a convolutional network accepts any image size, and a
//! smaller one runs faster.
//!
//! The training engine's golden outputs hold at the run's own size only. The weights are therefore
//! verified there on the [reference](models::reference); the reference's outputs at the new size
//! then become the golden outputs for every engine.

use models::bundle::{WeightStorage, self_test};
use models::graph::Graph;
use models::tensors::Tensors;
use ndarray::{Axis, concatenate};

use crate::error::ExportError;
use crate::run::Run;
use crate::verify::{Tolerance, reference_golden, verify_on_reference};

/// Seeds of the noise at the new size: other ones than the bundle's self-test uses.
const SEEDS: [u64; 2] = [100, 101];

impl Run {
    /// The run for images of `size` x `size` pixels, verified again; unchanged at its own size.
    ///
    /// The name regressor, the completer and the decision are dropped: they were fitted in the
    /// embedding space of the run's own size.
    ///
    /// # Errors
    /// [`ExportError::Size`] if the network reduces such images to zero pixels,
    /// [`ExportError::Rejected`] if the weights do not match the run's golden outputs.
    pub fn resized(self, size: usize) -> Result<Self, ExportError> {
        let own = self.checkpoint.preprocess.size;
        if size == own {
            return Ok(self);
        }
        let mut checkpoint = self.checkpoint.resized(size);
        let graph = checkpoint.architecture.graph();
        graph.shapes().map_err(|source| ExportError::Size { size, source })?;
        let parameters = self.checkpoint.backbone()?;
        // Weights do not depend on the size. If the reference computes the golden outputs with
        // them at the run's own size, its outputs at another size can be trusted.
        self.verify_weights(&parameters)?;
        let golden = reference_golden(&graph, &parameters, noise(&graph, size))?;
        add_note(
            &mut checkpoint.provenance.notes,
            &format!(
                "verified at {own}x{own} against training, at {size}x{size} against the reference interpreter"
            ),
        );
        Ok(Self { checkpoint, golden, name_regressor: None, completer: None, decision: None })
    }

    /// Runs the golden inputs at the run's own size on the reference.
    fn verify_weights(&self, parameters: &Tensors) -> Result<(), ExportError> {
        let graph = self.checkpoint.architecture.graph();
        let tolerance = Tolerance::of(WeightStorage::Fp32);
        verify_on_reference(&graph, parameters, &self.golden, tolerance)
            .accepted()
            .map(|_| ())
            .map_err(ExportError::Rejected)
    }
}

fn add_note(notes: &mut String, note: &str) {
    if !notes.is_empty() {
        notes.push_str("; ");
    }
    notes.push_str(note);
}

fn noise(graph: &Graph, size: usize) -> Tensors {
    let images = SEEDS.map(|seed| self_test::input(seed, size));
    let images = images.each_ref().map(|image| image.view());
    let noise = concatenate(Axis(0), &images).expect("invariant: all have the same size");
    Tensors::from([(graph.inputs[0].name.clone(), noise.into_dyn())])
}

//! What both trainings of ProtoComNet share: their inputs, and how the result is written.

use anyhow::Result;
use few_shot::protocomnet::{Described, ProtoComNetCompleter};
use half::f16;
use models::checkpoint::Checkpoint;
use models::dataset::Dataset;
use models::disk;
use models::graph::ProtoComNet;
use models::random::below;
use models::tensors::Tensors;
use ndarray::Axis;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, TchError, Tensor};

use crate::completer_learner::CompletionData;
use crate::config::Completion;
use crate::net::{Compute, Net};
use crate::run::Run;
use crate::stages::golden;

/// The inputs of a training.
pub(super) struct CompletionTask<'a> {
    pub(super) run: &'a Run,
    pub(super) dataset: &'a Dataset,
    pub(super) config: &'a Completion,
    pub(super) compute: Compute,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) network: ProtoComNet,
    pub(super) data: &'a CompletionData,
}

impl CompletionTask<'_> {
    /// The completer with the parameters of a network.
    pub(super) fn completer(&self, net: &Net) -> Result<ProtoComNetCompleter> {
        let attributes = self.data.attributes.clone();
        let parameters = as_shipped(net.tensors()?);
        let completer = ProtoComNetCompleter::new(self.network.clone(), parameters, attributes)?;
        Ok(completer.completing(self.config.complete))
    }

    /// Writes a completer into the run.
    pub(super) fn write(&self, completer: &ProtoComNetCompleter) -> Result<()> {
        write(self.run, completer, &self.checkpoint.space_id()?)
    }
}

/// Rounds matrices to 16 bits, as a bundle stores them, so that the shipped weights are the ones
/// that are evaluated and verified.
pub fn as_shipped(mut parameters: Tensors) -> Tensors {
    for matrix in parameters.values_mut().filter(|tensor| tensor.ndim() >= 2) {
        matrix.mapv_inplace(|value| f16::from_f32(value).to_f32());
    }
    parameters
}

/// Writes a completer and its golden inputs and outputs into the run.
pub fn write(run: &Run, completer: &ProtoComNetCompleter, space_id: &str) -> Result<()> {
    let golden =
        golden::run(completer.network().graph(), completer.parameters(), samples(completer))?;
    // The golden file first, so that every completer has one, also after a power cut.
    disk::write(&run.completer_golden(), &golden.to_bytes("completer")?)?;
    Ok(disk::write(&run.completer(), &completer.to_bytes(space_id)?)?)
}

/// Golden inputs, similar to real ones: each attribute stands for a class that has this attribute
/// and those after it.
fn samples(completer: &ProtoComNetCompleter) -> Tensors {
    let attributes = completer.attributes();
    let most = completer.network().attributes;
    let all = attributes.names.len();
    let rows: Vec<usize> = (0..golden::SAMPLES.min(all)).collect();
    let classes: Vec<Described> = rows
        .iter()
        .map(|&row| Described {
            word: attributes.word.row(row).to_owned(),
            attributes: (row..all).take(most.min(1 + row)).collect(),
        })
        .collect();
    completer.inputs(attributes.mean.select(Axis(0), &rows).view(), &classes)
}

/// The base images by class.
pub(super) struct BaseImages {
    /// For each class, the position of its first image and the number of its images.
    ranges: Vec<(usize, usize)>,
    /// The class of each image.
    pub(super) labels: Vec<usize>,
}

impl BaseImages {
    pub(super) fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let mut ranges = Vec::new();
        let mut labels = Vec::new();
        for (class, size) in sizes.enumerate() {
            ranges.push((labels.len(), size));
            labels.extend(std::iter::repeat_n(class, size));
        }
        Self { ranges, labels }
    }

    /// A random image of a class.
    pub(super) fn any(&self, class: usize, rng: &mut ChaCha8Rng) -> usize {
        let (first, count) = self.ranges[class];
        first + below(rng, count)
    }
}

/// The means `[n, s]` of embeddings `[n * k, s]`.
pub(super) fn means(embedding: &Tensor, n: usize) -> Result<Tensor, TchError> {
    let grouped = embedding.f_view([n as i64, -1, embedding.size()[1]])?;
    grouped.f_mean_dim([1i64].as_slice(), false, Kind::Float)
}

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

/// What a training is given.
pub(super) struct CompletionTask<'a> {
    pub(super) run: &'a Run,
    pub(super) dataset: &'a Dataset,
    pub(super) config: &'a Completion,
    pub(super) compute: Compute,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) network: ProtoComNet,
    pub(super) material: &'a CompletionData,
}

impl CompletionTask<'_> {
    /// What a network has become.
    pub(super) fn completer(&self, net: &Net) -> Result<ProtoComNetCompleter> {
        let attributes = self.material.attributes.clone();
        let parameters = as_shipped(net.tensors()?);
        let completer = ProtoComNetCompleter::new(self.network.clone(), parameters, attributes)?;
        Ok(completer.completing(self.config.complete))
    }

    /// Keeps a completer in the run.
    pub(super) fn write(&self, completer: &ProtoComNetCompleter) -> Result<()> {
        write(self.run, completer, &self.checkpoint.space_id()?)
    }
}

/// Parameters with their matrices rounded to 16 bits, as a bundle stores them: these are measured and proved, and ship.
pub fn as_shipped(mut parameters: Tensors) -> Tensors {
    for matrix in parameters.values_mut().filter(|tensor| tensor.ndim() >= 2) {
        matrix.mapv_inplace(|value| f16::from_f32(value).to_f32());
    }
    parameters
}

/// Writes a completer into the run, with what libtorch makes of its own attributes as the proof for an export.
pub fn write(run: &Run, completer: &ProtoComNetCompleter, space_id: &str) -> Result<()> {
    let golden =
        golden::run(completer.network().graph(), completer.parameters(), samples(completer))?;
    disk::write(&run.completer_golden(), &golden.to_bytes("completer")?)?;
    Ok(disk::write(&run.completer(), &completer.to_bytes(space_id)?)?)
}

/// Inputs that are alike to real ones: each attribute in turn poses as a class that has itself and those after it.
fn samples(completer: &ProtoComNetCompleter) -> Tensors {
    let (attributes, most) = (completer.attributes(), completer.network().attributes);
    let all = attributes.names.len();
    let rows: Vec<usize> = (0..golden::SAMPLES.min(all)).collect();
    let described = |&row: &usize| Described {
        word: attributes.word.row(row).to_owned(),
        attributes: (row..all).take(most.min(1 + row)).collect(),
    };
    let classes: Vec<Described> = rows.iter().map(described).collect();
    completer.inputs(attributes.mean.select(Axis(0), &rows).view(), &classes)
}

/// The base images, a class after the other.
pub(super) struct BaseImages {
    /// Of each class, where its first one is, and how many it has.
    ranges: Vec<(usize, usize)>,
    /// The class of each.
    pub(super) labels: Vec<usize>,
}

impl BaseImages {
    pub(super) fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let (mut ranges, mut labels) = (Vec::new(), Vec::new());
        for (class, size) in sizes.enumerate() {
            ranges.push((labels.len(), size));
            labels.extend(std::iter::repeat_n(class, size));
        }
        Self { ranges, labels }
    }

    /// One of a class, at random.
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

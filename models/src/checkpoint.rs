//! A trained network, with or without the state that resuming its training needs.
//!
//! A checkpoint is one safetensors file. It has the network's parameters under their own names, the
//! optimizer's momentum as `momentum.<name>`, averaged parameters as `average.<name>`, and
//! everything else as JSON in the file's metadata. `docs/formats.md` has the table.

use std::collections::BTreeMap;

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::{Blame, Fault};
use crate::graph::{Architecture, Graph, GraphError, Shape, differences};
use crate::hex;
use crate::layout::{FileFormat, FormatError};
use crate::preprocess::{Preprocess, PreprocessError};
use crate::tensors::{TensorFile, Tensors, TensorsError};

/// The format that is written, and the only one that is read.
pub const FORMAT: FileFormat =
    FileFormat { kind: Some("handful-checkpoint"), number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    kind text, format u32, layout text
    architecture { arch text, widths? u32[], input_size? u32, members? architecture[],
        +last_activation? bool }
    preprocess { size u32, geometry text, filter text, mean f32[3], std f32[3], hflip? bool, center_zoom? f32,
        +crop_share? f32, +bgr? bool }
    classes text[]
    provenance { tool text, data text, data_license text, epochs f64, images_seen u64, notes text,
        +license? text }
    progress? { seed u64, epoch u64, batch u64, loss_sum f64, correct u64, best_accuracy? f64,
        config text, data text, precision text }
    <parameter> f32[...], head.weight? f32[classes, s], head.bias? f32[classes]
    rotation_head.* semantic_head.* f32[...], momentum.<parameter> average.<parameter> f32[...]";

/// The most bytes of a checkpoint file that are read.
pub const MAX_BYTES: u64 = 2 << 30;

/// Parameters with this prefix belong to the classifiers that only pre-training uses.
pub const HEAD_PREFIXES: [&str; 3] = ["head.", "rotation_head.", "semantic_head."];

/// The classes of the rotation head: the number of quarter turns of an image.
const QUARTER_TURNS: usize = 4;

const MOMENTUM_PREFIX: &str = "momentum.";
const AVERAGE_PREFIX: &str = "average.";

/// A trained network.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The network's sizes.
    pub architecture: Architecture,
    /// How images become its input.
    pub preprocess: Preprocess,
    /// The base classes, in the order of the classifier's outputs; empty for imported weights,
    /// whose classifier does not name its classes.
    pub classes: Vec<String>,
    /// The network's parameters, and those of the training heads (`head.weight`, `head.bias`, …).
    pub parameters: Tensors,
    /// What resuming the training needs; `None` in a checkpoint that is only used.
    pub training: Option<Training>,
    /// Where the weights come from.
    pub provenance: Provenance,
}

/// What a resumed training needs to continue as if it had never stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The optimizer's momentum, by parameter name.
    pub momentum: Tensors,
    /// The mean of the learned parameters over the averaged steps, by name; empty before the first
    /// of these steps.
    pub average: Tensors,
    /// Counters and seeds.
    pub progress: Progress,
}

/// How far a training is. Randomness is a function of (`seed`, epoch, position), so these few
/// numbers are its whole state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Seed of shuffling and augmentation.
    pub seed: u64,
    /// The current epoch, from 0.
    pub epoch: u64,
    /// The next batch of that epoch, from 0.
    pub batch: u64,
    /// Sum of the losses of the epoch's batches so far.
    pub loss_sum: f64,
    /// Training images of this epoch that were classified correctly so far.
    pub correct: u64,
    /// The best validation accuracy so far, in 0..1.
    pub best_accuracy: Option<f64>,
    /// The training's settings as TOML; resuming with others is refused.
    pub config: String,
    /// The fingerprint of the data set; resuming with another one is refused.
    pub data: String,
    /// The precision in which products are computed; resuming with another one is refused.
    pub precision: String,
}

/// Where weights come from: travels with them into the bundle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The program that made the weights, with its version.
    pub tool: String,
    /// What the data is and who made it.
    pub data: String,
    /// Under what terms the data is used.
    pub data_license: String,
    /// Epochs trained.
    pub epochs: f64,
    /// Images that training looked at, counted with repetition.
    pub images_seen: u64,
    /// Anything else that a user of the weights should know.
    pub notes: String,
    /// Under what terms the weights are used, if they were made elsewhere, or are made from such
    /// weights. `None` for weights that were made by this program from random ones.
    // Left out where it is not used: files without it keep their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

/// Why bytes are not a usable checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file is not a tensor file, or it is cut short.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The description inside is missing or has other fields.
    #[error("the checkpoint's description is not usable: {0}")]
    Description(String),
    /// Another kind of file, another format number or another layout.
    #[error("the checkpoint cannot be read: {0}")]
    Format(#[from] FormatError),
    /// The tensors are not those of the network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A golden file belongs to another network.
    #[error("`{tensor}` has shape {got:?}, expected {expected}: it belongs to another run")]
    Golden {
        /// The value.
        tensor: String,
        /// The shape that fits the network and the first input's number of samples.
        expected: String,
        /// The shape found.
        got: Shape,
    },
    /// The recipe for images cannot be carried out.
    #[error("the checkpoint's recipe cannot be carried out: {0}")]
    Preprocess(PreprocessError),
    /// The recipe makes images that the network does not take.
    #[error(
        "the checkpoint's recipe makes images of {got} pixels a side, its network takes {expected}"
    )]
    InputSize {
        /// The network's input size.
        expected: usize,
        /// The recipe's size.
        got: usize,
    },
    /// The training heads, the momentum or the averages do not fit; every difference is a line.
    #[error("the checkpoint's {what} does not fit its network and classes:\n  {}", differences.join("\n  "))]
    State {
        /// `classifier`, `momentum` or `average`.
        what: &'static str,
        /// Missing, unexpected and misshapen tensors.
        differences: Vec<String>,
    },
}

impl Fault for CheckpointError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    kind: String,
    format: u32,
    layout: String,
    architecture: Architecture,
    preprocess: Preprocess,
    classes: Vec<String>,
    provenance: Provenance,
    progress: Option<Progress>,
}

impl Checkpoint {
    /// Reads a checkpoint and [checks](Checkpoint::check) it.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let file = TensorFile::parse(bytes)?;
        FORMAT.check(file.metadata.as_bytes())?;
        let description: Description = serde_json::from_str(&file.metadata)
            .map_err(|e| CheckpointError::Description(e.to_string()))?;
        // What is left after taking out the state of the optimizer are the parameters.
        let mut parameters = file.floats;
        let [momentum, average] =
            [MOMENTUM_PREFIX, AVERAGE_PREFIX].map(|prefix| take_prefixed(&mut parameters, prefix));
        if description.progress.is_none() && !(momentum.is_empty() && average.is_empty()) {
            // Without progress they would be dropped silently when the file is written again.
            let reason = "it holds momentum or averages but not the progress of the training";
            return Err(CheckpointError::Description(reason.to_owned()));
        }
        let checkpoint = Self {
            architecture: description.architecture,
            preprocess: description.preprocess,
            classes: description.classes,
            parameters,
            training: description.progress.map(|progress| Training { momentum, average, progress }),
            provenance: description.provenance,
        };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Checks that all parts fit each other. The recipe and the tensors must fit the network. Each
    /// training head is whole or absent, and fits the classes. The momentum and the averages, if
    /// there are any, fit the learned parameters.
    ///
    /// # Errors
    /// The first part that does not fit, with every difference.
    pub fn check(&self) -> Result<(), CheckpointError> {
        self.preprocess.check().map_err(CheckpointError::Preprocess)?;
        let expected = self.architecture.input_size();
        let got = self.preprocess.size;
        if got != expected {
            return Err(CheckpointError::InputSize { expected, got });
        }
        self.backbone()?;
        let heads = self.parameters.iter().filter(|(name, _)| is_head(name));
        fits("classifier", differences(heads, self.head_shapes()))?;
        let Some(training) = &self.training else {
            return Ok(());
        };
        fits("momentum", differences(&training.momentum, self.learned_shapes()?))?;
        if training.average.is_empty() {
            return Ok(());
        }
        fits("average", differences(&training.average, self.learned_shapes()?))
    }

    /// The shapes of the parameters of the heads that are there.
    fn head_shapes(&self) -> BTreeMap<String, Shape> {
        let size = self.architecture.embedding_size();
        let mut shapes = BTreeMap::new();
        let heads = [self.classified(), QUARTER_TURNS, self.classified()];
        let heads = HEAD_PREFIXES.into_iter().zip(heads);
        for (prefix, n_outputs) in heads {
            if self.parameters.keys().any(|name| name.starts_with(prefix)) {
                shapes.insert(format!("{prefix}weight"), vec![n_outputs, size]);
                shapes.insert(format!("{prefix}bias"), vec![n_outputs]);
            }
        }
        shapes
    }

    /// Number of classes of the classifier; without class names, its number of rows.
    fn classified(&self) -> usize {
        let rows = self.parameters.get("head.weight").and_then(|rows| rows.shape().first());
        match rows {
            Some(&rows) if self.classes.is_empty() && self.training.is_none() => rows,
            _ => self.classes.len(),
        }
    }

    /// The shapes of everything that gradients change.
    fn learned_shapes(&self) -> Result<BTreeMap<String, Shape>, GraphError> {
        let learned = self.architecture.graph().parameters()?.into_iter();
        let learned = learned.filter(|p| p.role.is_learned()).map(|p| (p.name, p.shape));
        Ok(learned.chain(self.head_shapes()).collect())
    }

    /// The file's bytes; the same checkpoint always gives the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let description = Description {
            kind: FORMAT.kind(),
            format: FORMAT.number,
            layout: FORMAT.layout(),
            architecture: self.architecture.clone(),
            preprocess: self.preprocess.clone(),
            classes: self.classes.clone(),
            provenance: self.provenance.clone(),
            progress: self.training.as_ref().map(|t| t.progress.clone()),
        };
        let mut floats = self.parameters.clone();
        if let Some(training) = &self.training {
            let Training { momentum, average, .. } = training;
            for (prefix, tensors) in [(MOMENTUM_PREFIX, momentum), (AVERAGE_PREFIX, average)] {
                let named =
                    tensors.iter().map(|(name, value)| (format!("{prefix}{name}"), value.clone()));
                floats.extend(named);
            }
        }
        let metadata = serde_json::to_string(&description)
            .map_err(|e| CheckpointError::Description(e.to_string()))?;
        Ok(TensorFile { floats, metadata, ..TensorFile::default() }.to_bytes()?)
    }

    /// The same weights for images of `size` pixels a side: another embedding space.
    pub fn resized(&self, size: usize) -> Self {
        Self {
            architecture: self.architecture.resized(size),
            preprocess: Preprocess { size, ..self.preprocess.clone() },
            ..self.clone()
        }
    }

    /// The network's own parameters, without the training heads: exactly what the graph asks for.
    pub fn backbone(&self) -> Result<Tensors, CheckpointError> {
        let own = self.parameters.iter().filter(|(name, _)| !is_head(name));
        let tensors = own.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        self.architecture.graph().check_parameters(&tensors)?;
        Ok(tensors)
    }

    /// The identity of the embedding space: SHA-256 of the fp32 backbone tensors (name, shape and
    /// little-endian values, in the order of their names), of what they do not show of the network
    /// (whether its last block has an activation), and of the preprocessing recipe as JSON.
    /// Embeddings of one space can be compared, whatever precision or engine made them.
    pub fn space_id(&self) -> Result<String, CheckpointError> {
        let mut hash = Sha256::new();
        for (name, tensor) in self.backbone()? {
            hash.update(format!("{name} {:?}\n", tensor.shape()));
            let values: Vec<u8> = tensor.iter().flat_map(|v| v.to_le_bytes()).collect();
            hash.update(values);
        }
        // Empty for most networks: their ids are those from before there was a choice.
        hash.update(self.architecture.unseen());
        // A new field of the recipe must be left out where it is not used, or every id changes.
        let recipe = serde_json::to_string(&self.preprocess)
            .map_err(|e| CheckpointError::Description(e.to_string()))?;
        hash.update(recipe);
        Ok(hex::encode(&hash.finalize()))
    }
}

/// Takes out all tensors whose names begin with `prefix`, and names them without it.
fn take_prefixed(tensors: &mut Tensors, prefix: &str) -> Tensors {
    // Names are sorted: those with the prefix begin at the prefix itself.
    tensors
        .extract_if(prefix.to_owned().., |name, _| name.starts_with(prefix))
        .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
        .collect()
}

fn is_head(name: &str) -> bool {
    HEAD_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn fits(what: &'static str, differences: Vec<String>) -> Result<(), CheckpointError> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(CheckpointError::State { what, differences })
}

/// Inputs of a network and the training engine's outputs for them. They are kept beside the
/// parameters, so that an export can be verified without libtorch.
#[derive(Debug, Clone, PartialEq)]
pub struct Golden {
    /// By the names of the graph's inputs, each `[n, …]`.
    pub inputs: Tensors,
    /// By the names of its outputs, each `[n, …]`, computed in fp32.
    pub outputs: Tensors,
}

impl Golden {
    /// Reads the file's bytes, as [`Golden::to_bytes`] wrote them for the same `network`.
    ///
    /// # Errors
    /// A value of the graph that is missing or has another shape, or another number of samples than
    /// the first input.
    pub fn parse(bytes: &[u8], network: &str, graph: &Graph) -> Result<Self, CheckpointError> {
        let floats = TensorFile::parse(bytes)?.floats;
        let mut values = GoldenValues { floats, shapes: graph.shapes()?, network, samples: None };
        let inputs = graph.inputs.iter().map(|input| values.take(&input.name));
        let inputs = inputs.collect::<Result<_, _>>()?;
        let outputs = graph.outputs.iter().map(|name| values.take(name));
        let outputs = outputs.collect::<Result<_, _>>()?;
        Ok(Self { inputs, outputs })
    }

    /// The number of samples of each input.
    pub fn samples(&self) -> usize {
        self.inputs.values().next().map_or(0, |input| input.shape()[0])
    }

    /// The file's bytes; `network` comes before every name.
    pub fn to_bytes(&self, network: &str) -> Result<Vec<u8>, CheckpointError> {
        let values = self.inputs.iter().chain(&self.outputs);
        let floats = values.map(|(name, value)| (format!("{network}.{name}"), value.clone()));
        Ok(TensorFile { floats: floats.collect(), ..TensorFile::default() }.to_bytes()?)
    }
}

/// A golden file while its values are taken out.
struct GoldenValues<'a> {
    floats: Tensors,
    shapes: BTreeMap<String, Shape>,
    network: &'a str,
    /// The number of samples of the first value, which all others must have.
    samples: Option<usize>,
}

impl GoldenValues<'_> {
    fn take(&mut self, name: &str) -> Result<(String, ArrayD<f32>), CheckpointError> {
        let key = format!("{}.{name}", self.network);
        let Some(tensor) = self.floats.remove(&key) else {
            return Err(CheckpointError::Description(format!("`{key}` is missing")));
        };
        let shape = &self.shapes[name];
        let n = *self.samples.get_or_insert(tensor.shape().first().copied().unwrap_or(0));
        let expected = [&[n], &shape[..]].concat();
        if n > 0 && tensor.shape() == expected {
            return Ok((name.to_owned(), tensor));
        }
        // Without samples every export would pass.
        let expected = match n {
            0 => format!("at least one sample of {shape:?}"),
            _ => format!("{expected:?}"),
        };
        Err(CheckpointError::Golden { tensor: key, expected, got: tensor.shape().to_vec() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::Resnet12;
    use crate::layout;

    #[test]
    fn the_schema_names_everything_that_is_written() {
        let resnet12 = Resnet12 { widths: [1; 4], input_size: 32, last_activation: false };
        let progress = Progress {
            seed: 1,
            epoch: 2,
            batch: 3,
            loss_sum: 4.5,
            correct: 6,
            best_accuracy: Some(0.5),
            config: String::new(),
            data: String::new(),
            precision: "fp32".to_owned(),
        };
        let training = Training { average: Tensors::new(), momentum: Tensors::new(), progress };
        let checkpoint = Checkpoint {
            architecture: Architecture::Resnet12(resnet12),
            preprocess: Preprocess::paper(32),
            classes: vec!["fig".to_owned()],
            parameters: Tensors::new(),
            training: Some(training),
            provenance: Provenance::default(),
        };
        let file = TensorFile::parse(&checkpoint.to_bytes().unwrap()).unwrap();
        let value = serde_json::from_str(&file.metadata).unwrap();
        assert_eq!(layout::unnamed(SCHEMA, &value), [""; 0]);
    }
}

//! Trains ProtoComNet: completes batches of prototypes, with class means as targets.

use std::iter::repeat_n;

use few_shot::protocomnet::{Attributes, Described};
use ndarray::Array2;
use tch::{Device, Kind, Reduction, TchError, Tensor};

use crate::config::Completion;
use crate::net::{Mode, Net, NetError, to_tensor};
use crate::optimizer::Optimizer;

/// The training data besides the prototypes.
#[derive(Debug)]
pub struct CompletionData {
    /// The `K` base classes.
    pub classes: Vec<Described>,
    /// Their `A` attributes.
    pub attributes: Attributes,
    /// Standard deviations of the attributes, `[A, s]`.
    pub std: Array2<f32>,
    /// Targets: class means, `[K, s]`.
    pub target: Array2<f32>,
}

/// A ProtoComNet with its optimizer and training data.
///
/// The network runs in pieces so that no row is computed twice: parts of a sample once per sample,
/// parts of a pair of attribute and sample once per pair (each pair has its own noise), and
/// attribute words once per batch.
#[derive(Debug)]
pub struct CompleterLearner {
    net: Net,
    optimizer: Optimizer,
    noise: bool,
    /// For each base class, its rows of `attribute`.
    attributes: Vec<Vec<i64>>,
    /// `[K, d]`
    class_word: Tensor,
    /// `[A, s]`
    attribute: Tensor,
    /// `[A, s]`
    std: Tensor,
    /// `[1, A, d]`
    attribute_word: Tensor,
    /// `[K, s]`
    target: Tensor,
}

fn table(values: &Array2<f32>, device: Device) -> Result<Tensor, TchError> {
    to_tensor(&values.clone().into_dyn())?.f_to_device(device)
}

/// The attributes of a class as tensor indices.
fn rows(class: &Described) -> Vec<i64> {
    class.attributes.iter().map(|&row| row as i64).collect()
}

impl CompleterLearner {
    /// A learner of a network. The optimizer must hold its parameters, and there must be an
    /// attribute.
    ///
    /// # Errors
    /// A failure of libtorch.
    pub fn new(
        net: Net,
        optimizer: Optimizer,
        material: &CompletionData,
        config: &Completion,
    ) -> Result<Self, NetError> {
        let CompletionData { classes, attributes, std, target } = material;
        let device = net.compute().device;
        let mut class_word = Array2::zeros((0, attributes.word.ncols()));
        for class in classes {
            class_word.push_row(class.word.view()).expect("invariant: words have one size");
        }
        Ok(Self {
            noise: config.noise,
            attributes: classes.iter().map(rows).collect(),
            class_word: table(&class_word, device)?,
            attribute: table(&attributes.mean, device)?,
            std: table(std, device)?,
            attribute_word: table(&attributes.word, device)?.f_unsqueeze(0)?,
            target: table(target, device)?,
            net,
            optimizer,
        })
    }

    /// The network.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Takes a step on a batch and returns its loss.
    ///
    /// # Shapes
    /// `prototype` `[n, s]`; `classes` `[n]`, the base class of each.
    pub fn step(
        &mut self,
        prototype: &Tensor,
        classes: &[i64],
        learning_rate: f64,
    ) -> Result<f64, NetError> {
        let target = self.target.f_index_select(0, &self.positions(classes)?)?;
        let completed = self.complete(prototype, classes)?;
        let loss = completed.f_mse_loss(&target, Reduction::Mean)?;
        self.optimizer.descend(&loss, learning_rate)?;
        Ok(loss.double_value(&[]))
    }

    /// Completes prototypes `[n, s]` of these classes to `[n, s]`.
    fn complete(&self, prototype: &Tensor, classes: &[i64]) -> Result<Tensor, NetError> {
        // One row for each pair of a sample and its attribute, `t` in all.
        let mut sample = Vec::new();
        let mut attribute = Vec::new();
        for (at, &class) in classes.iter().enumerate() {
            let own = &self.attributes[class as usize];
            sample.extend(repeat_n(at as i64, own.len()));
            attribute.extend(own);
        }
        let sample = self.positions(&sample)?;
        let attribute = self.positions(&attribute)?;
        let class_word = self.class_word.f_index_select(0, &self.positions(classes)?)?;
        let of_samples = [("prototype", prototype), ("class_word", &class_word)];
        let pair = self.value(&of_samples, "aggregator.pair")?;
        let weights = self.weights(&pair.f_index_select(0, &sample)?, &attribute)?;
        let weighted = self.encoded(&attribute)?.f_mul(&weights)?;
        let size = [prototype.size()[0], weighted.size()[1]];
        // Adds the weighted attributes of each sample.
        let attributes = weighted.f_new_zeros(size, (Kind::Float, weighted.device()))?;
        // By index and not by padded blocks: classes have very different numbers of attributes.
        let attributes = attributes.f_index_add(0, &sample, &weighted)?;
        let [prototype, class_word] = of_samples;
        let given =
            [prototype, class_word, ("aggregator.pair", &pair), ("attributes", &attributes)];
        self.value(&given, "completed")
    }

    /// The weight of each attribute, `[t, 1]`, from the encoding of its sample, `[t, d]`.
    fn weights(&self, pair: &Tensor, attribute: &Tensor) -> Result<Tensor, NetError> {
        let words = self.value(&[("attribute_word", &self.attribute_word)], "aggregator.term")?;
        // The network gets each pair as a sample with one attribute.
        let word = words.f_squeeze_dim(0)?.f_index_select(0, attribute)?.f_unsqueeze(1)?;
        let mask = pair.f_new_ones([pair.size()[0], 1], (Kind::Float, pair.device()))?;
        let given = [("aggregator.pair", pair), ("aggregator.term", &word), ("mask", &mask)];
        self.value(&given, "weights")
    }

    /// The encoded attribute embeddings, `[t, s / 2]`, each with its own noise as in the published
    /// code.
    fn encoded(&self, attribute: &Tensor) -> Result<Tensor, NetError> {
        let mut values = self.attribute.f_index_select(0, attribute)?;
        if self.noise {
            let std = self.std.f_index_select(0, attribute)?;
            values = values.f_addcmul_(&std, &std.f_randn_like()?)?;
        }
        let encoded = self.value(&[("attribute", &values.f_unsqueeze(0)?)], "encoder.attribute")?;
        Ok(encoded.f_squeeze_dim(0)?)
    }

    fn value(&self, given: &[(&str, &Tensor)], wanted: &str) -> Result<Tensor, NetError> {
        // ProtoComNet has no batch normalization, so this is the network that is evaluated.
        Ok(self.net.values(given, &[wanted], Mode::Train)?.swap_remove(0))
    }

    fn positions(&self, rows: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(rows)?.f_to_device(self.target.device())
    }
}

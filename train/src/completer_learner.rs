//! What `complete` trains: ProtoComNet, by batches of prototypes and the class means that they should have been.

use std::iter::repeat_n;

use few_shot::protocomnet::{Attributes, Described};
use ndarray::Array2;
use tch::{Kind, Reduction, TchError, Tensor};

use crate::config::Completion;
use crate::net::{Mode, Net, NetError, to_tensor};
use crate::optimizer::Optimizer;

/// What a network learns from, besides prototypes.
#[derive(Debug)]
pub struct CompletionData {
    /// The base classes, `K`.
    pub classes: Vec<Described>,
    /// Their attributes, `A`.
    pub attributes: Attributes,
    /// How far images with an attribute lie around its mean, `[A, s]`.
    pub std: Array2<f32>,
    /// Class means, `[K, s]`.
    pub target: Array2<f32>,
}

/// A ProtoComNet with its optimizer and everything that its inputs are made of.
///
/// The network runs in pieces, each on as many rows as it has different ones: what is of a sample once for each sample, what is
/// of an attribute and a sample, as each has noise of its own, once for each such pair, and the words of attributes once for all.
#[derive(Debug)]
pub struct CompleterLearner {
    net: Net,
    optimizer: Optimizer,
    noise: bool,
    /// Of every base class, its rows of `attribute`.
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

impl CompleterLearner {
    /// A learner of a network whose parameters the optimizer moves, towards the loss of `config`. There must be an attribute.
    pub fn new(
        net: Net,
        optimizer: Optimizer,
        material: &CompletionData,
        config: &Completion,
    ) -> Result<Self, NetError> {
        let CompletionData { classes, attributes, std, target } = material;
        let device = net.compute().device;
        let table = |table: &Array2<f32>| to_tensor(&table.clone().into_dyn())?.f_to_device(device);
        let mut class_word = Array2::zeros((0, attributes.word.ncols()));
        for class in classes {
            class_word.push_row(class.word.view()).expect("invariant: words have one size");
        }
        let rows = |class: &Described| class.attributes.iter().map(|&row| row as i64).collect();
        Ok(Self {
            noise: config.noise,
            attributes: classes.iter().map(rows).collect(),
            class_word: table(&class_word)?,
            attribute: table(&attributes.mean)?,
            std: table(std)?,
            attribute_word: table(&attributes.word)?.f_unsqueeze(0)?,
            target: table(target)?,
            net,
            optimizer,
        })
    }

    /// The network.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Moves the parameters by the gradient of a batch's loss, and returns that loss.
    ///
    /// # Shapes
    /// `prototype` `[n, s]`; `classes`: the `n` base classes that they are of.
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

    /// Completes prototypes `[n, s]` of these classes.
    fn complete(&self, prototype: &Tensor, classes: &[i64]) -> Result<Tensor, NetError> {
        // A row for every attribute of every sample, `t` in all.
        let (mut sample, mut attribute) = (Vec::new(), Vec::new());
        for (at, &class) in classes.iter().enumerate() {
            let own = &self.attributes[class as usize];
            sample.extend(repeat_n(at as i64, own.len()));
            attribute.extend(own);
        }
        let (sample, attribute) = (self.positions(&sample)?, self.positions(&attribute)?);
        let class_word = self.class_word.f_index_select(0, &self.positions(classes)?)?;
        let of_samples = [("prototype", prototype), ("class_word", &class_word)];
        let pair = self.value(&of_samples, "aggregator.pair")?;
        let weights = self.weights(&pair.f_index_select(0, &sample)?, &attribute)?;
        let weighted = self.encoded(&attribute)?.f_mul(&weights)?;
        let size = [prototype.size()[0], weighted.size()[1]];
        let attributes = weighted.f_new_zeros(size, (Kind::Float, weighted.device()))?;
        let attributes = attributes.f_index_add(0, &sample, &weighted)?;
        let [prototype, class_word] = of_samples;
        let given =
            [prototype, class_word, ("aggregator.pair", &pair), ("attributes", &attributes)];
        self.value(&given, "completed")
    }

    /// How much each attribute counts, `[t, 1]`, with what is known of its sample, `[t, d]`.
    fn weights(&self, pair: &Tensor, attribute: &Tensor) -> Result<Tensor, NetError> {
        let words = self.value(&[("attribute_word", &self.attribute_word)], "aggregator.term")?;
        // To the network each of them is a sample with one attribute.
        let word = words.f_squeeze_dim(0)?.f_index_select(0, attribute)?.f_unsqueeze(1)?;
        let mask = pair.f_new_ones([pair.size()[0], 1], (Kind::Float, pair.device()))?;
        let given = [("aggregator.pair", pair), ("aggregator.term", &word), ("mask", &mask)];
        self.value(&given, "weights")
    }

    /// What attributes look like, each with noise of its own as in the published code, encoded: `[t, s / 2]`.
    fn encoded(&self, attribute: &Tensor) -> Result<Tensor, NetError> {
        let mut view = self.attribute.f_index_select(0, attribute)?;
        if self.noise {
            let std = self.std.f_index_select(0, attribute)?;
            view = view.f_addcmul_(&std, &std.f_randn_like()?)?;
        }
        let encoded = self.value(&[("attribute", &view.f_unsqueeze(0)?)], "encoder.attribute")?;
        Ok(encoded.f_squeeze_dim(0)?)
    }

    fn value(&self, given: &[(&str, &Tensor)], wanted: &str) -> Result<Tensor, NetError> {
        Ok(self.net.values(given, &[wanted], Mode::Train)?.swap_remove(0))
    }

    fn positions(&self, rows: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(rows)?.f_to_device(self.target.device())
    }
}

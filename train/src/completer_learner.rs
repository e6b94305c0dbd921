//! What `complete` trains: ProtoComNet, by batches of prototypes and the class means that they should have been.

use std::iter::repeat_n;

use models::few_shot::protocomnet::{Attributes, Described};
use ndarray::Array2;
use tch::{Kind, Reduction, TchError, Tensor};

use crate::config::{Completion, CompletionLoss};
use crate::net::{Mode, Net, NetError, to_tensor};
use crate::optimizer::Optimizer;

/// Samples that go through the network together, sorted by their attributes: those with few are not padded as those with
/// many are.
const PART: usize = 64;

/// What a network learns from, besides prototypes.
#[derive(Debug)]
pub struct Material {
    /// The base classes, `K`.
    pub classes: Vec<Described>,
    /// Their attributes, `A`.
    pub attributes: Attributes,
    /// How far pictures with an attribute lie around its mean, `[A, s]`.
    pub std: Array2<f32>,
    /// Class means, `[K, s]`.
    pub target: Array2<f32>,
}

/// A ProtoComNet with its optimizer and everything that its inputs are made of.
///
/// The network runs in pieces, each on as many rows as it has different ones: attributes are encoded once for each sample that
/// has them, as each has noise of its own, their words go through the aggregator's first layer once for all samples, and what
/// is left, which is cheap, runs on padded rows.
#[derive(Debug)]
pub struct CompleterLearner {
    net: Net,
    optimizer: Optimizer,
    noise: bool,
    knowledge_dropout: f64,
    loss: CompletionLoss,
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

/// What samples read of their attributes.
struct Terms {
    /// Encoded, a row for every attribute of every sample, one after the other, and one more that stands in for none.
    encoded: Tensor,
    /// What the aggregator's first layer makes of the attributes' words, `[A, d]`.
    word: Tensor,
}

impl CompleterLearner {
    /// A learner of a network whose parameters the optimizer moves, towards the loss of `config`. There must be an attribute.
    pub fn new(
        net: Net,
        optimizer: Optimizer,
        material: &Material,
        config: &Completion,
    ) -> Result<Self, NetError> {
        let Material { classes, attributes, std, target } = material;
        let device = net.compute().device;
        let table = |table: &Array2<f32>| to_tensor(&table.clone().into_dyn())?.f_to_device(device);
        let mut class_word = Array2::zeros((0, attributes.word.ncols()));
        for class in classes {
            class_word.push_row(class.word.view()).expect("invariant: words have one size");
        }
        let rows = |class: &Described| class.attributes.iter().map(|&row| row as i64).collect();
        let Completion { noise, knowledge_dropout, loss, .. } = *config;
        Ok(Self {
            noise,
            knowledge_dropout,
            loss,
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
        let attributes = |sample: &usize| &self.attributes[classes[*sample] as usize];
        let mut samples: Vec<usize> = (0..classes.len()).collect();
        samples.sort_by_key(|sample| attributes(sample).len());
        let terms = self.terms(samples.iter().flat_map(attributes).copied())?;
        let mut first = 0;
        let mut completed = Vec::new();
        for part in samples.chunks(PART) {
            let rows: Vec<i64> = part.iter().map(|&sample| sample as i64).collect();
            let prototype = prototype.f_index_select(0, &self.positions(&rows)?)?;
            let classes: Vec<i64> = part.iter().map(|&sample| classes[sample]).collect();
            completed.push(self.complete(&prototype, &classes, &terms, first)?);
            first += part.iter().map(|sample| attributes(sample).len()).sum::<usize>();
        }
        let classes: Vec<i64> = samples.iter().map(|&sample| classes[sample]).collect();
        let target = self.target.f_index_select(0, &self.positions(&classes)?)?;
        let completed = Tensor::f_cat(&completed, 0)?;
        let loss = match self.loss {
            CompletionLoss::SquaredError => completed.f_mse_loss(&target, Reduction::Mean)?,
            CompletionLoss::Cosine => {
                let cosine = Tensor::f_cosine_similarity(&completed, &target, 1, 1e-8)?;
                1.0 - cosine.f_mean(Kind::Float)?
            }
        };
        loss.f_backward()?;
        self.optimizer.step(learning_rate)?;
        Ok(loss.double_value(&[]))
    }

    /// Encodes these attributes, each for one sample.
    fn terms(&self, attributes: impl Iterator<Item = i64>) -> Result<Terms, NetError> {
        // Samples without attributes, and padding, read the last row, whose weight is 0.
        let attributes: Vec<i64> = attributes.chain([0]).collect();
        let rows = self.positions(&attributes)?;
        let mut attribute = self.attribute.f_index_select(0, &rows)?;
        if self.noise {
            // Fresh for every sample, as in the published code.
            let std = self.std.f_index_select(0, &rows)?;
            attribute = attribute.f_addcmul(&std, &std.f_randn_like()?)?;
        }
        let one = |given: (&str, &Tensor), wanted: &str| -> Result<Tensor, NetError> {
            Ok(self
                .net
                .values(&[given], &[wanted], Mode::Train)?
                .swap_remove(0)
                .f_squeeze_dim(0)?)
        };
        Ok(Terms {
            encoded: one(("attribute", &attribute.f_unsqueeze(0)?), "encoder.attribute")?,
            word: one(("attribute_word", &self.attribute_word), "aggregator.term")?,
        })
    }

    /// Completes prototypes `[n, s]` of these classes, whose attributes begin at row `first` of `terms.encoded`.
    fn complete(
        &self,
        prototype: &Tensor,
        classes: &[i64],
        terms: &Terms,
        first: usize,
    ) -> Result<Tensor, NetError> {
        let none = terms.encoded.size()[0] - 1;
        let of_classes = || classes.iter().map(|&class| &self.attributes[class as usize]);
        let width = of_classes().map(Vec::len).max().unwrap_or(0).max(1);
        let (mut encoded, mut word, mut mask) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = first as i64;
        for attributes in of_classes() {
            let padding = width - attributes.len();
            encoded.extend((next..).take(attributes.len()).chain(repeat_n(none, padding)));
            word.extend(attributes.iter().copied().chain(repeat_n(0, padding)));
            mask.extend(repeat_n(1_f32, attributes.len()).chain(repeat_n(0.0, padding)));
            next += attributes.len() as i64;
        }
        let shape = [classes.len() as i64, width as i64, -1];
        let padded = |table: &Tensor, rows: &[i64]| -> Result<Tensor, TchError> {
            table.f_index_select(0, &self.positions(rows)?)?.f_view(shape)
        };
        let mut mask = Tensor::f_from_slice(&mask)?
            .f_view([shape[0], shape[1]])?
            .f_to_device(self.target.device())?;
        if self.knowledge_dropout > 0.0 {
            let kept = mask.f_empty_like()?.f_bernoulli_float_(1.0 - self.knowledge_dropout)?;
            mask = mask.f_mul(&kept)?;
        }
        let class_word = self.class_word.f_index_select(0, &self.positions(classes)?)?;
        let given = [
            ("prototype", prototype),
            ("class_word", &class_word),
            ("encoder.attribute", &padded(&terms.encoded, &encoded)?),
            ("aggregator.term", &padded(&terms.word, &word)?),
            ("mask", &mask),
        ];
        Ok(self.net.values(&given, &["completed"], Mode::Train)?.swap_remove(0))
    }

    fn positions(&self, rows: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(rows)?.f_to_device(self.target.device())
    }
}

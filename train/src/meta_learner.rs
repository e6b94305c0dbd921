//! Trains backbone, ProtoComNet and the scale of the logits on episodes.

use few_shot::protocomnet::{Attributes, Described, Gathered};
use models::graph::{Graph, ProtoComNet};
use models::tensors::Tensors;
use ndarray::{Array2, Axis};
use tch::{Kind, Reduction, TchError, Tensor};

use crate::fusion::{cosine, gaussian};
use crate::net::{Compute, Mode, Net, NetError, to_array, to_tensor};
use crate::optimizer::{Sgd, SgdConfig};

/// The name of the scale among the parameters.
const SCALE: &str = "scale";
/// Prefixes of the parameter names of backbone and completer.
const BACKBONE: &str = "backbone.";
const COMPLETER: &str = "completer.";

/// The inputs of ProtoComNet for the classes of an episode, besides the prototypes.
#[derive(Debug)]
pub struct CompleterInputs {
    /// `[n, d]`
    pub class_word: Tensor,
    /// `[n, a, s]`
    pub attribute: Tensor,
    /// `[n, a, d]`
    pub attribute_word: Tensor,
    /// `[n, a]`
    pub mask: Tensor,
}

impl CompleterInputs {
    /// The inputs for these classes.
    pub fn of(classes: &[Described], attributes: &Attributes) -> Result<Self, TchError> {
        let gathered = Gathered::of(classes);
        let n = classes.len() as i64;
        let words: Vec<f32> = classes.iter().flat_map(|class| class.word.iter().copied()).collect();
        Ok(Self {
            class_word: Tensor::f_from_slice(&words)?.f_view([n, -1])?,
            attribute: gather(&attributes.mean, &gathered)?,
            attribute_word: gather(&attributes.word, &gathered)?,
            mask: to_tensor(&gathered.mask.into_dyn())?,
        })
    }

    /// All inputs by name, with prototypes `[n, s]`.
    pub fn inputs<'a>(&'a self, prototype: &'a Tensor) -> [(&'a str, &'a Tensor); 5] {
        [
            ("prototype", prototype),
            ("class_word", &self.class_word),
            ("attribute", &self.attribute),
            ("attribute_word", &self.attribute_word),
            ("mask", &self.mask),
        ]
    }
}

/// The rows of a table `[A, x]` for every attribute of every class, `[n, a, x]`.
fn gather(table: &Array2<f32>, gathered: &Gathered) -> Result<Tensor, TchError> {
    let [n, a] = gathered.index.dim().into();
    let rows: Vec<usize> = gathered.index.iter().map(|&row| row as usize).collect();
    let rows = to_tensor(&table.select(Axis(0), &rows).into_dyn())?;
    rows.f_view([n as i64, a as i64, table.ncols() as i64])
}

/// The logits of the queries of an episode, `[q, n]`: `scale` times the cosine similarity to the
/// fused prototypes, with the queries as unlabeled images.
///
/// # Shapes
/// `support` `[n, k, s]`, `query` `[q, s]`, `scale` `[1]`. `inputs` has either a row for each of
/// the `n` classes, whose means are completed, or a row for each of the `n * k` images, which are
/// completed one by one and then averaged.
pub fn logits(
    completer: &Net,
    scale: &Tensor,
    support: &Tensor,
    query: &Tensor,
    inputs: &CompleterInputs,
) -> Result<Tensor, NetError> {
    let n = support.size()[0];
    let mean = average(support, n)?;
    let prototype = average(support, inputs.mask.size()[0])?;
    let completed = completer.forward(&inputs.inputs(&prototype), Mode::Train)?.swap_remove(0);
    let completed = average(&completed, n)?;
    let device = query.device();
    let fused = gaussian(&mean, &completed.f_to_device(device)?, support, query)?;
    Ok(cosine(query, &fused)?.f_mul(&scale.f_to_device(device)?)?)
}

/// The means of blocks of rows, `[rows, s]`.
fn average(x: &Tensor, rows: i64) -> Result<Tensor, TchError> {
    let size = x.size().last().copied().unwrap_or(0);
    x.f_reshape([rows, -1, size])?.f_mean_dim([1i64].as_slice(), false, Kind::Float)
}

/// The tensors whose names have a prefix, under the rest of their names.
fn without_prefix(tensors: &Tensors, prefix: &str) -> Tensors {
    let named = tensors.iter();
    named.filter_map(|(n, t)| Some((n.strip_prefix(prefix)?.to_owned(), t.clone()))).collect()
}

/// The trained parameters of a network under prefixed names.
fn learned(prefix: &str, net: &Net) -> Vec<(String, Tensor)> {
    net.learned().map(|(n, t)| (format!("{prefix}{n}"), t.shallow_clone())).collect()
}

/// The networks and their optimizer.
#[derive(Debug)]
pub struct MetaLearner {
    backbone: Net,
    completer: Net,
    scale: Tensor,
    optimizer: Sgd,
    /// The gradients added since the last step, in the order of the optimizer; empty after a step.
    gradients: Vec<Tensor>,
}

impl MetaLearner {
    /// A learner of networks with these parameters, named as in [`MetaLearner::parameters`], and
    /// this momentum. A `frozen` backbone is not trained.
    ///
    /// # Errors
    /// Parameters that do not fit the networks; a failure of libtorch.
    pub fn new(
        backbone: Graph,
        completer: &ProtoComNet,
        parameters: &Tensors,
        momentum: &Tensors,
        optimizer: SgdConfig,
        frozen: bool,
        compute: Compute,
    ) -> Result<Self, NetError> {
        let backbone = Net::new(backbone, &without_prefix(parameters, BACKBONE), compute)?;
        // The completer is small and reads fp32 embeddings, so bf16 has no use.
        let completer_compute = Compute { kind: Kind::Float, ..compute };
        let completer =
            Net::new(completer.graph(), &without_prefix(parameters, COMPLETER), completer_compute)?;
        let scale = match parameters.get(SCALE) {
            Some(scale) => to_tensor(scale)?,
            None => Tensor::f_ones([1], (Kind::Float, compute.device))?,
        };
        let scale = scale.f_to_device(compute.device)?.f_set_requires_grad(true)?;
        let mut learned = learned(COMPLETER, &completer);
        learned.push((SCALE.to_owned(), scale.shallow_clone()));
        if !frozen {
            learned.extend(self::learned(BACKBONE, &backbone));
        }
        let optimizer = Sgd::new(
            optimizer,
            learned.iter().map(|(name, tensor)| (name.as_str(), tensor)),
            momentum,
        )?;
        Ok(Self { backbone, completer, scale, optimizer, gradients: Vec::new() })
    }

    /// The initial parameters of a learner of these networks.
    pub fn begin(backbone: &Tensors, completer: &Tensors, scale: f32) -> Tensors {
        let mut parameters = Tensors::new();
        for (prefix, tensors) in [(BACKBONE, backbone), (COMPLETER, completer)] {
            parameters.extend(tensors.iter().map(|(n, t)| (format!("{prefix}{n}"), t.clone())));
        }
        parameters.insert(SCALE.to_owned(), ndarray::arr1(&[scale]).into_dyn());
        parameters
    }

    /// The backbone.
    pub fn backbone(&self) -> &Net {
        &self.backbone
    }

    /// The completer.
    pub fn completer(&self) -> &Net {
        &self.completer
    }

    /// The factor of the cosine similarities.
    pub fn scale(&self) -> f64 {
        self.scale.double_value(&[0])
    }

    /// Adds the gradient of `share` times the loss of an episode. Returns the loss and the
    /// accuracy.
    ///
    /// # Shapes
    /// `support` `[n, k, s]`; `query` `[n * q, s]`, by class.
    pub fn learn(
        &mut self,
        support: &Tensor,
        query: &Tensor,
        inputs: &CompleterInputs,
        share: f64,
    ) -> Result<(f64, f64), NetError> {
        let logits = logits(&self.completer, &self.scale, support, query, inputs)?;
        let n_way = support.size()[0];
        let n_queries = query.size()[0];
        // Queries are ordered by class and their numbers are equal.
        let labels: Vec<i64> = (0..n_queries).map(|i| i * n_way / n_queries).collect();
        let labels = Tensor::f_from_slice(&labels)?.f_to_device(query.device())?;
        // No label smoothing, and no class is ignored: -100 is no label.
        let loss =
            logits.f_cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)?;
        self.add_gradients(&loss.f_multiply_scalar(share)?)?;
        let right = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?;
        let right = right.int64_value(&[]) as f64 / n_queries as f64;
        Ok((loss.double_value(&[]), right))
    }

    fn add_gradients(&mut self, loss: &Tensor) -> Result<(), TchError> {
        // Taken episode by episode, so that memory holds the graph of one episode only.
        let gradients = self.optimizer.gradients(loss)?;
        if self.gradients.is_empty() {
            self.gradients = gradients;
            return Ok(());
        }
        for (sum, gradient) in self.gradients.iter_mut().zip(gradients) {
            // libtorch gives an undefined gradient to a parameter that the loss does not use.
            match (sum.defined(), gradient.defined()) {
                (true, true) => *sum = sum.f_add(&gradient)?,
                (false, true) => *sum = gradient,
                (_, false) => {}
            }
        }
        Ok(())
    }

    /// Takes a step along the added gradients and clears them.
    pub fn step(&mut self, learning_rate: f64) -> Result<(), NetError> {
        let gradients = std::mem::take(&mut self.gradients);
        Ok(self.optimizer.step(&gradients, learning_rate)?)
    }

    /// All parameters: `backbone.*`, `completer.*` and `scale`.
    pub fn parameters(&self) -> Result<Tensors, NetError> {
        let mut parameters =
            Self::begin(&self.backbone.tensors()?, &self.completer.tensors()?, 0.0);
        parameters.insert(SCALE.to_owned(), to_array(&self.scale)?);
        Ok(parameters)
    }

    /// The optimizer's momentum.
    pub fn momentum(&self) -> Result<Tensors, NetError> {
        Ok(self.optimizer.momentum()?)
    }
}

//! The network of pre-training: a backbone with a linear head for the base classes and, optionally,
//! a rotation head and a semantic head.

use anyhow::{Context, Result, ensure};
use models::checkpoint::Progress;
use models::graph::Role;
use models::tensors::Tensors;
use ndarray::{Array2, ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use tch::{Kind, Reduction, Tensor};

use crate::config::{Config, Rotation};
use crate::loader::Batch;
use crate::net::{Compute, Mode, Net, images_to_tensor, to_array, to_tensor};
use crate::optimizer::Sgd;

/// Number of rotations by 90 degrees that the rotation head distinguishes.
const ROTATIONS: i64 = 4;

/// Factor of the cosine similarities in the semantic head.
// Cosines lie in -1 to 1: without a factor, a softmax over many classes stays nearly uniform.
const SEMANTIC_SCALE: f64 = 10.0;

/// The loss ignores targets with this index; no target has it.
const NO_IGNORED_CLASS: i64 = -100;

/// A backbone, its heads and their optimizer.
#[derive(Debug)]
pub struct Pretrainer {
    net: Net,
    heads: BTreeMap<String, Tensor>,
    rotation: Rotation,
    label_smoothing: f64,
    semantic: f64,
    /// Semantic features of the class names, `[K, K]`, of unit length.
    names: Option<Tensor>,
    optimizer: Sgd,
    /// The mean of the parameters over the averaged steps; empty before the first.
    average: BTreeMap<String, Tensor>,
    /// Sums since they were last taken. They stay on the device, so that a step does not wait for
    /// it.
    loss_sum: Tensor,
    correct: Tensor,
}

impl Pretrainer {
    /// A network with these parameters of backbone and heads, and this momentum.
    ///
    /// # Errors
    /// Missing parameters, parameters that do not fit the graph, a failure of libtorch.
    pub fn new(
        config: &Config,
        parameters: &Tensors,
        momentum: &Tensors,
        compute: Compute,
    ) -> Result<Self> {
        // `Net` takes exactly the parameters of its graph, and the heads are not in it.
        let mut backbone = parameters.clone();
        for (name, _) in head_shapes(config, 1) {
            backbone.remove(&name);
        }
        let net = Net::new(config.backbone.graph(), &backbone, compute)?;
        let mut heads = BTreeMap::new();
        for (name, _) in head_shapes(config, 1) {
            let Some(tensor) = parameters.get(&name) else {
                anyhow::bail!("the checkpoint has no `{name}`")
            };
            let tensor =
                to_tensor(tensor)?.f_to_device(compute.device)?.f_set_requires_grad(true)?;
            heads.insert(name, tensor);
        }
        let optimizer = Sgd::new(config.optimizer, learned(&net, &heads), momentum)?;
        Ok(Self {
            optimizer,
            heads,
            rotation: config.loss.rotation,
            label_smoothing: config.loss.label_smoothing,
            semantic: config.loss.semantic,
            names: None,
            average: BTreeMap::new(),
            loss_sum: Tensor::f_zeros([], (Kind::Double, compute.device))?,
            correct: Tensor::f_zeros([], (Kind::Int64, compute.device))?,
            net,
        })
    }

    /// Adds semantic features of the class names, `[K, K]`, of unit length, for the semantic head.
    pub fn with_names(self, names: &Array2<f32>) -> Result<Self> {
        let names = to_tensor(&names.clone().into_dyn())?.f_to_device(self.net.compute().device)?;
        Ok(Self { names: Some(names), ..self })
    }

    /// Continues a weight average.
    pub fn with_average(self, average: &Tensors) -> Result<Self> {
        let device = self.net.compute().device;
        let average = average.iter().map(|(name, tensor)| -> Result<_> {
            Ok((name.clone(), to_tensor(tensor)?.f_to_device(device)?))
        });
        Ok(Self { average: average.collect::<Result<_>>()?, ..self })
    }

    /// The backbone.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Takes a step on a batch.
    pub fn step(&mut self, batch: &Batch, learning_rate: f64) -> Result<()> {
        let device = self.net.compute().device;
        let image = images_to_tensor(&batch.image, batch.size)?;
        let label = Tensor::f_from_slice(&batch.label)?.f_to_device(device)?;
        let (loss, correct) = self.loss(&image.f_to_device(device)?, &label)?;
        self.optimizer.descend(&loss, learning_rate)?;
        tch::no_grad(|| -> Result<()> {
            // In double precision, because an epoch adds thousands of losses.
            let _ = self.loss_sum.f_add_(&loss.f_detach()?.f_to_kind(Kind::Double)?)?;
            let _ = self.correct.f_add_(&correct)?;
            Ok(())
        })
    }

    /// Adds the present parameters to their mean over `earlier` steps.
    pub fn average(&mut self, earlier: u64) -> Result<()> {
        // Only what is learned is averaged: the running statistics of batch normalization do not
        // fit averaged weights and are measured anew.
        let share = 1.0 / (earlier + 1) as f64;
        let Self { net, heads, average, .. } = self;
        tch::no_grad(|| -> Result<()> {
            for (name, tensor) in learned(net, heads) {
                if let Some(mean) = average.get_mut(name) {
                    let _ = mean.f_lerp_(tensor, share)?;
                } else {
                    // A copy: the optimizer changes the parameter in place.
                    let mut first = tensor.f_zeros_like()?;
                    first.f_copy_(tensor)?;
                    average.insert(name.to_owned(), first);
                }
            }
            Ok(())
        })
    }

    /// The loss of a batch and the number of correctly classified images.
    ///
    /// # Shapes
    /// `image` `[n, 3, h, w]`, `label` `[n]`.
    pub fn loss(&self, image: &Tensor, label: &Tensor) -> Result<(Tensor, Tensor)> {
        if self.rotation == Rotation::Off {
            let (loss, logits) = self.class_loss(&self.embedding(image)?, label)?;
            return Ok((loss, right(&logits, label)?));
        }
        let n = label.size()[0];
        let Turned { image, label, turn } = turned(self.rotation, image, label)?;
        let embedding = self.embedding(&image)?;
        let (class_loss, logits) = self.class_loss(&embedding, &label)?;
        let (turn_loss, _) = self.head_loss("rotation_head", &embedding, &turn)?;
        // Accuracy counts the first `n` images; if all rotations are used, these are the upright
        // ones.
        let logits = logits.f_narrow(0, 0, n)?;
        // Half of each loss, as in the paper.
        Ok(((class_loss + turn_loss) * 0.5, right(&logits, &label.f_narrow(0, 0, n)?)?))
    }

    fn embedding(&self, image: &Tensor) -> Result<Tensor> {
        Ok(self.net.forward(&[("image", image)], Mode::Train)?.swap_remove(0))
    }

    /// The loss of the class head and the semantic head, and the logits of the class head.
    fn class_loss(&self, embedding: &Tensor, label: &Tensor) -> Result<(Tensor, Tensor)> {
        let (loss, logits) = self.head_loss("head", embedding, label)?;
        if self.semantic == 0.0 {
            return Ok((loss, logits));
        }
        let names = self.names.as_ref().context("the semantic head has no names")?;
        let pointed = self.head("semantic_head", embedding)?;
        // The length is clamped below, because a zero vector has no direction.
        let length = pointed.f_norm_scalaropt_dim(2.0, [-1i64].as_slice(), true)?;
        let cosines = (pointed / length.f_clamp_min(1e-12)?).f_matmul(&names.f_transpose(0, 1)?)?;
        let semantic_loss = self.cross_entropy(&(cosines * SEMANTIC_SCALE), label)?;
        Ok((loss + semantic_loss * self.semantic, logits))
    }

    fn head_loss(
        &self,
        head: &str,
        embedding: &Tensor,
        label: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let logits = self.head(head, embedding)?;
        Ok((self.cross_entropy(&logits, label)?, logits))
    }

    fn head(&self, head: &str, embedding: &Tensor) -> Result<Tensor> {
        let weight = &self.heads[&format!("{head}.weight")];
        let bias = &self.heads[&format!("{head}.bias")];
        Ok(embedding.f_linear(weight, Some(bias))?)
    }

    fn cross_entropy(&self, logits: &Tensor, label: &Tensor) -> Result<Tensor> {
        Ok(logits.f_cross_entropy_loss(
            label,
            None::<&Tensor>,
            Reduction::Mean,
            NO_IGNORED_CLASS,
            self.label_smoothing,
        )?)
    }

    /// Loss sum and number of correct images of the epoch, including those of `progress`. Resets
    /// the sums.
    pub fn take_sums(&mut self, progress: &Progress) -> Result<(f64, u64)> {
        // Reading the sums waits for the device, so it is not done at each step.
        let sums = (
            progress.loss_sum + self.loss_sum.double_value(&[]),
            progress.correct + self.correct.int64_value(&[]) as u64,
        );
        let _ = self.loss_sum.f_zero_()?;
        let _ = self.correct.f_zero_()?;
        ensure!(
            sums.0.is_finite(),
            "the loss is not finite: lower the learning rate (schedule.peak)"
        );
        Ok(sums)
    }

    /// All parameters of backbone and heads.
    pub fn parameters(&self) -> Result<Tensors> {
        let mut parameters = self.net.tensors()?;
        for (name, tensor) in &self.heads {
            parameters.insert(name.clone(), to_array(tensor)?);
        }
        Ok(parameters)
    }

    /// A copy of the backbone with averaged parameters, and the averaged heads. Without an average,
    /// the parameters of the last step.
    pub fn averaged(&self) -> Result<(Net, Tensors)> {
        let mut parameters = self.parameters()?;
        parameters.extend(self.averages()?);
        let heads = parameters.extract_if(.., |name, _| self.heads.contains_key(name)).collect();
        Ok((Net::new(self.net.graph().clone(), &parameters, self.net.compute())?, heads))
    }

    /// The mean of the parameters over the averaged steps; empty before the first.
    pub fn averages(&self) -> Result<Tensors> {
        self.average.iter().map(|(name, mean)| Ok((name.clone(), to_array(mean)?))).collect()
    }

    /// The gradient of a loss for every trained parameter that it depends on.
    pub fn gradients(&self, loss: &Tensor) -> Result<Tensors> {
        let gradients = self.optimizer.gradients(loss)?;
        learned(&self.net, &self.heads)
            .zip(&gradients)
            .filter(|(_, gradient)| gradient.defined())
            .map(|((name, _), gradient)| Ok((name.to_owned(), to_array(gradient)?)))
            .collect()
    }

    /// The optimizer's momentum.
    pub fn momentum(&self) -> Result<Tensors> {
        Ok(self.optimizer.momentum()?)
    }
}

/// The trained parameters of backbone and heads.
fn learned<'a>(
    net: &'a Net,
    heads: &'a BTreeMap<String, Tensor>,
) -> impl Iterator<Item = (&'a str, &'a Tensor)> {
    net.learned().chain(heads.iter().map(|(name, tensor)| (name.as_str(), tensor)))
}

/// Rotated images with their classes and numbers of quarter turns.
struct Turned {
    image: Tensor,
    label: Tensor,
    turn: Tensor,
}

/// Rotates a batch for the rotation head. The upright images are first.
fn turned(rotation: Rotation, image: &Tensor, label: &Tensor) -> Result<Turned> {
    let n = label.size()[0];
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let mut turn = Vec::new();
    for turns in 0..ROTATIONS {
        let (first, end) = rotated_range(rotation, turns, n);
        images.push(image.f_narrow(0, first, end - first)?.f_rot90(turns, [2, 3])?);
        labels.push(label.f_narrow(0, first, end - first)?);
        turn.extend(std::iter::repeat_n(turns, (end - first) as usize));
    }
    Ok(Turned {
        image: Tensor::f_cat(&images, 0)?,
        label: Tensor::f_cat(&labels, 0)?,
        turn: Tensor::f_from_slice(&turn)?.f_to_device(label.device())?,
    })
}

/// The range of a batch of `n` images that gets this number of quarter turns. The order of a batch
/// is random, so ranges are as good as random choices.
fn rotated_range(rotation: Rotation, turns: i64, n: i64) -> (i64, i64) {
    match rotation {
        Rotation::Half if turns == 0 => (0, n / 2),
        Rotation::Half => (n / 2 + (turns - 1) * (n - n / 2) / 3, n / 2 + turns * (n - n / 2) / 3),
        Rotation::All | Rotation::Off => (0, n),
    }
}

/// The number of correct predictions.
fn right(logits: &Tensor, label: &Tensor) -> Result<Tensor> {
    Ok(logits.f_argmax(-1, false)?.f_eq_tensor(label)?.f_sum(Kind::Int64)?)
}

/// Names and shapes of the parameters of all heads.
fn head_shapes(config: &Config, classes: usize) -> Vec<(String, Vec<usize>)> {
    let embedding = config.backbone.embedding_size();
    let mut heads = vec![("head", classes)];
    if config.loss.rotation != Rotation::Off {
        heads.push(("rotation_head", ROTATIONS as usize));
    }
    if config.loss.semantic > 0.0 {
        heads.push(("semantic_head", classes));
    }
    let mut shapes = Vec::new();
    for (name, outputs) in heads {
        shapes.push((format!("{name}.weight"), vec![outputs, embedding]));
        shapes.push((format!("{name}.bias"), vec![outputs]));
    }
    shapes
}

/// Random parameters: Kaiming-normal (fan-out) convolutions, neutral normalizations, uniform heads,
/// as in the published code. They depend only on the settings.
pub fn initial_parameters(config: &Config, classes: usize) -> Result<Tensors> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut parameters = Tensors::new();
    // In the order of the graph, which fixes the random numbers that each parameter gets.
    for parameter in config.backbone.graph().parameters()? {
        let tensor = match (parameter.role, parameter.shape.as_slice()) {
            (Role::Weight, &[outputs, _, kernel, _]) => {
                let std = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
                ArrayD::from_shape_simple_fn(IxDyn(&parameter.shape), || {
                    (normal(&mut rng) * std) as f32
                })
            }
            (Role::Weight | Role::RunningVar, shape) => ArrayD::ones(IxDyn(shape)),
            (_, shape) => ArrayD::zeros(IxDyn(shape)),
        };
        parameters.insert(parameter.name, tensor);
    }
    let bound = 1.0 / (config.backbone.embedding_size() as f64).sqrt();
    for (name, shape) in head_shapes(config, classes) {
        let tensor = ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
            ((2.0 * unit(&mut rng) - 1.0) * bound) as f32
        });
        parameters.insert(name, tensor);
    }
    Ok(parameters)
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // 1 minus the number is never 0, so the logarithm is finite.
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * unit(rng)).cos()
}

/// A uniform number in [0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

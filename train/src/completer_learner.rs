//! What `complete` trains: ProtoComNet, by batches of prototypes and the class means that they should have been.

use models::few_shot::protocomnet::{Attributes, Described, Gathered};
use ndarray::Array2;
use tch::{Reduction, Tensor};

use crate::meta_learner::{Terms, gather};
use crate::net::{Mode, Net, NetError, to_tensor};
use crate::optimizer::Optimizer;

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
#[derive(Debug)]
pub struct CompleterLearner {
    net: Net,
    optimizer: Optimizer,
    noise: bool,
    /// Of every base class.
    terms: Terms,
    /// Of every attribute of every base class, `[K, a, s]`.
    std: Tensor,
    /// `[K, s]`
    target: Tensor,
}

impl CompleterLearner {
    /// A learner of a network whose parameters the optimizer moves. With `noise`, attributes are sampled around their
    /// means.
    pub fn new(
        net: Net,
        optimizer: Optimizer,
        material: &Material,
        noise: bool,
    ) -> Result<Self, NetError> {
        let Material { classes, attributes, std, target } = material;
        let device = net.compute().device;
        let std = gather(std, &Gathered::of(classes))?.f_to_device(device)?;
        let terms = Terms::of(classes, attributes)?.map(|t| t.f_to_device(device))?;
        let target = to_tensor(&target.clone().into_dyn())?.f_to_device(device)?;
        Ok(Self { net, optimizer, noise, terms, std, target })
    }

    /// The network.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Moves the parameters by the gradient of a batch's loss, and returns that loss: the mean squared error.
    ///
    /// # Shapes
    /// `prototype` `[n, s]`; `classes`: the `n` base classes that they are of.
    pub fn step(
        &mut self,
        prototype: &Tensor,
        classes: &[i64],
        learning_rate: f64,
    ) -> Result<f64, NetError> {
        let classes = Tensor::f_from_slice(classes)?.f_to_device(self.target.device())?;
        let of_batch = |table: &Tensor| table.f_index_select(0, &classes);
        let mut terms = self.terms.map(of_batch)?;
        if self.noise {
            // Fresh for every sample, as in the published code.
            let std = of_batch(&self.std)?;
            terms.attribute = terms.attribute.f_add(&std.f_mul(&std.f_randn_like()?)?)?;
        }
        let outputs = self.net.forward(&terms.inputs(prototype), Mode::Train)?;
        let loss = outputs[0].f_mse_loss(&of_batch(&self.target)?, Reduction::Mean)?;
        loss.f_backward()?;
        self.optimizer.step(learning_rate)?;
        Ok(loss.double_value(&[]))
    }
}

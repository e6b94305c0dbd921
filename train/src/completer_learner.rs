//! What `complete` trains: ProtoComNet, by batches of prototypes and the class means that they should have been.

use models::few_shot::protocomnet::{Attributes, Described, Gathered};
use ndarray::Array2;
use tch::{Reduction, TchError, Tensor};

use crate::meta_learner::{Terms, gather};
use crate::net::{Mode, Net, NetError, to_tensor};
use crate::optimizer::Optimizer;

/// Samples that go through the network together, sorted by their attributes: those with few are not padded as those with
/// many are.
const PART: usize = 32;

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
    /// How many attributes every base class has, and at least 1.
    widths: Vec<i64>,
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
        let widths = classes.iter().map(|class| class.attributes.len().max(1) as i64).collect();
        Ok(Self { net, optimizer, noise, terms, widths, std, target })
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
        let width = |sample: &usize| self.widths[classes[*sample] as usize];
        let mut samples: Vec<usize> = (0..classes.len()).collect();
        samples.sort_by_key(width);
        let of_class = |sample: &usize| classes[*sample];
        let mut completed = Vec::new();
        for part in samples.chunks(PART) {
            let width = part.iter().map(width).max().unwrap_or(1);
            let rows: Vec<i64> = part.iter().map(|&sample| sample as i64).collect();
            let prototype = prototype.f_index_select(0, &self.positions(&rows)?)?;
            let classes: Vec<i64> = part.iter().map(of_class).collect();
            completed.push(self.complete(&prototype, &classes, width)?);
        }
        let classes: Vec<i64> = samples.iter().map(of_class).collect();
        let target = self.target.f_index_select(0, &self.positions(&classes)?)?;
        let loss = Tensor::f_cat(&completed, 0)?.f_mse_loss(&target, Reduction::Mean)?;
        loss.f_backward()?;
        self.optimizer.step(learning_rate)?;
        Ok(loss.double_value(&[]))
    }

    /// Completes prototypes `[n, s]` of these classes, none of which has more than `width` attributes.
    fn complete(
        &self,
        prototype: &Tensor,
        classes: &[i64],
        width: i64,
    ) -> Result<Tensor, NetError> {
        let classes = self.positions(classes)?;
        let of_classes = |table: &Tensor| table.f_index_select(0, &classes);
        let mut terms = self.terms.narrow(width)?.map(of_classes)?;
        if self.noise {
            // Fresh for every sample, as in the published code.
            let std = of_classes(&self.std.f_narrow(1, 0, width)?)?;
            terms.attribute = terms.attribute.f_add(&std.f_mul(&std.f_randn_like()?)?)?;
        }
        Ok(self.net.forward(&terms.inputs(prototype), Mode::Train)?.swap_remove(0))
    }

    fn positions(&self, rows: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(rows)?.f_to_device(self.target.device())
    }
}

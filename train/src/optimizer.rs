//! Optimizers and learning rate schedules.
//!
//! SGD is implemented here because libtorch does not expose its momentum, which a bitwise equal
//! resume needs.

use std::collections::BTreeMap;

use models::tensors::Tensors;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use crate::net::{to_array, to_tensor};

/// Settings of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Momentum factor.
    pub momentum: f64,
    /// L2 penalty: this factor times the parameter is added to its gradient.
    pub weight_decay: f64,
}

/// SGD with Nesterov momentum and weight decay, equal to that of PyTorch.
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    parameters: Vec<(String, Tensor)>,
    momentum: BTreeMap<String, Tensor>,
}

impl Sgd {
    /// An optimizer of named parameters. A parameter without saved momentum starts with zero.
    pub fn new<'a>(
        config: SgdConfig,
        parameters: impl Iterator<Item = (&'a str, &'a Tensor)>,
        momentum: &Tensors,
    ) -> Result<Self, TchError> {
        let mut optimizer = Self { config, parameters: Vec::new(), momentum: BTreeMap::new() };
        for (name, parameter) in parameters {
            // Zero gives the first step of PyTorch, where the momentum begins as the gradient.
            let mut buffer = parameter.detach().f_zeros_like()?;
            if let Some(saved) = momentum.get(name) {
                let saved = to_tensor(saved)?;
                if saved.size() != buffer.size() {
                    let shapes = format!("{:?}, expected {:?}", saved.size(), buffer.size());
                    return Err(TchError::Shape(format!("the momentum of {name} is {shapes}")));
                }
                tch::no_grad(|| buffer.f_copy_(&saved))?;
            }
            optimizer.momentum.insert(name.to_owned(), buffer);
            optimizer.parameters.push((name.to_owned(), parameter.shallow_clone()));
        }
        Ok(optimizer)
    }

    /// Takes a step that reduces a loss.
    pub fn descend(&mut self, loss: &Tensor, learning_rate: f64) -> Result<(), TchError> {
        let gradients = self.gradients(loss)?;
        self.step(&gradients, learning_rate)
    }

    /// The gradients of a loss, one per parameter; undefined if the loss does not depend on it.
    pub fn gradients(&self, loss: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let parameters: Vec<&Tensor> = self.parameters.iter().map(|(_, tensor)| tensor).collect();
        gradients(loss, &parameters)
    }

    /// Takes a step along gradients in the order of [`Sgd::gradients`].
    pub fn step(&mut self, gradients: &[Tensor], learning_rate: f64) -> Result<(), TchError> {
        let SgdConfig { momentum, weight_decay } = self.config;
        let device = self.parameters.first().map_or(Device::Cpu, |(_, first)| first.device());
        // As tensors, because `addcmul` then needs one pass over memory instead of two.
        let decay = scalar(weight_decay, device)?;
        let momentum = scalar(momentum, device)?;
        let rate = scalar(-learning_rate, device)?;
        tch::no_grad(|| {
            for ((name, parameter), gradient) in self.parameters.iter_mut().zip(gradients) {
                // A parameter without a gradient keeps its value and its momentum.
                let Some(buffer) = self.momentum.get_mut(name).filter(|_| gradient.defined())
                else {
                    continue;
                };
                let mut gradient = gradient.f_addcmul(parameter, &decay)?;
                // Nesterov: the step is the gradient plus the decayed new momentum.
                let old = buffer.shallow_clone();
                let _ = gradient.f_addcmul_out(buffer, &old, &momentum)?;
                let _ = gradient.f_addcmul_(buffer, &momentum)?;
                let _ = parameter.f_addcmul_(&gradient, &rate)?;
            }
            Ok(())
        })
    }

    /// The momentum, by parameter name.
    pub fn momentum(&self) -> Result<Tensors, TchError> {
        self.momentum.iter().map(|(name, tensor)| Ok((name.clone(), to_array(tensor)?))).collect()
    }
}

fn scalar(value: f64, device: Device) -> Result<Tensor, TchError> {
    Tensor::f_full([], value, (Kind::Float, device))
}

/// Decay of AdamW's running means of gradients and of their squares, as in PyTorch.
const BETAS: (f64, f64) = (0.9, 0.999);
/// Keeps the division of AdamW finite.
const ADAM_EPS: f64 = 1e-8;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), equal to that of PyTorch. It has
/// no saved state: its trainings are too short to be resumed.
#[derive(Debug)]
pub struct AdamW {
    weight_decay: f64,
    steps: i32,
    /// Parameter, mean of its gradients, mean of their squares.
    parameters: Vec<[Tensor; 3]>,
}

impl AdamW {
    /// An optimizer of these parameters.
    pub fn new<'a>(
        weight_decay: f64,
        parameters: impl Iterator<Item = (&'a str, &'a Tensor)>,
    ) -> Result<Self, TchError> {
        let parameters = parameters.map(|(_, tensor)| {
            let zeros = tensor.detach().f_zeros_like()?;
            Ok([tensor.shallow_clone(), zeros.f_zeros_like()?, zeros])
        });
        let parameters = parameters.collect::<Result<_, TchError>>()?;
        Ok(Self { weight_decay, steps: 0, parameters })
    }

    /// Takes a step that reduces a loss.
    pub fn descend(&mut self, loss: &Tensor, learning_rate: f64) -> Result<(), TchError> {
        let parameters: Vec<&Tensor> = self.parameters.iter().map(|[tensor, ..]| tensor).collect();
        let gradients = gradients(loss, &parameters)?;
        self.steps += 1;
        let (one, two) = BETAS;
        // The means start at zero; these factors correct their bias.
        let [one_left, two_left] = [one, two].map(|beta| 1.0 - beta.powi(self.steps));
        tch::no_grad(|| {
            let moved = self.parameters.iter_mut().zip(gradients);
            for ([parameter, mean, square], gradient) in moved.filter(|(_, g)| g.defined()) {
                // Decoupled: the decay moves the parameter and does not enter the means of the
                // gradients.
                let _ = parameter.f_multiply_scalar_(1.0 - learning_rate * self.weight_decay)?;
                let _ = mean.f_lerp_(&gradient, 1.0 - one)?;
                let _ = square.f_lerp_(&gradient.f_square()?, 1.0 - two)?;
                // The epsilon comes after the correction of the bias, as in PyTorch.
                let scale = square.f_divide_scalar(two_left)?.f_sqrt()?.f_add_scalar(ADAM_EPS)?;
                let move_by = mean.f_div(&scale)?;
                let rate = learning_rate / one_left;
                let _ = parameter.f_add_(&move_by.f_multiply_scalar(-rate)?)?;
            }
            Ok(())
        })
    }
}

/// Gradients without accumulation in the parameters, which would cost another pass per step.
fn gradients(loss: &Tensor, parameters: &[&Tensor]) -> Result<Vec<Tensor>, TchError> {
    Tensor::f_run_backward(&[loss], parameters, false, false)
}

/// One of the two optimizers.
#[derive(Debug)]
pub enum Optimizer {
    /// SGD with Nesterov momentum.
    Sgd(Sgd),
    /// AdamW.
    AdamW(AdamW),
}

impl Optimizer {
    /// Takes a step that reduces a loss.
    pub fn descend(&mut self, loss: &Tensor, learning_rate: f64) -> Result<(), TchError> {
        match self {
            Self::Sgd(sgd) => sgd.descend(loss, learning_rate),
            Self::AdamW(adam) => adam.descend(loss, learning_rate),
        }
    }
}

/// Learning rate over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// `peak`, multiplied by `factor` at each milestone (the paper's schedule).
    Steps {
        /// Initial learning rate.
        peak: f64,
        /// Epochs, counted from 0, at whose start the rate falls.
        milestones: Vec<u64>,
        /// Factor at each milestone.
        factor: f64,
    },
    /// A cosine from `peak / 25` up to `peak` during `warmup`, then a cosine down to zero.
    OneCycle {
        /// Highest learning rate.
        peak: f64,
        /// Share of the training in which the rate rises.
        warmup: f64,
    },
    /// A cosine from `peak` to zero.
    Cosine {
        /// Initial learning rate.
        peak: f64,
    },
}

/// Initial rate of a one-cycle schedule as a share of its peak.
const ONE_CYCLE_START: f64 = 1.0 / 25.0;

impl Schedule {
    /// The learning rate of step `step` of `steps_per_epoch * epochs`.
    pub fn rate(&self, step: u64, steps_per_epoch: u64, epochs: u64) -> f64 {
        // By step and not by epoch: short trainings have few epochs.
        let share = step as f64 / (steps_per_epoch * epochs).max(1) as f64;
        match self {
            Self::Steps { peak, milestones, factor } => {
                let epoch = step / steps_per_epoch.max(1);
                peak * factor.powi(milestones.iter().filter(|&&m| epoch >= m).count() as i32)
            }
            Self::OneCycle { peak, warmup } if share < *warmup => {
                peak + (ONE_CYCLE_START * peak - peak) * half_cosine(share / warmup)
            }
            Self::OneCycle { peak, warmup } => {
                peak * half_cosine((share - warmup) / (1.0 - warmup))
            }
            Self::Cosine { peak } => peak * half_cosine(share),
        }
    }
}

/// From 1 at 0 to 0 at 1.
fn half_cosine(share: f64) -> f64 {
    0.5 * (1.0 + (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_schedule_falls_at_milestones() {
        let schedule = Schedule::Steps { peak: 0.1, milestones: vec![60, 80, 90], factor: 0.1 };
        let rate = |epoch: u64| schedule.rate(epoch * 10, 10, 100);
        assert_eq!(rate(59), 0.1);
        assert!((rate(60) - 0.01).abs() < 1e-12 && (rate(99) - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn one_cycle_and_cosine_end_at_zero() {
        let schedule = Schedule::OneCycle { peak: 0.15, warmup: 0.25 };
        assert!((schedule.rate(0, 100, 4) - 0.15 / 25.0).abs() < 1e-12);
        assert!((schedule.rate(100, 100, 4) - 0.15).abs() < 1e-12);
        assert!(schedule.rate(399, 100, 4) < 1e-5);
        assert!(Schedule::Cosine { peak: 1.0 }.rate(399, 100, 4) < 1e-4);
    }
}

//! Interprets a [`Graph`] on libtorch, with a match arm for each operation.

use std::collections::{BTreeMap, BTreeSet};

use models::graph::{Graph, GraphError, Node, Op, Padding, Quantization};
use models::tensors::Tensors;
use ndarray::{ArrayD, IxDyn};
use tch::{Device, Kind, TchError, Tensor};

/// The share of a new batch in a batch normalization's running statistics, as in PyTorch.
const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Device and precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// `Float`, or `BFloat16` for activations and products. Parameters and statistics stay in fp32.
    pub kind: Kind,
}

impl Compute {
    /// The value of `--precision`.
    pub fn precision(self) -> &'static str {
        match self.kind {
            Kind::BFloat16 => "bf16",
            _ => "fp32",
        }
    }
}

/// The mode of batch normalization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Uses the statistics of the batch and updates the running ones.
    Train,
    /// Uses the statistics of the batch and sets the running ones to the mean over all batches so
    /// far.
    Measure {
        /// Number of earlier batches.
        earlier: u32,
    },
    /// Uses the running statistics.
    Eval,
}

impl Mode {
    /// Whether the statistics of the batch are used, and their share in the running ones.
    fn statistics(self) -> (bool, f64) {
        match self {
            Self::Train => (true, BATCH_NORM_MOMENTUM),
            Self::Measure { earlier } => (true, 1.0 / (f64::from(earlier) + 1.0)),
            Self::Eval => (false, 0.0),
        }
    }
}

/// Why a network cannot be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The graph is broken, or the tensors are not its parameters.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Tch(#[from] TchError),
    /// A value that the network does not have.
    #[error("the network `{graph}` has no value `{name}`")]
    Value {
        /// The network.
        graph: String,
        /// The value's name.
        name: String,
    },
}

/// A network with its parameters on a device.
#[derive(Debug)]
pub struct Net {
    graph: Graph,
    parameters: BTreeMap<String, Tensor>,
    learned: Vec<String>,
    /// For each node, the values that no later node reads.
    finished: Vec<Vec<String>>,
    compute: Compute,
}

impl Net {
    /// Moves the parameters of the graph to a device.
    ///
    /// # Errors
    /// Tensors that are not exactly the parameters of the graph; a failure of libtorch.
    pub fn new(graph: Graph, tensors: &Tensors, compute: Compute) -> Result<Self, NetError> {
        graph.check_parameters(tensors)?;
        let mut parameters = BTreeMap::new();
        let mut learned = Vec::new();
        for parameter in graph.parameters()? {
            let tensor = to_tensor(&tensors[&parameter.name])?.f_to_device(compute.device)?;
            // Weights in this layout too: otherwise every convolution would convert them.
            let tensor = channels_last(&tensor)?;
            let is_learned = parameter.role.is_learned();
            parameters.insert(parameter.name.clone(), tensor.f_set_requires_grad(is_learned)?);
            if is_learned {
                learned.push(parameter.name);
            }
        }
        let finished = finished_values(&graph);
        Ok(Self { graph, parameters, learned, finished, compute })
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Device and precision.
    pub fn compute(&self) -> Compute {
        self.compute
    }

    /// The trained parameters by name.
    pub fn learned(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.learned.iter().map(|name| (name.as_str(), &self.parameters[name]))
    }

    /// All parameters as arrays.
    pub fn tensors(&self) -> Result<Tensors, NetError> {
        self.parameters.iter().map(|(name, tensor)| Ok((name.clone(), to_array(tensor)?))).collect()
    }

    /// Runs the network. The outputs are fp32, in the order of the graph.
    ///
    /// # Shapes
    /// Each input is `[n, …]` with the shape in the graph. Images `[n, 3, h, w]` may have either
    /// memory layout.
    pub fn forward(&self, inputs: &[(&str, &Tensor)], mode: Mode) -> Result<Vec<Tensor>, NetError> {
        let outputs: Vec<&str> = self.graph.outputs.iter().map(String::as_str).collect();
        self.values(inputs, &outputs, mode)
    }

    /// Computes the `wanted` values from the `given` ones, in fp32. Both are names of inputs or
    /// nodes, and only the nodes between them run. A network can thus run in pieces, so that no row
    /// is computed twice.
    pub fn values(
        &self,
        given: &[(&str, &Tensor)],
        wanted: &[&str],
        mode: Mode,
    ) -> Result<Vec<Tensor>, NetError> {
        let needed = self.needed(given, wanted);
        let mut values: BTreeMap<&str, Tensor> = BTreeMap::new();
        for (name, tensor) in given {
            // Inputs are converted once; the nodes then compute in one precision.
            let tensor = tensor.f_to_device(self.compute.device)?.f_to_kind(self.compute.kind)?;
            values.insert(name, channels_last(&tensor)?);
        }
        let nodes = self.graph.nodes.iter().zip(&self.finished);
        for (node, finished) in nodes.filter(|(node, _)| needed.contains(node.name.as_str())) {
            let read = node
                .inputs
                .iter()
                .map(|name| self.value(&values, name))
                .collect::<Result<Vec<_>, _>>()?;
            let written = self.apply(node, &read, mode)?;
            values.insert(&node.name, written);
            // Freed early, so that memory does not grow with the depth of the network.
            for name in finished.iter().filter(|name| !wanted.contains(&name.as_str())) {
                values.remove(name.as_str());
            }
        }
        wanted.iter().map(|name| Ok(self.value(&values, name)?.f_to_kind(Kind::Float)?)).collect()
    }

    /// The nodes that must run for the wanted values.
    fn needed(&self, given: &[(&str, &Tensor)], wanted: &[&str]) -> BTreeSet<&str> {
        let given: BTreeSet<&str> = given.iter().map(|(name, _)| *name).collect();
        let mut read: BTreeSet<&str> = wanted.iter().copied().collect();
        let mut needed = BTreeSet::new();
        for node in self.graph.nodes.iter().rev() {
            if read.contains(node.name.as_str()) && !given.contains(node.name.as_str()) {
                needed.insert(node.name.as_str());
                read.extend(node.inputs.iter().map(String::as_str));
            }
        }
        needed
    }

    fn value<'a>(
        &self,
        values: &'a BTreeMap<&str, Tensor>,
        name: &str,
    ) -> Result<&'a Tensor, NetError> {
        values.get(name).ok_or_else(|| NetError::Value {
            graph: self.graph.name.clone(),
            name: name.to_owned(),
        })
    }

    fn apply(&self, node: &Node, read: &[&Tensor], mode: Mode) -> Result<Tensor, NetError> {
        let x = read[0];
        Ok(match node.op {
            Op::Conv2d { stride, padding, groups, bias, .. } => {
                let (weight, bias) = self.weight_and_bias(node, bias)?;
                let (x, even) = padded(x, padding)?;
                let strides = [stride as i64; 2];
                x.f_conv2d(&weight, bias.as_ref(), strides, [even; 2], [1, 1], groups as i64)?
            }
            Op::BatchNorm { eps } => self.normalized(node, x, eps, mode)?,
            Op::LeakyRelu { slope: 0.0 } => x.f_relu()?,
            // The leaky_relu of tch has no slope argument. Its backward function, applied to x
            // itself, equals LeakyReLU in value and gradient, and is the fastest form on a CPU.
            Op::LeakyRelu { slope } => {
                x.detach().f_leaky_relu_backward(x, f64::from(slope), false)?
            }
            Op::Relu6 => x.f_relu6()?,
            Op::MaxPool2d { kernel, stride } => {
                x.f_max_pool2d([kernel as i64; 2], [stride as i64; 2], [0, 0], [1, 1], false)?
            }
            // In fp32 also when activations are bf16, whose 8 bits are too few for the mean of many
            // values.
            Op::GlobalAveragePool => x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?,
            Op::Linear { bias, .. } => {
                let (weight, bias) = self.weight_and_bias(node, bias)?;
                x.f_linear(&weight, bias.as_ref())?
            }
            // Axis 0 is the batch.
            Op::Unsqueeze { axis } => x.f_unsqueeze(axis as i64 + 1)?,
            Op::Sum { axis } => {
                x.f_sum_dim_intlist([axis as i64 + 1].as_slice(), false, self.compute.kind)?
            }
            Op::Add => x.f_add(read[1])?,
            Op::Mul => x.f_mul(read[1])?,
            Op::Concat => Tensor::f_cat(read, 1)?,
            Op::FakeQuantize(quantization) => {
                let Quantization { scale, zero_point, .. } = quantization;
                let (least, greatest) = quantization.limits();
                let [zero, least, greatest] = [zero_point, least, greatest].map(i64::from);
                x.f_fake_quantize_per_tensor_affine(f64::from(scale), zero, least, greatest)?
            }
        })
    }

    /// Weight and bias in the precision of the computation.
    ///
    /// The cast is part of the differentiated computation, so fp32 parameters get fp32 gradients.
    fn weight_and_bias(
        &self,
        node: &Node,
        has_bias: bool,
    ) -> Result<(Tensor, Option<Tensor>), TchError> {
        let weight = self.parameter(node, "weight").f_to_kind(self.compute.kind)?;
        if !has_bias {
            return Ok((weight, None));
        }
        let bias = self.parameter(node, "bias").f_to_kind(self.compute.kind)?;
        Ok((weight, Some(bias)))
    }

    fn parameter(&self, node: &Node, suffix: &str) -> &Tensor {
        &self.parameters[&node.parameter(suffix)]
    }

    /// Batch normalization with the statistics that `mode` selects.
    fn normalized(
        &self,
        node: &Node,
        x: &Tensor,
        eps: f32,
        mode: Mode,
    ) -> Result<Tensor, TchError> {
        let (of_batch, share) = mode.statistics();
        x.f_batch_norm(
            Some(self.parameter(node, "weight")),
            Some(self.parameter(node, "bias")),
            Some(self.parameter(node, "running_mean")),
            Some(self.parameter(node, "running_var")),
            of_batch,
            share,
            f64::from(eps),
            true,
        )
    }
}

/// An image with uneven padding applied, and the even padding that is left for the convolution:
/// convolutions of libtorch pad both sides equally.
fn padded(x: &Tensor, Padding { before, after }: Padding) -> Result<(Tensor, i64), TchError> {
    if before == after {
        return Ok((x.shallow_clone(), before as i64));
    }
    let [before, after] = [before, after].map(|zeros| zeros as i64);
    // Left, right, above, below.
    Ok((x.f_constant_pad_nd([before, after, before, after])?, 0))
}

/// For each node, the values that it is the last to read. They are dropped after it.
fn finished_values(graph: &Graph) -> Vec<Vec<String>> {
    let mut last_reader = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            last_reader.insert(input.clone(), index);
        }
    }
    let mut finished = vec![Vec::new(); graph.nodes.len()];
    for (name, index) in last_reader {
        if !graph.outputs.contains(&name) {
            finished[index].push(name);
        }
    }
    finished
}

/// A 4-D tensor in channels-last layout (NHWC in memory, NCHW in its shape), which is about a third
/// faster on a CPU. Other tensors are unchanged. `tch` has no memory formats, so permutations make
/// the layout.
fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    if tensor.dim() != 4 {
        return Ok(tensor.shallow_clone());
    }
    tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

/// An array as a tensor on the CPU.
pub fn to_tensor(array: &ArrayD<f32>) -> Result<Tensor, TchError> {
    let shape: Vec<i64> = array.shape().iter().map(|&d| d as i64).collect();
    Tensor::f_from_slice(array.as_standard_layout().as_slice().unwrap_or_default())?
        .f_view(shape.as_slice())
}

/// Images `[n, size, size, 3]` as a tensor `[n, 3, size, size]`. Only the strides change.
pub fn images_to_tensor(image: &[f32], size: usize) -> Result<Tensor, TchError> {
    let size = size as i64;
    Tensor::f_from_slice(image)?.f_view([-1, size, size, 3])?.f_permute([0, 3, 1, 2])
}

/// A tensor as an array.
pub fn to_array(tensor: &Tensor) -> Result<ArrayD<f32>, TchError> {
    let shape: Vec<usize> = tensor.size().iter().map(|&d| d as usize).collect();
    let flat = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?
        .f_view([-1])?;
    let values = Vec::<f32>::try_from(&flat)?;
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| TchError::Shape(e.to_string()))
}

//! A network as data.
//!
//! A network is described once, as a [`Graph`]: training interprets it on libtorch, export writes
//! it as ONNX, [`crate::reference`] runs it on plain arrays. Shapes leave out the leading batch
//! dimension `n` that every tensor has: an image `[n, 3, h, w]` is `[3, h, w]` here.

mod architecture;
pub mod efficientnet_lite;
pub mod ensemble;
pub mod protocomnet;
pub mod resnet12;

use std::collections::BTreeMap;

use ndarray::ArrayD;

use crate::fault::{Blame, Fault};
use crate::tensors::Tensors;
pub use architecture::Architecture;
pub use efficientnet_lite::EfficientNetLite0;
pub use ensemble::Ensemble;
pub use protocomnet::{ProtoComNet, SelfWeight};
pub use resnet12::Resnet12;

/// The dimensions of a tensor after the batch dimension.
pub type Shape = Vec<usize>;

/// A network: inputs, nodes in the order in which they run, and the names of its output values.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The architecture's name.
    pub name: String,
    /// What goes in.
    pub inputs: Vec<Input>,
    /// The operations; a node reads only inputs and nodes before it.
    pub nodes: Vec<Node>,
    /// Which values come out.
    pub outputs: Vec<String>,
}

/// A named input of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The value's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Shape,
}

/// One operation. Its single output value bears the node's name, and so do its parameters
/// (`layer1.conv1` has `layer1.conv1.weight`) unless they are another node's.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The node's name, unique among nodes and inputs.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The values that it reads.
    pub inputs: Vec<String>,
    /// The node whose parameters it uses; none: its own.
    pub tied_to: Option<String>,
}

impl Node {
    /// A node that reads the named values.
    pub fn new(name: &str, op: Op, inputs: &[&str]) -> Self {
        let inputs = inputs.iter().map(|&i| i.to_owned()).collect();
        Self { name: name.to_owned(), op, inputs, tied_to: None }
    }

    /// The same with the parameters of another node of the same operation.
    #[must_use]
    pub fn tied_to(self, other: &str) -> Self {
        Self { tied_to: Some(other.to_owned()), ..self }
    }

    /// The full name of one of its parameters, by its last part (`weight`).
    pub fn parameter(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.tied_to.as_ref().unwrap_or(&self.name))
    }
}

/// What a node computes, with the meaning that the ONNX operator of the same purpose has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Square convolution `[c, h, w]` to `[out_channels, h', w']`, padded with zeros.
    Conv2d {
        /// Output channels.
        out_channels: usize,
        /// Height and width of the kernel.
        kernel: usize,
        /// Step in both directions.
        stride: usize,
        /// Zeros added on the sides.
        padding: Padding,
        /// Input and output channels are cut into this number of equal groups, each seeing its own part
        /// only; 1: all see all, as many as channels: depthwise.
        groups: usize,
        /// Whether a bias is added to each channel.
        bias: bool,
    },
    /// Batch normalization per channel of `[c, h, w]`.
    BatchNorm {
        /// Added to the variance.
        eps: f32,
    },
    /// `x` where positive, `slope * x` elsewhere; any shape.
    LeakyRelu {
        /// The factor of negative values.
        slope: f32,
    },
    /// `x` limited to 0..=6; any shape.
    Relu6,
    /// Square max-pooling of `[c, h, w]` without padding; incomplete windows are dropped.
    MaxPool2d {
        /// Height and width of the window.
        kernel: usize,
        /// Step in both directions.
        stride: usize,
    },
    /// The spatial mean: `[c, h, w]` to `[c]`.
    GlobalAveragePool,
    /// A linear layer on the last dimension: `[.., in]` to `[.., outputs]`.
    Linear {
        /// What the last dimension becomes.
        outputs: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// A new dimension of size 1.
    Unsqueeze {
        /// Its place, counted without the batch.
        axis: usize,
    },
    /// The sum over one dimension, which is dropped.
    Sum {
        /// Its place, counted without the batch.
        axis: usize,
    },
    /// The sum of two values of as many dimensions; where one has size 1 it is repeated.
    Add,
    /// The product of two values, likewise.
    Mul,
    /// Vectors `[a]`, `[b]`, … one after another: `[a + b + …]`.
    Concat,
    /// What 8 bits keep of a value: rounded to one of 256 steps and back; any shape.
    FakeQuantize(Quantization),
}

/// The 256 numbers that an 8-bit value stands for: `scale * (q - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantization {
    /// From one number to the next.
    pub scale: f32,
    /// Which `q` stands for 0.
    pub zero_point: i32,
    /// Whether `q` is in -128..=127 rather than 0..=255.
    pub signed: bool,
}

impl Quantization {
    /// The least and the greatest `q`.
    pub const fn limits(self) -> (i32, i32) {
        if self.signed { (-128, 127) } else { (0, 255) }
    }

    /// The number of the 256 that is nearest to `x`; of two that are as near, the one with the even
    /// `q - zero_point`.
    pub fn round(self, x: f64) -> f64 {
        let Self { scale, zero_point, .. } = self;
        let (scale, zero) = (f64::from(scale), f64::from(zero_point));
        let (least, greatest) = self.limits();
        let q = (x / scale).round_ties_even() + zero;
        (q.clamp(f64::from(least), f64::from(greatest)) - zero) * scale
    }
}

/// Zeros around an image, in both directions alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Rows above and columns to the left.
    pub before: usize,
    /// Rows below and columns to the right.
    pub after: usize,
}

impl Padding {
    /// None.
    pub const NONE: Self = Self::even(0);

    /// The same on all sides.
    pub const fn even(zeros: usize) -> Self {
        Self { before: zeros, after: zeros }
    }

    /// What TensorFlow calls `SAME`: just so much that an image of `size` gives `size / stride`,
    /// rounded up; what cannot be halved goes below and to the right. The stride is not 0.
    pub const fn same(size: usize, kernel: usize, stride: usize) -> Self {
        let last = (size.div_ceil(stride).saturating_sub(1)) * stride;
        let total = (last + kernel).saturating_sub(size);
        Self { before: total / 2, after: total - total / 2 }
    }

    /// Zeros in one direction.
    pub const fn total(self) -> usize {
        self.before + self.after
    }
}

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned, multiplies.
    Weight,
    /// Learned, is added.
    Bias,
    /// A batch normalization's running mean: updated by the forward pass, not by gradients.
    RunningMean,
    /// A batch normalization's running variance, likewise.
    RunningVar,
}

impl Role {
    /// Whether gradients change it.
    pub fn is_learned(self) -> bool {
        matches!(self, Self::Weight | Self::Bias)
    }
}

/// A tensor that a network needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// `<node>.<role>`.
    pub name: String,
    /// All dimensions (parameters have no batch dimension).
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
}

/// Why a graph, or tensors for it, cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum GraphError {
    /// A name is used twice, or read before it exists.
    #[error("graph `{graph}`: {problem} `{name}`")]
    Name {
        /// The graph.
        graph: String,
        /// What is wrong with the name.
        problem: &'static str,
        /// The name.
        name: String,
    },
    /// An operation got a value that it cannot take.
    #[error("node `{node}` cannot take a value of shape {got:?}: expected {expected}")]
    Shape {
        /// The node.
        node: String,
        /// What it takes.
        expected: String,
        /// What it got.
        got: Vec<Shape>,
    },
    /// Tensors do not fit the graph; every difference is a line.
    #[error("the tensors do not fit the network `{graph}`:\n  {}", differences.join("\n  "))]
    Parameters {
        /// The graph.
        graph: String,
        /// Missing, unexpected and misshapen tensors.
        differences: Vec<String>,
    },
}

impl Fault for GraphError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Graph {
    /// Calls `f` for each node in order with the shapes of what it reads and writes.
    pub fn visit(&self, mut f: impl FnMut(&Node, &[&Shape], &Shape)) -> Result<(), GraphError> {
        let mut shapes: BTreeMap<&str, Shape> = BTreeMap::new();
        for input in &self.inputs {
            self.define(&mut shapes, &input.name, input.shape.clone())?;
        }
        for node in &self.nodes {
            let read = node
                .inputs
                .iter()
                .map(|name| shapes.get(name.as_str()).ok_or_else(|| self.unknown(name)));
            let read: Vec<&Shape> = read.collect::<Result<_, _>>()?;
            let written = node.op.output_shape(&node.name, &read)?;
            f(node, &read, &written);
            self.define(&mut shapes, &node.name, written)?;
        }
        self.outputs
            .iter()
            .find(|o| !shapes.contains_key(o.as_str()))
            .map_or(Ok(()), |o| Err(self.unknown(o)))
    }

    fn define<'a>(
        &'a self,
        shapes: &mut BTreeMap<&'a str, Shape>,
        name: &'a str,
        shape: Shape,
    ) -> Result<(), GraphError> {
        match shapes.insert(name, shape) {
            None => Ok(()),
            Some(_) => Err(self.name_error("two values are named", name)),
        }
    }

    fn unknown(&self, name: &str) -> GraphError {
        self.name_error("nothing before its use is named", name)
    }

    fn name_error(&self, problem: &'static str, name: &str) -> GraphError {
        GraphError::Name { graph: self.name.clone(), problem, name: name.to_owned() }
    }

    /// The shape of every value, by name.
    pub fn shapes(&self) -> Result<BTreeMap<String, Shape>, GraphError> {
        let mut shapes: BTreeMap<_, _> =
            self.inputs.iter().map(|i| (i.name.clone(), i.shape.clone())).collect();
        self.visit(|node, _, written| {
            shapes.insert(node.name.clone(), written.clone());
        })?;
        Ok(shapes)
    }

    /// Every tensor that the network needs, in the order of its nodes.
    pub fn parameters(&self) -> Result<Vec<Parameter>, GraphError> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut unfit = None;
        self.visit(|node, read, _| {
            for parameter in node.parameters(read) {
                match parameters.iter().find(|known| known.name == parameter.name) {
                    None => parameters.push(parameter),
                    Some(known) if *known == parameter => {}
                    Some(_) => unfit = Some(node.name.clone()),
                }
            }
        })?;
        match unfit {
            None => Ok(parameters),
            Some(node) => Err(self.name_error("parameters of another shape are tied to", &node)),
        }
    }

    /// Floating-point operations for one image: a multiplication and an addition count as two.
    pub fn flops(&self) -> Result<u64, GraphError> {
        let mut flops = 0;
        self.visit(|node, read, written| flops += node.op.flops(read, written))?;
        Ok(flops)
    }

    /// Checks that `tensors` are exactly the network's parameters; the error lists every
    /// difference.
    pub fn check_parameters(&self, tensors: &Tensors) -> Result<(), GraphError> {
        let expected = self.parameters()?.into_iter().map(|p| (p.name, p.shape)).collect();
        let differences = differences(tensors, expected);
        if differences.is_empty() {
            return Ok(());
        }
        Err(GraphError::Parameters { graph: self.name.clone(), differences })
    }
}

/// How tensors differ from what is expected, in words: unexpected, misshapen and missing ones.
pub(crate) fn differences<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a ArrayD<f32>)>,
    mut expected: BTreeMap<String, Shape>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, tensor) in tensors {
        let got = tensor.shape();
        match expected.remove(name) {
            None => differences.push(format!("unexpected: {name} {got:?}")),
            Some(shape) if shape != got => {
                differences.push(format!("wrong shape: {name} is {got:?}, expected {shape:?}"));
            }
            Some(_) => {}
        }
    }
    differences.extend(expected.iter().map(|(name, shape)| format!("missing: {name} {shape:?}")));
    differences
}

impl Node {
    /// The tensors that the node needs when it reads values of these shapes.
    fn parameters(&self, read: &[&Shape]) -> Vec<Parameter> {
        let parameter = |suffix: &str, shape: Shape, role| Parameter {
            name: self.parameter(suffix),
            shape,
            role,
        };
        match self.op {
            Op::Linear { outputs, bias } => {
                let inputs = read[0].last().copied().unwrap_or(0);
                let weight = parameter("weight", vec![outputs, inputs], Role::Weight);
                let bias = bias.then(|| parameter("bias", vec![outputs], Role::Bias));
                std::iter::once(weight).chain(bias).collect()
            }
            Op::Conv2d { out_channels, kernel, groups, bias, .. } => {
                let shape = vec![out_channels, read[0][0] / groups, kernel, kernel];
                let weight = parameter("weight", shape, Role::Weight);
                let bias = bias.then(|| parameter("bias", vec![out_channels], Role::Bias));
                std::iter::once(weight).chain(bias).collect()
            }
            Op::BatchNorm { .. } => {
                let channels = || vec![read[0][0]];
                vec![
                    parameter("weight", channels(), Role::Weight),
                    parameter("bias", channels(), Role::Bias),
                    parameter("running_mean", channels(), Role::RunningMean),
                    parameter("running_var", channels(), Role::RunningVar),
                ]
            }
            Op::LeakyRelu { .. }
            | Op::Relu6
            | Op::MaxPool2d { .. }
            | Op::GlobalAveragePool
            | Op::Unsqueeze { .. }
            | Op::Sum { .. }
            | Op::Add
            | Op::Mul
            | Op::Concat
            | Op::FakeQuantize(_) => Vec::new(),
        }
    }
}

impl Op {
    /// Shape inference.
    fn output_shape(&self, node: &str, read: &[&Shape]) -> Result<Shape, GraphError> {
        let refuse = |expected: &str| {
            let got = read.iter().map(|&s| s.clone()).collect();
            GraphError::Shape { node: node.to_owned(), expected: expected.to_owned(), got }
        };
        match (self, read) {
            (Self::Conv2d { out_channels, kernel, stride, padding, groups, .. }, [s]) => {
                match s.as_slice() {
                    [c, _, _] if !(divides(*groups, *c) && divides(*groups, *out_channels)) => {
                        Err(refuse("channels, before and after, that the groups divide"))
                    }
                    [_, h, w] => windows(h + padding.total(), *kernel, *stride)
                        .zip(windows(w + padding.total(), *kernel, *stride))
                        .map(|(h, w)| vec![*out_channels, h, w])
                        .ok_or_else(|| {
                            refuse("an image at least as large as the kernel, and a stride above 0")
                        }),
                    _ => Err(refuse("[channels, height, width]")),
                }
            }
            (Self::MaxPool2d { kernel, stride }, [s]) => match s.as_slice() {
                [c, h, w] => windows(*h, *kernel, *stride)
                    .zip(windows(*w, *kernel, *stride))
                    .map(|(h, w)| vec![*c, h, w])
                    .ok_or_else(|| {
                        refuse("an image at least as large as the window, and a stride above 0")
                    }),
                _ => Err(refuse("[channels, height, width]")),
            },
            (Self::BatchNorm { .. }, [s]) if s.len() == 3 => Ok((*s).clone()),
            (Self::GlobalAveragePool, [s]) if s.len() == 3 => Ok(vec![s[0]]),
            (Self::BatchNorm { .. } | Self::GlobalAveragePool, [_]) => {
                Err(refuse("[channels, height, width]"))
            }
            (Self::LeakyRelu { .. } | Self::Relu6 | Self::FakeQuantize(_), [s]) => Ok((*s).clone()),
            (Self::Linear { outputs, .. }, [s]) => match s.split_last() {
                Some((_, rest)) => Ok([rest, &[*outputs]].concat()),
                None => Err(refuse("at least one dimension")),
            },
            (Self::Unsqueeze { axis }, [s]) if *axis <= s.len() => {
                let mut shape = (*s).clone();
                shape.insert(*axis, 1);
                Ok(shape)
            }
            (Self::Sum { axis }, [s]) if *axis < s.len() => {
                let mut shape = (*s).clone();
                shape.remove(*axis);
                Ok(shape)
            }
            (Self::Unsqueeze { .. } | Self::Sum { .. }, [_]) => Err(refuse("more dimensions")),
            (Self::Add | Self::Mul, [a, b]) => broadcast(a, b)
                .ok_or_else(|| refuse("two values of the same shape, but for sizes of 1")),
            (Self::Add | Self::Mul, _) => Err(refuse("two values")),
            (Self::Concat, _) => {
                concatenated(read).ok_or_else(|| refuse("vectors that are not too long together"))
            }
            _ => Err(refuse("one value")),
        }
    }

    fn flops(&self, read: &[&Shape], written: &Shape) -> u64 {
        let count = |shape: &Shape| shape.iter().product::<usize>() as u64;
        match self {
            Self::Conv2d { kernel, groups, bias, .. } => {
                let seen = read[0][0] / groups * kernel * kernel;
                count(written) * (2 * seen as u64 + u64::from(*bias))
            }
            Self::BatchNorm { .. } => 2 * count(written),
            Self::Linear { bias, .. } => {
                count(written) * (2 * read[0].last().map_or(0, |&n| n as u64) + u64::from(*bias))
            }
            Self::LeakyRelu { .. } | Self::Relu6 | Self::Add | Self::Mul => count(written),
            // An integer network has no such step: its values are 8 bits wide anyway.
            Self::Unsqueeze { .. } | Self::Concat | Self::FakeQuantize(_) => 0,
            Self::MaxPool2d { kernel, .. } => count(written) * (kernel * kernel) as u64,
            Self::GlobalAveragePool | Self::Sum { .. } => count(read[0]),
        }
    }
}

/// The shape of a sum or product in which sizes of 1 are repeated; `None` when the two do not fit.
fn broadcast(a: &Shape, b: &Shape) -> Option<Shape> {
    let size = |(&a, &b): (&usize, &usize)| match (a, b) {
        _ if a == b || b == 1 => Some(a),
        _ if a == 1 => Some(b),
        _ => None,
    };
    if a.len() == b.len() { a.iter().zip(b).map(size).collect() } else { None }
}

/// The shape of vectors one after another; `None` for anything else.
fn concatenated(read: &[&Shape]) -> Option<Shape> {
    let add = |sum: usize, shape: &&Shape| match shape.as_slice() {
        [length] => sum.checked_add(*length),
        _ => None,
    };
    if read.is_empty() { None } else { read.iter().try_fold(0, add).map(|sum| vec![sum]) }
}

/// Whether a size can be cut into this number of equal parts, none of them empty.
fn divides(parts: usize, size: usize) -> bool {
    parts > 0 && size >= parts && size.is_multiple_of(parts)
}

/// How many windows fit; `None` when not even one does.
fn windows(size: usize, kernel: usize, stride: usize) -> Option<usize> {
    (stride > 0 && kernel > 0 && size >= kernel).then(|| (size - kernel) / stride + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn paper() -> Graph {
        Resnet12 { widths: [64, 128, 256, 512], input_size: 84 }.graph()
    }

    #[test]
    fn resnet12_has_the_known_sizes() {
        let shapes = paper().shapes().unwrap();
        assert_eq!(shapes["layer1.pool"], [64, 42, 42]);
        assert_eq!(shapes["layer4.pool"], [512, 5, 5]);
        assert_eq!(shapes["embedding"], [512]);
        let learned = paper().parameters().unwrap().into_iter().filter(|p| p.role.is_learned());
        // Convolutions 7,989,120 (counted by hand from the widths) plus scale and shift of 16
        // normalizations.
        assert_eq!(
            learned.map(|p| p.shape.iter().product::<usize>()).sum::<usize>(),
            7_989_120 + 2 * 4 * 960
        );
    }

    fn one(op: Op) -> Graph {
        Graph {
            name: "one".to_owned(),
            inputs: vec![Input { name: "x".to_owned(), shape: vec![3, 8, 8] }],
            nodes: vec![Node::new("c", op, &["x"])],
            outputs: vec!["c".to_owned()],
        }
    }

    fn conv(kernel: usize, stride: usize, padding: Padding, groups: usize) -> Op {
        Op::Conv2d { out_channels: 6, kernel, stride, padding, groups, bias: false }
    }

    #[test]
    fn flops_count_two_per_multiplication() {
        assert_eq!(one(conv(3, 1, Padding::even(1), 1)).flops().unwrap(), 2 * 3 * 9 * 6 * 64);
    }

    #[test]
    fn a_group_sees_its_own_channels_only() {
        let graph = one(conv(3, 1, Padding::even(1), 3));
        assert_eq!(graph.parameters().unwrap()[0].shape, [6, 1, 3, 3]);
        assert_eq!(graph.flops().unwrap(), 2 * 9 * 6 * 64);
        for groups in [0, 2, 6] {
            let error = one(conv(3, 1, Padding::NONE, groups)).shapes().unwrap_err();
            assert!(error.to_string().contains("that the groups divide"), "{error}");
        }
    }

    #[test]
    fn only_vectors_stand_one_after_another() {
        let shape = |read: &[&Shape]| Op::Concat.output_shape("c", read).map_err(|e| e.to_string());
        let (vector, map, endless) = (vec![3], vec![3, 8, 8], vec![usize::MAX]);
        assert_eq!(shape(&[&vector, &vector]), Ok(vec![6]));
        assert!(shape(&[&vector, &map]).unwrap_err().contains("expected vectors that"));
        assert!(shape(&[]).unwrap_err().contains("expected vectors that"));
        assert!(shape(&[&endless, &vector]).unwrap_err().contains("expected vectors that"));
    }

    #[test]
    fn same_padding_is_that_of_tensorflow() {
        // The places of zeros as TensorFlow's documentation of `SAME` computes them.
        for (size, kernel, stride, before, after) in [
            (224, 3, 2, 0, 1),
            (56, 5, 2, 1, 2),
            (7, 3, 2, 1, 1),
            (9, 5, 2, 2, 2),
            (14, 5, 1, 2, 2),
            (8, 1, 2, 0, 0),
            (1, 3, 2, 1, 1),
        ] {
            let padding = Padding::same(size, kernel, stride);
            assert_eq!(padding, Padding { before, after }, "{size} {kernel} {stride}");
        }
        let shapes = one(conv(3, 2, Padding::same(8, 3, 2), 1)).shapes().unwrap();
        assert_eq!(shapes["c"], [6, 4, 4]);
    }

    #[test]
    fn broken_graphs_are_refused_by_name() {
        let mut graph = paper();
        graph.nodes[1].inputs[0] = "nowhere".to_owned();
        assert!(graph.shapes().unwrap_err().to_string().contains("`nowhere`"));
        let mut graph = paper();
        graph.nodes[1].name = "image".to_owned();
        assert!(graph.shapes().unwrap_err().to_string().contains("two values are named `image`"));
        let small = Resnet12 { widths: [4, 4, 4, 4], input_size: 8 }.graph();
        assert!(matches!(small.shapes(), Err(GraphError::Shape { .. })));
    }

    #[test]
    fn every_difference_of_tensors_is_listed() {
        let graph = Resnet12 { widths: [2, 2, 2, 2], input_size: 16 }.graph();
        let mut tensors: Tensors = graph
            .parameters()
            .unwrap()
            .into_iter()
            .map(|p| (p.name, ArrayD::zeros(p.shape)))
            .collect();
        graph.check_parameters(&tensors).unwrap();
        tensors.remove("layer1.bn1.bias");
        tensors.insert("layer2.conv1.weight".to_owned(), ArrayD::zeros(vec![1]));
        tensors.insert("fc.weight".to_owned(), ArrayD::zeros(vec![1]));
        let error = graph.check_parameters(&tensors).unwrap_err().to_string();
        for part in [
            "missing: layer1.bn1.bias [2]",
            "wrong shape: layer2.conv1.weight",
            "unexpected: fc.weight",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

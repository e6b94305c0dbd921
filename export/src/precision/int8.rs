//! Quantizes a network: a graph that computes in fp32 what an engine computes in int8.
//!
//! Every value between operations is rounded to 256 steps ([`Op::FakeQuantize`]), every kernel to
//! 8 bits with a scale per output channel. In ONNX these become `QuantizeLinear`,
//! `DequantizeLinear` and integers, from which engines derive integer arithmetic. The embedding
//! itself stays fp32. (Jacob et al., "Quantization and Training of Neural Networks for Efficient
//! Integer-Arithmetic-Only Inference", CVPR 2018.)

use std::collections::BTreeMap;

use models::graph::{Graph, Node, Op, Quantization};
use models::tensors::Tensors;
use ndarray::{ArrayD, ArrayViewMutD, Axis};

/// The integers of the values between operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// 0..=255 with a zero point, and 32-bit integer biases: the fastest choice for ONNX Runtime on
    /// x86. Kernels have 7 bits, because processors without VNNI add pairs of products in 16 bits.
    Unsigned,
    /// -128..=127, every zero point 0, and fp32 biases: the form that TensorRT accepts.
    Signed,
}

impl Activations {
    /// The largest absolute value of a kernel's integers.
    const fn kernel_steps(self) -> f32 {
        match self {
            Self::Unsigned => 63.0,
            Self::Signed => 127.0,
        }
    }
}

/// The largest absolute value of a bias's integers: below 32 bits, so that sums have room, and an
/// f32 represents each exactly. If a channel's kernel is close to zero, its scale grows until the
/// bias fits.
const BIAS_STEPS: f32 = (1 << 23) as f32;

/// The smallest and the greatest value of each tensor, by name.
pub type Ranges = BTreeMap<String, [f32; 2]>;

/// The scales of integer tensors, one per output channel, by name.
pub type Scales = BTreeMap<String, Vec<f32>>;

/// A quantized network.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    /// The network, with rounding between operations.
    pub graph: Graph,
    /// Its tensors; those with scales are multiples of them.
    pub tensors: Tensors,
    /// The scales of integer tensors: kernels in 8 bits, biases in 32.
    pub scales: Scales,
}

/// Why a network cannot be quantized.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum QuantizeError {
    /// A value was not measured.
    #[error("the range of `{0}` was not measured: calibrate with at least one image")]
    Unseen(String),
    /// A value, or a weight, is not finite.
    #[error(
        "`{0}` has values that are not finite, expected finite numbers: the checkpoint is damaged or its training diverged"
    )]
    NotFinite(String),
}

/// The names of the values that are rounded: their ranges must be measured.
#[must_use]
pub fn points(graph: &Graph) -> Vec<String> {
    let inputs = graph.inputs.iter().map(|input| input.name.clone());
    let computed = graph
        .nodes
        .iter()
        // A pool's values are some of those before it, in the same range.
        .filter(|node| is_rounded(graph, node) && !matches!(node.op, Op::MaxPool2d { .. }))
        .map(|node| node.name.clone());
    inputs.chain(computed).collect()
}

/// Whether a node's value is rounded to 8 bits. The network's outputs never are: a gallery compares
/// embeddings of all precisions.
fn is_rounded(graph: &Graph, node: &Node) -> bool {
    if graph.outputs.contains(&node.name) {
        return false;
    }
    match node.op {
        // Engines fuse a layer with the ReLU6 that follows it, and the limits of 8 bits replace
        // the ReLU6's: rounding once, after it, costs nothing.
        Op::Conv2d { .. } | Op::Linear { .. } => !is_read_by_relu6_only(graph, node),
        Op::LeakyRelu { .. } | Op::Relu6 | Op::Add | Op::Mul => true,
        // A pool keeps the steps of its input, if that has some.
        Op::MaxPool2d { .. } => {
            let before = graph.nodes.iter().find(|before| before.name == node.inputs[0]);
            before.is_none_or(|before| is_rounded(graph, before))
        }
        _ => false,
    }
}

fn is_read_by_relu6_only(graph: &Graph, node: &Node) -> bool {
    graph
        .nodes
        .iter()
        .filter(|other| other.inputs.contains(&node.name))
        .all(|reader| reader.op == Op::Relu6)
}

/// Quantizes a network.
///
/// # Errors
/// [`QuantizeError`] names the value or weight that cannot be quantized.
pub fn quantize(
    graph: &Graph,
    tensors: &Tensors,
    ranges: &Ranges,
    activations: Activations,
) -> Result<Quantized, QuantizeError> {
    let mut rounded: BTreeMap<String, Quantization> = BTreeMap::new();
    let mut quantized = Quantized {
        graph: Graph { nodes: Vec::new(), ..graph.clone() },
        tensors: tensors.clone(),
        scales: Scales::new(),
    };
    for input in &graph.inputs {
        let quantization = of_range(ranges, &input.name, activations)?;
        quantized.round(&input.name, quantization);
        rounded.insert(input.name.clone(), quantization);
    }
    for node in &graph.nodes {
        quantized.graph.nodes.push(reading_rounded(node, &rounded));
        let input = rounded.get(&node.inputs[0]).copied();
        if matches!(node.op, Op::Conv2d { .. } | Op::Linear { .. }) {
            quantized.narrow(node, input.map(|input| input.scale), activations)?;
        }
        if is_rounded(graph, node) {
            let quantization = match (&node.op, input) {
                // The maximum of multiples of a scale is one of them.
                (Op::MaxPool2d { .. }, Some(same)) => same,
                _ => of_range(ranges, &node.name, activations)?,
            };
            quantized.round(&node.name, quantization);
            rounded.insert(node.name.clone(), quantization);
        }
    }
    Ok(quantized)
}

/// The node, with rounded values as inputs if there are any.
fn reading_rounded(node: &Node, rounded: &BTreeMap<String, Quantization>) -> Node {
    let mut node = node.clone();
    for input in &mut node.inputs {
        if rounded.contains_key(input) {
            *input = rounded_name(input);
        }
    }
    node
}

fn rounded_name(name: &str) -> String {
    format!("{name}/rounded")
}

/// The 256 steps that cover a range and include 0.
fn of_range(
    ranges: &Ranges,
    name: &str,
    activations: Activations,
) -> Result<Quantization, QuantizeError> {
    let range = ranges.get(name).ok_or_else(|| QuantizeError::Unseen(name.to_owned()))?;
    // 0 must be a step: convolutions pad with it.
    let least = range[0].min(0.0);
    let greatest = range[1].max(0.0);
    if !(least.is_finite() && greatest.is_finite()) {
        return Err(QuantizeError::NotFinite(name.to_owned()));
    }
    Ok(match activations {
        Activations::Unsigned => {
            // After a ReLU, all 256 steps lie on the side that has values.
            let scale = step(greatest - least, 255.0);
            let zero_point = (-least / scale).round_ties_even().clamp(0.0, 255.0) as i32;
            Quantization { scale, zero_point, signed: false }
        }
        Activations::Signed => {
            // Symmetric around 0: TensorRT has no zero points.
            let scale = step(greatest.max(-least), 127.0);
            Quantization { scale, zero_point: 0, signed: true }
        }
    })
}

/// The size of one step. A value that is always 0 gets steps of 1: a scale of 0 is not allowed.
fn step(span: f32, steps: f32) -> f32 {
    if span > 0.0 { span / steps } else { 1.0 }
}

impl Quantized {
    fn round(&mut self, name: &str, quantization: Quantization) {
        let op = Op::FakeQuantize(quantization);
        self.graph.nodes.push(Node::new(&rounded_name(name), op, &[name]));
    }

    /// Rounds a node's kernel, channel by channel, and its bias.
    fn narrow(
        &mut self,
        node: &Node,
        input_scale: Option<f32>,
        activations: Activations,
    ) -> Result<(), QuantizeError> {
        let weight = node.parameter("weight");
        let bias = node.parameter("bias");
        // Tied parameters were rounded with the first of their nodes.
        if self.scales.contains_key(&weight) {
            return Ok(());
        }
        let least = match activations {
            Activations::Unsigned => self.least_scales(&bias, input_scale.unwrap_or(1.0)),
            Activations::Signed => Vec::new(),
        };
        let kernel = self.tensors.get_mut(&weight).expect("invariant: the tensors are the graph's");
        let scales = round_channels(kernel, activations.kernel_steps(), &least);
        // Checked here, before NaN spreads to the bias.
        if scales.iter().any(|scale| !scale.is_finite()) {
            return Err(QuantizeError::NotFinite(weight));
        }
        // Integer products can be added to a bias only if it has their scale.
        if let (Some(input_scale), Activations::Unsigned) = (input_scale, activations) {
            self.round_bias(bias, scales.iter().map(|scale| scale * input_scale).collect());
        }
        self.scales.insert(weight, scales);
        Ok(())
    }

    /// The smallest scale of each channel with which its bias fits [`BIAS_STEPS`].
    fn least_scales(&self, bias: &str, input_scale: f32) -> Vec<f32> {
        let values = self.tensors.get(bias).into_iter().flatten();
        values.map(|bias| bias.abs() / (input_scale * BIAS_STEPS)).collect()
    }

    /// Rounds a bias, if there is one, to multiples of these scales.
    fn round_bias(&mut self, bias: String, scales: Vec<f32>) {
        let Some(values) = self.tensors.get_mut(&bias) else { return };
        for (value, scale) in values.iter_mut().zip(&scales) {
            *value = (*value / scale).round_ties_even() * scale;
        }
        self.scales.insert(bias, scales);
    }
}

/// Rounds each slice along the first axis to `steps` on either side of 0, with scales of at least
/// `least`, if that has any; returns the scales.
fn round_channels(kernel: &mut ArrayD<f32>, steps: f32, least: &[f32]) -> Vec<f32> {
    kernel
        .axis_iter_mut(Axis(0))
        .enumerate()
        .map(|(at, channel)| round_channel(channel, steps, least.get(at).copied().unwrap_or(0.0)))
        .collect()
}

/// Rounds one slice and returns its scale, NaN if a value is not finite.
fn round_channel(mut channel: ArrayViewMutD<'_, f32>, steps: f32, least: f32) -> f32 {
    let greatest = channel.iter().fold(0.0f32, |greatest, x| greatest.max(x.abs()));
    let scale = (greatest / steps).max(least);
    // A channel of zeros keeps its zeros with any scale.
    let scale = if scale > 0.0 { scale } else { 1.0 };
    channel.mapv_inplace(|x| (x / scale).round_ties_even().clamp(-steps, steps) * scale);
    if channel.iter().all(|x| x.is_finite()) { scale } else { f32::NAN }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use models::cases;
    use models::reference;
    use ndarray::ArrayD;

    fn case(name: &str) -> cases::Case {
        cases::all().into_iter().find(|case| case.name == name).unwrap()
    }

    /// The ranges of a case's values on its own inputs, from the reference.
    fn ranges(case: &cases::Case) -> Ranges {
        let outputs = points(&case.graph);
        let graph = Graph { outputs: outputs.clone(), ..case.graph.clone() };
        let inputs: Vec<_> = case.inputs.iter().map(|(n, x)| (n.as_str(), x.view())).collect();
        let values = reference::run(&graph, &case.parameters, &inputs).unwrap();
        let range = |x: &ArrayD<f32>| {
            [x.fold(0.0, |a: f32, b| a.min(*b)), x.fold(0.0, |a: f32, b| a.max(*b))]
        };
        outputs.into_iter().zip(values.iter().map(range)).collect()
    }

    fn run(graph: &Graph, tensors: &Tensors, case: &cases::Case) -> ArrayD<f32> {
        let inputs: Vec<_> = case.inputs.iter().map(|(n, x)| (n.as_str(), x.view())).collect();
        reference::run(graph, tensors, &inputs).unwrap().swap_remove(0)
    }

    #[test]
    fn int8_embeddings_are_close_to_fp32() {
        for name in ["resnet12-tiny", "efficientnet-lite0-tiny-odd", "ensemble-of-two"] {
            let case = case(name);
            let (graph, tensors) = crate::fold::fold(&case.graph, &case.parameters).unwrap();
            let case = cases::Case { graph, parameters: tensors, ..case };
            let exact = run(&case.graph, &case.parameters, &case);
            for activations in [Activations::Unsigned, Activations::Signed] {
                let quantized =
                    quantize(&case.graph, &case.parameters, &ranges(&case), activations).unwrap();
                let got = run(&quantized.graph, &quantized.tensors, &case);
                let length = |x: &ArrayD<f32>| x.mapv(|x| x * x).sum().sqrt();
                let apart = length(&(&got - &exact)) / length(&exact);
                assert!(apart > 1e-4 && apart < 0.2, "{name} {activations:?}: {apart}");
                let mut zeros = quantized.graph.nodes.iter().filter_map(|node| match node.op {
                    Op::FakeQuantize(quantization) => Some(quantization.zero_point),
                    _ => None,
                });
                let all_zero = zeros.all(|zero| zero == 0);
                assert_eq!(all_zero, activations == Activations::Signed);
            }
        }
    }

    #[test]
    fn pools_keep_the_steps_of_their_input_and_layers_are_fused_with_relu6() {
        let case = case("depthwise-batch-norm-relu6");
        let (graph, _) = crate::fold::fold(&case.graph, &case.parameters).unwrap();
        let names = points(&graph);
        assert!(names.contains(&"x".to_owned()) && !names.contains(&"out".to_owned()), "{names:?}");
        let conv = |name: &str, input: &str| {
            let op = Op::Conv2d {
                out_channels: 2,
                kernel: 1,
                stride: 1,
                padding: models::graph::Padding::NONE,
                groups: 1,
                bias: true,
            };
            Node::new(name, op, &[input])
        };
        let graph = Graph {
            name: "small".to_owned(),
            inputs: vec![models::graph::Input { name: "x".to_owned(), shape: vec![2, 4, 4] }],
            nodes: vec![
                conv("c", "x"),
                Node::new("r", Op::Relu6, &["c"]),
                Node::new("m", Op::MaxPool2d { kernel: 2, stride: 2 }, &["r"]),
                Node::new("g", Op::GlobalAveragePool, &["m"]),
            ],
            outputs: vec!["g".to_owned()],
        };
        assert_eq!(points(&graph), ["x", "r"]);
        let tensors = Tensors::from([
            ("c.weight".to_owned(), ArrayD::from_elem(vec![2, 2, 1, 1], 0.5)),
            ("c.bias".to_owned(), ArrayD::from_elem(vec![2], 0.1)),
        ]);
        let ranges = Ranges::from([("x".to_owned(), [-1.0, 1.0]), ("r".to_owned(), [0.0, 6.0])]);
        let quantized = quantize(&graph, &tensors, &ranges, Activations::Unsigned).unwrap();
        let names: Vec<&str> = quantized.graph.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["x/rounded", "c", "r", "r/rounded", "m", "m/rounded", "g"]);
        assert_eq!(quantized.graph.nodes[3].op, quantized.graph.nodes[5].op);
        assert_eq!(quantized.scales["c.weight"], [0.5 / 63.0; 2]);
        assert_eq!(quantized.scales["c.bias"], [0.5 / 63.0 * (2.0 / 255.0); 2]);
        let mut faint = tensors.clone();
        faint.insert("c.weight".to_owned(), ArrayD::from_elem(vec![2, 2, 1, 1], 1e-12));
        faint.get_mut("c.weight").unwrap().slice_axis_mut(Axis(0), (1..2).into()).fill(0.0);
        faint.insert("c.bias".to_owned(), ArrayD::from_elem(vec![2], -7.0));
        let faint = quantize(&graph, &faint, &ranges, Activations::Unsigned).unwrap();
        for (bias, scale) in faint.tensors["c.bias"].iter().zip(&faint.scales["c.bias"]) {
            assert!((bias + 7.0).abs() < 1e-5 && (bias / scale).abs() <= 8_388_609.0, "{bias}");
        }
        let storage = crate::onnx::Storage::Integers(&faint.scales);
        crate::onnx::write(&faint.graph, &faint.tensors, storage, &BTreeMap::new()).unwrap();
        let unseen = quantize(&graph, &tensors, &Ranges::new(), Activations::Signed).unwrap_err();
        assert_eq!(unseen, QuantizeError::Unseen("x".to_owned()));
    }
}

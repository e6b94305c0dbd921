//! A network in 8-bit numbers (static quantization), as a graph that computes in floats what integers would.
//!
//! Every value between operations is rounded to 256 steps ([`Op::FakeQuantize`]), every kernel to 8 bits with a scale for
//! each output channel. Written as ONNX they become `QuantizeLinear`, `DequantizeLinear` and integers, from which engines
//! make integer arithmetic. The embedding itself stays a float. (Jacob et al., "Quantization and Training of Neural
//! Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018.)

use std::collections::BTreeMap;

use models::graph::{Graph, Node, Op, Quantization};
use models::tensors::Tensors;
use ndarray::{ArrayD, Axis};

/// What values between operations become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// 0..=255 with a zero point, and 32-bit integer biases: what ONNX Runtime computes fastest on x86. Kernels have 7
    /// bits, for processors without VNNI add pairs of products in 16 bits.
    Unsigned,
    /// -128..=127, every zero point 0, and biases in floats: what TensorRT takes.
    Signed,
}

impl Activations {
    /// Steps of a kernel on either side of 0.
    const fn kernel_steps(self) -> f32 {
        match self {
            Self::Unsigned => 63.0,
            Self::Signed => 127.0,
        }
    }
}

/// The most steps of a bias: fewer than 32 bits hold, so that what is added to it has room, and a float names each. A
/// channel whose kernel is next to nothing gets coarser steps for its bias's sake.
const BIAS_STEPS: f32 = (1 << 23) as f32;

/// The least and the greatest that each value was seen to be, by name.
pub type Ranges = BTreeMap<String, [f32; 2]>;

/// The scales of integers, by tensor and output channel.
pub type Scales = BTreeMap<String, Vec<f32>>;

/// A quantized network.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    /// The network, with rounding between operations.
    pub graph: Graph,
    /// Its tensors; those that have scales are multiples of them.
    pub tensors: Tensors,
    /// Of each tensor of integers: kernels in 8 bits, biases in 32.
    pub scales: Scales,
}

/// Why a network cannot be quantized.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum QuantizeError {
    /// A value was never seen.
    #[error("nothing is known of the range of `{0}`")]
    Unseen(String),
    /// A value, or a weight, is not finite.
    #[error("`{0}` holds values that are not finite numbers")]
    NotFinite(String),
}

/// The values that are rounded: their ranges have to be known.
#[must_use]
pub fn points(graph: &Graph) -> Vec<String> {
    let inputs = graph.inputs.iter().map(|input| input.name.clone());
    let rounded = graph.nodes.iter().filter(|node| is_rounded(graph, node));
    // A pool's values are some of those before it.
    let own = rounded.filter(|node| !matches!(node.op, Op::MaxPool2d { .. }));
    inputs.chain(own.map(|node| node.name.clone())).collect()
}

/// Whether what a node computes is rounded to 8 bits.
fn is_rounded(graph: &Graph, node: &Node) -> bool {
    let is_output = graph.outputs.contains(&node.name);
    let mut readers = graph.nodes.iter().filter(|other| other.inputs.contains(&node.name));
    match node.op {
        // The limits of 8 bits are those of the activation: it costs nothing.
        Op::Conv2d { .. } | Op::Linear { .. } => {
            !is_output && !readers.all(|reader| reader.op == Op::Relu6)
        }
        Op::LeakyRelu { .. } | Op::Relu6 | Op::Add | Op::Mul => !is_output,
        // It keeps the steps of what it reads, where that has some.
        Op::MaxPool2d { .. } => {
            let read = &node.inputs[0];
            let before = graph.nodes.iter().find(|before| before.name == *read);
            !is_output && before.is_none_or(|before| is_rounded(graph, before))
        }
        _ => false,
    }
}

/// The network in 8-bit numbers.
///
/// # Errors
/// [`QuantizeError`].
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
        let read = node.inputs.iter().map(|name| match rounded.contains_key(name) {
            true => rounded_name(name),
            false => name.clone(),
        });
        quantized.graph.nodes.push(Node { inputs: read.collect(), ..node.clone() });
        if matches!(node.op, Op::Conv2d { .. } | Op::Linear { .. }) {
            let scale = rounded.get(&node.inputs[0]).map(|quantization| quantization.scale);
            quantized.narrow(node, scale, activations)?;
        }
        if is_rounded(graph, node) {
            let quantization = match (&node.op, rounded.get(&node.inputs[0])) {
                (Op::MaxPool2d { .. }, Some(same)) => *same,
                _ => of_range(ranges, &node.name, activations)?,
            };
            quantized.round(&node.name, quantization);
            rounded.insert(node.name.clone(), quantization);
        }
    }
    Ok(quantized)
}

fn rounded_name(name: &str) -> String {
    format!("{name}/rounded")
}

/// The 256 steps that cover a range, of which 0 is one.
fn of_range(
    ranges: &Ranges,
    name: &str,
    activations: Activations,
) -> Result<Quantization, QuantizeError> {
    let [least, greatest] =
        *ranges.get(name).ok_or_else(|| QuantizeError::Unseen(name.to_owned()))?;
    let (least, greatest) = (least.min(0.0), greatest.max(0.0));
    if !(least.is_finite() && greatest.is_finite()) {
        return Err(QuantizeError::NotFinite(name.to_owned()));
    }
    let step = |span: f32, steps: f32| if span > 0.0 { span / steps } else { 1.0 };
    Ok(match activations {
        Activations::Unsigned => {
            let scale = step(greatest - least, 255.0);
            let zero_point = (-least / scale).round_ties_even().clamp(0.0, 255.0) as i32;
            Quantization { scale, zero_point, signed: false }
        }
        Activations::Signed => {
            let scale = step(greatest.max(-least), 127.0);
            Quantization { scale, zero_point: 0, signed: true }
        }
    })
}

impl Quantized {
    fn round(&mut self, name: &str, quantization: Quantization) {
        let op = Op::FakeQuantize(quantization);
        self.graph.nodes.push(Node::new(&rounded_name(name), op, &[name]));
    }

    /// Rounds a node's kernel, channel by channel, and its bias to multiples of the input's scale times the kernel's.
    fn narrow(
        &mut self,
        node: &Node,
        input_scale: Option<f32>,
        activations: Activations,
    ) -> Result<(), QuantizeError> {
        let (weight, bias) = (node.parameter("weight"), node.parameter("bias"));
        // Tied parameters were rounded with the first of their nodes.
        if self.scales.contains_key(&weight) {
            return Ok(());
        }
        let steps = activations.kernel_steps();
        let least = |bias: &ArrayD<f32>| {
            let input_scale = input_scale.unwrap_or(1.0);
            bias.iter().map(|bias| bias.abs() / (input_scale * BIAS_STEPS)).collect()
        };
        let least: Vec<f32> = match (activations, self.tensors.get(&bias)) {
            (Activations::Unsigned, Some(bias)) => least(bias),
            _ => Vec::new(),
        };
        let kernel = self.tensors.get_mut(&weight).expect("invariant: the tensors are the graph's");
        let scales = round_channels(kernel, steps, &least);
        if scales.iter().any(|scale| !scale.is_finite()) {
            return Err(QuantizeError::NotFinite(weight));
        }
        if let (Some(input_scale), Some(values), Activations::Unsigned) =
            (input_scale, self.tensors.get_mut(&bias), activations)
        {
            let of_bias: Vec<f32> = scales.iter().map(|scale| scale * input_scale).collect();
            for (value, scale) in values.iter_mut().zip(&of_bias) {
                *value = (*value / scale).round_ties_even() * scale;
            }
            self.scales.insert(bias, of_bias);
        }
        self.scales.insert(weight, scales);
        Ok(())
    }
}

/// Rounds each slice along the first axis to `steps` on either side of 0, with scales of at least `least` where it has one;
/// returns the scales.
fn round_channels(kernel: &mut ArrayD<f32>, steps: f32, least: &[f32]) -> Vec<f32> {
    let round = |(at, mut channel): (usize, ndarray::ArrayViewMutD<'_, f32>)| {
        let greatest = channel.iter().fold(0.0f32, |greatest, x| greatest.max(x.abs()));
        let scale = (greatest / steps).max(least.get(at).copied().unwrap_or(0.0));
        let scale = if scale > 0.0 { scale } else { 1.0 };
        channel.mapv_inplace(|x| (x / scale).round_ties_even().clamp(-steps, steps) * scale);
        if channel.iter().all(|x| x.is_finite()) { scale } else { f32::NAN }
    };
    kernel.axis_iter_mut(Axis(0)).enumerate().map(round).collect()
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

    /// Ranges as the reference sees them on a case's own inputs.
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
    fn eight_bits_are_nearly_the_same() {
        for name in ["resnet12-tiny", "efficientnet-lite0-tiny-odd", "ensemble-of-two"] {
            let Some(case) = cases::all().into_iter().find(|case| case.name == name) else {
                let names: Vec<_> = cases::all().into_iter().map(|c| c.name).collect();
                panic!("{name} in {names:?}")
            };
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
    fn a_pool_keeps_the_steps_of_what_it_reads_and_an_activation_is_one_with_its_layer() {
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

//! Translates each operation of a graph to ONNX operators.

use models::graph::{Node, Op, Padding, Quantization};

use super::build::{float, initializer, int, ints, operation};
use super::messages::{Attribute, GraphProto, data_type};

/// Appends the ONNX nodes of one node: one match arm for each [`Op`].
pub(super) fn add(graph: &mut GraphProto, node: &Node) {
    match node.op {
        Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
            let parameters: &[&str] = if bias { &["weight", "bias"] } else { &["weight"] };
            // ONNX takes the bias as an optional third input.
            direct(graph, node, "Conv", parameters, convolution(kernel, stride, padding, groups));
        }
        Op::BatchNorm { eps } => {
            let parameters = ["weight", "bias", "running_mean", "running_var"];
            let attributes = vec![float("epsilon", eps)];
            direct(graph, node, "BatchNormalization", &parameters, attributes);
        }
        Op::LeakyRelu { slope } => {
            direct(graph, node, "LeakyRelu", &[], vec![float("alpha", slope)]);
        }
        Op::Relu6 => clip(graph, node, [0.0, 6.0]),
        Op::MaxPool2d { kernel, stride } => {
            let attributes =
                vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[stride; 2])];
            direct(graph, node, "MaxPool", &[], attributes);
        }
        Op::GlobalAveragePool => global_average_pool(graph, node),
        Op::Linear { bias, .. } => linear(graph, node, bias),
        Op::Unsqueeze { axis } => along(graph, node, "Unsqueeze", axis, Vec::new()),
        Op::Sum { axis } => along(graph, node, "ReduceSum", axis, vec![int("keepdims", 0)]),
        Op::Add => direct(graph, node, "Add", &[], Vec::new()),
        Op::Mul => direct(graph, node, "Mul", &[], Vec::new()),
        // A graph's axis 0 is ONNX's axis 1: the first axis is the batch's.
        Op::Concat => direct(graph, node, "Concat", &[], vec![int("axis", 1)]),
        Op::FakeQuantize(quantization) => quantize(graph, node, quantization),
    }
}

/// One ONNX node with the same inputs, followed by these parameters.
fn direct(
    graph: &mut GraphProto,
    node: &Node,
    op: &str,
    parameters: &[&str],
    attributes: Vec<Attribute>,
) {
    let mut inputs = node.inputs.clone();
    inputs.extend(parameters.iter().map(|suffix| node.parameter(suffix)));
    graph.node.push(operation(op, inputs, &node.name, attributes));
}

fn convolution(kernel: usize, stride: usize, padding: Padding, groups: usize) -> Vec<Attribute> {
    let Padding { before, after } = padding;
    let mut attributes = vec![
        ints("kernel_shape", &[kernel; 2]),
        ints("pads", &[before, before, after, after]),
        ints("strides", &[stride; 2]),
    ];
    // 1 is ONNX's default.
    if groups > 1 {
        attributes.push(int("group", groups as i64));
    }
    attributes
}

/// `[n, c, h, w]` to `[n, c]`: ONNX's pool keeps both spatial dimensions, as 1.
fn global_average_pool(graph: &mut GraphProto, node: &Node) {
    let pooled = part(node, "pooled");
    let pool = operation("GlobalAveragePool", node.inputs.clone(), &pooled, Vec::new());
    graph.node.push(pool);
    graph.node.push(operation("Flatten", vec![pooled], &node.name, vec![int("axis", 1)]));
}

/// To int8 and back: engines compute what lies between two such pairs in integers.
fn quantize(graph: &mut GraphProto, node: &Node, quantization: Quantization) {
    let Quantization { scale, zero_point, signed } = quantization;
    let kind = if signed { data_type::INT8 } else { data_type::UINT8 };
    // The zero point fits 8 bits of this sign, so that its lowest byte is its value.
    let zero_point = vec![zero_point.to_le_bytes()[0]];
    let scale = scale.to_le_bytes().to_vec();
    graph.initializer.push(initializer(&part(node, "scale"), &[], data_type::FLOAT, scale));
    graph.initializer.push(initializer(&part(node, "zero_point"), &[], kind, zero_point));
    let stored = part(node, "int8");
    let quantized = scaled(node, node.inputs[0].clone());
    graph.node.push(operation("QuantizeLinear", quantized, &stored, Vec::new()));
    let dequantized = scaled(node, stored);
    graph.node.push(operation("DequantizeLinear", dequantized, &node.name, Vec::new()));
}

/// The inputs of a quantization: a value, the scale and the zero point.
fn scaled(node: &Node, value: String) -> Vec<String> {
    vec![value, part(node, "scale"), part(node, "zero_point")]
}

/// `MatMul` rather than `Gemm`, which accepts two dimensions only. Engines transpose the weight
/// once, when they load the file.
fn linear(graph: &mut GraphProto, node: &Node, bias: bool) {
    let transposed = part(node, "transposed");
    let weight = vec![node.parameter("weight")];
    graph.node.push(operation("Transpose", weight, &transposed, vec![ints("perm", &[1, 0])]));
    let product = if bias { part(node, "product") } else { node.name.clone() };
    let factors = vec![node.inputs[0].clone(), transposed];
    graph.node.push(operation("MatMul", factors, &product, Vec::new()));
    if bias {
        let terms = vec![product, node.parameter("bias")];
        graph.node.push(operation("Add", terms, &node.name, Vec::new()));
    }
}

/// The limits of `Clip` are tensors since opset 11.
fn clip(graph: &mut GraphProto, node: &Node, limits: [f32; 2]) {
    let mut inputs = node.inputs.clone();
    for (suffix, limit) in ["min", "max"].into_iter().zip(limits) {
        let name = part(node, suffix);
        let bytes = limit.to_le_bytes().to_vec();
        graph.initializer.push(initializer(&name, &[], data_type::FLOAT, bytes));
        inputs.push(name);
    }
    graph.node.push(operation("Clip", inputs, &node.name, Vec::new()));
}

/// An operation along one axis, which opset 17 takes as a tensor.
fn along(graph: &mut GraphProto, node: &Node, op: &str, axis: usize, attributes: Vec<Attribute>) {
    let axes = part(node, "axes");
    // The batch's axis comes first.
    let bytes = (axis as i64 + 1).to_le_bytes().to_vec();
    graph.initializer.push(initializer(&axes, &[1], data_type::INT64, bytes));
    let inputs = vec![node.inputs[0].clone(), axes];
    graph.node.push(operation(op, inputs, &node.name, attributes));
}

/// The name of an intermediate value or constant of a node.
fn part(node: &Node, suffix: &str) -> String {
    format!("{}/{suffix}", node.name)
}

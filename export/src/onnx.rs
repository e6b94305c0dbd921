//! A [`Graph`] with its tensors as an ONNX file.
//!
//! Plain operators of opset 17, a symbolic batch dimension `n`, static shapes otherwise, and no shape
//! arithmetic: every engine since 2022 takes such a file. The writer only translates; what should be changed
//! about a network (folding, narrowing) has happened before. The format: <https://onnx.ai/onnx/repo-docs/IR.html>.

mod half_arithmetic;
mod messages;

use std::collections::BTreeMap;

use half::f16;
use models::bundle::WeightStorage;
use models::graph::{Graph, GraphError, Node, Op, Padding, Quantization, Shape};
use models::tensors::Tensors;
use ndarray::{ArrayD, Axis};
use prost::Message;

use crate::precision::int8::Scales;
use messages::{
    Attribute, Dimension, GraphProto, Model, NodeProto, OperatorSet, StringPair, TensorProto,
    TensorShape, TensorType, Type, ValueInfo, attribute, data_type, dimension,
};

/// The operator set that written files use.
pub const OPSET: u32 = 17;

/// The version of the file format.
pub const IR_VERSION: u32 = 8;

/// The name of the batch dimension.
pub const BATCH: &str = "n";

/// The program that written files name as their producer.
pub const PRODUCER: &str = "handful-export";

/// Why a network cannot be written.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum OnnxError {
    /// The graph is broken, or the tensors are not its own.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A weight to be stored in fewer bits has a value that these cannot hold.
    #[error(
        "`{tensor}` holds {value:e}, which storage in {bits} bits would change: narrow the tensors first, or use --weights fp32"
    )]
    Inexact {
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// Bits of a stored value.
        bits: u32,
    },
}

/// How tensors lie in a file.
#[derive(Debug, Clone, Copy)]
pub enum Storage<'a> {
    /// As they are.
    Floats(WeightStorage),
    /// All in 16 bits, and so is what the network computes; its inputs and outputs stay in 32.
    Halves,
    /// Those that have scales as integers, kernels in 8 bits and vectors in 32; the others as they are.
    Integers(&'a Scales),
}

/// The ONNX file of a network. The same arguments always give the same bytes.
///
/// Inputs are `[n, …]` and outputs `[n, …]` under the graph's own names. With [`WeightStorage::Fp16`], tensors
/// of two and more dimensions are stored as 16-bit floats and widened by a `Cast`, which engines compute once
/// when they load the file; their values must already be [narrow](crate::precision::fp16), those of vectors too with
/// [`Storage::Halves`], and multiples of their scales with [`Storage::Integers`].
///
/// # Errors
/// [`OnnxError`]; nothing is written partly.
pub fn write(
    graph: &Graph,
    tensors: &Tensors,
    storage: Storage<'_>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, OnnxError> {
    graph.check_parameters(tensors)?;
    let mut written = GraphProto { name: graph.name.clone(), ..GraphProto::default() };
    for (name, tensor) in tensors {
        store(&mut written, name, tensor, storage)?;
    }
    for node in &graph.nodes {
        translate(&mut written, node);
    }
    let shapes = graph.shapes()?;
    written.input = graph.inputs.iter().map(|input| value(&input.name, &input.shape)).collect();
    written.output = graph.outputs.iter().map(|name| value(name, &shapes[name])).collect();
    if matches!(storage, Storage::Halves) {
        half_arithmetic::halve(&mut written)?;
    }
    Ok(model(written, metadata).encode_to_vec())
}

fn model(graph: GraphProto, metadata: &BTreeMap<String, String>) -> Model {
    Model {
        ir_version: i64::from(IR_VERSION),
        producer_name: PRODUCER.to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: i64::from(OPSET) }],
        metadata_props: metadata
            .iter()
            .map(|(key, value)| StringPair { key: key.clone(), value: value.clone() })
            .collect(),
    }
}

/// Appends the ONNX nodes of one node: one match arm for each [`Op`].
fn translate(graph: &mut GraphProto, node: &Node) {
    let push = |graph: &mut GraphProto, op: &str, parameters: &[&str], attributes| {
        let parameters = parameters.iter().map(|suffix| node.parameter(suffix));
        let inputs = node.inputs.iter().cloned().chain(parameters).collect();
        graph.node.push(operation(op, inputs, &node.name, attributes));
    };
    match node.op {
        Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
            let parameters: &[&str] = if bias { &["weight", "bias"] } else { &["weight"] };
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
            push(graph, "Conv", parameters, attributes);
        }
        Op::BatchNorm { eps } => {
            let parameters = ["weight", "bias", "running_mean", "running_var"];
            push(graph, "BatchNormalization", &parameters, vec![float("epsilon", eps)]);
        }
        Op::LeakyRelu { slope } => push(graph, "LeakyRelu", &[], vec![float("alpha", slope)]),
        Op::Relu6 => clip(graph, node, [0.0, 6.0]),
        Op::MaxPool2d { kernel, stride } => {
            let attributes =
                vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[stride; 2])];
            push(graph, "MaxPool", &[], attributes);
        }
        Op::GlobalAveragePool => {
            // ONNX keeps the two spatial dimensions, as 1.
            let pooled = format!("{}/pooled", node.name);
            graph.node.push(operation(
                "GlobalAveragePool",
                node.inputs.clone(),
                &pooled,
                Vec::new(),
            ));
            graph.node.push(operation("Flatten", vec![pooled], &node.name, vec![int("axis", 1)]));
        }
        Op::Linear { bias, .. } => linear(graph, node, bias),
        Op::Unsqueeze { axis } => along(graph, node, "Unsqueeze", axis, Vec::new()),
        Op::Sum { axis } => along(graph, node, "ReduceSum", axis, vec![int("keepdims", 0)]),
        Op::Add => push(graph, "Add", &[], Vec::new()),
        Op::Mul => push(graph, "Mul", &[], Vec::new()),
        // The first axis is the batch's.
        Op::Concat => push(graph, "Concat", &[], vec![int("axis", 1)]),
        Op::FakeQuantize(quantization) => quantize(graph, node, quantization),
    }
}

/// To 8 bits and back: engines make integer arithmetic of what lies between two of these.
fn quantize(graph: &mut GraphProto, node: &Node, quantization: Quantization) {
    let Quantization { scale, zero_point, signed } = quantization;
    let of = |part: &str| format!("{}/{part}", node.name);
    let kind = if signed { data_type::INT8 } else { data_type::UINT8 };
    // Within limits that fit: the lowest byte of either.
    let zero_point = vec![zero_point.to_le_bytes()[0]];
    let scale = scale.to_le_bytes().to_vec();
    graph.initializer.push(initializer(&of("scale"), &[], data_type::FLOAT, scale));
    graph.initializer.push(initializer(&of("zero_point"), &[], kind, zero_point));
    let read = |value: String| vec![value, of("scale"), of("zero_point")];
    let stored = of("int8");
    let quantized = read(node.inputs[0].clone());
    graph.node.push(operation("QuantizeLinear", quantized, &stored, Vec::new()));
    graph.node.push(operation("DequantizeLinear", read(stored), &node.name, Vec::new()));
}

/// `MatMul` rather than `Gemm`, which takes two dimensions only; engines transpose the weight once, at load.
fn linear(graph: &mut GraphProto, node: &Node, bias: bool) {
    let of = |part: &str| format!("{}/{part}", node.name);
    let (transposed, product) = (of("transposed"), of("product"));
    let weight = vec![node.parameter("weight")];
    graph.node.push(operation("Transpose", weight, &transposed, vec![ints("perm", &[1, 0])]));
    let written = if bias { &product } else { &node.name };
    let read = vec![node.inputs[0].clone(), transposed];
    graph.node.push(operation("MatMul", read, written, Vec::new()));
    if bias {
        let read = vec![product, node.parameter("bias")];
        graph.node.push(operation("Add", read, &node.name, Vec::new()));
    }
}

/// The limits are tensors since opset 11.
fn clip(graph: &mut GraphProto, node: &Node, limits: [f32; 2]) {
    let mut read = node.inputs.clone();
    for (part, limit) in ["min", "max"].into_iter().zip(limits) {
        let name = format!("{}/{part}", node.name);
        let bytes = limit.to_le_bytes().to_vec();
        graph.initializer.push(initializer(&name, &[], data_type::FLOAT, bytes));
        read.push(name);
    }
    graph.node.push(operation("Clip", read, &node.name, Vec::new()));
}

/// An operation along one axis, which opset 17 wants as a tensor.
fn along(graph: &mut GraphProto, node: &Node, op: &str, axis: usize, attributes: Vec<Attribute>) {
    let axes = format!("{}/axes", node.name);
    // The first axis is the batch's.
    let bytes = (axis as i64 + 1).to_le_bytes().to_vec();
    graph.initializer.push(initializer(&axes, &[1], data_type::INT64, bytes));
    let read = vec![node.inputs[0].clone(), axes];
    graph.node.push(operation(op, read, &node.name, attributes));
}

fn operation(op: &str, input: Vec<String>, output: &str, attribute: Vec<Attribute>) -> NodeProto {
    NodeProto {
        input,
        output: vec![output.to_owned()],
        name: output.to_owned(),
        op_type: op.to_owned(),
        attribute,
    }
}

/// Adds a parameter, with the `Cast` that widens it when it is stored in 16 bits.
fn store(
    graph: &mut GraphProto,
    name: &str,
    tensor: &ArrayD<f32>,
    storage: Storage<'_>,
) -> Result<(), OnnxError> {
    if let Storage::Integers(scales) = storage
        && let Some(scales) = scales.get(name)
    {
        return store_integers(graph, name, tensor, scales);
    }
    if matches!(storage, Storage::Floats(WeightStorage::Fp16)) && tensor.ndim() >= 2 {
        let stored = format!("{name}/fp16");
        graph.initializer.push(initializer(
            &stored,
            tensor.shape(),
            data_type::FLOAT16,
            halves(name, tensor.iter().copied())?,
        ));
        let to = vec![int("to", i64::from(data_type::FLOAT))];
        graph.node.push(operation("Cast", vec![stored], name, to));
        return Ok(());
    }
    let bytes = tensor.iter().flat_map(|v| v.to_le_bytes()).collect();
    graph.initializer.push(initializer(name, tensor.shape(), data_type::FLOAT, bytes));
    Ok(())
}

/// Adds a parameter as integers with a scale for each slice along the first axis, and what makes floats of them.
fn store_integers(
    graph: &mut GraphProto,
    name: &str,
    tensor: &ArrayD<f32>,
    scales: &[f32],
) -> Result<(), OnnxError> {
    let bits = if tensor.ndim() >= 2 { 8 } else { 32 };
    let mut bytes = Vec::new();
    for (slice, scale) in tensor.axis_iter(Axis(0)).zip(scales) {
        for &value in &slice {
            let q = (value / scale).round_ties_even();
            // Of 32 bits as many as a float names one by one.
            let most = if bits == 8 { 127.0 } else { (1 << 24) as f32 };
            let fits = q.abs() <= most;
            if !fits || q * scale != value {
                return Err(OnnxError::Inexact { tensor: name.to_owned(), value, bits });
            }
            bytes.extend(&(q as i32).to_le_bytes()[..bits as usize / 8]);
        }
    }
    let kind = if bits == 8 { data_type::INT8 } else { data_type::INT32 };
    let of = |part: &str| format!("{name}/{part}");
    let (stored, scale, zero_point) = (of("integers"), of("scale"), of("zero_point"));
    let channels = [scales.len()];
    let zeros = vec![0; scales.len() * bits as usize / 8];
    let scales = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
    graph.initializer.push(initializer(&stored, tensor.shape(), kind, bytes));
    graph.initializer.push(initializer(&scale, &channels, data_type::FLOAT, scales));
    graph.initializer.push(initializer(&zero_point, &channels, kind, zeros));
    let read = vec![stored, scale, zero_point];
    graph.node.push(operation("DequantizeLinear", read, name, vec![int("axis", 0)]));
    Ok(())
}

fn halves(name: &str, values: impl Iterator<Item = f32>) -> Result<Vec<u8>, OnnxError> {
    let mut bytes = Vec::with_capacity(2 * values.size_hint().0);
    for value in values {
        let half = f16::from_f32(value);
        if half.to_f32() != value {
            return Err(OnnxError::Inexact { tensor: name.to_owned(), value, bits: 16 });
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}

fn initializer(name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type,
        name: name.to_owned(),
        raw_data,
    }
}

/// An input or output `[n, …shape]`.
fn value(name: &str, shape: &Shape) -> ValueInfo {
    let batch = dimension::Value::DimParam(BATCH.to_owned());
    let rest = shape.iter().map(|&d| dimension::Value::DimValue(d as i64));
    let dim =
        std::iter::once(batch).chain(rest).map(|value| Dimension { value: Some(value) }).collect();
    let tensor = TensorType { elem_type: data_type::FLOAT, shape: Some(TensorShape { dim }) };
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

fn int(name: &str, i: i64) -> Attribute {
    Attribute { name: name.to_owned(), i, kind: attribute::INT, ..Attribute::default() }
}

fn float(name: &str, f: f32) -> Attribute {
    Attribute { name: name.to_owned(), f, kind: attribute::FLOAT, ..Attribute::default() }
}

fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|&v| v as i64).collect();
    Attribute { name: name.to_owned(), ints, kind: attribute::INTS, ..Attribute::default() }
}

#[cfg(test)]
mod tests;

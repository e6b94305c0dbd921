//! Converts a written graph to fp16 arithmetic, from its first operation to its last.

use super::build::{int, operation};
use super::error::OnnxError;
use super::messages::{GraphProto, NodeProto, TensorProto, ValueInfo, data_type};
use super::storage::halves;

/// Stores all tensors in fp16, so that engines compute in it. Inputs and outputs stay in fp32 under
/// their own names: a `Cast` follows each input and precedes each output.
pub(super) fn convert(graph: &mut GraphProto) -> Result<(), OnnxError> {
    for tensor in graph.initializer.iter_mut().filter(|t| t.data_type == data_type::FLOAT) {
        narrow(tensor)?;
    }
    let inputs = names(&graph.input);
    let outputs = names(&graph.output);
    // The public names now belong to the fp32 ends of the casts.
    for node in &mut graph.node {
        for value in node.input.iter_mut().chain(&mut node.output) {
            if inputs.contains(value) || outputs.contains(value) {
                *value = within(value);
            }
        }
    }
    // ONNX requires nodes in topological order: casts of inputs come first, of outputs last.
    let narrowed = inputs.iter().map(|name| cast(name, &within(name), data_type::FLOAT16));
    graph.node.splice(0..0, narrowed);
    graph.node.extend(outputs.iter().map(|name| cast(&within(name), name, data_type::FLOAT)));
    Ok(())
}

fn narrow(tensor: &mut TensorProto) -> Result<(), OnnxError> {
    let values = tensor
        .raw_data
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    tensor.raw_data = halves(&tensor.name, values)?;
    tensor.data_type = data_type::FLOAT16;
    Ok(())
}

fn names(values: &[ValueInfo]) -> Vec<String> {
    values.iter().map(|value| value.name.clone()).collect()
}

/// The name of an input or output between the casts.
fn within(name: &str) -> String {
    format!("{name}/fp16")
}

fn cast(from: &str, to: &str, kind: i32) -> NodeProto {
    let mut node = operation("Cast", vec![from.to_owned()], to, vec![int("to", i64::from(kind))]);
    // The node that computes an output already has the output's name.
    node.name = format!("{to}/cast");
    node
}

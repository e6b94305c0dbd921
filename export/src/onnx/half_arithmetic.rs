//! A written network once more, in 16-bit floating point from its first operation to its last.

use super::messages::{GraphProto, NodeProto, ValueInfo, data_type};
use super::{OnnxError, halves, int, operation};

/// Makes 16-bit floats of all tensors, and with them of all that is computed. Inputs and outputs keep their names and their
/// 32 bits: a `Cast` stands behind each input and before each output.
pub(super) fn halve(graph: &mut GraphProto) -> Result<(), OnnxError> {
    for tensor in graph.initializer.iter_mut().filter(|t| t.data_type == data_type::FLOAT) {
        let values = tensor.raw_data.chunks_exact(4);
        let values =
            values.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        tensor.raw_data = halves(&tensor.name, values)?;
        tensor.data_type = data_type::FLOAT16;
    }
    let names = |values: &[ValueInfo]| values.iter().map(|value| value.name.clone()).collect();
    let (inputs, outputs): (Vec<String>, Vec<String>) = (names(&graph.input), names(&graph.output));
    for node in &mut graph.node {
        for value in node.input.iter_mut().chain(&mut node.output) {
            if inputs.contains(value) || outputs.contains(value) {
                *value = within(value);
            }
        }
    }
    let narrowed = inputs.iter().map(|name| cast(name, &within(name), data_type::FLOAT16));
    graph.node.splice(0..0, narrowed);
    graph.node.extend(outputs.iter().map(|name| cast(&within(name), name, data_type::FLOAT)));
    Ok(())
}

/// The name that an input or output has between the casts.
fn within(name: &str) -> String {
    format!("{name}/fp16")
}

fn cast(from: &str, to: &str, kind: i32) -> NodeProto {
    let mut node = operation("Cast", vec![from.to_owned()], to, vec![int("to", i64::from(kind))]);
    // The node that computes an output has its name already.
    node.name = format!("{to}/cast");
    node
}

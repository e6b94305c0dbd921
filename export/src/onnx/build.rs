//! Constructors of ONNX nodes, attributes and tensors.

use super::messages::{Attribute, NodeProto, TensorProto, attribute};

/// A node with one output, which also gives the node its name.
pub(super) fn operation(
    op: &str,
    input: Vec<String>,
    output: &str,
    attribute: Vec<Attribute>,
) -> NodeProto {
    NodeProto {
        input,
        output: vec![output.to_owned()],
        name: output.to_owned(),
        op_type: op.to_owned(),
        attribute,
    }
}

/// A constant tensor; `raw_data` are its values in little-endian order.
pub(super) fn initializer(
    name: &str,
    shape: &[usize],
    data_type: i32,
    raw_data: Vec<u8>,
) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type,
        name: name.to_owned(),
        raw_data,
        ..TensorProto::default()
    }
}

pub(super) fn int(name: &str, i: i64) -> Attribute {
    Attribute { name: name.to_owned(), i, kind: attribute::INT, ..Attribute::default() }
}

pub(super) fn float(name: &str, f: f32) -> Attribute {
    Attribute { name: name.to_owned(), f, kind: attribute::FLOAT, ..Attribute::default() }
}

pub(super) fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|&v| v as i64).collect();
    Attribute { name: name.to_owned(), ints, kind: attribute::INTS, ..Attribute::default() }
}

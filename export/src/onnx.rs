//! Writes a [`Graph`] and its tensors as an ONNX file.
//!
//! Files use plain operators of opset 17, a symbolic batch dimension `n`, static shapes otherwise,
//! and no shape arithmetic: every engine since 2022 reads them. The writer only translates; folding
//! and quantization happen before. The format: <https://onnx.ai/onnx/repo-docs/IR.html>.

mod build;
mod error;
mod half_arithmetic;
pub(crate) mod messages;
mod operators;
mod storage;

pub use error::OnnxError;
pub use storage::Storage;

use std::collections::BTreeMap;

use models::graph::{Graph, Shape};
use models::tensors::Tensors;
use prost::Message;

use messages::{
    Dimension, GraphProto, Model, OperatorSet, StringPair, TensorShape, TensorType, Type,
    ValueInfo, data_type, dimension,
};

/// The operator set of written files.
pub const OPSET: u32 = 17;

/// The version of the file format.
pub const IR_VERSION: u32 = 8;

/// The name of the batch dimension.
pub const BATCH: &str = "n";

/// The producer that written files name.
pub const PRODUCER: &str = "handful-export";

/// The ONNX file of a network. The same arguments always give the same bytes.
///
/// Inputs are `[n, …]` and outputs `[n, …]` under the graph's own names. `storage` must be exact
/// for the tensors: see [`Storage`].
///
/// # Errors
/// [`OnnxError`] if the tensors are not the graph's, or `storage` would change a value.
pub fn write(
    graph: &Graph,
    tensors: &Tensors,
    storage: Storage<'_>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, OnnxError> {
    graph.check_parameters(tensors)?;
    let mut written = GraphProto { name: graph.name.clone(), ..GraphProto::default() };
    // Tensors first: ONNX wants their `Cast` and `DequantizeLinear` before the readers.
    for (name, tensor) in tensors {
        storage::add(&mut written, name, tensor, storage)?;
    }
    for node in &graph.nodes {
        operators::add(&mut written, node);
    }
    let shapes = graph.shapes()?;
    written.input = graph.inputs.iter().map(|input| value(&input.name, &input.shape)).collect();
    written.output = graph.outputs.iter().map(|name| value(name, &shapes[name])).collect();
    if matches!(storage, Storage::Halves) {
        half_arithmetic::convert(&mut written)?;
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
        metadata_props: pairs(metadata),
    }
}

/// In the order of a sorted map: equal metadata give equal bytes.
fn pairs(metadata: &BTreeMap<String, String>) -> Vec<StringPair> {
    metadata
        .iter()
        .map(|(key, value)| StringPair { key: key.clone(), value: value.clone() })
        .collect()
}

/// An ONNX file of another program with this version of the format and with these metadata.
///
/// They are written behind the file: in protobuf the last value of a field counts, and lists are
/// joined. So what this module does not know of the file stays as it is.
pub(crate) fn append(file: &[u8], ir_version: u32, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let added = Model {
        ir_version: i64::from(ir_version),
        metadata_props: pairs(metadata),
        ..Model::default()
    };
    [file, added.encode_to_vec().as_slice()].concat()
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

#[cfg(test)]
mod tests;

//! Reads the ONNX file of another program, and checks that it is a network from one image to one
//! embedding that every engine reads.

mod error;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use models::bundle::WeightStorage;
use prost::Message;

pub use error::{NetworkError, OPSETS};

use crate::onnx::messages::{GraphProto, Model, ValueInfo, data_location, data_type};
use shape::{ImageShape, image_shape, rank, shape_text, type_text};

/// The newest file format that ONNX Runtime 1.17 reads. Later ones add what these operator sets do
/// not use, so that a file is written as this one.
const NEWEST_IR_VERSION: i64 = 9;

/// A network of another program: an image in, an embedding out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxNetwork {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its input's name, `[n, 3, size, size]`.
    pub input: String,
    /// Its output's name, `[n, s]`.
    pub output: String,
    /// Height and width of its images; `None` where any size may go in.
    pub size: Option<usize>,
    /// Whether several images may go in at once.
    pub any_batch: bool,
    /// The operator set.
    pub opset: u32,
    /// The version of the file format to write.
    pub ir_version: u32,
    /// How most weights are stored.
    pub storage: WeightStorage,
    /// The program that the file names as its producer; empty if it names none.
    pub producer: String,
    /// The operator that computes the output.
    pub last_operator: String,
}

impl OnnxNetwork {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`NetworkError`] with what to do about it.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, NetworkError> {
        let model = Model::decode(bytes.as_slice()).map_err(NetworkError::not_onnx)?;
        let Some(graph) = model.graph.as_ref().filter(|graph| !graph.node.is_empty()) else {
            return Err(NetworkError::not_onnx("it has no operations"));
        };
        let opset = opset(&model)?;
        check_weights(graph)?;
        let input = only_input(graph)?;
        let ImageShape { size, any_batch } = image_shape(input)
            .map_err(|remedy| NetworkError::input_shape(&input.name, shape_text(input), remedy))?;
        let output = only_output(graph, &input.name)?;
        Ok(Self {
            input: input.name.clone(),
            output: output.name.clone(),
            size,
            any_batch,
            opset,
            ir_version: model.ir_version.clamp(0, NEWEST_IR_VERSION) as u32,
            storage: storage(graph),
            producer: producer(&model),
            last_operator: last_operator(graph, &output.name),
            bytes,
        })
    }
}

/// The program and its version.
fn producer(model: &Model) -> String {
    format!("{} {}", model.producer_name, model.producer_version).trim().to_owned()
}

fn opset(model: &Model) -> Result<u32, NetworkError> {
    let own = model.opset_import.iter().find(|set| matches!(&*set.domain, "" | "ai.onnx"));
    let got = own.map_or(0, |set| set.version);
    match u32::try_from(got) {
        Ok(opset) if OPSETS.contains(&got) => Ok(opset),
        _ => Err(NetworkError::Opset { got }),
    }
}

/// A bundle has one file for a network.
fn check_weights(graph: &GraphProto) -> Result<(), NetworkError> {
    let mut weights = graph.initializer.iter();
    match weights.find(|tensor| tensor.data_location == data_location::EXTERNAL) {
        Some(tensor) => Err(NetworkError::ExternalData { tensor: tensor.name.clone() }),
        None => Ok(()),
    }
}

fn only_input(graph: &GraphProto) -> Result<&ValueInfo, NetworkError> {
    // Older files list their weights among the inputs.
    let weights: BTreeSet<&str> = graph.initializer.iter().map(|w| w.name.as_str()).collect();
    let inputs = graph.input.iter().filter(|input| !weights.contains(input.name.as_str()));
    let inputs: Vec<&ValueInfo> = inputs.collect();
    match inputs.as_slice() {
        [input] => check_type("input", input).map(|()| *input),
        _ => Err(NetworkError::Inputs { got: names(&inputs) }),
    }
}

fn only_output<'a>(graph: &'a GraphProto, input: &str) -> Result<&'a ValueInfo, NetworkError> {
    let [output] = graph.output.as_slice() else {
        let got = names(&graph.output.iter().collect::<Vec<_>>());
        return Err(NetworkError::Outputs { input: input.to_owned(), got });
    };
    check_type("output", output)?;
    match rank(output) {
        // Without a stated shape the first run decides.
        None | Some(2) => Ok(output),
        Some(_) => Err(NetworkError::output_shape(&output.name, shape_text(output))),
    }
}

fn check_type(what: &'static str, value: &ValueInfo) -> Result<(), NetworkError> {
    match shape::elements(value) {
        Some(data_type::FLOAT) => Ok(()),
        other => {
            let got = type_text(other);
            Err(NetworkError::Type { what, name: value.name.clone(), got })
        }
    }
}

fn names(values: &[&ValueInfo]) -> Vec<String> {
    values.iter().map(|value| value.name.clone()).collect()
}

fn storage(graph: &GraphProto) -> WeightStorage {
    let halves = graph.initializer.iter().filter(|w| w.data_type == data_type::FLOAT16).count();
    if 2 * halves > graph.initializer.len() { WeightStorage::Fp16 } else { WeightStorage::Fp32 }
}

fn last_operator(graph: &GraphProto, output: &str) -> String {
    let last = graph.node.iter().find(|node| node.output.iter().any(|name| name == output));
    last.map_or_else(String::new, |node| node.op_type.clone())
}

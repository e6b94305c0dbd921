//! The Open Inference Protocol, version 2: metadata, inferences, and its own form of errors.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, IntoResponses, ToSchema};

use super::few::Few;

/// The most inputs or outputs of a call.
const MAX_TENSORS: usize = 16;

/// The most dimensions of a tensor.
const MAX_DIMENSIONS: usize = 8;

/// The service as a server of the Open Inference Protocol.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferenceServer {
    /// Always `handful`.
    #[schema(max_length = 64, example = "handful")]
    pub name: &'static str,
    /// The service's version.
    #[schema(max_length = 64, example = "0.1.0")]
    pub version: &'static str,
    /// The extensions of the protocol that it has.
    #[schema(value_type = Vec<String>, max_items = 16)]
    pub extensions: [&'static str; 1],
}

/// Whether the process answers.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct InferenceLive {
    /// Always true; a process that is not live does not answer.
    #[schema(example = true)]
    pub live: bool,
}

/// Whether the networks can be used.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct InferenceReady {
    /// Always true; a service that is not ready is a response with status 503.
    #[schema(example = true)]
    pub ready: bool,
}

/// Whether a network can be used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferenceModelReady {
    /// The name of the network.
    #[schema(max_length = 64, example = "backbone")]
    pub name: String,
    /// Always true; a network that is not ready is a response with status 503.
    #[schema(example = true)]
    pub ready: bool,
}

/// A network, its inputs and its outputs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferenceModel {
    /// The name of the network.
    #[schema(max_length = 64, example = "backbone")]
    pub name: String,
    /// The versions of the network that can be asked for; always `1`.
    #[schema(value_type = Vec<String>, max_items = 1)]
    pub versions: [&'static str; 1],
    /// The engine that runs the network, and the format of its file.
    #[schema(max_length = 64, example = "onnxruntime_onnx")]
    pub platform: String,
    /// The inputs, all of which a call needs.
    #[schema(max_items = 16)]
    pub inputs: Vec<InferenceTensor>,
    /// The outputs.
    #[schema(max_items = 16)]
    pub outputs: Vec<InferenceTensor>,
}

/// An input or output of a network.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferenceTensor {
    /// The name of the tensor.
    #[schema(max_length = 64, example = "image")]
    pub name: String,
    /// The type of its values.
    pub datatype: InferenceDatatype,
    /// Its shape. The first dimension is the batch: -1, which stands for any number up to the
    /// `max_files` of `/version`.
    #[schema(max_items = 8)]
    pub shape: Vec<i64>,
}

/// The type of the values of all tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum InferenceDatatype {
    /// 32-bit floating point.
    #[serde(rename = "FP32")]
    Fp32,
}

/// An inference to compute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InferRequest {
    /// Comes back in the answer.
    #[serde(default)]
    #[schema(max_length = 256, example = "42")]
    pub id: Option<String>,
    /// Options of the call.
    #[serde(default)]
    pub parameters: Option<InferParameters>,
    /// All inputs of the network, in any order.
    #[serde(deserialize_with = "tensors")]
    #[schema(min_items = 1, max_items = 16)]
    pub inputs: Vec<InferInput>,
    /// The outputs to answer, in this order; without this field, or without an entry, all of them.
    #[serde(default, deserialize_with = "optional_tensors")]
    #[schema(max_items = 16)]
    pub outputs: Option<Vec<InferRequestedOutput>>,
}

/// Options of an inference. Others are not used.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct InferParameters {
    /// True: outputs that do not state their `binary_data` are answered as binary data.
    #[serde(default)]
    #[schema(example = true)]
    pub binary_data_output: Option<bool>,
    /// Refused: the networks keep nothing between calls.
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub sequence_id: Option<IgnoredAny>,
}

/// The values of an input.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InferInput {
    /// The name of the input.
    #[schema(max_length = 64, example = "image")]
    pub name: String,
    /// The shape of the values: that of the input, with the batch as its first dimension.
    #[serde(deserialize_with = "dimensions")]
    #[schema(min_items = 1, max_items = 8)]
    pub shape: Vec<i64>,
    /// The type of the values.
    pub datatype: InferenceDatatype,
    /// Where the values are if they are not in `data`.
    #[serde(default)]
    pub parameters: Option<InferInputParameters>,
    /// The values as numbers, row after row: one list, or lists in lists as the shape states.
    #[serde(default)]
    #[schema(value_type = Option<Vec<serde_json::Value>>, max_items = 4194304)]
    pub data: Option<Box<RawValue>>,
}

/// Where the values of an input are. Other fields are not used.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct InferInputParameters {
    /// The values are this number of bytes behind the JSON: little-endian, row after row.
    #[serde(default)]
    #[schema(minimum = 0, example = 12288)]
    pub binary_data_size: Option<u64>,
    /// Refused: the service has no shared memory.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub shared_memory_region: Option<String>,
}

/// An output to answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InferRequestedOutput {
    /// The name of the output.
    #[schema(max_length = 64, example = "embedding")]
    pub name: String,
    /// How it is answered.
    #[serde(default)]
    pub parameters: Option<InferRequestedOutputParameters>,
}

/// How an output is answered. Other fields are not used.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct InferRequestedOutputParameters {
    /// True: its values are bytes behind the JSON; false: they are numbers in `data`.
    #[serde(default)]
    #[schema(example = false)]
    pub binary_data: Option<bool>,
    /// Refused unless it is 0: the outputs are no scores of classes.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub classification: Option<u64>,
    /// Refused: the service has no shared memory.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub shared_memory_region: Option<String>,
}

/// The result of an inference.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferAnswer {
    /// The name of the network.
    #[schema(max_length = 64, example = "backbone")]
    pub model_name: String,
    /// The version of the network; always `1`.
    #[schema(max_length = 8, example = "1")]
    pub model_version: &'static str,
    /// The `id` of the request; omitted if it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256, example = "42")]
    pub id: Option<String>,
    /// The outputs, in the order of the request or of the metadata.
    #[schema(max_items = 16)]
    pub outputs: Vec<InferOutput>,
}

/// The values of an output.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferOutput {
    /// The name of the output.
    #[schema(max_length = 64, example = "embedding")]
    pub name: String,
    /// The type of the values.
    pub datatype: InferenceDatatype,
    /// The shape of the values; the first dimension is the batch.
    #[schema(max_items = 8)]
    pub shape: Vec<usize>,
    /// Where the values are if they are not in `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<InferOutputParameters>,
    /// The values in one list, row after row; omitted if they are binary data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 4194304)]
    pub data: Option<Vec<f32>>,
}

/// Where the values of an output are.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct InferOutputParameters {
    /// The values are this number of bytes behind the JSON: little-endian, row after row, in the
    /// order of the outputs.
    #[schema(minimum = 0, example = 96)]
    pub binary_data_size: usize,
}

/// A JSON object as for `application/json`, and the bytes of its binary tensors behind it. The
/// header `inference-header-content-length` has the length of the JSON.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct BinaryTensors(Vec<u8>);

/// An error of the Open Inference Protocol.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InferenceError {
    /// What is wrong, what was expected, what to do.
    #[schema(max_length = 2000, example = "Input `image`: expected the shape [n, 3, 32, 32].")]
    pub error: String,
}

/// An error, in the form of the Open Inference Protocol.
#[derive(Debug, IntoResponses)]
#[response(status = "default", content_type = "application/json")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct AnyInferenceError(InferenceError);

/// The address of a network.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct InferenceModelPath {
    /// Name of the network: `backbone`, or `completer` if the bundle has one.
    #[param(min_length = 1, max_length = 64, example = "backbone")]
    model: String,
}

/// The address of a version of a network.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct InferenceVersionPath {
    /// Name of the network: `backbone`, or `completer` if the bundle has one.
    #[param(min_length = 1, max_length = 64, example = "backbone")]
    model: String,
    /// Version of the network; there is only `1`.
    #[param(min_length = 1, max_length = 8, example = "1")]
    version: String,
}

/// How the body of an inference is divided.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct InferenceHeaderLength {
    /// The length of the JSON, if bytes of binary tensors are behind it.
    #[param(rename = "inference-header-content-length", value_type = u32, required = false, minimum = 0)]
    length: Option<u32>,
}

fn tensors<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Few::<T, MAX_TENSORS>::deserialize(deserializer)?.0)
}

fn optional_tensors<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let tensors = Option::<Few<T, MAX_TENSORS>>::deserialize(deserializer)?;
    Ok(tensors.map(|Few(tensors)| tensors))
}

fn dimensions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    Ok(Few::<i64, MAX_DIMENSIONS>::deserialize(deserializer)?.0)
}

//! The answer to an inference: JSON, and the bytes of binary outputs behind it.

use std::iter::once;
use std::mem;
use std::sync::Arc;

use axum::response::Response;

use super::call::Call;
use crate::http::answers::{held, reserve};
use crate::http::body::INFERENCE_HEADER_LENGTH;
use crate::http::problem::Problem;
use crate::jobs::budget::Budget;
use crate::jobs::client::ClientAddress;
use crate::state::inference::{Network, VALUE_BYTES};
use crate::wire;

/// The one version of each network.
pub(super) const VERSION: &str = "1";

/// The answer to a call with the values of all outputs of the network, in its order.
///
/// # Errors
/// `busy` or `too_large` if there is no memory for it.
pub(super) fn new(
    buffers: &Arc<Budget>,
    client: ClientAddress,
    network: &Network,
    mut call: Call,
    mut values: Vec<Vec<f32>>,
) -> Result<Response, Problem> {
    let mut binary: Vec<u8> = Vec::new();
    let mut outputs = Vec::new();
    for wanted in &call.outputs {
        let tensor = &network.outputs[wanted.index];
        // No output is wanted twice.
        let values = mem::take(&mut values[wanted.index]);
        let binary_data_size = values.len() * VALUE_BYTES;
        if wanted.is_binary {
            binary.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        outputs.push(wire::InferOutput {
            name: tensor.name.clone(),
            datatype: wire::InferenceDatatype::Fp32,
            shape: once(call.rows).chain(tensor.row.iter().copied()).collect(),
            parameters: wanted
                .is_binary
                .then_some(wire::InferOutputParameters { binary_data_size }),
            data: (!wanted.is_binary).then_some(values),
        });
    }
    let answer = wire::InferAnswer {
        model_name: network.name.to_owned(),
        model_version: VERSION,
        id: call.id.take(),
        outputs,
    };
    let json = serde_json::to_vec(&answer).map_err(Problem::internal)?;
    let is_binary = call.outputs.iter().any(|wanted| wanted.is_binary);
    // Its values are needed no more, and count against the same share as the answer.
    drop(call);
    sent(buffers, client, json, is_binary.then_some(binary))
}

fn sent(
    buffers: &Arc<Budget>,
    client: ClientAddress,
    json: Vec<u8>,
    binary: Option<Vec<u8>>,
) -> Result<Response, Problem> {
    let Some(binary) = binary else {
        let memory = reserve(buffers, client, json.len())?;
        return Ok(held("application/json", json, memory));
    };
    let length = json.len();
    let bytes = [json, binary].concat();
    let memory = reserve(buffers, client, bytes.len())?;
    let mut response = held("application/octet-stream", bytes, memory);
    response.headers_mut().insert(INFERENCE_HEADER_LENGTH, length.into());
    Ok(response)
}

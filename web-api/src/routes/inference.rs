//! The Open Inference Protocol, version 2, as NVIDIA's Triton implements it over HTTP: the networks
//! of the bundle on tensors of the client, with the extension for binary tensors.
//!
//! Errors are problems here as everywhere; [`inference_error`](crate::http::inference_error) gives
//! them the form of the protocol.

mod answer;
mod call;
mod numbers;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use edge::attention::AttentionError;
use edge::embedder::EmbedError;
use edge::engine::EngineError;
use edge::recognizer::RecognizerError;
use tokio::task::spawn_blocking;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::http::body::TensorBody;
use crate::http::client::Client;
use crate::http::problem::{Code, Problem};
use crate::jobs::client::{Caller, ClientAddress};
use crate::jobs::error::JobError;
use crate::routes::operations;
use crate::state::AppState;
use crate::state::inference::{Network, Tensor};
use crate::wire::{self, BinaryTensors, InferAnswer, InferRequest};
use answer::VERSION;
use call::Call;

/// All calls of the protocol; each needs the role `read`.
pub(super) fn calls() -> Vec<UtoipaMethodRouter<Arc<AppState>>> {
    vec![
        routes!(server),
        routes!(live),
        routes!(ready),
        routes!(model),
        routes!(model_version),
        routes!(model_ready),
        routes!(model_version_ready),
        routes!(infer),
        routes!(infer_version),
    ]
}

/// The service as a server of the Open Inference Protocol, with the extensions that it has.
#[utoipa::path(get, path = "/v2", tag = "inference", operation_id = "read_inference_server",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The server", body = wire::InferenceServer), wire::NotModified, wire::AnyInferenceError))]
pub async fn server(State(state): State<Arc<AppState>>) -> Json<wire::InferenceServer> {
    Json(wire::InferenceServer {
        name: "handful",
        version: state.version.version,
        extensions: ["binary_tensor_data"],
    })
}

/// Liveness: the process answers.
#[utoipa::path(get, path = "/v2/health/live", tag = "inference", operation_id = "read_inference_liveness",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "The process answers", body = wire::InferenceLive), wire::NotModified, wire::AnyInferenceError))]
pub async fn live() -> Json<wire::InferenceLive> {
    Json(wire::InferenceLive { live: true })
}

/// Readiness: the same checks as those of `/readyz`.
#[utoipa::path(get, path = "/v2/health/ready", tag = "inference", operation_id = "read_inference_readiness",
    params(wire::IfNoneMatch),
    responses((status = 200, description = "All networks are ready", body = wire::InferenceReady), wire::NotModified,
        (status = 503, description = "The service is not ready", body = wire::InferenceError), wire::AnyInferenceError))]
pub async fn ready(
    State(state): State<Arc<AppState>>,
) -> Result<Json<wire::InferenceReady>, Problem> {
    let _: Json<wire::Health> = operations::ready(State(state)).await?;
    Ok(Json(wire::InferenceReady { ready: true }))
}

/// A network: the names, types and shapes of its inputs and outputs.
///
/// `backbone` turns preprocessed images into embeddings, those of `POST /v1/embed`. `completer` is
/// the ProtoComNet of bundles that have one.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "inference",
    operation_id = "read_inference_model",
    params(wire::InferenceModelPath, wire::IfNoneMatch),
    responses((status = 200, description = "The network", body = wire::InferenceModel), wire::NotModified, wire::AnyInferenceError))]
pub async fn model(
    State(state): State<Arc<AppState>>,
    Path(model): Path<String>,
) -> Result<Json<wire::InferenceModel>, Problem> {
    let network = find(&state, &model, VERSION)?;
    Ok(Json(metadata(&network)))
}

/// A version of a network: the same as the network, since there is one version.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}", tag = "inference",
    operation_id = "read_inference_model_version",
    params(wire::InferenceVersionPath, wire::IfNoneMatch),
    responses((status = 200, description = "The network", body = wire::InferenceModel), wire::NotModified, wire::AnyInferenceError))]
pub async fn model_version(
    State(state): State<Arc<AppState>>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<wire::InferenceModel>, Problem> {
    let network = find(&state, &model, &version)?;
    Ok(Json(metadata(&network)))
}

/// Readiness of a network.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference",
    operation_id = "read_inference_model_readiness",
    params(wire::InferenceModelPath, wire::IfNoneMatch),
    responses((status = 200, description = "The network is ready", body = wire::InferenceModelReady), wire::NotModified, wire::AnyInferenceError))]
pub async fn model_ready(
    State(state): State<Arc<AppState>>,
    Path(model): Path<String>,
) -> Result<Json<wire::InferenceModelReady>, Problem> {
    readiness(state, &model, VERSION).await
}

/// Readiness of a version of a network.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "inference",
    operation_id = "read_inference_model_version_readiness",
    params(wire::InferenceVersionPath, wire::IfNoneMatch),
    responses((status = 200, description = "The network is ready", body = wire::InferenceModelReady), wire::NotModified, wire::AnyInferenceError))]
pub async fn model_version_ready(
    State(state): State<Arc<AppState>>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<wire::InferenceModelReady>, Problem> {
    readiness(state, &model, &version).await
}

/// Runs a network on tensors of the client.
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference", operation_id = "infer",
    params(wire::InferenceModelPath, wire::InferenceHeaderLength),
    request_body(content((InferRequest = "application/json"),
        (BinaryTensors = "application/octet-stream"))),
    responses((status = 200, description = "The outputs; as bytes behind the JSON if one of them is binary data",
        content((InferAnswer = "application/json"), (BinaryTensors = "application/octet-stream"))),
        wire::AnyInferenceError))]
pub async fn infer(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path(model): Path<String>,
    body: TensorBody,
) -> Result<Response, Problem> {
    let network = find(&state, &model, VERSION)?;
    run(&state, client, network, body).await
}

/// Runs a version of a network on tensors of the client.
#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "inference",
    operation_id = "infer_version",
    params(wire::InferenceVersionPath, wire::InferenceHeaderLength),
    request_body(content((InferRequest = "application/json"),
        (BinaryTensors = "application/octet-stream"))),
    responses((status = 200, description = "The outputs; as bytes behind the JSON if one of them is binary data",
        content((InferAnswer = "application/json"), (BinaryTensors = "application/octet-stream"))),
        wire::AnyInferenceError))]
pub async fn infer_version(
    State(state): State<Arc<AppState>>,
    Client(client): Client,
    Path((model, version)): Path<(String, String)>,
    body: TensorBody,
) -> Result<Response, Problem> {
    let network = find(&state, &model, &version)?;
    run(&state, client, network, body).await
}

/// Parses the call, runs the network and makes the answer.
async fn run(
    state: &AppState,
    client: ClientAddress,
    network: Arc<Network>,
    body: TensorBody,
) -> Result<Response, Problem> {
    let max_rows = state.config.limits.max_files;
    let buffers = Arc::clone(&state.buffers);
    let of = Arc::clone(&network);
    // Megabytes of numbers take long enough to be parsed that other connections would wait.
    let call = spawn_blocking(move || Call::read(body, &of, max_rows, &buffers));
    let call = call.await.map_err(Problem::internal)??;
    let caller = Caller::for_images(client, call.rows);
    let values = state.infer(caller, &network, &call.inputs, call.rows).await.map_err(failed)?;
    answer::new(&state.buffers, client, &network, call, values)
}

fn find(state: &AppState, model: &str, version: &str) -> Result<Arc<Network>, Problem> {
    let Some(network) = state.networks.find(model) else {
        let names: Vec<_> = state.networks.names().map(|name| format!("`{name}`")).collect();
        let names = names.join(" and ");
        let detail = format!("There is no model `{model}`; this service has {names}.");
        return Err(Problem::new(Code::NotFound, detail));
    };
    if version != VERSION {
        let detail = format!("The model `{model}` has no version `{version}`, only `{VERSION}`.");
        return Err(Problem::new(Code::NotFound, detail));
    }
    Ok(Arc::clone(network))
}

async fn readiness(
    state: Arc<AppState>,
    model: &str,
    version: &str,
) -> Result<Json<wire::InferenceModelReady>, Problem> {
    let network = find(&state, model, version)?;
    let _: Json<wire::Health> = operations::ready(State(state)).await?;
    Ok(Json(wire::InferenceModelReady { name: network.name.to_owned(), ready: true }))
}

fn metadata(network: &Network) -> wire::InferenceModel {
    wire::InferenceModel {
        name: network.name.to_owned(),
        versions: [VERSION],
        platform: network.platform.clone(),
        inputs: network.inputs.iter().map(described).collect(),
        outputs: network.outputs.iter().map(described).collect(),
    }
}

fn described(tensor: &Tensor) -> wire::InferenceTensor {
    // -1 stands for any batch.
    let mut shape = vec![-1];
    shape.extend(tensor.row.iter().map(|dimension| *dimension as i64));
    wire::InferenceTensor {
        name: tensor.name.clone(),
        datatype: wire::InferenceDatatype::Fp32,
        shape,
    }
}

/// The problem of a network that did not run.
fn failed(error: JobError) -> Problem {
    match error {
        // The shapes fit, and the network has passed its self-test: the values are the cause.
        JobError::Recognizer(
            RecognizerError::Embed(EmbedError::Output { .. })
            | RecognizerError::Attention(AttentionError::Engine(EngineError::Output { .. })),
        ) => {
            let detail = "The network gives no finite output for these values: expected values on \
                          the scale of its training; check how they are normalized.";
            Problem::new(Code::BadRequest, detail)
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_not_finite_is_the_fault_of_the_input() {
        let error = EngineError::Output {
            name: "completed".to_owned(),
            expected: "finite values".to_owned(),
            got: "NaN".to_owned(),
        };
        let problem = failed(RecognizerError::from(AttentionError::from(error)).into());
        assert_eq!(problem.code(), Code::BadRequest);
        let refused = EngineError::Refused("out of memory".to_owned());
        let problem = failed(RecognizerError::from(EmbedError::from(refused)).into());
        assert_eq!(problem.code(), Code::Internal);
    }

    #[test]
    fn the_batch_is_described_as_minus_one() {
        let tensor = Tensor { name: "image".to_owned(), row: vec![3, 32, 32] };
        assert_eq!(described(&tensor).shape, [-1, 3, 32, 32]);
    }
}

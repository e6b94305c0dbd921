//! The Open Inference Protocol: the networks of the bundle on tensors of a client.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use models::bundle::{Bundle, BundleLimits};
use models::image::{ImageLimits, decode};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::draw;
use crate::service::{Service, tiny_bundle};

const INFER: &str = "/v2/models/backbone/infer";
const LENGTH: &str = "inference-header-content-length";

/// An image and what the tiny bundle's recipe makes of it.
fn image() -> (Vec<u8>, Vec<f32>) {
    let file = draw::png(draw::gradient(48, 40));
    let bundle = Bundle::open(&tiny_bundle(), &BundleLimits::default()).unwrap();
    let recipe = bundle.manifest.preprocess;
    let decoded = decode(&file, &ImageLimits::default(), recipe.detail()).unwrap();
    let input = recipe.apply(&decoded).unwrap();
    let values = input.iter().copied().collect();
    (file, values)
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// A request with binary tensors.
fn binary(service: &Service, path: &str, request: &Value, tensors: &[u8]) -> Answer {
    let json = request.to_string();
    let length = json.len().to_string();
    let headers = [("content-type", "application/octet-stream"), (LENGTH, length.as_str())];
    service.send("POST", path, &headers, &[json.as_bytes(), tensors].concat())
}

/// An error of the protocol.
fn assert_error(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert!(body["error"].as_str().unwrap().contains(words), "{words}: {body}");
}

#[test]
fn the_server_and_its_models_are_described() {
    let service = Service::knowing();
    let server = service.get("/v2").ok();
    assert_eq!(
        (&server["name"], &server["extensions"]),
        (&json!("handful"), &json!(["binary_tensor_data"]))
    );
    assert_eq!(service.get("/v2/health/live").ok(), json!({"live": true}));
    assert_eq!(service.get("/v2/health/ready").ok(), json!({"ready": true}));
    let backbone = service.get("/v2/models/backbone").ok();
    let expected = json!({
        "name": "backbone", "versions": ["1"], "platform": "tract_onnx",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32]}],
        "outputs": [{"name": "embedding", "datatype": "FP32", "shape": [-1, 24]}],
    });
    assert_eq!(backbone, expected);
    assert_eq!(service.get("/v2/models/backbone/versions/1").ok(), expected);
    let completer = service.get("/v2/models/completer").ok();
    assert_eq!(
        completer["inputs"][2],
        json!({"name": "attribute", "datatype": "FP32", "shape": [-1, 2, 24]})
    );
    assert_eq!(completer["outputs"][1]["name"], "weights");
    for path in ["/v2/models/completer/ready", "/v2/models/completer/versions/1/ready"] {
        assert_eq!(service.get(path).ok(), json!({"name": "completer", "ready": true}));
    }
}

#[test]
fn an_inference_has_the_numbers_of_embed() {
    let service = Service::start(&[]);
    let (file, values) = image();
    let embedded = service.post("/v1/embed", &file).ok();
    let expected = floats(&embedded["results"][0]["embedding"]);
    let input =
        json!({"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32", "data": values});
    let answer = service.post_json(INFER, &json!({"id": "a", "inputs": [input]}).to_string()).ok();
    assert_eq!((&answer["id"], &answer["model_version"]), (&json!("a"), &json!("1")));
    let output = &answer["outputs"][0];
    assert_eq!((&output["name"], &output["shape"]), (&json!("embedding"), &json!([1, 24])));
    assert_eq!(floats(&output["data"]), expected);

    let nested: Vec<Vec<&[f32]>> =
        values.chunks(32 * 32).map(|plane| plane.chunks(32).collect()).collect();
    let input =
        json!({"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32", "data": [nested]});
    let path = "/v2/models/backbone/versions/1/infer";
    let answer = service.post_json(path, &json!({"inputs": [input]}).to_string()).ok();
    assert_eq!(floats(&answer["outputs"][0]["data"]), expected);
    assert!(answer.get("id").is_none());

    // Two rows as bytes, answered as bytes.
    let bytes = little_endian(&[&values[..], &values[..]].concat());
    let request = json!({
        "parameters": {"binary_data_output": true},
        "inputs": [{"name": "image", "shape": [2, 3, 32, 32], "datatype": "FP32",
            "parameters": {"binary_data_size": bytes.len()}}],
    });
    let answer = binary(&service, INFER, &request, &bytes);
    assert_eq!(answer.status, 200);
    let length: usize = answer.header(LENGTH).unwrap().parse().unwrap();
    let head: Value = serde_json::from_slice(&answer.body[..length]).unwrap();
    assert_eq!(head["outputs"][0]["parameters"]["binary_data_size"], 2 * 24 * 4);
    assert_eq!(answer.body[length..], little_endian(&[&expected[..], &expected[..]].concat()));
}

#[test]
fn outputs_are_those_that_are_wanted() {
    let service = Service::knowing();
    let shapes = [
        ("prototype", vec![1, 24]),
        ("class_word", vec![1, 3]),
        ("attribute", vec![1, 2, 24]),
        ("attribute_word", vec![1, 2, 3]),
        ("mask", vec![1, 2]),
    ];
    let inputs: Vec<_> = shapes
        .iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            json!({"name": name, "shape": shape, "datatype": "FP32", "data": vec![0.5; count]})
        })
        .collect();
    let all = json!({"inputs": inputs}).to_string();
    let all = service.post_json("/v2/models/completer/infer", &all).ok();
    assert_eq!(all["outputs"].as_array().unwrap().len(), 2);
    let wanted = json!({"inputs": inputs, "outputs": [{"name": "weights"}]}).to_string();
    let wanted = service.post_json("/v2/models/completer/infer", &wanted).ok();
    assert_eq!(wanted["outputs"], json!([all["outputs"][1]]));
}

#[test]
fn errors_have_the_form_of_the_protocol() {
    let service = Service::start(&[]);
    assert_error(&service.get("/v2/models/other"), 404, "`backbone`");
    assert_error(&service.get("/v2/models/completer/ready"), 404, "no model");
    assert_error(&service.get("/v2/models/backbone/versions/2"), 404, "version `2`");
    assert_error(&service.get("/v2/nothing"), 404, "path");
    assert_error(&service.get(INFER), 405, "method");
    assert_error(&service.send("GET", "/v2", &[("host", "evil.example")], &[]), 403, "host");
    assert_error(
        &service.send("POST", INFER, &[("content-type", "text/plain")], b"x"),
        415,
        "json",
    );
    service.get("/v1/nothing").assert_problem(404, "not_found");
}

fn image_of_zeros() -> Value {
    let zeros = vec![0; 3 * 32 * 32];
    json!({"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32", "data": zeros})
}

#[test]
fn hostile_requests_are_refused() {
    let service = Service::start(&[]);
    let good = image_of_zeros();
    let with_output = |output: Value| json!({"inputs": [good], "outputs": [output]});
    for (request, words) in [
        (json!({}), "`inputs` is missing"),
        (json!({"inputs": []}), "`image` is missing"),
        (json!({"inputs": [good, good]}), "twice"),
        (json!({"inputs": vec![json!(good); 17]}), "at most 16"),
        (json!({"inputs": [good], "x": 1}), "Unknown field"),
        (json!({"inputs": [good], "id": "x".repeat(300)}), "256"),
        (json!({"inputs": [good], "parameters": {"sequence_id": 1}}), "sequence_id"),
        (with("name", json!("pixels")), "Unknown input"),
        (with("datatype", json!("INT32")), "FP32"),
        (with_output(json!({"name": "other"})), "Unknown output"),
        (
            with_output(json!({"name": "embedding", "parameters": {"classification": 3}})),
            "classification",
        ),
    ] {
        assert_error(&service.post_json(INFER, &request.to_string()), 400, words);
    }
    let deep = format!("{{\"inputs\":[{{\"data\":{}", "[".repeat(1 << 20));
    assert_error(&service.post_json(INFER, &deep), 400, "JSON");
    service.post_json(INFER, &json!({"inputs": [good]}).to_string()).ok();
}

/// A request with another value of a field of its input.
fn with(field: &str, value: Value) -> Value {
    let mut input = image_of_zeros();
    input[field] = value;
    json!({"inputs": [input]})
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let service = Service::start(&[]);
    let count = 3 * 32 * 32;
    for (request, words) in [
        (with("shape", json!([0, 3, 32, 32])), "1 to 64"),
        (with("shape", json!([-1, 3, 32, 32])), "1 to 64"),
        (with("shape", json!([65, 3, 32, 32])), "1 to 64"),
        (with("shape", json!([1, 3, 32])), "[n, 3, 32, 32]"),
        (with("shape", json!([1, 3, 32, -32])), "[n, 3, 32, 32]"),
        (with("shape", json!([i64::MAX, i64::MAX, i64::MAX, i64::MAX])), "[n, 3, 32, 32]"),
        (with("shape", json!(vec![1; 9])), "at most 8"),
        (with("shape", json!([2, 3, 32, 32])), "got"),
        (with("data", json!([1, 2])), "fewer"),
        (with("data", json!(vec![0; count + 1])), "got more"),
        (with("data", json!(vec!["0"; count])), "f32"),
        (with("data", json!(vec![1e39; count])), "range"),
        (with("data", Value::Null), "either `data`"),
        (with("parameters", json!({"binary_data_size": 4 * count})), "either `data`"),
        (with("parameters", json!({"shared_memory_region": "r"})), "shared-memory"),
    ] {
        assert_error(&service.post_json(INFER, &request.to_string()), 400, words);
    }
}

#[test]
fn hostile_binary_tensors_are_refused() {
    let service = Service::start(&[]);
    let bytes = little_endian(&vec![0.5; 3 * 32 * 32]);
    let of_size = |size: Value| {
        json!({"inputs": [{"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32",
            "parameters": {"binary_data_size": size}}]})
    };
    let right = of_size(json!(bytes.len()));
    assert_eq!(binary(&service, INFER, &right, &bytes).status, 200);
    let nan = little_endian(&vec![f32::NAN; 3 * 32 * 32]);
    assert_error(&binary(&service, INFER, &right, &nan), 400, "finite");
    assert_error(&binary(&service, INFER, &right, &bytes[1..]), 400, "behind the JSON");
    assert_error(
        &binary(&service, INFER, &right, &[&bytes[..], b"x"].concat()),
        400,
        "1 bytes more",
    );
    for wrong in [json!(4), json!(u64::MAX), json!(-4)] {
        assert_error(&binary(&service, INFER, &of_size(wrong), &bytes), 400, "binary_data_size");
    }
    for length in ["99999999999999999999", "1000000000", "-1", "x"] {
        let answer = service.send("POST", INFER, &[(LENGTH, length)], &bytes);
        assert_error(&answer, 400, "Inference-Header-Content-Length");
    }
    let small = Service::start(&["--max-body-bytes", "1000"]);
    assert_error(&binary(&small, INFER, &right, &bytes), 413, "1000");
}

fn python() -> Result<PathBuf, &'static str> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    if !python.is_file() {
        return Err("there is no .venv; `cargo xtask setup` makes it");
    }
    let mut import = Command::new(&python);
    import.args(["-c", "import tritonclient.http"]).stderr(Stdio::null());
    let is_there = import.status().is_ok_and(|status| status.success());
    is_there.then_some(python).ok_or("no tritonclient in .venv; `cargo xtask setup` installs it")
}

#[test]
fn the_client_of_triton_runs_both_networks() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: the client of Triton: {reason}"),
    };
    let service = Service::knowing();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inference_client.py");
    let output = Command::new(python).arg(script).arg(&service.address).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["server"]["name"], "handful");
    assert_eq!(printed["model"], service.get("/v2/models/backbone").ok());
    let values: Vec<f32> = (0..3 * 32 * 32).map(|i| (i % 7 - 3) as f32).collect();
    let input =
        json!({"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32", "data": values});
    let answer = service.post_json(INFER, &json!({"inputs": [input]}).to_string()).ok();
    assert_eq!(floats(&printed["embedding"]), floats(&answer["outputs"][0]["data"]));
}

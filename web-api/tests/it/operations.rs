//! Health, version, metrics, the page's files, and headers of every response.

use crate::draw;
use crate::service::{CLASSES, CLASSIFY, Service};

#[test]
fn the_service_is_live_and_ready() {
    let service = Service::start(&[]);
    assert_eq!(service.get("/livez").ok()["status"], "ok");
    let ready = service.get("/readyz").ok();
    assert_eq!(ready["checks"]["engine"], "self-test passed");
    assert_eq!(ready["checks"]["store"], "open");
    // tract was asked for, so nothing may replace it.
    let engine = serde_json::json!({"provider": "tract", "precision": "fp32", "candidates": []});
    assert_eq!(ready["engine"], engine);
}

#[test]
fn the_version_names_bundle_engine_and_limits() {
    let service = Service::start(&["--max-files", "7"]);
    let version = service.get("/version").ok();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["bundle"]["space_id"].as_str().unwrap().len(), 64);
    assert_eq!(version["engine"]["provider"], "tract");
    assert_eq!(version["engine"]["rejected"], serde_json::json!([]));
    assert_eq!(version["engine"]["candidates"], serde_json::json!([]));
    assert_eq!(version["limits"]["max_files"], 7);
}

#[test]
fn rejected_engines_are_reported_with_their_reasons() {
    let store = tempfile::tempdir().unwrap();
    let mut command = crate::service::tiny(store.path(), &[]);
    // Later values win. A machine of the tests has ONNX Runtime for the processor or not at all.
    command.args(["--engine", "auto"]).env_remove("ORT_DYLIB_PATH");
    let service = Service::run(&mut command);
    let engine = service.get("/version").ok()["engine"].clone();
    let rejections = engine["rejected"].as_array().unwrap();
    let chosen = if rejections.is_empty() { "onnxruntime/cpu" } else { "tract" };
    assert_eq!(engine["provider"], chosen);
    for (rejected, provider) in rejections.iter().zip(["cpu"]) {
        assert_eq!(rejected["provider"], format!("onnxruntime/{provider}"));
        let reason = rejected["reason"].as_str().unwrap();
        assert!(
            service.report.contains(&format!("rejected onnxruntime/{provider}: {reason}")),
            "{}",
            service.report
        );
    }
}

#[test]
fn metrics_count_requests_and_images() {
    let service = Service::start(&[]);
    service.post(CLASSIFY, &draw::png(draw::gradient(9, 9))).ok();
    service.get("/nowhere");
    let answer = service.get("/metrics");
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text();
    let route = "route=\"/v1/galleries/{gallery}/classify\"";
    for expected in [
        format!("handful_http_requests_total{{method=\"POST\",{route},status=\"200\"}} 1"),
        "handful_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1".to_owned(),
        format!("handful_http_request_duration_seconds_count{{method=\"POST\",{route}}} 1"),
        "handful_images_embedded_total 1".to_owned(),
        "handful_queue_images 0".to_owned(),
        "provider=\"tract\"} 1".to_owned(),
        "handful_connections ".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected} is missing in\n{text}");
    }
    assert_eq!(text.matches("_info{").count(), 1);
}

#[test]
fn every_response_has_a_request_id_and_security_headers() {
    let service = Service::start(&[]);
    for path in ["/", "/livez", "/nowhere", CLASSES, "/page/style.css"] {
        let answer = service.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{path}");
    }
    let answer = service.send("GET", "/livez", &[("x-request-id", "mine-1")], &[]);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let service = Service::start(&[]);
    service.get("/nowhere").assert_problem(404, "not_found");
    service.get("/page/../main.rs").assert_problem(404, "not_found");
    service.get("/page/secret.txt").assert_problem(404, "not_found");
    let answer = service.send("PUT", CLASSES, &[], &[]);
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    service.delete("/").assert_problem(405, "method_not_allowed");
}

#[test]
fn head_is_get_without_the_body() {
    let service = Service::start(&[]);
    let mut connection = crate::client::Connection::open(&service.address);
    let head = crate::client::head(&service.address, "HEAD", "/", &[("connection", "close")]);
    connection.write(head.as_bytes()).unwrap();
    let answer = String::from_utf8(connection.read_to_end()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn the_page_and_all_it_loads_are_served() {
    let service = Service::start(&[]);
    let page = service.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let mut waiting = vec![page.text()];
    let mut seen = Vec::new();
    while let Some(text) = waiting.pop() {
        // The page names a file `page/NAME`, a script another one `./NAME`.
        let name =
            |part: &str| Some(part.strip_prefix("page/").or(part.strip_prefix("./"))?.to_owned());
        for name in text.split('"').filter_map(name) {
            if !seen.contains(&name) {
                let answer = service.get(&format!("/page/{name}"));
                assert_eq!(answer.status, 200, "{name}");
                seen.push(name);
                waiting.push(answer.text());
            }
        }
    }
    assert!(seen.len() >= 9, "{seen:?}");
}

#[test]
fn requests_from_other_origins_and_host_names_are_refused() {
    let service = Service::start(&["--allow-host", "device.lan"]);
    let send = |name: &str, value: &str| service.send("GET", "/livez", &[(name, value)], &[]);
    send("host", "evil.example").assert_problem(403, "forbidden");
    send("origin", "https://evil.example").assert_problem(403, "forbidden");
    send("origin", "null").assert_problem(403, "forbidden");
    assert_eq!(send("host", "device.lan").status, 200);
    assert_eq!(send("host", "localhost:1").status, 200);
    assert_eq!(send("origin", &format!("http://{}", service.address)).status, 200);
}

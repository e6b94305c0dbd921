//! The committed description of the API is the one that is served.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::draw;
use crate::service::Service;

/// Written anew with `UPDATE_GOLDEN=1`.
#[test]
fn the_committed_document_is_the_served_one() {
    let served = Service::start(&[]).get("/openapi.json");
    assert_eq!(served.header("content-type"), Some("application/json"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, served.text()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(
        committed == served.text(),
        "docs/openapi.json is out of date; run with UPDATE_GOLDEN=1"
    );
}

/// Every response has a description and an example, every field and parameter a bound.
#[test]
fn the_document_is_complete() {
    let document = Service::start(&[]).get("/openapi.json").ok();
    let mut missing = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let here = format!("{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                check_response(response, &format!("{here} {status}"), &mut missing);
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let here = format!("{here} {}", parameter["name"]);
                check_schema(&parameter["schema"], &here, &mut missing);
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let here = format!("{name}.{field}");
            check_schema(schema, &here, &mut missing);
            // A value that may be null has the description of its own schema.
            let is_described = schema.get("$ref").or(schema.get("oneOf")).is_some();
            if !is_described && schema["description"].as_str().is_none() {
                missing.push(format!("{here}: description"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn check_response(response: &Value, here: &str, missing: &mut Vec<String>) {
    if response["description"].as_str().is_none_or(str::is_empty) {
        missing.push(format!("{here}: description"));
    }
    let content = response["content"].as_object();
    // An answer with status 204 or 304 has no body.
    if content.is_none() && !here.ends_with(" 204") && !here.ends_with(" 304") {
        missing.push(format!("{here}: content"));
    }
    for (kind, content) in content.into_iter().flatten() {
        if content.get("example").is_none() {
            missing.push(format!("{here} {kind}: example"));
        }
    }
}

/// Texts, numbers and lists must be bounded, also inside of a list.
fn check_schema(schema: &Value, here: &str, missing: &mut Vec<String>) {
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let bounds: &[&str] = match kinds.iter().find(|kind| **kind != "null") {
        Some(&"string") => &["maxLength", "pattern", "enum", "format"],
        Some(&"integer" | &"number") => &["minimum"],
        Some(&"array") => &["maxItems"],
        _ => return,
    };
    if !bounds.iter().any(|bound| schema.get(bound).is_some()) {
        missing.push(format!("{here}: one of {bounds:?}"));
    }
}

/// An example that shows other fields than an answer would be a false promise.
#[test]
fn the_examples_have_the_fields_of_real_answers() {
    let service = Service::rejecting();
    let image = draw::png(draw::gradient(32, 32));
    service.post("/v1/galleries/default/classes/red/examples?create=true", &image).ok();
    service.put("/v1/galleries/gone", "").ok();
    service.delete("/v1/galleries/gone").ok();
    let document = service.get("/openapi.json").ok();
    let gallery = "/v1/galleries/{gallery}";
    let background = format!("{gallery}/background/examples");
    let class = format!("{gallery}/classes/{{class}}");
    let real = |path: &str| path.replace("{gallery}", "default").replace("{class}", "red");
    let post = |path: &str| (path.to_owned(), "post", service.post(&real(path), &image).ok());
    let get = |path: &str| (path.to_owned(), "get", service.get(&real(path)).ok());
    let bare =
        |path: &str| (path.to_owned(), "post", service.send("POST", &real(path), &[], &[]).ok());
    let explained = service.post(&real(&format!("{gallery}/classify?explain=true")), &image).ok();
    for (path, method, answer) in [
        post(&background),
        get(&background),
        get(gallery),
        get("/v1/galleries"),
        get("/v1/deleted-galleries"),
        get(&format!("{gallery}/classes")),
        get(&class),
        post(&format!("{class}/examples")),
        (format!("{gallery}/classify"), "post", explained),
        post(&format!("{gallery}/calibrate")),
        get(&format!("{gallery}/doctor")),
        get(&format!("{gallery}/reembed")),
        post("/v1/embed"),
        post(&format!("{gallery}/search")),
        get(&format!("{class}/examples")),
        get(&format!("{gallery}/history")),
        bare(&format!("{gallery}/undo")),
        bare(&format!("{gallery}/redo")),
        bare(&format!("{gallery}/purge")),
        get("/version"),
        get("/v1/doctor"),
        get("/readyz"),
    ] {
        let responses = &document["paths"][&path][method]["responses"];
        let success = if responses["201"].is_object() { "201" } else { "200" };
        let example = &responses[success]["content"]["application/json"]["example"];
        let unknown: Vec<_> = fields(example).difference(&fields(&answer)).cloned().collect();
        // Lists may be empty and values null in this answer, with all that the example has there.
        let unknown: Vec<_> = unknown.iter().filter(|field| is_there(&answer, field)).collect();
        assert!(unknown.is_empty(), "{method} {path} does not answer {unknown:?}: {answer}");
        let hidden: Vec<_> = fields(&answer).difference(&fields(example)).cloned().collect();
        assert!(hidden.is_empty(), "the example of {method} {path} lacks {hidden:?}");
    }
}

/// The paths of all fields, `results[].label`; those of all elements of a list are one.
fn fields(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(format!(".{name}"));
                found.extend(fields(value).iter().map(|field| format!(".{name}{field}")));
            }
        }
        Value::Array(values) => {
            let inner = values.iter().flat_map(fields);
            found.extend(inner.map(|field| format!("[]{field}")));
        }
        _ => {}
    }
    found
}

/// Whether the object that should have the field is in the answer.
fn is_there(answer: &Value, field: &str) -> bool {
    let parent = field.rsplit_once('.').map_or("", |(parent, _)| parent);
    parent.is_empty() || fields(answer).iter().any(|field| field.starts_with(&format!("{parent}.")))
}

#[test]
fn every_route_documents_its_problems() {
    let service = Service::start(&[]);
    let document = service.get("/openapi.json").ok();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 43);
    for (path, method, success) in [
        ("/v1/galleries/{gallery}", "patch", "200"),
        ("/v1/galleries/{gallery}/calibrate", "post", "200"),
        ("/v1/galleries/{gallery}/doctor", "get", "200"),
        ("/v1/galleries/{gallery}/export", "get", "200"),
        ("/v1/galleries/{gallery}/import", "post", "200"),
        ("/v1/galleries/{gallery}/background/examples", "post", "201"),
        ("/v1/galleries/{gallery}/classes", "get", "200"),
        ("/v1/galleries/{gallery}/classes/{class}", "patch", "200"),
        ("/v1/galleries/{gallery}/classes/{class}", "delete", "200"),
        ("/v1/galleries/{gallery}/classes/{class}/examples", "get", "200"),
        ("/v1/galleries/{gallery}/classes/{class}/examples", "post", "201"),
        ("/v1/galleries/{gallery}/examples/{example}", "delete", "200"),
        ("/v1/galleries/{gallery}/examples/{example}/image", "get", "200"),
        ("/v1/galleries/{gallery}/undo", "post", "200"),
        ("/v1/galleries/{gallery}/classify", "post", "200"),
        ("/v1/embed", "post", "200"),
    ] {
        let responses = &paths[path][method]["responses"];
        assert!(responses[success].is_object(), "{method} {path}");
        assert!(
            responses["default"]["content"]["application/problem+json"].is_object(),
            "{method} {path}"
        );
    }
    let top = &paths["/v1/galleries/{gallery}/classify"]["post"]["parameters"][1];
    assert_eq!(
        (&top["name"], &top["in"], &top["required"]),
        (&"top".into(), &"query".into(), &false.into())
    );
}

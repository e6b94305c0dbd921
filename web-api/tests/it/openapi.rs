//! The committed description of the API is the one that is served.

use std::fs;
use std::path::Path;

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

#[test]
fn every_route_documents_its_problems() {
    let service = Service::start(&[]);
    let document = service.get("/openapi.json").ok();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 16);
    for (path, method, success) in [
        ("/v1/galleries/{gallery}", "patch", "200"),
        ("/v1/galleries/{gallery}/calibrate", "post", "200"),
        ("/v1/galleries/{gallery}/background/examples", "post", "201"),
        ("/v1/galleries/{gallery}/classes", "get", "200"),
        ("/v1/galleries/{gallery}/classes/{class}", "patch", "200"),
        ("/v1/galleries/{gallery}/classes/{class}", "delete", "200"),
        ("/v1/galleries/{gallery}/classes/{class}/examples", "post", "201"),
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

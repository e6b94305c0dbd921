//! Behind a reverse proxy: its headers, and the path below which it shows the service.

use std::path::Path;

use access::Role;
use access::keys::Keys;

use crate::service::{Service, tiny};

/// A service that trusts the address of the tests as a proxy.
fn behind_a_proxy(store: &Path, args: &[&str]) -> Service {
    let trusting = ["--trusted-proxy", "127.0.0.1", "--insecure", "--allow-host", "device.lan"];
    Service::run(&mut tiny(store, &[&trusting, args].concat()))
}

#[test]
fn the_host_of_a_trusted_proxy_is_the_one_that_is_checked() {
    let store = tempfile::tempdir().unwrap();
    let service = behind_a_proxy(store.path(), &[]);
    let asked = |headers: &[(&str, &str)]| service.send("GET", "/v1/galleries", headers, &[]);
    let host = ("x-forwarded-host", "device.lan");
    assert_eq!(asked(&[("host", "upstream"), host]).status, 200);
    assert_eq!(asked(&[host, ("origin", "https://device.lan")]).status, 200);
    asked(&[host, ("origin", "https://evil.example")]).assert_problem(403, "forbidden");
    asked(&[("x-forwarded-host", "evil.example")]).assert_problem(403, "forbidden");
    asked(&[("x-forwarded-host", "a b")]).assert_problem(400, "bad_request");
}

#[test]
fn a_malformed_address_of_a_trusted_proxy_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let service = behind_a_proxy(store.path(), &[]);
    for (header, status) in [
        (("x-forwarded-for", "192.0.2.7"), 200),
        (("x-forwarded-for", "spoofed, 192.0.2.7, 127.0.0.1"), 200),
        (("x-forwarded-for", "192.0.2.7, nowhere"), 400),
        (("forwarded", "for=\"[2001:db8::1]:80\""), 200),
        (("forwarded", "for=nowhere"), 400),
    ] {
        let answer = service.send("GET", "/v1/galleries", &[header], &[]);
        assert_eq!(answer.status, status, "{header:?}: {}", answer.text());
    }
}

#[test]
fn headers_of_others_have_no_effect() {
    let store = tempfile::tempdir().unwrap();
    let key = Keys::add(store.path(), "reader", Role::Read, None).unwrap().to_string();
    let service = Service::start_on(store.path(), &[]);
    for header in [("x-forwarded-for", "nowhere"), ("x-forwarded-host", "evil.example")] {
        let headers = [header, ("x-api-key", key.as_str())];
        assert_eq!(service.send("GET", "/v1/galleries", &headers, &[]).status, 200, "{header:?}");
    }
}

/// Also if the service does not know of the proxy.
#[test]
fn a_service_without_keys_is_not_for_clients_of_a_proxy() {
    let service = Service::start(&[]);
    let passed_on =
        |path: &str| service.send("GET", path, &[("x-forwarded-for", "192.0.2.7")], &[]);
    let refused = passed_on("/v1/galleries");
    refused.assert_problem(401, "unauthorized");
    assert!(refused.text().contains("handful keys add"), "{}", refused.text());
    for path in ["/livez", "/"] {
        assert_eq!(passed_on(path).status, 200, "{path}");
    }
    assert_eq!(service.get("/v1/galleries").status, 200);
}

#[test]
fn a_base_path_may_be_passed_on_or_not() {
    let service = Service::start(&["--base-path", "/handful", "--insecure"]);
    for path in ["/handful/livez", "/livez", "/handful/v1/deleted-galleries?limit=1", "/handful/"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    for path in ["/handfuls/livez", "/other/livez"] {
        service.get(path).assert_problem(404, "not_found");
    }
    let redirect = service.get("/handful");
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/handful/")));
    assert!(redirect.header("x-request-id").is_some());
    let document = service.get("/handful/openapi.json").ok();
    assert_eq!(document["servers"][0]["url"], "/handful");
}

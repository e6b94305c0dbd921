//! `handful-server --check-health`: what a container asks its service with.

use std::path::Path;

use access::certificate::SelfSigned;

use crate::service::{Service, binary, tiny};

/// The exit code of a check, and its message.
fn check(address: &str) -> (Option<i32>, String) {
    let output = binary(&["--check-health", "--listen", address]).output().unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_service_is_ready_until_it_stops_or_its_store_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let service = Service::start_on(&store, &[]);
    assert_eq!(check(&service.address), (Some(0), String::new()));
    std::fs::remove_dir_all(&store).unwrap();
    let (code, message) = check(&service.address);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("is not ready: "), "{message}");
    let address = service.address.clone();
    drop(service);
    let (code, message) = check(&address);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("does not answer") && message.lines().count() == 1, "{message}");
}

#[test]
fn keys_and_unix_sockets_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("unix:{}", folder.path().join("handful.sock").display());
    let args = ["--listen", listen.as_str(), "--trusted-proxy", "unix", "--setup"];
    let _service = Service::run(&mut tiny(&folder.path().join("store"), &args));
    assert_eq!(check(&listen), (Some(0), String::new()));
}

#[test]
fn a_certificate_of_any_signer_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // Not for the address that is asked.
    let made = SelfSigned::make(&["elsewhere.example".to_owned()]).unwrap();
    write(&file("cert.pem"), &made.certificate_pem);
    write(&file("key.pem"), &made.key_pem);
    let args = ["--tls-cert", &file("cert.pem"), "--tls-key", &file("key.pem")];
    let service = Service::run(&mut tiny(Path::new(&file("store")), &args));
    assert!(service.report.contains("https://"), "{}", service.report);
    assert_eq!(check(&service.address), (Some(0), String::new()));
}

fn write(path: &str, text: &str) {
    std::fs::write(path, text).unwrap();
}

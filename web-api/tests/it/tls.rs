//! TLS from outside, with curl as the client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use access::certificate::SelfSigned;
use tempfile::TempDir;

use crate::client::{self, Connection};
use crate::service::{Service, tiny};

/// A folder with a pair of files and a store.
struct Pair(TempDir);

impl Pair {
    fn new() -> Self {
        let pair = Self(tempfile::tempdir().unwrap());
        pair.write();
        pair
    }

    /// A new pair in the same files.
    fn write(&self) {
        let made = SelfSigned::make(&["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        fs::write(self.certificate(), made.certificate_pem).unwrap();
        fs::write(self.key(), made.key_pem).unwrap();
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = tiny(&self.0.path().join("store"), args);
        command.arg("--tls-cert").arg(self.certificate()).arg("--tls-key").arg(self.key());
        command
    }
}

/// What curl prints for a path, or `None` if it does not accept the certificate.
fn curl(service: &Service, authority: &Path, args: &[&str], path: &str) -> Option<String> {
    let url = format!("https://{}{path}", service.address);
    let mut command = Command::new("curl");
    // 127.0.0.1 is no host for a proxy of the environment.
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--cacert"]);
    let Output { status, stdout, .. } =
        command.arg(authority).args(args).arg(url).output().unwrap();
    status.success().then(|| String::from_utf8(stdout).unwrap())
}

fn has_curl() -> bool {
    let is_there = Command::new("curl").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: curl, the client with TLS, is missing");
    }
    is_there
}

#[test]
fn requests_are_answered_over_both_versions_of_tls() {
    if !has_curl() {
        return;
    }
    let pair = Pair::new();
    let service = Service::run(&mut pair.command(&[]));
    assert!(service.report.contains("listening on https://127.0.0.1:"), "{}", service.report);
    assert!(service.report.contains("cert.pem"), "{}", service.report);
    for version in [&["--tlsv1.3"][..], &["--tlsv1.2", "--tls-max", "1.2"]] {
        let health = curl(&service, &pair.certificate(), version, "/livez");
        assert!(health.unwrap().contains("\"ok\""), "{version:?}");
    }
    assert!(curl(&service, &Pair::new().certificate(), &[], "/livez").is_none(), "another one");
}

#[test]
fn a_renewed_certificate_is_used_and_a_wrong_one_is_not() {
    if !has_curl() {
        return;
    }
    let pair = Pair::new();
    let mut service = Service::run(&mut pair.command(&[]));
    let first = pair.0.path().join("first.pem");
    fs::copy(pair.certificate(), &first).unwrap();
    let is_answered = |authority: &Path| {
        // The files are looked at once a second.
        thread::sleep(Duration::from_millis(1100));
        curl(&service, authority, &[], "/livez").is_some()
    };
    fs::write(pair.key(), "no key").unwrap();
    assert!(is_answered(&first));
    assert!(is_answered(&first), "and again");
    pair.write();
    assert!(is_answered(&pair.certificate()));
    assert!(!is_answered(&first));
    service.signal("-TERM");
    assert!(service.wait().success());
    let log = service.errors();
    assert_eq!(log.matches("the former certificate stays in use").count(), 1, "{log}");
}

#[test]
fn http_on_the_port_of_tls_is_sent_to_https() {
    let pair = Pair::new();
    let service = Service::run(&mut pair.command(&[]));
    let answer = service.get("/v1/galleries?x=1");
    assert_eq!(answer.status, 308);
    let location = format!("https://{}/v1/galleries?x=1", service.address);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let refused = service.post_json("/v1/galleries", "{}");
    refused.assert_problem(400, "bad_request");
    assert!(refused.text().contains("https://"), "{}", refused.text());
}

#[test]
fn a_client_that_never_finishes_its_handshake_is_closed() {
    let pair = Pair::new();
    let service = Service::run(&mut pair.command(&["--receive-seconds", "1"]));
    let mut silent = Connection::open(&service.address);
    let mut slow = Connection::open(&service.address);
    slow.write(&[0x16, 3, 1]).unwrap();
    assert!(silent.read_to_end().is_empty() && slow.read_to_end().is_empty());
    // Neither delays the end.
    let _open = Connection::open(&service.address);
    assert!(service.stop().success());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let pair = Pair::new();
    let refused = |expected: &str| {
        let output = pair.command(&[]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(expected) && errors.trim().lines().count() == 1, "{errors}");
    };
    fs::copy(Pair::new().key(), pair.key()).unwrap();
    refused("is not that of the certificate");
    fs::write(pair.key(), "no key").unwrap();
    refused("key.pem has no private key");
    fs::write(pair.certificate(), "no certificate").unwrap();
    refused("cert.pem has no certificate");
    fs::remove_file(pair.certificate()).unwrap();
    refused("cert.pem");
}

#[test]
fn other_machines_get_the_certificate_of_the_store() {
    let store = tempfile::tempdir().unwrap();
    let made = SelfSigned::make(&["localhost".to_owned()]).unwrap();
    made.write(&store.path().join("tls"), false).unwrap();
    let everywhere = ["--listen", "0.0.0.0:0", "--insecure"];
    let service = Service::run(&mut tiny(store.path(), &everywhere));
    assert!(service.report.contains("listening on https://"), "{}", service.report);
    let plain = client::request(&service.address, "GET", "/livez", &[], &[]);
    assert_eq!(plain.status, 308);
    assert!(service.stop().success());
    let local = Service::start_on(store.path(), &[]);
    assert!(local.report.contains("listening on http://"), "{}", local.report);
}

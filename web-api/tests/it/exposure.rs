//! Who may reach the service, and the first start in a network.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use access::Role;
use access::certificate::SelfSigned;
use access::keys::Keys;

use crate::service::{Service, tiny};

const EVERYWHERE: [&str; 2] = ["--listen", "0.0.0.0:0"];

/// Exit code and what was written, of a start that fails.
fn refused(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = command.output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// What is after `name` in the start-up report.
fn line<'a>(service: &'a Service, name: &str) -> &'a str {
    let lines = service.report.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix(name)).next().unwrap_or_default().trim()
}

#[test]
fn a_service_without_keys_is_for_this_machine_only() {
    let store = tempfile::tempdir().unwrap();
    let (code, text) = refused(&mut tiny(store.path(), &EVERYWHERE));
    assert_eq!(code, Some(2), "{text}");
    let at_store = format!("--store {}\n", store.path().display());
    for expected in [
        at_store.as_str(),
        "handful keys add admin --role admin --store",
        "handful tls self-signed --store",
        "--listen 0.0.0.0:0",
        "--setup",
        "--insecure",
    ] {
        assert!(text.contains(expected), "`{expected}` is missing in: {text}");
    }
    assert!(!store.path().join("keys.json").exists());
    let (code, text) = refused(&mut tiny(store.path(), &["--trusted-proxy", "127.0.0.1"]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--trusted-proxy"), "{text}");
    let local = Service::start_on(store.path(), &[]);
    assert_eq!(line(&local, "keys"), "none made: everyone on this machine is admin");
}

#[test]
fn insecure_opens_it_to_everyone() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::run(tiny(store.path(), &EVERYWHERE).arg("--insecure"));
    // The address is one to connect to.
    assert!(!service.address.starts_with("0.0.0.0"), "{}", service.report);
    assert_eq!(service.get("/livez").status, 200);
    assert_eq!(line(&service, "keys"), "none made: everyone who reaches this address is admin");
    assert!(service.report.contains("listening on http://"), "{}", service.report);
}

#[test]
fn keys_open_the_network() {
    let store = tempfile::tempdir().unwrap();
    Keys::add(store.path(), "reader", Role::Read, None).unwrap();
    let mut service = Service::run(&mut tiny(store.path(), &EVERYWHERE));
    assert_eq!(line(&service, "keys"), "required (1 made)");
    service.signal("-TERM");
    assert!(service.wait().success());
    let warning = service.errors();
    assert!(warning.contains("not encrypted") && warning.contains("https"), "{warning}");
}

#[test]
fn rights_of_all_users_are_warned_of() {
    let store = tempfile::tempdir().unwrap();
    Keys::add(store.path(), "reader", Role::Read, None).unwrap();
    let made = SelfSigned::make(&["localhost".to_owned()]).unwrap();
    let files = made.write(&store.path().join("tls"), false).unwrap();
    for (path, mode) in
        [(&Keys::path(store.path()), 0o644), (&files.key, 0o644), (&store.path().to_owned(), 0o777)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut service = Service::run(&mut tiny(store.path(), &EVERYWHERE));
    service.signal("-TERM");
    assert!(service.wait().success());
    let log = service.errors();
    for words in ["keys.json", "key.pem", "may replace the keys"] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[test]
fn set_up_makes_and_shows_a_key_once() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::run(tiny(store.path(), &EVERYWHERE).arg("--setup"));
    assert!(service.report.contains("listening on https://"), "{}", service.report);
    assert!(line(&service, "TLS").ends_with("tls/cert.pem"), "{}", service.report);
    assert!(service.report.contains('█'), "{}", service.report);
    let keys = Keys::read(store.path()).unwrap().unwrap();
    let shown: Vec<&str> =
        service.report.split_whitespace().filter(|word| keys.find(word).is_some()).collect();
    assert_eq!(shown.len(), 1, "{}", service.report);
    assert_eq!(keys.list()[0].role, Role::Admin);
    let certificate = fs::read(store.path().join("tls/cert.pem")).unwrap();
    assert!(service.stop().success());
    let again = Service::run(tiny(store.path(), &EVERYWHERE).arg("--setup"));
    assert!(!again.report.split_whitespace().any(|word| keys.find(word).is_some()));
    assert_eq!(fs::read(store.path().join("tls/cert.pem")).unwrap(), certificate);
}

/// A service whose standard output is the writing end of a pipe that is given as the journal's.
fn in_the_journal(store: &Path) -> (Option<i32>, String) {
    let (_reader, writer) = io::pipe().unwrap();
    let metadata =
        fs::File::from(std::os::fd::OwnedFd::from(writer.try_clone().unwrap())).metadata().unwrap();
    let mut command = tiny(store, &EVERYWHERE);
    command.arg("--setup");
    command.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
    let errors = command.stdout(writer).output().unwrap();
    (errors.status.code(), String::from_utf8(errors.stderr).unwrap())
}

#[test]
fn set_up_writes_no_key_into_a_log() {
    let store = tempfile::tempdir().unwrap();
    let (code, text) = in_the_journal(store.path());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("journal") && text.contains("handful keys add admin"), "{text}");
    assert!(Keys::read(store.path()).unwrap().is_none());
}

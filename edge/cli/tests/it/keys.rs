//! `handful keys` and `handful tls`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use crate::bad_input::assert_refused;
use crate::sandbox::{Outcome, Sandbox};

const STORE: [&str; 2] = ["--store", "store"];

/// Where the store of a sandbox is, which need not exist.
fn store(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("store")
}

fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    sandbox.run(&[&STORE[..], args].concat())
}

fn ok(sandbox: &Sandbox, args: &[&str]) -> String {
    sandbox.ok(&[&STORE[..], args].concat())
}

fn json(sandbox: &Sandbox, args: &[&str]) -> serde_json::Value {
    sandbox.json(&[&STORE[..], args, &["--json"]].concat())
}

#[test]
fn a_key_is_made_listed_and_revoked() {
    let sandbox = Sandbox::new();
    let none = ok(&sandbox, &["keys", "list"]);
    assert!(none.contains("no key was ever made") && none.contains("is open"), "{none}");
    assert!(!store(&sandbox).exists(), "a list makes no store");
    let text = ok(&sandbox, &["keys", "add", "phone", "--role", "admin"]);
    let key = text.lines().next().unwrap();
    assert!(key.starts_with("hf_") && key.len() == 67, "{text}");
    assert_eq!(text.matches(key).count(), 1, "{text}");
    for words in ["role admin, all galleries", "not shown again", "Authorization: Bearer KEY"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let args = ["keys", "add", "camera", "--role", "enroll", "--gallery", "line 2"];
    let added = json(&sandbox, &args);
    assert_eq!(added["gallery"], "line 2");
    assert_eq!(added.as_object().unwrap().len(), 4, "{added}");
    assert!(added["key"].as_str().unwrap().starts_with("hf_"), "{added}");

    let list = ok(&sandbox, &["keys", "list"]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines[0], "name    role    gallery  created (UTC)");
    assert!(lines[1].starts_with("phone   admin   (all)    20"), "{list}");
    assert!(lines[2].starts_with("camera  enroll  line 2   20"), "{list}");
    assert!(!list.contains("hf_"), "{list}");
    let listed = json(&sandbox, &["keys", "list"]);
    assert_eq!((&listed["open"], &listed["keys"][0]["gallery"]), (&false.into(), &().into()));
    assert_eq!(listed["keys"][1]["role"], "enroll");

    let revoked = ok(&sandbox, &["keys", "revoke", "phone"]);
    assert_eq!(revoked.lines().count(), 1, "{revoked}");
    let last = ok(&sandbox, &["keys", "revoke", "camera"]);
    for words in ["refuses everyone until", "without the file keys.json", "would be open"] {
        assert!(last.contains(words), "{words}: {last}");
    }
    assert!(ok(&sandbox, &["keys", "list"]).contains("refuses everyone"));
    assert_eq!(json(&sandbox, &["keys", "list"]), serde_json::json!({"open": false, "keys": []}));
}

#[test]
fn the_environment_limits_a_key_too() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["keys", "add", "a", "--role", "read", "--json"]);
    let output = command.env("HANDFUL_GALLERY", "line 2").output().unwrap();
    let added: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(added["gallery"], "line 2");
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    let sandbox = Sandbox::new();
    for (name, words) in [
        ("", ["is empty", "1 to 64 characters"]),
        (" a", ["spaces around it", "1 to 64 characters"]),
        ("a\nb", ["control character", "1 to 64 characters"]),
        ("cli", ["the history uses `cli`", "another name"]),
        ("Salvage", ["the history uses `Salvage`", "another name"]),
    ] {
        let outcome = run(&sandbox, &["keys", "add", name, "--role", "read"]);
        assert_refused(&outcome, 2, &words);
    }
    let args = ["keys", "add", "a", "--role", "read", "--gallery", "a/b"];
    assert_refused(&run(&sandbox, &args), 2, &["contains `/`"]);
    for args in [&["keys", "add", "a", "--role", "root"][..], &["keys", "add", "a"]] {
        let outcome = run(&sandbox, args);
        assert!(outcome.code == 2 && outcome.err.contains("--role"), "{outcome:?}");
    }
    let unknown = ["keys", "revoke", "a"];
    let words = ["there is no key `a`", "handful keys list"];
    assert_refused(&run(&sandbox, &unknown), 2, &words);
    assert!(!store(&sandbox).exists(), "nothing was made");
    ok(&sandbox, &["keys", "add", "a", "--role", "read"]);
    let taken = run(&sandbox, &["keys", "add", "A", "--role", "admin"]);
    assert_refused(&taken, 2, &["a key `A` already", "revoke that one first"]);
    assert_refused(&run(&sandbox, &["keys", "revoke", "b"]), 2, &["no key `b`"]);
}

#[test]
fn a_damaged_file_is_never_taken_for_no_keys() {
    let sandbox = Sandbox::new();
    ok(&sandbox, &["keys", "add", "a", "--role", "read"]);
    let path = store(&sandbox).join("keys.json");
    fs::write(&path, "{}").unwrap();
    for args in
        [&["keys", "list"][..], &["keys", "add", "b", "--role", "read"], &["keys", "revoke", "a"]]
    {
        let outcome = run(&sandbox, args);
        assert_refused(&outcome, 1, &["keys.json is damaged", "put a copy of it back"]);
        assert_eq!(outcome.out, "");
    }
    assert_eq!(fs::read(&path).unwrap(), b"{}");
}

#[test]
fn rights_of_others_are_warned_of() {
    let sandbox = Sandbox::new();
    ok(&sandbox, &["keys", "add", "a", "--role", "read"]);
    let path = store(&sandbox).join("keys.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let listed = run(&sandbox, &["keys", "list"]);
    assert!(listed.code == 0 && listed.err.contains("chmod 600"), "{listed:?}");
    let added = run(&sandbox, &["keys", "add", "b", "--role", "read"]);
    assert!(added.code == 0 && added.err.contains("until now"), "{added:?}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(run(&sandbox, &["keys", "list"]).err, "");
    fs::set_permissions(store(&sandbox), fs::Permissions::from_mode(0o777)).unwrap();
    let listed = run(&sandbox, &["keys", "list"]);
    assert!(listed.code == 0 && listed.err.contains("chmod o-w"), "{listed:?}");
    let made = run(&sandbox, &["tls", "self-signed"]);
    assert!(made.code == 0 && made.err.is_empty(), "its folder is private: {made:?}");
    let shared = store(&sandbox).display().to_string();
    let made = run(&sandbox, &["tls", "self-signed", "--out", &shared]);
    assert!(made.code == 0 && made.err.contains("chmod o-w"), "{made:?}");
}

#[test]
fn keys_are_made_while_another_program_has_the_store() {
    let sandbox = Sandbox::new();
    fs::create_dir(store(&sandbox)).unwrap();
    let lock = fs::File::create(store(&sandbox).join("lock")).unwrap();
    lock.lock().unwrap();
    ok(&sandbox, &["keys", "add", "a", "--role", "read"]);
    ok(&sandbox, &["tls", "self-signed"]);
    let busy = run(&sandbox, &["galleries", "create", "x"]);
    assert_ne!(busy.code, 0, "{busy:?}");
}

#[test]
fn a_certificate_is_made_once_unless_it_is_forced() {
    let sandbox = Sandbox::new();
    let text = ok(&sandbox, &["tls", "self-signed"]);
    for words in ["localhost", "127.0.0.1", "valid until", "SHA-256", "--tls-cert", "--tls-key"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let folder = store(&sandbox).join("tls");
    let key = fs::read_to_string(folder.join("key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!text.contains(key.lines().nth(1).unwrap()));
    assert_eq!(fs::metadata(folder.join("key.pem")).unwrap().mode() & 0o777, 0o600);
    let again = run(&sandbox, &["tls", "self-signed"]);
    assert_refused(&again, 2, &["cert.pem exists already", "--force", "another folder"]);
    assert_eq!(fs::read_to_string(folder.join("key.pem")).unwrap(), key);
    let made = json(&sandbox, &["tls", "self-signed", "--force", "--days", "1"]);
    assert_ne!(fs::read_to_string(folder.join("key.pem")).unwrap(), key);
    assert_eq!(made["sha256"].as_str().unwrap().split(':').count(), 32);
    assert!(made["valid_until"].as_str().unwrap().ends_with('Z'), "{made}");
}

#[test]
fn a_certificate_has_the_names_and_the_folder_that_are_given() {
    let sandbox = Sandbox::new();
    let args =
        ["tls", "self-signed", "--out", "pair", "--name", "Cam.Example.com", "--name", "::1"];
    let made = json(&sandbox, &args);
    assert_eq!(made["names"], serde_json::json!(["cam.example.com", "::1"]));
    assert!(sandbox.path("pair/cert.pem").exists() && sandbox.path("pair/key.pem").exists());
    assert!(!store(&sandbox).exists(), "nothing was made in the store");
    let bad = ["tls", "self-signed", "--name", "https://cam.example.com:8080"];
    let words = ["is no name for a certificate", "without https:// and port"];
    assert_refused(&run(&sandbox, &bad), 2, &words);
    let long = run(&sandbox, &["tls", "self-signed", "--days", "0"]);
    assert!(long.code == 2 && long.err.contains("--days"), "{long:?}");
    fs::write(sandbox.path("file"), "x").unwrap();
    let outcome = run(&sandbox, &["tls", "self-signed", "--out", "file/below"]);
    assert_refused(&outcome, 1, &["cannot create"]);
}

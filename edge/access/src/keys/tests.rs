//! Keys in a folder: added, found, revoked, and files that Handful did not write.

#![allow(clippy::unwrap_used)]
use std::fs;

use models::fault::{Blame, Fault};

use super::*;

fn add(store: &Path, name: &str) -> String {
    Keys::add(store, name, Role::Read, None).unwrap().to_string()
}

fn names(store: &Path) -> Vec<String> {
    let keys = Keys::read(store).unwrap().unwrap();
    keys.list().iter().map(|key| key.name.clone()).collect()
}

#[test]
fn each_key_is_found_by_its_text_only() {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join("not/yet");
    assert!(Keys::read(&folder).unwrap().is_none());
    let secrets: Vec<String> = (0..5).map(|at| add(&folder, &format!("key {at}"))).collect();
    Keys::add(&folder, "line", Role::Admin, Some("line 2")).unwrap();
    let keys = Keys::read(&folder).unwrap().unwrap();
    for (at, secret) in secrets.iter().enumerate() {
        assert!(secret.starts_with("hf_") && secret.len() == 67, "{secret}");
        assert_eq!(keys.find(secret).unwrap().name, format!("key {at}"));
        for wrong in [&secret[1..], &secret[..66], &format!("{secret} "), &secret.to_uppercase()] {
            assert!(keys.find(wrong).is_none(), "{wrong}");
        }
    }
    assert!(keys.find("").is_none());
    let line = keys.list().last().unwrap();
    assert_eq!((line.role, line.gallery.as_deref()), (Role::Admin, Some("line 2")));
    assert!(line.created_at.ends_with('Z'), "{line:?}");
    // The texts of keys are in no file.
    for entry in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(secrets.iter().all(|secret| !text.contains(&secret[3..])));
    }
}

#[test]
fn a_revoked_key_is_not_found_and_the_file_stays() {
    let store = tempfile::tempdir().unwrap();
    let [first, second] = ["a", "b"].map(|name| add(store.path(), name));
    assert_eq!(Keys::revoke(store.path(), "A").unwrap().name, "a");
    let keys = Keys::read(store.path()).unwrap().unwrap();
    assert!(keys.find(&first).is_none() && keys.find(&second).is_some());
    let again = Keys::revoke(store.path(), "a").unwrap_err();
    assert_eq!(again.to_string(), "there is no key `a`; `handful keys list` shows them");
    assert_eq!(again.blame(), Blame::Input);
    Keys::revoke(store.path(), "b").unwrap();
    let keys = Keys::read(store.path()).unwrap().expect("the service stays closed");
    assert!(keys.list().is_empty() && keys.find(&second).is_none());
    assert_ne!(add(store.path(), "a"), first);
}

#[test]
fn a_key_of_the_same_name_is_another_key() {
    let store = tempfile::tempdir().unwrap();
    let identity = || Keys::read(store.path()).unwrap().unwrap().list()[0].identity();
    add(store.path(), "a");
    let first = identity();
    assert_eq!(identity(), first);
    let text = fs::read_to_string(Keys::path(store.path())).unwrap();
    assert!(!text.contains(&first), "it is not what the file has");
    for (from, to) in [("\"read\"", "\"admin\""), ("null", "\"line 2\"")] {
        fs::write(Keys::path(store.path()), text.replace(from, to)).unwrap();
        assert_ne!(identity(), first, "{to}");
    }
    Keys::revoke(store.path(), "a").unwrap();
    add(store.path(), "a");
    assert_ne!(identity(), first);
}

#[test]
fn nothing_is_made_to_revoke_a_key() {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join("none");
    assert!(matches!(Keys::revoke(&folder, "a"), Err(KeysError::Unknown(_))));
    assert!(!folder.exists());
}

#[test]
fn keys_that_are_added_at_once_are_all_kept() {
    const THREADS: usize = 8;
    const EACH: usize = 5;
    let store = tempfile::tempdir().unwrap();
    let path = &store.path();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for at in 0..EACH {
                    add(path, &format!("{thread}-{at}"));
                    // A reader meets no half of a file.
                    assert!(!names(path).is_empty());
                }
            });
        }
    });
    assert_eq!(names(path).len(), THREADS * EACH);
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let store = tempfile::tempdir().unwrap();
    add(store.path(), "a");
    let path = Keys::path(store.path());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert!(!Keys::is_exposed(store.path()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(Keys::is_exposed(store.path()));
    assert_eq!(names(store.path()), ["a"], "it is read all the same");
    add(store.path(), "b");
    assert!(!Keys::is_exposed(store.path()));
}

#[test]
fn names_and_galleries_follow_rules() {
    let store = tempfile::tempdir().unwrap();
    let long = "x".repeat(65);
    for name in ["", " ", " a", "a ", "a\nb", "a\u{202E}b", "a\u{200B}b", &long] {
        let error = Keys::add(store.path(), name, Role::Read, None).unwrap_err();
        assert!(matches!(error, KeysError::BadName(_)), "{name:?}: {error}");
        assert_eq!((error.blame(), error.to_string().lines().count()), (Blame::Input, 1));
    }
    for name in ["cli", "Page", "HTTP", "library", "retention", "salvage"] {
        let error = Keys::add(store.path(), name, Role::Read, None).unwrap_err();
        assert!(matches!(error, KeysError::Reserved(_)), "{name}: {error}");
    }
    let long = "x".repeat(129);
    for gallery in ["", " ", "a/b", "a\u{7}", &long] {
        let error = Keys::add(store.path(), "a", Role::Read, Some(gallery)).unwrap_err();
        assert!(matches!(error, KeysError::BadGallery(_)), "{gallery:?}: {error}");
    }
    assert!(!Keys::path(store.path()).exists(), "nothing was made");
    let longest = "é".repeat(64);
    for name in ["Camera 2", "杯子", &longest] {
        Keys::add(store.path(), name, Role::Read, Some(&longest.repeat(2))).unwrap();
    }
    let taken = Keys::add(store.path(), "camera  2", Role::Read, None).unwrap_err();
    assert!(matches!(taken, KeysError::Taken(_)) && taken.blame() == Blame::Input, "{taken}");
    assert_eq!(names(store.path()), ["Camera 2", "杯子", &longest]);
}

/// A file with keys of the longest names and galleries.
fn long_file(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(long_row).collect();
    format!("{{\"format\":1,\"keys\":[{}]}}", rows.join(","))
}

fn long_row(at: usize) -> String {
    let name = serde_json::to_string(&format!("{}{at:06}", "\"".repeat(58))).unwrap();
    let gallery = serde_json::to_string(&"\u{1F600}".repeat(128)).unwrap();
    let hash = models::hex::sha256(&at.to_le_bytes());
    format!(
        "{{\"name\":{name},\"role\":\"read\",\"gallery\":{gallery},\
         \"created_at\":\"2026-11-30T13:15:07.250Z\",\"sha256\":\"{hash}\"}}"
    )
}

#[test]
fn the_most_keys_are_read_and_no_more_are_added() {
    let store = tempfile::tempdir().unwrap();
    let path = Keys::path(store.path());
    fs::write(&path, long_file(MAX_KEYS)).unwrap();
    assert_eq!(names(store.path()).len(), MAX_KEYS);
    let more = Keys::add(store.path(), "a", Role::Read, None).unwrap_err();
    assert!(matches!(more, KeysError::TooMany), "{more}");
    fs::write(&path, long_file(MAX_KEYS + 1)).unwrap();
    assert!(matches!(Keys::read(store.path()), Err(KeysError::Damaged { .. })));
    fs::write(&path, long_file(MAX_KEYS - 1)).unwrap();
    add(store.path(), "a");
    assert_eq!(names(store.path()).len(), MAX_KEYS);
}

/// A row of a file with one key, of which one part is replaced.
fn edited(from: &str, to: &str) -> String {
    let hash = "0123456789abcdef".repeat(4);
    let row = format!(
        "{{\"name\":\"a\",\"role\":\"read\",\"gallery\":null,\
         \"created_at\":\"2026-11-30T13:15:07Z\",\"sha256\":\"{hash}\"}}"
    );
    let text = format!(r#"{{"format":1,"keys":[{row}]}}"#);
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn a_file_that_handful_did_not_write_is_an_error_in_a_line() {
    let store = tempfile::tempdir().unwrap();
    let path = Keys::path(store.path());
    fs::write(&path, edited("", "")).unwrap();
    assert_eq!(names(store.path()), ["a"]);
    let twice = edited("", "").replace("}]", "},") + &edited("", "")[21..];
    let deep = "[".repeat(100_000);
    let secret = "hf_0123456789";
    for text in [
        "",
        "{}",
        "null",
        "[]",
        "not JSON\n",
        &deep,
        "{\"format\":1}",
        "{\"format\":1,\"keys\":null}",
        &edited("\"format\":1", "\"format\":2"),
        &edited("\"format\":1", "\"format\":\"1\""),
        &edited("\"keys\"", "\"keys\":[],\"keys\""),
        &edited("\"keys\"", "\"open\":true,\"keys\""),
        &edited("\"role\"", "\"admin\":1,\"role\""),
        &edited("\"read\"", "\"root\""),
        &edited("\"read\"", &format!("\"{secret}\"")),
        &edited("\"a\"", "\" a\""),
        &edited("\"a\"", "\"\\n\""),
        &edited("null", "\"a/b\""),
        &edited("2026", "year"),
        &edited("07Z", "07+02:00"),
        &edited("07Z", "07.Z"),
        &edited("0123", "012"),
        &edited("0123", "012é"),
        &edited("0123", "wxyz"),
        &edited("0123", secret),
        &(edited("", "") + "x"),
        &twice,
        &" ".repeat(5 << 20),
    ] {
        fs::write(&path, text).unwrap();
        let start: String = text.chars().take(200).collect();
        let error = Keys::read(store.path()).expect_err(&start);
        assert!(matches!(error, KeysError::Damaged { .. }), "{start}: {error}");
        let shown = error.to_string();
        assert_eq!((shown.lines().count(), error.blame()), (1, Blame::Machine), "{start}");
        assert!(!shown.contains(secret) && shown.len() < 400, "{shown}");
        let before = fs::read(&path).unwrap();
        assert!(Keys::add(store.path(), "b", Role::Read, None).is_err(), "{start}");
        assert!(Keys::revoke(store.path(), "a").is_err(), "{start}");
        assert_eq!(fs::read(&path).unwrap(), before, "{start}");
    }
    fs::write(&path, [0xFF, 0xFE]).unwrap();
    assert!(matches!(Keys::read(store.path()), Err(KeysError::Damaged { .. })));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_taken_for_no_keys() {
    let store = tempfile::tempdir().unwrap();
    let path = Keys::path(store.path());
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    assert!(matches!(Keys::read(store.path()), Err(KeysError::Disk(_))));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert!(matches!(Keys::read(store.path()), Err(KeysError::Damaged { .. })));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(Keys::read(store.path()), Err(KeysError::Damaged { .. })));
    // The folder of the store is a file.
    assert!(Keys::read(&path.join("x")).unwrap().is_none());
    fs::write(store.path().join("file"), "x").unwrap();
    assert!(matches!(Keys::read(&store.path().join("file")), Err(KeysError::Disk(_))));
}

#[test]
fn no_key_is_shown_by_mistake() {
    let secret = Secret::draw().unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    let store = tempfile::tempdir().unwrap();
    add(store.path(), "a");
    let keys = format!("{:?}", Keys::read(store.path()).unwrap().unwrap());
    assert!(keys.contains("hidden") && !keys.contains("Hash(["), "{keys}");
}

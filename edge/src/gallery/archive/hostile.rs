//! Files that are damaged or made to do harm: each is refused, and nothing changes.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;

use super::round_trip::{SPACE, Store, small};
use super::zip::{self, END_BYTES, End};
use super::{Archive, EntryName, Measured};
use crate::gallery::error::ArchiveError;

/// The entries of an archive with their contents, to be joined anew.
fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let end = End::read(bytes[bytes.len() - END_BYTES..].try_into().unwrap()).unwrap();
    let mut at = usize::try_from(end.directory).unwrap();
    let mut found = Vec::new();
    for _ in 0..end.entries {
        let length = usize::from(u16::from_le_bytes([bytes[at + 28], bytes[at + 29]]));
        let name = String::from_utf8(bytes[at + 46..][..length].to_vec()).unwrap();
        let (size, _, offset) = zip::record_fields(&bytes[at..], &name);
        let start = usize::try_from(offset + zip::local_len(&name)).unwrap();
        let content = bytes[start..][..usize::try_from(size).unwrap()].to_vec();
        at += usize::try_from(zip::record_len(&name)).unwrap();
        found.push((name, content));
    }
    found
}

/// An archive of these entries, as a writer of such files makes it.
fn joined(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let Measured { size, crc, .. } = Measured::of(content);
        directory.extend(zip::record(name, size, crc, bytes.len() as u64));
        bytes.extend(zip::local(name, size, crc));
        bytes.extend(content);
    }
    let end = End {
        entries: entries.len() as u64,
        directory: bytes.len() as u64,
        directory_len: directory.len() as u64,
    };
    bytes.extend(directory);
    bytes.extend(end.bytes());
    bytes
}

/// The same with a manifest that states what the entries are.
fn stated(mut entries: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let (_, manifest) = entries.pop().unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let mut listed = Vec::new();
    for (name, content) in &entries {
        let Measured { size, sha256, .. } = Measured::of(content);
        listed.push(serde_json::json!({ "name": name, "size": size, "sha256": sha256 }));
    }
    manifest["entries"] = listed.into();
    entries.push((EntryName::Manifest.to_string(), manifest.to_string().into_bytes()));
    joined(&entries)
}

/// An archive whose entries are changed, with a manifest that fits them.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
    let mut entries = entries(bytes);
    change(&mut entries);
    stated(entries)
}

/// The same with a change of the manifest.
fn restated(bytes: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut entries = entries(bytes);
    let (_, manifest) = entries.last_mut().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    change(&mut value);
    *manifest = value.to_string().into_bytes();
    joined(&entries)
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let bytes = small().bytes();
    let mut store = Store::new();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(store.open(&flipped).is_err(), "byte {at}");
    }
    for end in (0..bytes.len()).step_by(17) {
        assert!(store.open(&bytes[..end]).is_err(), "cut at {end}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(store.open(&longer).is_err());
    assert!(store.import(&bytes).is_ok(), "the file itself is right");
}

#[test]
fn an_archive_that_was_packed_anew_and_states_the_truth_is_read() {
    let bytes = small().bytes();
    assert!(Store::new().import(&changed(&bytes, |_| {})).is_ok());
    assert!(Store::new().import(&restated(&bytes, |_| {})).is_ok());
}

/// A file, a part of its refusal.
type Case = (&'static str, Vec<u8>, &'static str);

fn hostile_entries(bytes: &[u8]) -> Vec<Case> {
    let image = entries(bytes)[1].0.clone();
    let other = format!("images/e_{:032x}", 7);
    vec![
        ("a parent folder", changed(bytes, |all| all[1].0 = "../x".into()), "not the name"),
        ("an absolute name", changed(bytes, |all| all[1].0 = "/etc/x".into()), "not the name"),
        ("one entry twice", changed(bytes, |all| all.insert(1, all[1].clone())), "once"),
        ("another order", changed(bytes, |all| all.swap(1, 2)), "in their order"),
        ("no journal", changed(bytes, |all| drop(all.remove(all.len() - 2))), "in their order"),
        ("an image is missing", changed(bytes, |all| drop(all.remove(1))), "counts other"),
        ("an image of nothing", changed(bytes, |all| all[1].0 = other), "no example"),
        ("an entry more", changed(bytes, |all| all.insert(2, (image + "0", vec![]))), "not the"),
        ("no finite value", changed(bytes, |all| all[0].1[264..268].fill(0xFF)), "finite"),
        ("half an embedding", changed(bytes, |all| all[0].1.truncate(270)), "finite"),
        ("no JSON", changed(bytes, |all| journal(all).extend(b"{}\n")), "of its journal"),
        ("no end of line", changed(bytes, |all| journal(all).truncate(99)), "cut or too long"),
        ("a long line", changed(bytes, |all| journal(all).extend([b' '; 99_999])), "too long"),
        ("a change twice", changed(bytes, |all| twice(journal(all))), "not in order"),
    ]
}

/// The content of the journal, which is the last but one.
fn journal(entries: &mut [(String, Vec<u8>)]) -> &mut Vec<u8> {
    let at = entries.len() - 2;
    &mut entries[at].1
}

/// Repeats the last line.
fn twice(journal: &mut Vec<u8>) {
    let end = journal.len() - 1;
    let start = journal[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = journal[start..].to_vec();
    journal.extend(line);
}

fn hostile_manifests(bytes: &[u8]) -> Vec<Case> {
    let huge = u64::MAX / 2;
    vec![
        ("another hash", restated(bytes, hash), "is damaged"),
        ("a large size", restated(bytes, |all| size(all, huge)), "expected at most"),
        ("a small size", restated(bytes, |all| size(all, 1)), "not as long"),
        ("a field more", restated(bytes, |all| all["more"] = 1.into()), "unknown field"),
        ("no entries", restated(bytes, |all| all["entries"] = Vec::<u8>::new().into()), "list"),
        ("another format", restated(bytes, |all| all["format"] = 2.into()), "another version"),
        ("another layout", restated(bytes, |all| all["layout"] = "x".into()), "another version"),
        ("another length", restated(bytes, |all| all["embedding_length"] = 2.into()), "finite"),
        ("no length", restated(bytes, |all| drop(all["embedding_length"].take())), "finite"),
        ("another count", restated(bytes, |all| all["images"] = 9.into()), "counts other"),
        ("another space", restated(bytes, |all| all["space_id"] = "b".into()), "another model"),
        ("no name", restated(bytes, |all| all["gallery"] = "".into()), "its manifest"),
    ]
}

fn hash(manifest: &mut serde_json::Value) {
    manifest["entries"][0]["sha256"] = "00".repeat(32).into();
}

fn size(manifest: &mut serde_json::Value, size: u64) {
    manifest["entries"][0]["size"] = size.into();
}

/// Files whose frame is wrong.
fn hostile_frames(bytes: &[u8]) -> Vec<Case> {
    let mut many = bytes[..bytes.len() - END_BYTES].to_vec();
    let end = End::read(bytes[bytes.len() - END_BYTES..].try_into().unwrap()).unwrap();
    many.extend(End { entries: 1_000_000, ..end }.bytes());
    let mut manifest = entries(bytes);
    manifest.last_mut().unwrap().1.extend(vec![b' '; 1 << 20]);
    vec![
        ("an empty file", Vec::new(), "only 0 bytes"),
        ("another file", vec![7; 5000], "its end is missing"),
        ("a huge entries", many, "its end is missing"),
        ("a long manifest", joined(&manifest), "expected at most"),
        ("no manifest", joined(&entries(bytes)[..2]), "its manifest is missing"),
    ]
}

#[test]
fn files_that_do_harm_are_refused_and_change_nothing() {
    let mut store = small();
    let bytes = store.bytes();
    let frames = hostile_frames(&bytes);
    let cases = hostile_entries(&bytes).into_iter().chain(hostile_manifests(&bytes)).chain(frames);
    for (name, file, words) in cases {
        let refusal = store.refusal(&file);
        assert!(refusal.contains(words), "{name}: {refusal}");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Archive::open(folder.path(), SPACE).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
    let missing = Archive::open(&folder.path().join("x"), SPACE).unwrap_err();
    assert!(matches!(missing, ArchiveError::Io(_)), "{missing}");
}

#[test]
fn an_archive_that_changes_after_it_was_checked_changes_nothing() {
    let bytes = small().bytes();
    let mut store = small();
    let before = store.bytes();
    let archive = store.open(&bytes).unwrap();
    let path: &Path = &store.folder.path().join("in.handful");
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(&vec![0; bytes.len()]).unwrap();
    let error = store.gallery.import(archive).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
    assert!(store.bytes() == before);
}

#[test]
fn an_example_without_an_embedding_is_left_out() {
    let bytes = changed(&small().bytes(), |all| drop(all.remove(0)));
    let bytes = restated(&bytes, |all| all["embeddings"] = 0.into());
    let mut store = Store::new();
    let imported = store.import(&bytes).unwrap();
    assert_eq!((imported.embeddings, imported.images), (0, 0));
    assert!(store.gallery.class("mug").unwrap().examples.is_empty());
    let again = store.galleries.gallery("default").unwrap();
    assert!(again.class("mug").unwrap().examples.is_empty());
    assert_eq!(again.digest(), store.gallery.digest());
}

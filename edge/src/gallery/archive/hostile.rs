//! Files that are damaged or made to do harm: each is refused, and nothing changes.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use uuid::Uuid;

use super::round_trip::{SPACE, Store, enroll, small};
use super::zip::{self, END_BYTES, End};
use super::{Archive, EntryName, MAX_EXAMPLES, Measured};
use crate::gallery::change::{
    Change, EmbeddingSpace, MOST_ACTOR_BYTES, MOST_ATTRIBUTES, Place, What,
};
use crate::gallery::class::ClassOverrides;
use crate::gallery::clock::Timestamp;
use crate::gallery::error::{ArchiveError, GalleryError};
use crate::gallery::id::{ChangeId, ClassId};
use crate::gallery::label::Label;
use crate::gallery::state::State;

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
        ("an image of nothing", changed(bytes, |all| all[1].0 = other), "no example"),
        ("an entry more", changed(bytes, |all| all.insert(2, (image + "0", vec![]))), "not the"),
        ("no finite value", changed(bytes, |all| all[0].1[264..268].fill(0xFF)), "finite"),
        ("zeros only", changed(bytes, |all| all[0].1[264..276].fill(0)), "has length 0"),
        ("a huge value", changed(bytes, |all| huge_value(&mut all[0].1)), "is out of range"),
        ("no image", changed(bytes, |all| all[1].1[..2].fill(0)), "is no image"),
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

/// Makes the first value of a part with embeddings larger than it may be.
fn huge_value(part: &mut [u8]) {
    part[264..268].copy_from_slice(&2e6_f32.to_le_bytes());
}

/// Repeats the last line.
fn twice(journal: &mut Vec<u8>) {
    let end = journal.len() - 1;
    let start = journal[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = journal[start..].to_vec();
    journal.extend(line);
}

/// The last change of a journal.
fn last(journal: &[u8]) -> Change {
    let line = journal.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    serde_json::from_slice(line).unwrap()
}

/// The change after another one.
fn next(last: &Change, what: What) -> Change {
    let id = ChangeId(Uuid::from_u128(last.id.0.as_u128() + 1));
    let at = Timestamp { ms: last.at.ms + 1, counter: 0 };
    Change { id, at, what, ..last.clone() }
}

fn add(journal: &mut Vec<u8>, change: &Change) {
    journal.extend(serde_json::to_vec(change).unwrap());
    journal.push(b'\n');
}

/// An archive with one change more, which `edit` makes of one that does nothing.
fn with_change(bytes: &[u8], edit: impl FnOnce(&mut Change)) -> Vec<u8> {
    changed(bytes, |all| {
        let journal = journal(all);
        let mut change = next(&last(journal), What::Settings(Vec::new()));
        edit(&mut change);
        add(journal, &change);
    })
}

fn with_actor(bytes: &[u8], length: usize) -> Vec<u8> {
    with_change(bytes, |change| change.actor = "x".repeat(length))
}

fn with_precision(bytes: &[u8], length: usize) -> Vec<u8> {
    let precision = "x".repeat(length);
    let what = What::Enroll { to: Place::Background, precision, examples: Vec::new() };
    with_change(bytes, |change| change.what = what)
}

fn with_attributes(bytes: &[u8], n: usize) -> Vec<u8> {
    let attributes = (0..n).map(|at| format!("n{at:08}").parse().unwrap()).collect();
    let overrides = ClassOverrides { sense: None, attributes: Some(attributes) };
    let what = What::Define { class: ClassId(Uuid::nil()), overrides };
    with_change(bytes, |change| change.what = what)
}

fn with_label(bytes: &[u8], label: &str) -> Vec<u8> {
    let label = Label::stored(label).unwrap();
    let class = ClassId(Uuid::from_u128(9));
    with_change(bytes, |change| change.what = What::CreateClass { class, label })
}

fn with_new_label(bytes: &[u8], label: &str) -> Vec<u8> {
    let label = Label::stored(label).unwrap();
    let class = ClassId(Uuid::from_u128(9));
    with_change(bytes, |change| change.what = What::Rename { class, label })
}

fn with_another_space(bytes: &[u8]) -> Vec<u8> {
    let space = EmbeddingSpace { id: "b".to_owned(), length: 3 };
    let what = What::Reembed { from: space.clone(), to: space };
    with_change(bytes, |change| change.what = what)
}

fn hostile_changes(bytes: &[u8]) -> Vec<Case> {
    vec![
        ("a label like an id", with_label(bytes, "c_8f4e8111"), "form of an id"),
        ("a new label like an id", with_new_label(bytes, "e_8f4e8111"), "form of an id"),
        ("a long actor", with_actor(bytes, 1025), "its actor has more than 1024 bytes"),
        ("a long precision", with_precision(bytes, 65), "its precision has more than 64 bytes"),
        ("a change of the space", with_another_space(bytes), "a change of one store"),
        ("many attributes", with_attributes(bytes, 129), "it sets more than 128 attributes"),
    ]
}

#[test]
fn changes_at_their_limits_are_taken_over() {
    assert_eq!(MOST_ATTRIBUTES, crate::lexicon::MAX_ATTRIBUTES);
    let mut store = small();
    let bytes = store.bytes();
    for most in [with_actor(&bytes, 1024), with_precision(&bytes, 64)] {
        // Both changes have the same id, so a new store for each.
        assert!(Store::new().import(&most).is_ok());
    }
    assert_eq!(store.import(&with_attributes(&bytes, 128)).unwrap().new, 1);
}

#[test]
fn a_long_actor_is_cut_so_that_its_changes_can_be_imported() {
    let mut store = Store::new();
    store.gallery.set_actor(&"\u{20ac}".repeat(MOST_ACTOR_BYTES));
    enroll(&mut store.gallery, "mug", &[1]);
    let journal = store.gallery.journal.changes().unwrap();
    assert_eq!(journal[0].actor, "\u{20ac}".repeat(MOST_ACTOR_BYTES / 3));
    assert!(Store::new().import(&store.bytes()).is_ok());
}

#[test]
fn known_changes_with_other_content_are_refused() {
    let mut store = small();
    let bytes = store.bytes();
    let altered = changed(&bytes, |all| {
        let journal = journal(all);
        let text = String::from_utf8(journal.clone()).unwrap();
        *journal = text.replace("\"mug\"", "\"jar\"").into_bytes();
    });
    let refusal = store.refusal(&altered);
    assert!(refusal.contains("with other content than this gallery"), "{refusal}");
    assert!(refusal.contains("nothing was imported"), "{refusal}");
    assert!(Store::new().import(&altered).is_ok(), "nobody has the other ones there");
    let twice = changed(&bytes, |all| {
        let journal = journal(all);
        let last = last(journal);
        let again = Change { id: last.id, ..next(&last, What::Settings(Vec::new())) };
        add(journal, &again);
    });
    let refusal = Store::new().refusal(&twice);
    assert!(refusal.contains("with other content"), "{refusal}");
}

/// Adds classes that become one another in turn.
fn add_chain(journal: &mut Vec<u8>, n: u32) {
    let mut change = last(journal);
    let classes: Vec<ClassId> = (0..n).map(|at| ClassId(Uuid::from_u128(at.into()))).collect();
    let mut whats = Vec::new();
    for (at, class) in classes.iter().enumerate() {
        let label = Label::parse(&format!("link {at}")).unwrap();
        whats.push(What::CreateClass { class: *class, label });
    }
    for pair in classes.windows(2) {
        whats.push(What::Merge { from: pair[0], into: pair[1] });
    }
    for what in whats {
        change = next(&change, what);
        add(journal, &change);
    }
}

#[test]
fn changes_whose_fold_takes_long_are_refused() {
    let mut store = small();
    let bytes = store.bytes();
    // 1.1 million aliases and 1.2 million allowed, then 1.8 million and 1.2.
    let short = changed(&bytes, |all| add_chain(journal(all), 1_500));
    assert!(Store::new().import(&short).is_ok());
    let long = changed(&bytes, |all| add_chain(journal(all), 1_900));
    let refusal = store.refusal(&long);
    assert!(refusal.contains("move the same examples too often"), "{refusal}");
}

#[test]
fn a_fold_ends_when_it_takes_more_work_than_it_may() {
    let store = small();
    let changes = store.gallery.journal.changes().unwrap();
    // A class, two examples, and the removal of a third one.
    assert!(State::fold_within(&changes, 4).is_some_and(|state| state == store.gallery.state));
    assert!(State::fold_within(&changes, 3).is_none());
}

#[test]
fn embeddings_of_another_length_than_those_of_the_model_are_refused() {
    let store = small();
    let archive = store.open(&store.bytes()).unwrap();
    assert!(archive.check_length(3).is_ok());
    let refusal = archive.check_length(4).unwrap_err().to_string();
    assert!(refusal.contains("have 3 values, those of this model have 4"), "{refusal}");
    let empty = store.open(&Store::new().bytes()).unwrap();
    assert!(empty.check_length(4).is_ok());
}

#[test]
fn more_entries_than_a_gallery_can_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.handful");
    let entries = MAX_EXAMPLES + 1;
    let directory_len = entries * zip::record_len("manifest.json");
    // A file with a hole, which takes no room on the disk.
    let file = File::create(&path).unwrap();
    let end = End { entries, directory: 0, directory_len };
    file.write_all_at(&end.bytes(), directory_len).unwrap();
    let refusal = Archive::open(&path, SPACE).unwrap_err().to_string();
    assert!(refusal.contains("entries, expected at most"), "{refusal}");
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
        ("another space", restated(bytes, |all| all["space_id"] = "b".into()), "another model"),
        ("no name", restated(bytes, |all| all["gallery"] = "".into()), "name of a gallery"),
        ("an id", restated(bytes, |all| all["gallery"] = "g_8f4e8111".into()), "name of a gallery"),
        ("a padded name", restated(bytes, |all| all["gallery"] = " a".into()), "name of a gallery"),
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
        ("an empty file", Vec::new(), "no gallery that Handful exported"),
        ("another file", vec![7; 5000], "no gallery that Handful exported"),
        ("a huge entries", many, "packed anew by another program"),
        ("a file cut in its middle", bytes[..bytes.len() / 2].to_vec(), "it is cut"),
        ("a long manifest", joined(&manifest), "expected at most"),
        ("no manifest", joined(&entries(bytes)[..2]), "its manifest is missing"),
    ]
}

#[test]
fn files_that_do_harm_are_refused_and_change_nothing() {
    let mut store = small();
    let bytes = store.bytes();
    let mut cases = hostile_entries(&bytes);
    cases.extend(hostile_manifests(&bytes));
    cases.extend(hostile_changes(&bytes));
    cases.extend(hostile_frames(&bytes));
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
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    // Only an image, which is read in the middle of the transaction.
    let image = b"image 3image 3";
    let at = bytes.windows(image.len()).position(|window| window == image).unwrap();
    file.write_all_at(b"other", at as u64).unwrap();
    let error = store.gallery.import(archive).unwrap_err();
    assert!(matches!(error, GalleryError::Archive(ArchiveError::Broken(_))), "{error}");
    assert!(error.to_string().contains("changed while it was read"), "{error}");
    assert!(store.bytes() == before);
    assert!(store.import(&bytes).is_ok(), "the store is not at fault");
}

#[test]
fn an_example_without_an_embedding_is_left_out() {
    let bytes = changed(&small().bytes(), |all| drop(all.remove(0)));
    let mut store = Store::new();
    let imported = store.import(&bytes).unwrap();
    assert_eq!((imported.embeddings, imported.images), (0, 0));
    assert!(store.gallery.class("mug").unwrap().examples.is_empty());
    let again = store.galleries.gallery("default").unwrap();
    assert!(again.class("mug").unwrap().examples.is_empty());
    assert_eq!(again.digest(), store.gallery.digest());
}

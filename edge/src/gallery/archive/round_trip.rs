//! Galleries that went through files, and files that do harm.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::zip::{self, END_BYTES, End};
use super::{Archive, EntryName, Imported, Measured};
use crate::gallery::Gallery;
use crate::gallery::class::NewExample;
use crate::gallery::clock::tests::Seeded;
use crate::gallery::clock::{Clock, Timestamp};
use crate::gallery::error::{ArchiveError, GalleryError};
use crate::gallery::galleries::Galleries;
use crate::gallery::history::UndoTarget;
use crate::gallery::id::ExampleId;
use crate::gallery::label::Label;
use crate::gallery::limits::GalleryLimits;
use crate::gallery::random_calls::{self, PrintedSeed, Random};
use crate::gallery::settings::{GallerySettings, KeepImages};

const SPACE: &str = "a space";
/// The number of round trips; the long form has 1,000.
const TRIPS: &str = "HANDFUL_ARCHIVE_TRIPS";
const DEFAULT_TRIPS: u64 = 12;
const CALLS: u64 = 60;
const START_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A store in a folder of its own.
struct Store {
    folder: tempfile::TempDir,
    galleries: Galleries,
    gallery: Gallery,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let galleries = Galleries::open(&folder.path().join("store"), SPACE).unwrap();
        let gallery = galleries.gallery("default").unwrap();
        Self { folder, galleries, gallery }
    }

    /// With a clock that stands still, and that follows from a seed.
    fn seeded(random: &mut Random) -> Self {
        let mut store = Self::new();
        let source = Seeded::new(random.number());
        source.now_ms.store(START_MS, Ordering::Relaxed);
        store.gallery.clock = Clock::new(source);
        store
    }

    fn call(&mut self, random: &mut Random) {
        if let Err(refused) = random_calls::call(&mut self.gallery, random) {
            random_calls::assert_is_by_rule(&refused);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.galleries.export("default").unwrap().flat_map(Result::unwrap).collect()
    }

    fn import(&mut self, bytes: &[u8]) -> Result<Imported, GalleryError> {
        let path = self.folder.path().join("in.handful");
        fs::write(&path, bytes).unwrap();
        self.gallery.import(Archive::open(&path, SPACE)?)
    }

    fn refusal(&mut self, bytes: &[u8]) -> String {
        let before = (self.gallery.revision(), self.gallery.digest(), self.bytes());
        let refused = self.import(bytes).unwrap_err().to_string();
        assert!(!refused.contains('\n'), "{refused}");
        let after = (self.gallery.revision(), self.gallery.digest(), self.bytes());
        assert!(before == after, "a refused archive changed the gallery: {refused}");
        refused
    }

    /// The kept images of all examples that count.
    fn images(&self) -> Vec<(ExampleId, Option<Vec<u8>>)> {
        let of_classes = self.gallery.iter().flat_map(|class| class.examples.iter());
        let all = of_classes.chain(self.gallery.background());
        all.map(|example| (example.id, self.gallery.image(example.id).unwrap())).collect()
    }
}

fn assert_equal(one: &Store, other: &Store) {
    assert_eq!(one.gallery.digest(), other.gallery.digest());
    assert_eq!(one.gallery.classes(), other.gallery.classes());
    assert_eq!(one.gallery.background(), other.gallery.background());
    assert_eq!(one.images(), other.images());
}

/// A gallery with a class of two examples with images, and one that was removed.
fn small() -> Store {
    let mut store = Store::new();
    let settings = GallerySettings { keep_images: KeepImages::Original, ..Default::default() };
    store.gallery.set_settings(settings).unwrap();
    enroll(&mut store.gallery, "mug", &[1, 2, 3]);
    let removed = store.gallery.class("mug").unwrap().examples[2].id.to_string();
    store.gallery.remove_examples(&[removed]).unwrap();
    store
}

fn enroll(gallery: &mut Gallery, label: &str, numbers: &[u8]) {
    let mut examples = Vec::new();
    for number in numbers {
        let embedding = vec![f32::from(*number), -0.0, 0.5];
        let image = Some(format!("image {number}").repeat(20).into_bytes());
        let precision = "fp32".to_owned();
        examples.push(NewExample { sha256: [*number; 32], embedding, precision, image });
    }
    gallery.enroll(&Label::parse(label).unwrap(), examples, true).unwrap();
}

#[test]
fn a_gallery_comes_back_equal_after_any_calls() {
    for seed in 0..random_calls::repetitions(TRIPS, DEFAULT_TRIPS) {
        let _printed = PrintedSeed(seed);
        let mut random = Random::new(seed);
        let mut store = Store::seeded(&mut random);
        for _ in 0..CALLS {
            store.call(&mut random);
        }
        let bytes = store.bytes();
        assert_eq!(store.bytes(), bytes, "seed {seed}: equal galleries have equal files");
        let mut copy = Store::new();
        let imported = copy.import(&bytes).unwrap();
        assert_eq!((imported.new, imported.ahead), (imported.changes, 0));
        assert_equal(&store, &copy);
        assert_eq!(copy.bytes(), bytes, "seed {seed}: the file of the copy");
        let revision = copy.gallery.revision();
        assert_eq!(copy.import(&bytes).unwrap().new, 0);
        assert_eq!(copy.gallery.revision(), revision, "an import twice changes nothing");
        let undone = store.gallery.undo(UndoTarget::Last, true).is_ok();
        assert_eq!(copy.gallery.undo(UndoTarget::Last, true).is_ok(), undone, "seed {seed}");
        assert_eq!(store.gallery.classes(), copy.gallery.classes(), "seed {seed}: after an undo");
    }
}

#[test]
fn two_devices_that_import_each_other_are_equal() {
    for seed in 0..random_calls::repetitions(TRIPS, DEFAULT_TRIPS) {
        let _printed = PrintedSeed(seed);
        let mut random = Random::new(seed);
        let mut one = Store::seeded(&mut random);
        let mut other = Store::seeded(&mut random);
        for _ in 0..CALLS {
            one.call(&mut random);
            other.call(&mut random);
        }
        let bytes = one.bytes();
        one.import(&other.bytes()).unwrap();
        other.import(&bytes).unwrap();
        assert_equal(&one, &other);
        assert_eq!(one.bytes(), other.bytes(), "seed {seed}");
    }
}

#[test]
fn what_was_removed_can_be_restored_after_an_import_and_what_was_purged_is_gone() {
    let mut store = small();
    let mut copy = Store::new();
    copy.import(&store.bytes()).unwrap();
    assert_eq!(copy.gallery.last_change(), None);
    copy.gallery.undo(UndoTarget::Last, false).unwrap();
    let restored = copy.gallery.class("mug").unwrap().examples[2].clone();
    assert_eq!(restored.embedding, [3.0, 0.0, 0.5]);
    assert!(copy.gallery.image(restored.id).unwrap().is_some());

    store.gallery.purge(Duration::ZERO).unwrap();
    let bytes = store.bytes();
    let image = b"image 3image 3";
    assert!(!bytes.windows(image.len()).any(|window| window == image));
    let embedding = [3.0_f32, -0.0, 0.5].map(f32::to_le_bytes).concat();
    assert!(!bytes.windows(embedding.len()).any(|window| window == embedding));
    copy.import(&bytes).unwrap();
    assert!(copy.gallery.class("mug").unwrap().examples.len() == 2, "purged there, purged here");
    assert_eq!(copy.gallery.image(restored.id).unwrap(), None);
}

#[test]
fn an_export_has_the_gallery_of_its_beginning() {
    let mut store = small();
    let before = store.bytes();
    let mut export = store.galleries.export("default").unwrap();
    let mut bytes = export.next().unwrap().unwrap();
    enroll(&mut store.gallery, "cup", &[7, 8]);
    for part in export {
        bytes.extend(part.unwrap());
    }
    assert!(bytes == before, "a change is in an export that began before");
    assert_ne!(store.bytes(), before);
    let mut interrupted = store.galleries.export("default").unwrap();
    store.gallery.compact().unwrap();
    let error = interrupted.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("export it again"), "{error}");
    assert!(interrupted.next().is_none());
    assert_eq!(store.gallery.classes().len(), 2, "the gallery works on");
}

#[test]
fn changes_of_a_clock_that_is_ahead_wait() {
    let mut random = Random::new(5);
    let mut ahead = Store::seeded(&mut random);
    enroll(&mut ahead.gallery, "mug", &[1]);
    ahead.gallery.clock.see(Timestamp { ms: START_MS + 3 * DAY_MS, counter: 0 });
    enroll(&mut ahead.gallery, "cup", &[2]);
    let mut copy = Store::seeded(&mut random);
    let imported = copy.import(&ahead.bytes()).unwrap();
    assert!(imported.new > 0 && imported.ahead > 0, "{imported:?}");
    let labels: Vec<String> = copy.gallery.iter().map(|class| class.label.to_string()).collect();
    assert_eq!(labels, ["mug"]);
}

#[test]
fn an_empty_gallery_and_one_without_embeddings_come_back() {
    let mut store = Store::new();
    let mut copy = Store::new();
    let imported = copy.import(&store.bytes()).unwrap();
    assert_eq!((imported.changes, copy.gallery.revision()), (0, 0));
    enroll(&mut store.gallery, "mug", &[]);
    copy.import(&store.bytes()).unwrap();
    assert_equal(&store, &copy);
}

#[test]
fn other_spaces_lengths_and_limits_are_refused() {
    let bytes = small().bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.handful");
    fs::write(&path, &bytes).unwrap();
    let refused = Archive::open(&path, "another space").unwrap_err();
    assert!(matches!(refused, ArchiveError::OtherSpace { .. }), "{refused}");
    assert!(refused.to_string().contains("that model's bundle"), "{refused}");

    let mut longer = Store::new();
    let example = NewExample {
        sha256: [9; 32],
        embedding: vec![1.0; 4],
        precision: "fp32".to_owned(),
        image: None,
    };
    longer.gallery.enroll(&Label::parse("jar").unwrap(), vec![example], true).unwrap();
    assert!(longer.refusal(&bytes).contains("4 finite values, got 3 values"));

    let mut limited = Store::new();
    let limits = GalleryLimits { classes: 5, examples: 1 };
    limited.gallery = limited.galleries.gallery("default").unwrap().with_limits(limits);
    assert!(limited.refusal(&bytes).contains("at most 1 examples"));
}

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
        assert!(open(&store, &flipped).is_err(), "byte {at}");
    }
    for end in (0..bytes.len()).step_by(17) {
        assert!(open(&store, &bytes[..end]).is_err(), "cut at {end}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(open(&store, &longer).is_err());
    assert!(store.import(&bytes).is_ok(), "the file itself is right");
}

fn open(store: &Store, bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let path = store.folder.path().join("in.handful");
    fs::write(&path, bytes).unwrap();
    Archive::open(&path, SPACE)
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
        ("another hash", restated(bytes, |all| hash(all)), "is damaged"),
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
    let archive = open(&store, &bytes).unwrap();
    let path: &Path = &store.folder.path().join("in.handful");
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(&vec![0; bytes.len()]).unwrap();
    let error = store.gallery.import(archive).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
    assert!(store.bytes() == before);
}

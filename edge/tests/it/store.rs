//! The store and the world: other spaces, other processes, damage.

use std::fs;
use std::path::Path;

use edge::gallery::{Gallery, GalleryError, RedbGallery, Said};
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::conformance::open;
use crate::fixtures::{examples, label};

fn enrolled(dir: &Path) -> Vec<edge::gallery::Class> {
    let mut store = open(dir);
    store.enroll(&label("mug"), examples(0..40), true).unwrap();
    store.enroll(&label("cup"), examples(40..80), true).unwrap();
    store.classes().unwrap()
}

#[test]
fn a_store_is_bound_to_its_space() {
    let root = tempfile::tempdir().unwrap();
    enrolled(root.path());
    let other = "f".repeat(64);
    let error = RedbGallery::open(root.path(), &other).unwrap_err();
    assert!(matches!(&error, GalleryError::OtherSpace { expected, .. } if *expected == other));
    assert_eq!(open(root.path()).revision(), 2, "refusing left it usable");
}

/// A store as the first versions wrote it: format 1, without the tables of meanings and attributes.
#[test]
fn an_older_store_is_read_and_then_written_as_now() {
    const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
    let root = tempfile::tempdir().unwrap();
    let classes = enrolled(root.path());
    let database = || Database::create(root.path().join("gallery.redb")).unwrap();
    let older = database();
    let transaction = older.begin_write().unwrap();
    transaction.open_table(NUMBERS).unwrap().insert("format", 1).unwrap();
    for table in ["meanings", "attributes"] {
        let table: TableDefinition<u64, &str> = TableDefinition::new(table);
        assert!(transaction.delete_table(table).unwrap());
    }
    transaction.commit().unwrap();
    drop(older);
    let mut store = open(root.path());
    assert_eq!(store.classes().unwrap(), classes);
    store.define(&label("mug"), Some(Said::Nothing).into()).unwrap();
    drop(store);
    let said = open(root.path()).class("mug").unwrap().said;
    assert_eq!(said, Some(Said::Nothing).into());
    let numbers = database().begin_read().unwrap().open_table(NUMBERS).unwrap();
    assert_eq!(numbers.get("format").unwrap().unwrap().value(), 3);
}

#[test]
fn a_second_opening_is_told_who_has_the_store() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path());
    let error = RedbGallery::open(root.path(), "x").unwrap_err();
    let holder = format!("process {} (", std::process::id());
    assert!(matches!(&error, GalleryError::InUse { holder: h, .. } if h.starts_with(&holder)));
    drop(first);
    open(root.path());
}

#[test]
fn a_stale_lock_file_does_not_matter() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("lock"), "process 1 (init)\nmore\n").unwrap();
    drop(open(root.path()));
    fs::write(root.path().join("lock"), [0xFF; 5000]).unwrap();
    let _held = open(root.path());
    let error = RedbGallery::open(root.path(), "x").unwrap_err().to_string();
    assert!(error.contains(&format!("process {} (", std::process::id())), "{error}");
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("gallery.redb");
    for content in [&b"notes that happen to lie here"[..], &[0; 8192]] {
        fs::write(&file, content).unwrap();
        let error = RedbGallery::open(root.path(), "x").unwrap_err();
        assert!(matches!(error, GalleryError::Broken { .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), content);
    }
    let error = RedbGallery::open(&file, "x").unwrap_err();
    assert!(matches!(error, GalleryError::Io { .. }), "{error}");
}

/// Damage is an error or is without effect; it is never a panic and never another fact.
#[test]
fn damage_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let facts = enrolled(root.path());
    let file = root.path().join("gallery.redb");
    let whole = fs::read(&file).unwrap();
    let needle = 0.5_f32.to_le_bytes();
    let is_fact = |at: &usize| whole[*at..*at + 4] == needle;
    let places: Vec<_> = (0..whole.len() - 4).filter(is_fact).step_by(9).collect();
    assert!(places.len() > 5, "the facts lie in the file");
    let stride = whole.len() / 150;
    let mut noticed = 0;
    for place in places.iter().copied().chain((0..whole.len()).step_by(stride)) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x41;
        fs::write(&file, &damaged).unwrap();
        match RedbGallery::open(root.path(), &"0123456789abcdef".repeat(4)) {
            Ok(store) => assert_eq!(store.classes().unwrap(), facts, "byte {place}"),
            Err(GalleryError::Broken { .. }) => noticed += 1,
            Err(other) => panic!("byte {place}: {other}"),
        }
    }
    assert!(noticed >= places.len(), "only {noticed} of {} were noticed", places.len());
}

#[test]
fn a_cut_file_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    enrolled(root.path());
    let file = root.path().join("gallery.redb");
    let whole = fs::read(&file).unwrap();
    for length in [1, 100, 4096, whole.len() / 2, whole.len() - 4096] {
        fs::write(&file, &whole[..length]).unwrap();
        let error = RedbGallery::open(root.path(), "x").unwrap_err();
        assert!(matches!(error, GalleryError::Broken { .. }), "{length}: {error}");
    }
}

//! The store and the world: other spaces, other processes, damage.

use std::fs;
use std::path::Path;

use edge::gallery::{Gallery, GalleryError, GallerySettings};
use redb::{Database, TableDefinition, WriteTransaction};

use crate::conformance::{Contents, SPACE, contents, open};
use crate::fixtures::{examples, label};

fn enrolled(dir: &Path) -> Contents {
    let mut store = open(dir);
    store.enroll(&label("mug"), examples(0..40), true).unwrap();
    store.enroll(&label("cup"), examples(40..80), true).unwrap();
    store.enroll_background(examples(80..100)).unwrap();
    store.set_settings(GallerySettings { rate: 0.01, ..GallerySettings::default() }).unwrap();
    contents(&store)
}

/// Writes to the database of the store as this crate never does.
fn tamper(dir: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::create(dir.join("gallery.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn a_store_is_bound_to_its_space() {
    let root = tempfile::tempdir().unwrap();
    enrolled(root.path());
    let other = "f".repeat(64);
    let error = Gallery::open(root.path(), &other).unwrap_err();
    assert!(matches!(&error, GalleryError::OtherSpace { expected, .. } if *expected == other));
    assert_eq!(open(root.path()).revision(), 4, "refusing left it usable");
}

#[test]
fn a_store_of_another_layout_is_refused_and_unchanged() {
    const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
    const TEXTS: TableDefinition<&str, &str> = TableDefinition::new("texts");
    let changes: [fn(&WriteTransaction); 3] = [
        |older| drop(older.open_table(NUMBERS).unwrap().insert("format", 3).unwrap()),
        |older| drop(older.open_table(TEXTS).unwrap().remove("layout").unwrap()),
        |older| drop(older.open_table(TEXTS).unwrap().insert("layout", "0123").unwrap()),
    ];
    for change in changes {
        let root = tempfile::tempdir().unwrap();
        enrolled(root.path());
        tamper(root.path(), change);
        let error = Gallery::open(root.path(), SPACE).unwrap_err();
        assert!(matches!(error, GalleryError::OtherLayout { .. }), "{error}");
        let error = error.to_string();
        let place = root.path().display().to_string();
        assert!(error.contains(&place) && !error.contains('\n'), "{error}");
        assert!(error.contains("layout") && error.contains("move the folder away"), "{error}");
    }
}

fn assert_broken(dir: &Path, expected: &str) {
    let error = Gallery::open(dir, SPACE).unwrap_err();
    let is_told = matches!(&error, GalleryError::Broken { reason, .. } if reason == expected);
    assert!(is_told, "expected `{expected}`, got `{error}`");
}

#[test]
fn settings_that_are_no_settings_are_told_as_damage() {
    const SETTINGS: TableDefinition<&str, f64> = TableDefinition::new("settings");
    let cases = [
        ("rate", 0.9, "the setting `rate` must be from 0.001 to 0.5, got 0.9"),
        ("threshold", f64::NAN, "the setting `threshold` must be from -2 to 2, got NaN"),
        (
            "expected_unknown_share",
            1.0,
            "the setting `expected_unknown_share` must be from 0.001 to 0.999, got 1.0",
        ),
        ("fusion", 1.0, "it has the unknown setting `fusion`"),
    ];
    for (name, value, reason) in cases {
        let root = tempfile::tempdir().unwrap();
        enrolled(root.path());
        tamper(root.path(), |store| {
            store.open_table(SETTINGS).unwrap().insert(name, value).unwrap();
        });
        assert_broken(root.path(), reason);
    }
}

#[test]
fn a_background_set_that_is_damaged_is_told() {
    const BACKGROUND: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("background");
    let record = |values: &[f32]| {
        let embedding = values.iter().flat_map(|value| value.to_le_bytes());
        let fixed = [1].into_iter().chain([7; 32]).chain(*b"\x04fp32");
        fixed.chain(embedding).collect::<Vec<u8>>()
    };
    let cases = [
        ((3, 20), vec![1, 2, 3], "example @3.20 is damaged"),
        ((3, 20), record(&[1.0, f32::NAN, 0.0]), "example @3.20 is damaged"),
        ((3, 20), record(&[1.0; 2]), "its embeddings have different lengths"),
        ((5, 0), record(&[1.0; 3]), "example @5.0 is newer than revision 4"),
    ];
    for (key, bytes, reason) in cases {
        let root = tempfile::tempdir().unwrap();
        enrolled(root.path());
        tamper(root.path(), |store| {
            store.open_table(BACKGROUND).unwrap().insert(key, bytes.as_slice()).unwrap();
        });
        assert_broken(root.path(), reason);
    }
}

#[test]
fn a_store_that_lacks_a_table_is_told_as_damaged() {
    for table in ["classes", "meanings", "attributes", "examples", "background", "settings"] {
        let root = tempfile::tempdir().unwrap();
        enrolled(root.path());
        tamper(root.path(), |store| {
            assert!(store.delete_table(TableDefinition::<u64, u64>::new(table)).unwrap());
        });
        assert_broken(root.path(), &format!("Table '{table}' does not exist"));
    }
}

#[test]
fn a_read_only_gallery_refuses_changes_and_frees_its_store() {
    let root = tempfile::tempdir().unwrap();
    let kept = enrolled(root.path());
    let mut gallery = open(root.path()).into_read_only();
    let again = open(root.path());
    let refused = gallery.delete("mug").unwrap_err();
    assert!(matches!(refused, GalleryError::ReadOnly), "{refused}");
    let refused = gallery.enroll(&label("new"), examples(0..1), true).unwrap_err();
    assert!(matches!(refused, GalleryError::ReadOnly), "{refused}");
    let settings = GallerySettings { rate: 0.1, ..GallerySettings::default() };
    let refused = gallery.set_settings(settings).unwrap_err();
    assert!(matches!(refused, GalleryError::ReadOnly), "{refused}");
    let refused = gallery.enroll_background(examples(0..1)).unwrap_err();
    assert!(matches!(refused, GalleryError::ReadOnly), "{refused}");
    let refused = gallery.remove_background(gallery.background()[0].id).unwrap_err();
    assert!(matches!(refused, GalleryError::ReadOnly), "{refused}");
    assert_eq!((contents(&gallery), contents(&again)), (kept.clone(), kept));
}

#[test]
fn a_second_opening_is_told_who_has_the_store() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path());
    let error = Gallery::open(root.path(), "x").unwrap_err();
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
    let error = Gallery::open(root.path(), "x").unwrap_err().to_string();
    assert!(error.contains(&format!("process {} (", std::process::id())), "{error}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_unchanged() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("gallery.redb");
    for content in [&b"notes that happen to lie here"[..], &[0; 8192]] {
        fs::write(&file, content).unwrap();
        let error = Gallery::open(root.path(), "x").unwrap_err();
        assert!(matches!(error, GalleryError::Broken { .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), content);
    }
    let error = Gallery::open(&file, "x").unwrap_err();
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
        match Gallery::open(root.path(), &"0123456789abcdef".repeat(4)) {
            Ok(store) => assert_eq!(contents(&store), facts, "byte {place}"),
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
        let error = Gallery::open(root.path(), "x").unwrap_err();
        assert!(matches!(error, GalleryError::Broken { .. }), "{length}: {error}");
    }
}

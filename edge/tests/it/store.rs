//! The store and the world: other spaces, other processes, damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use edge::gallery::{Galleries, Gallery, GalleryError, GallerySettings, UPLOAD_FILE, UndoTarget};
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};
use serde_json::{Value, json};

use crate::conformance::{Contents, SPACE, contents, open};
use crate::fixtures::{examples, label};

const GALLERIES: TableDefinition<u128, &[u8]> = TableDefinition::new("galleries");
const EMBEDDINGS: TableDefinition<(u128, u64, u128), &[u8]> = TableDefinition::new("embeddings");
/// Where the values of a row of 16 embeddings begin: behind their number and their precisions.
const VALUES: usize = 1 + 16 * (1 + "fp32".len());

fn enrolled(dir: &Path) -> Contents {
    let mut store = open(dir);
    store.enroll(&label("mug"), examples(0..40), true).unwrap();
    store.enroll(&label("cup"), examples(40..80), true).unwrap();
    store.enroll_background(examples(80..100)).unwrap();
    store.set_settings(GallerySettings { rate: 0.01, ..GallerySettings::default() }).unwrap();
    contents(&store)
}

/// The content of a row, which is behind its seal.
fn content_of(row: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(row[18..22].try_into().unwrap()) as usize;
    &row[row.len() - length..]
}

/// The row with another content, and a seal that fits it (`docs/formats.md`).
fn resealed(row: &[u8], content: &[u8]) -> Vec<u8> {
    let mut new = row[..26 + usize::from(row[9])].to_vec();
    new[18..22].copy_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
    new[22..26].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    let sum = crc32fast::hash(&new);
    new.extend(sum.to_le_bytes());
    // The checksums of the parts of embeddings, which only a salvage reads.
    let parts = if row[8] == 3 { content.len().div_ceil(256) } else { 0 };
    new.resize(new.len() + 4 * parts, 0);
    new.extend(content);
    new
}

/// Writes to the database of the store as this crate never does.
fn tamper(dir: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::create(dir.join("gallery.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn a_gallery_of_another_space_is_read_and_takes_no_embeddings() {
    let root = tempfile::tempdir().unwrap();
    let kept = enrolled(root.path());
    let other = "f".repeat(64);
    let mut store = Gallery::open(root.path(), &other).unwrap();
    assert_eq!(contents(&store), kept);
    let refused = store.enroll(&label("mug"), examples(200..201), true).unwrap_err();
    assert!(matches!(&refused, GalleryError::OtherSpace { expected, .. } if *expected == other));
    let text = refused.to_string();
    assert!(text.contains("100 images") && text.contains("all 100 would be lost"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    // What needs no embedding works.
    store.rename("cup", &label("beaker")).unwrap();
    store.undo(UndoTarget::Last, false).unwrap();
    drop(store);
    assert_eq!(open(root.path()).revision(), kept.0 + 2, "it is usable with its own model");
}

#[test]
fn a_gallery_without_embeddings_is_of_the_space_in_use() {
    let root = tempfile::tempdir().unwrap();
    open(root.path()).enroll(&label("mug"), Vec::new(), true).unwrap();
    let other = "f".repeat(64);
    let mut store = Gallery::open(root.path(), &other).unwrap();
    store.enroll(&label("mug"), examples(0..1), true).unwrap();
    drop(store);
    assert_eq!(Gallery::open(root.path(), SPACE).unwrap().space_id(), other);
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
    let error = Gallery::open(dir, SPACE).map(drop).unwrap_err();
    let is_told =
        matches!(&error, GalleryError::Broken { reason, .. } if reason.contains(expected));
    assert!(is_told, "expected `{expected}`, got `{error}`");
}

#[test]
fn settings_that_are_no_settings_are_told_as_damage() {
    let cases = [
        ("rate", json!(0.9), "the setting `rate` must be from 0.001 to 0.5, got 0.9"),
        ("threshold", json!(3), "the setting `threshold` must be from -2 to 2, got 3"),
        ("retention_days", json!(40_000), "the setting `retention_days` must be from 0 to 36500"),
        ("fusion", json!(1), "unknown field `fusion`"),
    ];
    for (name, value, reason) in cases {
        let root = tempfile::tempdir().unwrap();
        enrolled(root.path());
        tamper(root.path(), |store| {
            let mut table = store.open_table(GALLERIES).unwrap();
            let (key, row) = {
                let (key, row) = table.first().unwrap().unwrap();
                (key.value(), row.value().to_vec())
            };
            let mut json: Value = serde_json::from_slice(content_of(&row)).unwrap();
            json["settings"][name] = value.clone();
            table.insert(key, resealed(&row, json.to_string().as_bytes()).as_slice()).unwrap();
        });
        assert_broken(root.path(), reason);
    }
}

#[test]
fn embeddings_that_are_damaged_are_told() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(Change, &str); 3] = [
        (|bytes| bytes.truncate(bytes.len() - 1), "an embedding is cut"),
        (|bytes| bytes[VALUES..][..4].copy_from_slice(&f32::NAN.to_le_bytes()), "is not finite"),
        (|bytes| bytes.truncate(VALUES + (bytes.len() - VALUES) / 3), "different lengths"),
    ];
    for (change, reason) in cases {
        let root = tempfile::tempdir().unwrap();
        enrolled(root.path());
        tamper(root.path(), |store| {
            let mut table = store.open_table(EMBEDDINGS).unwrap();
            let (key, row) = {
                let (key, row) = table.first().unwrap().unwrap();
                (key.value(), row.value().to_vec())
            };
            let mut bytes = content_of(&row).to_vec();
            change(&mut bytes);
            table.insert(key, resealed(&row, &bytes).as_slice()).unwrap();
        });
        assert_broken(root.path(), reason);
    }
}

#[test]
fn a_row_without_its_checksum_is_told_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    enrolled(root.path());
    tamper(root.path(), |store| {
        let mut table = store.open_table(EMBEDDINGS).unwrap();
        let (key, mut row) = {
            let (key, row) = table.first().unwrap().unwrap();
            (key.value(), row.value().to_vec())
        };
        *row.last_mut().unwrap() ^= 1;
        table.insert(key, row.as_slice()).unwrap();
    });
    assert_broken(root.path(), "a row of `embeddings` does not have its checksum");
    let error = Gallery::open(root.path(), SPACE).unwrap_err().to_string();
    let place = root.path().display();
    assert!(error.contains(&format!("handful gallery salvage {place} --into")), "{error}");
}

#[test]
fn a_store_that_lacks_a_table_is_told_as_damaged() {
    for table in ["galleries", "journal", "embeddings", "classes", "examples"] {
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
    let first = gallery.background()[0].id.to_string();
    let refused = gallery.remove_background(&first).unwrap_err();
    assert!(matches!(refused, GalleryError::ReadOnly), "{refused}");
    assert_eq!((contents(&gallery), contents(&again)), (kept.clone(), kept));
}

#[test]
fn an_upload_that_was_interrupted_is_removed_by_whoever_opens_the_store_for_writing() {
    let dir = tempfile::tempdir().unwrap();
    enrolled(dir.path());
    let upload = dir.path().join(UPLOAD_FILE);
    fs::write(&upload, "a part of a file").unwrap();
    drop(Galleries::open_read_only(dir.path(), SPACE).unwrap());
    assert!(upload.exists());
    let mut store = open(dir.path());
    assert!(!upload.exists());
    fs::write(&upload, "one that is arriving").unwrap();
    store.compact().unwrap();
    assert!(upload.exists(), "it was removed while the store was open");
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
fn a_store_whose_file_is_gone_or_empty_is_no_new_store() {
    let root = tempfile::tempdir().unwrap();
    enrolled(root.path());
    let file = root.path().join("gallery.redb");
    fs::write(&file, "").unwrap();
    assert_broken(root.path(), "missing or empty");
    fs::remove_file(&file).unwrap();
    assert_broken(root.path(), "missing or empty");
    assert!(!file.exists(), "nothing was created in its place");
}

#[test]
fn a_store_whose_file_vanishes_while_it_is_open_refuses_writes() {
    let root = tempfile::tempdir().unwrap();
    let kept = enrolled(root.path());
    let mut store = open(root.path());
    fs::remove_file(root.path().join("gallery.redb")).unwrap();
    let refused = store.delete("mug").unwrap_err();
    assert!(matches!(refused, GalleryError::Broken { .. }), "{refused}");
    assert!(refused.to_string().contains("removed while it was open"), "{refused}");
    assert_eq!(contents(&store), kept);
}

#[test]
fn a_store_whose_file_is_replaced_while_it_is_open_refuses_writes() {
    let root = tempfile::tempdir().unwrap();
    enrolled(root.path());
    let file = root.path().join("gallery.redb");
    let copy = root.path().join("copy");
    fs::copy(&file, &copy).unwrap();
    let mut store = open(root.path());
    fs::rename(&copy, &file).unwrap();
    let refused = store.delete("mug").unwrap_err().to_string();
    assert!(refused.contains("was replaced while it was open"), "{refused}");
    // Its own new file is no replacement.
    drop(store);
    let mut store = open(root.path());
    store.compact().unwrap();
    store.delete("mug").unwrap();
}

#[test]
fn a_gallery_that_is_open_twice_is_written_by_one_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let galleries = Galleries::open(root.path(), SPACE).unwrap();
    let [mut one, mut other] = [(); 2].map(|()| galleries.gallery("default").unwrap());
    one.enroll(&label("mug"), examples(0..2), true).unwrap();
    // It has not seen the first change, so it would contradict it.
    other.enroll(&label("mug"), examples(2..4), true).map(drop).unwrap_err();
    assert_eq!((other.last_change(), other.n_classes()), (None, 1), "it has read the store anew");
    let added = other.enroll(&label("mug"), examples(2..4), false).unwrap();
    assert_eq!((added.revision, added.class.examples.len()), (2, 4));
}

#[test]
fn a_store_that_is_open_for_reading_refuses_every_change() {
    let root = tempfile::tempdir().unwrap();
    let kept = enrolled(root.path());
    let files = || {
        let list = fs::read_dir(root.path()).unwrap().map(|file| file.unwrap().path());
        list.map(|file| (file.clone(), fs::read(file).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = files();
    let mut galleries = Galleries::open_read_only(root.path(), SPACE).unwrap();
    let mut gallery = galleries.gallery("default").unwrap();
    assert_eq!(contents(&gallery), kept);
    for _ in 0..2 {
        let refusals = [
            gallery.delete("mug").map(drop),
            gallery.undo(UndoTarget::Last, false).map(drop),
            gallery.purge(Duration::ZERO).map(drop),
            gallery.compact(),
            galleries.create(&label("other")).map(drop),
        ];
        for refused in refusals {
            assert!(matches!(refused, Err(GalleryError::ReadOnlyStore)), "{refused:?}");
        }
    }
    assert_eq!(gallery.history(9, None).unwrap().len(), 4);
    assert_eq!((contents(&gallery), files()), (kept, before));
}

#[test]
fn a_folder_without_a_store_is_not_read() {
    let root = tempfile::tempdir().unwrap();
    let error = Galleries::open_read_only(root.path(), SPACE).map(drop).unwrap_err().to_string();
    assert!(error.contains("there is no store here"), "{error}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
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

/// Also of what would be undone with it.
#[test]
fn an_actor_takes_back_only_its_own_changes() {
    let mut gallery = Gallery::in_memory();
    gallery.set_actor("line 2");
    gallery.enroll(&label("mug"), examples(0..2), true).unwrap();
    gallery.set_actor("office");
    gallery.enroll(&label("mug"), examples(2..4), false).unwrap();
    let own = gallery.history(10, None).unwrap()[1].change;
    for (target, through) in [(UndoTarget::Last, false), (UndoTarget::Group(own), true)] {
        let refused = gallery.undo_own("line 2", target, through).unwrap_err();
        assert!(matches!(&refused, GalleryError::NotOwn { .. }), "{refused}");
        assert!(refused.to_string().contains("was made by `office`"), "{refused}");
    }
    assert_eq!(gallery.revision(), 2, "nothing was undone");
    gallery.undo_own("office", UndoTarget::Last, false).unwrap();
    let refused = gallery.undo_own("line 2", UndoTarget::LastUndo, false).unwrap_err();
    assert!(matches!(refused, GalleryError::NotOwn { .. }), "{refused}");
    let undone = gallery.undo_own("line 2", UndoTarget::Group(own), false).unwrap();
    assert_eq!((undone.len(), undone[0].change), (1, own));
}

//! The cache: whole or not at all, damage, age, size.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use models::bundle::Precision;
use models::hex;

use super::*;
use crate::engine::{GpuOptions, Model, Provider, built_options};

fn cache() -> (tempfile::TempDir, EngineCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = EngineCache::new(folder.path().join("engines"));
    (folder, cache)
}

fn made_for(onnx: &[u8]) -> MadeFor {
    let precision = Precision::Fp16;
    let model = Model { onnx, inputs: &[], max_batch: 4, precision };
    let options = built_options(&model, Provider::TensorRt, &GpuOptions::default());
    let sha256 = hex::sha256(onnx);
    MadeFor::new(&sha256, precision, Provider::TensorRt, &Machine::default(), options)
}

fn about(onnx: &[u8]) -> About {
    let image_ms = Some(Milliseconds::new(1.25));
    About { made_for: made_for(onnx), bundle: "tiny".to_owned(), build_ms: 20, image_ms }
}

fn key(onnx: &[u8]) -> Key {
    made_for(onnx).key()
}

/// Puts an engine of two parts, of 100 and 10 bytes, in the cache.
fn store(cache: &EngineCache, onnx: &[u8]) -> Stored {
    let new = cache.begin(&key(onnx)).unwrap();
    fs::write(new.folder().join("context.onnx"), [7; 100]).unwrap();
    fs::write(new.folder().join("kernels.engine"), [8; 10]).unwrap();
    new.finish(about(onnx)).unwrap()
}

/// Sets how long ago an engine was used.
fn age(cache: &EngineCache, onnx: &[u8], seconds: u64) {
    let manifest = entry::manifest_path(&cache.root().join(key(onnx).as_str()));
    let file = File::options().append(true).open(manifest).unwrap();
    let time = SystemTime::now() - Duration::from_secs(seconds);
    file.set_modified(time).unwrap();
}

fn hidden(cache: &EngineCache) -> usize {
    let entries = fs::read_dir(cache.root()).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".new-")).count()
}

#[test]
fn what_is_stored_is_found() {
    let (_folder, cache) = cache();
    assert_eq!(cache.open(&key(b"a")), Found::Absent);
    assert_eq!(cache.list().unwrap(), []);
    let Stored { entry, removed } = store(&cache, b"a");
    assert_eq!((entry.bytes, removed.len(), hidden(&cache)), (110, 0, 0));
    assert_eq!(cache.open(&key(b"a")), Found::Whole(Box::new(entry.clone())));
    assert_eq!(cache.open(&key(b"b")), Found::Absent);
    let listed = cache.list().unwrap();
    assert_eq!(listed[0].about, Ok(about(b"a")));
    assert_eq!(listed[0].about.as_ref().unwrap().image_ms.unwrap().get(), 1.25);
    // Only the owner can put an engine there.
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(cache.root().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // The same key again replaces it.
    assert_eq!(store(&cache, b"a").entry, entry);
    assert_eq!(cache.list().unwrap().len(), 1);
}

#[test]
fn a_dropped_build_leaves_nothing() {
    let (_folder, cache) = cache();
    let new = cache.begin(&key(b"a")).unwrap();
    fs::write(new.folder().join("context.onnx"), "half").unwrap();
    assert_eq!((hidden(&cache), cache.list().unwrap().len()), (1, 0));
    drop(new);
    assert_eq!(hidden(&cache), 0);
    assert_eq!(cache.open(&key(b"a")), Found::Absent);
}

#[test]
fn an_engine_without_parts_is_not_kept() {
    let (_folder, cache) = cache();
    let new = cache.begin(&key(b"a")).unwrap();
    let error = new.finish(about(b"a")).unwrap_err().to_string();
    assert!(error.contains("no parts"), "{error}");
    assert_eq!(cache.open(&key(b"a")), Found::Absent);
    assert_eq!(hidden(&cache), 0);
}

#[test]
fn damage_is_refused_and_removed() {
    type Damage = fn(&Path);
    let cases: [(Damage, &str); 7] = [
        (|folder| fs::write(folder.join("context.onnx"), [7; 50]).unwrap(), "50 bytes, expected"),
        (|folder| fs::write(folder.join("context.onnx"), [6; 100]).unwrap(), "other bytes"),
        (|folder| fs::remove_file(folder.join("kernels.engine")).unwrap(), "is missing"),
        (|folder| fs::write(folder.join("more"), "x").unwrap(), "no part of it"),
        (|folder| fs::remove_file(folder.join("manifest.json")).unwrap(), "its manifest"),
        (|folder| fs::write(folder.join("manifest.json"), "{\"form\": 9}").unwrap(), "version"),
        (|folder| replace(folder, "context.onnx", "../context.onnx"), "is missing"),
    ];
    for (damage, expected) in cases {
        let (_folder, cache) = cache();
        let folder = store(&cache, b"a").entry.folder;
        damage(&folder);
        let Found::Refused(reason) = cache.open(&key(b"a")) else { panic!("{expected}") };
        assert!(reason.contains(expected), "{reason}");
        assert!(!folder.exists());
        assert_eq!(cache.open(&key(b"a")), Found::Absent);
    }
}

fn replace(folder: &Path, from: &str, to: &str) {
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn an_engine_of_another_version_is_refused() {
    let (_folder, cache) = cache();
    let folder = store(&cache, b"a").entry.folder;
    // As if a folder were renamed, or its versions edited.
    fs::rename(folder, cache.root().join(key(b"b").as_str())).unwrap();
    let Found::Refused(reason) = cache.open(&key(b"b")) else { panic!("it was taken") };
    assert!(reason.contains("another network, version or machine"), "{reason}");
}

#[test]
fn a_damaged_engine_is_listed_with_the_reason() {
    let (_folder, cache) = cache();
    let folder = store(&cache, b"a").entry.folder;
    fs::write(folder.join("context.onnx"), "cut").unwrap();
    let listed = cache.list().unwrap();
    assert!(listed[0].about.as_ref().unwrap_err().contains("3 bytes"));
    assert_eq!(cache.clear(&Clear::All).unwrap().len(), 1);
}

#[test]
fn those_not_used_for_the_longest_time_go_first() {
    let (_folder, cache) = cache();
    let bytes = {
        store(&cache, b"a");
        cache.list().unwrap()[0].bytes
    };
    store(&cache, b"b");
    age(&cache, b"a", 20);
    age(&cache, b"b", 30);
    // Using it makes it young.
    assert!(matches!(cache.open(&key(b"b")), Found::Whole(_)));
    let small = cache.clone().with_max_bytes(2 * bytes + bytes / 2);
    let removed = store(&small, b"c").removed;
    assert_eq!(removed.iter().map(|one| one.key.clone()).collect::<Vec<_>>(), [key(b"a")]);
    // The newest stays, however large it is.
    let tiny = cache.clone().with_max_bytes(1);
    assert_eq!(store(&tiny, b"d").removed.len(), 2);
    assert_eq!(cache.list().unwrap()[0].key, key(b"d"));
}

#[test]
fn engines_are_cleared_one_by_one_or_by_use() {
    let (_folder, cache) = cache();
    for onnx in [b"a", b"b", b"c"] {
        store(&cache, onnx);
    }
    assert_eq!(cache.clear(&Clear::One(key(b"x"))).unwrap(), []);
    assert_eq!(cache.clear(&Clear::One(key(b"a"))).unwrap()[0].key, key(b"a"));
    assert_eq!(cache.clear(&Clear::AllBut(vec![key(b"c")])).unwrap()[0].key, key(b"b"));
    assert_eq!(cache.list().unwrap().len(), 1);
    let choice = cache.root().join("choice-0.json");
    fs::write(&choice, "{}").unwrap();
    assert_eq!(cache.clear(&Clear::All).unwrap().len(), 1);
    assert_eq!(cache.list().unwrap(), []);
    assert!(!choice.exists());
}

#[test]
fn what_a_killed_build_left_is_removed_by_the_next_but_not_a_running_one() {
    let (_folder, cache) = cache();
    let running = cache.begin(&key(b"a")).unwrap();
    // A killed process holds no lock.
    let left = cache.root().join(format!(".new-{}-1-0", key(b"b")));
    fs::create_dir(&left).unwrap();
    fs::write(left.join(".lock"), "").unwrap();
    let next = cache.begin(&key(b"b")).unwrap();
    assert!(!left.exists() && running.folder().exists());
    drop(next);
    // Also two builds of one key: both are whole, the last one stays.
    let other = cache.begin(&key(b"a")).unwrap();
    assert_ne!(other.folder(), running.folder());
    for new in [running, other] {
        fs::write(new.folder().join("context.onnx"), "whole").unwrap();
        new.finish(about(b"a")).unwrap();
    }
    assert!(matches!(cache.open(&key(b"a")), Found::Whole(_)));
}

#[test]
fn an_engine_that_is_written_anew_is_not_removed() {
    let (_folder, cache) = cache();
    let folder = store(&cache, b"a").entry.folder;
    let whole = cache.root().join("whole");
    fs::rename(&folder, &whole).unwrap();
    // Another process replaces an engine while this one reads it.
    fs::create_dir(&folder).unwrap();
    let lock = cache.lock().unwrap();
    let found = thread::scope(|scope| {
        let reader = scope.spawn(|| cache.open(&key(b"a")));
        // Long enough for the reader to find that it is not whole.
        thread::sleep(Duration::from_millis(100));
        assert!(!reader.is_finished(), "it does not wait");
        fs::remove_dir(&folder).unwrap();
        fs::rename(&whole, &folder).unwrap();
        drop(lock);
        reader.join().unwrap()
    });
    assert!(matches!(found, Found::Whole(_)), "{found:?}");
    assert!(matches!(cache.open(&key(b"a")), Found::Whole(_)));
}

#[test]
fn what_cannot_be_removed_fails_no_build() {
    let (_folder, cache) = cache();
    store(&cache, b"a");
    age(&cache, b"a", 20);
    // A file is no engine, and is not removed as a folder.
    let file = cache.root().join(key(b"x").as_str());
    fs::write(&file, "x").unwrap();
    let tiny = cache.clone().with_max_bytes(1);
    let Stored { entry, removed } = store(&tiny, b"b");
    assert!(file.is_file());
    assert_eq!(removed.iter().map(|one| one.key.clone()).collect::<Vec<_>>(), [key(b"a")]);
    assert_eq!(cache.open(&key(b"b")), Found::Whole(Box::new(entry)));
}

#[test]
fn a_reader_never_sees_a_half_engine() {
    let (_folder, cache) = cache();
    store(&cache, b"a");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..20 {
                store(&cache, b"a");
            }
        });
        while !writer.is_finished() {
            // Between removing the old one and renaming the new one there is none.
            let folder = cache.root().join(key(b"a").as_str());
            let text = fs::read(folder.join("context.onnx"));
            assert!(text.is_err() || text.is_ok_and(|bytes| bytes == [7; 100]));
            let found = cache.open(&key(b"a"));
            assert!(!matches!(found, Found::Refused(_)), "{found:?}");
        }
    });
    assert!(matches!(cache.open(&key(b"a")), Found::Whole(_)), "none was removed");
}

#[test]
fn a_disk_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let cache = EngineCache::new(file.join("engines"));
    let error = cache.begin(&key(b"a")).unwrap_err().to_string();
    assert!(error.starts_with("cannot create "), "{error}");
    assert_eq!(cache.open(&key(b"a")), Found::Absent);
}

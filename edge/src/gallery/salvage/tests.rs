//! Damaged stores: one page after the other, files that are cut, and files that are no stores.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{SalvageError, Salvaged};
use crate::gallery::Gallery;
use crate::gallery::class::{Example, ImageKey, NewExample};
use crate::gallery::galleries::Galleries;
use crate::gallery::history::UndoTarget;
use crate::gallery::label::Label;
use crate::gallery::random_calls::{self, PrintedSeed, Random};
use crate::gallery::reembedded::Reembedded;
use crate::gallery::store::seal;

const SPACE: &str = "a space";
const OTHER_SPACE: &str = "another space";
const PAGE_BYTES: usize = 4096;

/// The number of pages that are damaged in each store; the long form has 2,000.
const PAGES: &str = "HANDFUL_SALVAGE_PAGES";
const DEFAULT_PAGES: u64 = 40;

/// Embeddings by label and image.
type Facts = HashMap<(String, ImageKey), Vec<f32>>;

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn sha256(number: u64) -> [u8; 32] {
    let mut sha256 = [7; 32];
    sha256[..8].copy_from_slice(&number.to_le_bytes());
    sha256
}

fn image(number: u64) -> Vec<u8> {
    let mut image = vec![number as u8; 900];
    image[..8].copy_from_slice(&number.to_le_bytes());
    image
}

fn example(number: u64, length: usize, random: &mut Random) -> NewExample {
    let embedding = (0..length).map(|_| random.below(2_000_001) as f32 / 1e6 - 1.0).collect();
    // An odd one is a part of the same file.
    let file = number - number % 2;
    let crop = (file != number).then(|| "0.25,0.25,0.5,0.5".parse().unwrap());
    let image = number.is_multiple_of(5).then(|| image(file));
    NewExample { sha256: sha256(file), crop, embedding, precision: "fp32".to_owned(), image }
}

fn key_of(label: &str, example: &Example) -> (String, ImageKey) {
    (label.to_owned(), ImageKey { sha256: example.sha256, crop: example.crop })
}

/// A store with `classes` of 100 examples each, of which some were moved, removed and renamed.
fn make_store(dir: &Path, classes: u64, length: usize) -> (Facts, [u8; 32]) {
    let mut random = Random::new(classes);
    let galleries = Galleries::open(dir, SPACE).unwrap();
    let mut gallery = galleries.gallery("default").unwrap();
    for class in 0..classes {
        let name = label(&format!("class {class}"));
        for part in [0..40, 40..41, 41..100] {
            let examples = part.map(|n| example(class * 100 + n, length, &mut random)).collect();
            gallery.enroll(&name, examples, true).unwrap();
        }
    }
    let background = (0..50).map(|n| example(1_000_000 + n, length, &mut random)).collect();
    gallery.enroll_background(background).unwrap();
    gallery.rename("class 0", &label("mug")).unwrap();
    let first = gallery.class("class 1").unwrap().examples[..3].to_vec();
    gallery.remove_examples(&[first[0].id.to_string(), first[1].id.to_string()]).unwrap();
    // Without former rows in free pages, which would make it easier.
    gallery.compact().unwrap();
    (facts(&gallery), gallery.digest())
}

fn facts(gallery: &Gallery) -> Facts {
    let of_classes = gallery.iter().flat_map(|class| {
        let label = class.label.to_string();
        class.examples.iter().map(move |one| (label.clone(), one))
    });
    let background = gallery.background().iter().map(|one| (String::new(), one));
    let all = of_classes.chain(background);
    all.map(|(label, one)| (key_of(&label, one), one.embedding.clone())).collect()
}

fn salvage(file: &Path, into: &Path) -> Result<Salvaged, SalvageError> {
    Galleries::salvage(file, into, Some(SPACE), &mut |_, _| {})
}

/// Salvages a file with these bytes. Returns what was found of each gallery.
fn salvaged(bytes: &[u8]) -> (Salvaged, Vec<Gallery>, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("damaged");
    fs::write(&file, bytes).unwrap();
    let salvaged = salvage(&file, &root.path().join("new")).unwrap();
    assert_eq!(fs::read(&file).unwrap(), bytes, "the damaged file was written");
    let galleries = Galleries::open(&root.path().join("new"), SPACE).unwrap();
    let opened = salvaged.galleries.iter().map(|one| galleries.gallery(&one.name).unwrap());
    let opened = opened.collect();
    (salvaged, opened, root)
}

/// How many of the facts a gallery has. What it has besides is wrong.
fn n_right(gallery: &Gallery, expected: &Facts) -> usize {
    let found = facts(gallery);
    for (key, embedding) in &found {
        assert_eq!(expected.get(key), Some(embedding), "{} has another embedding", key.0);
    }
    for (label, example) in gallery
        .iter()
        .flat_map(|class| class.examples.iter().map(move |example| (&class.label, example)))
    {
        let number = u64::from_le_bytes(example.sha256[..8].try_into().unwrap());
        let kept = gallery.image(example.id).unwrap();
        assert!(kept.is_none_or(|kept| kept == image(number)), "{label} has another image");
    }
    found.len()
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Bit,
    Zeros,
    Random,
}

fn damage(bytes: &mut [u8], page: usize, kind: Damage, random: &mut Random) {
    let end = bytes.len().min((page + 1) * PAGE_BYTES);
    let page = &mut bytes[page * PAGE_BYTES..end];
    match kind {
        Damage::Bit => {
            let at = random.index(page.len());
            page[at] ^= 1 << random.below(8);
        }
        Damage::Zeros => page.fill(0),
        Damage::Random => page.fill_with(|| random.number() as u8),
    }
}

/// The pages to damage: the header, branches, and some of the others that are in use.
fn pages(bytes: &[u8], random: &mut Random) -> Vec<usize> {
    let in_use =
        bytes.chunks(PAGE_BYTES).enumerate().filter(|(_, page)| page.iter().any(|b| *b > 0));
    let (mut chosen, mut others): (Vec<_>, Vec<_>) =
        in_use.partition(|(at, page)| *at == 0 || (page[0] == 2 && page[1] == 0));
    random.shuffle(&mut chosen);
    random.shuffle(&mut others);
    let wanted = usize::try_from(random_calls::repetitions(PAGES, DEFAULT_PAGES)).unwrap();
    chosen.truncate(wanted / 4);
    others.truncate(wanted - chosen.len());
    let first = [0].into_iter();
    first.chain(chosen.into_iter().chain(others).map(|(at, _)| at)).collect()
}

/// Damages pages one at a time; at most `most_lost` examples are lost each time.
fn assert_pages_can_be_damaged(classes: u64, length: usize, most_lost: usize) {
    let _printed = PrintedSeed(classes);
    let root = tempfile::tempdir().unwrap();
    let (expected, _) = make_store(root.path(), classes, length);
    let whole = fs::read(root.path().join("gallery.redb")).unwrap();
    let mut random = Random::new(classes);
    let kinds = [Damage::Bit, Damage::Zeros, Damage::Random];
    for (at, page) in pages(&whole, &mut random).into_iter().enumerate() {
        let kind = kinds[at % kinds.len()];
        let mut bytes = whole.clone();
        damage(&mut bytes, page, kind, &mut random);
        let (answer, galleries, _root) = salvaged(&bytes);
        let found = n_right(&galleries[0], &expected);
        let lost = expected.len() - found;
        assert!(lost <= most_lost, "page {page}, {kind:?}: {lost} lost, {answer:?}");
        assert_eq!((answer.galleries[0].lost, answer.galleries.len()), (lost, 1), "page {page}");
        assert_eq!(answer.galleries[0].name, "default");
    }
}

#[test]
fn a_page_that_is_damaged_costs_at_most_a_hundredth() {
    assert_pages_can_be_damaged(20, 64, 20);
}

#[test]
fn a_page_that_is_damaged_costs_few_long_embeddings() {
    assert_pages_can_be_damaged(3, 1280, 17);
}

#[test]
fn what_is_whole_comes_back_equal() {
    let root = tempfile::tempdir().unwrap();
    let (expected, digest) = make_store(root.path(), 2, 16);
    let mut galleries = Galleries::open(root.path(), SPACE).unwrap();
    galleries.create(&label("line 2")).unwrap();
    galleries.create(&label("line 3")).unwrap();
    galleries.gallery("line 2").unwrap().enroll(&label("cup"), Vec::new(), true).unwrap();
    galleries.gallery("line 3").unwrap().enroll(&label("cup"), Vec::new(), true).unwrap();
    galleries.delete("line 3").unwrap();
    let before = galleries.gallery("default").unwrap().history(100, None).unwrap();
    drop(galleries);

    let into = root.path().with_extension("new");
    let answer = salvage(root.path(), &into).unwrap();
    assert!(answer.is_whole(), "{answer:?}");
    let names: Vec<_> =
        answer.galleries.iter().map(|one| (one.name.as_str(), one.is_deleted)).collect();
    assert_eq!(names, [("default", false), ("line 2", false), ("line 3", true)]);
    let mut again = Galleries::open(&into, SPACE).unwrap();
    let gallery = again.gallery("default").unwrap();
    assert_eq!((gallery.digest(), facts(&gallery)), (digest, expected));
    assert_eq!(gallery.history(100, None).unwrap(), before);
    again.restore("line 3").unwrap();
    assert!(again.gallery("line 3").unwrap().class("cup").is_ok());
    drop((gallery, again));
    fs::remove_dir_all(into).unwrap();
}

#[test]
fn lost_changes_are_restored_from_the_state() {
    let root = tempfile::tempdir().unwrap();
    let (expected, _) = make_store(root.path(), 2, 16);
    let whole = fs::read(root.path().join("gallery.redb")).unwrap();
    let mut restored = 0;
    for (at, page) in whole.chunks(PAGE_BYTES).enumerate() {
        if !page.windows(12).any(|bytes| bytes == b"\"actor\":\"lib") {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[at * PAGE_BYTES..(at + 1) * PAGE_BYTES].fill(0);
        let (answer, galleries, _root) = salvaged(&bytes);
        let gallery = &answer.galleries[0];
        assert!(gallery.lost_changes > 0 && !answer.is_whole(), "page {at}: {answer:?}");
        assert_eq!((n_right(&galleries[0], &expected), gallery.lost), (expected.len(), 0));
        restored += gallery.restored;
    }
    assert!(restored > 0, "no change that enrolls was lost");
}

/// Nothing of a salvaged gallery is other than it was, whatever calls had been made.
#[test]
fn what_a_damaged_page_leaves_is_never_wrong() {
    for seed in 0..4 {
        let _printed = PrintedSeed(seed);
        let mut random = Random::new(seed);
        let root = tempfile::tempdir().unwrap();
        let galleries = Galleries::open(root.path(), SPACE).unwrap();
        let mut gallery = galleries.gallery("default").unwrap();
        for _ in 0..60 {
            if let Err(refused) = random_calls::call_or_reembed(&mut gallery, &mut random) {
                random_calls::assert_is_by_rule(&refused);
            }
        }
        gallery.purge(Duration::ZERO).unwrap();
        gallery.compact().unwrap();
        let expected = facts(&gallery);
        drop((gallery, galleries));
        let whole = fs::read(root.path().join("gallery.redb")).unwrap();
        for (at, page) in whole.chunks(PAGE_BYTES).enumerate() {
            // Only what has a row: the others cost nothing.
            if seal::find(page, 0).is_none() {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[at * PAGE_BYTES..(at + 1) * PAGE_BYTES].fill(0);
            let (answer, galleries, _root) = salvaged(&bytes);
            for (key, embedding) in facts(&galleries[0]) {
                let right =
                    expected.get(&key) == Some(&embedding) || key.0.starts_with("salvaged-");
                assert!(right, "page {at}: `{}`, {answer:?}", key.0);
            }
        }
    }
}

/// A store whose gallery was embedded anew, a few images at a time; and its former facts.
fn make_reembedded(dir: &Path) -> (Gallery, Facts) {
    let mut random = Random::new(7);
    let mut gallery = Galleries::open(dir, SPACE).unwrap().gallery("default").unwrap();
    let examples = (0..40).map(|n| example(5 * n, 16, &mut random)).collect();
    gallery.enroll(&label("mug"), examples, true).unwrap();
    gallery.enroll_background(vec![example(1000, 16, &mut random)]).unwrap();
    let before = facts(&gallery);
    gallery.use_space(OTHER_SPACE);
    // What is forgotten leaves rows in free pages, as each step does.
    embed_some(&mut gallery, 9.0);
    assert!(gallery.cancel_reembed().unwrap().forgotten > 0);
    while embed_some(&mut gallery, 0.5) {}
    gallery.finish_reembed(false, 2).unwrap();
    (gallery, before)
}

/// Embeds up to seven kept images anew; false if there are no more.
fn embed_some(gallery: &mut Gallery, value: f32) -> bool {
    let images = gallery.next_to_reembed(7).unwrap();
    let embedded = images.iter().map(|image| Reembedded {
        example: image.example,
        embedding: Some(vec![f32::from(image.bytes[0]), value]),
    });
    gallery.put_reembedded(embedded.collect(), "fp16", 2).unwrap();
    !images.is_empty()
}

#[test]
fn a_gallery_that_was_embedded_anew_comes_back_with_both_models() {
    let root = tempfile::tempdir().unwrap();
    let (gallery, before) = make_reembedded(root.path());
    let after = (facts(&gallery), gallery.digest());
    let history = gallery.history(100, None).unwrap();
    drop(gallery);

    let into = tempfile::tempdir().unwrap();
    let answer = salvage(root.path(), into.path()).unwrap();
    assert!(answer.is_whole(), "{answer:?}");
    let mut again = Galleries::open(into.path(), OTHER_SPACE).unwrap().gallery("default").unwrap();
    assert_eq!((again.space_id(), again.is_other_space()), (OTHER_SPACE, false));
    assert_eq!((facts(&again), again.digest()), after);
    assert_eq!(again.background()[0].precision, "fp16");
    assert_eq!(again.history(100, None).unwrap(), history);
    again.undo(UndoTarget::Last, false).unwrap();
    assert_eq!((again.space_id(), facts(&again)), (SPACE, before));
}

#[test]
fn a_page_of_a_gallery_that_was_embedded_anew_is_never_taken_for_another_model() {
    let root = tempfile::tempdir().unwrap();
    let (mut gallery, _) = make_reembedded(root.path());
    gallery.compact().unwrap();
    let expected = facts(&gallery);
    drop(gallery);
    let whole = fs::read(root.path().join("gallery.redb")).unwrap();
    let mut least = expected.len();
    for (at, page) in whole.chunks(PAGE_BYTES).enumerate() {
        if seal::find(page, 0).is_none() {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[at * PAGE_BYTES..(at + 1) * PAGE_BYTES].fill(0);
        let (answer, galleries, _root) = salvaged(&bytes);
        let found = n_right(&galleries[0], &expected);
        assert_eq!(answer.galleries[0].lost, expected.len() - found, "page {at}: {answer:?}");
        assert!(found == 0 || galleries[0].space_id() == OTHER_SPACE, "page {at}");
        least = least.min(found);
    }
    assert!(least < expected.len(), "no page had an embedding in use");
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Pages that are free may have all rows as they were before a purge.
#[test]
fn what_is_purged_does_not_come_back_from_former_rows() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("gallery.redb");
    let mut random = Random::new(3);
    let mut gallery = Galleries::open(root.path(), SPACE).unwrap().gallery("default").unwrap();
    let examples = (1..4).map(|n| example(10 * n, 16, &mut random)).collect();
    gallery.enroll(&label("mug"), examples, true).unwrap();
    let gone = gallery.class("mug").unwrap().examples[0].clone();
    let embedding: Vec<u8> = gone.embedding.iter().flat_map(|value| value.to_le_bytes()).collect();
    gallery.remove_examples(&[gone.id.to_string()]).unwrap();
    let before = fs::read(&file).unwrap();
    assert_eq!(gallery.purge(Duration::ZERO).unwrap(), 1);
    let after = (facts(&gallery), gallery.digest());
    drop(gallery);
    let both = [fs::read(&file).unwrap(), before].concat();
    assert!(has(&both, &embedding) && has(&both, &image(10)));
    let (answer, galleries, root) = salvaged(&both);
    assert!(answer.is_whole(), "{answer:?}");
    assert_eq!((facts(&galleries[0]), galleries[0].digest()), after);
    let new = fs::read(root.path().join("new/gallery.redb")).unwrap();
    assert!(!has(&new, &embedding) && !has(&new, &image(10)));
}

#[test]
fn of_a_file_that_was_cut_everything_that_is_there_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let (expected, _) = make_store(root.path(), 5, 64);
    let whole = fs::read(root.path().join("gallery.redb")).unwrap();
    let mut found = 0;
    for length in [whole.len() / 2, whole.len() * 9 / 10, whole.len() - 1] {
        let (answer, galleries, _root) = salvaged(&whole[..length]);
        assert!(galleries.len() <= 1, "{answer:?}");
        found += galleries.iter().map(|gallery| facts(gallery).len()).sum::<usize>();
    }
    assert!(found > expected.len(), "only {found} were found");
}

#[test]
fn what_is_no_store_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    let noise: Vec<u8> = (0..300_000).map(|_| random.number() as u8).collect();
    let text = "a text that is no store\n".repeat(1000);
    let seals = [0xF5, 0x48, 0x1A, 0x72, 0x6F, 0x77, 0xC3, 0x0A].repeat(1000);
    for bytes in [&b""[..], text.as_bytes(), &noise, &seals] {
        let file = root.path().join("file");
        fs::write(&file, bytes).unwrap();
        let into = root.path().join("new");
        let error = salvage(&file, &into).unwrap_err();
        assert!(matches!(error, SalvageError::NothingFound { .. }), "{error}");
        assert!(!into.exists(), "nothing was created");
    }
    let missing = salvage(&root.path().join("none"), &root.path().join("new")).unwrap_err();
    assert!(matches!(missing, SalvageError::Io { .. }), "{missing}");
}

#[test]
fn the_new_store_is_made_in_an_empty_folder_outside_of_the_damaged_one() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("store");
    make_store(&dir, 2, 4);
    let same = salvage(&dir, &dir).unwrap_err();
    assert!(matches!(same, SalvageError::NotEmpty { .. }), "{same}");
    let inside = salvage(&dir, &dir.join("a/b")).unwrap_err();
    assert!(matches!(inside, SalvageError::Inside { .. }), "{inside}");
    assert!(!dir.join("a").exists());
    let open = Galleries::open(&dir, SPACE).unwrap();
    let in_use = salvage(&dir, &root.path().join("new")).unwrap_err().to_string();
    assert!(in_use.contains(&format!("process {}", std::process::id())), "{in_use}");
    drop(open);
    fs::create_dir(root.path().join("new")).unwrap();
    salvage(&dir, &root.path().join("new")).unwrap();
}

//! Zip and xz archives that are wrong, by accident or by intent.

use models::dataset::{DatasetError, DatasetLimits};
use proptest::prelude::*;
use zip::CompressionMethod;

use super::*;

fn open(bytes: &[u8], limits: &DatasetLimits) -> Result<Dataset, DatasetError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Dataset::open_within(file.path(), limits)
}

fn refused(bytes: &[u8]) -> DatasetError {
    open(bytes, &DatasetLimits::default()).unwrap_err()
}

/// A zip archive of the images, in which one name of the same length stands in place of another.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    renamed_in(zip_of(&images()), from, to)
}

fn renamed_in(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

/// Sets bits in the flags of every entry, in both of its headers.
fn with_flags(mut bytes: Vec<u8>, flags: u8) -> Vec<u8> {
    for at in 0..bytes.len() - 10 {
        if bytes[at..].starts_with(b"PK\x03\x04") {
            bytes[at + 6] |= flags;
        } else if bytes[at..].starts_with(b"PK\x01\x02") {
            bytes[at + 8] |= flags;
        }
    }
    bytes
}

#[test]
fn paths_that_lead_out_of_a_zip_archive() {
    for to in ["../e/pear/0.png", "/ase/pear/0.png", "C:/e/pear/0.png", "..\\e\\pear/0.png"] {
        let error = refused(&renamed("base/pear/0.png", to));
        assert!(error.to_string().contains("leads out of the archive"), "{to}: {error}");
    }
    let dataset = open_archive(&renamed("base/pear/0.png", "base\\pear\\0.png"));
    assert_eq!(outline(&dataset), outline(&open_archive(&zip_of(&images()))));
}

#[test]
fn two_entries_of_one_path_are_refused() {
    let twice = with(images(), "base/pear/0.png", &draw::png(draw::flat(4, 4, [9, 9, 9])));
    // The zip writer refuses a second entry of a name: it is written under another one.
    let zip = renamed_in(zip_of(&with(images(), "base/pear/9.png", b"x")), "9.png", "0.png");
    let dotted = with(images(), "./base/pear/0.png", b"x");
    for bytes in [tar_of(&twice), gzip(&tar_of(&twice)), zip, zip_of(&dotted)] {
        let error = refused(&bytes).to_string();
        assert!(error.contains("`base/pear/0.png` is refused: the archive has two"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    // What is left out may be there twice, and so may folders.
    let notes = with(with(images(), "notes.txt", b"x"), "notes.txt", b"y");
    assert_eq!(open_archive(&tar_of(&notes)).left_out.len(), 1);
    let junk = with(with(images(), "__MACOSX/a1", b"x"), "__MACOSX/a2", b"y");
    let junk = renamed_in(zip_of(&junk), "__MACOSX/a2", "__MACOSX/a1");
    assert_eq!(open_archive(&junk).left_out, [left_out("__MACOSX", Reason::MacOs)]);
}

#[test]
fn links_in_a_zip_archive() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("base/pear/0.png", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let error = refused(&writer.finish().unwrap().into_inner());
    assert!(error.to_string().contains("`base/pear/0.png` is refused: it is a link"), "{error}");
}

#[test]
fn encrypted_and_odd_entries_of_a_zip_archive() {
    let error = refused(&with_flags(zip_of(&images()), 1));
    assert!(error.to_string().contains("it is encrypted; pack"), "{error}");
    let mut bytes = zip_of(&images());
    for at in 0..bytes.len() - 12 {
        let [local, central] = [b"PK\x03\x04", b"PK\x01\x02"].map(|m| bytes[at..].starts_with(m));
        if local || central {
            bytes[at + if local { 8 } else { 10 }] = 12;
        }
    }
    let error = refused(&bytes);
    assert!(error.to_string().to_lowercase().contains("compressed with bzip2"), "{error}");
}

#[test]
fn entries_that_are_not_needed_are_not_unpacked() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in with(images(), "zeros.bin", &vec![0; 8 << 20]) {
        writer.start_file(path, SimpleFileOptions::default()).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let limits = DatasetLimits { max_archive_bytes: 1 << 20, ..DatasetLimits::default() };
    assert_eq!(open(&bytes, &limits).unwrap().n_images(), 6);
}

#[test]
fn archives_that_unpack_to_too_much_are_stopped() {
    let bomb = with(images(), "base/pear/bomb.png", &vec![0; 8 << 20]);
    let limits = DatasetLimits { max_archive_bytes: 1 << 20, ..DatasetLimits::default() };
    for bytes in [zip_of(&bomb), xz(&tar_of(&bomb)), gzip(&tar_of(&bomb))] {
        assert!(bytes.len() < 100_000, "{}", bytes.len());
        let error = open(&bytes, &limits).unwrap_err();
        assert!(matches!(error, DatasetError::TooLarge { .. }), "{error}");
        let small = DatasetLimits { max_image_bytes: 5000, ..DatasetLimits::default() };
        let error = open(&bytes, &small).unwrap_err();
        assert!(
            matches!(&error, DatasetError::Entry { entry, .. } if entry == "base/pear/bomb.png"),
            "{error}"
        );
    }
    let limits = DatasetLimits { max_files: 5, ..DatasetLimits::default() };
    let error = open(&zip_of(&images()), &limits).unwrap_err();
    assert!(matches!(error, DatasetError::TooLarge { limit: 5, .. }), "{error}");
}

#[test]
fn an_entry_that_states_a_wrong_size() {
    let mut bytes = zip_of(&images());
    // The length that is stated in the list of entries at the end.
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"PK\x01\x02")).unwrap();
    for stated in [bytes[at + 24] + 7, bytes[at + 24] - 7] {
        bytes[at + 24] = stated;
        let error = refused(&bytes).to_string();
        assert!(error.contains("states") || error.contains("cannot be read"), "{error}");
    }
}

#[test]
fn packed_archives_that_were_cut() {
    for bytes in [zip_of(&images()), xz(&tar_of(&images()))] {
        for length in [bytes.len() / 4, bytes.len() / 2, bytes.len() - 9] {
            let error = refused(&bytes[..length]);
            assert!(matches!(error, DatasetError::Archive { .. }), "{length}: {error}");
        }
    }
}

#[test]
fn damaged_archives_are_named_in_one_line_and_in_our_words() {
    let tar = tar_of(&images());
    let packed = [gzip(&tar), xz(&tar)];
    for bytes in &packed {
        let text = refused(&bytes[..bytes.len() / 2]).to_string();
        assert!(text.ends_with("it ends early: it was cut, or not copied whole"), "{text}");
    }
    let [gzip, xz] = packed;
    let zip = zip_of(&images());
    for (bytes, from_end) in [(&gzip, 6), (&gzip, gzip.len() / 2), (&xz, xz.len() / 2)] {
        let mut bytes = bytes.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 0xFF;
        let text = refused(&bytes).to_string();
        let has_reason = ["damaged", "ends early"].iter().any(|words| text.contains(words));
        assert!(has_reason && !text.contains('\n'), "{text}");
    }
    // The checksum of the first entry, in the list of entries at the end.
    let mut changed = zip.clone();
    let at = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    changed[at + 16] ^= 0xFF;
    let text = refused(&changed).to_string();
    assert!(text.contains("a checksum in it does not fit its bytes"), "{text}");
    assert!(refused(&zip[..zip.len() / 2]).to_string().ends_with("the zip file is damaged or cut"));
}

#[test]
fn xz_that_needs_too_much_memory() {
    let mut options = XzOptions::with_preset(0);
    options.lzma_options.dict_size = 512 << 20;
    let mut writer = XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(&tar_of(&images())).unwrap();
    let error = refused(&writer.finish().unwrap());
    assert!(
        matches!(&error, DatasetError::Archive { reason, .. } if reason.contains("memory")),
        "{error}"
    );
}

#[test]
fn archives_of_other_kinds_are_named() {
    for (first, name) in [
        (&b"7z\xBC\xAF\x27\x1C"[..], "7z"),
        (b"Rar!\x1A\x07\x01\0", "RAR"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\x28\xB5\x2F\xFD\0", "Zstandard"),
    ] {
        let text = refused(&[first, &[1; 600]].concat()).to_string();
        assert!(text.contains(&format!("it is a {name} archive; unpack it")), "{text}");
    }
}

/// As old programs of Windows write names; the byte is a theta in that code page.
#[test]
fn names_of_zip_entries_may_be_in_code_page_437() {
    let mut bytes = zip_of(&images());
    for at in 0..bytes.len() - 15 {
        if bytes[at..].starts_with(b"base/pear/0.png") {
            bytes[at + 10] = 0xE9;
        }
    }
    let dataset = open_archive(&bytes);
    assert_eq!(dataset.left_out, []);
    let whole = open_archive(&zip_of(&images()));
    let counts = |dataset: &Dataset| dataset.classes.iter().map(|c| c.images.len()).sum::<usize>();
    assert_eq!(counts(&dataset), counts(&whole));
}

#[test]
fn a_stored_zip_is_read_as_a_deflated_one_is() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (path, bytes) in images() {
        writer.start_file(path, stored).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    let dataset = open_archive(&writer.finish().unwrap().into_inner());
    assert_eq!(dataset.fingerprint(), open_archive(&zip_of(&images())).fingerprint());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_packed_archives_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_zip: bool,
    ) {
        let tree = with(images(), "manifest.csv", MANIFEST.as_bytes());
        let mut bytes = if is_zip { zip_of(&tree) } else { xz(&tar_of(&tree)) };
        for (place, value) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *value;
        }
        let limits = DatasetLimits { max_archive_bytes: 1 << 20, ..DatasetLimits::default() };
        if let Ok(dataset) = open(&bytes, &limits) {
            for image in dataset.classes.iter().flat_map(|class| &class.images) {
                let _ = dataset.image(image, &ImageLimits::default(), Detail::Full);
            }
        }
    }
}

//! Manifests and archives that are wrong, by accident or by intent.

use std::io::Cursor;

use models::dataset::{DatasetError, DatasetLimits};
use proptest::prelude::*;
use tar::{EntryType, Header};

use super::*;

fn with_manifest(manifest: &[u8]) -> Result<Dataset, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &with(images(), "manifest.csv", manifest));
    Dataset::open(folder.path())
}

fn archive(bytes: &[u8], limits: &DatasetLimits) -> Result<Dataset, DatasetError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Dataset::open_within(file.path(), limits)
}

fn refused(bytes: &[u8]) -> DatasetError {
    archive(bytes, &DatasetLimits::default()).unwrap_err()
}

#[test]
fn a_manifest_that_names_a_missing_file() {
    let error =
        with_manifest(b"path,class\nbase/pear/0.png,pear\nbase/pear/9.png,pear\n").unwrap_err();
    assert!(
        matches!(&error, DatasetError::Missing { at, path } if at.line == 3 && path == "base/pear/9.png"),
        "{error}"
    );
    // Neither a folder nor the manifest itself is an image.
    for path in ["base/pear", "manifest.csv", "README.txt"] {
        let error = with_manifest(format!("path,class\n{path},pear\n").as_bytes()).unwrap_err();
        assert!(matches!(&error, DatasetError::Missing { at, .. } if at.line == 2), "{error}");
    }
}

#[test]
fn a_manifest_that_leads_out_of_its_folder() {
    for path in
        ["../secret.png", "/etc/passwd", "base/../../secret.png", "base/pear/../pear/0.png", "."]
    {
        let error = with_manifest(format!("path,class\n\"{path}\",pear\n").as_bytes()).unwrap_err();
        assert!(
            matches!(&error, DatasetError::Escapes { at, path: named } if at.line == 2 && named == path),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_manifest_that_names_a_link() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &with(images(), "manifest.csv", b"path,class\nlink.png,pear\n"));
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link.png")).unwrap();
    let error = Dataset::open(folder.path()).unwrap_err();
    assert!(matches!(&error, DatasetError::Missing { at, .. } if at.line == 2), "{error}");
}

#[test]
fn a_manifest_that_contradicts_itself() {
    for (manifest, line, words) in [
        (&b"file,class\nx,y\n"[..], 1, "no column `path`"),
        (b"path,label\nx,y\n", 1, "no column `class`"),
        (b"path,class,split\nbase/pear/0.png,pear,trai\n", 2, "`trai` is not a split"),
        (b"path,class\nbase/pear/0.png,\n", 2, "`class` is empty"),
        (b"path,class\n\"\",pear\n", 2, "`path` is empty"),
        (b"path,class\nbase/pear/0.png,pear\nbase/pear/0.png,fig\n", 3, "listed before"),
        (b"path,class\nbase/pear/0.png,pear,more\n", 2, "3 fields, expected 2"),
        (b"path,class\nbase/pear/\xFF.png,pear\n", 2, "UTF-8"),
        (
            b"path,class,wnid\nbase/pear/0.png,pear,n1\nbase/pear/1.png,pear,n2\n",
            3,
            "has wnid n2 here and n1",
        ),
    ] {
        let error = with_manifest(manifest).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("manifest.csv, line {line}: ")), "{text}");
        assert!(text.contains(words) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn a_class_in_two_splits_is_refused() {
    let error =
        with_manifest(b"path,class,split\nbase/pear/0.png,pear,base\nbase/pear/1.png,pear,val\n");
    assert!(matches!(
        error,
        Err(DatasetError::TwoSplits { first: Split::Base, second: Split::Val, .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    let tree = with(images(), "novel/pear/7.png", b"x");
    write_folder(folder.path(), &tree);
    let error = Dataset::open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, DatasetError::SharedClasses { folders, classes, base }
            if folders == &["base", "novel"] && classes == &["pear"] && base == "base"),
        "{error}"
    );
    assert!(!error.to_string().contains("--"), "options are the programs': {error}");
    assert_eq!(error.split_to_use(), Some(Split::Base));
}

#[test]
fn an_empty_data_set_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Dataset::open(folder.path()), Err(DatasetError::Empty { .. })));
    fs::write(folder.path().join("single.png"), b"x").unwrap();
    assert!(
        matches!(Dataset::open(folder.path()), Err(DatasetError::Empty { .. })),
        "an image without a class"
    );
    assert!(matches!(with_manifest(b"path,class\n"), Err(DatasetError::Empty { .. })));
    let error = with_manifest(b"").unwrap_err();
    assert!(matches!(&error, DatasetError::Line { at, .. } if at.line == 1), "{error}");
    let error = Dataset::open(&folder.path().join("absent.tar.gz")).unwrap_err();
    assert!(error.to_string().contains("absent.tar.gz"), "{error}");
}

#[test]
fn an_image_that_vanished_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &images());
    let dataset = Dataset::open(folder.path()).unwrap();
    fs::remove_file(folder.path().join("val/apple/0.png")).unwrap();
    let limits = ImageLimits::default();
    let error = dataset.image(&dataset.classes[0].images[0], &limits, Detail::Full).unwrap_err();
    assert!(error.to_string().contains("0.png"), "{error}");
}

#[test]
fn folders_too_deep_and_files_too_many() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &below(&"d/".repeat(40), images()));
    assert!(matches!(Dataset::open(folder.path()), Err(DatasetError::TooLarge { .. })));
    let limits = DatasetLimits { max_files: 5, ..DatasetLimits::default() };
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &images());
    assert!(matches!(
        Dataset::open_within(folder.path(), &limits),
        Err(DatasetError::TooLarge { limit: 5, .. })
    ));
    let error = archive(&tar_of(&images()), &limits).unwrap_err();
    assert!(matches!(error, DatasetError::TooLarge { limit: 5, .. }), "{error}");
}

/// A tar with one good image and one entry whose name is written as it is.
fn tar_with(name: &str, kind: EntryType, link: Option<&str>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Cursor::new(Vec::new()));
    for (path, kind) in [("base/pear/0.png", EntryType::Regular), (name, kind)] {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(if kind == EntryType::Regular { 3 } else { 0 });
        if let Some(link) = link {
            header.set_link_name_literal(link).unwrap();
        }
        header.set_cksum();
        builder.append(&header, &b"abc"[..if kind == EntryType::Regular { 3 } else { 0 }]).unwrap();
    }
    builder.into_inner().unwrap().into_inner()
}

#[test]
fn entries_that_lead_out_of_an_archive() {
    for name in ["../1.png", "base/../../1.png", "/etc/1.png", "base/pear/.."] {
        for bytes in [
            tar_with(name, EntryType::Regular, None),
            gzip(&tar_with(name, EntryType::Regular, None)),
        ] {
            let error = refused(&bytes);
            assert!(
                matches!(&error, DatasetError::Entry { entry, .. } if entry == name),
                "{error}"
            );
            assert!(error.to_string().contains("leads out"), "{error}");
        }
    }
    assert!(matches!(
        refused(&tar_with("../d", EntryType::Directory, None)),
        DatasetError::Entry { .. }
    ));
}

#[test]
fn links_and_devices_in_an_archive() {
    for (kind, words) in [
        (EntryType::Symlink, "it is a link"),
        (EntryType::Link, "it is a link"),
        (EntryType::Fifo, "not a regular file"),
        (EntryType::Char, "not a regular file"),
    ] {
        let error = refused(&tar_with("base/pear/1.png", kind, Some("/etc/passwd")));
        assert!(matches!(&error, DatasetError::Entry { entry, .. } if entry == "base/pear/1.png"));
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn archives_and_entries_that_are_too_large() {
    let tree = with(images(), "base/pear/big.png", &[0; 5000]);
    let (tar, small) =
        (tar_of(&tree), DatasetLimits { max_image_bytes: 4999, ..DatasetLimits::default() });
    let error = archive(&tar, &small).unwrap_err();
    assert!(
        matches!(&error, DatasetError::Entry { entry, .. } if entry == "base/pear/big.png"),
        "{error}"
    );
    let total = DatasetLimits { max_archive_bytes: 9000, ..DatasetLimits::default() };
    assert!(
        matches!(archive(&tar, &total), Err(DatasetError::Disk(_))),
        "the file itself is larger"
    );
    // Packed it is small enough; unpacked it is not.
    let packed = gzip(&tar);
    assert!(packed.len() < 9000);
    assert!(matches!(archive(&packed, &total), Err(DatasetError::TooLarge { limit: 9000, .. })));
}

#[test]
fn a_small_file_that_unpacks_to_gigabytes_is_stopped() {
    // Eight million zeros in one entry that is no image, packed a thousandfold.
    let bomb = gzip(&tar_of(&with(images(), "zeros.bin", &vec![0; 8 << 20])));
    let limits = DatasetLimits { max_archive_bytes: 1 << 20, ..DatasetLimits::default() };
    assert!(bomb.len() < 100_000);
    assert!(matches!(archive(&bomb, &limits), Err(DatasetError::TooLarge { .. })));
}

#[test]
fn what_is_no_archive_is_named() {
    for bytes in [
        &b"hello, world"[..],
        &[7; 5000],
        b"\x1F\x8B\x08rubbish",
        &draw::png(draw::gradient(40, 40)),
    ] {
        let error = refused(bytes);
        assert!(
            matches!(error, DatasetError::Archive { .. } | DatasetError::Empty { .. }),
            "{error}"
        );
    }
    assert!(matches!(refused(b""), DatasetError::Empty { .. }));
}

#[test]
fn an_archive_cut_in_half_is_refused() {
    let packed = gzip(&tar_of(&images()));
    for length in [packed.len() / 4, packed.len() / 2, packed.len() - 9] {
        let error = refused(&packed[..length]);
        assert!(matches!(error, DatasetError::Archive { .. }), "{error}");
    }
    let tar = tar_of(&images());
    assert!(matches!(refused(&tar[..tar.len() / 2 + 100]), DatasetError::Archive { .. }));
    // Between two files too, where what is left is a sound beginning.
    let error = refused(&tar[..tar.len() - 1024]);
    assert!(matches!(error, DatasetError::Archive { .. }), "{error}");
    assert!(error.to_string().contains("was cut"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_manifest_panics_and_none_reaches_outside(
        lines in prop::collection::vec("(base/pear/0.png|val/apple/[01].png|\\PC{0,12}|[./]{1,8}),\\PC{0,8},(base|val|x|)", 0..6),
        header in "(path,class,split|class,path,wnid|\\PC{0,12})",
    ) {
        let manifest = format!("{header}\n{}\n", lines.join("\n"));
        if let Ok(dataset) = with_manifest(manifest.as_bytes()) {
            for image in dataset.classes.iter().flat_map(|class| &class.images) {
                prop_assert!(images().iter().any(|(path, _)| path == image.path()));
            }
        }
    }

    #[test]
    fn changed_archives_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        packed: bool,
    ) {
        let mut bytes = tar_of(&with(images(), "manifest.csv", MANIFEST.as_bytes()));
        if packed {
            bytes = gzip(&bytes);
        }
        for (place, value) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *value;
        }
        let limits = DatasetLimits { max_archive_bytes: 1 << 20, ..DatasetLimits::default() };
        if let Ok(dataset) = archive(&bytes, &limits) {
            for image in dataset.classes.iter().flat_map(|class| &class.images) {
                let _ = dataset.image(image, &ImageLimits::default(), Detail::Full);
            }
        }
    }
}

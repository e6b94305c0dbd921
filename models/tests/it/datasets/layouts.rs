//! The layouts that are understood, as folders and as archives.

use models::dataset::DatasetError;

use super::*;

#[test]
fn a_manifest_rules() {
    let tree = with(images(), "manifest.csv", MANIFEST.as_bytes());
    let (_folder, dataset) = open_all_ways(&tree);
    let expected = [
        class("apple", Split::Val, Some("n07739125"), ["val/apple/0.png", "val/apple/1.png"]),
        class("fig", Split::Novel, None, ["novel/fig/0.png", "novel/fig/1.png"]),
        class("pear", Split::Base, Some("n07767847"), ["base/pear/0.png", "base/pear/1.png"]),
    ];
    assert_eq!(outline(&dataset), expected);
    let val: Vec<&str> =
        dataset.split(Split::Val).iter().map(|class| class.name.as_str()).collect();
    assert_eq!((val, dataset.n_images()), (vec!["apple"], 6));
    let image = decoded(&dataset, &dataset.classes[0].images[1]).unwrap();
    assert_eq!((image.width, image.rgb), (4, [5, 1, 3].repeat(16)));
}

#[test]
fn a_manifest_may_list_less_than_there_is_and_leave_columns_out() {
    let manifest = b"\xEF\xBB\xBFclass,path\nred,./val/apple/0.png\nred,base/pear/1.png\n";
    let (_folder, dataset) = open_all_ways(&with(images(), "manifest.csv", manifest));
    assert_eq!(
        outline(&dataset),
        [class("red", Split::Base, None, ["base/pear/1.png", "val/apple/0.png"])]
    );
}

#[test]
fn folders_of_splits() {
    let (_folder, dataset) = open_all_ways(&images());
    let splits: Vec<_> =
        dataset.classes.iter().map(|class| (class.name.as_str(), class.split)).collect();
    assert_eq!(splits, [("apple", Split::Val), ("fig", Split::Novel), ("pear", Split::Base)]);
}

#[test]
fn a_single_split_folder_is_not_a_wrapping_folder() {
    let tree: Tree = images().into_iter().filter(|(path, _)| path.starts_with("val/")).collect();
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(dataset.classes[0].split, Split::Val);
}

#[test]
fn folders_of_classes_are_base() {
    let tree: Tree = images()
        .into_iter()
        .map(|(path, b)| (path.split_once('/').unwrap().1.to_owned(), b))
        .collect();
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(dataset.classes[0].images[0].path(), "apple/0.png");
    assert!(dataset.classes.iter().all(|class| class.split == Split::Base));
    assert_eq!(dataset.classes.len(), 3);
}

#[test]
fn one_folder_around_everything_is_looked_through() {
    let listed = with(images(), "manifest.csv", MANIFEST.as_bytes());
    let bare: Tree = images()
        .into_iter()
        .map(|(path, b)| (path.split_once('/').unwrap().1.to_owned(), b))
        .collect();
    for tree in [listed, images(), bare] {
        let (_folder, plain) = open_folder(&tree);
        let (_folder, wrapped) = open_all_ways(&below("my images", tree));
        assert_eq!(outline(&wrapped), outline(&plain));
        assert_eq!(wrapped.fingerprint(), plain.fingerprint());
    }
}

#[test]
fn an_image_that_is_in_no_class_of_a_split_is_refused_by_name() {
    for stray in ["stray.png", "extra/plum/0.png", "base/stray.png", "extra/stray.png"] {
        let tree = with(images(), stray, &draw::png(draw::flat(4, 4, [0; 3])));
        check_stray(&tree, stray);
        check_stray(&below("my images", tree), stray);
    }
    let beside = with(below("my images", images()), "stray.png", b"x");
    check_stray(&beside, "stray.png");
}

fn check_stray(tree: &Tree, stray: &str) {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), tree);
    let archive = tempfile::NamedTempFile::new().unwrap();
    fs::write(archive.path(), tar_of(tree)).unwrap();
    for path in [folder.path(), archive.path()] {
        let error = Dataset::open(path).unwrap_err();
        assert!(
            matches!(&error, DatasetError::Stray { path } if path == stray),
            "{stray}: {error}"
        );
    }
}

#[test]
fn images_beside_the_folders_of_classes_are_counted() {
    let classes = || -> Tree {
        let inside = |(path, b): (String, _)| (path.split_once('/').unwrap().1.to_owned(), b);
        images().into_iter().map(inside).collect()
    };
    let beside = with(with(classes(), "stray.png", b"x"), "another.jpg", b"x");
    let (_folder, dataset) = open_all_ways(&beside);
    assert_eq!((dataset.classes.len(), dataset.n_images()), (3, 6));
    let strays = ["another.jpg", "stray.png"].map(|path| left_out(path, Reason::NoClass));
    assert_eq!(dataset.left_out, strays);
    let outside = with(below("my images", classes()), "stray.png", b"x");
    let (_folder, dataset) = open_all_ways(&outside);
    assert_eq!((dataset.classes.len(), dataset.left_out.len()), (3, 1));
}

#[test]
fn files_that_are_not_images_are_left_out_with_a_warning() {
    let mut tree = with(images(), "README.txt", b"hello");
    tree = with(tree, "base/pear/.hidden.png", b"x");
    tree = with(tree, "base/pear/old.heic", b"x");
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(dataset.n_images(), 6);
    let expected = [
        left_out("base/pear/old.heic", Reason::Format),
        left_out("README.txt", Reason::NotImage),
        left_out("base/pear/.hidden.png", Reason::Hidden),
    ];
    assert_eq!(dataset.left_out, expected);
    assert_eq!(dataset.notices("").len(), 4, "{:?}", dataset.notices(""));
}

#[test]
fn the_fingerprint_notices_names_splits_and_sizes() {
    let tree = with(images(), "manifest.csv", MANIFEST.as_bytes());
    let (_folder, dataset) = open_folder(&tree);
    let print = dataset.fingerprint();
    assert_eq!(print.len(), 64);
    let changed = |from: &str, to: &str| {
        let (_folder, other) =
            open_folder(&with(images(), "manifest.csv", MANIFEST.replace(from, to).as_bytes()));
        other.fingerprint()
    };
    assert_eq!(print, changed("", ""));
    assert_ne!(print, changed(",pear,", ",peach,"));
    assert_ne!(print, changed(",base", ",novel"));
    assert_ne!(print, changed("n07767847", "n00000001"));
    assert_ne!(print, changed("novel/fig/0.png,fig,,novel\n", ""));
    let mut longer = tree;
    longer[0].1.push(0);
    assert_ne!(print, open_folder(&longer).1.fingerprint());
}

#[cfg(unix)]
#[test]
fn links_are_never_followed() {
    let outside = tempfile::tempdir().unwrap();
    write_folder(outside.path(), &below("secret", images()));
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &images());
    std::os::unix::fs::symlink(outside.path(), folder.path().join("base/more")).unwrap();
    let secret = outside.path().join("secret/val/apple/0.png");
    std::os::unix::fs::symlink(secret, folder.path().join("base/pear/2.png")).unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.n_images(), 6);
    let links = ["base/more", "base/pear/2.png"].map(|path| left_out(path, Reason::Link));
    assert_eq!(dataset.left_out, links);
}

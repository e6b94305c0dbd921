//! Data sets as others publish them: miniImageNet, CIFAR-100, CIFAR-FS, tieredImageNet.

use proptest::prelude::*;

use super::*;

/// Bytes of a record of CIFAR-100.
const RECORD: usize = 3074;

fn png(color: u8) -> Vec<u8> {
    draw::png(draw::flat(4, 4, [color, 2, 3]))
}

fn tree_of(files: &[(&str, &[u8])]) -> Tree {
    files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
}

fn without(tree: Tree, path: &str) -> Tree {
    tree.into_iter().filter(|(other, _)| other != path).collect()
}

fn instead(tree: Tree, path: &str, bytes: &[u8]) -> Tree {
    with(without(tree, path), path, bytes)
}

/// Why a tree is refused: one line, the same for a folder and for an archive.
fn refusal(tree: &Tree) -> String {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), tree);
    let archive = tempfile::NamedTempFile::new().unwrap();
    fs::write(archive.path(), tar_of(tree)).unwrap();
    let [a, b] =
        [folder.path(), archive.path()].map(|path| Dataset::open(path).unwrap_err().to_string());
    assert_eq!(a, b);
    assert!(!a.contains('\n'), "{a}");
    a
}

fn assert_refused(tree: &Tree, words: &[&str]) {
    let text = refusal(tree);
    assert!(words.iter().all(|word| text.contains(word)), "{text}: expected {words:?}");
}

/// Names and splits of the classes.
fn splits(dataset: &Dataset) -> Vec<(&str, Split)> {
    dataset.classes.iter().map(|class| (class.name.as_str(), class.split)).collect()
}

fn mini_imagenet() -> Tree {
    let mut tree = tree_of(&[
        (
            "train.csv",
            b"filename,label\nn0153282900000005.jpg,n01532829\nn0153282900000006.jpg,n01532829\n",
        ),
        ("val.csv", b"filename, label\nn0185567200000003.jpg, n01855672\n"),
        ("test.csv", b"filename,label\nn0193011200000001.jpg,n01930112\n"),
    ]);
    for name in ["n0153282900000006", "n0153282900000005", "n0185567200000003", "n0193011200000001"]
    {
        tree = with(tree, &format!("images/{name}.jpg"), &png(name.as_bytes()[16]));
    }
    tree
}

#[test]
fn mini_imagenet_is_told_by_three_lists() {
    let tree = with(mini_imagenet(), "images/n0999999900000001.jpg", b"in no list");
    for tree in [tree.clone(), below("mini-imagenet", tree)] {
        let (_folder, dataset) = open_all_ways(&tree);
        let expected = [
            ("n01532829", Split::Base, vec!["n0153282900000005", "n0153282900000006"]),
            ("n01855672", Split::Val, vec!["n0185567200000003"]),
            ("n01930112", Split::Novel, vec!["n0193011200000001"]),
        ];
        let expected = expected.map(|(name, split, files)| {
            let paths = files.iter().map(|file| format!("images/{file}.jpg")).collect();
            (name.to_owned(), split, Some(name.to_owned()), paths)
        });
        assert_eq!(outline(&dataset), expected);
        let [left_out] = &dataset.left_out[..] else { panic!("{:?}", dataset.left_out) };
        assert_eq!(left_out.reason, Reason::NotListed);
        let image = decoded(&dataset, &dataset.classes[0].images[1]).unwrap();
        assert_eq!(image.rgb[..3], [b'6', 2, 3]);
    }
}

#[test]
fn mini_imagenet_with_a_mistake_is_refused() {
    let good = mini_imagenet;
    let row = |file: &str, row: &str| {
        instead(good(), file, format!("filename,label\n{row}\n").as_bytes())
    };
    assert_refused(&row("val.csv", "x.jpg,n01855672"), &["val.csv, line 2", "`images/x.jpg`"]);
    for path in ["../train.csv", "/etc/x.jpg", "a/../../x.jpg"] {
        let refused = row("val.csv", &format!("{path},n01855672"));
        assert_refused(&refused, &["val.csv, line 2", path, "leads out"]);
    }
    assert_refused(&row("val.csv", "n0185567200000003.jpg,"), &["line 2", "`label` is empty"]);
    let again = row("val.csv", "n0185567200000003.jpg,n01855672\nn0185567200000003.jpg,n01855672");
    assert_refused(&again, &["val.csv, line 3", "was listed before"]);
    let again = row("val.csv", "n0153282900000005.jpg,n01855672");
    assert_refused(&again, &["val.csv, line 2", "was listed before"]);
    let twice = row("val.csv", "n0185567200000003.jpg,n01532829");
    assert_refused(&twice, &["val.csv, line 2", "n01532829", "split val here", "base before"]);
    for (text, words) in [
        ("", ["val.csv, line 1", "`filename`", "expected the columns filename,label"]),
        ("filename\n", ["val.csv, line 1", "`label`", "filename,label"]),
        ("path,class\n", ["val.csv, line 1", "`filename`", "filename,label"]),
        ("filename,label\n", ["val.csv", "no image", "fill it or remove it"]),
    ] {
        assert_refused(&instead(good(), "val.csv", text.as_bytes()), &words);
    }
}

/// A record whose pixels all follow from its seed.
fn record(label: u8, seed: u8) -> Vec<u8> {
    let pixels = (0..3072_u32).map(|i| (i / 7) as u8 ^ seed.wrapping_mul(31));
    [label % 20, label].into_iter().chain(pixels).collect()
}

fn cifar_100() -> Tree {
    tree_of(&[
        ("train.bin", &[record(2, 0), record(0, 1), record(1, 2), record(2, 3)].concat()),
        ("test.bin", &record(2, 4)),
        ("fine_label_names.txt", b"apple\naquarium_fish\ntrain\n\n"),
        ("coarse_label_names.txt", b"fish\n"),
    ])
}

fn with_lists(tree: Tree, folder: &str, lists: [&[u8]; 3]) -> Tree {
    let files = ["train.txt", "val.txt", "test.txt"].into_iter().zip(lists);
    files.fold(tree, |tree, (file, text)| with(tree, &format!("{folder}{file}"), text))
}

const LISTS: [&[u8]; 3] = [b"train\n", b"apple\r\n", b"aquarium_fish\n"];

#[test]
fn cifar_100_is_its_records() {
    for tree in [cifar_100(), below("cifar-100-binary", cifar_100())] {
        let (_folder, dataset) = open_all_ways(&tree);
        let class = |name: &str, paths: &[&str]| {
            (name.to_owned(), Split::Base, None, paths.iter().map(|p| (*p).to_owned()).collect())
        };
        let expected = [
            class("apple", &["train.bin/00001"]),
            class("aquarium_fish", &["train.bin/00002"]),
            class("train", &["test.bin/00000", "train.bin/00000", "train.bin/00003"]),
        ];
        assert_eq!(outline(&dataset), expected);
        assert_eq!(dataset.left_out, []);
        let image = decoded(&dataset, &dataset.classes[2].images[2]).unwrap();
        let planes = &record(2, 3)[2..];
        assert_eq!((image.width, image.height), (32, 32));
        // Row 1, column 5.
        assert_eq!(image.rgb[37 * 3..][..3], [planes[37], planes[1024 + 37], planes[2048 + 37]]);
        let limits = ImageLimits { max_pixels: 1023, ..ImageLimits::default() };
        let error =
            dataset.image(&dataset.classes[2].images[2], &limits, Detail::Full).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("image train.bin/00003: the image is 32x32"), "{text}");
    }
}

#[test]
fn lists_split_cifar_100() {
    let expected = [("apple", Split::Val), ("aquarium_fish", Split::Novel), ("train", Split::Base)];
    for folder in ["", "splits/bertinetto/"] {
        let tree = with_lists(cifar_100(), folder, LISTS);
        let (_folder, dataset) = open_all_ways(&tree);
        assert_eq!(splits(&dataset), expected);
        let (_folder, wrapped) = open_all_ways(&below("cifar-100-binary", tree));
        assert_eq!(wrapped.fingerprint(), dataset.fingerprint());
    }
    let some = with(cifar_100(), "train.txt", b"apple\n");
    let (_folder, dataset) = open_all_ways(&some);
    assert_eq!(splits(&dataset), [("apple", Split::Base)]);
    let unlisted = ["aquarium_fish", "train"].map(|class| left_out(class, Reason::ClassNotListed));
    assert_eq!(dataset.left_out, unlisted);
}

#[test]
fn lists_with_a_mistake_are_refused() {
    let lists = |lists| with_lists(cifar_100(), "", lists);
    let [train, val, test] = LISTS;
    let unknown = lists([b"train\nappel\n", val, test]);
    assert_refused(&unknown, &["train.txt, line 2", "`appel`", "a name of fine_label_names.txt"]);
    let twice = lists([train, b"apple\n\ntrain\n", test]);
    assert_refused(&twice, &["val.txt, line 3", "`train`", "split val here", "split base before"]);
    let again = lists([b"train\ntrain\n", val, test]);
    assert_refused(&again, &["train.txt, line 2", "was listed before"]);
    assert_refused(&lists([train, b"\n", test]), &["val.txt", "no class", "fill it or remove it"]);
    assert_refused(&lists([train, b"\xFF\n", test]), &["val.txt, line 1", "UTF-8"]);
    let both = with_lists(lists(LISTS), "splits/bertinetto/", LISTS);
    assert_refused(&both, &["splits/bertinetto/train.txt", "`train.txt`", "keep one"]);
    for folder in ["", "splits/bertinetto/"] {
        let beside = with_lists(below("cifar-100-binary", cifar_100()), folder, LISTS);
        assert_refused(&beside, &["train.txt", "beside the folder `cifar-100-binary`", "move it"]);
    }
}

#[test]
fn damaged_records_are_refused() {
    let cut = &record(1, 0)[..RECORD - 1];
    for bytes in [&[][..], cut, &[record(1, 0), vec![7]].concat()] {
        let words = ["test.bin", &format!("{} bytes", bytes.len()), "3074", "again"];
        assert_refused(&instead(cifar_100(), "test.bin", bytes), &words);
    }
    for label in [3, 100, 255] {
        let bytes = [record(0, 0), record(label, 0)].concat();
        let words = ["train.bin: record 1", &format!("label {label}"), "expected 0 to 2"];
        assert_refused(&instead(cifar_100(), "train.bin", &bytes), &words);
    }
    let names = "fine_label_names.txt";
    assert_refused(&without(cifar_100(), names), &[names, "missing", "beside train.bin"]);
    assert_refused(&instead(cifar_100(), names, b"\n"), &[names, "empty", "expected the name"]);
    let again = instead(cifar_100(), names, b"apple\npear\napple\n");
    assert_refused(&again, &["fine_label_names.txt, line 3", "`apple` was named before"]);
}

#[test]
fn a_file_may_give_classes_their_synsets() {
    let wnids: &[u8] = b"class,wnid,split\ntrain,n04468005,base\napple,n07739125,val\n";
    for tree in [with(cifar_100(), "wnids.csv", wnids), {
        let tree = ["apple", "train", "pear"].map(|name| (format!("{name}/0.png"), png(1)));
        with(tree.to_vec(), "wnids.csv", wnids)
    }] {
        let (_folder, dataset) = open_all_ways(&tree);
        let wnids: Vec<_> = dataset.classes.iter().map(|class| class.wnid.as_deref()).collect();
        assert_eq!(wnids, [Some("n07739125"), None, Some("n04468005")]);
    }
    for (text, words) in [
        ("class,wnid\nappel,n07739125\n", ["line 2", "no class `appel`", "remove"]),
        ("class,wnid\napple,\n", ["line 2", "`wnid`", "empty"]),
        ("class,synset\n", ["line 1", "no column `wnid`", "class,wnid"]),
        ("class,wnid\napple,n1\napple,n2\n", ["line 3", "n2 here", "n1 before"]),
    ] {
        let tree = with(cifar_100(), "wnids.csv", text.as_bytes());
        assert_refused(&tree, &[&["wnids.csv"], &words[..]].concat());
    }
    let beside = with(below("cifar-100-binary", cifar_100()), "wnids.csv", wnids);
    assert_refused(&beside, &["wnids.csv", "beside the folder `cifar-100-binary`"]);
}

#[test]
fn cifar_fs_is_folders_and_lists() {
    let images = ["apple", "train", "aquarium_fish", "bear"];
    let tree: Tree = images.map(|name| (format!("data/{name}/{name}_s_1.png"), png(1))).to_vec();
    let tree = with_lists(tree, "splits/bertinetto/", LISTS);
    for tree in [tree.clone(), below("cifar100", tree.clone())] {
        let (_folder, dataset) = open_all_ways(&tree);
        let expected =
            [("apple", Split::Val), ("aquarium_fish", Split::Novel), ("train", Split::Base)];
        assert_eq!(splits(&dataset), expected);
        assert_eq!(dataset.classes[0].images[0].path(), "data/apple/apple_s_1.png");
        assert_eq!(dataset.left_out, [left_out("bear", Reason::ClassNotListed)]);
    }
    let unknown = instead(tree, "splits/bertinetto/val.txt", b"appel\n");
    assert_refused(&unknown, &["splits/bertinetto/val.txt, line 1", "`appel`", "folder of data/"]);
}

fn tiered_imagenet() -> Tree {
    let folders = ["train/n02110341", "val/n07739125", "test/n02391049"];
    folders.map(|folder| (format!("{folder}/0.jpg"), png(1))).to_vec()
}

#[test]
fn tiered_imagenet_is_folders_of_splits() {
    let expected =
        [("n02110341", Split::Base), ("n02391049", Split::Novel), ("n07739125", Split::Val)];
    for tree in [tiered_imagenet(), below("tiered", tiered_imagenet())] {
        let (_folder, dataset) = open_all_ways(&tree);
        assert_eq!(splits(&dataset), expected);
        assert!(dataset.classes.iter().all(|class| class.wnid.as_ref() == Some(&class.name)));
    }
    for folder in ["train", "val", "test"] {
        let mut one = tiered_imagenet();
        one.retain(|(path, _)| path.starts_with(folder));
        let (_folder, dataset) = open_all_ways(&one);
        let split = expected.into_iter().find(|(name, _)| one[0].0.contains(name)).unwrap();
        assert_eq!(splits(&dataset), [split]);
        let (_folder, wrapped) = open_all_ways(&below("train", one));
        assert_eq!(wrapped.fingerprint(), dataset.fingerprint());
    }
}

#[test]
fn a_class_may_be_called_train_or_test() {
    let tree = ["apple", "test", "train"].map(|name| (format!("{name}/0.png"), png(1))).to_vec();
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(splits(&dataset), ["apple", "test", "train"].map(|name| (name, Split::Base)));
    let stray = with(tiered_imagenet(), "test/0.jpg", &png(1));
    assert_refused(&stray, &["`test/0.jpg`", "<split>/<class>/<image>"]);
    let stray = with(tiered_imagenet(), "extra/n1/0.jpg", &png(1));
    assert_refused(&stray, &["`extra/n1/0.jpg`"]);
}

#[test]
fn two_layouts_at_once_are_refused() {
    let manifest = b"path,class\n";
    let own = || with(tiered_imagenet(), "base/n02110341/1.jpg", &png(1));
    for (tree, first, second) in [
        (with(mini_imagenet(), "manifest.csv", manifest), "train.csv", "manifest.csv"),
        (with(cifar_100(), "manifest.csv", manifest), "train.bin", "manifest.csv"),
        ([mini_imagenet(), cifar_100()].concat(), "train.csv", "train.bin"),
        ([mini_imagenet(), images()].concat(), "train.csv", "base/pear/0.png"),
        ([cifar_100(), tiered_imagenet()].concat(), "train.bin", "test/n02391049/0.jpg"),
        (
            with_lists(mini_imagenet(), "splits/bertinetto/", LISTS),
            "train.csv",
            "splits/bertinetto/train.txt",
        ),
        (own(), "base/", "train/"),
    ] {
        assert_refused(&tree, &[&format!("`{first}`"), &format!("`{second}`"), "keep one"]);
    }
}

#[test]
fn files_of_no_layout_are_left_out_with_a_warning() {
    let tree = ["train.txt", "pear/val.csv", "fine_label_names.txt"].into_iter();
    let tree = tree
        .fold(tree_of(&[("pear/0.png", &png(1)), ("fig/0.png", &png(2))]), |tree, file| {
            with(tree, file, b"x")
        });
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(splits(&dataset), [("fig", Split::Base), ("pear", Split::Base)]);
    let files = ["fine_label_names.txt", "pear/val.csv", "train.txt"];
    assert_eq!(dataset.left_out, files.map(|file| left_out(file, Reason::NotImage)));
    let pickles = tree_of(&[("miniImageNet_category_split_test.pickle", b"\x80\x02}q\0.")]);
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &pickles);
    let text = Dataset::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("train/unpickle.py") && !text.contains('\n'), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_in_the_class_of_its_label(
        labels in prop::collection::vec((0..6_u8, any::<u8>()), 1..12),
        n_train in 1..12_usize,
        assigned in prop::collection::vec(0..4_usize, 6),
    ) {
        let (train, test) = labels.split_at(n_train.min(labels.len()));
        let names: Vec<String> = (0..6).map(|i| format!("class {}", (i * 5) % 6)).collect();
        let mut tree = tree_of(&[("fine_label_names.txt", names.join("\n").as_bytes())]);
        for (file, labels) in [("train.bin", train), ("test.bin", test)] {
            let bytes: Vec<u8> = labels.iter().flat_map(|(label, seed)| record(*label, *seed)).collect();
            if !bytes.is_empty() {
                tree = with(tree, file, &bytes);
            }
        }
        for (i, file) in ["train.txt", "val.txt", "test.txt"].into_iter().enumerate() {
            let list: String = names.iter().zip(&assigned).filter(|(_, to)| **to == i)
                .map(|(name, _)| format!("{name}\n")).collect();
            if !list.is_empty() {
                tree = with(tree, file, list.as_bytes());
            }
        }
        prop_assume!(assigned.iter().any(|to| *to < 3));
        let expected = |label: u8| {
            let splits = [Some(Split::Base), Some(Split::Val), Some(Split::Novel), None];
            splits[assigned[usize::from(label)]]
        };
        let bytes = tar_of(&tree);
        let n_listed = labels.iter().filter(|(label, _)| expected(*label).is_some()).count();
        prop_assume!(n_listed > 0);
        let dataset = open_archive(&bytes);
        prop_assert_eq!(dataset.n_images(), n_listed);
        prop_assert!(dataset.classes.is_sorted_by(|a, b| a.name < b.name));
        for class in &dataset.classes {
            prop_assert!(class.images.is_sorted_by(|a, b| a.path() < b.path()));
            for image in &class.images {
                let (file, number) = image.path().split_once('/').unwrap();
                let number: usize = number.parse().unwrap();
                let (label, seed) = if file == "train.bin" { train[number] } else { test[number] };
                prop_assert_eq!(&class.name, &names[usize::from(label)]);
                prop_assert_eq!(Some(class.split), expected(label));
                let rgb = decoded(&dataset, image).unwrap().rgb;
                let planes = &record(label, seed)[2..];
                prop_assert!(rgb.iter().enumerate().all(|(i, value)| *value == planes[(i % 3) * 1024 + i / 3]));
            }
        }
    }

    #[test]
    fn changed_files_never_panic(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<Option<(prop::sample::Index, prop::sample::Index)>>(),
    ) {
        let layouts = [
            mini_imagenet(),
            with_lists(cifar_100(), "", LISTS),
            tiered_imagenet(),
            with(cifar_100(), "wnids.csv", b"class,wnid\napple,n07739125\n"),
        ];
        let mut tree = layouts[which].clone();
        for (file, place, value) in &changes {
            let bytes = &mut tree[file.index(layouts[which].len())].1;
            let place = place.index(bytes.len());
            bytes[place] = *value;
        }
        if let Some((file, length)) = cut {
            let bytes = &mut tree[file.index(layouts[which].len())].1;
            bytes.truncate(length.index(bytes.len()));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), tar_of(&tree)).unwrap();
        if let Ok(dataset) = Dataset::open(file.path()) {
            for image in dataset.classes.iter().flat_map(|class| &class.images) {
                let _ = dataset.image(image, &ImageLimits::default(), Detail::Full);
            }
        }
    }
}

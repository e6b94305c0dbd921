//! Folders as people send them, as folders and as archives.

use std::io::Cursor;

use models::dataset::{DatasetError, DatasetLimits};

use super::*;
use crate::sent_trees::{Outcome, SENT, Sent};

fn image(i: usize) -> Vec<u8> {
    draw::png(draw::flat(4, 4, [i as u8, 100, 200]))
}

/// The folder of a tree.
fn written(sent: &Sent) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    sent.write(folder.path(), &image);
    folder
}

#[test]
fn what_people_send_is_read_or_refused() {
    for sent in SENT {
        let folder = written(sent);
        match (&sent.expected, Dataset::open(folder.path())) {
            (Outcome::Read { classes, base, left_out }, Ok(dataset)) => {
                let found: Vec<_> =
                    dataset.classes.iter().map(|c| (c.name.as_str(), c.images.len())).collect();
                assert_eq!(found, *classes, "{}", sent.name);
                let found: Vec<_> =
                    dataset.split(Split::Base).iter().map(|class| class.name.as_str()).collect();
                assert_eq!(found, *base, "{}", sent.name);
                let mut paths: Vec<_> =
                    dataset.left_out.iter().map(|entry| entry.path.as_str()).collect();
                paths.sort_unstable();
                assert_eq!(paths, *left_out, "{}", sent.name);
            }
            (Outcome::Refused(words), Err(error)) => {
                let text = error.to_string();
                let has_all = words.iter().all(|word| text.contains(word));
                assert!(has_all && !text.contains('\n'), "{}: {text}", sent.name);
            }
            (_, outcome) => panic!("{}: {outcome:?}", sent.name),
        }
    }
}

#[test]
fn an_archive_of_what_people_send_is_the_same() {
    for sent in SENT {
        let tree = sent.files(&image);
        if let Outcome::Read { .. } = sent.expected {
            open_all_ways(&tree);
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), &tree);
        let error = Dataset::open(folder.path()).unwrap_err().to_string();
        let tar = tar_of(&tree);
        for bytes in [&tar, &gzip(&tar), &xz(&tar), &zip_of(&tree)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), bytes).unwrap();
            let text = Dataset::open(file.path()).unwrap_err().to_string();
            let names = [file.path(), folder.path()].map(|path| path.display().to_string());
            assert_eq!(text.replace(&names[0], &names[1]), error, "{}", sent.name);
        }
    }
}

#[test]
fn the_splits_of_folders_have_many_names() {
    for [base, val, novel] in [
        ["Train", "Val", "Test"],
        ["TRAINING", "Valid", "testing"],
        ["train_set", "dev", "Eval"],
        ["meta-train", "meta-val", "meta-test"],
        ["Base", "validation", "Novel"],
    ] {
        let tree = [base, val, novel].map(|split| (format!("{split}/of {split}/0.png"), image(1)));
        let (_folder, dataset) = open_all_ways(&tree.to_vec());
        for (name, split) in [(base, Split::Base), (val, Split::Val), (novel, Split::Novel)] {
            let classes = dataset.split(split);
            assert_eq!(classes.len(), 1, "{name}");
            assert_eq!(classes[0].name, format!("of {name}"));
        }
    }
    let table = "path,class,split\na.png,mug,Training\nb.png,key,VALIDATION\nc.png,pen,test\n";
    let mut tree = with(Tree::new(), "manifest.csv", table.as_bytes());
    for file in ["a.png", "b.png", "c.png"] {
        tree = with(tree, file, &image(1));
    }
    let (_folder, dataset) = open_all_ways(&tree);
    let splits: Vec<_> = dataset.classes.iter().map(|c| (c.name.as_str(), c.split)).collect();
    assert_eq!(splits, [("key", Split::Val), ("mug", Split::Base), ("pen", Split::Novel)]);
}

#[test]
fn a_single_class_is_not_called_after_images() {
    for path in ["mug/images/0.png", "single/mug/images/0.png", "a/b/mug/Photos/0.png"] {
        let (_folder, dataset) = open_all_ways(&with(Tree::new(), path, &image(1)));
        let names: Vec<_> = dataset.classes.iter().map(|class| class.name.as_str()).collect();
        let (folder, _) = path.rsplit_once('/').unwrap();
        assert_eq!((names, &dataset.nested[..]), (vec!["mug"], &[folder.to_owned()][..]));
    }
    // A name of its own, folders of classes in such a folder, and one of several.
    for (paths, expected) in [
        (&["single/mug/0.png"][..], &["mug"][..]),
        (&["single/images/mug/0.png"], &["mug"]),
        (&["all/images/mug/0.png", "all/images/key/0.png"], &["key", "mug"]),
        (&["images/0.png", "mug/0.png"], &["images", "mug"]),
    ] {
        let tree = paths.iter().fold(Tree::new(), |tree, path| with(tree, path, &image(1)));
        let (_folder, dataset) = open_all_ways(&tree);
        let names: Vec<_> = dataset.classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(names, expected, "{paths:?}");
    }
}

#[test]
fn nested_folders_are_named_and_long_lists_are_cut() {
    let mut tree = with(Tree::new(), "mug/red/0.png", &image(1));
    tree = with(tree, "mug/0.png", &image(2));
    tree = with(tree, "key/0.png", &image(3));
    for i in 0..8 {
        tree = with(tree, &format!("key/{i}.txt"), b"x");
    }
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(dataset.nested, ["mug/red"]);
    let lines = dataset.notices("; --json lists all");
    assert_eq!(lines.len(), 8, "{lines:?}");
    assert!(lines[0].starts_with("left out: 8 "), "{lines:?}");
    assert_eq!(lines[6], "left out: 3 more; --json lists all");
    assert!(lines[7].contains("1 (`mug/red`)"), "{lines:?}");
}

#[test]
fn empty_folders_of_archives_are_left_out_too() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for folder in ["mug", "hollow", "hollow/inside", "__MACOSX", ".git"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        tar.append_data(&mut header, format!("{folder}/"), &b""[..]).unwrap();
        zip.add_directory(folder, SimpleFileOptions::default()).unwrap();
    }
    for path in ["mug/0.png", "key/0.png"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(image(1).len() as u64);
        tar.append_data(&mut header, path, image(1).as_slice()).unwrap();
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(&image(1)).unwrap();
    }
    for bytes in [tar.into_inner().unwrap(), zip.finish().unwrap().into_inner()] {
        let dataset = open_archive(&bytes);
        let expected = [
            left_out("hollow", Reason::EmptyFolder),
            left_out(".git", Reason::Tool),
            left_out("__MACOSX", Reason::MacOs),
        ];
        let mut found = dataset.left_out.clone();
        found.sort_by_key(|entry| expected.iter().position(|other| other == entry));
        assert_eq!(found, expected);
        assert_eq!(dataset.classes.len(), 2);
    }
}

#[test]
fn everything_in_a_folder_is_one_class_if_so_asked() {
    let mut tree = with(Tree::new(), "0.png", &image(0));
    for (i, path) in ["red/1.png", "Train/a/2.png", "Test/a/3.png"].iter().enumerate() {
        tree = with(tree, path, &image(i + 1));
    }
    tree = with(tree, "__MACOSX/._0.png", b"x");
    tree = with(tree, "manifest.csv", b"path,class\nnone.png,none\n");
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &tree);
    let archive = tempfile::NamedTempFile::new().unwrap();
    fs::write(archive.path(), zip_of(&tree)).unwrap();
    for path in [folder.path(), archive.path()] {
        let dataset = Dataset::open_as_class(path, "mug").unwrap();
        let [class] = &dataset.classes[..] else { panic!("{:?}", dataset.classes) };
        assert_eq!((class.name.as_str(), class.images.len()), ("mug", 4));
        assert_eq!(dataset.left_out.len(), 2);
        assert_eq!(dataset.place(&class.images[0]), path.join("0.png"));
        assert_eq!(*dataset.bytes(&class.images[0]).unwrap(), image(0));
    }
    let empty = tempfile::tempdir().unwrap();
    let error = Dataset::open_as_class(empty.path(), "mug").unwrap_err();
    assert!(matches!(error, DatasetError::NoImages { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn loops_of_links_and_names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &with(Tree::new(), "mug/0.png", &image(0)));
    write_folder(folder.path(), &with(Tree::new(), "key/0.png", &image(1)));
    symlink(folder.path(), folder.path().join("mug/again")).unwrap();
    symlink("itself", folder.path().join("itself")).unwrap();
    let odd = folder.path().join(OsStr::from_bytes(b"caf\xE9"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("0.png"), image(2)).unwrap();
    fs::write(folder.path().join("mug").join(OsStr::from_bytes(b"\xFF.png")), image(3)).unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    let expected = [
        left_out("caf\u{FFFD}", Reason::NotUtf8),
        left_out("mug/\u{FFFD}.png", Reason::NotUtf8),
        left_out("itself", Reason::Link),
        left_out("mug/again", Reason::Link),
    ];
    assert_eq!(dataset.left_out, expected);
    assert_eq!(dataset.n_images(), 2);
}

#[test]
fn a_folder_with_too_many_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tree = (0..50).map(|i| (format!("mug/{i}.png"), image(i))).collect();
    write_folder(folder.path(), &tree);
    let limits = DatasetLimits { max_files: 20, ..DatasetLimits::default() };
    let error = Dataset::open_within(folder.path(), &limits).unwrap_err();
    assert!(error.to_string().contains("mug is too large: more than 20 files"), "{error}");
}

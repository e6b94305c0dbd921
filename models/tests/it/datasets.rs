//! Data sets in every layout, and those that must be refused.

mod hostile;
mod layouts;
mod packed;
mod published;
mod tables;
mod trees;

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use models::dataset::{Dataset, ImageRef, LeftOut, Reason, Split};
use models::image::{Detail, Image, ImageLimits};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::draw;

/// Relative paths and their bytes.
type Tree = Vec<(String, Vec<u8>)>;

/// Three classes in three splits, two images each, every one a color of its own.
fn images() -> Tree {
    let mut tree = Tree::new();
    for (split, class) in [("base", "pear"), ("val", "apple"), ("novel", "fig")] {
        for i in 0..2 {
            let image = draw::flat(4, 4, [class.len() as u8, i, split.len() as u8]);
            tree.push((format!("{split}/{class}/{i}.png"), draw::png(image)));
        }
    }
    tree
}

const MANIFEST: &str = "\
path,class,wnid,split
val/apple/1.png,apple,n07739125,val
val/apple/0.png,apple,n07739125,val
base/pear/0.png,pear,n07767847,base
base/pear/1.png,pear,n07767847,base
novel/fig/0.png,fig,,novel
novel/fig/1.png,fig,,novel
";

fn with(mut tree: Tree, path: &str, bytes: &[u8]) -> Tree {
    tree.push((path.to_owned(), bytes.to_vec()));
    tree
}

fn below(folder: &str, tree: Tree) -> Tree {
    tree.into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)).collect()
}

fn write_folder(root: &Path, tree: &Tree) {
    for (path, bytes) in tree {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn tar_of(tree: &Tree) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in tree {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zip_of(tree: &Tree) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in tree {
        writer.start_file(path, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn left_out(path: &str, reason: Reason) -> LeftOut {
    LeftOut { path: path.to_owned(), reason }
}

/// Class names with split, wnid and paths: all that a layout decides.
fn outline(dataset: &Dataset) -> Vec<(String, Split, Option<String>, Vec<String>)> {
    let paths =
        |class: &models::dataset::Class| class.images.iter().map(|p| p.path().to_owned()).collect();
    dataset.classes.iter().map(|c| (c.name.clone(), c.split, c.wnid.clone(), paths(c))).collect()
}

fn open_folder(tree: &Tree) -> (tempfile::TempDir, Dataset) {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), tree);
    let dataset = Dataset::open(folder.path()).unwrap();
    (folder, dataset)
}

fn open_archive(bytes: &[u8]) -> Dataset {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Dataset::open(file.path()).unwrap()
}

/// Opens a tree as a folder and as every kind of archive, which must be the same data set, and
/// gives it back as the folder.
fn open_all_ways(tree: &Tree) -> (tempfile::TempDir, Dataset) {
    let (folder, dataset) = open_folder(tree);
    let tar = tar_of(tree);
    for bytes in [&tar, &gzip(&tar), &xz(&tar), &zip_of(tree)] {
        let archive = open_archive(bytes);
        assert_eq!(outline(&archive), outline(&dataset));
        assert_eq!(archive.left_out, dataset.left_out);
        assert_eq!(archive.nested, dataset.nested);
        assert_eq!(archive.fingerprint(), dataset.fingerprint());
        for (a, b) in archive.classes.iter().zip(&dataset.classes) {
            for (a, b) in a.images.iter().zip(&b.images) {
                assert_eq!(decoded(&archive, a), decoded(&dataset, b));
            }
        }
    }
    (folder, dataset)
}

fn decoded(dataset: &Dataset, image: &ImageRef) -> Result<Image, String> {
    dataset.image(image, &ImageLimits::default(), Detail::Full).map_err(|error| error.to_string())
}

fn class(
    name: &str,
    split: Split,
    wnid: Option<&str>,
    paths: [&str; 2],
) -> (String, Split, Option<String>, Vec<String>) {
    (name.to_owned(), split, wnid.map(str::to_owned), paths.map(str::to_owned).to_vec())
}

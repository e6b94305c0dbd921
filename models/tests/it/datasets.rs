//! Data sets in every layout, and those that must be refused.

mod hostile;
mod layouts;

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use models::dataset::{Dataset, Split};

use crate::draw;

/// Relative paths and their bytes.
type Tree = Vec<(String, Vec<u8>)>;

/// Three classes in three splits, two pictures each, every one a color of its own.
fn pictures() -> Tree {
    let mut tree = Tree::new();
    for (split, class) in [("base", "pear"), ("val", "apple"), ("novel", "fig")] {
        for i in 0..2 {
            let picture = draw::flat(4, 4, [class.len() as u8, i, split.len() as u8]);
            tree.push((format!("{split}/{class}/{i}.png"), draw::png(picture)));
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

/// Class names with split, wnid and paths: all that a layout decides.
fn outline(dataset: &Dataset) -> Vec<(String, Split, Option<String>, Vec<String>)> {
    let paths = |class: &models::dataset::Class| {
        class.pictures.iter().map(|p| p.path().to_owned()).collect()
    };
    dataset.classes.iter().map(|c| (c.name.clone(), c.split, c.wnid.clone(), paths(c))).collect()
}

//! From the paths of a data set to its layout, and from folders to classes.

use std::collections::BTreeMap;

use super::classes::Classes;
use super::files::{
    Files, LISTS, LISTS_FOLDER, MANIFEST, Place, RECORDS, Source, TABLES, WNIDS, is_image,
};
use super::{Class, DatasetError, ImageRef, Split, cifar, lists, table};
use crate::knowledge::wordnet::SynsetId;

/// How images are assigned to classes.
#[derive(Clone, Copy)]
enum Layout {
    /// `manifest.csv`.
    Manifest,
    /// miniImageNet's `train.csv`, `val.csv`, `test.csv`.
    MiniImageNet,
    /// CIFAR-100's `train.bin`, `test.bin`.
    Cifar100,
    /// `splits/bertinetto/` of CIFAR-FS, without CIFAR-100's records.
    CifarFs,
    /// A folder per split, in it a folder per class.
    Splits,
}

/// The classes, sorted. The folder around them is taken off, and images that are in no class are
/// counted.
pub(super) fn read(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    check_beside(&files.found)?;
    let outside = match wrapper(&files.found) {
        Some(wrapper) => take_off(files, &wrapper),
        None => Vec::new(),
    };
    let wnids = files.take(WNIDS)?;
    let mut classes = match layout(&files.found)? {
        Some(Layout::Manifest) => table::manifest(files),
        Some(Layout::MiniImageNet) => table::mini_imagenet(files),
        Some(Layout::Cifar100) => cifar::read(files),
        Some(Layout::CifarFs) => lists::cifar_fs(files),
        // An image that is in no split has been forgotten or misplaced: only its owner knows which.
        Some(Layout::Splits) => match outside.into_iter().next() {
            Some(path) => Err(DatasetError::Stray { path }),
            None => of_splits(&files.found),
        },
        None => of_classes(files, outside.len()),
    }?;
    if let Some(text) = wnids {
        table::add_wnids(&text, &mut classes)?;
    }
    for class in &mut classes {
        if class.wnid.is_none() && class.name.parse::<SynsetId>().is_ok() {
            class.wnid = Some(class.name.clone());
        }
    }
    Ok(classes)
}

/// The layout; none if the folders are those of classes. What could be read in two ways is refused.
fn layout(found: &BTreeMap<String, Place>) -> Result<Option<Layout>, DatasetError> {
    let index = |name: &str| found.contains_key(name).then(|| name.to_owned());
    let is_split = |path: &&String| is_image(path) && split_folder(path).is_some();
    let manifest = index(MANIFEST);
    let records = RECORDS.into_iter().find_map(index);
    let lists = LISTS.iter().find_map(|(name, _)| index(&format!("{LISTS_FOLDER}{name}")));
    let met = [
        (TABLES.iter().find_map(|(name, _)| index(name)), Layout::MiniImageNet),
        (lists.filter(|_| records.is_none()), Layout::CifarFs),
        (records, Layout::Cifar100),
        // The images that a manifest names may lie anywhere.
        (found.keys().find(is_split).cloned().filter(|_| manifest.is_none()), Layout::Splits),
        (manifest, Layout::Manifest),
    ];
    let mut met = met.into_iter().filter_map(|(path, layout)| Some((path?, layout)));
    match (met.next(), met.next()) {
        (Some((first, _)), Some((second, _))) => Err(DatasetError::Both { first, second }),
        (first, _) => Ok(first.map(|(_, layout)| layout)),
    }
}

/// The folder that lies around the whole data set, if one does. Images beside it do not hide it.
fn wrapper(found: &BTreeMap<String, Place>) -> Option<String> {
    let below = || found.keys().filter_map(|path| path.split_once('/'));
    let (first, _) = below().next()?;
    let is_only = !is_told(found, "") && below().all(|(top, _)| top == first);
    let told = is_told(found, &format!("{first}/"));
    let mut images = below().filter(|(_, path)| is_image(path));
    let split = images.clone().any(|(_, rest)| split_folder(rest).is_some());
    let nested = images.all(|(_, rest)| rest.contains('/'));
    let wraps = told
        || (split && first.parse::<Split>().is_err())
        || (nested && split_named(first).is_none());
    (is_only && wraps).then(|| first.to_owned())
}

/// Whether a file in a folder (`""` or with a `/` at its end) assigns images to classes.
fn is_told(found: &BTreeMap<String, Place>, folder: &str) -> bool {
    let there = |name: &str| found.contains_key(&format!("{folder}{name}"));
    there(MANIFEST)
        || TABLES.iter().any(|(name, _)| there(name))
        || RECORDS.iter().any(|name| there(name))
        || LISTS.iter().any(|(name, _)| there(&format!("{LISTS_FOLDER}{name}")))
}

/// Refuses a list that lies beside the folder that it is about: passed over, it would not be missed
/// before the figures.
fn check_beside(found: &BTreeMap<String, Place>) -> Result<(), DatasetError> {
    let is_record = |path: &&String| RECORDS.iter().any(|name| path.ends_with(&format!("/{name}")));
    let records = found.keys().find(is_record).and_then(|path| path.split_once('/'));
    let records = records.filter(|_| !RECORDS.iter().any(|name| found.contains_key(*name)));
    let mut about = vec![(wrapper(found), WNIDS.to_owned())];
    for (name, _) in LISTS {
        let folder = records.map(|(folder, _)| folder.to_owned());
        about.push((folder.clone(), name.to_owned()));
        about.push((folder, format!("{LISTS_FOLDER}{name}")));
    }
    for (folder, file) in about {
        if let Some(folder) = folder.filter(|_| found.contains_key(&file)) {
            let reason = format!("it lies beside the folder `{folder}`; move it into that folder");
            return Err(DatasetError::File { file, reason });
        }
    }
    Ok(())
}

/// Takes the folder around everything off; gives the paths of the images back that lie beside it.
fn take_off(files: &mut Files, wrapper: &str) -> Vec<String> {
    let mut outside = Vec::new();
    for (path, place) in std::mem::take(&mut files.found) {
        if let Some((_, inside)) = path.split_once('/') {
            files.found.insert(inside.to_owned(), place);
        } else if is_image(&path) {
            outside.push(path);
        }
    }
    if let Source::Folder(root) = &mut files.source {
        root.push(wrapper);
    }
    outside
}

fn images(found: &BTreeMap<String, Place>) -> impl Iterator<Item = (&String, &Place)> {
    found.iter().filter(|(path, _)| is_image(path))
}

/// The split that a folder is named after, in our words or in those of published data sets.
fn split_named(folder: &str) -> Option<Split> {
    match folder {
        "train" => Some(Split::Base),
        "test" => Some(Split::Novel),
        _ => folder.parse().ok(),
    }
}

/// The split whose folder an image is in. A thing may be called `train` (one of CIFAR-100's classes
/// is): a folder of that name is a split's if there are folders in it.
fn split_folder(path: &str) -> Option<Split> {
    let (top, rest) = path.split_once('/')?;
    split_named(top).filter(|_| top.parse::<Split>().is_ok() || rest.contains('/'))
}

/// A folder per split, each with a folder per class, and no image anywhere else.
fn of_splits(found: &BTreeMap<String, Place>) -> Result<Vec<Class>, DatasetError> {
    let mut folders: BTreeMap<Split, &str> = BTreeMap::new();
    let mut classes = Classes::default();
    for (path, &place) in images(found) {
        let stray = || DatasetError::Stray { path: path.clone() };
        let [top, class, _, ..] = path.split('/').collect::<Vec<_>>()[..] else {
            return Err(stray());
        };
        let split = split_named(top).ok_or_else(stray)?;
        let folder = *folders.entry(split).or_insert(top);
        if folder != top {
            let (first, second) = (format!("{folder}/"), format!("{top}/"));
            return Err(DatasetError::Both { first, second });
        }
        classes.add(path, class, split, ImageRef { path: path.clone(), place })?;
    }
    Ok(classes.sorted())
}

/// A folder per class, all of them base; images beside them are in no class.
fn of_classes(files: &mut Files, n_outside: usize) -> Result<Vec<Class>, DatasetError> {
    let mut classes = Classes::default();
    files.n_strays = n_outside;
    for (path, &place) in images(&files.found) {
        let Some((class, _)) = path.split_once('/') else {
            files.n_strays += 1;
            continue;
        };
        classes.add(path, class, Split::Base, ImageRef { path: path.clone(), place })?;
    }
    Ok(classes.sorted())
}

//! Finds the layout of a data set from its paths.

use super::classes::Class;
use super::error::DatasetError;
use super::files::{
    Files, Found, LISTS, LISTS_FOLDER, MANIFEST, RECORDS, TABLES, WNIDS, is_image, is_records,
};
use super::folders::{self, images, is_of_images, split_folder};
use super::left_out::Reason;
use super::source::Source;
use super::splits::split_named;
use super::{cifar, lists, table};
use crate::knowledge::wordnet::SynsetId;
use crate::split::Split;

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

/// The classes, sorted. A folder around the whole data set is removed from the paths, and images
/// that are in no class are left out.
pub(super) fn read(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let outside = remove_wrappers(files)?;
    // Taken before the layout is found: it may be beside any of them.
    let wnids = files.take(WNIDS)?;
    let mut classes = match layout(&files.found)? {
        Some(Layout::Manifest) => table::manifest(files),
        Some(Layout::MiniImageNet) => table::mini_imagenet(files),
        Some(Layout::Cifar100) => cifar::read(files),
        Some(Layout::CifarFs) => lists::cifar_fs(files),
        // An image outside the splits was forgotten or misplaced: only its owner knows which.
        Some(Layout::Splits) => match outside.into_iter().next() {
            Some(path) => Err(DatasetError::Stray { path }),
            None => folders::of_splits(files),
        },
        None => folders::of_classes(files),
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

/// The layout; `None` if the folders are those of classes. Two layouts at once are refused.
fn layout(found: &Found) -> Result<Option<Layout>, DatasetError> {
    let manifest = present(found, MANIFEST);
    let tables = TABLES.iter().find_map(|(name, _)| present(found, name));
    let records = RECORDS.iter().find_map(|name| present(found, name));
    let lists = LISTS.iter().find_map(|(name, _)| present(found, &format!("{LISTS_FOLDER}{name}")));
    let split = images(found).map(|(path, _)| path).find(|path| split_folder(path).is_some());
    let met = [
        (tables, Layout::MiniImageNet),
        // With CIFAR-100's records the same lists split those.
        (lists.filter(|_| records.is_none()), Layout::CifarFs),
        (records, Layout::Cifar100),
        // The images that a manifest names may lie anywhere.
        (split.filter(|_| manifest.is_none()), Layout::Splits),
        (manifest, Layout::Manifest),
    ];
    let met: Vec<_> = met.into_iter().filter_map(|(path, layout)| Some((path?, layout))).collect();
    match met[..] {
        [] => Ok(None),
        [(_, layout)] => Ok(Some(layout)),
        [(first, _), (second, _), ..] => {
            Err(DatasetError::Both { first: first.clone(), second: second.clone() })
        }
    }
}

/// The path itself, if there is a file.
fn present<'a>(found: &'a Found, path: &str) -> Option<&'a String> {
    found.get_key_value(path).map(|(path, _)| path)
}

/// The folder that lies around the whole data set, if one does. Images next to it do not change
/// that.
fn wrapper(found: &Found) -> Option<String> {
    let (first, _) = in_folders(found).next()?;
    if is_assigned(found, "") || in_folders(found).any(|(top, _)| top != first) {
        return None;
    }
    let mut images = in_folders(found).filter(|(_, path)| is_image(path));
    // `mug/images/0.png`: the folder of the only class is `mug`.
    let is_class = images.clone().next().is_some()
        && images.clone().all(|(_, path)| {
            path.split_once('/')
                .is_some_and(|(folder, name)| is_of_images(folder) && !name.contains('/'))
        });
    let has_splits = images.clone().any(|(_, path)| split_folder(path).is_some());
    let is_nested = images.all(|(_, path)| path.contains('/'));
    let wraps = is_assigned(found, &format!("{first}/"))
        // `base/val/0.png` is no split `val` in a wrapper: its class is called `val`.
        || (has_splits && first.to_lowercase().parse::<Split>().is_err())
        // Images two folders deep are also what a split with its classes looks like.
        || (is_nested && !is_class && split_named(first).is_none());
    wraps.then(|| first.to_owned())
}

/// Each path below a folder, as the top folder and the rest.
fn in_folders(found: &Found) -> impl Iterator<Item = (&str, &str)> + Clone {
    found.keys().filter_map(|path| path.split_once('/'))
}

/// Whether a file in a folder (`""` or with a `/` at its end) assigns images to classes.
fn is_assigned(found: &Found, folder: &str) -> bool {
    let tables = TABLES.iter().map(|(name, _)| (*name).to_owned());
    let lists = LISTS.iter().map(|(name, _)| format!("{LISTS_FOLDER}{name}"));
    let others = [MANIFEST].into_iter().chain(RECORDS).map(str::to_owned);
    let mut names = others.chain(tables).chain(lists);
    names.any(|name| found.contains_key(&format!("{folder}{name}")))
}

/// Refuses a list that lies next to the folder that it is about. It would be ignored, and nobody
/// would notice before the figures.
fn check_beside(found: &Found, wrapper: Option<&str>) -> Result<(), DatasetError> {
    let records = in_folders(found).find(|(_, path)| is_records(path)).map(|(folder, _)| folder);
    // Records at the top are what the lists at the top are about.
    let records = records.filter(|_| !RECORDS.iter().any(|name| found.contains_key(*name)));
    let mut about = vec![(wrapper, WNIDS.to_owned())];
    for (name, _) in LISTS {
        about.push((records, name.to_owned()));
        about.push((records, format!("{LISTS_FOLDER}{name}")));
    }
    for (folder, file) in about {
        if let Some(folder) = folder.filter(|_| found.contains_key(&file)) {
            let reason = format!("it lies beside the folder `{folder}`; move it into that folder");
            return Err(DatasetError::File { file, reason });
        }
    }
    Ok(())
}

/// Removes the folders around everything from the paths: archives often have several, one in the
/// other. Returns the paths of the images next to them, which are left out.
fn remove_wrappers(files: &mut Files) -> Result<Vec<String>, DatasetError> {
    let mut outside = Vec::new();
    loop {
        let wrapper = wrapper(&files.found);
        check_beside(&files.found, wrapper.as_deref())?;
        let Some(wrapper) = wrapper else { return Ok(outside) };
        outside.extend(remove_wrapper(files, &wrapper));
    }
}

/// Removes one folder around everything. Returns the paths of the images next to it.
fn remove_wrapper(files: &mut Files, wrapper: &str) -> Vec<String> {
    let mut outside = Vec::new();
    for (path, place) in std::mem::take(&mut files.found) {
        if let Some((_, inside)) = path.split_once('/') {
            files.found.insert(inside.to_owned(), place);
            continue;
        }
        let reason = if is_image(&path) { Reason::NoClass } else { Reason::NotImage };
        let full = files.full(&path);
        if is_image(&path) {
            outside.push(full.clone());
        }
        files.leave_out(full, reason);
    }
    files.wrapper = format!("{}{wrapper}/", files.wrapper);
    if let Source::Folder(root) = &mut files.source {
        root.push(wrapper);
    }
    outside
}

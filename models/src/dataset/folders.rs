//! Classes of folders: a folder per class, or a folder per split with a folder per class in it.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Class, Classes};
use super::error::DatasetError;
use super::files::{Files, Found, is_image};
use super::left_out::Reason;
use super::source::{ImageRef, Place};
use super::splits::split_named;
use crate::label::folded;
use crate::split::Split;

/// Folders that are called so for holding images, in lower case. Such a name is that of no class.
// Windows calls its folder by a word that the project does not use: it is in two parts here.
const OF_IMAGES: [&str; 16] = [
    "images",
    "image",
    "imgs",
    "img",
    "photos",
    "photo",
    concat!("pict", "ures"),
    concat!("pict", "ure"),
    "pics",
    "pic",
    "frames",
    "jpegs",
    "jpeg",
    "jpgs",
    "jpg",
    "png",
];

/// Whether a folder is called so for holding images.
pub(super) fn is_of_images(name: &str) -> bool {
    OF_IMAGES.contains(&name.to_lowercase().as_str())
}

/// Refuses a single class that has the name of any folder of images.
fn check_named(files: &Files, classes: &[Class]) -> Result<(), DatasetError> {
    match classes {
        [class] if is_of_images(&class.name) => {
            // Also where it is in the folder of a split.
            let path = class.images.first().map_or("", |image| image.path());
            let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
            Err(DatasetError::UnnamedClass { folder: files.full(folder) })
        }
        _ => Ok(()),
    }
}

/// The paths of images.
pub(super) fn images(found: &Found) -> impl Iterator<Item = (&String, &Place)> {
    found.iter().filter(|(path, _)| is_image(path))
}

/// The split whose folder an image is in.
pub(super) fn split_folder(path: &str) -> Option<Split> {
    let (top, rest) = path.split_once('/')?;
    // A class may be called `train` (one of CIFAR-100 is): then its folder holds images only.
    split_named(top).filter(|_| top.parse::<Split>().is_ok() || rest.contains('/'))
}

/// A folder per split, each with a folder per class, and no image anywhere else.
pub(super) fn of_splits(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    check_one_folder_each(files)?;
    check_shared(files, images(&files.found).filter_map(|(path, _)| top_and_class(path)))?;
    let mut classes = Classes::default();
    let mut folders = ClassFolders::default();
    for (path, &place) in images(&files.found) {
        let Some((top, split, class)) = split_and_class(path) else {
            return Err(DatasetError::Stray { path: path.clone() });
        };
        folders.add(path, top.len() + 1 + class.len());
        classes.add(path, class, split, ImageRef { path: path.clone(), place })?;
    }
    files.nested = folders.nested(files)?;
    classes.check_names()?;
    let classes = classes.sorted();
    check_named(files, &classes)?;
    Ok(classes)
}

/// Refuses two folders of the same split, such as `base/` and `train/`: only one can be meant.
fn check_one_folder_each(files: &Files) -> Result<(), DatasetError> {
    let mut tops: BTreeMap<Split, &str> = BTreeMap::new();
    for (path, _) in images(&files.found) {
        let Some((top, split, _)) = split_and_class(path) else { continue };
        let first = *tops.entry(split).or_insert(top);
        if first != top {
            let first = format!("{first}/");
            return Err(DatasetError::Both { first, second: format!("{top}/") });
        }
    }
    Ok(())
}

/// The folder of a split, that split, and the class of an image.
fn split_and_class(path: &str) -> Option<(&str, Split, &str)> {
    let (top, class) = top_and_class(path)?;
    Some((top, split_named(top)?, class))
}

/// The first two folders of a path.
fn top_and_class(path: &str) -> Option<(&str, &str)> {
    let (top, rest) = path.split_once('/')?;
    let (class, _) = rest.split_once('/')?;
    Some((top, class))
}

/// A folder per class, all of them base. Images outside the folders are in no class.
pub(super) fn of_classes(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let strays = images(&files.found).map(|(path, _)| path).filter(|path| !path.contains('/'));
    let strays = strays.cloned().collect();
    files.leave_out_found(strays, Reason::NoClass);
    let mut classes = Classes::default();
    let mut folders = ClassFolders::default();
    for (path, &place) in images(&files.found) {
        let Some((class, _)) = path.split_once('/') else { continue };
        folders.add(path, class.len());
        classes.add(path, class, Split::Base, ImageRef { path: path.clone(), place })?;
    }
    files.nested = folders.nested(files)?;
    classes.check_names()?;
    let classes = classes.sorted();
    check_splits_without_classes(files, &classes)?;
    check_named(files, &classes)?;
    Ok(classes)
}

/// All images of a data set as those of one class, whatever folders they are in.
pub(super) fn of_one_class(files: &Files, name: &str) -> Result<Vec<Class>, DatasetError> {
    let mut classes = Classes::default();
    for (path, &place) in images(&files.found) {
        classes.add(path, name, Split::Base, ImageRef { path: path.clone(), place })?;
    }
    classes.check_names()?;
    Ok(classes.sorted())
}

/// Refuses folders that are all named after splits and hold images instead of classes: two such
/// folders are no classes, although one may be.
fn check_splits_without_classes(files: &Files, classes: &[Class]) -> Result<(), DatasetError> {
    let are_splits = classes.iter().all(|class| split_named(&class.name).is_some());
    if classes.len() > 1 && are_splits {
        let folders = classes.iter().map(|class| files.full(&class.name)).collect();
        return Err(DatasetError::SplitsWithoutClasses { folders });
    }
    Ok(())
}

/// Refuses folders with classes of the same names: an ordinary split of the images of each class.
/// The pairs are folders and names of classes in them.
fn check_shared<'a>(
    files: &Files,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), DatasetError> {
    // By the names as readers see them: `Train/Mug` and `Test/mug` are one class too.
    let mut shared: BTreeMap<String, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for (folder, class) in pairs {
        shared.entry(folded(class)).or_insert((class, BTreeSet::new())).1.insert(folder);
    }
    shared.retain(|_, (_, folders)| folders.len() > 1);
    let Some((_, (_, first))) = shared.first_key_value() else { return Ok(()) };
    // The folder to advise: that of training, which has most of the images.
    let base = first.iter().find(|folder| folder.to_lowercase().contains("train"));
    let base = base.or_else(|| first.first()).copied().unwrap_or_default();
    Err(DatasetError::SharedClasses {
        folders: first.iter().map(|folder| files.full(folder)).collect(),
        classes: shared.values().map(|(class, _)| (*class).to_owned()).collect(),
        base: files.full(base),
    })
}

/// The folders with images in the folder of each class.
#[derive(Default)]
struct ClassFolders<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> ClassFolders<'a> {
    /// Takes in an image. The first `length` bytes of its path are the class's folder.
    fn add(&mut self, path: &'a str, length: usize) {
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        self.0.entry(&path[..length]).or_default().insert(folder);
    }

    /// The folders within those of classes. A class whose images are all in several folders, side
    /// by side, is refused: these may be its images or classes themselves.
    fn nested(self, files: &Files) -> Result<Vec<String>, DatasetError> {
        let doubtful: Vec<_> = self.0.values().filter_map(side_by_side).collect();
        if let Some((folder, inside)) = doubtful.first() {
            let pairs = doubtful.iter().flat_map(|(folder, inside)| {
                inside.iter().map(|inside| (*folder, &inside[folder.len() + 1..]))
            });
            check_shared(files, pairs)?;
            return Err(DatasetError::FolderOfFolders {
                folder: files.full(folder),
                inside: inside.iter().map(|inside| files.full(inside)).collect(),
            });
        }
        let mut nested = Vec::new();
        for (class, folders) in self.0 {
            let below = folders.into_iter().filter(|folder| *folder != class);
            nested.extend(below.map(|folder| files.full(folder)));
        }
        Ok(nested)
    }
}

/// The innermost folder around all of these, and those of its folders that they are or are in;
/// `None` if that folder is one of them.
fn side_by_side<'a>(folders: &BTreeSet<&'a str>) -> Option<(&'a str, BTreeSet<&'a str>)> {
    let mut around = *folders.first()?;
    while !folders.iter().all(|folder| is_in(folder, around)) {
        (around, _) = around.rsplit_once('/')?;
    }
    if folders.contains(around) {
        return None;
    }
    let inside = folders.iter().map(|folder| {
        let end = folder[around.len() + 1..].find('/');
        end.map_or(*folder, |end| &folder[..around.len() + 1 + end])
    });
    Some((around, inside.collect()))
}

/// Whether a folder is another one, or is in it.
fn is_in(folder: &str, around: &str) -> bool {
    folder.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

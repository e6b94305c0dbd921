//! Lists of classes, a name a line: how CIFAR-FS splits CIFAR-100 (Bertinetto et al. 2019).

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Classes, two_splits};
use super::files::{Files, LISTS, LISTS_FOLDER, is_image};
use super::{Class, DatasetError, ImageRef, Line, Split};

/// The folder of CIFAR-FS's images.
const DATA: &str = "data/";

/// The classes of CIFAR-FS as published: a folder per class in `data/`, lists of classes in
/// `splits/bertinetto/`.
pub(super) fn cifar_fs(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    let paths = files.found.iter().filter(|(path, _)| is_image(path));
    let mut n_strays = 0;
    let mut images = Vec::new();
    for (path, &place) in paths {
        match path.strip_prefix(DATA).and_then(|below| below.split_once('/')) {
            Some((class, _)) => images.push((class.to_owned(), path.clone(), place)),
            None => n_strays += 1,
        }
    }
    files.n_strays = n_strays;
    let known = images.iter().map(|(class, ..)| class.as_str()).collect();
    let splits = Splits::read(files, &known, "a folder of data/")?;
    let mut classes = Classes::default();
    for (class, path, place) in images {
        if let Some(split) = splits.of(&class) {
            classes.add(&path.clone(), &class, split, ImageRef { path, place })?;
        }
    }
    Ok(classes.sorted())
}

/// What the lists say: the split of each class.
pub(super) struct Splits(Option<BTreeMap<String, Split>>);

impl Splits {
    /// Reads `train.txt`, `val.txt` and `test.txt`, which lie at the top or in
    /// `splits/bertinetto/`. Every class must be `known`; `expected` says of what. Known classes
    /// that are in no list are counted.
    pub(super) fn read(
        files: &mut Files,
        known: &BTreeSet<&str>,
        expected: &str,
    ) -> Result<Self, DatasetError> {
        let mut splits = BTreeMap::new();
        for (name, split, text) in lists(files)? {
            add_list(&mut splits, &name, split, &text, &|class| known.contains(class), expected)?;
        }
        if splits.is_empty() {
            return Ok(Self(None));
        }
        files.n_unlisted = known.iter().filter(|class| !splits.contains_key(**class)).count();
        Ok(Self(Some(splits)))
    }

    /// The split of a class: base if there are no lists, none if it is in none of them.
    pub(super) fn of(&self, class: &str) -> Option<Split> {
        self.0.as_ref().map_or(Some(Split::Base), |splits| splits.get(class).copied())
    }
}

/// The lists that are there: name, split, text. They are in one place.
fn lists(files: &mut Files) -> Result<Vec<(String, Split, Vec<u8>)>, DatasetError> {
    let mut lists: Vec<(String, Split, Vec<u8>)> = Vec::new();
    for folder in [LISTS_FOLDER, ""] {
        let n_before = lists.len();
        for (name, split) in LISTS {
            let name = format!("{folder}{name}");
            let Some(text) = files.take(&name)? else { continue };
            if let Some((first, ..)) = lists[..n_before].first() {
                return Err(DatasetError::Both { first: first.clone(), second: name });
            }
            lists.push((name, split, text));
        }
    }
    Ok(lists)
}

fn add_list(
    splits: &mut BTreeMap<String, Split>,
    file: &str,
    split: Split,
    text: &[u8],
    is_known: &dyn Fn(&str) -> bool,
    expected: &str,
) -> Result<(), DatasetError> {
    let names = names(file, text)?;
    if names.is_empty() {
        let reason = "it names no class; fill it or remove it".to_owned();
        return Err(DatasetError::File { file: file.to_owned(), reason });
    }
    for (line, class) in names {
        if !is_known(&class) {
            return Err(line.wrong(format!("there is no class `{class}`; expected {expected}")));
        }
        match splits.insert(class.clone(), split) {
            None => {}
            Some(first) if first == split => {
                return Err(line.wrong(format!("`{class}` was listed before; remove one line")));
            }
            Some(first) => return Err(two_splits(&line, &class, first, split)),
        }
    }
    Ok(())
}

/// The lines of a text that are not empty, trimmed, each with its place.
pub(super) fn names(file: &str, text: &[u8]) -> Result<Vec<(Line, String)>, DatasetError> {
    let mut names = Vec::new();
    for (i, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let at = Line { file: file.to_owned(), line: i as u64 + 1 };
        let name = std::str::from_utf8(line).map_err(|_| at.wrong("it is not UTF-8".to_owned()))?;
        if !name.trim().is_empty() {
            names.push((at, name.trim().to_owned()));
        }
    }
    Ok(names)
}

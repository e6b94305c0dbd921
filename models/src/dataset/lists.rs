//! Lists of classes, one name per line: how CIFAR-FS splits CIFAR-100 (Bertinetto et al. 2019).

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Class, Classes, two_splits};
use super::error::{DatasetError, Line};
use super::files::{Files, LISTS, LISTS_FOLDER, is_image};
use super::left_out::Reason;
use super::source::ImageRef;
use crate::split::Split;

/// What some programs write before a UTF-8 text; it is no part of the first name.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// The folder of CIFAR-FS's images.
const DATA: &str = "data/";

/// The classes of CIFAR-FS as published: a folder per class in `data/`, lists of classes in
/// `splits/bertinetto/`.
pub(super) fn cifar_fs(files: &mut Files) -> Result<Vec<Class>, DatasetError> {
    // The lists are read from `files` before any class is made, so the images are copied first.
    let mut images = Vec::new();
    let mut strays = Vec::new();
    for (path, &place) in files.found.iter().filter(|(path, _)| is_image(path)) {
        match path.strip_prefix(DATA).and_then(|below| below.split_once('/')) {
            Some((class, _)) => images.push((class.to_owned(), path.clone(), place)),
            None => strays.push(path.clone()),
        }
    }
    files.leave_out_found(strays, Reason::NoClass);
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

/// The split of each listed class; `None` if there are no lists.
pub(super) struct Splits(Option<BTreeMap<String, Split>>);

impl Splits {
    /// Reads `train.txt`, `val.txt` and `test.txt`, which lie at the top or in
    /// `splits/bertinetto/`. Every listed class must be one of `known`; `expected` describes these
    /// in the error. Known classes that are in no list are
    /// left out.
    pub(super) fn read(
        files: &mut Files,
        known: &BTreeSet<&str>,
        expected: &str,
    ) -> Result<Self, DatasetError> {
        let mut splits = BTreeMap::new();
        for list in lists(files)? {
            list.add_to(&mut splits, known, expected)?;
        }
        if splits.is_empty() {
            return Ok(Self(None));
        }
        for class in known.iter().filter(|class| !splits.contains_key(**class)) {
            files.leave_out((*class).to_owned(), Reason::ClassNotListed);
        }
        Ok(Self(Some(splits)))
    }

    /// The split of a class: base if there are no lists, none if no list has the class.
    pub(super) fn of(&self, class: &str) -> Option<Split> {
        self.0.as_ref().map_or(Some(Split::Base), |splits| splits.get(class).copied())
    }
}

/// A list of the classes of a split.
struct List {
    file: String,
    split: Split,
    text: Vec<u8>,
}

/// The lists that are there, all in one place.
fn lists(files: &mut Files) -> Result<Vec<List>, DatasetError> {
    let mut lists: Vec<List> = Vec::new();
    for folder in [LISTS_FOLDER, ""] {
        let n_before = lists.len();
        for (name, split) in LISTS {
            let file = format!("{folder}{name}");
            let Some(text) = files.take(&file)? else { continue };
            // Lists in both places may differ, and nothing says which of them count.
            if let Some(first) = lists[..n_before].first() {
                return Err(DatasetError::Both { first: first.file.clone(), second: file });
            }
            lists.push(List { file, split, text });
        }
    }
    Ok(lists)
}

impl List {
    fn add_to(
        &self,
        splits: &mut BTreeMap<String, Split>,
        known: &BTreeSet<&str>,
        expected: &str,
    ) -> Result<(), DatasetError> {
        let names = names(&self.file, &self.text)?;
        // A split without classes needs no list: an empty one was not meant to be empty.
        if names.is_empty() {
            return Err(DatasetError::file(&self.file, "it names no class; fill it or remove it"));
        }
        for (line, class) in names {
            if !known.contains(class.as_str()) {
                return Err(line.wrong(format!("there is no class `{class}`; expected {expected}")));
            }
            match splits.insert(class.clone(), self.split) {
                None => {}
                Some(first) if first == self.split => {
                    return Err(line.wrong(format!("`{class}` was listed before; remove one line")));
                }
                Some(first) => return Err(two_splits(&line, &class, first, self.split)),
            }
        }
        Ok(())
    }
}

/// The lines of a text that are not empty, trimmed, each with its place.
pub(super) fn names(file: &str, text: &[u8]) -> Result<Vec<(Line, String)>, DatasetError> {
    let mut names = Vec::new();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    for (i, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let at = Line { file: file.to_owned(), line: i as u64 + 1 };
        let name = std::str::from_utf8(line).map_err(|_| at.wrong("it is not UTF-8"))?;
        if !name.trim().is_empty() {
            names.push((at, name.trim().to_owned()));
        }
    }
    Ok(names)
}

//! Collects classes: every image says which class it is of, and contradictions are refused.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::error::DatasetError;
use super::source::ImageRef;
use crate::label::folded;
use crate::split::Split;

/// A class and its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its WordNet synset, for instance `n07739125`, if the data set gives one or the class is
    /// named by it.
    pub wnid: Option<String>,
    /// What it is used for.
    pub split: Split,
    /// Its images, sorted by the bytes of their paths.
    pub images: Vec<ImageRef>,
}

/// Classes by name.
#[derive(Default)]
pub(super) struct Classes(BTreeMap<String, Class>);

impl Classes {
    /// Adds an image to a class, which its first image creates. `at` is the line or path that
    /// assigns the image; errors begin with it.
    pub(super) fn add(
        &mut self,
        at: &dyn Display,
        name: &str,
        split: Split,
        image: ImageRef,
    ) -> Result<&mut Class, DatasetError> {
        let class = self.0.entry(name.to_owned()).or_insert_with_key(|name| Class {
            name: name.clone(),
            wnid: None,
            split,
            images: Vec::new(),
        });
        if class.split != split {
            return Err(two_splits(at, name, class.split, split));
        }
        class.images.push(image);
        Ok(class)
    }

    /// Refuses two classes whose names are the same for a reader: they would be one class when they
    /// are enrolled, and are most often one that was written in two ways.
    pub(super) fn check_names(&self) -> Result<(), DatasetError> {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for name in self.0.keys() {
            if let Some(first) = seen.insert(folded(name), name) {
                let first = first.to_owned();
                return Err(DatasetError::SameName { first, second: name.clone() });
            }
        }
        Ok(())
    }

    /// The classes by the bytes of their names, their images by the bytes of their paths.
    pub(super) fn sorted(self) -> Vec<Class> {
        let mut classes: Vec<Class> = self.0.into_values().collect();
        // Images come in the order of a list: listed in another order, they are the same data set.
        classes.iter_mut().for_each(|class| class.images.sort());
        classes
    }
}

/// Gives a class its synset. One that it already has must be the same.
pub(super) fn set_wnid(
    at: &dyn Display,
    class: &mut Class,
    wnid: &str,
) -> Result<(), DatasetError> {
    let first = class.wnid.get_or_insert_with(|| wnid.to_owned());
    if first == wnid {
        return Ok(());
    }
    Err(DatasetError::TwoWnids {
        at: at.to_string(),
        class: class.name.clone(),
        first: first.clone(),
        second: wnid.to_owned(),
    })
}

pub(super) fn two_splits(
    at: &dyn Display,
    class: &str,
    first: Split,
    second: Split,
) -> DatasetError {
    DatasetError::TwoSplits { at: at.to_string(), class: class.to_owned(), first, second }
}

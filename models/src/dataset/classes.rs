//! Classes in the making: every image says which class it is of, and contradictions are refused.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::{Class, DatasetError, ImageRef, Split};

/// Classes by name.
#[derive(Default)]
pub(super) struct Classes(BTreeMap<String, Class>);

impl Classes {
    /// Puts an image into a class, which the first image makes. `at` is the line or path that says so, for
    /// errors.
    pub(super) fn add(
        &mut self,
        at: &dyn Display,
        name: &str,
        split: Split,
        image: ImageRef,
    ) -> Result<&mut Class, DatasetError> {
        if !self.0.contains_key(name) {
            let (name, images) = (name.to_owned(), Vec::new());
            self.0.insert(name.clone(), Class { name, wnid: None, split, images });
        }
        let class = self.0.get_mut(name).expect("invariant: it was put there");
        if class.split != split {
            return Err(two_splits(at, name, class.split, split));
        }
        class.images.push(image);
        Ok(class)
    }

    /// The classes by the bytes of their names, their images by the bytes of their paths.
    pub(super) fn sorted(self) -> Vec<Class> {
        let mut classes: Vec<Class> = self.0.into_values().collect();
        classes.iter_mut().for_each(|class| class.images.sort());
        classes
    }
}

/// Gives a class its synset, which must be the one it has if it has one.
pub(super) fn set_wnid(
    at: &dyn Display,
    class: &mut Class,
    wnid: &str,
) -> Result<(), DatasetError> {
    let first = class.wnid.get_or_insert_with(|| wnid.to_owned());
    if first == wnid {
        return Ok(());
    }
    let (class, first) = (class.name.clone(), first.clone());
    Err(DatasetError::TwoWnids { at: at.to_string(), class, first, second: wnid.to_owned() })
}

pub(super) fn two_splits(
    at: &dyn Display,
    class: &str,
    first: Split,
    second: Split,
) -> DatasetError {
    DatasetError::TwoSplits { at: at.to_string(), class: class.to_owned(), first, second }
}

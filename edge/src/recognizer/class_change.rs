//! Changes of a class in part: what is not named stays as it is.

use super::error::RecognizerError;
use super::precondition::Precondition;
use super::{ClassInfo, Recognizer};
use crate::gallery::{ClassOverrides, Label, SenseOverride};

/// What of a class changes, with one change of the gallery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassChange {
    /// The new label; `None`: it stays.
    pub label: Option<String>,
    /// What becomes of the sense.
    pub sense: SenseChange,
    /// The new attributes, as nouns or synsets, or those of the sense with `Some(None)`; `None`:
    /// they stay.
    pub attributes: Option<Option<Vec<String>>>,
}

/// What becomes of the sense that a user set for a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SenseChange {
    /// It stays.
    #[default]
    Keep,
    /// It is replaced.
    Set(SenseOverride),
    /// The label decides from now on, if a synset was set.
    ResetSynset,
    /// The label decides from now on, if the class was learned from its images only.
    ResetImagesOnly,
    /// The label decides from now on.
    Reset,
}

impl SenseChange {
    fn applied_to(self, before: Option<SenseOverride>) -> Option<SenseOverride> {
        match (self, before) {
            (Self::Set(sense), _) => Some(sense),
            (Self::Reset, _)
            | (Self::ResetSynset, Some(SenseOverride::Synset(_)))
            | (Self::ResetImagesOnly, Some(SenseOverride::ImagesOnly)) => None,
            (Self::Keep | Self::ResetSynset | Self::ResetImagesOnly, before) => before,
        }
    }
}

impl Recognizer {
    /// Changes label, sense and attributes of a class, all that is named or nothing, as one change
    /// of the gallery.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; an unmet [`Precondition`]; [`RecognizerError::NoNameKnowledge`];
    /// [`RecognizerError::UnknownSynset`]; [`RecognizerError::Attributes`];
    /// [`RecognizerError::Gallery`] if the class does not exist, if another class has the label, or
    /// if the store cannot be written.
    pub fn change_class(
        &mut self,
        id_or_label: &str,
        change: &ClassChange,
        precondition: Precondition,
    ) -> Result<ClassInfo, RecognizerError> {
        let label = change.label.as_deref().map(Label::parse).transpose()?;
        precondition.check_existing(&self.gallery, id_or_label)?;
        let overrides = self.overrides_after(id_or_label, label.as_ref(), change)?;
        let changed = self.gallery.change_class(id_or_label, label.as_ref(), overrides)?;
        Ok(self.info(&changed))
    }

    /// The overrides of a class after the change.
    fn overrides_after(
        &self,
        id_or_label: &str,
        label: Option<&Label>,
        change: &ClassChange,
    ) -> Result<ClassOverrides, RecognizerError> {
        let class = self.gallery.class(id_or_label)?;
        let sense = change.sense.applied_to(class.overrides.sense);
        let names = self.name_knowledge.as_ref();
        if let SenseChange::Set(SenseOverride::Synset(synset)) = change.sense {
            let names = names.ok_or(RecognizerError::NoNameKnowledge)?;
            names.sense(synset).ok_or(RecognizerError::UnknownSynset(synset))?;
        }
        let attributes = match &change.attributes {
            None => class.overrides.attributes.clone(),
            Some(None) => None,
            Some(Some(words)) => {
                let names = names.ok_or(RecognizerError::NoNameKnowledge)?;
                let label = label.unwrap_or(&class.label);
                let meaning = names.meaning_as(label.as_str(), sense);
                let words = words.iter().map(String::as_str);
                Some(names.resolve_attributes(words, meaning)?)
            }
        };
        Ok(ClassOverrides { sense, attributes })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reset_is_about_what_was_set() {
        let synset = SenseOverride::Synset("n00000014".parse().unwrap());
        let images = SenseOverride::ImagesOnly;
        for (change, of_synset, of_images) in [
            (SenseChange::Keep, Some(synset), Some(images)),
            (SenseChange::Set(images), Some(images), Some(images)),
            (SenseChange::ResetSynset, None, Some(images)),
            (SenseChange::ResetImagesOnly, Some(synset), None),
            (SenseChange::Reset, None, None),
        ] {
            assert_eq!(change.applied_to(Some(synset)), of_synset, "{change:?}");
            assert_eq!(change.applied_to(Some(images)), of_images, "{change:?}");
        }
    }
}

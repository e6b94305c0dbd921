//! Enrolled classes and their examples. For each image the gallery keeps its hash, its raw
//! embedding and the precision that made it; prototypes are computed from these facts, not stored.
//! Besides its classes a gallery has a **background set**, examples of "none of these", and
//! [settings](GallerySettings).
//!
//! **Guarantee:** when a call returns `Ok`, the change is on the disk and survives a crash or a
//! power cut; when it returns an error, nothing has changed. A gallery in memory keeps the second
//! half only. What this requires of the disk is in `docs/durability.md`.
//!
//! A store is bound to the `space_id` of the backbone that made its embeddings. Embeddings of two
//! backbones cannot be compared, so a store of another space is refused.
//!
//! # Examples
//! ```
//! use edge::gallery::{Gallery, Label, NewExample};
//!
//! let mut gallery = Gallery::in_memory();
//! let example =
//!     NewExample { sha256: [0; 32], embedding: vec![1.0, 0.0], precision: "fp32".to_owned() };
//! let enrolled = gallery.enroll(&Label::parse("mug")?, vec![example], true)?;
//! assert_eq!((enrolled.class.examples.len(), gallery.revision()), (1, 1));
//! assert_eq!(gallery.class("mug")?.id.to_string(), "@1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;

mod change;
mod class;
mod error;
mod facts;
mod id;
mod journal;
mod label;
mod limits;
mod lock;
mod record;
mod settings;
mod store;

use change::Change;
use facts::Facts;
use journal::{Journal, Memory, ReadOnly};
use store::RedbStore;

pub use class::{
    BackgroundEnrolled, Class, ClassOverrides, Enrolled, Example, NewExample, Outcome,
    SenseOverride,
};
pub use error::GalleryError;
pub use id::{ClassId, ExampleId, NotAnExampleId, NotAnId};
pub use label::{Label, LabelError, MAX_LABEL_CHARS};
pub use limits::GalleryLimits;
pub use settings::{GallerySettings, SettingError};

/// Enrolled classes. See the module for what each call guarantees.
#[derive(Debug)]
pub struct Gallery {
    facts: Facts,
    journal: Box<dyn Journal>,
    limits: GalleryLimits,
    /// The facts may differ from the durable ones: a commit did not return success, and the facts
    /// have not been reloaded since.
    is_stale: bool,
}

impl Gallery {
    /// An empty gallery that lives as long as its process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Facts::default(), Memory)
    }

    /// Opens the store in the folder `dir`, or creates one bound to `space_id`. One process at a
    /// time has a store open.
    ///
    /// # Errors
    /// [`GalleryError::InUse`] with the process that has it open; [`GalleryError::OtherSpace`];
    /// [`GalleryError::OtherLayout`]; [`GalleryError::Broken`]; [`GalleryError::StoreFull`];
    /// [`GalleryError::Io`].
    pub fn open(dir: &Path, space_id: &str) -> Result<Self, GalleryError> {
        let (store, facts) = RedbStore::open(dir, space_id)?;
        Ok(Self::new(facts, store))
    }

    /// Whether the folder `dir` has a store; nothing is opened or created.
    #[must_use]
    pub fn store_exists(dir: &Path) -> bool {
        RedbStore::exists(dir)
    }

    /// Closes the store. What it holds stays readable; every change is refused with
    /// [`GalleryError::ReadOnly`].
    #[must_use]
    pub fn into_read_only(self) -> Self {
        // The former journal is dropped, which closes the store and frees its lock.
        Self::new(self.facts, ReadOnly)
    }

    fn new(facts: Facts, journal: impl Journal + 'static) -> Self {
        let limits = GalleryLimits::default();
        Self { facts, journal: Box::new(journal), limits, is_stale: false }
    }

    /// This gallery, which does not become larger than that: a call that would make it so is
    /// refused with [`GalleryError::LimitReached`].
    #[must_use]
    pub fn with_limits(self, limits: GalleryLimits) -> Self {
        Self { limits, ..self }
    }

    /// Grows by one with each call that changes something; 0 when new.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.facts.revision()
    }

    /// What the user chose for the whole gallery; the defaults when new.
    #[must_use]
    pub fn settings(&self) -> &GallerySettings {
        self.facts.settings()
    }

    /// The background set, examples of "none of these": images that belong to no class, in the
    /// order of enrollment.
    #[must_use]
    pub fn background(&self) -> &[Example] {
        self.facts.background()
    }

    /// Every class, sorted by label without regard to case.
    #[must_use]
    pub fn classes(&self) -> Vec<Class> {
        self.iter().cloned().collect()
    }

    /// The same without copies, which hold the embeddings of all examples.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.facts.iter()
    }

    /// The classes that follow this label in the same order; no class needs to have it. Where to go
    /// on with a list that is read in parts.
    pub fn iter_after(&self, label: &str) -> impl Iterator<Item = &Class> {
        self.facts.iter_after(label)
    }

    /// The class with this id or label.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`].
    pub fn class(&self, id_or_label: &str) -> Result<&Class, GalleryError> {
        self.facts.class(id_or_label)
    }

    /// Adds images to the class `label`, all or none. A class that does not exist is created if
    /// `create`. An image that the class has already is reported as a duplicate. A call that adds
    /// nothing leaves the revision as it is, so retries are safe.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`] without `create`; [`GalleryError::Embedding`];
    /// [`GalleryError::StoreFull`].
    pub fn enroll(
        &mut self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrolled, GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_enroll(label, examples, create)?;
        self.carry_out(plan.change)?;
        let (class, outcomes) = plan.answer;
        let class = self.facts.by_id(class).clone();
        Ok(Enrolled { class, outcomes, revision: self.revision() })
    }

    /// Replaces the overrides of the class `label`, which is created without images if it does not
    /// exist. Returns the class, and whether it is new.
    ///
    /// # Errors
    /// [`GalleryError::StoreFull`].
    pub fn define(
        &mut self,
        label: &Label,
        overrides: ClassOverrides,
    ) -> Result<(Class, bool), GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_define(label, overrides);
        self.carry_out(plan.change)?;
        let (class, is_new) = plan.answer;
        Ok((self.facts.by_id(class).clone(), is_new))
    }

    /// Gives a class another label and returns it.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`]; [`GalleryError::LabelTaken`] if another class has the label.
    pub fn rename(&mut self, id_or_label: &str, label: &Label) -> Result<Class, GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_rename(id_or_label, label)?;
        self.carry_out(plan.change)?;
        Ok(self.facts.by_id(plan.answer).clone())
    }

    /// Deletes a class with its examples and returns what it was.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`].
    pub fn delete(&mut self, id_or_label: &str) -> Result<Class, GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_delete(id_or_label)?;
        // The answer is what the class was; applying the change drops it.
        let deleted = self.facts.by_id(plan.answer).clone();
        self.carry_out(plan.change)?;
        Ok(deleted)
    }

    /// Adds images to the background set, all or none. An image that it has already is reported as
    /// a duplicate; a class may have the same image. A call that adds nothing leaves the revision
    /// as it is.
    ///
    /// # Errors
    /// [`GalleryError::Embedding`]; [`GalleryError::StoreFull`].
    pub fn enroll_background(
        &mut self,
        examples: Vec<NewExample>,
    ) -> Result<BackgroundEnrolled, GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_enroll_background(examples)?;
        self.carry_out(plan.change)?;
        let examples = self.background().len();
        Ok(BackgroundEnrolled { outcomes: plan.answer, examples, revision: self.revision() })
    }

    /// Removes an example from the background set and returns it.
    ///
    /// # Errors
    /// [`GalleryError::UnknownExample`], also for an example of a class.
    pub fn remove_background(&mut self, id: ExampleId) -> Result<Example, GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_remove_background(id)?;
        self.carry_out(plan.change)?;
        Ok(plan.answer)
    }

    /// Replaces the settings and returns them. Those that hold already leave the revision as it is.
    ///
    /// # Errors
    /// [`GalleryError::Setting`] if one is out of range; [`GalleryError::StoreFull`].
    pub fn set_settings(
        &mut self,
        settings: GallerySettings,
    ) -> Result<GallerySettings, GalleryError> {
        self.refresh()?;
        let plan = self.facts.plan_settings(settings)?;
        self.carry_out(plan.change)?;
        Ok(plan.answer)
    }

    /// Makes a change durable, then applies it in memory.
    fn carry_out(&mut self, change: Option<Change>) -> Result<(), GalleryError> {
        let Some(change) = change else { return Ok(()) };
        self.limits.check(&self.facts, &change.kind)?;
        // Set before the commit: if it panics, the change may be durable all the same.
        self.is_stale = true;
        // The journal first: what a caller can read is durable already.
        let Err(error) = self.journal.commit(&change) else {
            self.facts.apply(change);
            self.is_stale = false;
            return Ok(());
        };
        // If only the last step of the commit failed, the change is durable: reloading settles it.
        let is_settled = self.refresh().is_ok() && self.revision() == change.revision;
        if is_settled { Ok(()) } else { Err(error) }
    }

    /// Reloads the facts if they may differ from the durable ones.
    fn refresh(&mut self) -> Result<(), GalleryError> {
        // A change that is planned on other facts than those of the disk could reuse a revision.
        if self.is_stale {
            if let Some(facts) = self.journal.reload()? {
                self.facts = facts;
            }
            self.is_stale = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Writes a change, then panics.
    #[derive(Debug, Default)]
    struct Panicking(Facts);

    impl Journal for Panicking {
        fn commit(&mut self, change: &Change) -> Result<(), GalleryError> {
            self.0.apply(change.clone());
            panic!("after the change was written");
        }

        fn reload(&mut self) -> Result<Option<Facts>, GalleryError> {
            Ok(Some(self.0.clone()))
        }
    }

    #[test]
    fn a_panic_in_a_commit_makes_the_next_write_reload_the_facts() {
        let mut gallery = Gallery::new(Facts::default(), Panicking::default());
        let mug = Label::parse("mug").unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| gallery.enroll(&mug, Vec::new(), true)));
        assert!(panicked.is_err());
        // It adds nothing to the class, which the reload has found: nothing is committed again.
        let enrolled = gallery.enroll(&mug, Vec::new(), true).unwrap();
        assert_eq!((enrolled.revision, enrolled.class.label), (1, mug));
    }
}

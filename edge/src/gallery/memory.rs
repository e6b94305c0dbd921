//! A gallery that lives as long as its process: for tests, trials and read-only devices.

use super::facts::Facts;
use super::{Class, Definition, Enrolled, Gallery, GalleryError, Label, NewExample};

/// A gallery in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryGallery {
    facts: Facts,
}

impl MemoryGallery {
    /// An empty gallery.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Gallery for MemoryGallery {
    fn revision(&self) -> u64 {
        self.facts.revision()
    }

    fn classes(&self) -> Result<Vec<Class>, GalleryError> {
        Ok(self.facts.classes())
    }

    fn class(&self, id_or_label: &str) -> Result<Class, GalleryError> {
        self.facts.class(id_or_label).cloned()
    }

    fn enroll(
        &mut self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrolled, GalleryError> {
        let plan = self.facts.plan_enroll(label, examples, create)?;
        if let Some(change) = plan.change {
            self.facts.apply(change);
        }
        Ok(self.facts.enrolled(plan.class, plan.outcomes))
    }

    fn define(&mut self, label: &Label, said: Definition) -> Result<(Class, bool), GalleryError> {
        let (class, is_new, change) = self.facts.plan_define(label, said);
        if let Some(change) = change {
            self.facts.apply(change);
        }
        Ok((self.facts.copy_of(class), is_new))
    }

    fn rename(&mut self, id_or_label: &str, label: &Label) -> Result<Class, GalleryError> {
        let (class, change) = self.facts.plan_rename(id_or_label, label)?;
        if let Some(change) = change {
            self.facts.apply(change);
        }
        Ok(self.facts.copy_of(class))
    }

    fn delete(&mut self, id_or_label: &str) -> Result<Class, GalleryError> {
        let (class, change) = self.facts.plan_delete(id_or_label)?;
        let was = self.facts.copy_of(class);
        self.facts.apply(change);
        Ok(was)
    }
}

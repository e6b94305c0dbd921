//! Examples one by one, and the history of a gallery: look, move, remove, undo.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use models::image::Region;

use super::error::RecognizerError;
use super::precondition::Precondition;
use super::{ClassInfo, Recognizer};
use crate::gallery::{
    Class, ClassId, DeviceId, Example, ExampleId, GroupId, HistoryEntry, Label, Place, UndoTarget,
};

/// An example for display.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleInfo {
    /// Stable.
    pub id: ExampleId,
    /// Its class; `None` in the background set.
    pub class: Option<ClassId>,
    /// The label of its class; `None` in the background set.
    pub label: Option<Label>,
    /// SHA-256 of the bytes of the image file.
    pub sha256: [u8; 32],
    /// The part of the image that it shows; `None` for all of it.
    pub crop: Option<Region>,
    /// When it was enrolled: milliseconds since 1970 (UTC).
    pub added_at_ms: u64,
    /// The precision of the backbone that made its embedding.
    pub precision: String,
}

impl ExampleInfo {
    fn new(example: &Example, class: Option<&Class>) -> Self {
        Self {
            id: example.id,
            class: class.map(|class| class.id),
            label: class.map(|class| class.label.clone()),
            sha256: example.sha256,
            crop: example.crop,
            added_at_ms: example.id.made_at_ms(),
            precision: example.precision.clone(),
        }
    }
}

impl Recognizer {
    /// From now on `actor` makes the changes, as the history shows them: `cli`, `http`, `page`.
    pub fn set_actor(&mut self, actor: &str) {
        self.actor = Some(actor.to_owned());
        self.gallery.set_actor(actor);
    }

    /// The id of the changes of the last call that could change something, by which they are
    /// undone; `None` if it changed nothing.
    #[must_use]
    pub fn last_change(&self) -> Option<GroupId> {
        self.gallery.last_change()
    }

    /// The examples of a class, in the order of enrollment.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is no such class.
    pub fn examples(&self, id_or_label: &str) -> Result<Vec<ExampleInfo>, RecognizerError> {
        let class = self.gallery.class(id_or_label)?;
        let examples = class.examples.iter();
        Ok(examples.map(|one| ExampleInfo::new(one, Some(class))).collect())
    }

    /// At most `most` examples of a class, in the order of enrollment: those after the one with the
    /// id `after`, which need not exist any more.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is no such class.
    pub fn examples_after(
        &self,
        id_or_label: &str,
        after: Option<ExampleId>,
        most: usize,
    ) -> Result<Vec<ExampleInfo>, RecognizerError> {
        let class = self.gallery.class(id_or_label)?;
        // Ids ascend in the order of enrollment.
        let start = after.map_or(0, |after| class.examples.partition_point(|one| one.id <= after));
        let part = class.examples[start..].iter().take(most);
        Ok(part.map(|one| ExampleInfo::new(one, Some(class))).collect())
    }

    /// One example, of a class or of the background set, by its id or the beginning of it.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is none.
    pub fn example(&self, id: &str) -> Result<ExampleInfo, RecognizerError> {
        let (place, example) = self.gallery.example(id)?;
        let class = match place {
            Place::Class(class) => Some(&**self.gallery.class(&class.to_string())?),
            Place::Background => None,
        };
        Ok(ExampleInfo::new(example, class))
    }

    /// The bytes of the image that was kept of an example; `None` if none was kept.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is no such example, or if the store cannot be read.
    pub fn example_image(&self, id: &str) -> Result<Option<Vec<u8>>, RecognizerError> {
        let id = self.gallery.example(id)?.1.id;
        Ok(self.gallery.image(id)?)
    }

    /// The number of bytes of that image, which is not read.
    ///
    /// # Errors
    /// Those of [`Recognizer::example_image`].
    pub fn example_image_size(&self, id: &str) -> Result<Option<usize>, RecognizerError> {
        let id = self.gallery.example(id)?.1.id;
        Ok(self.gallery.image_size(id)?)
    }

    /// Removes examples, all or none, and returns them. It can be undone.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] if one of them does not exist, or if
    /// the store cannot be written.
    pub fn remove_examples(
        &mut self,
        ids: &[String],
        precondition: Precondition,
    ) -> Result<Vec<Arc<Example>>, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        Ok(self.gallery.remove_examples(ids)?)
    }

    /// Moves examples to a class, or to the background set with `None`, all or none. Returns how
    /// many were elsewhere.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] if the class or one of the examples
    /// does not exist, or if the store cannot be written.
    pub fn move_examples(
        &mut self,
        ids: &[String],
        to: Option<&str>,
        precondition: Precondition,
    ) -> Result<usize, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        Ok(self.gallery.move_examples(ids, to)?)
    }

    /// Moves all examples of a class into another one, and returns that.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] if one of the classes does not
    /// exist, if they are the same, or if the store cannot be written.
    pub fn merge_classes(
        &mut self,
        from: &str,
        into: &str,
        precondition: Precondition,
    ) -> Result<ClassInfo, RecognizerError> {
        precondition.check_existing(&self.gallery, from)?;
        let merged: Arc<Class> = self.gallery.merge_classes(from, into)?;
        Ok(self.info(&merged))
    }

    /// The calls that changed the gallery, newest first, at most `limit`; with `after`, those that
    /// are older than that one.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] for an unknown change, or if the store cannot be read.
    pub fn history(
        &self,
        limit: usize,
        after: Option<GroupId>,
    ) -> Result<Vec<HistoryEntry>, RecognizerError> {
        Ok(self.gallery.history(limit, after)?)
    }

    /// The call with this id, whole or at least 6 digits of its random half.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is none or several, or if the store cannot be read.
    pub fn change(&self, id: &str) -> Result<HistoryEntry, RecognizerError> {
        Ok(self.gallery.change(id)?)
    }

    /// Undoes a call, with `through` also the later ones that depend on it, and returns what was
    /// undone, latest first. To redo, undo the undo.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] names what stands in the way.
    pub fn undo(
        &mut self,
        target: UndoTarget,
        through: bool,
        precondition: Precondition,
    ) -> Result<Vec<HistoryEntry>, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        Ok(self.gallery.undo(target, through)?)
    }

    /// The same for an `actor` who may take back only its own changes.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] with [`NotOwn`](crate::gallery::GalleryError::NotOwn) if a call
    /// of another actor would be undone; those of [`Recognizer::undo`].
    pub fn undo_own(
        &mut self,
        actor: &str,
        target: UndoTarget,
        through: bool,
        precondition: Precondition,
    ) -> Result<Vec<HistoryEntry>, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        Ok(self.gallery.undo_own(actor, target, through)?)
    }

    /// Undoes all that these devices did, such as all of an import; see
    /// [`Gallery::undo_devices`](crate::gallery::Gallery::undo_devices).
    ///
    /// # Errors
    /// Those of [`Recognizer::undo`].
    pub fn undo_devices(
        &mut self,
        devices: &BTreeSet<DeviceId>,
        through: bool,
        precondition: Precondition,
    ) -> Result<Vec<HistoryEntry>, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        Ok(self.gallery.undo_devices(devices, through)?)
    }

    /// Checks a precondition of the gallery.
    ///
    /// # Errors
    /// [`RecognizerError::StaleRevision`].
    pub fn check(&self, precondition: Precondition) -> Result<(), RecognizerError> {
        precondition.check_revision(&self.gallery)
    }

    /// How many examples [`Recognizer::purge`] would forget.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be read.
    pub fn n_purgeable(&self, removed_since: Duration) -> Result<usize, RecognizerError> {
        Ok(self.gallery.n_purgeable(removed_since)?)
    }

    /// Forgets for good what was removed so long ago; returns how many examples that were.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be written anew.
    pub fn purge(&mut self, removed_since: Duration) -> Result<usize, RecognizerError> {
        Ok(self.gallery.purge(removed_since)?)
    }

    /// Purges the gallery by its setting `retention_days`. The bytes may be in the file of the
    /// store until [`Recognizer::compact_purged`], so that several galleries need it only once.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be written.
    pub fn purge_due(&mut self) -> Result<usize, RecognizerError> {
        Ok(self.gallery.purge_due()?)
    }

    /// Writes the store anew if bytes of what was purged may be in its file; answers whether it
    /// was.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be written anew.
    pub fn compact_purged(&mut self) -> Result<bool, RecognizerError> {
        Ok(self.gallery.compact_purged()?)
    }

    /// Writes the store anew, so that it takes no more room than needed.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be written anew.
    pub fn compact(&mut self) -> Result<(), RecognizerError> {
        Ok(self.gallery.compact()?)
    }
}

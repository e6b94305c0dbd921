//! Several galleries: one is selected, and all other calls mean that one.

use std::mem;
use std::time::Duration;

use super::Recognizer;
use super::error::RecognizerError;
use super::open_galleries::OpenGalleries;
use super::precondition::Precondition;
use super::snapshot::Snapshots;
use crate::gallery::{
    Archive, DeletedEntry, Export, Galleries, GalleryEntry, GalleryError, GalleryId, GroupId,
    Imported, Label, PurgedGallery,
};

impl Recognizer {
    /// A recognizer with several galleries; `default` is selected.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if that cannot be opened.
    pub fn with_galleries(mut self, galleries: Galleries) -> Result<Self, RecognizerError> {
        let selected = galleries.find(Galleries::DEFAULT)?;
        self.gallery = galleries.gallery(Galleries::DEFAULT)?.with_limits(self.gallery.limits());
        self.snapshots = Snapshots::default();
        self.galleries = Some(OpenGalleries::new(galleries, selected));
        Ok(self)
    }

    /// From now on the galleries beside the selected one stay open only as long as they have at
    /// most this number of classes and examples together; 50,000 without this call.
    #[must_use]
    pub fn with_max_open(mut self, most: usize) -> Self {
        if let Some(galleries) = &mut self.galleries {
            galleries.max_open = most;
        }
        self
    }

    /// Selects a gallery by its name; it is opened if it is not open. Of the others, those that
    /// were selected last stay open; see [`Recognizer::with_max_open`].
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is none, or if it cannot be opened.
    pub fn select(&mut self, name: &str) -> Result<(), RecognizerError> {
        let Some(galleries) = &mut self.galleries else {
            return match models::label::folded(name) == Galleries::DEFAULT {
                true => Ok(()),
                false => Err(GalleryError::UnknownGallery(name.to_owned()).into()),
            };
        };
        let id = galleries.all.find(name)?;
        if id == galleries.selected {
            return Ok(());
        }
        let mut next = match galleries.others.iter().position(|(other, ..)| *other == id) {
            Some(at) => galleries.others.remove(at),
            None => {
                let limits = self.gallery.limits();
                (id, galleries.all.gallery(name)?.with_limits(limits), Snapshots::default())
            }
        };
        next.0 = mem::replace(&mut galleries.selected, id);
        mem::swap(&mut self.gallery, &mut next.1);
        mem::swap(&mut self.snapshots, &mut next.2);
        galleries.others.push(next);
        galleries.close_beyond_limit();
        if let Some(actor) = &self.actor {
            self.gallery.set_actor(actor);
        }
        Ok(())
    }

    /// The name of the selected gallery.
    #[must_use]
    pub fn selected(&self) -> String {
        let named = self.galleries.as_ref().and_then(|one| one.all.name(one.selected));
        named.unwrap_or_else(|| self.gallery_name.clone())
    }

    /// The id of the selected gallery; `None` without [`Recognizer::with_galleries`].
    #[must_use]
    pub fn selected_id(&self) -> Option<GalleryId> {
        self.galleries.as_ref().map(|galleries| galleries.selected)
    }

    /// The selected gallery as [`Recognizer::galleries`] lists it, without reading the store;
    /// `None` without [`Recognizer::with_galleries`].
    #[must_use]
    pub fn selected_entry(&self) -> Option<GalleryEntry> {
        let background = self.gallery.background().len();
        let id = self.selected_id()?;
        Some(GalleryEntry {
            id,
            name: self.selected(),
            classes: self.gallery.n_classes(),
            examples: self.gallery.n_examples().saturating_sub(background),
            background,
            revision: self.gallery.revision(),
        })
    }

    /// Whether a gallery is open: the selected one, or one that was selected before and has not
    /// been closed since.
    #[must_use]
    pub fn is_open(&self, id: GalleryId) -> bool {
        self.galleries.as_ref().is_some_and(|galleries| galleries.is_open(id))
    }

    /// A recognizer whose only gallery has this name.
    #[must_use]
    pub fn with_gallery_name(self, name: &str) -> Self {
        Self { gallery_name: name.to_owned(), ..self }
    }

    /// The galleries: `default`, then the others by name.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be read.
    pub fn galleries(&self) -> Result<Vec<GalleryEntry>, RecognizerError> {
        match &self.galleries {
            Some(galleries) => Ok(galleries.all.list()?),
            None => Ok(Galleries::in_memory().list()?),
        }
    }

    /// The deleted galleries that can be restored, the one that was deleted last first.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be read.
    pub fn deleted_galleries(&self) -> Result<Vec<DeletedEntry>, RecognizerError> {
        match &self.galleries {
            Some(galleries) => Ok(galleries.all.list_deleted()?),
            None => Ok(Vec::new()),
        }
    }

    /// Begins the export of the selected gallery as it is now: the bytes of its archive, in parts.
    /// Another thread may read them, while this recognizer works on.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be read, or if there is only the one
    /// gallery.
    pub fn export(&self) -> Result<Export, RecognizerError> {
        let only = GalleryError::NotExported("it was opened without the others of its store");
        let galleries = self.galleries.as_ref().ok_or(only)?;
        Ok(galleries.all.export(&galleries.selected.to_string())?)
    }

    /// Takes an archive over into the selected gallery, all or nothing. The same archive imported
    /// again changes nothing.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] if the archive does not fit the
    /// gallery, if that is of another space than the bundle, or if the store cannot be written.
    pub fn import(
        &mut self,
        archive: Archive,
        precondition: Precondition,
    ) -> Result<Imported, RecognizerError> {
        precondition.check_revision(&self.gallery)?;
        self.check_space()?;
        let length = self.manifest().backbone.embedding_size;
        archive.check_length(length).map_err(GalleryError::from)?;
        Ok(self.gallery.import(archive)?)
    }

    /// Creates a gallery; answers whether it is new.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Gallery`] if the store cannot be written.
    pub fn create_gallery(&mut self, name: &str) -> Result<bool, RecognizerError> {
        let label = Label::parse(name)?;
        Ok(self.all_galleries()?.create(&label)?.1)
    }

    /// Deletes a gallery; it can be restored until it is purged. `default` is selected afterwards.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if there is none, if it is `default`, or if the store cannot be
    /// written.
    pub fn delete_gallery(&mut self, name: &str) -> Result<(), RecognizerError> {
        let id = self.all_galleries()?.delete(name)?;
        self.select(Galleries::DEFAULT)?;
        if let Some(galleries) = &mut self.galleries {
            galleries.others.retain(|(other, ..)| *other != id);
        }
        Ok(())
    }

    /// Gives a gallery another name.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Gallery`] if there is no such gallery, if it
    /// is `default`, if another one has the name, or if the store cannot be written.
    pub fn rename_gallery(&mut self, name: &str, new: &str) -> Result<(), RecognizerError> {
        let label = Label::parse(new)?;
        Ok(self.all_galleries()?.rename(name, &label)?)
    }

    /// Restores the deleted gallery with this id, or the one of this name that was deleted last.
    /// The precondition is about the revision that it had then.
    ///
    /// # Errors
    /// An unmet [`Precondition`]; [`RecognizerError::Gallery`] if none was deleted, if it was
    /// purged, if there is another one of that name or as many as allowed, or if the store cannot
    /// be written.
    pub fn restore_gallery(
        &mut self,
        name: &str,
        precondition: Precondition,
    ) -> Result<(), RecognizerError> {
        let galleries = self.all_galleries()?;
        precondition.check_is(galleries.deleted_revision(name)?)?;
        galleries.restore(name)?;
        Ok(())
    }

    /// Forgets for good what the deleted galleries of this name, or the one with this id, held, if
    /// they were deleted so long ago; with `None`, as long ago as `retention_days` of each says.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if none is deleted, or if the store cannot be written anew.
    pub fn purge_gallery(
        &mut self,
        name: &str,
        deleted_since: Option<Duration>,
    ) -> Result<Vec<PurgedGallery>, RecognizerError> {
        Ok(self.all_galleries()?.purge(name, deleted_since)?)
    }

    /// Purges each deleted gallery by its setting `retention_days`; see
    /// [`Recognizer::compact_purged`].
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the store cannot be written.
    pub fn purge_due_galleries(&mut self) -> Result<Vec<PurgedGallery>, RecognizerError> {
        Ok(self.all_galleries()?.purge_due()?)
    }

    /// The id of the last change of the list of galleries, if the last call that could change it
    /// did.
    #[must_use]
    pub fn last_change_of_galleries(&self) -> Option<GroupId> {
        self.galleries.as_ref().and_then(|galleries| galleries.all.last_change())
    }

    fn all_galleries(&mut self) -> Result<&mut Galleries, RecognizerError> {
        let galleries = self.galleries.as_mut().map(|galleries| &mut galleries.all);
        let galleries = galleries.ok_or(GalleryError::ReadOnly)?;
        if let Some(actor) = &self.actor {
            galleries.set_actor(actor);
        }
        Ok(galleries)
    }
}

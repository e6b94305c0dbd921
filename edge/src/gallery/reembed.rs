//! Another model: the embeddings of a gallery are made anew from its kept images.
//!
//! What is embedded lies beside the embeddings in use until [`Gallery::finish_reembed`], which is
//! one change of the journal. So an interrupted re-embedding goes on where it was, and the swap can
//! be undone: the former embeddings stay until they are purged.

use std::cell::RefMut;
use std::collections::HashMap;
use std::sync::Arc;

use super::Gallery;
use super::change::{EmbeddingSpace, What};
use super::class::Example;
use super::commit::Data;
use super::error::GalleryError;
use super::id::ExampleId;
use super::reembedded::{CanceledReembed, KeptImage, ReembedStatus, Reembedded, Reembedding};
use super::state::{ExampleState, State};
use super::worklist::Worklist;
use super::write::{defect, in_parts};

/// Examples whose embeddings are looked for at once.
const LOOKED_FOR: usize = 1024;

impl Gallery {
    /// From now on a bundle of this space is in use: embeddings of it can be compared and added.
    /// A gallery without embeddings takes the space over. Nothing else of the gallery changes.
    pub fn use_space(&mut self, space_id: &str) {
        space_id.clone_into(&mut self.space_in_use);
        self.adopt_space();
    }

    /// This gallery under this name, with a bundle of this space in use.
    pub(super) fn in_use_as(mut self, name: &str, space_id: &str) -> Self {
        name.clone_into(&mut self.name);
        self.use_space(space_id);
        self
    }

    /// A gallery without embeddings is of the space in use.
    pub(super) fn adopt_space(&mut self) {
        if self.embedding_length.is_none() {
            self.space_id.clone_from(&self.space_in_use);
        }
    }

    /// Identifies the backbone of the embeddings.
    #[must_use]
    pub fn space_id(&self) -> &str {
        &self.space_id
    }

    /// Whether the embeddings are of another space than the bundle in use.
    #[must_use]
    pub fn is_other_space(&self) -> bool {
        self.space_id != self.space_in_use
    }

    /// Refuses what compares or adds embeddings if they are of another space; `name` is that of the
    /// gallery.
    ///
    /// # Errors
    /// [`GalleryError::OtherSpace`].
    pub fn check_space(&self, name: &str) -> Result<(), GalleryError> {
        if !self.is_other_space() {
            return Ok(());
        }
        Err(GalleryError::OtherSpace {
            gallery: name.to_owned(),
            expected: self.space_in_use.clone(),
            got: self.space_id.clone(),
            examples: self.n_examples(),
            with_image: self.n_with_image(),
        })
    }

    pub(super) fn check_own_space(&self) -> Result<(), GalleryError> {
        self.check_space(&self.name)
    }

    /// How many examples have a kept image. Counted once at each revision: a refusal states it, and
    /// a service refuses many calls.
    pub(super) fn n_with_image(&self) -> usize {
        if let Some((revision, n)) = self.with_image.get()
            && revision == self.revision
        {
            return n;
        }
        let of_classes = self.iter().flat_map(|class| class.examples.iter());
        let all = of_classes.chain(self.background());
        let n = all.filter(|one| self.image_size(one.id).is_ok_and(|size| size.is_some())).count();
        self.with_image.set(Some((self.revision, n)));
        n
    }

    /// How far the re-embedding is. The first call reads each kept image once.
    ///
    /// # Errors
    /// [`GalleryError::NotOtherSpace`]; [`GalleryError::ReadOnly`]; [`GalleryError::Io`];
    /// [`GalleryError::Broken`].
    pub fn reembed_status(&self) -> Result<ReembedStatus, GalleryError> {
        let mut work = self.worklist()?;
        for target in work.unknown() {
            target.see(self.journal.image(target.example)?.as_deref());
        }
        Ok(work.status(&self.space_id))
    }

    /// The next kept images without an embedding in the space in use, at most `limit`; empty when
    /// all are done. Examples of classes and of the background set come first, then those that were
    /// removed and can be restored. The same images come again until they are put.
    ///
    /// # Errors
    /// Those of [`Gallery::reembed_status`].
    pub fn next_to_reembed(&self, limit: usize) -> Result<Vec<KeptImage>, GalleryError> {
        let mut work = self.worklist()?;
        let mut images = Vec::new();
        for target in work.waiting() {
            if images.len() == limit {
                break;
            }
            let bytes = self.journal.image(target.example)?;
            target.see(bytes.as_deref());
            let crop = target.crop();
            let example = target.example;
            images.extend(bytes.map(|bytes| KeptImage { example, bytes, crop }));
        }
        Ok(images)
    }

    /// Keeps embeddings of this length beside those in use: durable when it returns, not visible
    /// before [`Gallery::finish_reembed`], and no change of the gallery. An example that was purged
    /// meanwhile is passed over.
    ///
    /// # Errors
    /// [`GalleryError::Embedding`]; [`GalleryError::NotOtherSpace`];
    /// [`GalleryError::StoreLimitReached`]; [`GalleryError::StoreFull`];
    /// [`GalleryError::ReadOnly`].
    pub fn put_reembedded(
        &mut self,
        embedded: Vec<Reembedded>,
        precision: &str,
        length: usize,
    ) -> Result<(), GalleryError> {
        self.begin()?;
        if embedded.is_empty() {
            return Ok(());
        }
        let mut given = embedded.iter().filter_map(|one| one.embedding.as_deref());
        if let Some(got) = given.find_map(|embedding| defect(embedding, length)) {
            let expected = format!("{} finite values", length.max(1));
            return Err(GalleryError::Embedding { expected, got });
        }
        let beside = self.worklist()?.beside(embedded, precision);
        self.journal.check_room((beside.len() * length * size_of::<f32>()) as u64)?;
        let space_id = self.space_in_use.clone();
        self.journal.put(&space_id, length, &beside)?;
        self.worklist()?.note(&beside);
        Ok(())
    }

    /// The swap, one change of the journal: from then on the embeddings of the space in use are
    /// those of the gallery; `length` is theirs. With `leave_out` the examples that have none are
    /// removed with it. It can be undone.
    ///
    /// # Errors
    /// [`GalleryError::NotReembedded`]; [`GalleryError::NeedsImages`] without `leave_out`;
    /// [`GalleryError::NotOtherSpace`]; [`GalleryError::StoreLimitReached`];
    /// [`GalleryError::StoreFull`]; [`GalleryError::ReadOnly`].
    pub fn finish_reembed(
        &mut self,
        leave_out: bool,
        length: usize,
    ) -> Result<Reembedding, GalleryError> {
        self.begin()?;
        let left = self.n_to_reembed()?;
        if left > 0 {
            return Err(GalleryError::NotReembedded { left });
        }
        let lost = self.worklist()?.lost(&self.state);
        let left_out = lost.without_image + lost.unreadable;
        if left_out > 0 && !leave_out {
            return Err(GalleryError::NeedsImages {
                examples: self.n_examples(),
                without_image: lost.without_image,
                unreadable: lost.unreadable,
            });
        }
        let from_length = self.embedding_length.unwrap_or(length);
        let from = EmbeddingSpace { id: self.space_id.clone(), length: from_length };
        let to = EmbeddingSpace { id: self.space_in_use.clone(), length };
        let mut whats = vec![What::Reembed { from, to }];
        whats.extend(in_parts(lost.examples, |examples| What::Remove { examples }));
        let journal = self.journal.changes()?;
        let changes = self.changes(whats);
        // A new fold, since an example may take the place of one that is left out.
        self.state.replace(State::fold(journal.iter().chain(&changes)));
        self.commit(&changes, Data::default())?;
        *self.work.get_mut() = None;
        let examples = self.n_examples();
        Ok(Reembedding { revision: self.revision, change: self.last_change, examples, left_out })
    }

    /// Forgets what was embedded for a swap that was not made. Embeddings of a space that the
    /// gallery once was of are kept.
    ///
    /// # Errors
    /// [`GalleryError::NotOtherSpace`]; [`GalleryError::ReadOnly`]; [`GalleryError::StoreFull`].
    pub fn cancel_reembed(&mut self) -> Result<CanceledReembed, GalleryError> {
        self.begin()?;
        let embedded = self.worklist()?.n_embedded();
        let space_id = self.space_in_use.clone();
        let journal = self.journal.changes()?;
        let was_in_use = journal.iter().any(|change| match &change.what {
            What::Reembed { from, to } => from.id == space_id || to.id == space_id,
            _ => false,
        });
        if was_in_use {
            // An undo of that change needs them.
            return Ok(CanceledReembed { forgotten: 0, kept: embedded });
        }
        self.journal.forget(&space_id)?;
        *self.work.get_mut() = None;
        Ok(CanceledReembed { forgotten: embedded, kept: 0 })
    }

    /// These examples with their embeddings in the space in use; absent without one.
    pub(crate) fn reembedded(
        &self,
        examples: &[Arc<Example>],
    ) -> Result<HashMap<ExampleId, Arc<Example>>, GalleryError> {
        if !self.is_other_space() {
            return Err(GalleryError::NotOtherSpace);
        }
        let all = self.state.examples();
        let wanted = examples.iter().filter_map(|one| Some((one.id, all.get(&one.id)?)));
        let wanted: Vec<(ExampleId, &ExampleState)> = wanted.collect();
        self.journal.examples(&self.space_in_use, &wanted)
    }

    /// How many kept images are not embedded yet.
    fn n_to_reembed(&self) -> Result<usize, GalleryError> {
        let mut work = self.worklist()?;
        let mut left = 0;
        for target in work.waiting() {
            if self.journal.image_size(target.example)?.is_some() {
                left += 1;
            } else {
                target.see(None);
            }
        }
        Ok(left)
    }

    /// What is to be embedded anew; computed once at each revision.
    fn worklist(&self) -> Result<RefMut<'_, Worklist>, GalleryError> {
        if !self.is_other_space() {
            return Err(GalleryError::NotOtherSpace);
        }
        let space_id = &self.space_in_use;
        let mut work = self.work.borrow_mut();
        if work.as_ref().is_none_or(|work| !work.is_of(self.revision, space_id)) {
            let journal = self.journal.changes()?;
            let embedded = self.journal.embedded(space_id)?;
            let before = work.as_ref();
            let new =
                Worklist::new(self.revision, space_id, &journal, &self.state, &embedded, before);
            *work = Some(new);
        }
        Ok(RefMut::map(work, |work| work.as_mut().expect("invariant: it was just made")))
    }

    /// How many examples would come back in `next` without an embedding: their images were not
    /// kept, or they were enrolled in another space.
    pub(super) fn n_without_embedding(&self, next: &State) -> Result<usize, GalleryError> {
        let Some(space) = next.space() else { return Ok(0) };
        let is_swap = space.id != self.space_id;
        let counting = next.examples().iter().filter(|(id, _)| next.place_of(**id).is_some());
        let coming = counting.filter(|(id, _)| is_swap || self.state.place_of(**id).is_none());
        let coming: Vec<(ExampleId, &ExampleState)> =
            coming.map(|(id, example)| (*id, example)).collect();
        let mut n = 0;
        for some in coming.chunks(LOOKED_FOR) {
            n += some.len() - self.journal.examples(&space.id, some)?.len();
        }
        Ok(n)
    }
}

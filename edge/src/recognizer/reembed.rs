//! Another model: a gallery whose embeddings were made by another backbone is embedded anew from
//! its kept images.

use super::Recognizer;
use super::error::RecognizerError;
use crate::backbone::EmbedError;
use crate::gallery::{CanceledReembed, KeptImage, ReembedStatus, Reembedded, Reembedding};

mod comparison;

pub use comparison::ReembedComparison;

impl Recognizer {
    /// Whether the embeddings of the gallery were made by another backbone than that of the bundle.
    /// Such a gallery is read, changed, exported and purged as any other; whatever compares or adds
    /// embeddings is refused with [`GalleryError::OtherSpace`].
    ///
    /// [`GalleryError::OtherSpace`]: crate::gallery::GalleryError::OtherSpace
    #[must_use]
    pub fn is_other_space(&self) -> bool {
        self.gallery.is_other_space()
    }

    /// How far the re-embedding is. The first call reads each kept image once.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the gallery is of the space of the bundle, or if the store
    /// cannot be read.
    pub fn reembed_status(&self) -> Result<ReembedStatus, RecognizerError> {
        Ok(self.gallery.reembed_status()?)
    }

    /// The next kept images without an embedding in the space of the bundle, at most `limit`; empty
    /// when all are done. Examples of classes and of the background set come first, then those that
    /// were removed and can be restored. The same images come again until they are given to
    /// [`Recognizer::put_reembedded`].
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the gallery is of the space of the bundle, or if the store
    /// cannot be read.
    pub fn next_to_reembed(&self, limit: usize) -> Result<Vec<KeptImage>, RecognizerError> {
        Ok(self.gallery.next_to_reembed(limit)?)
    }

    /// Keeps what was embedded: durable when it returns, and not visible before
    /// [`Recognizer::finish_reembed`]. An example that was purged meanwhile is passed over. The
    /// precision is that of the engine in use, also after [`Recognizer::take_embedder`].
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine can run the backbone; [`RecognizerError::Gallery`]
    /// if an embedding does not have the length of the bundle's, if the gallery is of the space of
    /// the bundle, or if the store cannot be written.
    pub fn put_reembedded(&mut self, embedded: Vec<Reembedded>) -> Result<(), RecognizerError> {
        let started = self.networks.start_backbone()?.precision;
        let watch = self.networks.watch();
        let now = watch.map_or(started, |watch| watch.states().serving.kind.precision);
        let precision = now.to_string();
        let length = self.networks.manifest().backbone.embedding_size;
        Ok(self.gallery.put_reembedded(embedded, &precision, length)?)
    }

    /// How the gallery would answer: accuracy on its own images, in both spaces. Only images are
    /// compared, names are not.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the gallery is of the space of the bundle, or if the store
    /// cannot be read.
    pub fn compare_reembedded(&self) -> Result<ReembedComparison, RecognizerError> {
        ReembedComparison::of(&self.gallery)
    }

    /// The swap, one change of the journal: from then on the gallery is of the space of the bundle.
    /// It can be undone. With `leave_out` the examples that have no embedding are removed with it.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if kept images are not embedded yet, if examples have no image
    /// that can be read and `leave_out` is not set, if the gallery is of the space of the bundle,
    /// or if the store cannot be written.
    pub fn finish_reembed(&mut self, leave_out: bool) -> Result<Reembedding, RecognizerError> {
        let length = self.networks.manifest().backbone.embedding_size;
        Ok(self.gallery.finish_reembed(leave_out, length)?)
    }

    /// Forgets what was embedded for a swap that was not made. Embeddings of a space that the
    /// gallery once was of are kept.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`] if the gallery is of the space of the bundle, or if the store
    /// cannot be written.
    pub fn cancel_reembed(&mut self) -> Result<CanceledReembed, RecognizerError> {
        Ok(self.gallery.cancel_reembed()?)
    }

    /// Decodes and embeds one kept image, for programs with one thread. An image that cannot be
    /// read, or of which the network makes no embedding, is no error: [`Reembedded::embedding`] is
    /// `None`.
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine can run the backbone; [`RecognizerError::Embed`] if
    /// the engine fails; [`RecognizerError::EmbedderTaken`] after [`Recognizer::take_embedder`].
    pub fn embed_kept(&mut self, image: &KeptImage) -> Result<Reembedded, RecognizerError> {
        let example = image.example;
        let Ok(decoded) = self.decoder.decode(&image.bytes, image.crop) else {
            return Ok(Reembedded { example, embedding: None });
        };
        let embedding = match self.embed_decoded(decoded) {
            Ok(embedded) => Some(embedded.embedding),
            // One image must not stop the others: the engine has passed its self-test.
            Err(RecognizerError::Embed(EmbedError::Output { .. })) => None,
            Err(error) => return Err(error),
        };
        Ok(Reembedded { example, embedding })
    }

    /// Refuses what compares or adds embeddings if the gallery is of another space. Every such call
    /// does so itself; a program asks before it embeds images for it.
    ///
    /// # Errors
    /// [`RecognizerError::Gallery`].
    pub fn check_space(&self) -> Result<(), RecognizerError> {
        Ok(self.gallery.check_space(&self.selected())?)
    }
}

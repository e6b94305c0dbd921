//! From image files to embeddings and new examples.

use models::image::Crop;

use super::Recognizer;
use super::error::RecognizerError;
use crate::attention::Attention;
use crate::decoder::{DecodedImage, ImageDecoder};
use crate::embedder::{EmbedError, Embedded, Embedder};
use crate::gallery::{KeepImages, NewExample};
use crate::slot::{EngineWatch, Tuning};

impl Recognizer {
    /// This recognizer with engines that are tried in the background once the backbone has started.
    /// The fastest takes over.
    #[must_use]
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { networks: self.networks.tuned(tuning), ..self }
    }

    /// Shows the engine in use and the candidates to replace it, also to other threads and after
    /// [`Recognizer::take_embedder`]; `None` before the backbone has started.
    #[must_use]
    pub fn engine_watch(&self) -> Option<&EngineWatch> {
        self.networks.watch()
    }

    /// The ProtoComNet of the bundle, which is started if it has not started; `None` if the bundle
    /// has none, or for the reason in [`Recognizer::attribute_weights`].
    pub fn attention(&mut self) -> Option<&mut Attention> {
        self.networks.attention()
    }

    /// Decodes images for this bundle; it can be cloned and used on other threads.
    #[must_use]
    pub fn decoder(&self) -> &ImageDecoder {
        &self.decoder
    }

    /// Decodes and embeds one image file to classify it. If it is enrolled, its image is not kept,
    /// and its quality is not known.
    ///
    /// # Errors
    /// [`RecognizerError::Embed`] if the image cannot be decoded or the network fails;
    /// [`RecognizerError::Select`] if no engine can run the backbone;
    /// [`RecognizerError::EmbedderTaken`] after [`Recognizer::take_embedder`].
    pub fn embed(&mut self, bytes: &[u8]) -> Result<Embedded, RecognizerError> {
        self.embed_cropped(bytes, None)
    }

    /// The same for a part of the image.
    ///
    /// # Errors
    /// Those of [`Recognizer::embed`]; [`RecognizerError::Embed`] also for an image without such a
    /// part.
    pub fn embed_cropped(
        &mut self,
        bytes: &[u8],
        crop: Option<Crop>,
    ) -> Result<Embedded, RecognizerError> {
        let image = self.decoder.decode(bytes, crop)?;
        self.embed_decoded(image)
    }

    /// Decodes and embeds one image file to enroll it, with what the gallery keeps of images: see
    /// [`GallerySettings::keep_images`](crate::gallery::GallerySettings::keep_images). The
    /// embedding is that of [`Recognizer::embed`]; what may be wrong with the image is measured.
    ///
    /// # Errors
    /// Those of [`Recognizer::embed`].
    pub fn embed_to_enroll(&mut self, bytes: &[u8]) -> Result<Embedded, RecognizerError> {
        self.embed_to_keep(bytes, self.gallery.settings().keep_images, None)
    }

    /// The same, with this kept of the image, for the image or a part of it.
    ///
    /// # Errors
    /// Those of [`Recognizer::embed_cropped`].
    pub fn embed_to_keep(
        &mut self,
        bytes: &[u8],
        keep: KeepImages,
        crop: Option<Crop>,
    ) -> Result<Embedded, RecognizerError> {
        let image = self.decoder.decode_to_keep(bytes, keep, crop)?;
        self.embed_decoded(image)
    }

    /// Embeds an image that [`Recognizer::decoder`] has decoded.
    ///
    /// # Errors
    /// [`RecognizerError::Embed`] if the network fails;
    /// [`RecognizerError::Select`] if no engine can run the backbone;
    /// [`RecognizerError::EmbedderTaken`] after [`Recognizer::take_embedder`].
    pub fn embed_decoded(&mut self, image: DecodedImage) -> Result<Embedded, RecognizerError> {
        Ok(self.networks.embedder()?.embed_decoded(image)?)
    }

    /// Embeds images that [`Recognizer::decoder`] has decoded, as many in a run of the engine as
    /// [`Embedder::batch`]; each has its own result.
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine can run the backbone;
    /// [`RecognizerError::EmbedderTaken`] after [`Recognizer::take_embedder`].
    pub fn embed_all(
        &mut self,
        images: impl IntoIterator<Item = DecodedImage>,
    ) -> Result<Vec<Result<Embedded, EmbedError>>, RecognizerError> {
        Ok(self.networks.embedder()?.embed_all(images))
    }

    /// Starts the engine of the backbone and gives it away with a decoder of the same limits, so
    /// that one thread embeds images while another one owns this recognizer. From then on this
    /// recognizer embeds nothing; all its other calls work as before.
    ///
    /// # Errors
    /// [`RecognizerError::Select`] if no engine can run the backbone;
    /// [`RecognizerError::EmbedderTaken`] if it was taken before.
    pub fn take_embedder(&mut self) -> Result<Embedder, RecognizerError> {
        Ok(self.networks.take_embedder()?.with_limits(*self.decoder.limits()))
    }

    pub(super) fn new_examples(&self, images: &[Embedded]) -> Vec<NewExample> {
        // It may have been turned off while the images were embedded.
        let is_kept = self.gallery.settings().keep_images != KeepImages::Off;
        let examples = images.iter().map(|image| NewExample {
            sha256: image.sha256,
            crop: image.crop,
            embedding: image.embedding.clone(),
            precision: image.engine.precision.to_string(),
            image: image.kept.clone().filter(|_| is_kept),
        });
        examples.collect()
    }
}

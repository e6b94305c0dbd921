//! From the bytes of an image to its embedding: decoder and backbone.
//!
//! # Examples
//! ```
//! use edge::embedder::Embedder;
//! use edge::engine::{EngineChoice, EngineOptions, Provider};
//! use models::bundle::{Bundle, BundleLimits};
//! # use image::{DynamicImage, ImageFormat};
//! # let mut file = std::io::Cursor::new(Vec::new());
//! # DynamicImage::new_rgb8(48, 40).write_to(&mut file, ImageFormat::Png)?;
//! # let bytes = file.into_inner();
//!
//! let bundle = Bundle::open("tests/fixtures/tiny-bundle".as_ref(), &BundleLimits::default())?;
//! let engine = EngineChoice::Only(Provider::Tract);
//! let mut embedder = Embedder::open(&bundle, engine, &EngineOptions::default())?;
//! let embedded = embedder.embed(&bytes)?;
//! assert_eq!(embedded.embedding.len(), embedder.manifest().backbone.embedding_size);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::{Duration, Instant};

use models::bundle::{Bundle, Manifest, Precision};
use models::image::{Crop, ImageLimits, Region, Warning};
use ndarray::{Array2, Array3, ArrayView4, Axis, stack};
use sha2::{Digest, Sha256};

use crate::backbone::{Started, embed_batch, is_sound, start_first};
use crate::decoder::{DecodedImage, ImageDecoder, Timing};
use crate::engine::{
    Engine, EngineChoice, EngineError, EngineKind, EngineOptions, Provider, Rejection, SelectError,
};
use crate::gallery::ImageKey;
use crate::quality::Finding;
use crate::slot::{EngineLease, EngineWatch, Running, Slot, Tuning, TuningFacts, tune};

pub use crate::backbone::EmbedError;

mod batch;

/// The backbone of a bundle on an engine that has passed the self-test of the bundle.
pub struct Embedder {
    manifest: Manifest,
    slot: Slot,
    rejected: Vec<Rejection>,
    decoder: ImageDecoder,
}

/// The embedding of an image, and how it was computed.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The raw output of the backbone, `[s]`.
    pub embedding: Vec<f32>,
    /// The engine that computed it.
    pub engine: EngineKind,
    /// SHA-256 of the bytes of the file.
    pub sha256: [u8; 32],
    /// The part of the image that it shows; `None` for all of it.
    pub crop: Option<Region>,
    /// What is kept of the image if it is enrolled: the bytes of an image file.
    pub kept: Option<Vec<u8>>,
    /// What was unusual about the image.
    pub warnings: Vec<Warning>,
    /// What may be wrong with the image by itself; only of one that was decoded to be enrolled.
    pub quality: Vec<Finding>,
    /// The time spent on it.
    pub timing: Timing,
}

impl Embedded {
    /// Joins what was decoded with the embedding that the engine computed in this time.
    #[must_use]
    pub fn of(
        image: DecodedImage,
        embedding: Vec<f32>,
        engine: EngineKind,
        embed: Duration,
    ) -> Self {
        let DecodedImage { sha256, crop, kept, warnings, quality, timing, .. } = image;
        let timing = Timing { embed, ..timing };
        Self { embedding, engine, sha256, crop, kept, warnings, quality, timing }
    }

    /// By which a class has the image once.
    #[must_use]
    pub fn key(&self) -> ImageKey {
        ImageKey { sha256: self.sha256, crop: self.crop }
    }

    /// Keeps the bytes of its file; false, and nothing changes, if they are those of another one.
    #[must_use]
    pub fn keep_original(&mut self, bytes: Vec<u8>) -> bool {
        let is_its_file = <[u8; 32]>::from(Sha256::digest(&bytes)) == self.sha256;
        if is_its_file {
            self.kept = Some(bytes);
        }
        is_its_file
    }
}

impl Embedder {
    /// Starts the backbone of a bundle on the first engine of `choice` that loads it and passes its
    /// self-test; each refusal is kept in [`Embedder::rejected`].
    ///
    /// # Errors
    /// [`SelectError`] with the reason of every engine.
    pub fn open(
        bundle: &Bundle,
        choice: EngineChoice,
        options: &EngineOptions,
    ) -> Result<Self, SelectError> {
        Ok(Self::of(&bundle.manifest, start_first(bundle, choice, options, None)?))
    }

    /// The same, and an engine that was found to be faster before is the first that is tried. The
    /// engines that `choice` leaves open are then tried in the background, and the fastest takes
    /// over between two requests; see [`Embedder::watch`].
    ///
    /// # Errors
    /// [`SelectError`] with the reason of every engine.
    pub fn open_tuned(
        bundle: &Bundle,
        choice: EngineChoice,
        options: &EngineOptions,
        tuning: &Tuning,
    ) -> Result<Self, SelectError> {
        let facts = TuningFacts::read(bundle, choice, options, tuning);
        let started = start_first(bundle, choice, options, facts.first())?;
        let opened = Self::of(&bundle.manifest, started);
        let slot = tune(opened.slot, bundle, facts, options, tuning);
        Ok(Self { slot, ..opened })
    }

    /// On an engine that was started for the bundle of this manifest.
    #[must_use]
    pub fn of(manifest: &Manifest, Started { engine, precision, rejected }: Started) -> Self {
        let kind = EngineKind { provider: engine.provider(), precision };
        let slot = Slot::new(Running { engine, kind, ms: None });
        Self { manifest: manifest.clone(), slot, rejected, decoder: ImageDecoder::new(manifest) }
    }

    /// The same with other limits for images.
    #[must_use]
    pub fn with_limits(self, limits: ImageLimits) -> Self {
        Self { decoder: self.decoder.with_limits(limits), ..self }
    }

    /// Decodes, preprocesses and embeds one image file.
    ///
    /// # Errors
    /// [`EmbedError`]; its [`blame`](models::fault::Fault::blame) separates a bad image from a
    /// failed engine.
    pub fn embed(&mut self, bytes: &[u8]) -> Result<Embedded, EmbedError> {
        self.embed_cropped(bytes, None)
    }

    /// The same for a part of the image.
    ///
    /// # Errors
    /// Those of [`Embedder::embed`]; an image without such a part.
    pub fn embed_cropped(
        &mut self,
        bytes: &[u8],
        crop: Option<Crop>,
    ) -> Result<Embedded, EmbedError> {
        let image = self.decoder.decode(bytes, crop)?;
        self.embed_decoded(image)
    }

    /// Embeds an image that [`ImageDecoder::decode`] has decoded.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] or [`EmbedError::Output`].
    pub fn embed_decoded(&mut self, image: DecodedImage) -> Result<Embedded, EmbedError> {
        self.embed_leased(&EngineLease::default(), image)
    }

    /// The same on the engine of a request, for a request of several images.
    ///
    /// # Errors
    /// Those of [`Embedder::embed_decoded`]; [`EmbedError::Replaced`] as for [`Slot::run`].
    pub fn embed_leased(
        &mut self,
        lease: &EngineLease,
        image: DecodedImage,
    ) -> Result<Embedded, EmbedError> {
        // Timed on its own: the image may have waited for the engine since it was decoded.
        let start = Instant::now();
        let embedding = self.run(&[lease], image.input.view().insert_axis(Axis(0)))?;
        let engine = lease.kind().expect("invariant: it has just run");
        Ok(Embedded::of(image, embedding.into_iter().collect(), engine, start.elapsed()))
    }

    /// Embeds inputs `[3, h, w]` that [`ImageDecoder`] made: `[images, s]`, in batches of at most
    /// the `max_batch` of the bundle.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] or [`EmbedError::Output`].
    pub fn embed_images(&mut self, images: &[Array3<f32>]) -> Result<Array2<f32>, EmbedError> {
        loop {
            // Each turn begins with one engine less.
            match self.embed_on_one(images) {
                Err(EmbedError::Replaced) => {}
                result => return result,
            }
        }
    }

    fn embed_on_one(&mut self, images: &[Array3<f32>]) -> Result<Array2<f32>, EmbedError> {
        let lease = EngineLease::default();
        let mut rows = Array2::zeros((0, self.manifest.backbone.embedding_size));
        for batch in images.chunks(self.batch()) {
            rows.append(Axis(0), self.embed_chunk(&lease, batch)?.view())
                .expect("invariant: a backbone's embeddings have embedding_size columns");
        }
        Ok(rows)
    }

    /// Embeds one input of the network, `[3, h, w]` row after row, which another program
    /// preprocessed as [`Preprocess::apply`](models::preprocess::Preprocess::apply) does. The
    /// embedding is that of an image with this input, to the last bit.
    ///
    /// # Errors
    /// [`EmbedError::Engine`], also for another number of values; [`EmbedError::Output`] if the
    /// embedding is not finite, as for values that are far from those of an image.
    pub fn embed_input(&mut self, input: &[f32]) -> Result<Vec<f32>, EmbedError> {
        self.embed_input_leased(&EngineLease::default(), input)
    }

    /// The same on the engine of a request, for a request of several inputs.
    ///
    /// # Errors
    /// Those of [`Embedder::embed_input`]; [`EmbedError::Replaced`] as for [`Slot::run`].
    pub fn embed_input_leased(
        &mut self,
        lease: &EngineLease,
        input: &[f32],
    ) -> Result<Vec<f32>, EmbedError> {
        let size = self.manifest.preprocess.size;
        let batch = ArrayView4::from_shape((1, 3, size, size), input)
            .map_err(|_| wrong_length(size, input.len()))?;
        Ok(self.run(&[lease], batch)?.into_iter().collect())
    }

    fn embed_chunk(
        &mut self,
        lease: &EngineLease,
        images: &[Array3<f32>],
    ) -> Result<Array2<f32>, EmbedError> {
        let views: Vec<_> = images.iter().map(|image| image.view()).collect();
        let batch = stack(Axis(0), &views).map_err(|_| shapes_differ(images))?;
        self.run(&[lease], batch.view())
    }

    /// Runs a batch of requests that share an engine.
    fn run(
        &mut self,
        leases: &[&EngineLease],
        batch: ArrayView4<f32>,
    ) -> Result<Array2<f32>, EmbedError> {
        let manifest = &self.manifest;
        let work = |engine: &mut dyn Engine| embed_batch(engine, manifest, batch);
        self.slot.run_together(leases, work, &|engine| is_sound(engine, manifest))
    }

    /// Decodes images for this network; it can be cloned and used on other threads.
    #[must_use]
    pub fn decoder(&self) -> &ImageDecoder {
        &self.decoder
    }

    /// The manifest of the bundle.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The engine in use.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.slot.kind().provider
    }

    /// The arithmetic in use.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.slot.kind().precision
    }

    /// Shows the engine in use and the candidates to replace it, also to other threads.
    #[must_use]
    pub fn watch(&self) -> &EngineWatch {
        self.slot.watch()
    }

    /// The engines that were tried before the first one, with the reason of each refusal.
    #[must_use]
    pub fn rejected(&self) -> &[Rejection] {
        &self.rejected
    }
}

fn wrong_length(size: usize, got: usize) -> EngineError {
    EngineError::Inputs { expected: format!("[3, {size}, {size}]"), got: format!("{got} values") }
}

fn shapes_differ(images: &[Array3<f32>]) -> EngineError {
    let shapes: Vec<String> = images.iter().map(|image| format!("{:?}", image.shape())).collect();
    EngineError::Inputs { expected: "images of one shape".to_owned(), got: shapes.join(" ") }
}

#[cfg(test)]
mod tests;

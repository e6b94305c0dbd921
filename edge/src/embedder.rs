//! From an image's bytes to its embedding: limits, decoding, preprocessing, engine.

use std::time::{Duration, Instant};

use models::bundle::{Bundle, Manifest, Precision, SelfTest};
use models::graph::Shape;
use models::image::{self, Image, ImageError, ImageLimits, Warning};
use models::preprocess::{Preprocess, PreprocessError};
use ndarray::{Array2, Array3, ArrayView4, Axis, Ix2, concatenate, stack};
use sha2::{Digest, Sha256};

use crate::engine::{
    Engine, EngineChoice, EngineError, EngineOptions, Model, Provider, Rejection, SelectError,
    start_verified,
};
use crate::precision::{Candidate, candidates};

/// The backbone of a bundle on an engine that has passed the bundle's self-test.
pub struct Embedder {
    manifest: Manifest,
    engine: Box<dyn Engine>,
    precision: Precision,
    rejected: Vec<Rejection>,
    reader: ImageReader,
}

/// An image's embedding and how it came about.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The backbone's raw output, `embedding_size` long.
    pub embedding: Vec<f32>,
    /// SHA-256 of the bytes that were given.
    pub sha256: [u8; 32],
    /// What was unusual about the image.
    pub warnings: Vec<Warning>,
    /// Where the time went.
    pub timing: Timing,
}

/// Where the time of one image went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Bytes to pixels.
    pub decode: Duration,
    /// Pixels to the network's input.
    pub preprocess: Duration,
    /// The network.
    pub embed: Duration,
}

/// Why an image has no embedding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The bytes are no image that can be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image cannot become the network's input.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The engine failed.
    #[error("the engine failed: {0}")]
    Engine(#[from] EngineError),
    /// The network's answer is no embedding.
    #[error("the network's output should be {expected}, got {got}")]
    Output {
        /// Its shape and content.
        expected: String,
        /// What came.
        got: String,
    },
}

impl Embedder {
    /// Starts the bundle's backbone on the first engine of `choice` that loads it and passes its
    /// self-test; each refusal is kept in [`Embedder::rejected`].
    ///
    /// # Errors
    /// [`SelectError`] with every engine's reason.
    pub fn open(
        bundle: Bundle,
        choice: EngineChoice,
        options: &EngineOptions,
    ) -> Result<Self, SelectError> {
        let mut rejected = Vec::new();
        let Some((engine, precision)) = first(&bundle, choice, options, &mut rejected) else {
            return Err(SelectError { rejected });
        };
        let reader = ImageReader::new(&bundle.manifest);
        Ok(Self { manifest: bundle.manifest, engine, precision, rejected, reader })
    }

    /// The same with other limits for images.
    #[must_use]
    pub fn with_limits(mut self, limits: ImageLimits) -> Self {
        self.reader.limits = limits;
        self
    }

    /// Decodes, preprocesses and embeds one image file.
    ///
    /// # Errors
    /// [`EmbedError`]; its [`blame`](models::fault::Fault::blame) tells a bad image from a failed engine.
    pub fn embed(&mut self, bytes: &[u8]) -> Result<Embedded, EmbedError> {
        let ReadImage { input, warnings, mut timing } = self.reader.read(bytes)?;
        let start = Instant::now();
        let embedding = self.run(input.view().insert_axis(Axis(0)))?.into_iter().collect();
        timing.embed = start.elapsed();
        Ok(Embedded { embedding, sha256: Sha256::digest(bytes).into(), warnings, timing })
    }

    /// Embeds inputs `[3, h, w]` that [`ImageReader::read`] made: `[images, embedding_size]`,
    /// in batches of at most the bundle's `max_batch`.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] or [`EmbedError::Output`].
    pub fn embed_images(&mut self, images: &[Array3<f32>]) -> Result<Array2<f32>, EmbedError> {
        let mut parts = Vec::new();
        for batch in images.chunks(self.manifest.backbone.max_batch.max(1)) {
            parts.push(self.embed_batch(batch)?);
        }
        if parts.is_empty() {
            return Ok(Array2::zeros((0, self.manifest.backbone.embedding_size)));
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        Ok(concatenate(Axis(0), &views).expect("invariant: every part has embedding_size columns"))
    }

    fn embed_batch(&mut self, images: &[Array3<f32>]) -> Result<Array2<f32>, EmbedError> {
        let views: Vec<_> = images.iter().map(|image| image.view()).collect();
        let got =
            || images.iter().map(|p| format!("{:?}", p.shape())).collect::<Vec<_>>().join(" ");
        let batch = stack(Axis(0), &views).map_err(|_| EngineError::Inputs {
            expected: "images of one shape".to_owned(),
            got: got(),
        })?;
        self.run(batch.view())
    }

    fn run(&mut self, batch: ArrayView4<f32>) -> Result<Array2<f32>, EmbedError> {
        embed_batch(self.engine.as_mut(), &self.manifest, batch)
    }

    /// What can be shared with other threads to read images while this one embeds.
    #[must_use]
    pub fn reader(&self) -> &ImageReader {
        &self.reader
    }

    /// The bundle's manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The engine in use.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.engine.provider()
    }

    /// The arithmetic in use.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The engines that were tried before it, with the reason of each refusal.
    #[must_use]
    pub fn rejected(&self) -> &[Rejection] {
        &self.rejected
    }
}

/// The first engine of `choice` that runs the backbone, in the first arithmetic that it does.
fn first(
    bundle: &Bundle,
    choice: EngineChoice,
    options: &EngineOptions,
    rejected: &mut Vec<Rejection>,
) -> Option<(Box<dyn Engine>, Precision)> {
    for provider in choice.providers() {
        let candidates = candidates(bundle, provider, options.precision);
        let candidates = candidates.map_err(|rejection| rejected.push(rejection));
        for candidate in candidates.unwrap_or_default() {
            match start(bundle, candidate, provider, options) {
                Ok(engine) => return Some((engine, candidate.precision)),
                Err(rejection) => rejected.push(rejection),
            }
        }
    }
    None
}

/// Starts one file of the bundle's backbone on one provider and runs its self-test: what `doctor` and `bench` do for each.
/// The result runs the backbone; see [`Embedder`] for images.
///
/// # Errors
/// [`Rejection`] with the reason in one line.
pub fn start(
    bundle: &Bundle,
    candidate: Candidate<'_>,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, Rejection> {
    let manifest = &bundle.manifest;
    let (inputs, max_batch) = (inputs(manifest), manifest.backbone.max_batch);
    let Candidate { onnx, precision, .. } = candidate;
    let model = Model { onnx, inputs: &inputs, max_batch, precision };
    let proof = &mut |engine: &mut dyn Engine| self_test(engine, manifest, candidate.self_test);
    let started = start_verified(&model, provider, options, proof);
    started.map_err(|Rejection { provider, reason }| {
        let is_plain = candidate.precision == Precision::Fp32;
        let within = if is_plain { String::new() } else { format!("in {}: ", candidate.precision) };
        Rejection { provider, reason: within + &reason }
    })
}

/// Reads image files as a bundle's network wants them; cheap to copy, shared between threads.
#[derive(Debug, Clone)]
pub struct ImageReader {
    preprocess: Preprocess,
    limits: ImageLimits,
}

/// An image as the network wants it.
#[derive(Debug, Clone)]
pub struct ReadImage {
    /// `[3, h, w]`, normalized.
    pub input: Array3<f32>,
    /// What was unusual about the image.
    pub warnings: Vec<Warning>,
    /// `decode` and `preprocess`; `embed` is zero.
    pub timing: Timing,
}

impl ImageReader {
    fn new(manifest: &Manifest) -> Self {
        Self { preprocess: manifest.preprocess.clone(), limits: ImageLimits::default() }
    }

    /// Decodes and preprocesses one image file.
    ///
    /// # Errors
    /// [`EmbedError::Image`] or [`EmbedError::Preprocess`].
    pub fn read(&self, bytes: &[u8]) -> Result<ReadImage, EmbedError> {
        let start = Instant::now();
        let image = image::decode(bytes, &self.limits)?;
        let decode = start.elapsed();
        let input = self.prepare(&image)?;
        let preprocess = start.elapsed().saturating_sub(decode);
        let timing = Timing { decode, preprocess, embed: Duration::ZERO };
        Ok(ReadImage { input, warnings: image.warnings, timing })
    }

    /// Preprocesses an image that is decoded already: `[3, h, w]`, normalized.
    ///
    /// # Errors
    /// [`EmbedError::Preprocess`].
    pub fn prepare(&self, image: &Image) -> Result<Array3<f32>, EmbedError> {
        Ok(self.preprocess.apply(image)?)
    }

    /// How much an image may be.
    #[must_use]
    pub fn limits(&self) -> &ImageLimits {
        &self.limits
    }
}

/// The backbone's inputs as an engine wants them.
#[must_use]
pub fn inputs(manifest: &Manifest) -> Vec<(String, Shape)> {
    let size = manifest.preprocess.size;
    vec![(manifest.backbone.input.clone(), vec![3, size, size])]
}

fn self_test(engine: &mut dyn Engine, manifest: &Manifest, test: &SelfTest) -> Result<(), String> {
    let input = models::bundle::self_test::input(test.seed, manifest.preprocess.size);
    let output = run_backbone(engine, manifest, input.view()).map_err(|e| e.to_string())?;
    test.verify(output.row(0)).map_err(|e| e.to_string())
}

/// Embeds `[n, 3, h, w]` as the bundle's recipe says: `[n, embedding_size]`, the mean over its
/// [looks](Preprocess::looks).
///
/// # Errors
/// [`EmbedError::Engine`] or [`EmbedError::Output`].
pub fn embed_batch(
    engine: &mut dyn Engine,
    manifest: &Manifest,
    batch: ArrayView4<f32>,
) -> Result<Array2<f32>, EmbedError> {
    let views = manifest.preprocess.views(batch);
    let mut sum = Array2::zeros((batch.len_of(Axis(0)), manifest.backbone.embedding_size));
    for view in &views {
        sum += &run_backbone(engine, manifest, view.view())?;
    }
    Ok(sum / views.len() as f32)
}

/// Runs a bundle's backbone, once, on `[n, 3, h, w]`, which gives `[n, embedding_size]`, all finite.
///
/// # Errors
/// [`EmbedError::Engine`] or [`EmbedError::Output`].
fn run_backbone(
    engine: &mut dyn Engine,
    manifest: &Manifest,
    batch: ArrayView4<f32>,
) -> Result<Array2<f32>, EmbedError> {
    let network = &manifest.backbone;
    let expected = [batch.len_of(Axis(0)), network.embedding_size];
    let outputs = engine.run(&[(&network.input, batch.into_dyn())])?;
    let wrong = |got: String| EmbedError::Output { expected: format!("{expected:?}, finite"), got };
    let first = outputs.into_iter().next().ok_or_else(|| wrong("nothing".to_owned()))?;
    let got = format!("{:?}", first.shape());
    let embeddings = first.into_dimensionality::<Ix2>().map_err(|_| wrong(got.clone()))?;
    if embeddings.shape() != expected {
        return Err(wrong(got));
    }
    if embeddings.iter().any(|v| !v.is_finite()) {
        return Err(wrong("a value that is not finite".to_owned()));
    }
    Ok(embeddings)
}

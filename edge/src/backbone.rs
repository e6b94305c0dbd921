//! The backbone of a bundle on an engine: which of its files to run, its self-test, batches of
//! images.
//!
//! # Examples
//! Every file that tract may run, from the best to fp32:
//! ```
//! use edge::backbone;
//! use edge::engine::{PrecisionChoice, Provider};
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let bundle = Bundle::open("tests/fixtures/tiny-bundle".as_ref(), &BundleLimits::default())?;
//! let files = backbone::files(&bundle, Provider::Tract, PrecisionChoice::Auto)?;
//! assert_eq!(files.last().map(|file| file.precision.to_string()), Some("fp32".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::Instant;

use models::bundle::{Bundle, Manifest, Precision, SelfTest, Variant, self_test};
use models::graph::Shape;
use ndarray::{Array2, ArrayView4, Axis, Ix2};

use crate::decoder::DecodeError;
use crate::engine::{
    Engine, EngineChoice, EngineError, EngineKind, EngineOptions, Model, PrecisionChoice, Provider,
    Rejection, SelectError, start_verified,
};

/// Runs of [`time_an_image`] before the first that counts.
pub const WARM_UP_RUNS: usize = 5;

/// Runs of [`time_an_image`] that count.
pub const TIMED_RUNS: usize = 20;

/// How much farther from fp32 than the bundle's own file an engine may be; see
/// [`verify_against_fp32`].
pub const COSINE_MARGIN: f32 = 0.01;

/// Why an image has no embedding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The image cannot be used.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The engine failed.
    #[error("the engine failed: {0}")]
    Engine(#[from] EngineError),
    /// The engine of a request failed after its first images, and the one before took over.
    #[error("the engine failed and another one took over; begin the request anew")]
    Replaced,
    /// The output of the network is not an embedding.
    #[error("the network's output should be {expected}, got {got}")]
    Output {
        /// Its shape and content.
        expected: String,
        /// What came.
        got: String,
    },
}

/// One file of a backbone that an engine may run.
#[derive(Debug, Clone, Copy)]
pub struct BackboneFile<'a> {
    /// Its arithmetic.
    pub precision: Precision,
    /// The ONNX file.
    pub onnx: &'a [u8],
    /// The SHA-256 of it, as hexadecimal digits.
    pub sha256: &'a str,
    /// What the engine has to compute to be used.
    pub self_test: &'a SelfTest,
}

/// Why an engine is not given a precision that it supports.
#[must_use]
pub fn reluctance(provider: Provider, precision: Precision) -> Option<&'static str> {
    match (provider, precision) {
        // Measured on x86: a minute for an image of ResNet-12 at 32x32, since each value is widened
        // and narrowed on its own.
        (Provider::Tract, Precision::Fp16) => {
            Some("tract takes hundreds of times as long in fp16 as in fp32; use --precision fp32")
        }
        _ => None,
    }
}

/// The files of a backbone that an engine may run, best first; at least one. With
/// [`PrecisionChoice::Auto`] these are the files made for this engine, then fp32; a precision that
/// the user chose may be a file made for another engine.
///
/// # Errors
/// [`Rejection`] when the bundle has no file of this choice, or none that the engine should run.
pub fn files(
    bundle: &Bundle,
    provider: Provider,
    choice: PrecisionChoice,
) -> Result<Vec<BackboneFile<'_>>, Rejection> {
    let mut taken: Vec<BackboneFile<'_>> = variants(bundle, provider, choice)
        .into_iter()
        .map(|variant| BackboneFile {
            precision: variant.precision,
            onnx: bundle.variant(variant),
            sha256: sha256(bundle, &variant.file),
            self_test: &variant.self_test,
        })
        .collect();
    // Last: the file that every bundle has.
    taken.push(BackboneFile {
        precision: bundle.manifest.backbone.precision,
        onnx: bundle.backbone(),
        sha256: sha256(bundle, &bundle.manifest.backbone.file),
        self_test: &bundle.manifest.self_test,
    });
    taken.retain(|file| choice.accepts(file.precision));
    let last = taken.last().map(|file| file.precision);
    taken.retain(|file| reluctance(provider, file.precision).is_none());
    if taken.is_empty() {
        let reason = match last.and_then(|precision| reluctance(provider, precision)) {
            Some(reluctance) => reluctance.to_owned(),
            None => format!("the bundle has no {choice} backbone; leave out --precision"),
        };
        return Err(Rejection { provider, reason });
    }
    Ok(taken)
}

/// The hash of a file, which was verified when the bundle was opened.
fn sha256<'a>(bundle: &'a Bundle, file: &str) -> &'a str {
    let entry = bundle.manifest.files.get(file);
    &entry.expect("invariant: a manifest names its networks among the files").sha256
}

/// The variants of a backbone: those for this engine, then all others if the user chose a
/// precision.
fn variants(bundle: &Bundle, provider: Provider, choice: PrecisionChoice) -> Vec<&Variant> {
    let all = &bundle.manifest.backbone.variants;
    let word = provider.word();
    let (mut own, others): (Vec<&Variant>, Vec<&Variant>) =
        all.iter().partition(|variant| variant.engines.iter().any(|engine| engine == word));
    if choice != PrecisionChoice::Auto {
        own.extend(others);
    }
    own
}

/// The first engine of `choice` that runs the backbone, and the first precision that it runs.
/// With [`EngineChoice::Auto`] and [`EngineChoice::OnnxRuntime`] these are engines that start at
/// once; `first` is tried before them. Each refusal is added to `rejected`.
///
/// # Errors
/// [`SelectError`] with every refusal.
pub fn start_first(
    bundle: &Bundle,
    choice: EngineChoice,
    options: &EngineOptions,
    first: Option<EngineKind>,
) -> Result<Started, SelectError> {
    let mut rejected = Vec::new();
    let mut kinds: Vec<EngineKind> = first.into_iter().collect();
    for provider in choice.providers_at_once() {
        let files = files(bundle, provider, options.precision);
        let files = files.map_err(|rejection| rejected.push(rejection)).unwrap_or_default();
        let known = files.iter().map(|file| EngineKind { provider, precision: file.precision });
        kinds.extend(known.filter(|kind| Some(*kind) != first));
    }
    for kind in kinds {
        match start_kind(bundle, kind, options) {
            Ok(engine) => {
                return Ok(Started { engine, precision: kind.precision, rejected });
            }
            Err(rejection) => rejected.push(rejection),
        }
    }
    Err(SelectError { rejected })
}

/// Starts the file of one precision on one provider, as [`start`].
///
/// # Errors
/// [`Rejection`], also if the bundle has no such file.
pub fn start_kind(
    bundle: &Bundle,
    EngineKind { provider, precision }: EngineKind,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, Rejection> {
    let files = files(bundle, provider, PrecisionChoice::Only(precision))?;
    let file = files.first().expect("invariant: at least one");
    start(bundle, *file, provider, options)
}

/// A backbone on an engine that has passed the self-test of its file.
pub struct Started {
    /// Runs the backbone.
    pub engine: Box<dyn Engine>,
    /// The arithmetic of the file.
    pub precision: Precision,
    /// The engines and files that were tried before it, with the reason of each refusal.
    pub rejected: Vec<Rejection>,
}

/// Starts one file of the backbone of a bundle on one provider and runs its self-test. The engine
/// runs the backbone; see [`Embedder`](crate::embedder::Embedder) for images.
///
/// # Errors
/// [`Rejection`] with the reason in one line.
pub fn start(
    bundle: &Bundle,
    file: BackboneFile<'_>,
    provider: Provider,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, Rejection> {
    let manifest = &bundle.manifest;
    let model = Model {
        onnx: file.onnx,
        inputs: &inputs(manifest),
        max_batch: manifest.backbone.max_batch,
        precision: file.precision,
    };
    let started = start_verified(&model, provider, options, &mut |engine| {
        run_self_test(engine, manifest, file.self_test)
    });
    // One engine may refuse several files; the reason says which, except for the usual fp32.
    started.map_err(|Rejection { provider, reason }| match file.precision {
        Precision::Fp32 => Rejection { provider, reason },
        precision => Rejection { provider, reason: format!("in {precision}: {reason}") },
    })
}

/// The backbone's inputs as an engine wants them.
#[must_use]
pub fn inputs(manifest: &Manifest) -> Vec<(String, Shape)> {
    let size = manifest.preprocess.size;
    vec![(manifest.backbone.input.clone(), vec![3, size, size])]
}

fn run_self_test(
    engine: &mut dyn Engine,
    manifest: &Manifest,
    test: &SelfTest,
) -> Result<(), String> {
    let input = self_test::input(test.seed, manifest.preprocess.size);
    let output = run_once(engine, manifest, input.view()).map_err(|e| e.to_string())?;
    test.verify(output.row(0)).map_err(|e| e.to_string())
}

/// Embeds `[n, 3, h, w]` as the recipe of the bundle says: `[n, s]`, the mean over the
/// [views](models::preprocess::Preprocess::views) of each image.
///
/// # Errors
/// [`EmbedError::Engine`] or [`EmbedError::Output`].
pub fn embed_batch(
    engine: &mut dyn Engine,
    manifest: &Manifest,
    batch: ArrayView4<f32>,
) -> Result<Array2<f32>, EmbedError> {
    let views = manifest.preprocess.views(batch);
    // Embeddings stay raw: the mean is of what the network gives, not of normalized vectors.
    let mut sum = Array2::zeros((batch.len_of(Axis(0)), manifest.backbone.embedding_size));
    for view in &views {
        sum += &run_once(engine, manifest, view.view())?;
    }
    Ok(sum / views.len() as f32)
}

/// Runs the backbone once on `[n, 3, h, w]`; gives `[n, s]`, all finite.
fn run_once(
    engine: &mut dyn Engine,
    manifest: &Manifest,
    batch: ArrayView4<f32>,
) -> Result<Array2<f32>, EmbedError> {
    let network = &manifest.backbone;
    let expected = [batch.len_of(Axis(0)), network.embedding_size];
    let outputs = engine.run(&[(&network.input, batch.into_dyn())])?;
    let Some(first) = outputs.into_iter().next() else {
        return Err(wrong_output(expected, "nothing"));
    };
    let got = format!("{:?}", first.shape());
    let embeddings =
        first.into_dimensionality::<Ix2>().map_err(|_| wrong_output(expected, &got))?;
    if embeddings.shape() != expected {
        return Err(wrong_output(expected, &got));
    }
    // A gallery would refuse it as well, without knowing that the network is at fault.
    if embeddings.iter().any(|value| !value.is_finite()) {
        return Err(wrong_output(expected, "a value that is not finite"));
    }
    Ok(embeddings)
}

fn wrong_output(expected: [usize; 2], got: &str) -> EmbedError {
    EmbedError::Output { expected: format!("{expected:?}, finite"), got: got.to_owned() }
}

/// Times the backbone on the input of the self-test, as an image is embedded: the median of
/// [`TIMED_RUNS`] runs after [`WARM_UP_RUNS`], in milliseconds.
///
/// # Errors
/// [`EmbedError`].
pub fn time_an_image(engine: &mut dyn Engine, manifest: &Manifest) -> Result<f64, EmbedError> {
    let input = self_test::input(manifest.self_test.seed, manifest.preprocess.size);
    let mut times = Vec::with_capacity(TIMED_RUNS);
    for run in 0..WARM_UP_RUNS + TIMED_RUNS {
        let start = Instant::now();
        embed_batch(engine, manifest, input.view())?;
        if run >= WARM_UP_RUNS {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMED_RUNS / 2])
}

/// Refuses an engine whose embedding of the bundle's self-test is farther from that in fp32 than
/// the bundle's own file of this precision by [`COSINE_MARGIN`].
///
/// # Errors
/// The reason in one line.
pub fn verify_against_fp32(
    engine: &mut dyn Engine,
    manifest: &Manifest,
    precision: Precision,
) -> Result<(), String> {
    let least = least_cosine(manifest, precision);
    let found = cosine_to_fp32(engine, manifest).map_err(|e| e.to_string())?;
    // Not a number is no likeness either.
    if found >= least {
        return Ok(());
    }
    Err(format!("its embedding has a cosine of {found:.4} to that in fp32, expected {least:.4}"))
}

/// Whether an engine still computes the self-test, as one of the files of its bundle does. Then an
/// output that is not finite is the fault of the image: huge values overflow in 16 bits.
pub(crate) fn is_sound(engine: &mut dyn Engine, manifest: &Manifest) -> bool {
    let precisions = manifest.backbone.variants.iter().map(|variant| variant.precision);
    let least = precisions.map(|precision| least_cosine(manifest, precision));
    let least = least.fold(least_cosine(manifest, manifest.backbone.precision), f32::min);
    cosine_to_fp32(engine, manifest).is_ok_and(|found| found >= least)
}

/// What an engine has to reach with the file of a precision.
fn least_cosine(manifest: &Manifest, precision: Precision) -> f32 {
    let exact = &manifest.self_test;
    let variants = manifest.backbone.variants.iter();
    let own = variants.map(|variant| (variant.precision, &variant.self_test));
    let own = own.filter(|(of, test)| *of == precision && test.seed == exact.seed);
    let known = own.map(|(_, test)| cosine(&test.embedding, &exact.embedding)).next();
    known.unwrap_or(1.0) - COSINE_MARGIN
}

fn cosine_to_fp32(engine: &mut dyn Engine, manifest: &Manifest) -> Result<f32, EmbedError> {
    let exact = &manifest.self_test;
    let input = self_test::input(exact.seed, manifest.preprocess.size);
    let got = run_once(engine, manifest, input.view())?;
    Ok(cosine(&got.row(0).to_vec(), &exact.embedding))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

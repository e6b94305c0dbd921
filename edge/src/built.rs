//! Engines that are built before they run: which ones a bundle has on a machine, and how they are
//! built.
//!
//! TensorRT takes minutes to choose the kernels of a network. What it chose is kept in the
//! [`EngineCache`], by a [`Key`](crate::engine::cache::Key) of all that it depends on.
//!
//! # Examples
//! ```
//! use edge::built;
//! use edge::engine::EngineOptions;
//! use edge::engine::cache::{EngineCache, Found, Machine};
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let bundle = Bundle::open("tests/fixtures/tiny-bundle".as_ref(), &BundleLimits::default())?;
//! let folder = tempfile::tempdir()?;
//! let cache = EngineCache::new(folder.path().to_owned());
//! for file in built::kinds(&bundle, &EngineOptions::default()) {
//!     let options = EngineOptions::default();
//!     let made_for = built::made_for(&bundle, file, &options, &Machine::default());
//!     assert!(matches!(cache.open(&made_for?.key()), Found::Absent));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::Instant;

use models::bundle::Bundle;

use crate::backbone::verify_against_fp32;
use crate::backbone::{BackboneFile, files, inputs, start_kind, time_an_image};
use crate::engine::cache::{
    About, CacheError, EngineCache, Machine, MadeFor, Milliseconds, Stored,
};
use crate::engine::{
    Engine, EngineFiles, EngineKind, EngineOptions, Model, PrecisionChoice, Provider, Rejection,
    built_options,
};

/// The provider whose engines are kept as files. What CUDA compiles is kept by its driver.
const KEPT: Provider = Provider::TensorRt;

/// Why an engine was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The engine does not start, or is wrong.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It cannot be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Whether the engines of a provider are kept as files.
#[must_use]
pub fn is_kept(provider: Provider) -> bool {
    provider == KEPT
}

/// The engines of a bundle that are built and kept, the best first.
#[must_use]
pub fn kinds(bundle: &Bundle, options: &EngineOptions) -> Vec<EngineKind> {
    let files = files(bundle, KEPT, options.precision).unwrap_or_default();
    files.iter().map(|file| EngineKind { provider: KEPT, precision: file.precision }).collect()
}

/// What the engine of a bundle on a machine is built for; its key is that of the cache.
///
/// # Errors
/// [`Rejection`] if the bundle has no such file.
pub fn made_for(
    bundle: &Bundle,
    kind: EngineKind,
    options: &EngineOptions,
    machine: &Machine,
) -> Result<MadeFor, Rejection> {
    let file = file(bundle, kind)?;
    let inputs = inputs(&bundle.manifest);
    let model = Model {
        onnx: file.onnx,
        inputs: &inputs,
        max_batch: bundle.manifest.backbone.max_batch,
        precision: kind.precision,
    };
    let built = built_options(&model, kind.provider, &options.gpu);
    Ok(MadeFor::new(file.sha256, kind.precision, kind.provider, machine, built))
}

fn file(bundle: &Bundle, kind: EngineKind) -> Result<BackboneFile<'_>, Rejection> {
    let EngineKind { provider, precision } = kind;
    let files = files(bundle, provider, PrecisionChoice::Only(precision))?;
    Ok(*files.first().expect("invariant: at least one"))
}

/// Builds an engine in this process, verifies and times it, and puts it in the cache.
///
/// # Errors
/// [`BuildError`]; nothing of it is kept.
pub fn build(
    cache: &EngineCache,
    bundle: &Bundle,
    kind: EngineKind,
    options: &EngineOptions,
    machine: &Machine,
) -> Result<Stored, BuildError> {
    build_with(cache, bundle, kind, options, machine, &mut |options| {
        start_kind(bundle, kind, options)
    })
}

/// Starts an engine with options.
pub type StartEngine<'a> = dyn FnMut(&EngineOptions) -> Result<Box<dyn Engine>, Rejection> + 'a;

/// The same with an engine that `start` builds with the given options: it writes into the folder of
/// [`EngineFiles::Build`], and then loads the engine from that of [`EngineFiles::Built`].
///
/// # Errors
/// Those of [`build`].
pub fn build_with(
    cache: &EngineCache,
    bundle: &Bundle,
    kind: EngineKind,
    options: &EngineOptions,
    machine: &Machine,
    start: &mut StartEngine<'_>,
) -> Result<Stored, BuildError> {
    let EngineKind { provider, precision } = kind;
    let made_for = made_for(bundle, kind, options, machine)?;
    let new = cache.begin(&made_for.key())?;
    let mut options = options.clone();
    options.gpu.files = EngineFiles::Build(new.folder().to_owned());
    let before = Instant::now();
    let engine = start(&options)?;
    let build_ms = u64::try_from(before.elapsed().as_millis()).unwrap_or(u64::MAX);
    // Before its files are loaded and hashed: some are written when it ends.
    drop(engine);
    options.gpu.files = EngineFiles::Built(new.folder().to_owned());
    let mut engine = start(&options)?;
    verify_against_fp32(engine.as_mut(), &bundle.manifest, precision)
        .map_err(|reason| Rejection { provider, reason })?;
    let image_ms = time_an_image(engine.as_mut(), &bundle.manifest)
        .map_err(|error| Rejection { provider, reason: error.to_string() })?;
    drop(engine);
    let name = bundle.manifest.name.clone();
    let image_ms = Some(Milliseconds::new(image_ms));
    Ok(new.finish(About { made_for, bundle: name, build_ms, image_ms })?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use models::bundle::BundleLimits;
    use models::hex;

    use super::*;
    use crate::backbone::start;
    use crate::engine::cache::Found;

    fn bundle() -> Bundle {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bundle");
        Bundle::open(&folder, &BundleLimits::default()).unwrap()
    }

    /// As TensorRT's provider would, but the engine is tract's.
    fn fake(bundle: &Bundle, options: &EngineOptions) -> Result<Box<dyn Engine>, Rejection> {
        match &options.gpu.files {
            EngineFiles::Build(folder) => fs::write(folder.join("context.onnx"), "built").unwrap(),
            EngineFiles::Built(folder) => {
                assert_eq!(fs::read(folder.join("context.onnx")).unwrap(), b"built");
            }
            EngineFiles::Nowhere => panic!("no folder"),
        }
        let files = files(bundle, Provider::Tract, PrecisionChoice::Auto)?;
        start(bundle, *files.last().unwrap(), Provider::Tract, options)
    }

    #[test]
    fn a_built_engine_is_kept_with_its_times() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EngineCache::new(folder.path().to_owned());
        let bundle = bundle();
        let options = EngineOptions::default();
        let kind = *kinds(&bundle, &options).last().unwrap();
        let machine = Machine { gpu: Some("Orin".to_owned()), ..Machine::default() };
        let mut start = |options: &EngineOptions| fake(&bundle, options);
        let built = build_with(&cache, &bundle, kind, &options, &machine, &mut start).unwrap();
        assert!(built.entry.about.image_ms.unwrap().get() > 0.0);
        let key = made_for(&bundle, kind, &options, &machine).unwrap().key();
        assert!(matches!(cache.open(&key), Found::Whole(_)));
        assert_eq!(built.entry.about.made_for.model, hex::sha256(bundle.backbone()));
        // Another machine has another key.
        let other = made_for(&bundle, kind, &options, &Machine::default()).unwrap().key();
        assert_eq!(cache.open(&other), Found::Absent);
    }

    #[test]
    fn a_refused_engine_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EngineCache::new(folder.path().to_owned());
        let bundle = bundle();
        let options = EngineOptions::default();
        let kind = kinds(&bundle, &options)[0];
        let rejection = Rejection { provider: kind.provider, reason: "no GPU".to_owned() };
        let mut start = |_: &EngineOptions| Err(rejection.clone());
        let machine = Machine::default();
        let error = build_with(&cache, &bundle, kind, &options, &machine, &mut start).unwrap_err();
        assert!(error.to_string().ends_with("no GPU"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

//! From settings to a [`Recognizer`]: finds bundle, ONNX Runtime and store on this device.
//!
//! # Examples
//! ```
//! use edge::device::DeviceSettings;
//! use edge::engine::{EngineChoice, Provider};
//! use edge::Recognizer;
//!
//! let store = tempfile::tempdir()?;
//! let settings = DeviceSettings {
//!     bundle: Some("tests/fixtures/tiny-bundle".into()),
//!     engine: Some(EngineChoice::Only(Provider::Tract)),
//!     store: Some(store.path().into()),
//!     ..DeviceSettings::default()
//! };
//! let recognizer = Recognizer::open(&settings)?;
//! assert_eq!(recognizer.revision(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use models::bundle::{Bundle, BundleLimits};
use models::image::ImageLimits;

use crate::board::available_memory;
use crate::embedder::Embedder;
use crate::engine::cache::EngineCache;
use crate::engine::{EngineChoice, EngineFiles, EngineOptions, GpuOptions, PrecisionChoice};
use crate::gallery::{Galleries, Gallery, GalleryError};
use crate::locate::{self, Environment, LibraryError, NotFound};
use crate::recognizer::{Recognizer, RecognizerError};
use crate::slot::{Builder, Tuning};

mod threads;

pub use threads::{Threads, ThreadsError};

/// What a user may set; what is absent has a default. The programs offer it through the crate
/// `settings`, as flags, variables and keys of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSettings {
    /// A folder of a bundle, or a name to look for; default: [`locate::DEFAULT_BUNDLE`].
    pub bundle: Option<PathBuf>,
    /// Which engine runs the networks; default: the first that works.
    pub engine: Option<EngineChoice>,
    /// The arithmetic of the backbone; default: what the bundle has for the engine.
    pub precision: Option<PrecisionChoice>,
    /// Threads of the engine; default: [`Threads::for_engine`].
    pub threads: Option<Threads>,
    /// The library of ONNX Runtime; default: see [`locate::onnxruntime`].
    pub onnxruntime: Option<PathBuf>,
    /// Images of one run for which TensorRT chooses its kernels; default: 1.
    pub batch: Option<usize>,
    /// The core of a Jetson's accelerator that TensorRT uses; default: the GPU.
    pub dla_core: Option<u32>,
    /// The folder of built engines; default: [`Environment::engine_cache`].
    pub engine_cache: Option<PathBuf>,
    /// The folder of the gallery; default: `handful/store` in the user's data folder.
    pub store: Option<PathBuf>,
    /// Most pixels of one image; default: those of [`ImageLimits`].
    pub max_pixels: Option<u64>,
}

/// How the store is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAccess {
    /// Open it, and create it if there is none.
    Create,
    /// Open it; without a store, an empty gallery that refuses changes.
    Existing,
    /// Read it and close it, so that others can open it; changes are refused.
    Snapshot,
}

/// Settings and the environment that they are resolved in.
#[derive(Debug, Clone)]
pub struct Device {
    settings: DeviceSettings,
    environment: Environment,
    gallery: String,
}

impl Device {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(settings: DeviceSettings, environment: Environment) -> Self {
        Self { settings, environment, gallery: Galleries::DEFAULT.to_owned() }
    }

    /// The same with another gallery of the store than `default`.
    #[must_use]
    pub fn with_gallery(self, name: &str) -> Self {
        Self { gallery: name.to_owned(), ..self }
    }

    /// The name of the gallery that is used.
    #[must_use]
    pub fn gallery_name(&self) -> &str {
        &self.gallery
    }

    /// The user's home folder, if it is known.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.environment.home.as_deref()
    }

    /// The folder for a wheel of ONNX Runtime, in which its library is found.
    #[must_use]
    pub fn wheels(&self) -> Option<PathBuf> {
        self.environment.wheels()
    }

    /// Opens and verifies a bundle: `named`, or the one of the settings.
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`] or [`RecognizerError::Bundle`].
    pub fn bundle(&self, named: Option<&Path>) -> Result<Bundle, RecognizerError> {
        let wanted = named.or(self.settings.bundle.as_deref());
        let dir = locate::bundle(wanted, &self.environment)?;
        Ok(Bundle::open(&dir, &BundleLimits::default())?)
    }

    /// Which engine the user wants; one of ONNX Runtime if the user named its library.
    #[must_use]
    pub fn engine(&self) -> EngineChoice {
        let wanted = self.settings.onnxruntime.as_deref();
        locate::engine_for(self.settings.engine.unwrap_or_default(), wanted, &self.environment)
    }

    /// The library of ONNX Runtime, whatever the engine.
    ///
    /// # Errors
    /// [`NotFound`] with every place that was looked at.
    pub fn onnxruntime(&self) -> Result<PathBuf, NotFound> {
        locate::onnxruntime(self.settings.onnxruntime.as_deref(), &self.environment)
    }

    /// The options of the engine; without a library if the engine needs none or none is found.
    ///
    /// # Errors
    /// [`LibraryError`] if the user named a library that is not there or cannot be loaded.
    pub fn engine_options(&self) -> Result<EngineOptions, LibraryError> {
        let wanted = self.settings.onnxruntime.as_deref();
        Ok(EngineOptions {
            onnxruntime: locate::onnxruntime_for(self.engine(), wanted, &self.environment)?,
            threads: Some(self.settings.threads.map_or_else(Threads::for_engine, Threads::get)),
            precision: self.settings.precision.unwrap_or_default(),
            gpu: self.gpu_options(),
        })
    }

    /// How TensorRT and CUDA are used, with the memory that is free now.
    #[must_use]
    pub fn gpu_options(&self) -> GpuOptions {
        GpuOptions {
            batch: self.settings.batch,
            dla_core: self.settings.dla_core,
            free_memory: available_memory(),
            files: EngineFiles::Nowhere,
        }
    }

    /// The engines that were built; `None` if no folder is named and there is no cache or home
    /// folder.
    #[must_use]
    pub fn engine_cache(&self) -> Option<EngineCache> {
        let named = self.settings.engine_cache.clone();
        named.or_else(|| self.environment.engine_cache()).map(EngineCache::new)
    }

    /// How engines are tried in the background: by this program, which has to pass
    /// [`slot::SUBCOMMAND`](crate::slot::SUBCOMMAND) on. `None` if the system does not say which
    /// program this is.
    #[must_use]
    pub fn tuning(&self) -> Option<Tuning> {
        let cache = self.engine_cache();
        let Some(program) = &self.environment.engine_builder else {
            return Some(Tuning::new(Builder::this_program().ok()?, cache));
        };
        let tuning = Tuning::new(Builder::of(program.clone()), cache);
        // What stands for a build in a test measures nothing, so that it needs no quiet.
        Some(Tuning { quiet: Duration::ZERO, ..tuning })
    }

    /// Starts the backbone of a bundle on the fastest engine that is known.
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`] or [`RecognizerError::Select`].
    pub fn embedder(&self, bundle: &Bundle) -> Result<Embedder, RecognizerError> {
        let options = self.engine_options()?;
        let embedder = match self.tuning() {
            Some(tuning) => Embedder::open_tuned(bundle, self.engine(), &options, &tuning.known())?,
            None => Embedder::open(bundle, self.engine(), &options)?,
        };
        Ok(embedder.with_limits(self.image_limits()))
    }

    /// The folder of the gallery, which need not exist.
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`] if none is set and there is no data or home folder;
    /// [`GalleryError::NotAFolder`] if it is a file.
    pub fn store_dir(&self) -> Result<PathBuf, RecognizerError> {
        let named = self.settings.store.clone();
        let dir = named.or_else(|| self.environment.default_store()).ok_or_else(|| NotFound {
            what: "a data or home folder for the store".to_owned(),
            looked_at: Vec::new(),
            hint: "name the folder of the gallery with --store or HANDFUL_STORE",
        })?;
        if dir.exists() && !dir.is_dir() {
            return Err(GalleryError::NotAFolder { path: dir }.into());
        }
        Ok(dir)
    }

    /// The largest image that is read.
    #[must_use]
    pub fn image_limits(&self) -> ImageLimits {
        let default = ImageLimits::default();
        ImageLimits {
            max_pixels: self.settings.max_pixels.unwrap_or(default.max_pixels),
            ..default
        }
    }

    /// The gallery for embeddings of this space.
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`] or [`RecognizerError::Gallery`].
    pub fn gallery(&self, space_id: &str, access: StoreAccess) -> Result<Gallery, RecognizerError> {
        let dir = self.store_dir()?;
        // Reading must not leave an empty store where the user mistyped a folder.
        if access != StoreAccess::Create && !Gallery::store_exists(&dir) {
            return Ok(Gallery::in_memory().into_read_only());
        }
        let galleries = match Galleries::open(&dir, space_id) {
            // Reading needs no permission to write.
            Err(GalleryError::Io { .. }) if access == StoreAccess::Snapshot => {
                Galleries::open_read_only(&dir, space_id)?
            }
            opened => opened?,
        };
        let gallery = galleries.gallery(&self.gallery)?;
        match access {
            StoreAccess::Snapshot => Ok(gallery.into_read_only()),
            StoreAccess::Create | StoreAccess::Existing => Ok(gallery),
        }
    }

    /// The galleries of the store, which is created if there is none.
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`] or [`RecognizerError::Gallery`].
    pub fn galleries(&self, space_id: &str) -> Result<Galleries, RecognizerError> {
        Ok(Galleries::open(&self.store_dir()?, space_id)?)
    }

    /// The same for reading only, also on a read-only file system.
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`] or [`RecognizerError::Gallery`], also if there is no store.
    pub fn galleries_read_only(&self, space_id: &str) -> Result<Galleries, RecognizerError> {
        Ok(Galleries::open_read_only(&self.store_dir()?, space_id)?)
    }

    /// Opens bundle and gallery. The engine starts with the first image, or with
    /// [`Recognizer::start`].
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`], [`RecognizerError::Bundle`] or [`RecognizerError::Gallery`].
    pub fn recognizer(&self, access: StoreAccess) -> Result<Recognizer, RecognizerError> {
        let bundle = self.bundle(None)?;
        let gallery = self.gallery(&bundle.manifest.space_id, access)?;
        let recognizer = Recognizer::new(bundle, self.engine(), self.engine_options()?, gallery);
        let recognizer = match self.tuning() {
            Some(tuning) => recognizer.with_tuning(tuning.known()),
            None => recognizer,
        };
        Ok(recognizer.with_image_limits(self.image_limits()).with_gallery_name(&self.gallery))
    }
}

impl Recognizer {
    /// Opens the bundle and the gallery that the settings name, and creates the gallery if there is
    /// none. The engine starts with the first image, or with [`Recognizer::start`].
    ///
    /// # Errors
    /// [`RecognizerError::NotFound`], [`RecognizerError::Bundle`] or [`RecognizerError::Gallery`].
    pub fn open(settings: &DeviceSettings) -> Result<Self, RecognizerError> {
        let device = Device::new(settings.clone(), Environment::read());
        device.recognizer(StoreAccess::Create)
    }
}

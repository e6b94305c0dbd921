//! The global options, resolved before anything runs.
//!
//! The field `engine` is the flag `--engine`, the environment variable `HANDFUL_ENGINE` and the key
//! `engine` of the TOML file. A flag overrides the environment, the environment the file, the file
//! the default.

use std::path::{Path, PathBuf};

use clap::Args;
use edge::attention::Attention;
use edge::embedder::Embedder;
use edge::engine::PrecisionChoice;
use edge::engine::{EngineChoice, EngineOptions};
use edge::gallery::Gallery;
use edge::lexicon::NameKnowledge;
use edge::locate::{self, Environment, NotFound};
use models::bundle::{Bundle, BundleLimits};
use models::disk;
use models::fault::{AnyFault, Message};
use serde::Deserialize;

use crate::text::one_line;

/// The options of every command.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Settings {
    /// Bundle: a folder or a name [default: the one that ships with Handful]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_BUNDLE", value_name = "DIR")]
    bundle: Option<PathBuf>,

    /// Inference engine: auto, tensorrt, cuda, cpu or tract [default: auto]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_ENGINE")]
    engine: Option<EngineChoice>,

    /// Folder of the store [default: handful/store in the user's data folder]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_STORE", value_name = "DIR")]
    store: Option<PathBuf>,

    /// Library of ONNX Runtime [default: ORT_DYLIB_PATH, or next to this program]
    #[arg(
        long,
        global = true,
        hide_env_values = true,
        env = "HANDFUL_ONNXRUNTIME",
        value_name = "FILE"
    )]
    onnxruntime: Option<PathBuf>,

    /// Threads of the engine [default: chosen by the engine]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_THREADS", value_name = "N")]
    threads: Option<usize>,

    /// Precision of the network: auto, fp32, fp16 or int8 [default: auto, the best for the engine]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_PRECISION")]
    precision: Option<PrecisionChoice>,

    /// TOML file with these settings
    #[arg(
        long,
        global = true,
        hide_env_values = true,
        env = "HANDFUL_CONFIG",
        value_name = "FILE"
    )]
    #[serde(skip)]
    config: Option<PathBuf>,
}

impl Settings {
    /// Takes what is not set here from `file`.
    fn or(self, file: Self) -> Self {
        Self {
            bundle: self.bundle.or(file.bundle),
            engine: self.engine.or(file.engine),
            store: self.store.or(file.store),
            onnxruntime: self.onnxruntime.or(file.onnxruntime),
            threads: self.threads.or(file.threads),
            precision: self.precision.or(file.precision),
            config: self.config,
        }
    }
}

fn read_file(path: &Path) -> Result<Settings, AnyFault> {
    let bytes = disk::read(path, 1 << 20)?;
    Ok(toml::from_slice(&bytes).map_err(|error| {
        // TOML's errors draw the place over several lines.
        let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Message::input(format!("{} is not a settings file: {line}", path.display()))
    })?)
}

/// The resolved settings and the environment of the process.
#[derive(Debug)]
pub(crate) struct Context {
    settings: Settings,
    environment: Environment,
}

impl Context {
    pub(crate) fn resolve(settings: Settings) -> Result<Self, AnyFault> {
        let file = settings.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let settings = settings.or(file);
        if settings.threads == Some(0) {
            return Err(Message::input("--threads must be at least 1").into());
        }
        Ok(Self { settings, environment: Environment::read() })
    }

    /// Opens and verifies the bundle: `named` by the command, or the settings' one.
    pub(crate) fn bundle(&self, named: Option<&Path>) -> Result<Bundle, AnyFault> {
        let wanted = named.or(self.settings.bundle.as_deref());
        let dir = locate::bundle(wanted, &self.environment)?;
        Ok(Bundle::open(&dir, &BundleLimits::default())?)
    }

    pub(crate) fn engine(&self) -> EngineChoice {
        self.settings.engine.unwrap_or_default()
    }

    /// Where the library of ONNX Runtime is, or why it was not found.
    pub(crate) fn onnxruntime(&self) -> Result<PathBuf, NotFound> {
        locate::onnxruntime(self.settings.onnxruntime.as_deref(), &self.environment)
    }

    pub(crate) fn engine_options(&self) -> Result<EngineOptions, AnyFault> {
        let wanted = self.settings.onnxruntime.as_deref();
        let onnxruntime = locate::onnxruntime_for(self.engine(), wanted, &self.environment)?;
        let precision = self.settings.precision.unwrap_or_default();
        Ok(EngineOptions { onnxruntime, threads: self.settings.threads, precision })
    }

    pub(crate) fn embedder(&self, bundle: Bundle) -> Result<Embedder, AnyFault> {
        Ok(Embedder::open(bundle, self.engine(), &self.engine_options()?)?)
    }

    /// The network that weighs attributes in explanations; without it they have no weights.
    pub(crate) fn attention(&self, bundle: &Bundle) -> Result<Option<Attention>, AnyFault> {
        let opened = Attention::open(bundle, self.engine(), &self.engine_options()?);
        Ok(opened.unwrap_or_else(|error| {
            eprintln!("warning: attribute weights: off ({})", one_line(&error.to_string()));
            None
        }))
    }

    /// The bundle's name knowledge; without it classes are learned from images only.
    pub(crate) fn knowledge(bundle: &Bundle) -> Option<NameKnowledge> {
        NameKnowledge::open(bundle).unwrap_or_else(|error| {
            eprintln!("warning: names: off ({})", one_line(&error.to_string()));
            None
        })
    }

    pub(crate) fn store_dir(&self) -> Result<PathBuf, AnyFault> {
        let store = self.settings.store.clone().or_else(|| self.environment.default_store());
        Ok(store.ok_or_else(|| {
            Message::input("no home folder is known for the store; choose a folder with --store")
        })?)
    }

    /// The store, or an empty gallery if there is none: reading creates no store.
    pub(crate) fn existing_gallery(&self, space_id: &str) -> Result<Gallery, AnyFault> {
        if !Gallery::store_exists(&self.store_dir()?) {
            return Ok(Gallery::in_memory());
        }
        self.gallery(space_id)
    }

    /// Opens the store, or creates it, for the embeddings of this space.
    pub(crate) fn gallery(&self, space_id: &str) -> Result<Gallery, AnyFault> {
        Ok(Gallery::open(&self.store_dir()?, space_id)?)
    }
}

//! The global options, resolved before anything runs.
//!
//! The field `engine` is the flag `--engine`, the environment variable `HANDFUL_ENGINE` and the key
//! `engine` of the TOML file. A flag overrides the environment, the environment the file, the file
//! the default.

use std::path::{Path, PathBuf};

use clap::Args;
use edge::device::{Device, DeviceSettings};
use edge::engine::{EngineChoice, PrecisionChoice};
use edge::locate::Environment;
use models::disk;
use models::fault::{AnyFault, Message};

/// The options of every command.
#[derive(Debug, Args)]
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
    config: Option<PathBuf>,
}

fn read_file(path: &Path) -> Result<DeviceSettings, AnyFault> {
    let bytes = disk::read(path, 1 << 20)?;
    Ok(toml::from_slice(&bytes).map_err(|error| {
        // TOML's errors draw the place over several lines.
        let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Message::input(format!("{} is not a settings file: {line}", path.display()))
    })?)
}

/// Reads the settings file and combines it with flags and environment.
pub(crate) fn resolve(settings: Settings) -> Result<Device, AnyFault> {
    let file = settings.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
    let settings = DeviceSettings::from(settings).or(file);
    if settings.threads == Some(0) {
        return Err(Message::input("--threads must be at least 1").into());
    }
    Ok(Device::new(settings, Environment::read()))
}

impl From<Settings> for DeviceSettings {
    fn from(settings: Settings) -> Self {
        let Settings { bundle, engine, store, onnxruntime, threads, precision, config: _ } =
            settings;
        Self { bundle, engine, precision, threads, onnxruntime, store }
    }
}

//! The global options, resolved before anything runs.
//!
//! The field `engine` is the flag `--engine`, the environment variable `HANDFUL_ENGINE` and the key
//! `engine` of the TOML file. A flag overrides the environment, the environment the file, the file
//! the default.

use std::path::{Path, PathBuf};

use clap::Args;
use edge::device::{DeviceSettings, Flag, Threads};
use edge::engine::{EngineChoice, PrecisionChoice};
use models::disk;
use models::fault::{AnyFault, Message};

/// The options of every command. Those of the device have their names and texts from [`Flag`].
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Settings {
    #[arg(long = Flag::BUNDLE.long, env = Flag::BUNDLE.env, hide_env_values = true)]
    #[arg(value_name = Flag::BUNDLE.value, help = Flag::BUNDLE.help, global = true)]
    bundle: Option<PathBuf>,

    #[arg(long = Flag::ENGINE.long, env = Flag::ENGINE.env, hide_env_values = true)]
    #[arg(value_name = Flag::ENGINE.value, help = Flag::ENGINE.help, global = true)]
    engine: Option<EngineChoice>,

    #[arg(long = Flag::STORE.long, env = Flag::STORE.env, hide_env_values = true)]
    #[arg(value_name = Flag::STORE.value, help = Flag::STORE.help, global = true)]
    store: Option<PathBuf>,

    #[arg(long = Flag::ONNXRUNTIME.long, env = Flag::ONNXRUNTIME.env, hide_env_values = true)]
    #[arg(value_name = Flag::ONNXRUNTIME.value, help = Flag::ONNXRUNTIME.help, global = true)]
    onnxruntime: Option<PathBuf>,

    #[arg(long = Flag::THREADS.long, env = Flag::THREADS.env, hide_env_values = true)]
    #[arg(value_name = Flag::THREADS.value, help = Flag::THREADS.help, global = true)]
    threads: Option<Threads>,

    #[arg(long = Flag::PRECISION.long, env = Flag::PRECISION.env, hide_env_values = true)]
    #[arg(value_name = Flag::PRECISION.value, help = Flag::PRECISION.help, global = true)]
    precision: Option<PrecisionChoice>,

    #[arg(long = Flag::MAX_PIXELS.long, env = Flag::MAX_PIXELS.env, hide_env_values = true)]
    #[arg(value_name = Flag::MAX_PIXELS.value, help = Flag::MAX_PIXELS.help, global = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,

    /// Gallery of the store [default: default]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_GALLERY")]
    #[arg(value_name = "NAME")]
    pub(crate) gallery: Option<String>,

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
pub(crate) fn resolve(settings: Settings) -> Result<DeviceSettings, AnyFault> {
    let file = settings.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
    Ok(DeviceSettings::from(settings).or(file))
}

impl From<Settings> for DeviceSettings {
    fn from(settings: Settings) -> Self {
        let Settings { bundle, engine, store, onnxruntime, threads, precision, max_pixels, .. } =
            settings;
        Self { bundle, engine, precision, threads, onnxruntime, store, max_pixels }
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn every_setting_of_the_device_is_a_flag_as_defined_once() {
        let command = Settings::augment_args(Command::new("handful"));
        for Flag { long, env, value, help, .. } in Flag::ALL {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(long)).unwrap();
            assert_eq!(arg.get_env().unwrap(), env);
            assert_eq!(arg.get_value_names().unwrap(), [value]);
            assert_eq!(arg.get_help().unwrap().to_string(), help);
        }
    }
}

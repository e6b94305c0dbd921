//! The global options, resolved before anything runs.
//!
//! Those of the device are defined in the crate `settings`, with the service's.

use std::path::PathBuf;

use clap::Args;
use edge::device::DeviceSettings;
use settings::{Device, Flags, SettingsError, SettingsFile};

/// The options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalOptions {
    #[command(flatten)]
    device: Flags<Device>,

    /// Gallery of the store [default: default]
    #[arg(long, global = true, hide_env_values = true, env = "HANDFUL_GALLERY")]
    #[arg(value_name = "NAME")]
    pub(crate) gallery: Option<String>,

    /// TOML file with these settings; those of handful-server in it are ignored
    #[arg(
        long,
        global = true,
        hide_env_values = true,
        env = "HANDFUL_CONFIG",
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
}

impl GlobalOptions {
    /// Reads the settings file and combines it with flags and environment.
    pub(crate) fn resolve(self) -> Result<DeviceSettings, SettingsError> {
        let file = self.config.as_deref().map(SettingsFile::read).transpose()?;
        self.device.over(file.as_ref())?.checked()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: GlobalOptions,
    }

    fn with_file(text: &str, args: &[&str]) -> Result<DeviceSettings, SettingsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("handful.toml");
        std::fs::write(&path, text).unwrap();
        let config = ["handful", "--config", path.to_str().unwrap()];
        let command = Command::try_parse_from(config.iter().chain(args)).unwrap();
        command.options.resolve()
    }

    #[test]
    fn a_flag_overrides_the_file_of_the_service() {
        let file = "listen = \"0.0.0.0:80\"\nmax_files = 3\nthreads = 1\nstore = \"a\"\n\
                    engine = \"tract\"\nmax_pixels = 9\n";
        let settings = with_file(file, &["--store", "b", "--engine=cpu"]).unwrap();
        assert_eq!(settings.store, Some("b".into()));
        assert_eq!(settings.engine, Some("cpu".parse().unwrap()));
        assert_eq!(settings.threads, Some("1".parse().unwrap()));
        assert_eq!((settings.max_pixels, settings.precision), (Some(9), None));
    }

    #[test]
    fn an_unknown_key_is_named() {
        for file in ["engin = \"tract\"", "gallery = \"line 2\"", "config = \"other.toml\""] {
            let key = file.split(' ').next().unwrap();
            let error = with_file(file, &[]).unwrap_err().to_string();
            assert!(error.contains("handful.toml") && error.contains(key), "{error}");
        }
    }

    #[test]
    fn no_pixels_are_refused_wherever_they_are_set() {
        let errors = [with_file("max_pixels = 0", &[]), with_file("", &["--max-pixels", "0"])];
        for error in errors.map(|result| result.unwrap_err().to_string()) {
            assert_eq!(error, "--max-pixels 0: expected 1 or more");
        }
    }

    /// Also under a subcommand, where they are given most often.
    #[test]
    fn every_setting_of_the_device_is_a_global_option() {
        let command = GlobalOptions::augment_args(clap::Command::new("handful"));
        let names: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_env).collect();
        for name in settings::variables::<Device>() {
            assert!(names.contains(&name.as_ref()), "{name}");
        }
        for arg in command.get_arguments() {
            assert!(arg.is_global_set(), "{arg}");
            assert_eq!(arg.get_help_heading(), Some("Global options"), "{arg}");
        }
    }
}

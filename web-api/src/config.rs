//! The configuration: every setting, resolved before anything runs.
//!
//! The setting `max_files` is the flag `--max-files`, the environment variable `HANDFUL_MAX_FILES`
//! and the key `max_files` of the TOML file. A flag overrides the environment, the environment
//! overrides the file.

mod limits;
pub mod listen;
pub mod settings;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory};
use edge::device::DeviceSettings;
use models::disk::{self, DiskError};
use models::fault::{Blame, Fault};
use tracing::level_filters::LevelFilter;

pub use limits::Limits;
use settings::Settings;

/// The resolved settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Bundle, engine and store.
    pub device: DeviceSettings,
    /// Allow an address that other machines can reach.
    pub insecure: bool,
    /// Refuse every change.
    pub read_only: bool,
    /// Additional host names of this service.
    pub allow_host: Vec<String>,
    /// Log level.
    pub log: LevelFilter,
    /// Limits of requests.
    pub limits: Limits,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The command line or the environment; also `--help` and `--version`.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The TOML file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The content of the TOML file.
    #[error("the settings file {path} cannot be used: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the key.
        reason: String,
    },
    /// A limit out of its range, or settings that cannot be used together.
    #[error("{0}")]
    Contradiction(String),
}

impl Fault for ConfigError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Config {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    /// [`ConfigError`] in one line: the setting, what is wrong, what is expected.
    pub fn resolve(args: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        // clap reads flags and environment together; the file fills in what both leave out.
        let flags = terminal::parse_from::<Settings>(args)?;
        let file = flags.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let config = Self::from(flags.or(file));
        config.check()?;
        Ok(config)
    }

    /// The environment variables that look like settings and are none: those of an earlier version,
    /// or mistyped.
    #[must_use]
    pub fn unknown_variables() -> Vec<String> {
        let command = Settings::command();
        let known: Vec<&OsStr> = command.get_arguments().filter_map(Arg::get_env).collect();
        let names = std::env::vars_os().map(|(name, _)| name);
        let unknown = names.filter(|name| !known.contains(&name.as_os_str()));
        let names = unknown.filter_map(|name| name.into_string().ok());
        names.filter(|name| name.starts_with("HANDFUL_")).collect()
    }

    /// True if only this machine can reach the service.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !self.is_local() && !self.insecure {
            return Err(ConfigError::Contradiction(format!(
                "--listen {}: other machines could reach the service, which has no authentication; \
                 listen on 127.0.0.1, or add --insecure on a trusted network",
                self.listen
            )));
        }
        self.limits.check().map_err(ConfigError::Contradiction)
    }
}

fn read_file(path: &Path) -> Result<Settings, ConfigError> {
    let bytes = disk::read(path, 1 << 20)?;
    Settings::parse(&bytes).map_err(|reason| ConfigError::File { path: path.to_owned(), reason })
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        Self {
            listen: settings.listen.unwrap_or_default().0,
            limits: Limits::from(&settings),
            device: DeviceSettings {
                bundle: settings.bundle,
                engine: settings.engine,
                precision: settings.precision,
                threads: settings.threads,
                onnxruntime: settings.onnxruntime,
                store: settings.store,
                max_pixels: settings.max_pixels,
            },
            insecure: settings.insecure.unwrap_or(false),
            read_only: settings.read_only.unwrap_or(false),
            allow_host: settings.allow_host,
            log: settings.log.unwrap_or(LevelFilter::WARN),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edge::device::Threads;

    use clap::CommandFactory;

    use super::*;

    fn resolve(args: &[&str]) -> Result<Config, ConfigError> {
        let program = std::iter::once("handful-server");
        Config::resolve(program.chain(args.iter().copied()).map(OsString::from))
    }

    fn with_file(text: &str, args: &[&str]) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("handful.toml");
        std::fs::write(&path, text).unwrap();
        resolve(&[&["--config", path.to_str().unwrap()], args].concat())
    }

    #[test]
    fn every_setting_has_a_default() {
        let config = resolve(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.limits.max_body_bytes, 16 << 20);
        assert!(!config.insecure && !config.read_only);
    }

    #[test]
    fn the_help_states_the_defaults() {
        let help = Settings::command().render_long_help().to_string();
        // Long lines are wrapped.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let Config { listen, limits, log, .. } = resolve(&[]).unwrap();
        for default in [
            listen.to_string(),
            log.to_string(),
            limits.max_body_bytes.to_string(),
            limits.max_files.to_string(),
            limits.max_pixels.to_string(),
            limits.max_queue.to_string(),
            limits.max_buffer_bytes.to_string(),
            limits.max_classes.to_string(),
            limits.max_examples.to_string(),
            limits.max_store_bytes.to_string(),
            limits.receive_seconds.to_string(),
            limits.deadline_seconds.to_string(),
            limits.max_import_bytes.to_string(),
            limits.transfer_seconds.to_string(),
            limits.drain_seconds.to_string(),
        ] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}: {help}");
        }
    }

    #[test]
    fn a_flag_overrides_the_file() {
        let file = "max_files = 3\nmax_queue = 50\ninsecure = true\nallow_host = [\"a\", \"b\"]\n\
                    log = \"info\"\nengine = \"tract\"\nthreads = 2\n";
        let config = with_file(file, &["--max-files", "4", "--engine=cpu"]).unwrap();
        assert_eq!((config.limits.max_files, config.limits.max_queue), (4, 50));
        assert!(config.insecure);
        assert_eq!(config.allow_host, ["a", "b"]);
        assert_eq!(config.log, LevelFilter::INFO);
        assert_eq!(config.device.engine, Some("cpu".parse().unwrap()));
        assert_eq!(config.device.threads.map(Threads::get), Some(2));
        assert!(!with_file(file, &["--insecure=false"]).unwrap().insecure);
    }

    #[test]
    fn errors_in_the_file_name_the_key_or_value() {
        for (file, expected) in [
            ("max_fils = 3", "`max_fils`"),
            ("max_files = \"many\"", "\"many\""),
            ("max_files = 3.5", "3.5"),
            ("max_files", "TOML parse error"),
            ("log = \"loud\"", "log"),
            ("config = \"other.toml\"", "`config`"),
        ] {
            let error = with_file(file, &[]).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("handful.toml"), "{error}");
        }
    }

    #[test]
    fn a_settings_file_that_is_missing_or_too_large_is_named() {
        let missing = resolve(&["--config", "gone.toml"]).unwrap_err().to_string();
        assert!(missing.contains("gone.toml"), "{missing}");
        let large = with_file(&"#".repeat((1 << 20) + 1), &[]).unwrap_err().to_string();
        assert!(large.contains("handful.toml") && large.contains("1048576 bytes"), "{large}");
    }

    #[test]
    fn other_machines_have_access_only_with_insecure() {
        let error = resolve(&["--listen", "0.0.0.0:8080"]).unwrap_err().to_string();
        assert!(error.contains("--insecure"), "{error}");
        assert!(resolve(&["--listen", "0.0.0.0:8080", "--insecure"]).is_ok());
        assert!(resolve(&["--listen", "[::1]:8080"]).is_ok());
    }

    #[test]
    fn limits_out_of_their_range_are_refused() {
        for name in [
            "--max-body-bytes",
            "--max-files",
            "--max-pixels",
            "--max-queue",
            "--max-buffer-bytes",
            "--max-classes",
            "--max-examples",
            "--max-connections",
        ] {
            let error = resolve(&[name, "0"]).unwrap_err().to_string();
            assert_eq!(error, format!("{name} 0: expected 1 or more"));
        }
        for (name, least) in
            [("--receive-seconds", 1), ("--deadline-seconds", 1), ("--drain-seconds", 0)]
        {
            let error = resolve(&[name, "86401"]).unwrap_err().to_string();
            let expected = format!("{name} 86401: expected {least} to 86400, which is a day");
            assert_eq!(error, expected);
            assert_eq!(resolve(&[name, "0"]).is_ok(), least == 0, "{name}");
        }
        let error = with_file("max_classes = 0", &[]).unwrap_err().to_string();
        assert_eq!(error, "--max-classes 0: expected 1 or more");
    }

    #[test]
    fn contradicting_limits_are_refused() {
        assert!(resolve(&["--max-queue", "1"]).is_err());
        assert!(resolve(&["--max-buffer-bytes", "1"]).is_err());
        assert!(resolve(&["--max-body-bytes", &usize::MAX.to_string()]).is_err());
        assert!(resolve(&["--threads", "0"]).is_err());
        assert!(resolve(&["--threads", "999999"]).is_err());
    }
}

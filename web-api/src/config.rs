//! The configuration: every setting, resolved before anything runs.
//!
//! The setting `max_files` is the flag `--max-files`, the environment variable `HANDFUL_MAX_FILES`
//! and the key `max_files` of the TOML file. A flag overrides the environment, the environment
//! overrides the file.

pub mod settings;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use edge::device::DeviceSettings;
use models::disk::{self, DiskError};
use models::fault::{Blame, Fault};
use tokio::sync::Semaphore;
use tracing::level_filters::LevelFilter;

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
    /// Additional host names of this service.
    pub allow_host: Vec<String>,
    /// Log level.
    pub log: LevelFilter,
    /// Limits of requests.
    pub limits: Limits,
}

/// Limits of requests. They bound memory and time.
///
/// Bodies take at most twice `max_upload_bytes`: a multipart body and copies of its parts. Two
/// images are decoded at once; each takes at most 12 bytes per pixel (16 bits, with alpha).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one request body.
    pub max_body_bytes: usize,
    /// Images in one request.
    pub max_files: usize,
    /// Pixels of one image.
    pub max_pixels: u64,
    /// Images waiting for the engine.
    pub max_queue: usize,
    /// Bytes of all request bodies in memory.
    pub max_upload_bytes: usize,
    /// Open connections.
    pub max_connections: usize,
    /// Seconds until a request must have arrived and its response must be read.
    pub receive_seconds: u64,
    /// Seconds that running requests have to finish at shutdown.
    pub drain_seconds: u64,
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
    /// Each setting is valid, but not all of them together.
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
        let flags = Settings::try_parse_from(args)?;
        let file = flags.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let config = Self::from(flags.or(file));
        config.check()?;
        Ok(config)
    }

    /// True if only this machine can reach the service.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !self.is_local() && !self.insecure {
            return contradiction(format!(
                "--listen {}: other machines could reach the service, which has no authentication; \
                 listen on 127.0.0.1, or add --insecure on a trusted network",
                self.listen
            ));
        }
        self.limits.check()
    }
}

fn read_file(path: &Path) -> Result<Settings, ConfigError> {
    let bytes = disk::read(path, 1 << 20)?;
    Settings::parse(&bytes).map_err(|reason| ConfigError::File { path: path.to_owned(), reason })
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        Self {
            listen: settings.listen.unwrap_or((Ipv4Addr::LOCALHOST, 8080).into()),
            limits: Limits::from(&settings),
            device: DeviceSettings {
                bundle: settings.bundle,
                engine: settings.engine,
                precision: settings.precision,
                threads: settings.threads,
                onnxruntime: settings.onnxruntime,
                store: settings.store,
            },
            insecure: settings.insecure.unwrap_or(false),
            allow_host: settings.allow_host,
            log: settings.log.unwrap_or(LevelFilter::WARN),
        }
    }
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            max_body_bytes: settings.max_body_bytes.unwrap_or(16 << 20),
            max_files: settings.max_files.unwrap_or(64),
            // Two images are decoded at once, with 12 bytes per pixel: 0.96 GB at most.
            max_pixels: settings.max_pixels.unwrap_or(40_000_000),
            max_queue: settings.max_queue.unwrap_or(256),
            max_upload_bytes: settings.max_upload_bytes.unwrap_or(128 << 20),
            max_connections: settings.max_connections.unwrap_or(256),
            receive_seconds: settings.receive_seconds.unwrap_or(30),
            drain_seconds: settings.drain_seconds.unwrap_or(20),
        }
    }
}

impl Limits {
    /// Time until a request must have arrived and its response must be read.
    #[must_use]
    pub fn receive_time(&self) -> Duration {
        Duration::from_secs(self.receive_seconds)
    }

    /// Time that running requests have to finish at shutdown.
    #[must_use]
    pub fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Self { max_files, max_queue, max_body_bytes, max_upload_bytes, .. } = *self;
        // With 0 the service would run and take nothing.
        if max_files == 0 || self.max_connections == 0 {
            return contradiction("--max-files and --max-connections must be at least 1");
        }
        // tokio panics where a semaphore or a channel is larger.
        if max_queue.max(self.max_connections) > Semaphore::MAX_PERMITS {
            let most = Semaphore::MAX_PERMITS;
            return contradiction(format!(
                "--max-queue and --max-connections must be at most {most}"
            ));
        }
        // A request that fills one limit must fit into the other.
        if max_queue < max_files {
            return contradiction(format!(
                "--max-queue {max_queue} must be at least --max-files {max_files}"
            ));
        }
        if max_upload_bytes < max_body_bytes {
            return contradiction(format!(
                "--max-upload-bytes {max_upload_bytes} must be at least --max-body-bytes \
                 {max_body_bytes}"
            ));
        }
        Ok(())
    }
}

fn contradiction(text: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::Contradiction(text.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::num::NonZeroUsize;

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
        assert!(!config.insecure);
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
            limits.max_upload_bytes.to_string(),
            limits.receive_seconds.to_string(),
            limits.drain_seconds.to_string(),
        ] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}: {help}");
        }
    }

    #[test]
    fn a_flag_overrides_the_file() {
        let file = "max_files = 3\nmax_queue = 5\ninsecure = true\nallow_host = [\"a\", \"b\"]\n\
                    log = \"info\"\nengine = \"tract\"\nthreads = 2\n";
        let config = with_file(file, &["--max-files", "4", "--engine=cpu"]).unwrap();
        assert_eq!((config.limits.max_files, config.limits.max_queue), (4, 5));
        assert!(config.insecure);
        assert_eq!(config.allow_host, ["a", "b"]);
        assert_eq!(config.log, LevelFilter::INFO);
        assert_eq!(config.device.engine, Some("cpu".parse().unwrap()));
        assert_eq!(config.device.threads.map(NonZeroUsize::get), Some(2));
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
    fn contradicting_limits_are_refused() {
        assert!(resolve(&["--max-queue", "1"]).is_err());
        assert!(resolve(&["--max-upload-bytes", "1"]).is_err());
        assert!(resolve(&["--max-files", "0"]).is_err());
        assert!(resolve(&["--threads", "0"]).is_err());
        for flag in ["--max-queue", "--max-connections"] {
            let error = resolve(&[flag, &usize::MAX.to_string()]).unwrap_err().to_string();
            assert!(error.contains("at most"), "{error}");
        }
    }
}

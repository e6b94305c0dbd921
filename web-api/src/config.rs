//! Everything that can be set, resolved before anything runs.
//!
//! One struct, one name for each setting: the field `max_files` is the flag `--max-files`, the
//! environment variable `HANDFUL_MAX_FILES` and the key `max_files` of the TOML file. A flag wins
//! over the environment, the environment over the file, the file over the default.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use edge::engine::EngineChoice;
use edge::precision::PrecisionChoice;
use models::fault::{Blame, Fault};
use serde::{Deserialize, Deserializer};
use tokio::sync::Semaphore;
use tracing::level_filters::LevelFilter;

const EXAMPLES: &str = "\
Examples:
  handful-server
  handful-server --listen 127.0.0.1:9000 --store ./gallery --engine cpu
  HANDFUL_BUNDLE=./bundles/mine handful-server --config /etc/handful.toml

Every setting is also an environment variable (HANDFUL_MAX_FILES) and a key of the TOML file
(max_files). Flags win over the environment, the environment over the file.

Memory stays below the network's own (its file three times) plus 2 x --max-upload-bytes plus
24 bytes x --max-pixels: with the defaults about 1.2 GiB, and a small part of it in daily use.";

/// Recognizes things from a handful of images: an HTTP service and a page, on this device
#[derive(Debug, Clone, Parser)]
#[command(name = "handful-server", version, about, after_help = EXAMPLES, args_override_self = true)]
pub struct Config {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "HANDFUL_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Folder of the gallery [default: handful/store in the user's data folder]
    #[arg(long, env = "HANDFUL_STORE", value_name = "DIR")]
    pub store: Option<PathBuf>,

    /// Bundle to run: a folder, or a name to look for [default: the one that ships with Handful]
    #[arg(long, env = "HANDFUL_BUNDLE", value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// Engine that runs the network: auto, tensorrt, cuda, cpu or tract
    #[arg(long, env = "HANDFUL_ENGINE", default_value = "auto")]
    pub engine: EngineChoice,

    /// Arithmetic of the network: auto (what the bundle has for the engine), fp32, fp16 or int8
    #[arg(long, env = "HANDFUL_PRECISION", default_value = "auto")]
    pub precision: PrecisionChoice,

    /// ONNX Runtime's library [default: ORT_DYLIB_PATH, or looked for beside this program]
    #[arg(long, env = "HANDFUL_ONNXRUNTIME", value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,

    /// Threads of the engine [default: the engine's own choice]
    #[arg(long, env = "HANDFUL_THREADS", value_name = "N")]
    pub threads: Option<usize>,

    /// TOML file with settings
    #[arg(long, env = "HANDFUL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Listen on an address that other machines reach, although nobody is asked for a key
    #[arg(long, env = "HANDFUL_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure: bool,

    /// Further name under which this service is reached (`Host`); may be repeated
    #[arg(long, env = "HANDFUL_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub allow_host: Vec<String>,

    /// How much is logged to standard error: error, warn, info, debug or off
    #[arg(long, env = "HANDFUL_LOG", default_value = "warn", value_name = "LEVEL")]
    pub log: LevelFilter,

    /// What a client may ask for.
    #[command(flatten)]
    pub limits: Limits,
}

/// What a client may ask for, so that memory and time stay bounded: bodies take at most twice
/// `max_upload_bytes` (a multipart body and its parts), each of the two images that are decoded
/// at once at most 12 bytes a pixel (16 bits, with alpha).
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Bytes of one request's body
    #[arg(long, env = "HANDFUL_MAX_BODY_BYTES", default_value_t = 16 << 20, value_name = "N")]
    pub max_body_bytes: usize,

    /// Images in one request
    #[arg(long, env = "HANDFUL_MAX_FILES", default_value_t = 64, value_name = "N")]
    pub max_files: usize,

    /// Pixels of one image
    #[arg(long, env = "HANDFUL_MAX_PIXELS", default_value_t = 40_000_000, value_name = "N")]
    pub max_pixels: u64,

    /// Images waiting for the engine; above it a call is answered 429
    #[arg(long, env = "HANDFUL_MAX_QUEUE", default_value_t = 256, value_name = "N")]
    pub max_queue: usize,

    /// Bytes of all bodies held at once; above it a call is answered 429
    #[arg(long, env = "HANDFUL_MAX_UPLOAD_BYTES", default_value_t = 128 << 20, value_name = "N")]
    pub max_upload_bytes: usize,

    /// Connections open at once; the next one waits
    #[arg(long, env = "HANDFUL_MAX_CONNECTIONS", default_value_t = 256, value_name = "N")]
    pub max_connections: usize,

    /// Seconds in which a request must have arrived, and in which its answer must be taken
    #[arg(long, env = "HANDFUL_RECEIVE_SECONDS", default_value_t = 30, value_name = "N")]
    pub receive_seconds: u64,

    /// Seconds that requests under way get to end when the service stops
    #[arg(long, env = "HANDFUL_DRAIN_SECONDS", default_value_t = 20, value_name = "N")]
    pub drain_seconds: u64,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The command line or the environment; also `--help` and `--version`.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The TOML file.
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
    /// [`ConfigError`] in one line that says which setting is wrong and what is expected.
    pub fn resolve(args: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let given = Self::command().try_get_matches_from(args)?;
        let mut config = Self::from_arg_matches(&given)?;
        if let Some(path) = &config.config {
            FileSettings::read(path)?.fill(&mut config, &Given(&given));
        }
        config.checked()
    }

    /// True if only this machine can reach the service.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let contradiction = |text: String| Err(ConfigError::Contradiction(text));
        let Limits { max_files, max_queue, max_body_bytes, max_upload_bytes, .. } = self.limits;
        if !self.is_local() && !self.insecure {
            return contradiction(format!(
                "--listen {} lets other machines in, and nobody would be asked for a key: listen on \
                 127.0.0.1, or add --insecure if the network is trusted",
                self.listen
            ));
        }
        if max_files == 0 || self.limits.max_connections == 0 {
            return contradiction(
                "--max-files and --max-connections must be at least 1".to_owned(),
            );
        }
        if self.threads == Some(0) {
            return contradiction("--threads must be at least 1".to_owned());
        }
        if max_queue.max(self.limits.max_connections) > Semaphore::MAX_PERMITS {
            return contradiction(format!(
                "--max-queue and --max-connections must be at most {}",
                Semaphore::MAX_PERMITS
            ));
        }
        if max_queue < max_files {
            return contradiction(format!(
                "--max-queue {max_queue} is less than --max-files {max_files}: a full call could \
                 never be answered"
            ));
        }
        if max_upload_bytes < max_body_bytes {
            return contradiction(format!(
                "--max-upload-bytes {max_upload_bytes} is less than --max-body-bytes \
                 {max_body_bytes}: a full body could never be read"
            ));
        }
        Ok(self)
    }
}

impl Limits {
    /// Time in which a request must have arrived, and in which its answer must be taken.
    #[must_use]
    pub fn receive_time(&self) -> Duration {
        Duration::from_secs(self.receive_seconds)
    }

    /// Time that requests under way get when the service stops.
    #[must_use]
    pub fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// The TOML file. Each key is a setting's name; a key that is left out sets nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    listen: Option<SocketAddr>,
    store: Option<PathBuf>,
    bundle: Option<PathBuf>,
    engine: Option<EngineChoice>,
    precision: Option<PrecisionChoice>,
    onnxruntime: Option<PathBuf>,
    threads: Option<usize>,
    insecure: Option<bool>,
    allow_host: Option<Vec<String>>,
    #[serde(default, deserialize_with = "level")]
    log: Option<LevelFilter>,
    max_body_bytes: Option<usize>,
    max_files: Option<usize>,
    max_pixels: Option<u64>,
    max_queue: Option<usize>,
    max_upload_bytes: Option<usize>,
    max_connections: Option<usize>,
    receive_seconds: Option<u64>,
    drain_seconds: Option<u64>,
}

/// `tracing` reads a level from text, and knows no serde.
fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LevelFilter>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

impl FileSettings {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| in_file(path, &error))?;
        toml::from_str(&text).map_err(|error| in_file(path, &error))
    }

    /// Sets what neither a flag nor the environment has set.
    fn fill(self, config: &mut Config, given: &Given<'_>) {
        given.or("listen", &mut config.listen, self.listen);
        given.or("store", &mut config.store, self.store.map(Some));
        given.or("bundle", &mut config.bundle, self.bundle.map(Some));
        given.or("engine", &mut config.engine, self.engine);
        given.or("precision", &mut config.precision, self.precision);
        given.or("onnxruntime", &mut config.onnxruntime, self.onnxruntime.map(Some));
        given.or("threads", &mut config.threads, self.threads.map(Some));
        given.or("insecure", &mut config.insecure, self.insecure);
        given.or("allow_host", &mut config.allow_host, self.allow_host);
        given.or("log", &mut config.log, self.log);
        let limits = &mut config.limits;
        given.or("max_body_bytes", &mut limits.max_body_bytes, self.max_body_bytes);
        given.or("max_files", &mut limits.max_files, self.max_files);
        given.or("max_pixels", &mut limits.max_pixels, self.max_pixels);
        given.or("max_queue", &mut limits.max_queue, self.max_queue);
        given.or("max_upload_bytes", &mut limits.max_upload_bytes, self.max_upload_bytes);
        given.or("max_connections", &mut limits.max_connections, self.max_connections);
        given.or("receive_seconds", &mut limits.receive_seconds, self.receive_seconds);
        given.or("drain_seconds", &mut limits.drain_seconds, self.drain_seconds);
    }
}

/// What flags and environment have set.
struct Given<'a>(&'a ArgMatches);

impl Given<'_> {
    /// Takes the file's value unless a flag or the environment has set this one.
    fn or<T>(&self, name: &str, setting: &mut T, file: Option<T>) {
        let source = self.0.value_source(name);
        let is_set = source.is_some_and(|source| source != ValueSource::DefaultValue);
        if let Some(value) = file.filter(|_| !is_set) {
            *setting = value;
        }
    }
}

/// The parser draws the place of an error over several lines; a message is one line.
fn in_file(path: &Path, error: &impl std::fmt::Display) -> ConfigError {
    let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    ConfigError::File { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
    fn the_file_is_read_and_a_flag_wins_over_it() {
        let file = "max_files = 3\nmax_queue = 5\ninsecure = true\nallow_host = [\"a\", \"b\"]\n";
        let config = with_file(file, &["--max-files", "4"]).unwrap();
        assert_eq!((config.limits.max_files, config.limits.max_queue), (4, 5));
        assert!(config.insecure);
        assert_eq!(config.allow_host, ["a", "b"]);
    }

    #[test]
    fn every_setting_is_a_key_of_the_file() {
        let keys = Config::command();
        let keys = keys.get_arguments().map(|argument| argument.get_id().as_str());
        // An unknown key is answered with the known ones.
        let error = with_file("unknown = 1", &[]).unwrap_err().to_string();
        for key in keys.filter(|key| !["config", "help", "version"].contains(key)) {
            assert!(error.contains(&format!("`{key}`")), "{key}: {error}");
        }
    }

    #[test]
    fn wrong_values_in_the_file_are_named() {
        for (file, expected) in [
            ("max_fils = 3", "unknown field `max_fils`"),
            ("max_files = \"many\"", "string \"many\""),
            ("max_files = 3.5", "max_files = 3.5"),
            ("log = \"loud\"", "log = \"loud\""),
            ("max_files", "TOML parse error"),
            ("config = \"other.toml\"", "unknown field `config`"),
        ] {
            let error = with_file(file, &[]).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("handful.toml"), "{error}");
        }
    }

    #[test]
    fn other_machines_are_let_in_only_on_purpose() {
        let error = resolve(&["--listen", "0.0.0.0:8080"]).unwrap_err().to_string();
        assert!(error.contains("--insecure"), "{error}");
        assert!(resolve(&["--listen", "0.0.0.0:8080", "--insecure"]).is_ok());
        assert!(resolve(&["--listen", "[::1]:8080"]).is_ok());
    }

    #[test]
    fn limits_that_would_refuse_everything_are_refused() {
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

//! The configuration: every setting, resolved before anything runs.
//!
//! The crate `settings` has the settings, as flags, environment variables and keys of the TOML
//! file. Here they become what the service works with, or are refused.

mod arguments;
mod limits;

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{Arg, CommandFactory};
use edge::device::DeviceSettings;
use models::fault::{Blame, Fault};
use settings::{Device, Service, SettingsError, SettingsFile};
use tracing::level_filters::LevelFilter;

use arguments::Arguments;
pub use limits::Limits;
pub use settings::{BasePath, Listen, TlsFiles, TrustedProxy};

/// The longest time that the engine may wait for more images, in milliseconds.
const MAX_BATCH_WAIT: u64 = 1000;

/// The resolved settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Certificate and key, if TLS is wanted.
    pub tls: Option<TlsFiles>,
    /// Bundle, engine and store.
    pub device: DeviceSettings,
    /// Make a key and a certificate if other machines can reach the service and there are none.
    pub setup: bool,
    /// Let other machines in without keys.
    pub insecure: bool,
    /// Refuse every change.
    pub read_only: bool,
    /// Additional host names of this service.
    pub allow_host: Vec<String>,
    /// The path under which a reverse proxy offers the service.
    pub base_path: BasePath,
    /// Who may name the address of a client.
    pub trusted_proxy: Vec<TrustedProxy>,
    /// Log level.
    pub log: LevelFilter,
    /// Limits of requests.
    pub limits: Limits,
    /// How long the engine waits for more images before it runs those that wait.
    pub batch_wait: Duration,
    /// Ask the running service for its health instead of starting one.
    pub check_health: bool,
}

/// Why the service does not start with these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The command line or the environment; also `--help` and `--version`.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The TOML file, a limit out of its range, or settings that cannot be used together.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No error: the text that `--print-config` asks for.
    #[error("{0}")]
    Template(String),
}

impl Fault for ConfigError {
    fn blame(&self) -> Blame {
        match self {
            Self::Settings(error) => error.blame(),
            Self::Usage(_) | Self::Template(_) => Blame::Input,
        }
    }
}

impl Config {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    /// [`ConfigError`] in one line: the setting, what is wrong, what is expected.
    pub fn resolve(args: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let arguments = terminal::parse_from::<Arguments>(args)?;
        let Arguments { service, device, config, print_config, check_health } = arguments;
        if print_config {
            return Err(ConfigError::Template(settings::template()));
        }
        let file = config.as_deref().map(SettingsFile::read).transpose()?;
        let config = Self::new(service.over(file.as_ref())?, device.over(file.as_ref())?)?;
        Ok(Self { check_health, ..config })
    }

    /// The environment variables that look like settings and are none: those of an earlier version,
    /// or mistyped.
    #[must_use]
    pub fn unknown_variables() -> Vec<String> {
        let command = Arguments::command();
        let known: Vec<&OsStr> = command.get_arguments().filter_map(Arg::get_env).collect();
        let names = std::env::vars_os().map(|(name, _)| name);
        let unknown = names.filter(|name| !known.contains(&name.as_os_str()));
        let names = unknown.filter_map(|name| name.into_string().ok());
        names.filter(|name| name.starts_with("HANDFUL_")).collect()
    }

    fn new(service: Service, device: Device) -> Result<Self, SettingsError> {
        let limits = Limits::new(&service, device.max_pixels);
        limits.check().map_err(SettingsError::Contradiction)?;
        Ok(Self {
            tls: service.tls()?,
            device: device.checked()?,
            listen: service.listen,
            setup: service.setup,
            insecure: service.insecure,
            read_only: service.read_only,
            allow_host: service.allow_host,
            base_path: service.base_path,
            trusted_proxy: service.trusted_proxy,
            log: service.log,
            limits,
            batch_wait: batch_wait(service.batch_wait)?,
            check_health: false,
        })
    }
}

fn batch_wait(milliseconds: u64) -> Result<Duration, SettingsError> {
    match milliseconds {
        0..=MAX_BATCH_WAIT => Ok(Duration::from_millis(milliseconds)),
        _ => Err(SettingsError::Contradiction(format!(
            "--batch-wait {milliseconds}: expected 0 to {MAX_BATCH_WAIT} milliseconds"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edge::device::Threads;

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
        let help = Arguments::command().render_long_help().to_string();
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
    fn settings_of_a_network_are_resolved() {
        let none = resolve(&[]).unwrap();
        assert_eq!((none.tls, none.base_path.as_str(), none.setup), (None, "", false));
        assert!(none.trusted_proxy.is_empty());
        let file = "tls_cert = \"c.pem\"\ntls_key = \"k.pem\"\nbase_path = \"/handful/\"\n";
        let args = ["--listen=unix:/run/h.sock", "--trusted-proxy=unix,10.0.0.0/8", "--setup"];
        let config = with_file(file, &args).unwrap();
        let tls = TlsFiles { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(config.tls, Some(tls));
        assert_eq!(config.listen, Listen::Unix("/run/h.sock".into()));
        assert_eq!(config.base_path.as_str(), "/handful");
        assert_eq!(config.trusted_proxy.first(), Some(&TrustedProxy::Unix));
        assert!(config.setup && config.trusted_proxy.len() == 2);
        let error = with_file("tls_cert = \"c.pem\"", &[]).unwrap_err().to_string();
        assert!(error.contains("--tls-cert is set without --tls-key"), "{error}");
    }

    #[test]
    fn the_template_of_the_file_is_printed_whatever_else_is_set() {
        let printed = resolve(&["--print-config", "--config", "gone.toml"]).unwrap_err();
        let ConfigError::Template(text) = printed else { panic!("{printed}") };
        assert!(text.contains("#max_files = 64\n"), "{text}");
        let config = with_file(&text, &["--max-files", "3"]).unwrap();
        assert_eq!((config.limits.max_files, config.limits.max_queue), (3, 1024));
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
        let error = resolve(&["--batch-wait", "1001"]).unwrap_err().to_string();
        assert_eq!(error, "--batch-wait 1001: expected 0 to 1000 milliseconds");
        assert_eq!(resolve(&["--batch-wait", "2"]).unwrap().batch_wait, Duration::from_millis(2));
        assert_eq!(resolve(&[]).unwrap().batch_wait, Duration::ZERO);
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

//! Settings as given: flags with their environment variables, or the TOML file.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use clap::builder::FalseyValueParser;
use edge::device::{Flag, Threads};
use edge::engine::{EngineChoice, PrecisionChoice};
use serde::{Deserialize, Deserializer};
use tracing::level_filters::LevelFilter;

use super::listen::Listen;

const EXAMPLES: &str = "\
Examples:
  handful-server
  handful-server --listen 127.0.0.1:9000 --store ./store --engine cpu
  HANDFUL_BUNDLE=./bundles/mine handful-server --config /etc/handful.toml

Every setting but --config is also an environment variable and a key of the TOML file: --max-files
is HANDFUL_MAX_FILES and max_files. A flag overrides the environment, the environment overrides the
file. One program at a time can use a store.

On a processor the service needs at most 3 x the size of the network file + --max-buffer-bytes + 12
bytes x --max-pixels + 256 KiB x --max-connections + 224 MiB of memory, and the gallery: about 1.0
GiB with the defaults, if all limits are reached at once. A gallery that keeps the files of images
(keep_images: original) needs 3 x --max-body-bytes more while images are enrolled, and each export
or import of a gallery about 64 MiB and the size of its journal.

Clients share what is limited by their address: a client that takes its share gets status 429, and
others are served. 429 means that nothing was done: wait for the seconds of the header Retry-After
and send the request again. 503 with the code `deadline` means that the answer was not ready in
time; a client can ask for less time with the header Handful-Deadline-Ms.

Exit codes: 0 stopped as asked, 1 something failed (no engine works, the disk is full), 2 bad input.";

/// HTTP API and web page: enroll classes and classify images on this device
#[derive(Debug, Clone, Default, Parser, Deserialize)]
#[command(name = "handful-server", version, about, after_help = EXAMPLES, args_override_self = true)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on, such as 0.0.0.0:8080 or localhost:9000; an address without a
    /// port has 8080, a port without an address (:9000) only this machine; port 0 selects a free
    /// port [default: 127.0.0.1:8080]
    #[arg(long, env = "HANDFUL_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<Listen>,

    /// [`DeviceSettings::store`](edge::device::DeviceSettings::store).
    #[arg(long = Flag::STORE.long, env = Flag::STORE.env)]
    #[arg(value_name = Flag::STORE.value, help = Flag::STORE.help)]
    pub store: Option<PathBuf>,

    /// [`DeviceSettings::bundle`](edge::device::DeviceSettings::bundle).
    #[arg(long = Flag::BUNDLE.long, env = Flag::BUNDLE.env)]
    #[arg(value_name = Flag::BUNDLE.value, help = Flag::BUNDLE.help)]
    pub bundle: Option<PathBuf>,

    /// [`DeviceSettings::engine`](edge::device::DeviceSettings::engine).
    #[arg(long = Flag::ENGINE.long, env = Flag::ENGINE.env)]
    #[arg(value_name = Flag::ENGINE.value, help = Flag::ENGINE.help)]
    pub engine: Option<EngineChoice>,

    /// [`DeviceSettings::precision`](edge::device::DeviceSettings::precision).
    #[arg(long = Flag::PRECISION.long, env = Flag::PRECISION.env)]
    #[arg(value_name = Flag::PRECISION.value, help = Flag::PRECISION.help)]
    pub precision: Option<PrecisionChoice>,

    /// [`DeviceSettings::onnxruntime`](edge::device::DeviceSettings::onnxruntime).
    #[arg(long = Flag::ONNXRUNTIME.long, env = Flag::ONNXRUNTIME.env)]
    #[arg(value_name = Flag::ONNXRUNTIME.value, help = Flag::ONNXRUNTIME.help)]
    pub onnxruntime: Option<PathBuf>,

    /// [`DeviceSettings::threads`](edge::device::DeviceSettings::threads).
    #[arg(long = Flag::THREADS.long, env = Flag::THREADS.env)]
    #[arg(value_name = Flag::THREADS.value, help = Flag::THREADS.help)]
    pub threads: Option<Threads>,

    /// TOML file with settings
    #[arg(long, env = "HANDFUL_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Permit a --listen address that other machines can reach. The service has no authentication:
    /// they can read and change all classes
    #[arg(long, env = "HANDFUL_INSECURE", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_name = "BOOL",
        value_parser = FalseyValueParser::new())]
    pub insecure: Option<bool>,

    /// Classify, and refuse every change; the store may be on a read-only file system
    #[arg(long, env = "HANDFUL_READ_ONLY", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_name = "BOOL",
        value_parser = FalseyValueParser::new())]
    pub read_only: Option<bool>,

    /// Also answer requests for this host name (HTTP header `Host`); names other than localhost, IP
    /// addresses and those given here are refused; can be repeated
    #[arg(long, env = "HANDFUL_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub allow_host: Vec<String>,

    /// Log level on standard error: error, warn, info, debug or off [default: warn]
    #[arg(long, env = "HANDFUL_LOG", value_name = "LEVEL")]
    #[serde(deserialize_with = "parsed")]
    pub log: Option<LevelFilter>,

    /// Bytes of one request body [default: 16777216]
    #[arg(long, env = "HANDFUL_MAX_BODY_BYTES", value_name = "N", help_heading = "Limits")]
    pub max_body_bytes: Option<usize>,

    /// Images in one request [default: 64]
    #[arg(long, env = "HANDFUL_MAX_FILES", value_name = "N", help_heading = "Limits")]
    pub max_files: Option<usize>,

    /// [`DeviceSettings::max_pixels`](edge::device::DeviceSettings::max_pixels).
    #[arg(long = Flag::MAX_PIXELS.long, env = Flag::MAX_PIXELS.env, help_heading = "Limits")]
    #[arg(value_name = Flag::MAX_PIXELS.value, help = Flag::MAX_PIXELS.help)]
    pub max_pixels: Option<u64>,

    /// Images that wait or are being processed; an address has at most three eighths of them, and
    /// gets status 429 beyond [default: 1024]
    #[arg(long, env = "HANDFUL_MAX_QUEUE", value_name = "N", help_heading = "Limits")]
    pub max_queue: Option<usize>,

    /// Bytes of all request bodies and answers in memory; an address has at most three eighths of
    /// them, and gets status 429 beyond [default: 268435456]
    #[arg(long, env = "HANDFUL_MAX_BUFFER_BYTES", value_name = "N", help_heading = "Limits")]
    pub max_buffer_bytes: Option<usize>,

    /// Classes of a gallery; a call that would make more gets status 409 [default: 20000]
    #[arg(long, env = "HANDFUL_MAX_CLASSES", value_name = "N", help_heading = "Limits")]
    pub max_classes: Option<usize>,

    /// Examples of a gallery, with those of none of its classes; a call that would make more gets
    /// status 409 [default: 200000]
    #[arg(long, env = "HANDFUL_MAX_EXAMPLES", value_name = "N", help_heading = "Limits")]
    pub max_examples: Option<usize>,

    /// Bytes that the store takes on the disk; a call that would make it larger gets status 409,
    /// and deleting, undoing and purging still work [default: 8589934592]
    #[arg(long, env = "HANDFUL_MAX_STORE_BYTES", value_name = "N", help_heading = "Limits")]
    pub max_store_bytes: Option<u64>,

    /// Bytes of the file of a gallery that is imported; it is kept beside the store meanwhile
    /// [default: 2147483648]
    #[arg(long, env = "HANDFUL_MAX_IMPORT_BYTES", value_name = "N", help_heading = "Limits")]
    pub max_import_bytes: Option<usize>,

    /// Open connections; an address has at most three eighths of them. Beyond, idle ones and those
    /// that wait for their clients are closed; where all work, only /livez and /readyz are answered
    /// [default: 256]
    #[arg(long, env = "HANDFUL_MAX_CONNECTIONS", value_name = "N", help_heading = "Limits")]
    pub max_connections: Option<usize>,

    /// Seconds that a client has to send a request, and again to read the response [default: 30]
    #[arg(long, env = "HANDFUL_RECEIVE_SECONDS", value_name = "N", help_heading = "Limits")]
    pub receive_seconds: Option<u64>,

    /// Seconds in which a request is answered, otherwise with status 503; a client asks for less
    /// with the header Handful-Deadline-Ms [default: 30]
    #[arg(long, env = "HANDFUL_DEADLINE_SECONDS", value_name = "N", help_heading = "Limits")]
    pub deadline_seconds: Option<u64>,

    /// Seconds in which a gallery is exported or imported [default: 600]
    #[arg(long, env = "HANDFUL_TRANSFER_SECONDS", value_name = "N", help_heading = "Limits")]
    pub transfer_seconds: Option<u64>,

    /// Seconds that running requests are given to finish at shutdown [default: 5]
    #[arg(long, env = "HANDFUL_DRAIN_SECONDS", value_name = "N", help_heading = "Limits")]
    pub drain_seconds: Option<u64>,
}

impl Settings {
    /// Reads the content of the TOML file.
    ///
    /// # Errors
    /// No TOML, an unknown key, or a value of the wrong type.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        toml::from_slice(bytes).map_err(|error| one_line(&error))
    }

    /// These settings; those not set are taken from `file`.
    #[must_use]
    pub fn or(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            store: self.store.or(file.store),
            bundle: self.bundle.or(file.bundle),
            engine: self.engine.or(file.engine),
            precision: self.precision.or(file.precision),
            onnxruntime: self.onnxruntime.or(file.onnxruntime),
            threads: self.threads.or(file.threads),
            config: self.config,
            insecure: self.insecure.or(file.insecure),
            read_only: self.read_only.or(file.read_only),
            allow_host: if self.allow_host.is_empty() { file.allow_host } else { self.allow_host },
            log: self.log.or(file.log),
            max_body_bytes: self.max_body_bytes.or(file.max_body_bytes),
            max_files: self.max_files.or(file.max_files),
            max_pixels: self.max_pixels.or(file.max_pixels),
            max_queue: self.max_queue.or(file.max_queue),
            max_buffer_bytes: self.max_buffer_bytes.or(file.max_buffer_bytes),
            max_classes: self.max_classes.or(file.max_classes),
            max_examples: self.max_examples.or(file.max_examples),
            max_store_bytes: self.max_store_bytes.or(file.max_store_bytes),
            max_import_bytes: self.max_import_bytes.or(file.max_import_bytes),
            max_connections: self.max_connections.or(file.max_connections),
            receive_seconds: self.receive_seconds.or(file.receive_seconds),
            deadline_seconds: self.deadline_seconds.or(file.deadline_seconds),
            transfer_seconds: self.transfer_seconds.or(file.transfer_seconds),
            drain_seconds: self.drain_seconds.or(file.drain_seconds),
        }
    }
}

/// A value that the file holds as text.
fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn one_line(error: &impl Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_setting_of_the_device_is_a_flag_as_defined_once() {
        let command = Settings::command();
        for Flag { long, env, value, help, .. } in Flag::ALL {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(long)).unwrap();
            assert_eq!(arg.get_env().unwrap(), env);
            assert_eq!(arg.get_value_names().unwrap(), [value]);
            assert_eq!(arg.get_help().unwrap().to_string(), help);
        }
    }
}

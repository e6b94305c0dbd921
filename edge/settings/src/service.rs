//! The settings of the service only.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::FalseyValueParser;
use confique::Config;
use serde::{Deserialize, Deserializer};
use tracing::level_filters::LevelFilter;

use crate::base_path::BasePath;
use crate::error::SettingsError;
use crate::listen::Listen;
use crate::tls::TlsFiles;
use crate::trusted_proxy::TrustedProxy;

/// Settings of handful-server, which the command handful ignores.
#[derive(Debug, Clone, Config)]
#[config(layer_attr(derive(Debug, clap::Args)))]
pub struct Service {
    /// Address and port to listen on, such as 0.0.0.0:8080 or localhost:9000; an address without a
    /// port has 8080, a port without an address (:9000) only this machine; port 0 selects a free
    /// port. Or a socket of this machine: unix:/run/handful.sock
    #[config(env = "HANDFUL_LISTEN", default = "127.0.0.1:8080")]
    #[config(layer_attr(arg(long, value_name = "ADDRESS")))]
    pub listen: Listen,

    /// Certificate chain (PEM) for TLS; needs --tls-key. Both are read again when they change
    #[config(env = "HANDFUL_TLS_CERT")]
    #[config(layer_attr(arg(long, value_name = "FILE")))]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM) of the certificate of --tls-cert
    #[config(env = "HANDFUL_TLS_KEY")]
    #[config(layer_attr(arg(long, value_name = "FILE")))]
    pub tls_key: Option<PathBuf>,

    /// If other machines can reach --listen and there is no key or no certificate yet: make both in
    /// the store at the start, and print the key once
    #[config(env = "HANDFUL_SETUP", default = false)]
    #[config(layer_attr(arg(long, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_name = "BOOL",
        value_parser = FalseyValueParser::new())))]
    pub setup: bool,

    /// Permit a --listen address that other machines can reach without keys: they can read and
    /// change all classes
    #[config(env = "HANDFUL_INSECURE", default = false)]
    #[config(layer_attr(arg(long, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_name = "BOOL",
        value_parser = FalseyValueParser::new())))]
    pub insecure: bool,

    /// Classify, and refuse every change; the store may be on a read-only file system
    #[config(env = "HANDFUL_READ_ONLY", default = false)]
    #[config(layer_attr(arg(long, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_name = "BOOL",
        value_parser = FalseyValueParser::new())))]
    pub read_only: bool,

    /// Also answer requests for this host name (HTTP header `Host`); names other than localhost, IP
    /// addresses, the own names of this machine and those given here are refused; can be repeated
    #[config(env = "HANDFUL_ALLOW_HOST", default = [])]
    #[config(layer_attr(arg(long, value_name = "NAME", value_delimiter = ',')))]
    pub allow_host: Vec<String>,

    /// Path under which a reverse proxy offers the service, such as /handful
    #[config(env = "HANDFUL_BASE_PATH", default = "/")]
    #[config(layer_attr(arg(long, value_name = "PATH")))]
    pub base_path: BasePath,

    /// Reverse proxy whose header X-Forwarded-For names the client: an address, a network such as
    /// 10.0.0.0/8, or unix for all clients of a unix socket; separated by commas, can be repeated
    #[config(env = "HANDFUL_TRUSTED_PROXY", default = [])]
    #[config(layer_attr(arg(long, value_name = "LIST", value_delimiter = ',')))]
    pub trusted_proxy: Vec<TrustedProxy>,

    /// Log level on standard error: error, warn, info, debug or off
    #[config(env = "HANDFUL_LOG", default = "warn", deserialize_with = parsed)]
    #[config(layer_attr(arg(long, value_name = "LEVEL")))]
    pub log: LevelFilter,

    /// Bytes of one request body
    #[config(env = "HANDFUL_MAX_BODY_BYTES", default = 16_777_216)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_body_bytes: usize,

    /// Images in one request
    #[config(env = "HANDFUL_MAX_FILES", default = 64)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_files: usize,

    /// Images that wait or are being processed; an address has at most three eighths of them, and
    /// gets status 429 beyond
    #[config(env = "HANDFUL_MAX_QUEUE", default = 1024)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_queue: usize,

    /// Milliseconds that the engine waits for more images to run them together; a GPU may want 2
    #[config(env = "HANDFUL_BATCH_WAIT", default = 0)]
    #[config(layer_attr(arg(long, value_name = "MS")))]
    pub batch_wait: u64,

    /// Bytes of all request bodies and answers in memory; an address has at most three eighths of
    /// them, and gets status 429 beyond
    #[config(env = "HANDFUL_MAX_BUFFER_BYTES", default = 268_435_456)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_buffer_bytes: usize,

    /// Classes of a gallery; a call that would make more gets status 409
    #[config(env = "HANDFUL_MAX_CLASSES", default = 20_000)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_classes: usize,

    /// Examples of a gallery, with those of none of its classes; a call that would make more gets
    /// status 409
    #[config(env = "HANDFUL_MAX_EXAMPLES", default = 200_000)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_examples: usize,

    /// Bytes that the store takes on the disk; a call that would make it larger gets status 409,
    /// and deleting, undoing and purging still work
    #[config(env = "HANDFUL_MAX_STORE_BYTES", default = 8_589_934_592_u64)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_store_bytes: u64,

    /// Bytes of the file of a gallery that is imported; it is kept beside the store meanwhile
    #[config(env = "HANDFUL_MAX_IMPORT_BYTES", default = 2_147_483_648_usize)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_import_bytes: usize,

    /// Open connections; an address has at most three eighths of them. Beyond, idle ones and those
    /// that wait for their clients are closed; where all work, only /livez and /readyz are answered
    #[config(env = "HANDFUL_MAX_CONNECTIONS", default = 256)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub max_connections: usize,

    /// Seconds that a client has to send a request, and again to read the response
    #[config(env = "HANDFUL_RECEIVE_SECONDS", default = 30)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub receive_seconds: u64,

    /// Seconds in which a request is answered, otherwise with status 503; a client asks for less
    /// with the header Handful-Deadline-Ms
    #[config(env = "HANDFUL_DEADLINE_SECONDS", default = 30)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub deadline_seconds: u64,

    /// Seconds in which a gallery is exported or imported
    #[config(env = "HANDFUL_TRANSFER_SECONDS", default = 600)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub transfer_seconds: u64,

    /// Seconds that running requests are given to finish at shutdown
    #[config(env = "HANDFUL_DRAIN_SECONDS", default = 5)]
    #[config(layer_attr(arg(long, value_name = "N", help_heading = "Limits")))]
    pub drain_seconds: u64,
}

impl Service {
    /// Certificate and key, if TLS is wanted.
    ///
    /// # Errors
    /// [`SettingsError::Contradiction`] if only one of the two is set.
    pub fn tls(&self) -> Result<Option<TlsFiles>, SettingsError> {
        let (given, missing) = match (&self.tls_cert, &self.tls_key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => {
                let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
                return Ok(Some(files));
            }
            (Some(_), None) => ("--tls-cert", "--tls-key"),
            (None, Some(_)) => ("--tls-key", "--tls-cert"),
        };
        Err(SettingsError::Contradiction(format!(
            "{given} is set without {missing}: TLS needs both files; set both, or none"
        )))
    }
}

/// A value that the file holds as text.
fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::cases::both;
    use crate::{BasePath, Listen};

    #[test]
    fn tls_needs_both_files() {
        let (service, _) = both("tls_key = \"k\"", &["--tls-cert", "c"]).unwrap();
        let files = service.tls().unwrap().unwrap();
        assert_eq!((files.certificate, files.key), ("c".into(), "k".into()));
        assert_eq!(both("", &[]).unwrap().0.tls().unwrap(), None);
        for (given, missing) in [("--tls-cert", "--tls-key"), ("--tls-key", "--tls-cert")] {
            let (service, _) = both("", &[given, "x"]).unwrap();
            let error = service.tls().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{given} is set without {missing}")), "{error}");
        }
    }

    #[test]
    fn paths_and_sockets_are_read() {
        let args = ["--listen", "unix:/run/h.sock", "--base-path", "/handful/", "--setup"];
        let (service, _) = both("", &args).unwrap();
        assert_eq!(service.listen, Listen::Unix("/run/h.sock".into()));
        assert_eq!(service.base_path, "/handful".parse::<BasePath>().unwrap());
        assert!(service.setup && !service.insecure);
    }
}

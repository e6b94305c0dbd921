//! The command line of the service, with its help text.

use std::path::PathBuf;

use clap::Parser;
use settings::{Device, Flags, Service};

const EXAMPLES: &str = "\
Examples:
  handful-server
  handful-server --listen 127.0.0.1:9000 --store ./store --engine cpu
  handful-server --listen 0.0.0.0:8443 --setup
  handful-server --print-config > handful.toml
  handful-server --check-health
  HANDFUL_BUNDLE=./bundles/mine handful-server --config /etc/handful/handful.toml

On an address that other machines can reach, the service starts only when a key exists: `handful
keys add NAME --role admin` makes one and `handful tls self-signed` a certificate, or --setup makes
both. A request needs a key as soon as one exists, also on this machine.

Every setting is also an environment variable and, but for --config, a key of the TOML file, which
the command handful reads too: --max-files is HANDFUL_MAX_FILES and max_files. A flag overrides the
environment, the environment overrides the file. One program at a time can use a store.

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
#[derive(Debug, Parser)]
#[command(name = "handful-server", version, about, after_help = EXAMPLES)]
#[command(args_override_self = true)]
// The command has no limits but this one, and so no heading for them.
#[command(mut_arg("max_pixels", |arg| arg.help_heading("Limits")))]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) service: Flags<Service>,

    #[command(flatten)]
    pub(super) device: Flags<Device>,

    /// TOML file with settings
    #[arg(long, env = "HANDFUL_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Print a TOML file with all settings, their help texts and defaults, and end
    #[arg(long)]
    pub(super) print_config: bool,

    /// Ask the service that runs at --listen whether it is ready, and end with 0 if it is and 1 if
    /// not: the health check of a container
    #[arg(long, conflicts_with = "print_config")]
    pub(super) check_health: bool,
}

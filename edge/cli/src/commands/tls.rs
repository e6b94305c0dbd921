//! `handful tls`: the certificate of the service.

use std::fmt;
use std::path::PathBuf;

use access::certificate::{CertificateFiles, DEFAULT_DAYS, SelfSigned, local_names};
use clap::{Args, Subcommand};
use edge::device::Device;
use models::disk::private;
use models::fault::AnyFault;
use serde::Serialize;
use terminal::note;

use crate::text::show;

const EXAMPLES: &str = "\
Examples:
  handful tls self-signed                          for this machine, in the folder tls of the store
  handful tls self-signed --name cam.example.com --name 10.0.0.7
  handful tls self-signed --out /etc/handful/tls --days 90
  handful tls self-signed --force                  before the one that is there ends

A browser warns of such a certificate once: no authority vouches for it. Compare the fingerprint
that the browser shows with the one that is printed here, then let it continue. Programs take the
file as an authority: curl --cacert cert.pem https://…";

/// Make a certificate for the service, so that browsers reach it by https
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and a certificate that it signs itself: key.pem and cert.pem
    SelfSigned(SelfSignedOptions),
}

#[derive(Debug, Args)]
struct SelfSignedOptions {
    /// Folder for cert.pem and key.pem [default: tls in the store]; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Host name or address of the service; can be repeated. Only these are taken [default:
    /// localhost, the name of this machine, its name with .local, and its addresses]
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,

    /// Days that it is valid, from now on; Apple's systems refuse more than 824
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,

    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    match &options.action {
        Action::SelfSigned(made) => self_signed(made, options.json, device),
    }
}

fn self_signed(options: &SelfSignedOptions, json: bool, device: &Device) -> Result<(), AnyFault> {
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => CertificateFiles::folder_in_store(&device.store_dir()?),
    };
    let names = match options.names.is_empty() {
        true => local_names(),
        false => options.names.clone(),
    };
    let made = SelfSigned::make_for(&names, options.days)?;
    let files = made.write(&folder, options.force)?;
    if private::may_all_replace(&folder) {
        note!(
            "warning: every user of this machine may replace the files of {}, and so stand between \
             the service and its clients; forbid it with: chmod o-w \"{}\"",
            folder.display(),
            folder.display()
        );
    }
    show(&Answer::of(&made, &files), json)
}

#[derive(Debug, Serialize)]
struct Answer {
    certificate: String,
    key: String,
    names: Vec<String>,
    valid_until: String,
    /// Of the certificate, as browsers show it.
    sha256: String,
}

impl Answer {
    fn of(made: &SelfSigned, files: &CertificateFiles) -> Self {
        Self {
            certificate: files.certificate.display().to_string(),
            key: files.key.display().to_string(),
            names: made.names().to_vec(),
            valid_until: made.valid_until(),
            sha256: made.fingerprint(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key, names, valid_until, sha256 } = self;
        let day = valid_until.split('T').next().unwrap_or(valid_until);
        writeln!(f, "certificate  {certificate}")?;
        writeln!(f, "key          {key}")?;
        writeln!(f, "for          {}", names.join(", "))?;
        writeln!(f, "valid until  {day}")?;
        writeln!(f, "SHA-256      {sha256}")?;
        writeln!(
            f,
            "use it with: handful-server --listen 0.0.0.0:8080 --tls-cert \"{certificate}\" \
             --tls-key \"{key}\""
        )
    }
}

//! Why no certificate was made or written.

use std::path::PathBuf;

use models::disk::DiskError;
use models::fault::{Blame, Fault};

/// The most names of a certificate: it is sent at the beginning of every connection.
pub const MAX_NAMES: usize = 50;

/// Why no certificate was made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No name was given.
    #[error("a certificate needs a name; expected the host names and addresses of the service")]
    NoName,
    /// More names than [`MAX_NAMES`].
    #[error("a certificate has at most {MAX_NAMES} names, got {0}; leave some out")]
    TooManyNames(usize),
    /// A name is no host name and no address.
    #[error(
        "`{0}` is no name for a certificate; expected a host name such as pi.local or an address \
         such as 192.168.1.7, without https:// and port"
    )]
    BadName(String),
    /// There is a file already.
    #[error("{} exists already; replace it with --force, or name another folder", .0.display())]
    Exists(PathBuf),
    /// Something else than a file has its place.
    #[error("{} is no regular file; move it away, or name another folder", .0.display())]
    NotAFile(PathBuf),
    /// The certificate was not signed.
    #[error("cannot make a certificate: {0}")]
    Signing(#[from] rcgen::Error),
    /// A file or the folder cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Fault for CertificateError {
    fn blame(&self) -> Blame {
        match self {
            Self::NoName
            | Self::TooManyNames(_)
            | Self::BadName(_)
            | Self::Exists(_)
            | Self::NotAFile(_) => Blame::Input,
            Self::Signing(_) => Blame::Machine,
            Self::Disk(error) => error.blame(),
        }
    }
}

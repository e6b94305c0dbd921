//! The certificate that a service makes for itself, so that a browser uses its camera without a
//! certificate of an authority.
//!
//! A browser warns of it once, since no authority vouches for it. Whoever compares the fingerprint
//! knows that no one stands between.
//!
//! # Examples
//! ```
//! use access::certificate::SelfSigned;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let made = SelfSigned::make(&["pi.local".to_owned(), "192.168.1.7".to_owned()])?;
//! let files = made.write(folder.path(), false)?;
//! assert!(files.certificate.ends_with("cert.pem") && files.key.ends_with("key.pem"));
//! assert_eq!(made.fingerprint().len(), 95);
//! # Ok::<(), access::certificate::CertificateError>(())
//! ```

mod error;
mod names;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use models::disk::private;
use models::utc;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use sha2::{Digest, Sha256};

pub use error::{CertificateError, MAX_NAMES};
pub use names::local_names;

/// How long a certificate is valid from now on, unless another time is asked for. Apple's systems
/// refuse those of more than 825 days in all, and it begins a day ago.
pub const DEFAULT_DAYS: u16 = 820;

/// The folder of the certificate in the folder of a store.
const FOLDER: &str = "tls";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most characters of the name of a subject (`ub-common-name` of RFC 5280).
const MAX_SUBJECT_CHARS: usize = 64;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM, PKCS #8).
    pub key: PathBuf,
}

impl CertificateFiles {
    /// The files of a store: `tls/cert.pem` and `tls/key.pem`.
    #[must_use]
    pub fn in_store(store: &Path) -> Self {
        Self::in_folder(&Self::folder_in_store(store))
    }

    /// The folder of the files of a store.
    #[must_use]
    pub fn folder_in_store(store: &Path) -> PathBuf {
        store.join(FOLDER)
    }

    fn in_folder(folder: &Path) -> Self {
        Self { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
    }
}

/// A certificate that is signed with its own key (ECDSA with P-256 and SHA-256).
pub struct SelfSigned {
    /// The certificate (PEM).
    pub certificate_pem: String,
    /// Its private key (PEM, PKCS #8).
    pub key_pem: String,
    names: Vec<String>,
    valid_until_ms: u64,
    sha256: [u8; 32],
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificate = &self.certificate_pem;
        // Never the key.
        f.debug_struct("SelfSigned").field("certificate_pem", certificate).finish_non_exhaustive()
    }
}

impl SelfSigned {
    /// Makes a certificate for host names and addresses, valid for [`DEFAULT_DAYS`] days.
    ///
    /// # Errors
    /// [`CertificateError`]: a name cannot be used, or there are none or too many.
    pub fn make(names: &[String]) -> Result<Self, CertificateError> {
        Self::make_for(names, DEFAULT_DAYS)
    }

    /// The same with another time. It begins a day ago: the clocks of clients may be behind.
    ///
    /// # Errors
    /// Those of [`SelfSigned::make`].
    pub fn make_for(names: &[String], days: u16) -> Result<Self, CertificateError> {
        let names = names::checked(names)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = Duration::from_secs(now.as_secs()) + DAY * u32::from(days);
        let params = params(&names, now.saturating_sub(DAY), until)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            names,
            valid_until_ms: 1000 * until.as_secs(),
            sha256: Sha256::digest(certificate.der()).into(),
        })
    }

    /// The host names and addresses that it is for.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When it ends (RFC 3339, UTC).
    #[must_use]
    pub fn valid_until(&self) -> String {
        utc::rfc3339(self.valid_until_ms)
    }

    /// The SHA-256 of the certificate as browsers show it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let bytes: Vec<String> = self.sha256.iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    /// Writes `cert.pem` and `key.pem` (mode 0600) into a folder, which is made if it is missing.
    /// Files that are there are replaced only if `replace` is set.
    ///
    /// # Errors
    /// [`CertificateError::Exists`], [`CertificateError::NotAFile`] and [`CertificateError::Disk`];
    /// then no file was changed, unless the disk failed between the two.
    pub fn write(
        &self,
        folder: &Path,
        replace: bool,
    ) -> Result<CertificateFiles, CertificateError> {
        let files = CertificateFiles::in_folder(folder);
        for path in [&files.certificate, &files.key] {
            check_free(path, replace)?;
        }
        private::create_folder(folder)?;
        private::write_all(&[
            (files.key.clone(), self.key_pem.as_bytes()),
            (files.certificate.clone(), self.certificate_pem.as_bytes()),
        ])?;
        Ok(files)
    }
}

fn check_free(path: &Path, replace: bool) -> Result<(), CertificateError> {
    // A link counts as what it is: it would be replaced, and not what it leads to.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Err(CertificateError::NotAFile(path.to_owned())),
        Ok(_) if !replace => Err(CertificateError::Exists(path.to_owned())),
        _ => Ok(()),
    }
}

/// What the certificate of a server has. `from` and `until` are times since 1970.
fn params(
    names: &[String],
    from: Duration,
    until: Duration,
) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(names)?;
    let subject: String = format!("Handful on {}", names::main(names));
    let subject: String = subject.chars().take(MAX_SUBJECT_CHARS).collect();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(from.as_secs());
    params.not_after = date_time_ymd(1970, 1, 1) + until;
    // It signs no other certificate, also where it is installed as trusted.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

#[cfg(test)]
mod tests;

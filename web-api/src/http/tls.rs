//! TLS of the connections: the certificate and its key, which are read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use models::disk::{self, DiskError};
use models::fault::{Blame, Fault};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, CertificateError, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::config::TlsFiles;
use crate::file_stamp::FileStamp;

/// The most bytes of a certificate chain, and of a key.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// How often the files are looked at, at most.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The first byte of every TLS connection: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("TLS: {0}")]
    Disk(#[from] DiskError),
    /// A file without what it is for.
    #[error(
        "TLS: {} has no {what} that can be read: {reason}; expected a PEM file, as `handful tls \
         self-signed` makes it",
        path.display()
    )]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The key of another certificate.
    #[error(
        "TLS: the key {} is not that of the certificate {}; give the two files of one pair",
        key.display(), certificate.display()
    )]
    OtherKey {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A kind of certificate or key that is not supported.
    #[error("TLS: the certificate {} or its key cannot be used: {reason}", certificate.display())]
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Fault for TlsError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// The certificate of the service with its key.
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    pair: Pair,
    /// The files when they were last read.
    stamp: Stamp,
    /// When the files were last looked at.
    looked: Instant,
}

/// A pair that can be used.
struct Pair {
    config: Arc<ServerConfig>,
    fingerprint: String,
    is_expired: bool,
}

/// Certificate and key.
type Stamp = [FileStamp; 2];

/// What a client began on the port.
pub(super) enum Handshake {
    /// TLS, which is established.
    Secure(Box<TlsStream<TcpStream>>),
    /// Something else, such as HTTP without TLS; nothing of it was read.
    Plain(TcpStream),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let stamp = stamp(&files);
        let pair = Pair::read(&files)?;
        if pair.is_expired {
            warn_expired(&files);
        }
        let current = Mutex::new(Current { pair, stamp, looked: Instant::now() });
        Ok(Arc::new(Self { files, current }))
    }

    /// The certificate's file.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.files.certificate
    }

    /// The key's file.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.files.key
    }

    /// The SHA-256 of the certificate, as browsers show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.lock().pair.fingerprint.clone()
    }

    /// Establishes TLS on a new connection, unless its client begins with something else.
    ///
    /// # Errors
    /// The client breaks the connection, or has no version or cipher of TLS in common.
    pub(super) async fn accept(self: Arc<Self>, stream: TcpStream) -> io::Result<Handshake> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] != HANDSHAKE {
            return Ok(Handshake::Plain(stream));
        }
        let acceptor = TlsAcceptor::from(self.config().await);
        Ok(Handshake::Secure(Box::new(acceptor.accept(stream).await?)))
    }

    /// The settings of a handshake, with the pair as its files are now.
    async fn config(self: Arc<Self>) -> Arc<ServerConfig> {
        if self.is_time_to_look() {
            let this = Arc::clone(&self);
            // On a thread that may wait for the disk. After a panic the old pair is used.
            let _ = spawn_blocking(move || this.read_again()).await;
        }
        Arc::clone(&self.lock().pair.config)
    }

    fn is_time_to_look(&self) -> bool {
        let mut current = self.lock();
        let is_time = current.looked.elapsed() >= LOOK_AGAIN;
        if is_time {
            current.looked = Instant::now();
        }
        is_time
    }

    /// Takes the files if they changed and can be used.
    fn read_again(&self) {
        // Before they are read: a change meanwhile is seen the next time.
        let stamp = stamp(&self.files);
        if self.lock().stamp == stamp {
            return;
        }
        let read = Pair::read(&self.files);
        let mut current = self.lock();
        // Also of files that cannot be used, so that each change is reported once.
        current.stamp = stamp;
        match read {
            Ok(pair) => {
                if pair.is_expired {
                    warn_expired(&self.files);
                }
                current.pair = pair;
                tracing::info!("TLS: the certificate was read again");
            }
            Err(error) => tracing::warn!("the former certificate stays in use: {error}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn warn_expired(files: &TlsFiles) {
    tracing::warn!(
        "TLS: the certificate {} has expired, so clients refuse it; make or request a new one",
        files.certificate.display()
    );
}

fn stamp(files: &TlsFiles) -> Stamp {
    [FileStamp::of(&files.certificate), FileStamp::of(&files.key)]
}

impl Pair {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let key = private_key(&files.key)?;
        let provider = Arc::new(ring::default_provider());
        let is_expired = is_expired(&chain[0], &provider);
        let fingerprint = fingerprint(&chain[0]);
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("invariant: ring has ciphers of both versions")
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.map_err(|error| unusable(files, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), fingerprint, is_expired })
    }
}

/// The certificate and those that lead from it to its authority; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = disk::read(path, MAX_FILE_BYTES)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err(not_pem(path, "certificate", &pem::Error::NoItemsFound))
        }
        Ok(chain) => Ok(chain),
        Err(error) => Err(not_pem(path, "certificate", &error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = disk::read(path, MAX_FILE_BYTES)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| not_pem(path, "private key", &error))
}

fn not_pem(path: &Path, what: &'static str, error: &pem::Error) -> TlsError {
    // The library's own text would quote the file, which may be a key.
    let reason = match error {
        pem::Error::NoItemsFound => "the file holds none",
        _ => "its text is damaged",
    };
    TlsError::Pem { path: path.to_owned(), what, reason }
}

fn unusable(files: &TlsFiles, error: &rustls::Error) -> TlsError {
    let certificate = files.certificate.clone();
    match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::OtherKey { certificate, key: files.key.clone() }
        }
        other => TlsError::Unusable { certificate, reason: other.to_string() },
    }
}

/// Whether the time of a certificate is over.
// The verification by a client looks at the time first. It fails here in any case: no authority is
// trusted.
fn is_expired(certificate: &CertificateDer<'_>, provider: &rustls::crypto::CryptoProvider) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
        return false;
    };
    let algorithms = provider.signature_verification_algorithms.all;
    let roots = RootCertStore::empty();
    let now = UnixTime::now();
    let verified = verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], now, algorithms);
    matches!(
        verified,
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. }
        ))
    )
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate.as_ref());
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use access::certificate::SelfSigned;
    use tempfile::TempDir;

    use super::*;

    /// A folder with a pair of files.
    fn pair() -> (TempDir, TlsFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        write(&files, &made());
        (folder, files)
    }

    fn made() -> SelfSigned {
        SelfSigned::make(&["localhost".to_owned()]).unwrap()
    }

    fn write(files: &TlsFiles, made: &SelfSigned) {
        fs::write(&files.certificate, &made.certificate_pem).unwrap();
        fs::write(&files.key, &made.key_pem).unwrap();
    }

    fn error(files: TlsFiles) -> String {
        Tls::open(files).err().unwrap().to_string()
    }

    #[test]
    fn what_is_wrong_with_the_files_is_named_in_one_line() {
        let (_folder, files) = pair();
        assert!(Tls::open(files.clone()).is_ok());
        fs::write(&files.key, made().key_pem).unwrap();
        assert!(error(files.clone()).contains("is not that of the certificate"));
        fs::write(&files.key, "no key").unwrap();
        assert!(error(files.clone()).contains("key.pem has no private key"));
        fs::write(&files.certificate, "").unwrap();
        assert!(error(files.clone()).contains("cert.pem has no certificate"));
        let cut = made().certificate_pem;
        fs::write(&files.certificate, &cut[..cut.len() / 2]).unwrap();
        assert!(error(files.clone()).contains("damaged"));
        fs::remove_file(&files.certificate).unwrap();
        let error = error(files);
        assert!(error.contains("cert.pem") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_changed_pair_is_used_and_a_wrong_one_is_not() {
        let (_folder, files) = pair();
        let tls = Tls::open(files.clone()).unwrap();
        let first = tls.fingerprint();
        fs::write(&files.key, "no key").unwrap();
        tls.read_again();
        assert_eq!(tls.fingerprint(), first);
        write(&files, &made());
        tls.read_again();
        assert_ne!(tls.fingerprint(), first);
    }

    #[test]
    fn files_are_looked_at_once_a_second() {
        let (_folder, files) = pair();
        let tls = Tls::open(files).unwrap();
        assert!(!tls.is_time_to_look());
        tls.lock().looked -= LOOK_AGAIN;
        assert!(tls.is_time_to_look());
        assert!(!tls.is_time_to_look());
    }

    #[test]
    fn a_new_certificate_has_not_expired() {
        let (_folder, files) = pair();
        assert!(!Pair::read(&files).unwrap().is_expired);
    }
}

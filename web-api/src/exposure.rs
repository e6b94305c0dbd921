//! Who can reach the service, and whether keys and a certificate protect it.
//!
//! A service that other machines reach starts only with keys, unless `--insecure` opens it to all
//! of them. `--setup` makes what is missing.

use std::fmt;
use std::fs;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::Role;
use access::certificate::{CertificateFiles, SelfSigned, local_names};
use access::keys::{Keys, Secret};
use fast_qr::QRBuilder;
use models::disk::private;
use models::fault::{AnyFault, Message};
use tracing::warn;

use crate::config::{Config, Listen, TlsFiles};
use crate::http::tls::Tls;
use crate::systemd;

/// The name of the key that `--setup` makes.
const ADMIN: &str = "admin";

/// Where the service listens, and what protects it there.
pub struct Exposure {
    address: Listen,
    store: PathBuf,
    is_reachable: bool,
    tls: Option<Arc<Tls>>,
    /// How many there are; `None` if no key was ever made.
    keys: Option<usize>,
    shows_code: bool,
    made: Made,
}

/// What `--setup` made.
#[derive(Default)]
struct Made {
    key: Option<Secret>,
    has_certificate: bool,
}

impl Exposure {
    /// Looks at what there is. `command` is the command line that started the service.
    ///
    /// # Errors
    /// Other machines can reach the service, and there is no key; the key that `--setup` makes
    /// would be logged; the keys or the certificate cannot be read.
    pub fn check(
        config: &Config,
        address: Listen,
        store: &Path,
        command: &[String],
    ) -> Result<Self, AnyFault> {
        let is_beyond = is_beyond_this_machine(&address);
        // Only a proxy needs a path of its own.
        let is_proxied = !config.trusted_proxy.is_empty() || !config.base_path.as_str().is_empty();
        let is_reachable = is_beyond || is_proxied;
        let keys = Keys::read(store)?.map(|keys| keys.list().len());
        let files = tls_files(config, &address, store);
        if keys.is_none() && is_reachable && config.setup && systemd::logs_output() {
            return Err(logged(store).into());
        }
        if keys.is_none() && is_reachable && !config.insecure && !config.setup {
            let needs_certificate = is_beyond && files.is_none();
            return Err(refusal(&address, store, command, needs_certificate).into());
        }
        let tls = files.map(Tls::open).transpose()?;
        let is_shown = config.setup || (tls.is_some() && io::stdout().is_terminal());
        Ok(Self {
            address,
            store: store.to_owned(),
            is_reachable,
            tls,
            keys,
            shows_code: is_beyond && is_shown,
            made: Made::default(),
        })
    }

    /// Makes what is missing, if `--setup` asks for it. What [`Display`](fmt::Display) writes of
    /// this is the only place that shows the key, so the caller prints it soon.
    ///
    /// # Errors
    /// A file cannot be written, or a name of `--allow-host` is none of a certificate.
    pub fn set_up(&mut self, config: &Config) -> Result<(), AnyFault> {
        let is_beyond = is_beyond_this_machine(&self.address);
        if config.setup && self.tls.is_none() && is_beyond {
            let mut names = [local_names(), config.allow_host.clone()].concat();
            if let Listen::Tcp(address) = &self.address {
                names.push(toward_the_network(*address).ip().to_string());
            }
            let folder = CertificateFiles::folder_in_store(&self.store);
            let CertificateFiles { certificate, key } =
                SelfSigned::make(&names)?.write(&folder, false)?;
            self.tls = Some(Tls::open(TlsFiles { certificate, key })?);
            self.made.has_certificate = true;
        }
        // Last: little may fail between making a key and showing it.
        if config.setup && self.is_reachable && self.keys.is_none() {
            self.made.key = Some(Keys::add(&self.store, ADMIN, Role::Admin, None)?);
            self.keys = Some(1);
        }
        self.warn_of_rights();
        if self.tls.is_none() && is_beyond {
            warn!(
                "connections from other machines are not encrypted: keys can be read on their way, \
                 and the cameras of phones need https; make a certificate with `handful tls \
                 self-signed --store {}`",
                quoted(&self.store.to_string_lossy())
            );
        }
        Ok(())
    }

    /// Whether a key was ever made.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// TLS of the connections.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Where clients find the service: an address that begins with http or https, or the path of a
    /// unix socket.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.address {
            Listen::Tcp(address) => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}", toward_the_network(*address))
            }
            unix @ Listen::Unix(_) => unix.to_string(),
        }
    }
}

/// The end of the start-up report: the certificate, the keys, what `--setup` made, and how a phone
/// finds the service.
impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tls) = &self.tls {
            writeln!(f, "  TLS     {}", tls.certificate().display())?;
        }
        match self.keys {
            None if self.is_reachable => {
                writeln!(f, "  keys    none made: everyone who reaches this address is admin")?;
            }
            None => writeln!(f, "  keys    none made: everyone on this machine is admin")?,
            Some(count) => writeln!(f, "  keys    required ({count} made)")?,
        }
        self.write_made(f)?;
        self.write_code(f)
    }
}

impl Exposure {
    /// What is secret should be so on this machine too.
    fn warn_of_rights(&self) {
        if Keys::is_exposed(&self.store) {
            let path = Keys::path(&self.store);
            let path = path.display();
            warn!("other users of this machine may read or write {path}: expected mode 0600");
        }
        if self.keys.is_some() && private::may_all_replace(&self.store) {
            let store = self.store.display();
            warn!("every user of this machine may replace the keys: all may write in {store}");
        }
        let key = self.tls.as_ref().map(|tls| tls.key());
        if let Some(key) = key.filter(|key| private::may_all_read(key)) {
            let key = key.display();
            warn!("every user of this machine may read {key}: expected mode 0600");
        }
    }

    fn write_made(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.made.key {
            writeln!(
                f,
                "\nA key was made, `{ADMIN}`. It is shown this once, so keep it:\n\n{key}"
            )?;
        }
        if let Some(tls) = self.tls.as_ref().filter(|_| self.made.has_certificate) {
            writeln!(
                f,
                "\nA certificate was made. Browsers warn of it once and show its SHA-256:"
            )?;
            writeln!(f, "{}", tls.fingerprint())?;
        }
        Ok(())
    }

    fn write_code(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.shows_code {
            return Ok(());
        }
        let url = self.url();
        writeln!(f, "\nOn a phone in this network, open {url}")?;
        // The address only: what is in a code ends in histories and logs.
        match QRBuilder::new(url).build() {
            Ok(code) => writeln!(f, "\n{}\n", code.to_str()),
            Err(_) => Ok(()),
        }
    }
}

/// Whether other machines can connect.
fn is_beyond_this_machine(address: &Listen) -> bool {
    match address {
        Listen::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        Listen::Unix(_) => false,
    }
}

/// Those that are named, else those of the store if other machines connect.
fn tls_files(config: &Config, address: &Listen, store: &Path) -> Option<TlsFiles> {
    if matches!(address, Listen::Unix(_)) {
        if config.tls.is_some() {
            warn!("--tls-cert has no effect: connections by a unix socket stay on this machine");
        }
        return None;
    }
    if let Some(files) = &config.tls {
        return Some(files.clone());
    }
    let CertificateFiles { certificate, key } = CertificateFiles::in_store(store);
    // A pair of which a file is lost or cannot be seen is an error: without TLS, keys could be read
    // on their way.
    let is_there = [&certificate, &key].iter().any(|path| !is_missing(path));
    (is_there && is_beyond_this_machine(address)).then_some(TlsFiles { certificate, key })
}

fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn refusal(address: &Listen, store: &Path, command: &[String], needs_certificate: bool) -> Message {
    let why = match is_beyond_this_machine(address) {
        true => format!("listening on {address}, other machines could"),
        false => "--trusted-proxy or --base-path: whoever reaches the proxy could".to_owned(),
    };
    let store = quoted(&store.to_string_lossy());
    let mut steps = vec![format!("handful keys add {ADMIN} --role admin --store {store}")];
    if needs_certificate {
        steps.push(format!("handful tls self-signed --store {store}"));
    }
    steps.push(command.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" "));
    let steps = steps.join("\n  ");
    Message::input(format!(
        "{why} read and change all classes, since no key was ever made. Make one, and start \
         again:\n  {steps}\nor start once with --setup, which does the same. --insecure lets \
         everyone in, on a trusted network only."
    ))
}

fn logged(store: &Path) -> Message {
    let store = quoted(&store.to_string_lossy());
    Message::input(format!(
        "--setup prints a key, and standard output goes to the journal, which keeps it; make the \
         key in a terminal: handful keys add {ADMIN} --role admin --store {store}"
    ))
}

/// An argument as a shell reads it.
fn quoted(argument: &str) -> String {
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte)
}

/// The address that others connect to: a service on all addresses has that of this machine.
fn toward_the_network(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => own_v4().unwrap_or(Ipv4Addr::LOCALHOST.into()),
        // Sockets of IPv6 take connections of IPv4 too, unless the system is set up otherwise.
        IpAddr::V6(ip) if ip.is_unspecified() => {
            own_v4().or_else(own_v6).unwrap_or(Ipv6Addr::LOCALHOST.into())
        }
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

// Nothing is sent: the system chooses the address from which it would reach one that is kept for
// documents (RFC 5737, RFC 3849).
fn own_v4() -> Option<IpAddr> {
    own_address((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into())
}

fn own_v6() -> Option<IpAddr> {
    let example = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    own_address((Ipv6Addr::UNSPECIFIED, 0).into(), (example, 9).into())
}

fn own_address(any: SocketAddr, other: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(other).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified()).then_some(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::OsString;

    use super::*;

    fn config(args: &[&str]) -> Config {
        let program = std::iter::once("handful-server");
        Config::resolve(program.chain(args.iter().copied()).map(OsString::from)).unwrap()
    }

    fn check(args: &[&str], store: &Path) -> Result<Exposure, String> {
        let config = config(args);
        let command = ["handful-server", "--store", "my store"].map(str::to_owned);
        let address = config.listen.clone();
        Exposure::check(&config, address, store, &command).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_key_only_this_machine_may_reach_the_service() {
        let store = tempfile::tempdir().unwrap();
        for args in [
            &["--listen", "0.0.0.0:8443"][..],
            &["--listen", "[::]:8443"],
            &["--listen", "192.0.2.1:8443"],
            &["--trusted-proxy", "127.0.0.1"],
            &["--listen", "unix:/run/handful.sock", "--trusted-proxy", "unix"],
            &["--base-path", "/handful"],
        ] {
            let error = check(args, store.path()).err().unwrap();
            assert!(error.contains("\n  handful keys add admin --role admin --store "), "{error}");
            assert!(error.contains("\n  handful-server --store 'my store'\n"), "{error}");
            let is_proxied = args.contains(&"--trusted-proxy") || args.contains(&"--base-path");
            let needs_certificate = !is_proxied;
            assert_eq!(error.contains("\n  handful tls self-signed --store"), needs_certificate);
            assert!(check(&[args, &["--insecure"]].concat(), store.path()).is_ok());
        }
        for args in [&[][..], &["--listen", "[::1]:80"], &["--listen", "unix:/run/handful.sock"]] {
            let exposure = check(args, store.path()).unwrap();
            assert!(exposure.to_string().contains("none made: everyone on this machine is admin"));
        }
        Keys::add(store.path(), "one", Role::Read, None).unwrap();
        let exposure = check(&["--listen", "0.0.0.0:8443"], store.path()).unwrap();
        assert!(exposure.to_string().contains("keys    required (1 made)"));
        // Closed, and not open again.
        Keys::revoke(store.path(), "one").unwrap();
        let exposure = check(&["--listen", "0.0.0.0:8443"], store.path()).unwrap();
        assert!(exposure.to_string().contains("keys    required (0 made)"));
    }

    #[test]
    fn set_up_makes_what_is_missing_once() {
        let store = tempfile::tempdir().unwrap();
        let args = ["--listen", "192.0.2.1:8443", "--setup"];
        let mut exposure = check(&args, store.path()).unwrap();
        exposure.set_up(&config(&args)).unwrap();
        let text = exposure.to_string();
        let key = exposure.made.key.as_ref().unwrap().to_string();
        assert_eq!(text.matches(&key).count(), 1, "{text}");
        assert!(text.contains("https://192.0.2.1:8443") && text.contains('█'), "{text}");
        assert!(text.contains(&exposure.tls().unwrap().fingerprint()), "{text}");
        assert!(Keys::read(store.path()).unwrap().unwrap().find(&key).is_some());
        let mut again = check(&args, store.path()).unwrap();
        assert!(again.has_keys());
        again.set_up(&config(&args)).unwrap();
        assert!(again.made.key.is_none() && !again.made.has_certificate);
        assert_eq!(again.tls().unwrap().fingerprint(), exposure.tls().unwrap().fingerprint());
    }

    #[test]
    fn the_pair_of_the_store_is_for_other_machines() {
        let store = tempfile::tempdir().unwrap();
        let folder = CertificateFiles::folder_in_store(store.path());
        SelfSigned::make(&["localhost".to_owned()]).unwrap().write(&folder, false).unwrap();
        let local = check(&["--listen", "127.0.0.1:8080"], store.path()).unwrap();
        assert_eq!(local.url(), "http://127.0.0.1:8080");
        let args = ["--listen", "192.0.2.1:8080", "--insecure"];
        assert_eq!(check(&args, store.path()).unwrap().url(), "https://192.0.2.1:8080");
        fs::remove_file(folder.join("key.pem")).unwrap();
        let half = check(&args, store.path()).err().unwrap();
        assert!(half.contains("key.pem"), "it does not start without TLS: {half}");
        fs::remove_file(folder.join("cert.pem")).unwrap();
        assert_eq!(check(&args, store.path()).unwrap().url(), "http://192.0.2.1:8080");
    }

    #[test]
    fn the_address_of_all_addresses_is_one_to_connect_to() {
        for (listen, port) in [("0.0.0.0:80", 80), ("[::]:443", 443)] {
            let address = toward_the_network(listen.parse().unwrap());
            assert!(!address.ip().is_unspecified());
            assert_eq!(address.port(), port);
        }
        let named = "192.0.2.1:80".parse().unwrap();
        assert_eq!(toward_the_network(named), named);
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(quoted("--listen=0.0.0.0:80"), "--listen=0.0.0.0:80");
        assert_eq!(quoted("my store's"), "'my store'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}

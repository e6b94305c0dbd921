//! The names of a certificate: checked, and those of this machine.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;

use models::disk;

use super::error::{CertificateError, MAX_NAMES};

const LOCALHOST: &str = "localhost";

/// Where Linux shows the name of the machine.
const HOST_NAME_FILES: [&str; 2] = ["/proc/sys/kernel/hostname", "/etc/hostname"];

/// The names by which this machine is found: `localhost`, its host name (also with `.local`, as
/// mDNS announces it), the addresses of loopback, and the one that it uses toward the network.
#[must_use]
pub fn local_names() -> Vec<String> {
    let mut names = vec![LOCALHOST.to_owned()];
    if let Some(host) = host_name().filter(|host| is_host_name(host)) {
        let first = host.split('.').next().unwrap_or_default();
        names.extend([host.clone(), format!("{first}.local")]);
    }
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    names.extend(network_address().map(|address| address.to_string()));
    // What is valid stays valid: repeated names are left out.
    checked(&names).unwrap_or(names)
}

fn host_name() -> Option<String> {
    HOST_NAME_FILES.iter().find_map(|file| {
        let text = String::from_utf8(disk::read(Path::new(file), 1024).ok()?).ok()?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    })
}

/// The address of this machine in its network.
fn network_address() -> Option<IpAddr> {
    // Nothing is sent: the system only chooses the way to an address, which is one of RFC 5737 for
    // documents and belongs to no one.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// Host names in lower case and addresses in their usual form, each one once, in order.
pub(super) fn checked(names: &[String]) -> Result<Vec<String>, CertificateError> {
    let mut checked: Vec<String> = Vec::new();
    for name in names {
        let name = normal(name).ok_or_else(|| CertificateError::BadName(shown(name)))?;
        if !checked.contains(&name) {
            checked.push(name);
        }
        if checked.len() > MAX_NAMES {
            return Err(CertificateError::TooManyNames(names.len()));
        }
    }
    match checked.is_empty() {
        true => Err(CertificateError::NoName),
        false => Ok(checked),
    }
}

/// The name that a person knows the machine by: the first one beyond loopback that is no address.
pub(super) fn main(names: &[String]) -> &str {
    let mut hosts = names.iter().filter(|name| name.parse::<IpAddr>().is_err());
    let host = hosts.find(|name| *name != LOCALHOST).or(names.first());
    host.map_or(LOCALHOST, String::as_str)
}

fn normal(name: &str) -> Option<String> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    is_host_name(name).then(|| name.to_ascii_lowercase())
}

/// Whether a text is a host name of RFC 1123, of which the first part may be `*`. Underscores,
/// which some routers give out, are taken too.
fn is_host_name(name: &str) -> bool {
    let parts = name.strip_prefix("*.").unwrap_or(name);
    // A name whose last part is a number would be taken for an address.
    let is_number = parts.rsplit('.').next().is_some_and(|last| last.parse::<u64>().is_ok());
    name.len() <= 253 && !is_number && parts.split('.').all(is_part)
}

fn is_part(part: &str) -> bool {
    let has_signs = part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
    let is_open = part.starts_with('-') || part.ends_with('-');
    (1..=63).contains(&part.len()) && has_signs && !is_open
}

/// Any text in an error of one line.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(64).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_are_checked_and_listed_once() {
        let names = owned(&["Pi.Local", "[::1]", "0:0::1", "10.0.0.7", "pi.local", "*.a_b.org"]);
        assert_eq!(checked(&names).unwrap(), ["pi.local", "::1", "10.0.0.7", "*.a_b.org"]);
        for bad in [
            "",
            " ",
            "a b",
            "https://pi.local",
            "pi.local:8080",
            "pi..local",
            "pi.local.",
            "-pi",
            "pi/x",
            "händful.local",
            "999.0.0.1",
            "a.*.b",
            "*",
            "pi\nlocal",
            &"a".repeat(64),
            &"a.".repeat(127),
        ] {
            let error = checked(&owned(&["ok", bad])).unwrap_err();
            assert!(matches!(error, CertificateError::BadName(_)), "{bad}: {error}");
            assert_eq!(error.to_string().lines().count(), 1, "{bad}");
        }
        assert!(matches!(checked(&[]), Err(CertificateError::NoName)));
        let many: Vec<String> = (0..=MAX_NAMES).map(|at| format!("host-{at}")).collect();
        assert!(matches!(checked(&many), Err(CertificateError::TooManyNames(_))));
        assert_eq!(checked(&many[1..]).unwrap().len(), MAX_NAMES);
    }

    #[test]
    fn the_subject_is_the_name_that_a_person_knows() {
        assert_eq!(main(&owned(&["localhost", "10.0.0.7", "pi", "pi.local"])), "pi");
        assert_eq!(main(&owned(&["10.0.0.7", "localhost"])), "10.0.0.7");
        assert_eq!(main(&owned(&["localhost"])), "localhost");
    }

    #[test]
    fn this_machine_has_names() {
        let names = local_names();
        assert_eq!(names[0], LOCALHOST);
        for address in ["127.0.0.1", "::1"] {
            assert!(names.iter().any(|name| name == address), "{names:?}");
        }
        assert_eq!(checked(&names).unwrap(), names);
        let host = host_name().filter(|host| is_host_name(host) && host != LOCALHOST);
        if let Some(host) = host {
            assert!(names.contains(&host.to_ascii_lowercase()), "{host}: {names:?}");
            assert!(names.iter().any(|name| name.ends_with(".local")), "{names:?}");
        }
    }
}

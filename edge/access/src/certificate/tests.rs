//! What is written, and what is refused. A client's view of a certificate is tested with the
//! service.

#![allow(clippy::unwrap_used)]
use models::fault::{Blame, Fault};

use super::*;

fn made() -> SelfSigned {
    SelfSigned::make(&["localhost".to_owned(), "pi.local".to_owned(), "::1".to_owned()]).unwrap()
}

/// The bytes in a PEM text, by a decoder of its own.
fn der(pem: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for sign in lines.flat_map(str::chars).filter(|&sign| sign != '=') {
        bits = bits << 6 | u32::try_from(DIGITS.find(sign).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_certificate_holds_its_names_and_times() {
    let made = made();
    let der = der(&made.certificate_pem);
    for part in [&b"Handful on pi.local"[..], b"localhost", b"pi.local"] {
        assert!(holds(&der, part), "{part:?}");
    }
    // ::1 as a name of the kind `iPAddress`.
    assert!(holds(&der, &[0x87, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    // The end as the certificate has it (`YYMMDDhhmmssZ`) is the one that is shown.
    let shown: String = made.valid_until().chars().filter(char::is_ascii_digit).collect();
    assert!(holds(&der, format!("{}Z", &shown[2..14]).as_bytes()), "{shown}");
    let digest: [u8; 32] = Sha256::digest(&der).into();
    let first = format!("{:02X}:{:02X}:", digest[0], digest[1]);
    assert!(made.fingerprint().starts_with(&first), "{}", made.fingerprint());
}

#[test]
fn the_time_is_as_long_as_asked() {
    let names = ["pi".to_owned()];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (days, made) in [
        (DEFAULT_DAYS, SelfSigned::make(&names).unwrap()),
        (1, SelfSigned::make_for(&names, 1).unwrap()),
        // Beyond 2050 the certificate has another form of time.
        (u16::MAX, SelfSigned::make_for(&names, u16::MAX).unwrap()),
    ] {
        let left = made.valid_until_ms / 1000 - now;
        let expected = 86_400 * u64::from(days);
        assert!((expected..expected + 600).contains(&left), "{days}: {left}");
    }
}

/// The begin and the end in a certificate, as it has them.
fn times(der: &[u8]) -> Vec<String> {
    // A `UTCTime` of 13 letters: `YYMMDDhhmmssZ`.
    let times = der.windows(15).filter(|window| window[..2] == [0x17, 13] && window[14] == b'Z');
    times.map(|time| String::from_utf8(time[2..14].to_vec()).unwrap()).collect()
}

#[test]
fn systems_that_allow_825_days_take_it() {
    let made = made();
    let times = times(&der(&made.certificate_pem));
    let [begin, end] = &times[..] else { panic!("{times:?}") };
    let earliest = utc::rfc3339(made.valid_until_ms - 825 * 24 * 60 * 60 * 1000);
    let earliest: String = earliest.chars().filter(char::is_ascii_digit).collect();
    assert!(begin.as_str() > &earliest[2..14] && begin < end, "{begin} to {end}: {earliest}");
}

#[test]
fn the_key_is_not_shown() {
    let made = made();
    let key: String = made.key_pem.lines().skip(1).take(1).collect();
    assert!(key.len() > 40 && !format!("{made:?}").contains(&key));
}

#[cfg(unix)]
#[test]
fn files_are_private_and_replaced_only_on_request() {
    use std::os::unix::fs::MetadataExt;
    let store = tempfile::tempdir().unwrap();
    let files = CertificateFiles::in_store(&store.path().join("new"));
    let folder = files.key.parent().unwrap();
    let first = made();
    assert_eq!(first.write(folder, false).unwrap(), files);
    for (path, pem) in [(&files.certificate, &first.certificate_pem), (&files.key, &first.key_pem)]
    {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(path).unwrap(), *pem);
    }
    let second = made();
    let error = second.write(folder, false).unwrap_err();
    assert_eq!(error.blame(), Blame::Input);
    assert!(error.to_string().contains("cert.pem exists already; replace it with --force"));
    assert_eq!(fs::read_to_string(&files.key).unwrap(), first.key_pem);
    second.write(folder, true).unwrap();
    assert_eq!(fs::read_to_string(&files.key).unwrap(), second.key_pem);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
}

#[test]
fn one_file_in_the_way_keeps_both_from_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    fs::create_dir(&key).unwrap();
    let error = made().write(folder.path(), true).unwrap_err();
    assert!(matches!(error, CertificateError::NotAFile(_)), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::remove_dir(&key).unwrap();
    fs::write(&key, "theirs").unwrap();
    assert!(matches!(made().write(folder.path(), false), Err(CertificateError::Exists(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

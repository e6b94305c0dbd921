//! The address of a request: its percent-encoding (RFC 3986, 2.1) must be valid, and that of UTF-8.
//!
//! The libraries that read paths and queries take what they cannot decode as it is: `%zz` would
//! become a label, and `%FF` a replacement character.

use axum::http::Uri;

use super::problem::{Code, Problem};

/// Refuses an address that cannot be decoded.
///
/// # Errors
/// `bad_request`.
pub(super) fn check(uri: &Uri) -> Result<(), Problem> {
    check_part("path", uri.path())?;
    check_part("query", uri.query().unwrap_or_default())
}

fn check_part(part: &str, text: &str) -> Result<(), Problem> {
    let Some(bytes) = decoded(text.as_bytes()) else {
        let detail = format!(
            "The {part} of the address has an invalid percent-encoding: expected `%` with two \
             hexadecimal digits, such as `%20`; a percent sign is `%25`."
        );
        return Err(Problem::new(Code::BadRequest, detail));
    };
    if std::str::from_utf8(&bytes).is_err() {
        let detail = format!(
            "The {part} of the address is not UTF-8: expected the percent-encoded bytes of UTF-8 \
             text, such as `%C3%A9` for `\u{e9}`."
        );
        return Err(Problem::new(Code::BadRequest, detail));
    }
    Ok(())
}

/// The bytes that a text stands for; `None` if one of its `%` has no two hexadecimal digits.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Some(bytes),
            [b'%', high, low, after @ ..] => {
                bytes.push((hex_digit(*high)? << 4) | hex_digit(*low)?);
                after
            }
            [b'%', ..] => return None,
            [other, after @ ..] => {
                bytes.push(*other);
                after
            }
        };
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn detail(address: &str) -> Option<String> {
        check(&address.parse().unwrap()).err().map(|problem| problem.to_string())
    }

    #[test]
    fn valid_addresses_are_accepted() {
        for address in ["/", "/a%20b", "/caf%c3%A9?q=%E2%98%95+x", "/50%25", "/a?q", "*"] {
            assert_eq!(detail(address), None, "{address}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for (address, words) in [
            ("/%zz", ["path", "percent-encoding"]),
            ("/50%", ["path", "percent-encoding"]),
            ("/%2", ["path", "percent-encoding"]),
            ("/%+f", ["path", "percent-encoding"]),
            ("/a?after=%g0", ["query", "percent-encoding"]),
            ("/%FF", ["path", "not UTF-8"]),
            ("/a?after=%FF", ["query", "not UTF-8"]),
            ("/a?after=%C3", ["query", "not UTF-8"]),
        ] {
            let detail = detail(address).unwrap();
            assert!(words.iter().all(|word| detail.contains(*word)), "{address}: {detail}");
        }
    }
}

//! Hashes as text.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Two hexadecimal digits for each byte, in lower case.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The `N` bytes of a text of two hexadecimal digits each; `None` for any other text.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(bytes)
}

/// The SHA-256 of `bytes`: 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_other_texts_are_none() {
        let bytes = [0x00, 0x0F, 0xF0, 0xAB];
        assert_eq!(decode(&encode(&bytes)), Some(bytes));
        assert_eq!(decode("000FF0AB"), Some(bytes));
        for wrong in ["", "000ff0a", "000ff0", "000ff0abcd", "000ff0ag", "000ff0+a", "00äff0"] {
            assert_eq!(decode::<4>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hashes_are_those_of_the_standard() {
        assert_eq!(encode(&[0x00, 0x0F, 0xF0, 0xAB]), "000ff0ab");
        // FIPS 180-4, the message "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
    }
}

//! The text of a key, which is shown once, and its hash, which is kept.

use std::fmt;

use models::hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::error::KeysError;

/// Marks the text of a key, so that one that leaked is recognized.
const PREFIX: &str = "hf_";

/// Random bytes of a key: 256 bits cannot be guessed, so that a fast hash of them is enough.
const N_BYTES: usize = 32;

/// A key: `hf_` and 64 hexadecimal digits. [`Display`](fmt::Display) shows it; it is kept nowhere.
pub struct Secret(String);

impl Secret {
    pub(super) fn draw() -> Result<Self, KeysError> {
        let mut bytes = [0; N_BYTES];
        getrandom::fill(&mut bytes).map_err(KeysError::Random)?;
        Ok(Self(format!("{PREFIX}{}", hex::encode(&bytes))))
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// The SHA-256 of a key.
#[derive(Clone)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// 64 hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl ConstantTimeEq for Hash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(hidden)")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("no SHA-256 in hexadecimal digits"))
    }
}

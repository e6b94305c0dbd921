//! The container of PyTorch before 1.6: five pickles one after another, then the storages.
//!
//! The pickles are a magic number, the protocol version, facts of the machine, the saved object,
//! and the keys of its storages in file order. A storage is its number of elements (64 bits,
//! little-endian), then the elements.

use std::collections::BTreeMap;

use super::error::{LegacyError, PROTOCOL, PthError};
use super::pickle::{Object, Pickle, Value};
use super::tensor::Storage;

/// The first pickle: the number 0x1950a86a20f9469cfc6c.
pub(super) const MAGIC: [u8; 15] = *b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// A file with checked bounds. No number is copied.
#[derive(Debug)]
pub(super) struct Legacy<'a> {
    /// The saved object.
    pub(super) saved: Pickle<'a>,
    storages: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Legacy<'a> {
    /// Reads the pickles after [`MAGIC`] and finds the storages.
    pub(super) fn open(behind_magic: &'a [u8]) -> Result<Self, PthError> {
        let mut rest = behind_magic;
        if next(&mut rest)?.root != Value::Integer(PROTOCOL) {
            return Err(LegacyError::Protocol.into());
        }
        check_byte_order(&next(&mut rest)?)?;
        let saved = next(&mut rest)?;
        let keys = next(&mut rest)?;
        let storages = storages(&saved, &keys, rest)?;
        Ok(Self { saved, storages })
    }

    /// The bytes of a storage.
    pub(super) fn storage(&self, key: &str) -> Result<&'a [u8], LegacyError> {
        let data = self.storages.get(key).copied();
        data.ok_or_else(|| LegacyError::Missing { key: shown(key) })
    }
}

/// Runs the next pickle.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Pickle<'a>, PthError> {
    let pickle = Pickle::load(rest)?;
    *rest = &rest[pickle.length..];
    Ok(pickle)
}

fn check_byte_order(machine: &Pickle<'_>) -> Result<(), PthError> {
    let facts = match machine.object(machine.root) {
        Some(Object::Dict(facts)) => facts.as_slice(),
        _ => &[],
    };
    let fact = facts.iter().find(|(key, _)| *key == Value::Text("little_endian"));
    let got = match fact {
        Some((_, Value::Boolean(true))) => return Ok(()),
        Some((_, Value::Boolean(false))) => "big",
        _ => "unknown",
    };
    Err(PthError::ByteOrder { got: got.to_owned() })
}

fn storages<'a>(
    saved: &Pickle<'a>,
    keys: &Pickle<'a>,
    mut rest: &'a [u8],
) -> Result<BTreeMap<&'a str, &'a [u8]>, LegacyError> {
    let Some(Object::Sequence(keys)) = keys.object(keys.root) else {
        return Err(LegacyError::Keys);
    };
    let described: BTreeMap<&str, Storage<'_>> = saved.storages().map(|s| (s.key, *s)).collect();
    let mut storages = BTreeMap::new();
    for key in keys {
        let &Value::Text(key) = key else { return Err(LegacyError::Keys) };
        // Only a tensor defines the number type of a storage.
        let storage = described.get(key).ok_or_else(|| LegacyError::Unused { key: shown(key) })?;
        let data = data(storage, &mut rest)?;
        if storages.insert(key, data).is_some() {
            return Err(LegacyError::Twice { key: shown(key) });
        }
    }
    Ok(storages)
}

/// The bytes of the next storage.
fn data<'a>(storage: &Storage<'_>, rest: &mut &'a [u8]) -> Result<&'a [u8], LegacyError> {
    let (count, after) = rest.split_first_chunk().ok_or_else(|| cut(storage))?;
    let expected = storage.elements;
    let got = u64::from_le_bytes(*count);
    if usize::try_from(got) != Ok(expected) {
        return Err(LegacyError::Size { key: shown(storage.key), expected, got });
    }
    let bytes = expected.checked_mul(storage.kind.bytes()).ok_or_else(|| cut(storage))?;
    let (data, after) = after.split_at_checked(bytes).ok_or_else(|| cut(storage))?;
    *rest = after;
    Ok(data)
}

fn cut(storage: &Storage<'_>) -> LegacyError {
    LegacyError::Cut { key: shown(storage.key) }
}

/// A key, escaped and shortened for an error.
fn shown(key: &str) -> String {
    key.escape_debug().take(100).collect()
}

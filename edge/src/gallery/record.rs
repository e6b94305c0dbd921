//! The bytes of one example in a store (`docs/formats.md`, "store"): `u8` version 1, 32 bytes
//! SHA-256, `u8` length of the precision, the precision in UTF-8, then the embedding as
//! little-endian `f32`.

use super::class::Example;
use super::id::ExampleId;

const VERSION: u8 = 1;
const FIXED: usize = 1 + 32 + 1;

pub(super) fn encode(example: &Example) -> Vec<u8> {
    // No precision has a longer name. Cut between two characters, the record stays readable.
    let precision = &example.precision[..example.precision.floor_char_boundary(255)];
    let mut bytes = Vec::with_capacity(FIXED + precision.len() + 4 * example.embedding.len());
    bytes.push(VERSION);
    bytes.extend(example.sha256);
    bytes.push(u8::try_from(precision.len()).expect("invariant: cut to 255 bytes"));
    bytes.extend(precision.as_bytes());
    bytes.extend(example.embedding.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// `None` if the bytes are not a record.
pub(super) fn decode(id: ExampleId, bytes: &[u8]) -> Option<Example> {
    let (&version, rest) = bytes.split_first()?;
    let (&sha256, rest) = rest.split_first_chunk::<32>()?;
    let (&length, rest) = rest.split_first()?;
    let (precision, values) = rest.split_at_checked(length.into())?;
    let precision = std::str::from_utf8(precision).ok()?.to_owned();
    let (values, remainder) = values.as_chunks::<4>();
    let embedding: Vec<_> = values.iter().map(|&value| f32::from_le_bytes(value)).collect();
    let whole = remainder.is_empty() && !embedding.is_empty();
    // One value that is not finite would make every similarity with its class NaN.
    let sound = version == VERSION && whole && embedding.iter().all(|value| value.is_finite());
    sound.then_some(Example { id, sha256, embedding, precision })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ExampleId = ExampleId { revision: 3, index: 1 };

    fn example() -> Example {
        let embedding = vec![1.5, -0.0, f32::MIN_POSITIVE];
        Example { id: ID, sha256: [7; 32], embedding, precision: "fp32".to_owned() }
    }

    #[test]
    fn a_record_comes_back_bit_for_bit() {
        let back = decode(ID, &encode(&example())).unwrap();
        assert_eq!(back, example());
        assert!(back.embedding[1].is_sign_negative());
    }

    #[test]
    fn bytes_that_are_no_record_are_refused() {
        let bytes = encode(&example());
        for end in 0..bytes.len() {
            let cut = decode(ID, &bytes[..end]);
            // Cut between two values it is a record of fewer values: the store's own checksums
            // and the common length of all embeddings tell that.
            assert!(cut.is_none_or(|e| e.embedding.len() < 3), "cut at {end}");
        }
        let mut other_version = bytes.clone();
        other_version[0] = 2;
        let mut not_finite = bytes;
        not_finite.splice(38..42, f32::NAN.to_le_bytes());
        assert_eq!(decode(ID, &other_version), None);
        assert_eq!(decode(ID, &not_finite), None);
    }
}

//! Embeddings of an archive: a safetensors file with two tensors.
//!
//! `embeddings` is f32 `[n, s]`, and `examples` is u8 `[n, 16]`, the ids of their examples. The
//! header has a fixed length, so that the length of the file gives `n`, and a reader compares it
//! with the one that it would write.

use uuid::Uuid;

use crate::gallery::id::ExampleId;

/// The header is filled up with spaces to this length.
const HEADER_BYTES: usize = 256;
/// The header with the eight bytes before it that have its length.
const START: usize = 8 + HEADER_BYTES;
const ID_BYTES: usize = 16;
const VALUE_BYTES: usize = 4;

/// A file is full when it has this number of bytes of embeddings, or this number of embeddings.
const FULL_BYTES: usize = 4 << 20;
const FULL_EMBEDDINGS: usize = 3_840;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct EmbeddingsFile {
    length: usize,
    ids: Vec<u8>,
    values: Vec<u8>,
}

impl EmbeddingsFile {
    /// For embeddings of this length.
    pub(super) fn new(length: usize) -> Self {
        Self { length, ids: Vec::new(), values: Vec::new() }
    }

    pub(super) fn push(&mut self, id: ExampleId, embedding: &[f32]) {
        self.ids.extend(id.0.into_bytes());
        self.values.extend(embedding.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len() / ID_BYTES
    }

    pub(super) fn is_full(&self) -> bool {
        self.values.len() >= FULL_BYTES || self.len() >= FULL_EMBEDDINGS
    }

    /// The bytes of the file.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = start(self.len(), self.length);
        bytes.extend(self.values);
        bytes.extend(self.ids);
        bytes
    }
}

/// What comes before the bytes of the tensors.
fn start(n: usize, length: usize) -> Vec<u8> {
    let end = n * length * VALUE_BYTES;
    let all = end + n * ID_BYTES;
    let header = format!(
        "{{\"embeddings\":{{\"dtype\":\"F32\",\"shape\":[{n},{length}],\
         \"data_offsets\":[0,{end}]}},\"examples\":{{\"dtype\":\"U8\",\
         \"shape\":[{n},{ID_BYTES}],\"data_offsets\":[{end},{all}]}}}}"
    );
    let mut bytes = (HEADER_BYTES as u64).to_le_bytes().to_vec();
    bytes.extend(format!("{header:HEADER_BYTES$}").into_bytes());
    bytes
}

/// The examples of a file with embeddings of this length; `None` if it is no such file, or if a
/// value is not finite.
pub(super) fn read(bytes: &[u8], length: usize) -> Option<Vec<(ExampleId, Vec<f32>)>> {
    let (header, tensors) = bytes.split_at_checked(START)?;
    let size = length.checked_mul(VALUE_BYTES)?;
    let n = tensors.len() / size.checked_add(ID_BYTES)?;
    let is_whole = length > 0 && n > 0 && tensors.len() == n * (size + ID_BYTES);
    if !is_whole || header != start(n, length) {
        return None;
    }
    let (values, ids) = tensors.split_at(n * size);
    let (ids, []) = ids.as_chunks::<ID_BYTES>() else { return None };
    let mut found = Vec::with_capacity(n);
    for (id, values) in ids.iter().zip(values.chunks(size)) {
        let (values, _) = values.as_chunks::<VALUE_BYTES>();
        let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        found.push((ExampleId(Uuid::from_bytes(*id)), values));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(number: u128) -> ExampleId {
        ExampleId(Uuid::from_u128(number))
    }

    fn written() -> Vec<u8> {
        let mut part = EmbeddingsFile::new(3);
        part.push(id(1), &[1.5, -0.0, f32::MIN_POSITIVE]);
        part.push(id(u128::MAX), &[f32::MAX, 2.0, -1.0]);
        part.into_bytes()
    }

    #[test]
    fn a_part_comes_back_bit_for_bit() {
        let read = read(&written(), 3).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], (id(1), vec![1.5, 0.0, f32::MIN_POSITIVE]));
        assert!(read[0].1[1].is_sign_negative());
        assert_eq!(read[1], (id(u128::MAX), vec![f32::MAX, 2.0, -1.0]));
    }

    #[test]
    fn the_header_is_that_of_safetensors() {
        let bytes = written();
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..START]).unwrap();
        assert_eq!(header["embeddings"]["shape"], serde_json::json!([2, 3]));
        assert_eq!(header["examples"]["data_offsets"], serde_json::json!([24, 56]));
        assert_eq!(bytes.len(), START + 56);
        let largest = start(FULL_EMBEDDINGS * 100, 1 << 20);
        assert_eq!(largest.len(), START, "the header has room for every part");
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let bytes = written();
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], 3), None, "cut at {end}");
        }
        for length in [0, 1, 2, 4, usize::MAX] {
            assert_eq!(read(&bytes, length), None, "length {length}");
        }
        let mut infinite = bytes;
        infinite[START..START + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert_eq!(read(&infinite, 3), None);
    }
}

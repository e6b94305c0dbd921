//! Named tensors in one file: the [safetensors](https://github.com/huggingface/safetensors) format.
//!
//! Written files are deterministic: tensors are sorted, and all metadata is one JSON text under the
//! key `handful` (several keys would be written in random order).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use crate::fault::{Blame, Fault};

/// Tensors by name, in the order of their names.
pub type Tensors = BTreeMap<String, ArrayD<f32>>;

const METADATA_KEY: &str = "handful";

/// What one safetensors file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TensorFile {
    /// Floating-point tensors. F16 and BF16 are widened when read. All are written as F32, except
    /// [`TensorFile::halves`].
    pub floats: Tensors,
    /// The names of those that are stored as F16: half the size, 11 significant bits.
    pub halves: BTreeSet<String>,
    /// Integer tensors (I64).
    pub integers: BTreeMap<String, ArrayD<i64>>,
    /// Tensors of small integers (I8), such as quantized weights.
    pub bytes: BTreeMap<String, ArrayD<i8>>,
    /// A JSON text that describes the tensors; empty when there is none.
    pub metadata: String,
}

/// Why bytes are not a usable tensor file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorsError {
    /// The container itself is broken or cut short.
    #[error("not a readable safetensors file: {0}")]
    Container(String),
    /// A tensor has a type that this program does not use.
    #[error("tensor `{name}` has type {got}, expected F32, F16, BF16, I64 or I8")]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type.
        got: String,
    },
    /// A value is too large for the 16 bits in which its tensor is written.
    #[error("tensor `{name}` holds {value:e}, and 16-bit floats end at 65504")]
    Half {
        /// The tensor's name.
        name: String,
        /// The value.
        value: f32,
    },
}

impl From<SafeTensorError> for TensorsError {
    fn from(error: SafeTensorError) -> Self {
        Self::Container(error.to_string())
    }
}

impl Fault for TensorsError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl TensorFile {
    /// Reads a file's bytes. Nothing is allocated beyond the size of `bytes` (twice that for half
    /// precision).
    pub fn parse(bytes: &[u8]) -> Result<Self, TensorsError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let metadata = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get(METADATA_KEY))
            .cloned()
            .unwrap_or_default();
        let mut file = Self { metadata, ..Self::default() };
        for (name, view) in SafeTensors::deserialize(bytes)?.iter() {
            file.insert(name, &view)?;
        }
        Ok(file)
    }

    fn insert(&mut self, name: &str, view: &TensorView<'_>) -> Result<(), TensorsError> {
        // The container has checked that the length fits the type and the shape.
        let data = view.data();
        if view.dtype() == Dtype::I64 {
            let values = data.chunks_exact(8).map(|b| i64::from_le_bytes(chunk(b))).collect();
            self.integers.insert(name.to_owned(), shaped(name, view.shape(), values)?);
            return Ok(());
        }
        if view.dtype() == Dtype::I8 {
            let values = data.iter().map(|byte| byte.cast_signed()).collect();
            self.bytes.insert(name.to_owned(), shaped(name, view.shape(), values)?);
            return Ok(());
        }
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(chunk(b))).collect(),
            Dtype::F16 => {
                self.halves.insert(name.to_owned());
                data.chunks_exact(2).map(|b| f16::from_le_bytes(chunk(b)).to_f32()).collect()
            }
            Dtype::BF16 => {
                data.chunks_exact(2).map(|b| bf16::from_le_bytes(chunk(b)).to_f32()).collect()
            }
            other => {
                return Err(TensorsError::Type {
                    name: name.to_owned(),
                    got: format!("{other:?}"),
                });
            }
        };
        self.floats.insert(name.to_owned(), shaped(name, view.shape(), values)?);
        Ok(())
    }

    /// The file's bytes: the same tensors always give the same bytes.
    ///
    /// # Errors
    /// [`TensorsError::Half`]; and what the container refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TensorsError> {
        for (name, tensor) in self.floats.iter().filter(|(name, _)| self.halves.contains(*name)) {
            if let Some(&value) = tensor.iter().find(|value| is_too_large(**value)) {
                return Err(TensorsError::Half { name: name.clone(), value });
            }
        }
        let floats = self.floats.iter().map(|(name, t)| {
            let (kind, bytes): (_, Vec<u8>) = match self.halves.contains(name) {
                true => {
                    (Dtype::F16, t.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect())
                }
                false => (Dtype::F32, t.iter().flat_map(|v| v.to_le_bytes()).collect()),
            };
            (name, kind, t.shape().to_vec(), bytes)
        });
        let integers = self.integers.iter().map(|(name, t)| {
            (name, Dtype::I64, t.shape().to_vec(), t.iter().flat_map(|v| v.to_le_bytes()).collect())
        });
        let bytes = self.bytes.iter().map(|(name, t)| {
            let data = t.iter().map(|value| value.cast_unsigned()).collect();
            (name, Dtype::I8, t.shape().to_vec(), data)
        });
        // The views below borrow these bytes.
        let stored: Vec<_> = floats.chain(integers).chain(bytes).collect();
        let views: Vec<_> = stored
            .iter()
            .map(|(name, dtype, shape, data)| {
                Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), data)?))
            })
            .collect::<Result<_, SafeTensorError>>()?;
        let metadata = (!self.metadata.is_empty())
            .then(|| HashMap::from([(METADATA_KEY.to_owned(), self.metadata.clone())]));
        Ok(safetensors::serialize(views, metadata)?)
    }
}

/// Whether a number would be infinite in 16 bits. Infinity itself stays what it is.
fn is_too_large(value: f32) -> bool {
    value.is_finite() && !f16::from_f32(value).is_finite()
}

fn chunk<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("invariant: chunks_exact gives chunks of its size")
}

fn shaped<T>(name: &str, shape: &[usize], values: Vec<T>) -> Result<ArrayD<T>, TensorsError> {
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .map_err(|e| TensorsError::Container(format!("tensor `{name}`: {e}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file() -> TensorFile {
        let mut file = TensorFile { metadata: r#"{"a":1}"#.to_owned(), ..TensorFile::default() };
        for name in ["z", "a.weight", "m"] {
            file.floats.insert(name.to_owned(), ArrayD::from_elem(IxDyn(&[2, 3]), 0.5));
        }
        file.integers.insert("label".to_owned(), ArrayD::from_elem(IxDyn(&[4]), -7));
        file.bytes.insert("rows".to_owned(), ArrayD::from_elem(IxDyn(&[2, 2]), -128));
        file
    }

    #[test]
    fn a_file_survives_the_round_trip_and_is_deterministic() {
        let bytes = file().to_bytes().unwrap();
        assert_eq!(TensorFile::parse(&bytes).unwrap(), file());
        assert_eq!(bytes, file().to_bytes().unwrap());
    }

    #[test]
    fn a_cut_file_is_refused() {
        let bytes = file().to_bytes().unwrap();
        for cut in [0, 4, 8, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(
                matches!(TensorFile::parse(&bytes[..cut]), Err(TensorsError::Container(_))),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn half_precision_is_widened() {
        let data = f16::from_f32(1.5).to_le_bytes();
        let view = TensorView::new(Dtype::F16, vec![1], &data).unwrap();
        let bytes = safetensors::serialize([("w", view)], None).unwrap();
        let read = TensorFile::parse(&bytes).unwrap();
        assert_eq!(read.floats["w"][0], 1.5);
        assert_eq!(TensorFile::parse(&read.to_bytes().unwrap()).unwrap(), read);
        assert!(read.halves.contains("w"));
        let mut large = read;
        large.floats.insert("w".to_owned(), ArrayD::from_elem(IxDyn(&[1]), 7e4));
        assert!(matches!(large.to_bytes(), Err(TensorsError::Half { .. })));
    }
}

//! The networks that clients run on tensors of their own, and how they run: a row is a job of its
//! own, so that other calls are served between two rows.

use std::sync::Arc;

use axum::body::Bytes;
use edge::Recognizer;
use edge::engine::Provider;

/// The bytes of a value.
pub const VALUE_BYTES: usize = size_of::<f32>();

/// An input or output of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in the ONNX file.
    pub name: String,
    /// The shape of a row: without the batch, which is the first dimension.
    pub row: Vec<usize>,
}

impl Tensor {
    /// The number of values of a row.
    #[must_use]
    pub fn row_len(&self) -> usize {
        // Both networks have at most 2^24 values an input.
        self.row.iter().product()
    }
}

/// Which network, and so which thread has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Backbone,
    Completer,
}

/// A network that clients may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name in addresses.
    pub name: &'static str,
    /// The engine that runs it, and the format of its file.
    pub platform: String,
    /// Its inputs.
    pub inputs: Vec<Tensor>,
    /// Its outputs.
    pub outputs: Vec<Tensor>,
    pub(super) kind: Kind,
}

/// The networks that clients may run.
#[derive(Debug, Default)]
pub struct Networks(Vec<Arc<Network>>);

/// The values of an input of a call, row after row.
#[derive(Debug)]
pub enum Values {
    /// The bytes of the body: little-endian.
    LittleEndian(Bytes),
    /// Numbers that were parsed.
    Numbers(Vec<f32>),
}

impl Networks {
    /// Those of a recognizer that has started. A network that did not start is not one of them.
    #[must_use]
    pub fn of(recognizer: &mut Recognizer) -> Self {
        let networks = [backbone(recognizer), completer(recognizer)];
        Self(networks.into_iter().flatten().map(Arc::new).collect())
    }

    /// The network of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Network>> {
        self.0.iter().find(|network| network.name == name)
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|network| network.name)
    }
}

fn backbone(recognizer: &Recognizer) -> Option<Network> {
    let provider = recognizer.engine()?.provider;
    let manifest = recognizer.manifest();
    let size = manifest.preprocess.size;
    let network = &manifest.backbone;
    let input = Tensor { name: network.input.clone(), row: vec![3, size, size] };
    let output = Tensor { name: network.output.clone(), row: vec![network.embedding_size] };
    Some(Network {
        name: "backbone",
        platform: platform(provider),
        inputs: vec![input],
        outputs: vec![output],
        kind: Kind::Backbone,
    })
}

fn completer(recognizer: &mut Recognizer) -> Option<Network> {
    let attention = recognizer.attention()?;
    let graph = attention.network().graph();
    let shapes = graph.shapes().ok()?;
    let tensor =
        |name: &String| Some(Tensor { name: name.clone(), row: shapes.get(name)?.clone() });
    Some(Network {
        name: "completer",
        platform: platform(attention.provider()),
        inputs: graph.inputs.iter().map(|input| tensor(&input.name)).collect::<Option<_>>()?,
        outputs: graph.outputs.iter().map(tensor).collect::<Option<_>>()?,
        kind: Kind::Completer,
    })
}

/// As the protocol names platforms: the library, then the format of the file.
fn platform(provider: Provider) -> String {
    let name = provider.to_string();
    let library = name.split('/').next().unwrap_or_default();
    format!("{library}_onnx")
}

impl Values {
    /// Whether no value is infinite or NaN.
    #[must_use]
    pub fn are_finite(&self) -> bool {
        match self {
            Self::LittleEndian(bytes) => floats(bytes).all(f32::is_finite),
            Self::Numbers(numbers) => numbers.iter().all(|number| number.is_finite()),
        }
    }

    /// The values of a row of `length` values.
    pub(super) fn row(&self, index: usize, length: usize) -> Vec<f32> {
        let start = index * length;
        match self {
            Self::LittleEndian(bytes) => {
                let start = start * VALUE_BYTES;
                floats(&bytes[start..start + length * VALUE_BYTES]).collect()
            }
            Self::Numbers(numbers) => numbers[start..start + length].to_vec(),
        }
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let values = bytes.chunks_exact(VALUE_BYTES);
    values.map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_same_from_bytes_and_numbers() {
        let numbers = vec![0.5, -1.0, 2.5, 3.25, f32::MIN_POSITIVE, -0.0];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number: &f32| number.to_le_bytes()).collect();
        let bytes = Values::LittleEndian(bytes.into());
        let numbers = Values::Numbers(numbers);
        for (row, expected) in [(0, [0.5, -1.0]), (1, [2.5, 3.25])] {
            assert_eq!(bytes.row(row, 2), expected);
            assert_eq!(numbers.row(row, 2), expected);
        }
        assert!(bytes.are_finite() && numbers.are_finite());
    }

    #[test]
    fn infinity_and_nan_are_found() {
        for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let numbers = vec![1.0, value];
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            assert!(!Values::LittleEndian(bytes.into()).are_finite());
            assert!(!Values::Numbers(numbers).are_finite());
        }
    }

    #[test]
    fn platforms_name_the_library() {
        assert_eq!(platform(Provider::Tract), "tract_onnx");
    }
}

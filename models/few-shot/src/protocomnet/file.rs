//! `completer.safetensors`: a whole [`ProtoComNetCompleter`]; `attributes.safetensors`: only its
//! [`Attributes`], for a device that has the network as an ONNX file.

use ndarray::{Array2, Ix2};
use serde::{Deserialize, Serialize};

use super::{Attributes, Complete, ProtoComNetCompleter, ProtoComNetError};
use crate::tensor_file::read;
use models::graph::ProtoComNet;
use models::layout::FileFormat;
use models::tensors::{TensorFile, Tensors};

/// The format of `completer.safetensors`.
const FORMAT: FileFormat = FileFormat {
    kind: Some("handful-completer"),
    number: 1,
    schema: "\
        kind text, format u32, layout text, space_id sha256
        network { embedding u32, word u32, attributes u32, hidden u32, self_weight text }
        complete text, attributes wnid[a]
        param.<parameter> f32[...], attribute.mean f32[a, s], attribute.word f32[a, d]",
};

/// The format of `attributes.safetensors`.
const TABLE_FORMAT: FileFormat = FileFormat {
    kind: Some("handful-attributes"),
    number: 1,
    schema: "\
        kind text, format u32, layout text, space_id sha256, attributes wnid[a]
        attribute.mean f16[a, s], attribute.word f16[a, d]",
};

/// The most bytes of such a file that are read.
pub const MAX_BYTES: u64 = 256 << 20;

/// What the names of the network's parameters begin with in the file.
const PARAMETER: &str = "param.";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    kind: String,
    format: u32,
    layout: String,
    /// The space of the embeddings that it was trained on.
    space_id: String,
    network: ProtoComNet,
    complete: Complete,
    /// The synsets of the attributes.
    attributes: Vec<String>,
}

/// The description of a table of attributes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableDescription {
    kind: String,
    format: u32,
    layout: String,
    space_id: String,
    attributes: Vec<String>,
}

impl Attributes {
    /// Reads a table's bytes: the `space_id` of the embeddings it belongs to, and the attributes.
    ///
    /// # Errors
    /// See [`ProtoComNetError`].
    pub fn parse(bytes: &[u8]) -> Result<(String, Self), ProtoComNetError> {
        let (mut file, description) =
            read::<TableDescription, ProtoComNetError>(bytes, &TABLE_FORMAT)?;
        let TableDescription { space_id, attributes: names, .. } = description;
        check_finite(&file)?;
        Ok((space_id, Self::take_from(&mut file, names)?))
    }

    /// The table's bytes, its values rounded to 16 bits; the same attributes always give the same
    /// bytes.
    ///
    /// # Errors
    /// When the container cannot be written, or 16 bits cannot hold a value.
    pub fn to_bytes(&self, space_id: &str) -> Result<Vec<u8>, ProtoComNetError> {
        let description = TableDescription {
            kind: TABLE_FORMAT.kind(),
            format: TABLE_FORMAT.number,
            layout: TABLE_FORMAT.layout(),
            space_id: space_id.to_owned(),
            attributes: self.names.clone(),
        };
        let metadata = serde_json::to_string(&description)?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        self.insert_into(&mut file);
        // The table is part of a bundle, and F16 halves its size.
        file.halves = file.floats.keys().cloned().collect();
        Ok(file.to_bytes()?)
    }

    fn insert_into(&self, file: &mut TensorFile) {
        file.floats.insert("attribute.mean".to_owned(), self.mean.clone().into_dyn());
        file.floats.insert("attribute.word".to_owned(), self.word.clone().into_dyn());
    }

    /// Takes the tensors of the attributes with these `names` out of a file.
    fn take_from(file: &mut TensorFile, names: Vec<String>) -> Result<Self, ProtoComNetError> {
        let mean = take(file, "attribute.mean")?;
        let word = take(file, "attribute.word")?;
        if mean.nrows() != names.len() || word.nrows() != names.len() {
            return Err(ProtoComNetError::Attributes);
        }
        Ok(Self { names, mean, word })
    }
}

fn check_finite(file: &TensorFile) -> Result<(), ProtoComNetError> {
    for (tensor, values) in &file.floats {
        if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
            return Err(ProtoComNetError::Value { tensor: tensor.clone(), value });
        }
    }
    Ok(())
}

impl ProtoComNetCompleter {
    /// Reads a file's bytes: the `space_id` of the embeddings it belongs to, and the completer.
    ///
    /// # Errors
    /// See [`ProtoComNetError`].
    pub fn parse(bytes: &[u8]) -> Result<(String, Self), ProtoComNetError> {
        let (mut file, description) = read::<Description, ProtoComNetError>(bytes, &FORMAT)?;
        let Description { space_id, network, complete, attributes: names, .. } = description;
        check_finite(&file)?;
        let attributes = Attributes::take_from(&mut file, names)?;
        let mut parameters = Tensors::new();
        for (name, tensor) in file.floats {
            // A name without the prefix stays, so that the network refuses the tensor by its name.
            let name = name.strip_prefix(PARAMETER).unwrap_or(&name).to_owned();
            parameters.insert(name, tensor);
        }
        let completer = Self::new(network, parameters, attributes)?;
        Ok((space_id, completer.completing(complete)))
    }

    /// The file's bytes; the same completer always gives the same bytes.
    ///
    /// # Errors
    /// When the container cannot be written.
    pub fn to_bytes(&self, space_id: &str) -> Result<Vec<u8>, ProtoComNetError> {
        let description = Description {
            kind: FORMAT.kind(),
            format: FORMAT.number,
            layout: FORMAT.layout(),
            space_id: space_id.to_owned(),
            network: self.network.clone(),
            complete: self.complete,
            attributes: self.attributes.names.clone(),
        };
        let metadata = serde_json::to_string(&description)?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        for (name, tensor) in &self.parameters {
            file.floats.insert(format!("{PARAMETER}{name}"), tensor.clone());
        }
        self.attributes.insert_into(&mut file);
        Ok(file.to_bytes()?)
    }
}

fn take(file: &mut TensorFile, name: &str) -> Result<Array2<f32>, ProtoComNetError> {
    let tensor = file.floats.remove(name).and_then(|t| t.into_dimensionality::<Ix2>().ok());
    tensor.ok_or(ProtoComNetError::Attributes)
}

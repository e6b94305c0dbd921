//! `completer.safetensors`: a [`ProtoComNetCompleter`]; `attributes.safetensors`: its
//! only [`Attributes`].

use serde::{Deserialize, Serialize};

use ndarray::{Array2, Ix2};

use super::{Attributes, Complete, ProtoComNetCompleter};
use models::fault::{Blame, Fault};
use models::graph::{GraphError, ProtoComNet};
use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, Tensors, TensorsError};

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

/// Why there is no usable completer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtoComNetError {
    /// The file is not a tensor file, or cut short.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The description inside is missing or has other fields.
    #[error("the completer's description is not usable: {0}")]
    Description(String),
    /// Another kind of file, another format number or another layout.
    #[error("the file of the completer cannot be read: {0}")]
    Format(#[from] FormatError),
    /// The parameters are not the network's.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The attributes have other sizes than the network.
    #[error(
        "`attribute.mean` and `attribute.word` do not fit: expected a row for each attribute, as long as embeddings and word vectors of the network"
    )]
    Attributes,
    /// A value that is not a number.
    #[error("`{tensor}` holds {value}, expected finite values")]
    Value {
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
    },
}

impl Fault for ProtoComNetError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

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
        let mut file = TensorFile::parse(bytes)?;
        TABLE_FORMAT.check(file.metadata.as_bytes())?;
        let description: TableDescription = serde_json::from_str(&file.metadata)
            .map_err(|e| ProtoComNetError::Description(e.to_string()))?;
        let TableDescription { space_id, attributes: names, .. } = description;
        check_finite(&file)?;
        let (mean, word) = (take(&mut file, "attribute.mean")?, take(&mut file, "attribute.word")?);
        if mean.nrows() != names.len() || word.nrows() != names.len() {
            return Err(ProtoComNetError::Attributes);
        }
        Ok((space_id, Self { names, mean, word }))
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
        let metadata = serde_json::to_string(&description)
            .map_err(|e| ProtoComNetError::Description(e.to_string()))?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        self.insert_into(&mut file);
        file.halves = file.floats.keys().cloned().collect();
        Ok(file.to_bytes()?)
    }

    fn insert_into(&self, file: &mut TensorFile) {
        let mut insert = |name: &str, table: &Array2<f32>| {
            file.floats.insert(name.to_owned(), table.clone().into_dyn());
        };
        insert("attribute.mean", &self.mean);
        insert("attribute.word", &self.word);
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
        let mut file = TensorFile::parse(bytes)?;
        FORMAT.check(file.metadata.as_bytes())?;
        let description: Description = serde_json::from_str(&file.metadata)
            .map_err(|e| ProtoComNetError::Description(e.to_string()))?;
        let Description { space_id, network, complete, attributes: names, .. } = description;
        check_finite(&file)?;
        let (mean, word) = (take(&mut file, "attribute.mean")?, take(&mut file, "attribute.word")?);
        let parameter = |(name, tensor): (String, _)| {
            let name = name.strip_prefix(PARAMETER).map_or(name.clone(), str::to_owned);
            (name, tensor)
        };
        let parameters: Tensors = file.floats.into_iter().map(parameter).collect();
        let attributes = Attributes { names, mean, word };
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
        let metadata = serde_json::to_string(&description)
            .map_err(|e| ProtoComNetError::Description(e.to_string()))?;
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

//! Word vectors of the classes and attributes of a [`Knowledge`].

use ndarray::{Array1, Array2, Ix2};
use serde::{Deserialize, Serialize};

use super::{Knowledge, KnowledgeError};
use crate::hex;
use crate::knowledge::vectors::Vectors;
use crate::layout::FileFormat;
use crate::tensors::TensorFile;

/// The format of `knowledge.safetensors`.
pub(super) const WORDS_FORMAT: FileFormat = FileFormat {
    kind: Some("handful-knowledge"),
    number: 1,
    schema: "\
        kind text, format u32, layout text, knowledge sha256
        class_word f32[k, d], attribute_word f32[a, d]",
};

/// L2-normalized word vectors of a [`Knowledge`]: `knowledge.safetensors`. A row is zero if no word
/// of its synset has a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// Those of the classes, `[K, d]`.
    pub classes: Array2<f32>,
    /// Those of the attributes, `[A, d]`.
    pub attributes: Array2<f32>,
}

/// The metadata of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    kind: String,
    format: u32,
    layout: String,
    /// SHA-256 of the `knowledge.json` that the vectors are for.
    knowledge: String,
}

impl Words {
    /// Reads the bytes of `knowledge.safetensors`. `knowledge_json` are the bytes of the
    /// `knowledge.json` that it belongs to.
    ///
    /// # Errors
    /// See [`KnowledgeError`].
    pub fn parse(bytes: &[u8], knowledge_json: &[u8]) -> Result<Self, KnowledgeError> {
        let knowledge = Knowledge::parse(knowledge_json)?;
        let mut file = TensorFile::parse(bytes)?;
        WORDS_FORMAT.check(file.metadata.as_bytes())?;
        let description: Description = serde_json::from_str(&file.metadata)
            .map_err(|e| KnowledgeError::Words(e.to_string()))?;
        // The rows have no names: with another list of classes they would be assigned wrongly.
        if description.knowledge != hex::sha256(knowledge_json) {
            return Err(KnowledgeError::Words(
                "they were made for another knowledge.json".to_owned(),
            ));
        }
        let classes = take_rows(&mut file, "class_word", knowledge.classes.len())?;
        let attributes = take_rows(&mut file, "attribute_word", knowledge.attributes.len())?;
        if classes.ncols() != attributes.ncols() {
            let reason = "classes and attributes have vectors of different dimensions";
            return Err(KnowledgeError::Words(reason.to_owned()));
        }
        Ok(Self { classes, attributes })
    }

    /// The bytes of `knowledge.safetensors`. `knowledge_json` are the bytes of the `knowledge.json`
    /// that it belongs to.
    ///
    /// # Errors
    /// See [`KnowledgeError`]: the tensor file cannot be written.
    pub fn to_bytes(&self, knowledge_json: &[u8]) -> Result<Vec<u8>, KnowledgeError> {
        let description = Description {
            kind: WORDS_FORMAT.kind(),
            format: WORDS_FORMAT.number,
            layout: WORDS_FORMAT.layout(),
            knowledge: hex::sha256(knowledge_json),
        };
        let metadata = serde_json::to_string(&description)
            .map_err(|e| KnowledgeError::Words(e.to_string()))?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        file.floats.insert("class_word".to_owned(), self.classes.clone().into_dyn());
        file.floats.insert("attribute_word".to_owned(), self.attributes.clone().into_dyn());
        Ok(file.to_bytes()?)
    }
}

impl Knowledge {
    /// The word vectors of all classes and attributes.
    pub fn words(&self, vectors: &Vectors) -> Words {
        Words {
            classes: rows(vectors, self.classes.iter().map(|class| &class.lemmas)),
            attributes: rows(vectors, self.attributes.iter().map(|attribute| &attribute.lemmas)),
        }
    }
}

/// A row for each synset, given the lemmas of each.
fn rows<'a>(vectors: &Vectors, lemmas: impl Iterator<Item = &'a Vec<String>>) -> Array2<f32> {
    let mut rows = Array2::zeros((0, vectors.dimension()));
    for lemmas in lemmas {
        let row = vectors.synset(lemmas).unwrap_or_else(|| Array1::zeros(vectors.dimension()));
        rows.push_row(row.view()).expect("invariant: a table's vectors have one dimension");
    }
    rows
}

/// Removes a tensor from the file: `n` rows of finite values.
fn take_rows(file: &mut TensorFile, name: &str, n: usize) -> Result<Array2<f32>, KnowledgeError> {
    let tensor = file.floats.remove(name).and_then(|t| t.into_dimensionality::<Ix2>().ok());
    let rows = tensor.filter(|t| t.nrows() == n && t.iter().all(|value| value.is_finite()));
    rows.ok_or_else(|| KnowledgeError::Words(format!("`{name}` has not {n} rows of finite values")))
}

//! `decision.safetensors`: a [`DecisionModel`] for one backbone.
//!
//! # Examples
//! ```
//! use few_shot::decision::DecisionModel;
//!
//! let error = DecisionModel::parse(b"no such file").unwrap_err();
//! assert!(error.to_string().contains("safetensors"));
//! ```

use ndarray::{Array1, Array2, Ix1, Ix2};
use serde::{Deserialize, Serialize};

use super::background::Background;
use super::{DecisionModel, DecisionTable, TableError};
use crate::tensor_file::read;
use models::fault::{Blame, Fault};
use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, TensorsError};

/// The format of the file.
const FORMAT: FileFormat = FileFormat { kind: Some("handful-decision"), number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    kind text, format u32, layout text, space_id sha256
    table { weights { novelty f64, overlap f64, sharpness f64, fading { most f64, mean f64 } },
        expected { by_shots { <k> f64 }, growth f64, likeness f64 },
        limits { rates f64[r], by_classes { <n> f64[r] }, by_name { <n> f64[r] }, table_classes f64 },
        confidence { with_images { slope f64, intercept f64 }, by_name { slope f64, intercept f64 },
            sharpness { <k> f64 } },
        ambiguity { largest_share f64, share_per_rate f64 } }
    center f32[s], background i8[b, s]";

/// The most bytes of such a file that are read.
pub const MAX_BYTES: u64 = 64 << 20;

/// Why bytes are not a usable decision.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The file is not a tensor file, or cut short.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The description inside is missing or has other fields.
    #[error("the decision's description is not usable: {0}")]
    Description(#[from] serde_json::Error),
    /// Another kind of file, another format number or another layout.
    #[error("the decision cannot be read: {0}")]
    Format(#[from] FormatError),
    /// A constant is out of range.
    #[error("the decision's table is not usable: {0}")]
    Table(#[from] TableError),
    /// A tensor is missing or does not fit the others.
    #[error("`{name}` is missing or does not fit: expected {expected}")]
    Tensor {
        /// The tensor.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl Fault for DecisionError {
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
    /// The space of the embeddings that it was fitted to.
    space_id: String,
    table: DecisionTable,
}

impl DecisionModel<f32> {
    /// Reads a file's bytes: the `space_id` of the embeddings it belongs to, and the model.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub fn parse(bytes: &[u8]) -> Result<(String, Self), DecisionError> {
        let (file, description) = read::<Description, DecisionError>(bytes, &FORMAT)?;
        description.table.check()?;
        let center = center(&file)?;
        let rows = rows(&file, center.len())?;
        let background = Background::of_bytes(center, rows);
        Ok((description.space_id, Self { table: description.table, background }))
    }

    /// The file's bytes, its background rounded to 8 bits; the same model always gives the same
    /// bytes.
    ///
    /// # Errors
    /// When the container cannot be written.
    pub fn to_bytes(&self, space_id: &str) -> Result<Vec<u8>, DecisionError> {
        let description = Description {
            kind: FORMAT.kind(),
            format: FORMAT.number,
            layout: FORMAT.layout(),
            space_id: space_id.to_owned(),
            table: self.table.clone(),
        };
        let metadata = serde_json::to_string(&description)?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        file.floats.insert("center".to_owned(), self.background.center().to_owned().into_dyn());
        file.bytes.insert("background".to_owned(), self.background.to_bytes().into_dyn());
        Ok(file.to_bytes()?)
    }
}

fn center(file: &TensorFile) -> Result<Array1<f32>, DecisionError> {
    finite(file, "center").filter(|center| !center.is_empty()).ok_or(DecisionError::Tensor {
        name: "center",
        expected: "finite values, one for each value of an embedding",
    })
}

/// `[b, s]`.
fn rows(file: &TensorFile, size: usize) -> Result<Array2<i8>, DecisionError> {
    let rows = file.bytes.get("background");
    let rows = rows.and_then(|tensor| tensor.clone().into_dimensionality::<Ix2>().ok());
    rows.filter(|tensor| tensor.ncols() == size).ok_or(DecisionError::Tensor {
        name: "background",
        expected: "rows of 8-bit integers, as long as `center`",
    })
}

fn finite(file: &TensorFile, name: &str) -> Option<Array1<f32>> {
    let tensor = file.floats.get(name)?.clone().into_dimensionality::<Ix1>().ok()?;
    // A NaN would reach the scores, and no image would be rejected.
    tensor.iter().all(|value| value.is_finite()).then_some(tensor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decision::tests::table;
    use ndarray::array;

    fn model() -> DecisionModel<f32> {
        let background = Background::new(array![1.0, 2.0, 3.0], array![[0.6, 0.8, 0.0]]);
        DecisionModel { table: table(), background: background.rounded() }
    }

    #[test]
    fn a_file_survives_the_round_trip() {
        let bytes = model().to_bytes("a space").unwrap();
        assert_eq!(DecisionModel::parse(&bytes).unwrap(), ("a space".to_owned(), model()));
    }

    #[test]
    fn a_backbone_without_background_has_a_file_too() {
        let model =
            DecisionModel { table: table(), background: Background::none(Array1::zeros(4)) };
        let read = DecisionModel::parse(&model.to_bytes("").unwrap()).unwrap().1;
        assert_eq!((read.background.len(), read.background.center().len()), (0, 4));
    }

    #[test]
    fn tensors_that_do_not_fit_are_named() {
        let mut file = TensorFile::parse(&model().to_bytes("").unwrap()).unwrap();
        file.floats.insert("center".to_owned(), array![0.0].into_dyn());
        let error = DecisionModel::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`background` is missing or does not fit"), "{error}");
        file.floats.insert("center".to_owned(), array![f32::NAN, 0.0, 0.0].into_dyn());
        let error = DecisionModel::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`center` is missing or does not fit"), "{error}");
    }
}

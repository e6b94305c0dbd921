//! `decision.safetensors`: a [`DecisionModel`] for one backbone.
//!
//! # Examples
//! ```
//! use few_shot::decision::DecisionModel;
//!
//! let error = DecisionModel::parse(b"no such file").unwrap_err();
//! assert!(error.to_string().contains("safetensors"));
//! ```

use ndarray::{Array1, Array2, Axis, Ix1, Ix2};
use serde::{Deserialize, Serialize};

use super::score::{Background, unit_rows};
use super::{DecisionModel, DecisionTable, TableError};
use crate::tensor_file::read;
use models::fault::{Blame, Fault};
use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, TensorsError};

/// The format of the file.
const FORMAT: FileFormat = FileFormat { kind: Some("handful-decision"), number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    kind text, format u32, layout text, space_id sha256
    table { weights { novelty f64, overlap f64, sharpness f64 },
        expected { by_shots { <k> f64 }, growth f64 },
        limits { rates f64[r], by_classes { <n> f64[r] }, by_name f64[r] },
        confidence { with_images { slope f64, intercept f64 }, by_name { slope f64, intercept f64 },
            sharpness { <k> f64 } },
        ambiguity { rates f64[a], shares f64[a] } }
    center f32[s], background i8[b, s], background_scale f32[b]";

/// The most bytes of such a file that are read.
pub const MAX_BYTES: u64 = 64 << 20;

/// The largest absolute value of a stored background row.
const LARGEST: f32 = 127.0;

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
        let background = Background::new(center, unit_rows(rows));
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
        let rows = self.background.rows();
        let scales = rows.map_axis(Axis(1), |row| {
            row.iter().fold(0.0, |most: f32, value| most.max(value.abs())) / LARGEST
        });
        let mut stored = Array2::<i8>::zeros(rows.dim());
        for ((mut stored, row), &scale) in
            stored.rows_mut().into_iter().zip(rows.rows()).zip(&scales)
        {
            stored.zip_mut_with(&row, |stored, &value| *stored = (value / scale).round() as i8);
        }
        file.floats.insert("center".to_owned(), self.background.center().to_owned().into_dyn());
        file.floats.insert("background_scale".to_owned(), scales.into_dyn());
        file.bytes.insert("background".to_owned(), stored.into_dyn());
        Ok(file.to_bytes()?)
    }

    /// The model as a reader of its file has it, whose background is rounded.
    ///
    /// # Errors
    /// When the container cannot be written.
    pub fn rounded(&self) -> Result<Self, DecisionError> {
        Ok(Self::parse(&self.to_bytes("")?)?.1)
    }
}

fn center(file: &TensorFile) -> Result<Array1<f32>, DecisionError> {
    finite(file, "center").filter(|center| !center.is_empty()).ok_or(DecisionError::Tensor {
        name: "center",
        expected: "finite values, one for each value of an embedding",
    })
}

/// `[b, s]`, not scaled to length 1.
fn rows(file: &TensorFile, size: usize) -> Result<Array2<f32>, DecisionError> {
    let stored = file.bytes.get("background");
    let stored = stored.and_then(|tensor| tensor.clone().into_dimensionality::<Ix2>().ok());
    let stored = stored.filter(|tensor| tensor.ncols() == size).ok_or(DecisionError::Tensor {
        name: "background",
        expected: "rows of 8-bit integers, as long as `center`",
    })?;
    let scales = finite(file, "background_scale").filter(|scales| scales.len() == stored.nrows());
    let scales = scales.ok_or(DecisionError::Tensor {
        name: "background_scale",
        expected: "a finite value for each row of `background`",
    })?;
    let mut rows = stored.mapv(f32::from);
    for (mut row, &scale) in rows.rows_mut().into_iter().zip(&scales) {
        row *= scale;
    }
    Ok(rows)
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
        let rows = unit_rows(array![[1.0, 0.5, -0.2], [0.0, 0.3, 0.9]]);
        DecisionModel { table: table(), background: Background::new(array![1.0, 2.0, 3.0], rows) }
    }

    #[test]
    fn a_file_survives_the_round_trip_up_to_8_bits() {
        let bytes = model().to_bytes("a space").unwrap();
        let (space_id, read) = DecisionModel::parse(&bytes).unwrap();
        assert_eq!((space_id.as_str(), &read.table), ("a space", &model().table));
        let difference = &read.background.rows() - &model().background.rows();
        assert!(difference.iter().all(|value| value.abs() < 0.005), "{difference}");
        assert_eq!(model().rounded().unwrap(), read);
    }

    #[test]
    fn a_backbone_without_background_has_a_file_too() {
        let model = DecisionModel { table: table(), background: Background::none(4) };
        let read = DecisionModel::parse(&model.to_bytes("").unwrap()).unwrap().1;
        assert_eq!((read.background.len(), read.background.center().len()), (0, 4));
    }

    #[test]
    fn tensors_that_do_not_fit_are_named() {
        let mut file = TensorFile::parse(&model().to_bytes("").unwrap()).unwrap();
        file.floats.insert("background_scale".to_owned(), array![f32::NAN, 1.0].into_dyn());
        let error = DecisionModel::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`background_scale`"), "{error}");
        file.floats.insert("center".to_owned(), array![0.0].into_dyn());
        let error = DecisionModel::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`background` is missing or does not fit"), "{error}");
    }
}

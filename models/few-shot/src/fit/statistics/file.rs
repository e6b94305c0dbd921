//! `statistics.safetensors`: what a run knows of its base classes and of their attributes.

use ndarray::{Array1, Array2, ArrayD, Ix2};
use serde::{Deserialize, Serialize};

use super::{Moments, Std};
use crate::tensor_file::{read, table};
use models::fault::{Blame, Fault};
use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, TensorsError};

/// The format of the file.
const FORMAT: FileFormat =
    FileFormat { kind: Some("handful-statistics"), number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    kind text, format u32, layout text, space_id sha256, std text
    classes text[k], attributes wnid[a]
    class.mean f32[k, s], class.std f32[k, s], class.images i64[k]
    attribute.mean f32[a, s], attribute.std f32[a, s], attribute.images i64[a]";

/// Means and standard deviations of base classes and of attributes, in one embedding space.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The space of the embeddings.
    pub space_id: String,
    /// What standard deviations were divided by.
    pub std: Std,
    /// The base classes, named as in the data set, in its order.
    pub classes: Table,
    /// The attributes, named by their synsets (`n03892891`).
    pub attributes: Table,
}

/// Moments of several sets of embeddings, a row each.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the rows are of.
    pub names: Vec<String>,
    /// How many embeddings were seen.
    pub images: Vec<u64>,
    /// Their means `[n, s]`.
    pub mean: Array2<f32>,
    /// Their standard deviations `[n, s]`.
    pub std: Array2<f32>,
}

/// Why bytes are not usable statistics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// The file is not a tensor file, or cut short.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The description inside is missing or has other fields.
    #[error("the statistics' description is not usable: {0}")]
    Description(#[from] serde_json::Error),
    /// Another kind of file, another format number or another layout.
    #[error("the statistics cannot be read: {0}")]
    Format(#[from] FormatError),
    /// A tensor is missing or does not fit.
    #[error("`{name}` is {got}, expected {expected}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
}

impl Fault for StatisticsError {
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
    space_id: String,
    std: Std,
    classes: Vec<String>,
    attributes: Vec<String>,
}

impl Table {
    /// The rows `moments`, named in the same order.
    pub fn new(names: Vec<String>, moments: &[Moments], std: Std, size: usize) -> Self {
        Self {
            names,
            images: moments.iter().map(Moments::count).collect(),
            mean: table(moments.iter().map(Moments::mean), size),
            std: table(moments.iter().map(|moments| moments.std(std)), size),
        }
    }

    fn insert(&self, file: &mut TensorFile, what: &str) {
        let images: Array1<i64> = self.images.iter().map(|&n| n as i64).collect();
        file.integers.insert(format!("{what}.images"), images.into_dyn());
        file.floats.insert(format!("{what}.mean"), self.mean.clone().into_dyn());
        file.floats.insert(format!("{what}.std"), self.std.clone().into_dyn());
    }

    fn take(
        file: &mut TensorFile,
        what: &str,
        names: Vec<String>,
    ) -> Result<Self, StatisticsError> {
        let mean = matrix(file, &format!("{what}.mean"), names.len(), None)?;
        let std = matrix(file, &format!("{what}.std"), names.len(), Some(mean.ncols()))?;
        let images = counts(file, format!("{what}.images"), names.len())?;
        Ok(Self { names, images, mean, std })
    }
}

/// A finite matrix of `rows` rows, and of `columns` columns where their number is known.
fn matrix(
    file: &mut TensorFile,
    name: &str,
    rows: usize,
    columns: Option<usize>,
) -> Result<Array2<f32>, StatisticsError> {
    finite_matrix(file.floats.remove(name), rows, columns).map_err(|got| {
        let columns = columns.map_or_else(|| "s".to_owned(), |columns| columns.to_string());
        let expected = format!("finite values [{rows}, {columns}]");
        StatisticsError::Tensor { name: name.to_owned(), expected, got }
    })
}

/// The tensor as a matrix of this shape, or else what it is.
fn finite_matrix(
    tensor: Option<ArrayD<f32>>,
    rows: usize,
    columns: Option<usize>,
) -> Result<Array2<f32>, String> {
    let tensor = tensor.ok_or("missing")?;
    let shape = format!("{:?}", tensor.shape());
    let matrix = tensor.into_dimensionality::<Ix2>().ok().filter(|matrix| {
        matrix.nrows() == rows && columns.is_none_or(|columns| columns == matrix.ncols())
    });
    let matrix = matrix.ok_or(shape)?;
    match matrix.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(value.to_string()),
        None => Ok(matrix),
    }
}

/// A count for each of `rows` rows.
fn counts(file: &mut TensorFile, name: String, rows: usize) -> Result<Vec<u64>, StatisticsError> {
    let tensor = file.integers.remove(&name).filter(|tensor| tensor.shape() == [rows]);
    let counts: Option<Vec<u64>> =
        tensor.and_then(|tensor| tensor.iter().map(|&n| u64::try_from(n).ok()).collect());
    counts.ok_or_else(|| StatisticsError::Tensor {
        name,
        expected: format!("{rows} counts"),
        got: "missing or something else".to_owned(),
    })
}

impl Statistics {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// See [`StatisticsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, StatisticsError> {
        let (mut file, description) = read::<Description, StatisticsError>(bytes, &FORMAT)?;
        let Description { space_id, std, classes, attributes, .. } = description;
        let classes = Table::take(&mut file, "class", classes)?;
        let attributes = Table::take(&mut file, "attribute", attributes)?;
        Ok(Self { space_id, std, classes, attributes })
    }

    /// The file's bytes; the same statistics always give the same bytes.
    ///
    /// # Errors
    /// When the container cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatisticsError> {
        let description = Description {
            kind: FORMAT.kind(),
            format: FORMAT.number,
            layout: FORMAT.layout(),
            space_id: self.space_id.clone(),
            std: self.std,
            classes: self.classes.names.clone(),
            attributes: self.attributes.names.clone(),
        };
        let metadata = serde_json::to_string(&description)?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        self.classes.insert(&mut file, "class");
        self.attributes.insert(&mut file, "attribute");
        Ok(file.to_bytes()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    fn statistics() -> Statistics {
        let moments = super::super::classes(&[array![[1.0, 2.0], [3.0, 6.0]], array![[5.0, 5.0]]]);
        let names = vec!["fig".to_owned(), "pear".to_owned()];
        Statistics {
            space_id: "ab".to_owned(),
            std: Std::Unbiased,
            classes: Table::new(names, &moments, Std::Unbiased, 2),
            attributes: Table::new(Vec::new(), &[], Std::Unbiased, 2),
        }
    }

    #[test]
    fn a_file_survives_the_round_trip() {
        let statistics = statistics();
        assert_eq!(statistics.classes.mean, array![[2.0, 4.0], [5.0, 5.0]]);
        assert_eq!(statistics.attributes.mean.dim(), (0, 2));
        let bytes = statistics.to_bytes().unwrap();
        assert_eq!(Statistics::parse(&bytes).unwrap(), statistics);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let refused = |statistics: &Statistics| {
            Statistics::parse(&statistics.to_bytes().unwrap()).unwrap_err().to_string()
        };
        let mut short = statistics();
        short.classes.names.pop();
        assert!(
            refused(&short).starts_with("`class.mean` is [2, 2], expected finite values [1, s]")
        );
        let mut infinite = statistics();
        infinite.classes.std[[0, 1]] = f32::NAN;
        assert!(refused(&infinite).contains("`class.std` is NaN"));
        let mut uncounted = statistics();
        uncounted.classes.images.pop();
        assert!(refused(&uncounted).contains("class.images"));
    }
}

//! What the files of this crate have in common: tensors, and a JSON text that describes them.

use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, TensorsError};
use ndarray::{Array2, ArrayBase, Data, Ix1};
use serde::de::DeserializeOwned;

/// Reads the bytes of a file of this `format`: its tensors and its description.
pub(crate) fn read<D, E>(bytes: &[u8], format: &FileFormat) -> Result<(TensorFile, D), E>
where
    D: DeserializeOwned,
    E: From<TensorsError> + From<FormatError> + From<serde_json::Error>,
{
    let file = TensorFile::parse(bytes)?;
    // Before the other fields: those of another layout would only give a confusing error.
    format.check(file.metadata.as_bytes())?;
    let description = serde_json::from_str(&file.metadata)?;
    Ok((file, description))
}

/// The table `[n, size]` of `n` rows, which may be none.
pub(crate) fn table<S: Data<Elem = f32>>(
    rows: impl IntoIterator<Item = ArrayBase<S, Ix1>>,
    size: usize,
) -> Array2<f32> {
    let mut table = Array2::zeros((0, size));
    for row in rows {
        table.push_row(row.view()).expect("invariant: the rows of a table have one size");
    }
    table
}

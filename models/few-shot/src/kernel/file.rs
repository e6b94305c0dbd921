//! `kernel.safetensors`: a fitted [`NameRegressor`].

use std::collections::BTreeMap;

use ndarray::{Array, Array1, Array2, Dimension, Ix1, Ix2};
use serde::{Deserialize, Serialize};

use super::{KernelRidge, NameRegressor};
use crate::embedding_frame::EmbeddingFrame;
use crate::fusion::ErrorVariances;
use crate::name_bias::NameBias;
use crate::name_prior::NamePrior;
use crate::tensor_file::{read, table};
use models::fault::{Blame, Fault};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;
use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, TensorsError};

/// The format of the file. Tensors of type `f16` are read as `f32` too.
const FORMAT: FileFormat = FileFormat { kind: Some("handful-kernel"), number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    kind text, format u32, layout text, space_id sha256
    ridge f64, radius f32, pseudo_count f32, decay f32
    center f32[s], word f16[k, d], dual f16[k, s], hypernyms i64[n], hypernyms_length i64[k]
    error_k_shot i64[m], error_mean f32[m, s], error_semantic f32[m, s], error_product f32[m, s]
    name_bias_k_shot i64[m], name_bias f32[m]";

/// The most bytes of such a file that are read.
pub const MAX_BYTES: u64 = 256 << 20;

/// Keeps the squared lengths of prototypes within f32.
const MAX_RADIUS: f32 = 1e9;

/// Why bytes are not a usable name regressor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The file is not a tensor file, or cut short.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The description inside is missing or has other fields.
    #[error("the name regressor's description is not usable: {0}")]
    Description(#[from] serde_json::Error),
    /// Another kind of file, another format number or another layout.
    #[error("the name regressor cannot be read: {0}")]
    Format(#[from] FormatError),
    /// Semantic prototypes would lie in the center, or too far from it.
    #[error("`radius` is {0}, expected above 0 and at most {max}", max = MAX_RADIUS)]
    Radius(f32),
    /// The constants of the name prior are out of range.
    #[error(
        "`pseudo_count` is {pseudo_count} and `decay` {decay}, expected above 0 and at most {} and {}",
        NamePrior::MAX_PSEUDO_COUNT,
        NamePrior::MAX_DECAY
    )]
    NamePrior {
        /// The pseudo-count.
        pseudo_count: f32,
        /// The decay.
        decay: f32,
    },
    /// A tensor is missing or does not fit the others.
    #[error("`{name}` is missing or does not fit: expected {expected}")]
    Tensor {
        /// The tensor.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl Fault for KernelError {
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
    ridge: f64,
    /// How far predictions lie from the center.
    radius: f32,
    /// The pseudo-count of the [`NamePrior`].
    pseudo_count: f32,
    /// Its decay.
    decay: f32,
}

impl NameRegressor {
    /// Reads a file's bytes: the `space_id` of the embeddings it belongs to, and the regressor.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn parse(bytes: &[u8]) -> Result<(String, Self), KernelError> {
        let (file, description) = read::<Description, KernelError>(bytes, &FORMAT)?;
        let Description { space_id, ridge, radius, pseudo_count, decay, .. } = description;
        if !(radius > 0.0 && radius <= MAX_RADIUS) {
            return Err(KernelError::Radius(radius));
        }
        let name_prior = NamePrior::new(pseudo_count, decay)
            .ok_or(KernelError::NamePrior { pseudo_count, decay })?;
        let dual = matrix(&file, "dual")?;
        let center = center(&file, dual.ncols())?;
        let base = base(&file, dual.nrows())?;
        let errors = errors(&file, dual.ncols())?;
        let name_bias = name_bias(&file)?;
        // The weights of hypernyms are not in the file: they follow from the base classes.
        let regression = KernelRidge::unfitted(base, ridge).with_dual(dual.mapv(f64::from));
        let frame = EmbeddingFrame::new(center, radius).with_name_prior(name_prior);
        Ok((space_id, Self { frame, regression, errors, name_bias }))
    }

    /// The file's bytes; the same regressor always gives the same bytes.
    ///
    /// # Errors
    /// When the container cannot be written, or 16 bits cannot hold a value.
    pub fn to_bytes(&self, space_id: &str) -> Result<Vec<u8>, KernelError> {
        let KernelRidge { base, ridge, dual, .. } = &self.regression;
        let description = Description {
            kind: FORMAT.kind(),
            format: FORMAT.number,
            layout: FORMAT.layout(),
            space_id: space_id.to_owned(),
            ridge: *ridge,
            radius: self.frame.radius(),
            pseudo_count: self.frame.name_prior().pseudo_count(),
            decay: self.frame.name_prior().decay(),
        };
        let metadata = serde_json::to_string(&description)?;
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        file.floats.insert("center".to_owned(), self.frame.center().clone().into_dyn());
        file.floats.insert("dual".to_owned(), dual.mapv(|x| x as f32).into_dyn());
        insert_base(&mut file, base, self.dimension());
        // Nearly all of the file. A prediction sums over all base classes, which averages the
        // rounding out.
        file.halves.extend(["dual", "word"].map(str::to_owned));
        insert_errors(&mut file, &self.errors, dual.ncols());
        insert_name_bias(&mut file, &self.name_bias);
        Ok(file.to_bytes()?)
    }
}

fn insert_base(file: &mut TensorFile, base: &[SemanticDescriptor], dimension: usize) {
    let words = table(base.iter().map(|class| class.word_vector.view()), dimension);
    // A tensor has rows of one length, and classes have different numbers of hypernyms: these lie
    // one after the other.
    let hypernyms: Array1<i64> =
        base.iter().flat_map(|class| &class.hypernyms).map(|id| i64::from(id.0)).collect();
    let lengths: Array1<i64> = base.iter().map(|class| class.hypernyms.len() as i64).collect();
    file.floats.insert("word".to_owned(), words.into_dyn());
    file.integers.insert("hypernyms".to_owned(), hypernyms.into_dyn());
    file.integers.insert("hypernyms_length".to_owned(), lengths.into_dyn());
}

fn insert_errors(file: &mut TensorFile, errors: &BTreeMap<usize, ErrorVariances>, size: usize) {
    let shots: Array1<i64> = errors.keys().map(|&k| k as i64).collect();
    let mean = table(errors.values().map(|errors| errors.mean.view()), size);
    let semantic = table(errors.values().map(|errors| errors.other.view()), size);
    let product = table(errors.values().map(|errors| errors.product.view()), size);
    file.integers.insert("error_k_shot".to_owned(), shots.into_dyn());
    file.floats.insert("error_mean".to_owned(), mean.into_dyn());
    file.floats.insert("error_semantic".to_owned(), semantic.into_dyn());
    file.floats.insert("error_product".to_owned(), product.into_dyn());
}

fn insert_name_bias(file: &mut TensorFile, name_bias: &NameBias) {
    let shots: Array1<i64> = name_bias.iter().map(|(k_shot, _)| k_shot as i64).collect();
    let addends: Array1<f32> = name_bias.iter().map(|(_, addend)| addend).collect();
    file.integers.insert("name_bias_k_shot".to_owned(), shots.into_dyn());
    file.floats.insert("name_bias".to_owned(), addends.into_dyn());
}

/// The tensor `name`, if it has the dimensions of `D` and finite values.
fn finite<D: Dimension>(file: &TensorFile, name: &str) -> Option<Array<f32, D>> {
    let tensor = file.floats.get(name)?.clone().into_dimensionality::<D>().ok()?;
    // A NaN would reach the similarities, and classes could not be ranked.
    tensor.iter().all(|x| x.is_finite()).then_some(tensor)
}

fn matrix(file: &TensorFile, name: &'static str) -> Result<Array2<f32>, KernelError> {
    let usable = finite::<Ix2>(file, name).filter(|tensor| !tensor.is_empty());
    usable.ok_or(KernelError::Tensor { name, expected: "a matrix of finite values" })
}

fn center(file: &TensorFile, size: usize) -> Result<Array1<f32>, KernelError> {
    let usable = finite::<Ix1>(file, "center").filter(|center| center.len() == size);
    let expected = "as many finite values as `dual` has columns";
    usable.ok_or(KernelError::Tensor { name: "center", expected })
}

fn base(file: &TensorFile, classes: usize) -> Result<Vec<SemanticDescriptor>, KernelError> {
    let words = matrix(file, "word")?;
    if words.nrows() != classes {
        return Err(KernelError::Tensor { name: "word", expected: "as many rows as `dual` has" });
    }
    let hypernyms = hypernyms(file).filter(|lists| lists.len() == classes);
    let expected = "sorted synsets, `hypernyms_length` of each class";
    let hypernyms = hypernyms.ok_or(KernelError::Tensor { name: "hypernyms", expected })?;
    let classes = words.rows().into_iter().zip(hypernyms);
    let base = classes
        .map(|(word, hypernyms)| SemanticDescriptor { word_vector: word.to_owned(), hypernyms });
    Ok(base.collect())
}

/// The synsets of each class; `None` if their numbers do not add up or some are not sorted.
fn hypernyms(file: &TensorFile) -> Option<Vec<Vec<SynsetId>>> {
    let all = file.integers.get("hypernyms")?.iter();
    let all: Option<Vec<SynsetId>> = all.map(|&id| u32::try_from(id).ok().map(SynsetId)).collect();
    let all = all?;
    let mut rest = all.as_slice();
    let mut lists = Vec::new();
    for &length in file.integers.get("hypernyms_length")? {
        let (list, later) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        // The kernel finds shared synsets by binary search.
        if !list.is_sorted() {
            return None;
        }
        lists.push(list.to_vec());
        rest = later;
    }
    rest.is_empty().then_some(lists)
}

fn errors(file: &TensorFile, size: usize) -> Result<BTreeMap<usize, ErrorVariances>, KernelError> {
    let shots = file.integers.get("error_k_shot");
    let shots: Vec<i64> = shots.map_or_else(Vec::new, |shots| shots.iter().copied().collect());
    let mean = error_rows(file, "error_mean", (shots.len(), size))?;
    let semantic = error_rows(file, "error_semantic", (shots.len(), size))?;
    let product = error_rows(file, "error_product", (shots.len(), size))?;
    let mut errors = BTreeMap::new();
    for (row, &k_shot) in shots.iter().enumerate() {
        let k_shot = usize::try_from(k_shot).map_err(|_| KernelError::Tensor {
            name: "error_k_shot",
            expected: "numbers of images",
        })?;
        let at_shots = ErrorVariances {
            mean: mean.row(row).to_owned(),
            other: semantic.row(row).to_owned(),
            product: product.row(row).to_owned(),
        };
        errors.insert(k_shot, at_shots);
    }
    Ok(errors)
}

fn error_rows(
    file: &TensorFile,
    name: &'static str,
    shape: (usize, usize),
) -> Result<Array2<f32>, KernelError> {
    let usable = finite::<Ix2>(file, name).filter(|tensor| tensor.dim() == shape);
    let expected = "a finite row for each of `error_k_shot`";
    usable.ok_or(KernelError::Tensor { name, expected })
}

/// The name bias, empty where it was not measured.
fn name_bias(file: &TensorFile) -> Result<NameBias, KernelError> {
    let shots = file.integers.get("name_bias_k_shot");
    let name_bias: Option<NameBias> = match (shots, file.floats.get("name_bias")) {
        (None, None) => return Ok(NameBias::default()),
        (Some(shots), Some(addends)) if shots.len() == addends.len() => {
            shots.iter().zip(addends).map(addend).collect()
        }
        _ => None,
    };
    let expected = "a value of -1 to 1 for each of `name_bias_k_shot`";
    name_bias.ok_or(KernelError::Tensor { name: "name_bias", expected })
}

fn addend((&k_shot, &addend): (&i64, &f32)) -> Option<(usize, f32)> {
    let k_shot = usize::try_from(k_shot).ok()?;
    // NaN is in no range.
    (-1.0..=1.0).contains(&addend).then_some((k_shot, addend))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn a_file_survives_the_round_trip() {
        let class = |word: f32, line: &[u32]| SemanticDescriptor {
            word_vector: array![word, 1.0],
            hypernyms: line.iter().map(|&id| SynsetId(id)).collect(),
        };
        let base = [class(1.0, &[1, 2]), class(-1.0, &[]), class(0.5, &[1, 3])];
        let prototypes = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let errors = ErrorVariances {
            mean: array![1.0, 2.0],
            other: array![3.0, 4.0],
            product: array![0.5, 0.0],
        };
        let regressor = NameRegressor::fit(&base, prototypes.view())
            .with_errors(BTreeMap::from([(5, errors.clone())]))
            .with_name_bias(NameBias::from([(1, 0.25), (5, 0.5)]))
            .with_name_prior("1.4:0.85".parse().unwrap());
        let bytes = regressor.to_bytes("ab").unwrap();
        let (space_id, read) = NameRegressor::parse(&bytes).unwrap();
        assert_eq!((space_id.as_str(), read.ridge()), ("ab", regressor.ridge()));
        assert_eq!((read.errors(1), read.errors(9)), (Some(&errors), Some(&errors)));
        assert_eq!((read.name_bias(), read.frame()), (regressor.name_bias(), regressor.frame()));
        let asked = [class(0.7, &[1, 9])];
        let difference = read.semantic(&asked) - regressor.semantic(&asked);
        assert!(difference.iter().all(|d| d.abs() < 2e-3), "{difference}");
        for cut in [0, 9, bytes.len() / 2, bytes.len() - 1] {
            assert!(NameRegressor::parse(&bytes[..cut]).is_err());
        }
        let mut file = TensorFile::parse(&bytes).unwrap();
        let metadata = file.metadata.clone();
        for radius in ["-1.5", "0.0", "3e38"] {
            let (before, _) = metadata.split_once("\"radius\":").unwrap();
            file.metadata = format!("{before}\"radius\":{radius},\"pseudo_count\":1,\"decay\":1}}");
            let error = NameRegressor::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
            assert!(error.contains("`radius` is"), "{error}");
        }
        file.metadata = metadata;
        for wrong in [array![0.25], array![0.25, f32::NAN], array![0.25, 1.5]] {
            let mut file = TensorFile::parse(&bytes).unwrap();
            file.floats.insert("name_bias".to_owned(), wrong.into_dyn());
            let error = NameRegressor::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("`name_bias` is missing or does not fit"), "{error}");
        }
        file.integers.remove("name_bias_k_shot");
        assert!(NameRegressor::parse(&file.to_bytes().unwrap()).is_err(), "one without the other");
        file.floats.remove("name_bias");
        let unbiased = NameRegressor::parse(&file.to_bytes().unwrap()).unwrap().1;
        assert_eq!(unbiased.name_bias(), &NameBias::default());
        file.integers.insert("hypernyms_length".to_owned(), array![2, 1, 2].into_dyn());
        let error = NameRegressor::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("`hypernyms` is missing or does not fit"), "{error}");
    }

    #[test]
    fn a_name_prior_out_of_range_is_refused() {
        let known =
            SemanticDescriptor { word_vector: array![1.0, 0.0], hypernyms: vec![SynsetId(1)] };
        let other =
            SemanticDescriptor { word_vector: array![0.0, 1.0], hypernyms: vec![SynsetId(2)] };
        let regressor = NameRegressor::fit(&[known, other], array![[1.0, 0.0], [0.0, 1.0]].view());
        let mut file = TensorFile::parse(&regressor.to_bytes("ab").unwrap()).unwrap();
        let metadata = file.metadata.clone();
        let (before, _) = metadata.split_once("\"pseudo_count\":").unwrap();
        for numbers in ["0.0,\"decay\":1", "-1.0,\"decay\":1", "3e38,\"decay\":1", "1,\"decay\":0"]
        {
            file.metadata = format!("{before}\"pseudo_count\":{numbers}}}");
            let error = NameRegressor::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
            assert!(error.contains("expected above 0 and at most 1000 and 4"), "{error}");
        }
        file.metadata = format!("{before}\"decay\":1}}");
        let error = NameRegressor::parse(&file.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("missing field `pseudo_count`"), "{error}");
    }
}

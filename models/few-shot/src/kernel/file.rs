//! `kernel.safetensors`: a fitted [`NameRegressor`].

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Ix1, Ix2};
use serde::{Deserialize, Serialize};

use super::{KernelRidge, NameRegressor};
use crate::embedding_frame::EmbeddingFrame;
use crate::fusion::ErrorVariances;
use crate::name_bias::NameBias;
use crate::name_prior::NamePrior;
use models::fault::{Blame, Fault};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::wordnet::SynsetId;
use models::layout::{FileFormat, FormatError};
use models::tensors::{TensorFile, TensorsError};

/// The format of the file. Tensors whose type is `f16` may be `f32` as well.
const FORMAT: FileFormat = FileFormat { kind: Some("handful-kernel"), number: 1, schema: SCHEMA };

const SCHEMA: &str = "\
    kind text, format u32, layout text, space_id sha256
    ridge f64, radius f32, pseudo_count f32, decay f32
    center f32[s], word f16[k, d], dual f16[k, s], hypernyms i64[n], hypernyms_length i64[k]
    error_k_shot i64[m], error_mean f32[m, s], error_semantic f32[m, s], error_product f32[m, s]
    name_bias_k_shot i64[m], name_bias f32[m]";

/// The most bytes of such a file that are read.
pub const MAX_BYTES: u64 = 256 << 20;

/// Keeps lengths of prototypes finite.
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
    Description(String),
    /// Another kind of file, another format number or another layout.
    #[error("the name regressor cannot be read: {0}")]
    Format(#[from] FormatError),
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
    /// Reads a file's bytes: the `space_id` of the embeddings it belongs to, and the completer.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn parse(bytes: &[u8]) -> Result<(String, Self), KernelError> {
        let file = TensorFile::parse(bytes)?;
        FORMAT.check(file.metadata.as_bytes())?;
        let description: Description = serde_json::from_str(&file.metadata)
            .map_err(|e| KernelError::Description(e.to_string()))?;
        let Description { space_id, ridge, radius, pseudo_count, decay, .. } = description;
        if !(radius > 0.0 && radius <= MAX_RADIUS) {
            let text = format!("`radius` is {radius}, expected above 0 and at most {MAX_RADIUS}");
            return Err(KernelError::Description(text));
        }
        let name_prior = name_prior(pseudo_count, decay)?;
        let dual = matrix(&file, "dual")?;
        let words = matrix(&file, "word")?;
        let center =
            file.floats.get("center").and_then(|t| t.clone().into_dimensionality::<Ix1>().ok());
        let center = center.filter(|c| c.len() == dual.ncols() && c.iter().all(|x| x.is_finite()));
        let wrong = |name, expected| KernelError::Tensor { name, expected };
        let center =
            center.ok_or_else(|| wrong("center", "as many finite values as `dual` has columns"))?;
        if words.nrows() != dual.nrows() {
            return Err(wrong("word", "as many rows as `dual` has"));
        }
        let base = words.rows().into_iter().zip(lines(&file, words.nrows())?);
        let base = base
            .map(|(word, line)| SemanticDescriptor {
                word_vector: word.to_owned(),
                hypernyms: line,
            })
            .collect();
        let (errors, name_bias) = (errors(&file, dual.ncols())?, name_bias(&file)?);
        let mut regression = KernelRidge::unfitted(base, ridge);
        regression.dual = dual.mapv(f64::from);
        let frame = EmbeddingFrame::new(center, radius).with_name_prior(name_prior);
        Ok((space_id, Self { frame, regression, errors, name_bias }))
    }

    /// The file's bytes; the same completer always gives the same bytes.
    ///
    /// # Errors
    /// When the container cannot be written.
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
        let metadata = serde_json::to_string(&description)
            .map_err(|e| KernelError::Description(e.to_string()))?;
        let dimension = base.first().map_or(0, |class| class.word_vector.len());
        let mut words = Array2::zeros((0, dimension));
        for class in base {
            words
                .push_row(class.word_vector.view())
                .expect("invariant: word vectors have one dimension");
        }
        let lines = base.iter().flat_map(|class| class.hypernyms.iter().map(|id| i64::from(id.0)));
        let lengths: Array1<i64> = base.iter().map(|class| class.hypernyms.len() as i64).collect();
        let mut file = TensorFile { metadata, ..TensorFile::default() };
        file.floats.insert("center".to_owned(), self.frame.center().clone().into_dyn());
        file.floats.insert("word".to_owned(), words.into_dyn());
        file.floats.insert("dual".to_owned(), dual.mapv(|x| x as f32).into_dyn());
        file.integers.insert("hypernyms".to_owned(), lines.collect::<Array1<i64>>().into_dyn());
        file.integers.insert("hypernyms_length".to_owned(), lengths.into_dyn());
        // Nearly all of the file; predictions are sums over many classes, in which the rounding is
        // lost.
        file.halves.extend(["dual", "word"].map(str::to_owned));
        insert_errors(&mut file, &self.errors, dual.ncols());
        insert_name_bias(&mut file, &self.name_bias);
        Ok(file.to_bytes()?)
    }
}

fn name_prior(pseudo_count: f32, decay: f32) -> Result<NamePrior, KernelError> {
    NamePrior::new(pseudo_count, decay).ok_or_else(|| {
        let most = NamePrior::MAX_PSEUDO_COUNT;
        let most_decay = NamePrior::MAX_DECAY;
        KernelError::Description(format!(
            "`pseudo_count` is {pseudo_count} and `decay` {decay}, expected above 0 and at most {most} and {most_decay}"
        ))
    })
}

/// The tensors of errors: the images beside which they were measured, and a row for each.
const ERRORS: [&str; 3] = ["error_mean", "error_semantic", "error_product"];

fn insert_errors(file: &mut TensorFile, errors: &BTreeMap<usize, ErrorVariances>, size: usize) {
    let shots: Array1<i64> = errors.keys().map(|&k| k as i64).collect();
    file.integers.insert("error_k_shot".to_owned(), shots.into_dyn());
    let of: [fn(&ErrorVariances) -> &Array1<f32>; 3] = [|e| &e.mean, |e| &e.other, |e| &e.product];
    for (name, of) in ERRORS.into_iter().zip(of) {
        let mut rows = Array2::zeros((0, size));
        for errors in errors.values() {
            rows.push_row(of(errors).view()).expect("invariant: errors have the space's size");
        }
        file.floats.insert(name.to_owned(), rows.into_dyn());
    }
}

fn errors(file: &TensorFile, size: usize) -> Result<BTreeMap<usize, ErrorVariances>, KernelError> {
    let shots: Vec<i64> = file
        .integers
        .get("error_k_shot")
        .map_or_else(Vec::new, |shots| shots.iter().copied().collect());
    let rows = |name: &'static str| {
        let tensor =
            file.floats.get(name).and_then(|t| t.clone().into_dimensionality::<Ix2>().ok());
        let usable =
            tensor.filter(|t| t.dim() == (shots.len(), size) && t.iter().all(|x| x.is_finite()));
        usable.ok_or(KernelError::Tensor {
            name,
            expected: "a finite row for each of `error_k_shot`",
        })
    };
    let [mean, other, product] = ERRORS.map(rows);
    let (mean, other, product) = (mean?, other?, product?);
    let of = |(row, &k): (usize, &i64)| {
        let row = |rows: &Array2<f32>| rows.row(row).to_owned();
        let errors =
            ErrorVariances { mean: row(&mean), other: row(&other), product: row(&product) };
        Some((usize::try_from(k).ok()?, errors))
    };
    let errors: Option<_> = shots.iter().enumerate().map(of).collect();
    errors.ok_or(KernelError::Tensor { name: "error_k_shot", expected: "numbers of images" })
}

fn insert_name_bias(file: &mut TensorFile, name_bias: &NameBias) {
    let shots: Array1<i64> = name_bias.iter().map(|(k_shot, _)| k_shot as i64).collect();
    let values: Array1<f32> = name_bias.iter().map(|(_, name_bias)| name_bias).collect();
    file.integers.insert("name_bias_k_shot".to_owned(), shots.into_dyn());
    file.floats.insert("name_bias".to_owned(), values.into_dyn());
}

/// The name bias, empty where it was not measured.
fn name_bias(file: &TensorFile) -> Result<NameBias, KernelError> {
    let wrong = KernelError::Tensor {
        name: "name_bias",
        expected: "a value of -1 to 1 for each of `name_bias_k_shot`",
    };
    let (shots, values) =
        match (file.integers.get("name_bias_k_shot"), file.floats.get("name_bias")) {
            (None, None) => return Ok(NameBias::default()),
            (Some(shots), Some(values)) => (shots, values),
            _ => return Err(wrong),
        };
    let of = |(&k_shot, &name_bias): (&i64, &f32)| {
        let k_shot = usize::try_from(k_shot).ok()?;
        (-1.0..=1.0).contains(&name_bias).then_some((k_shot, name_bias))
    };
    let name_bias: Option<NameBias> = shots.iter().zip(values).map(of).collect();
    name_bias.filter(|_| shots.len() == values.len()).ok_or(wrong)
}

fn matrix(file: &TensorFile, name: &'static str) -> Result<Array2<f32>, KernelError> {
    let tensor = file.floats.get(name).and_then(|t| t.clone().into_dimensionality::<Ix2>().ok());
    let usable = tensor.filter(|t| !t.is_empty() && t.iter().all(|x| x.is_finite()));
    usable.ok_or(KernelError::Tensor { name, expected: "a matrix of finite values" })
}

/// The synsets of each class, from all of them in one row and how many each has.
fn lines(file: &TensorFile, classes: usize) -> Result<Vec<Vec<SynsetId>>, KernelError> {
    let wrong = KernelError::Tensor {
        name: "hypernyms",
        expected: "sorted synsets, `hypernyms_length` of each class",
    };
    let (Some(all), Some(lengths)) =
        (file.integers.get("hypernyms"), file.integers.get("hypernyms_length"))
    else {
        return Err(wrong);
    };
    let ids: Option<Vec<SynsetId>> =
        all.iter().map(|&id| u32::try_from(id).ok().map(SynsetId)).collect();
    let mut rest = ids.as_deref();
    let mut lines = Vec::new();
    for &length in lengths {
        let split = rest.zip(usize::try_from(length).ok()).and_then(|(r, n)| r.split_at_checked(n));
        let sorted = split.filter(|(line, _)| line.is_sorted());
        lines.extend(sorted.map(|(line, _)| line.to_vec()));
        rest = sorted.map(|(_, rest)| rest);
    }
    if rest.is_some_and(<[SynsetId]>::is_empty) && lines.len() == classes {
        return Ok(lines);
    }
    Err(wrong)
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
        let completer = NameRegressor::fit(&base, prototypes.view())
            .with_errors(BTreeMap::from([(5, errors.clone())]))
            .with_name_bias(NameBias::from([(1, 0.25), (5, 0.5)]))
            .with_name_prior("1.4:0.85".parse().unwrap());
        let bytes = completer.to_bytes("ab").unwrap();
        let (space_id, read) = NameRegressor::parse(&bytes).unwrap();
        assert_eq!((space_id.as_str(), read.ridge()), ("ab", completer.ridge()));
        assert_eq!((read.errors(1), read.errors(9)), (Some(&errors), Some(&errors)));
        assert_eq!((read.name_bias(), read.frame()), (completer.name_bias(), completer.frame()));
        let asked = [class(0.7, &[1, 9])];
        let difference = read.semantic(&asked) - completer.semantic(&asked);
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

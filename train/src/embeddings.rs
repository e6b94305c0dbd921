//! Embeddings of the images of a split, computed once and cached in the run.
//!
//! The cache key covers the backbone, its preprocessing, the images and the precision. A cache with
//! another key or a damaged cache is computed again.

use anyhow::{Context, Result};
use models::checkpoint::Checkpoint;
use models::dataset::{Dataset, Split};
use models::tensors::TensorFile;
use models::{disk, hex, layout};
use ndarray::{Array1, Array2, Axis, Ix1, Ix2, concatenate, s};
use serde::{Deserialize, Serialize};
use terminal::note;

use crate::embed::embed;
use crate::loader::Images;
use crate::metrics::progress_bar;
use crate::net::{Compute, Net};
use crate::run::Run;

const KIND: &str = "handful-embeddings";
const FORMAT: u32 = 1;

/// Fields of the metadata, and tensors.
const SCHEMA: &str = "
    kind text, format u32, layout text, key text
    embedding f32[images,s], images i64[classes]
";

/// The most bytes of a cache.
// Room for two million embeddings of 512 values.
const MAX_BYTES: u64 = 4 << 30;

/// The metadata of a cache.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kind: String,
    format: u32,
    layout: String,
    /// SHA-256 of everything that the embeddings depend on.
    key: String,
}

impl Header {
    fn new(key: String) -> Self {
        Self { kind: KIND.to_owned(), format: FORMAT, layout: layout::of(SCHEMA), key }
    }
}

/// The raw embeddings `[images, s]` of every class of a split, without augmentation, in the order
/// of the data set.
///
/// # Errors
/// An image that cannot be read, a checkpoint that does not fit its network. A cache that cannot be
/// written is only a warning.
pub fn embeddings(
    run: &Run,
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    split: Split,
    compute: Compute,
) -> Result<Vec<Array2<f32>>> {
    let header = header(checkpoint, dataset, split, compute)?;
    let path = run.file(&format!("embeddings-{split}.safetensors"));
    let sizes: Vec<usize> = dataset.split(split).iter().map(|c| c.images.len()).collect();
    // A cache is optional: without a usable one, the embeddings are computed again.
    let cached = disk::read(&path, MAX_BYTES).ok();
    if let Some(classes) = cached.and_then(|bytes| parse(&bytes, &header, &sizes)) {
        return Ok(classes);
    }
    let classes = compute_all(checkpoint, dataset, split, compute)?;
    if let Err(error) = disk::write(&path, &to_bytes(&header, &classes)?) {
        note!("warning: cannot cache the embeddings: {error}");
    }
    Ok(classes)
}

fn header(
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    split: Split,
    compute: Compute,
) -> Result<Header> {
    let space = checkpoint.space_id()?;
    let data = dataset.fingerprint();
    // The precision is part of the key, because bf16 and fp32 embeddings differ.
    let key = hex::sha256(format!("{space}\n{data}\n{split}\n{:?}", compute.kind).as_bytes());
    Ok(Header::new(key))
}

fn compute_all(
    checkpoint: &Checkpoint,
    dataset: &Dataset,
    split: Split,
    compute: Compute,
) -> Result<Vec<Array2<f32>>> {
    let classes = dataset.split(split);
    let progress = progress_bar("decode", "images");
    let images = Images::load(dataset, &classes, &checkpoint.preprocess, &progress)?;
    progress.finish_and_clear();
    let net = Net::new(checkpoint.architecture.graph(), &checkpoint.backbone()?, compute)?;
    embed(&net, &images, &checkpoint.preprocess, classes.len())
}

fn to_bytes(header: &Header, classes: &[Array2<f32>]) -> Result<Vec<u8>> {
    let rows: Vec<_> = classes.iter().map(|rows| rows.view()).collect();
    let embedding = concatenate(Axis(0), &rows).context("embeddings differ in size")?;
    let sizes: Array1<i64> = classes.iter().map(|rows| rows.nrows() as i64).collect();
    let mut file = TensorFile { metadata: serde_json::to_string(header)?, ..TensorFile::default() };
    file.floats.insert("embedding".to_owned(), embedding.into_dyn());
    file.integers.insert("images".to_owned(), sizes.into_dyn());
    Ok(file.to_bytes()?)
}

/// The embeddings of a cache, if it has this header and these class sizes.
fn parse(bytes: &[u8], header: &Header, sizes: &[usize]) -> Option<Vec<Array2<f32>>> {
    let mut file = TensorFile::parse(bytes).ok()?;
    let stored: Header = serde_json::from_str(&file.metadata).ok()?;
    let embedding = file.floats.remove("embedding")?.into_dimensionality::<Ix2>().ok()?;
    let images = file.integers.remove("images")?.into_dimensionality::<Ix1>().ok()?;
    let is_same = stored == *header
        && images.iter().copied().eq(sizes.iter().map(|&size| size as i64))
        && embedding.nrows() == sizes.iter().sum::<usize>();
    is_same.then(|| split_rows(&embedding, sizes))
}

/// Splits the rows of a matrix into blocks of these sizes.
fn split_rows(rows: &Array2<f32>, sizes: &[usize]) -> Vec<Array2<f32>> {
    let mut blocks = Vec::new();
    let mut first = 0;
    for size in sizes {
        blocks.push(rows.slice(s![first..first + size, ..]).to_owned());
        first += size;
    }
    blocks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    fn header_of(key: &str) -> Header {
        Header::new(key.to_owned())
    }

    #[test]
    fn the_schema_names_everything_that_is_written() {
        let bytes = to_bytes(&header_of("a"), &[array![[1.0, 2.0]]]).unwrap();
        let file = TensorFile::parse(&bytes).unwrap();
        let fields: serde_json::Map<_, _> = serde_json::from_str(&file.metadata).unwrap();
        let words: Vec<&str> = SCHEMA.split_whitespace().collect();
        for name in fields.keys().chain(file.floats.keys()).chain(file.integers.keys()) {
            assert!(words.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn a_cache_with_another_key_or_other_sizes_is_not_used() {
        let classes = vec![array![[1.0, 2.0], [3.0, 4.0]], array![[5.0, 6.0]]];
        let bytes = to_bytes(&header_of("a"), &classes).unwrap();
        assert_eq!(parse(&bytes, &header_of("a"), &[2, 1]), Some(classes));
        assert_eq!(parse(&bytes, &header_of("b"), &[2, 1]), None);
        assert_eq!(parse(&bytes, &header_of("a"), &[1, 2]), None);
        assert_eq!(parse(&bytes[..bytes.len() - 1], &header_of("a"), &[2, 1]), None);
    }
}

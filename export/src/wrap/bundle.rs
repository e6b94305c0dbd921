//! The bundle of a network of another program.

use std::collections::BTreeMap;
use std::path::Path;

use edge::engine::EngineOptions;
use models::bundle::{
    self, BundleError, FORMAT, FileEntry, Licenses, Manifest, Network, Precision, SelfTest,
    manifest, self_test,
};
use models::checkpoint::Provenance;
use models::hex;
use models::preprocess::Preprocess;
use ndarray::{Array3, Array4, ArrayView2, Axis, concatenate, stack};
use serde::Serialize;

use super::candidate::Candidate;
use super::error::WrapError;
use super::images::Spread;
use super::network::OnnxNetwork;
use crate::draft::{BACKBONE, CREATED_BY, metadata};
use crate::onnx;
use crate::self_test::{FP32_TOLERANCE, SEED, with_embedding};
use crate::verify::NetworkVerification;

/// What nobody stated.
const NOT_STATED: &str = "not stated";

/// Seeds of the noise: first that of the bundle's self-test.
const SEEDS: [u64; 3] = [SEED, 100, 101];

/// Differences of embeddings below this share of their largest value are rounding.
const ROUNDING: f32 = 1e-6;

/// The choices that a user makes about a wrapped network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapChoices {
    /// The bundle's name.
    pub name: String,
    /// The name of the network's file.
    pub file: String,
    /// The most images of one run, if the network takes several.
    pub max_batch: usize,
    /// The terms of use of the weights.
    pub license: Option<String>,
}

/// A bundle of a network of another program, verified and not yet written.
#[derive(Debug, Clone)]
pub struct Wrapped {
    /// The manifest.
    pub manifest: Manifest,
    /// The network's file.
    pub onnx: Vec<u8>,
    /// The engines on noise.
    pub noise: NetworkVerification,
    /// The engines on images, if some were given.
    pub images: Option<ImageReport>,
}

/// The engines on a user's images.
#[derive(Debug, Clone, Serialize)]
pub struct ImageReport {
    /// How far the engines are from each other.
    pub verification: NetworkVerification,
    /// How different the embeddings are.
    pub spread: Spread,
}

impl Wrapped {
    /// Verifies a network on every engine of this machine, on noise and on `images`.
    ///
    /// # Errors
    /// [`WrapError`].
    pub fn new(
        network: &OnnxNetwork,
        preprocess: &Preprocess,
        images: &[Array3<f32>],
        choices: &WrapChoices,
        options: &EngineOptions,
    ) -> Result<Self, WrapError> {
        manifest::check_name(&choices.name)?;
        check_size(network, preprocess)?;
        let space_id = space_id(&network.bytes, preprocess);
        let metadata = metadata(&choices.name, preprocess, &space_id);
        let onnx = onnx::append(&network.bytes, network.ir_version, &metadata);
        let candidate = Candidate::new(network, &onnx, preprocess.size);
        let noise = noise(preprocess.size);
        let embeddings = candidate.embed(&noise)?;
        check_difference(embeddings.view())?;
        let self_test = with_embedding(embeddings.row(0).to_vec(), FP32_TOLERANCE);
        let mut manifest = describe(network, preprocess, choices, space_id, self_test);
        manifest.files = BTreeMap::from([(BACKBONE.to_owned(), FileEntry::of(&onnx))]);
        // Before the engines, which take longer.
        manifest.check()?;
        let noise = candidate.verify(noise, embeddings, Some(&manifest.self_test), options)?;
        manifest.verification = noise.for_manifest();
        // Only tract ran, and that image by image: nothing is known about batches.
        if manifest.verification.len() < 2 {
            manifest.backbone.max_batch = 1;
        }
        let images = image_report(&candidate, images, options)?;
        Ok(Self { manifest, onnx, noise, images })
    }

    /// Writes the bundle at `out`, whole or not at all.
    ///
    /// # Errors
    /// [`BundleError`]; then `out` is unchanged.
    pub fn write(&self, out: &Path) -> Result<(), BundleError> {
        let files = BTreeMap::from([(BACKBONE.to_owned(), self.onnx.clone())]);
        bundle::write(out, &self.manifest, &files)
    }
}

fn image_report(
    candidate: &Candidate<'_>,
    images: &[Array3<f32>],
    options: &EngineOptions,
) -> Result<Option<ImageReport>, WrapError> {
    if images.is_empty() {
        return Ok(None);
    }
    let views: Vec<_> = images.iter().map(|image| image.view()).collect();
    let images = stack(Axis(0), &views).expect("invariant: a recipe gives images of one size");
    let embeddings = candidate.embed(&images)?;
    let spread = Spread::of(embeddings.view());
    let verification = candidate.verify(images, embeddings, None, options)?;
    Ok(Some(ImageReport { verification, spread }))
}

fn check_size(network: &OnnxNetwork, preprocess: &Preprocess) -> Result<(), WrapError> {
    match network.size {
        Some(size) if size != preprocess.size => {
            Err(WrapError::Size { network: size, recipe: preprocess.size })
        }
        _ => Ok(()),
    }
}

/// Of the file, since nothing here knows which of its tensors are parameters.
fn space_id(file: &[u8], preprocess: &Preprocess) -> String {
    let recipe = serde_json::to_string(preprocess).expect("invariant: a recipe is plain data");
    hex::sha256(format!("onnx {}\n{recipe}", hex::sha256(file)).as_bytes())
}

fn noise(size: usize) -> Array4<f32> {
    let images = SEEDS.map(|seed| self_test::input(seed, size));
    let images = images.each_ref().map(|image| image.view());
    concatenate(Axis(0), &images).expect("invariant: all have the same size")
}

/// A network that does not read its image would pass every comparison of engines.
fn check_difference(embeddings: ArrayView2<'_, f32>) -> Result<(), WrapError> {
    let largest = embeddings.iter().fold(0.0f32, |max, value| max.max(value.abs()));
    let first = embeddings.row(0);
    let differs = embeddings
        .outer_iter()
        .any(|row| row.iter().zip(&first).any(|(a, b)| (a - b).abs() > ROUNDING * largest));
    if differs { Ok(()) } else { Err(WrapError::Constant) }
}

/// The manifest, without files and verification figures.
fn describe(
    network: &OnnxNetwork,
    preprocess: &Preprocess,
    choices: &WrapChoices,
    space_id: String,
    self_test: SelfTest,
) -> Manifest {
    let weights = choices.license.clone().unwrap_or_else(|| NOT_STATED.to_owned());
    Manifest {
        format: FORMAT.number,
        layout: FORMAT.layout(),
        name: choices.name.clone(),
        space_id,
        created_by: CREATED_BY.to_owned(),
        backbone: describe_network(network, choices.max_batch, self_test.embedding.len()),
        preprocess: preprocess.clone(),
        knowledge: None,
        decision: None,
        files: BTreeMap::new(),
        accuracy: Vec::new(),
        verification: Vec::new(),
        self_test,
        provenance: provenance(network, &choices.file, weights.clone()),
        licenses: Licenses { weights, data: NOT_STATED.to_owned() },
    }
}

fn describe_network(network: &OnnxNetwork, max_batch: usize, embedding_size: usize) -> Network {
    Network {
        file: BACKBONE.to_owned(),
        input: network.input.clone(),
        output: network.output.clone(),
        architecture: None,
        embedding_size,
        flops: 0,
        opset: network.opset,
        ir_version: network.ir_version,
        precision: Precision::Fp32,
        weights: network.storage,
        max_batch: if network.any_batch { max_batch } else { 1 },
        variants: Vec::new(),
    }
}

fn provenance(network: &OnnxNetwork, file: &str, license: String) -> Provenance {
    let stated = Some(&network.producer).filter(|producer| !producer.is_empty());
    Provenance {
        tool: stated.map_or_else(|| NOT_STATED.to_owned(), Clone::clone),
        data: NOT_STATED.to_owned(),
        data_license: NOT_STATED.to_owned(),
        notes: format!(
            "{file}, SHA-256 {}, wrapped as it is; golden outputs by tract",
            hex::sha256(&network.bytes)
        ),
        license: Some(license),
        ..Provenance::default()
    }
}

//! Imports published weights as a run.
//!
//! First, it is checked what the file is. Then tensor names are translated: prefixes such as
//! `module.` are removed, and everything that is not part of the backbone is left out, except the
//! classifier of an EfficientNet-Lite0. Then the widths are deduced from the shapes, whose network
//! it is from the names, and every tensor must fit. Otherwise all differences are listed and
//! nothing is written.

mod arch;
mod efficientnet_lite0;
mod error;
mod family;
mod fit;
mod names;
mod other_file;
mod resnet12;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use models::checkpoint::{self, Checkpoint, Provenance};
use models::disk;
use models::graph::{Architecture, Resnet12};
use models::preprocess::Preprocess;
use models::tensors::TensorFile;
use ndarray::ArrayD;

use super::golden::{self, golden};
use crate::pth;
use crate::run::Run;
pub use arch::Arch;
pub use error::ImportError;
use family::Family;
use fit::{Fitted, fit};

/// The most bytes of a preprocessing recipe.
const MAX_RECIPE_BYTES: u64 = 1 << 16;

/// Options of an import.
#[derive(Debug, Clone)]
pub struct Options {
    /// The network.
    pub arch: Arch,
    /// Height and width of the input images; by default those of the recipe.
    pub input_size: Option<usize>,
    /// A TOML file with the preprocessing recipe; by default the recipe of the network's authors.
    pub preprocess: Option<PathBuf>,
    /// The training data.
    pub data_name: Option<String>,
    /// The license of the training data.
    pub data_license: Option<String>,
    /// The license of the weights.
    pub license: Option<String>,
    /// Whether the last block of a ResNet-12 applies its activation after the sum; by default what
    /// the names of the tensors show.
    pub last_activation: Option<bool>,
}

/// The license of imported weights if none is given.
const NOT_STATED: &str = "not stated";

/// The result of an import, for display.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The network with the deduced widths.
    pub architecture: Architecture,
    /// Number of tensors of the network.
    pub tensors: usize,
    /// Number of classes of the classifier, if it was kept.
    pub classes: Option<usize>,
    /// Other tensors of the file, with their shapes.
    pub left_out: Vec<String>,
    /// Whose network it is and what follows from it; for the file, what its name does not show.
    pub remarks: Vec<String>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensors, architecture, .. } = self;
        let size = architecture.input_size();
        write!(f, "{tensors} tensors of {architecture} for images of {size} pixels")?;
        match self.classes {
            Some(classes) => write!(f, ", with a classifier of {classes} classes"),
            None => Ok(()),
        }
    }
}

/// Imports a network from a safetensors or `.pth` file. Writes `golden.safetensors` and then
/// `best.safetensors` of the run, or nothing.
///
/// # Errors
/// [`ImportError`] for inputs that cannot be used; a failure of the disk or libtorch.
pub fn import(weights: &Path, run: &Run, options: &Options) -> Result<Imported> {
    run.check_new()?;
    let preprocess = recipe(options)?;
    let bytes = disk::read(weights, checkpoint::MAX_BYTES).map_err(ImportError::Disk)?;
    let unusable = || format!("{} cannot be imported", weights.display());
    check_options(options)?;
    let fitted = read(&bytes)
        .and_then(|file| fit(file, options.arch, preprocess.size, options.last_activation));
    let fitted = fitted.with_context(unusable)?;
    let imported = Imported {
        architecture: fitted.architecture.clone(),
        tensors: fitted.parameters.len(),
        classes: fitted.classifier.get("head.bias").map(ArrayD::len),
        left_out: fitted.beside.values().flatten().cloned().collect(),
        remarks: other_file::misnamed(weights, &bytes)
            .into_iter()
            .chain(recognized(&fitted))
            .collect(),
    };
    let provenance = provenance(weights, &bytes, options, &fitted);
    // The tensors are copies; a file of weights can have hundreds of megabytes.
    drop(bytes);
    let checkpoint = Checkpoint {
        architecture: fitted.architecture,
        preprocess,
        classes: named_rows(options.arch, imported.classes),
        parameters: fitted.parameters.into_iter().chain(fitted.classifier).collect(),
        training: None,
        provenance,
    };
    checkpoint.check().map_err(ImportError::Classifier).with_context(unusable)?;
    write(run, &checkpoint)?;
    Ok(imported)
}

/// The class names of a published classifier, if known: the wnids of the thousand classes of
/// ImageNet in sorted order (Russakovsky et al. 2015).
fn named_rows(arch: Arch, rows: Option<usize>) -> Vec<String> {
    let csv = include_str!("../../classes/imagenet_1k.csv");
    let wnids = csv.lines().skip(1).filter_map(|line| line.split(',').next());
    let wnids: Vec<String> = wnids.map(str::to_owned).collect();
    // A classifier of another size has other classes, whose names are unknown.
    if arch == Arch::EfficientNetLite0 && rows == Some(wnids.len()) { wnids } else { Vec::new() }
}

fn write(run: &Run, checkpoint: &Checkpoint) -> Result<()> {
    // Before the folder is created: weights that cannot be used leave nothing behind.
    let golden = golden(checkpoint)?;
    let what = "the embedding that these weights give".to_owned();
    ensure!(golden::is_finite(&golden), ImportError::NotFinite { what });
    run.create()?;
    run.keep_best(checkpoint, &golden)
}

fn check_options(options: &Options) -> Result<(), ImportError> {
    match (options.arch, options.last_activation) {
        (Arch::EfficientNetLite0, Some(_)) => Err(ImportError::NoLastActivation),
        _ => Ok(()),
    }
}

/// The tensors of a file in either format.
fn read(bytes: &[u8]) -> Result<TensorFile, ImportError> {
    if pth::is_pth(bytes) {
        return match other_file::archive(bytes) {
            Some(other) => Err(other.into()),
            None => Ok(pth::read(bytes)?),
        };
    }
    TensorFile::parse(bytes).map_err(|error| match other_file::file(bytes) {
        Some(other) => other.into(),
        None => ImportError::Format { reason: error.to_string() },
    })
}

/// Whose ResNet-12 it is, why, and what its last block does.
fn recognized(fitted: &Fitted) -> Option<String> {
    let Architecture::Resnet12(Resnet12 { last_activation, .. }) = fitted.architecture else {
        return None;
    };
    let applies = if last_activation { "applies" } else { "does not apply" };
    let block = format!("the last block {applies} LeakyReLU(0.1) after the sum");
    let family = match &fitted.family {
        Some(Family { name, shown_by, last_activation: theirs, .. }) => {
            let differs =
                if *theirs == last_activation { "" } else { ", unlike the published code" };
            format!("recognized {name} by {shown_by}; {block}{differs}")
        }
        None => format!("not recognized by its tensor names; {block}, as --last-activation states"),
    };
    Some(format!(
        "{family}; every block ends with max-pooling of 2x2, and the embedding is the mean"
    ))
}

fn parse_recipe(bytes: Vec<u8>) -> Result<Preprocess, String> {
    let text = String::from_utf8(bytes).map_err(|_| "not a text in UTF-8".to_owned())?;
    toml::from_str(&text).map_err(|e| e.message().to_owned())
}

fn recipe(options: &Options) -> Result<Preprocess, ImportError> {
    let recipe = match &options.preprocess {
        None => options.arch.recipe(options.input_size),
        Some(path) => {
            let bytes = disk::read(path, MAX_RECIPE_BYTES)?;
            parse_recipe(bytes)
                .map_err(|reason| ImportError::Recipe { path: path.clone(), reason })?
        }
    };
    recipe.check()?;
    match options.input_size {
        Some(asked) if asked != recipe.size => {
            Err(ImportError::Sizes { recipe: recipe.size, asked })
        }
        _ => Ok(recipe),
    }
}

fn provenance(weights: &Path, bytes: &[u8], options: &Options, fitted: &Fitted) -> Provenance {
    let file = weights.file_name().unwrap_or_default().to_string_lossy();
    // The hash identifies the file: names of published files are not unique.
    let hash = models::hex::sha256(bytes);
    let mut notes = format!("imported from {file}, SHA-256 {hash}");
    if let Some(family) = &fitted.family {
        notes += &format!("; recognized as {}", family.name);
    }
    if !fitted.beside.is_empty() {
        let parts: Vec<&str> = fitted.beside.keys().map(String::as_str).collect();
        notes += &format!("; left out: {}", parts.join(", "));
    }
    Provenance {
        tool: format!("handful-train {} import", env!("CARGO_PKG_VERSION")),
        data: given(options.data_name.as_deref()),
        data_license: given(options.data_license.as_deref()),
        // A file of weights does not contain these.
        epochs: 0.0,
        images_seen: 0,
        notes,
        // Never the license of this project, which did not make them.
        license: Some(options.license.as_deref().unwrap_or(NOT_STATED).to_owned()),
    }
}

fn given(text: Option<&str>) -> String {
    text.unwrap_or("not given").to_owned()
}

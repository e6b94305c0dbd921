//! Imports published weights as a run.
//!
//! First, tensor names are translated: prefixes such as `module.` are removed, and everything that
//! is not part of the backbone is left out, except the classifier of an EfficientNet-Lite0. Then
//! the widths are deduced from the shapes, and every tensor must fit. Otherwise all differences are
//! listed and nothing is written.

mod arch;
mod efficientnet_lite0;
mod error;
mod names;
mod resnet12;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use models::checkpoint::{self, Checkpoint, Provenance};
use models::disk;
use models::graph::{Architecture, GraphError};
use models::preprocess::Preprocess;
use models::tensors::{TensorFile, Tensors};
use ndarray::ArrayD;

use super::golden::{self, golden};
use crate::pth;
use crate::run::Run;
pub use arch::Arch;
pub use error::ImportError;
use names::{Name, translate};

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
}

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
    let fitted = read(&bytes).and_then(|file| fit(file, options.arch, preprocess.size));
    let fitted = fitted.with_context(unusable)?;
    let imported = Imported {
        architecture: fitted.architecture.clone(),
        tensors: fitted.parameters.len(),
        classes: fitted.classifier.get("head.bias").map(ArrayD::len),
        left_out: fitted.beside.values().flatten().cloned().collect(),
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

/// The tensors of a file in either format.
fn read(bytes: &[u8]) -> Result<TensorFile, ImportError> {
    if pth::is_pth(bytes) {
        return Ok(pth::read(bytes)?);
    }
    TensorFile::parse(bytes).map_err(|e| ImportError::Format { reason: e.to_string() })
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

/// The tensors of a network under the names of this project.
struct Fitted {
    architecture: Architecture,
    parameters: Tensors,
    classifier: Tensors,
    beside: Beside,
}

/// Tensors outside the backbone with their shapes, by the part that they belong to.
type Beside = BTreeMap<&'static str, Vec<String>>;

/// Translates the names, deduces the widths and checks that everything fits.
fn fit(file: TensorFile, arch: Arch, input_size: usize) -> Result<Fitted, ImportError> {
    let Sorted { parameters, classifier, beside, differences } = Sorted::new(file, arch)?;
    let architecture = arch.sized(&parameters, input_size);
    check(arch, &architecture, &parameters, differences)?;
    all_finite(parameters.iter().chain(&classifier))?;
    Ok(Fitted { architecture, parameters, classifier, beside })
}

/// The tensors of a file by role.
#[derive(Default)]
struct Sorted {
    parameters: Tensors,
    classifier: Tensors,
    beside: Beside,
    differences: Vec<String>,
}

impl Sorted {
    fn new(file: TensorFile, arch: Arch) -> Result<Self, GraphError> {
        // Names do not depend on the widths, which are deduced afterwards.
        let published = arch.sized(&Tensors::new(), arch.recipe(None).size).graph();
        let own_names = published.parameters()?.into_iter().map(|p| p.name).collect();
        let mut sorted = Self::default();
        for (name, tensor) in file.floats {
            let listed = listed(&name, tensor.shape());
            sorted.place(translate(arch, &name, &own_names), listed, Some(tensor));
        }
        for (name, tensor) in file.integers {
            let listed = listed(&name, tensor.shape());
            sorted.place(translate(arch, &name, &own_names), listed, None);
        }
        Ok(sorted)
    }

    /// Sorts a tensor. `values` is `None` for integers, which no parameter has.
    fn place(&mut self, name: Name, listed: String, values: Option<ArrayD<f32>>) {
        let place = match name {
            Name::Classifier(_) => &mut self.classifier,
            _ => &mut self.parameters,
        };
        match (name, values) {
            (Name::Parameter(own) | Name::Classifier(own), Some(values)) => {
                if place.insert(own, values).is_some() {
                    self.differences.push(format!("a second time: {listed}"));
                }
            }
            (Name::Parameter(_) | Name::Classifier(_), None) => {
                self.differences.push(format!("not floats: {listed}"))
            }
            (Name::Counter, _) => {}
            (Name::Beside(part), _) => self.beside.entry(part).or_default().push(listed),
            (Name::Unknown, _) => self.differences.push(format!("unexpected: {listed}")),
        }
    }
}

fn listed(name: &str, shape: &[usize]) -> String {
    format!("{} {shape:?}", name.escape_debug())
}

fn check(
    arch: Arch,
    architecture: &Architecture,
    parameters: &Tensors,
    mut differences: Vec<String>,
) -> Result<(), ImportError> {
    // Differences in names and in shapes are reported together.
    let network = architecture.to_string();
    match architecture.graph().check_parameters(parameters) {
        Ok(()) => {}
        Err(GraphError::Parameters { differences: more, .. }) => differences.extend(more),
        Err(other) => {
            return Err(ImportError::InputSize {
                network,
                size: architecture.input_size(),
                reason: other.to_string(),
            });
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(ImportError::Tensors { network, example: arch.example(), differences })
}

fn all_finite<'a>(
    mut tensors: impl Iterator<Item = (&'a String, &'a ArrayD<f32>)>,
) -> Result<(), ImportError> {
    match tensors.find(|(_, tensor)| !is_finite(tensor)) {
        Some((name, _)) => Err(ImportError::NotFinite { what: format!("`{name}`") }),
        None => Ok(()),
    }
}

fn is_finite(tensor: &ArrayD<f32>) -> bool {
    tensor.iter().all(|value| value.is_finite())
}

fn provenance(weights: &Path, bytes: &[u8], options: &Options, fitted: &Fitted) -> Provenance {
    let file = weights.file_name().unwrap_or_default().to_string_lossy();
    // The hash identifies the file: names of published files are not unique.
    let hash = models::hex::sha256(bytes);
    let mut notes = format!("imported from {file}, SHA-256 {hash}");
    if !fitted.beside.is_empty() {
        let parts: Vec<&str> = fitted.beside.keys().copied().collect();
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
    }
}

fn given(text: Option<&str>) -> String {
    text.unwrap_or("not given").to_owned()
}

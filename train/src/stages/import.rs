//! Weights trained elsewhere become a checkpoint.
//!
//! Names are translated first: wrappers such as `module.` or `state_dict.` are dropped, classifier heads are
//! left out, a block that is a sequence of one (`layer1.0.conv1`) is taken out of it. Then the sizes are
//! deduced from the shapes, and every tensor must fit: otherwise all differences are listed and nothing is
//! written.

mod names;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use models::checkpoint::{self, Checkpoint, Provenance};
use models::disk::{self, DiskError};
use models::graph::{Architecture, GraphError, Resnet12};
use models::preprocess::{Preprocess, PreprocessError};
use models::tensors::{TensorFile, Tensors};
use ndarray::ArrayD;

use super::golden::golden;
use crate::pth::{self, PthError};
use crate::run::Run;
use names::{Name, translate};

/// The paper's widths, for naming what is missing where no tensor tells.
const PAPER_WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// The paper's input size.
const PAPER_SIZE: usize = 84;

/// The most bytes of a preprocessing recipe.
const MAX_RECIPE_BYTES: u64 = 1 << 16;

/// What the user says about the weights.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Height and width of the pictures; the recipe's, or the paper's 84, by default.
    pub input_size: Option<usize>,
    /// A TOML file with the preprocessing recipe; the paper's by default.
    pub preprocess: Option<PathBuf>,
    /// What the weights were trained on.
    pub data_name: Option<String>,
    /// Under what terms that data is used.
    pub data_licence: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The network, with the sizes found.
    pub architecture: Architecture,
    /// Tensors that are now its parameters.
    pub tensors: usize,
    /// Tensors that are not part of a backbone, with their shapes.
    pub left_out: Vec<String>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Architecture::Resnet12(Resnet12 { widths, input_size }) = &self.architecture;
        let tensors = self.tensors;
        write!(f, "{tensors} tensors of a resnet12 {widths:?} for pictures of {input_size} pixels")
    }
}

/// Why weights cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file begins like PyTorch's, but is not usable.
    #[error(transparent)]
    Pth(#[from] PthError),
    /// The file is nothing that is read.
    #[error("neither a .pth file of torch.save nor usable as safetensors: {reason}")]
    Format {
        /// Why it is not usable as safetensors.
        reason: String,
    },
    /// The network itself cannot be described.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Tensors are missing, unexpected or misshapen; every difference is a line.
    #[error(
        "the weights do not fit resnet12 with the widths {widths:?}; expected names like `layer1.conv1.weight`, and nothing was written:\n  {}",
        differences.join("\n  ")
    )]
    Names {
        /// The widths that the shapes tell, and the paper's where they do not.
        widths: [usize; 4],
        /// The differences, with shapes.
        differences: Vec<String>,
    },
    /// Some weights, or what the network makes of them, are NaN or infinite.
    #[error(
        "{what} has values that are not finite numbers; the weights are damaged or their training diverged"
    )]
    NotFinite {
        /// Which tensor.
        what: String,
    },
    /// The input size is too small for four poolings, or too large.
    #[error("the input size {size} does not suit resnet12: {reason}")]
    InputSize {
        /// The size asked for.
        size: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The recipe and the input size differ.
    #[error(
        "the recipe makes pictures of {recipe} pixels and --input-size is {asked}; leave --input-size out, or make them equal"
    )]
    Sizes {
        /// The recipe's size.
        recipe: usize,
        /// The size asked for.
        asked: usize,
    },
    /// The recipe is not readable.
    #[error("{} is not a preprocessing recipe (size, geometry, filter, mean, std as TOML): {reason}", path.display())]
    Recipe {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The recipe cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// There is a run already.
    #[error("{} already holds a run; name another folder", folder.display())]
    Occupied {
        /// The run's folder.
        folder: PathBuf,
    },
}

/// Imports a ResNet-12 from a safetensors or `.pth` file: writes `golden.safetensors` and then
/// `best.safetensors` of the run, or nothing.
///
/// # Errors
/// [`ImportError`] for everything that lies in what was given; other errors if libtorch or the disk fail.
pub fn import(weights: &Path, run: &Run, options: &Options) -> Result<Imported> {
    let folder = run.folder().to_owned();
    ensure!(!run.is_begun(), ImportError::Occupied { folder });
    let preprocess = recipe(options)?;
    let bytes = disk::read(weights, checkpoint::MAX_BYTES).map_err(ImportError::Disk)?;
    let unusable = || format!("{} cannot be imported", weights.display());
    let fitted = read(&bytes).and_then(|file| fit(file, preprocess.size)).with_context(unusable)?;
    let imported = Imported {
        architecture: fitted.architecture.clone(),
        tensors: fitted.parameters.len(),
        left_out: fitted.beside.values().flatten().cloned().collect(),
    };
    let provenance = provenance(weights, &bytes, options, &fitted);
    drop(bytes);
    let checkpoint = Checkpoint {
        architecture: fitted.architecture,
        preprocess,
        classes: Vec::new(),
        parameters: fitted.parameters,
        training: None,
        provenance,
    };
    write(run, &checkpoint)?;
    Ok(imported)
}

fn write(run: &Run, checkpoint: &Checkpoint) -> Result<()> {
    let golden = golden(checkpoint)?;
    let what = "the embedding that these weights give".to_owned();
    ensure!(golden.outputs.values().all(is_finite), ImportError::NotFinite { what });
    run.create()?;
    run.write_golden(&golden)?;
    run.write(&run.best(), checkpoint)
}

/// The tensors of a file in either format.
fn read(bytes: &[u8]) -> Result<TensorFile, ImportError> {
    if pth::is_pth(bytes) {
        return Ok(pth::read(bytes)?);
    }
    TensorFile::parse(bytes).map_err(|e| ImportError::Format { reason: e.to_string() })
}

fn recipe(options: &Options) -> Result<Preprocess, ImportError> {
    let recipe = match &options.preprocess {
        None => Preprocess::paper(options.input_size.unwrap_or(PAPER_SIZE)),
        Some(path) => {
            let broken = |reason: String| ImportError::Recipe { path: path.clone(), reason };
            let text = String::from_utf8(disk::read(path, MAX_RECIPE_BYTES)?);
            let text = text.map_err(|_| broken("not a text in UTF-8".to_owned()))?;
            toml::from_str(&text).map_err(|e| broken(e.message().to_owned()))?
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

/// A network's parameters under their own names.
struct Fitted {
    architecture: Architecture,
    parameters: Tensors,
    beside: Beside,
}

/// What was saved beside the backbone: its tensors with their shapes, by the part that they belong to.
type Beside = BTreeMap<&'static str, Vec<String>>;

/// Translates the names, deduces the sizes, and checks that everything fits.
fn fit(file: TensorFile, input_size: usize) -> Result<Fitted, ImportError> {
    let Sorted { parameters, beside, differences } = Sorted::new(file)?;
    let config = Resnet12 { widths: widths(&parameters), input_size };
    check(&config, &parameters, differences)?;
    Ok(Fitted { architecture: Architecture::Resnet12(config), parameters, beside })
}

/// A file's tensors by what they are.
#[derive(Default)]
struct Sorted {
    parameters: Tensors,
    beside: Beside,
    differences: Vec<String>,
}

impl Sorted {
    fn new(file: TensorFile) -> Result<Self, GraphError> {
        let paper = Resnet12 { widths: PAPER_WIDTHS, input_size: PAPER_SIZE };
        let own_names = paper.graph().parameters()?.into_iter().map(|p| p.name).collect();
        let mut sorted = Self::default();
        for (name, tensor) in file.floats {
            let listed = listed(&name, tensor.shape());
            sorted.place(translate(&name, &own_names), listed, Some(tensor));
        }
        for (name, tensor) in file.integers {
            let listed = listed(&name, tensor.shape());
            sorted.place(translate(&name, &own_names), listed, None);
        }
        Ok(sorted)
    }

    /// `values` is `None` for integers, which no parameter has.
    fn place(&mut self, name: Name, listed: String, values: Option<ArrayD<f32>>) {
        match (name, values) {
            (Name::Parameter(own), Some(values)) => {
                if self.parameters.insert(own, values).is_some() {
                    self.differences.push(format!("a second time: {listed}"));
                }
            }
            (Name::Parameter(_), None) => self.differences.push(format!("not floats: {listed}")),
            (Name::Counter, _) => {}
            (Name::Beside(part), _) => self.beside.entry(part).or_default().push(listed),
            (Name::Unknown, _) => self.differences.push(format!("unexpected: {listed}")),
        }
    }
}

fn listed(name: &str, shape: &[usize]) -> String {
    format!("{} {shape:?}", name.escape_debug())
}

/// The widths that the shapes tell: nearly all tensors of a block begin with its width.
fn widths(parameters: &Tensors) -> [usize; 4] {
    std::array::from_fn(|block| {
        let prefix = format!("layer{}.", block + 1);
        let of_block = parameters.iter().filter(|(name, _)| name.starts_with(&prefix));
        let mut votes = BTreeMap::<usize, usize>::new();
        for width in of_block.filter_map(|(_, tensor)| tensor.shape().first()) {
            *votes.entry(*width).or_default() += 1;
        }
        let winner = votes.into_iter().filter(|(width, _)| *width > 0).max_by_key(|(_, n)| *n);
        winner.map_or(PAPER_WIDTHS[block], |(width, _)| width)
    })
}

fn check(
    config: &Resnet12,
    parameters: &Tensors,
    mut differences: Vec<String>,
) -> Result<(), ImportError> {
    match config.graph().check_parameters(parameters) {
        Ok(()) => {}
        Err(GraphError::Parameters { differences: more, .. }) => differences.extend(more),
        Err(other) => {
            let (size, reason) = (config.input_size, other.to_string());
            return Err(ImportError::InputSize { size, reason });
        }
    }
    if !differences.is_empty() {
        return Err(ImportError::Names { widths: config.widths, differences });
    }
    match parameters.iter().find(|(_, tensor)| !is_finite(tensor)) {
        Some((name, _)) => Err(ImportError::NotFinite { what: format!("`{name}`") }),
        None => Ok(()),
    }
}

fn is_finite(tensor: &ArrayD<f32>) -> bool {
    tensor.iter().all(|value| value.is_finite())
}

fn provenance(weights: &Path, bytes: &[u8], options: &Options, fitted: &Fitted) -> Provenance {
    let file = weights.file_name().unwrap_or_default().to_string_lossy();
    let hash = models::hex::sha256(bytes);
    let mut notes = format!("imported from {file}, SHA-256 {hash}");
    if !fitted.beside.is_empty() {
        let parts: Vec<&str> = fitted.beside.keys().copied().collect();
        notes += &format!("; left out: {}", parts.join(", "));
    }
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_owned());
    Provenance {
        tool: format!("handful-train {} import", env!("CARGO_PKG_VERSION")),
        data: told(&options.data_name),
        data_licence: told(&options.data_licence),
        // What training saw is not in the file.
        epochs: 0.0,
        pictures_seen: 0,
        notes,
    }
}

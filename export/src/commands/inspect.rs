//! `handful-export inspect`: prints a bundle's layers, sizes, accuracy, origin and license.

mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use edge::decision::{self, DecisionFileError};
use export::fold::{FoldError, fold};
use few_shot::decision::DecisionTable;
use models::bundle::{Bundle, BundleLimits, Manifest};
use models::fault::{AnyFault, Blame, Fault};
use models::graph::{Graph, GraphError, Op};
use ndarray::ArrayD;
use serde::Serialize;

use super::output::show;

const EXAMPLES: &str = "\
Examples:
  handful-export inspect bundles/lite0
  handful-export inspect bundles/lite0 --json

Exit codes: 0 printed, 1 failed, 2 bad input or a damaged bundle.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArguments {
    /// The bundle's folder.
    bundle: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &InspectArguments) -> Result<(), AnyFault> {
    let bundle = Bundle::open(&arguments.bundle, &BundleLimits::default())?;
    show(&Inspection::of(&bundle)?, arguments.json)?;
    Ok(())
}

/// The description of a bundle. Its `Display` is for people.
#[derive(Debug, Serialize)]
struct Inspection {
    manifest: Manifest,
    /// The folded backbone; absent where only its ONNX file describes it.
    #[serde(flatten)]
    network: Option<NetworkInspection>,
    /// Bytes of all files in the bundle's folder: the lexicon is outside it.
    bytes: u64,
    /// What separates known images from unknown ones; without it no image is rejected.
    decision: Option<DecisionInspection>,
}

/// The folded backbone of a bundle.
#[derive(Debug, Serialize)]
struct NetworkInspection {
    /// The number of operations of each kind.
    layers: BTreeMap<&'static str, usize>,
    /// The number of parameters.
    parameters: usize,
}

/// The decision of a bundle.
#[derive(Debug, Serialize)]
struct DecisionInspection {
    /// The number of background directions; 0 where scores are plain cosines.
    background: usize,
    table: DecisionTable,
}

/// Why a bundle cannot be described.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectError {
    /// The architecture is not valid.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Its batch normalizations cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Its decision is of another backbone, or damaged.
    #[error(transparent)]
    Decision(#[from] DecisionFileError),
}

impl Fault for InspectError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Inspection {
    fn of(bundle: &Bundle) -> Result<Self, InspectError> {
        let manifest = bundle.manifest.clone();
        let architecture = manifest.backbone.architecture.as_ref();
        let network = architecture.map(|of| NetworkInspection::of(&of.graph())).transpose()?;
        let bytes = manifest.files.values().map(|file| file.bytes).sum();
        let decision = decision::open(bundle)?.map(|model| DecisionInspection {
            background: model.background.len(),
            table: model.table,
        });
        Ok(Self { manifest, network, bytes, decision })
    }
}

impl NetworkInspection {
    fn of(graph: &Graph) -> Result<Self, InspectError> {
        let graph = folded(graph)?;
        let mut layers = BTreeMap::new();
        for node in &graph.nodes {
            *layers.entry(kind(&node.op)).or_default() += 1;
        }
        let parameters =
            graph.parameters()?.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        Ok(Self { layers, parameters })
    }
}

/// Folds with parameters of ones: only the number of operations and of parameters is needed.
fn folded(graph: &Graph) -> Result<Graph, InspectError> {
    let ones = graph.parameters()?.into_iter().map(|p| (p.name, ArrayD::ones(p.shape))).collect();
    let (graph, _) = fold(graph, &ones)?;
    Ok(graph)
}

fn kind(op: &Op) -> &'static str {
    match op {
        Op::Conv2d { groups: 1, .. } => "convolution",
        Op::Conv2d { .. } => "grouped convolution",
        Op::BatchNorm { .. } => "normalization",
        Op::LeakyRelu { .. } | Op::Relu6 => "activation",
        Op::MaxPool2d { .. } | Op::GlobalAveragePool => "pooling",
        Op::Linear { .. } => "linear",
        Op::Unsqueeze { .. } | Op::Sum { .. } | Op::Concat => "reshaping",
        Op::Add | Op::Mul => "arithmetic",
        Op::FakeQuantize(_) => "rounding",
    }
}

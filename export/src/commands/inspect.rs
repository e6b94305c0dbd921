//! `handful-export inspect`: prints a bundle's layers, sizes, accuracy, origin and license.

mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use export::fold::{FoldError, fold};
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
    show(&Inspection::of(&bundle)?, arguments.json);
    Ok(())
}

/// The description of a bundle. Its `Display` is for people.
#[derive(Debug, Serialize)]
struct Inspection {
    manifest: Manifest,
    /// The number of operations of each kind in the folded backbone.
    layers: BTreeMap<&'static str, usize>,
    /// The number of parameters of the folded backbone.
    parameters: usize,
    /// Bytes of all files in the bundle's folder: the lexicon is outside it.
    bytes: u64,
}

/// Why a bundle's network cannot be described.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectError {
    /// The architecture is not valid.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Its batch normalizations cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Fault for InspectError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Inspection {
    fn of(bundle: &Bundle) -> Result<Self, InspectError> {
        let manifest = bundle.manifest.clone();
        let graph = folded(&manifest.backbone.architecture.graph())?;
        let mut layers = BTreeMap::new();
        for node in &graph.nodes {
            *layers.entry(kind(&node.op)).or_default() += 1;
        }
        let parameters =
            graph.parameters()?.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        let bytes = manifest.files.values().map(|file| file.bytes).sum();
        Ok(Self { manifest, layers, parameters, bytes })
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

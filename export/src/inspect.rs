//! What a bundle is, in words: layers, parameters, sizes, figures, terms.

use std::collections::BTreeMap;
use std::fmt;

use few_shot::evaluate::Report;
use models::bundle::{Bundle, Manifest};
use models::graph::{GraphError, Op};
use serde::{Deserialize, Serialize};

use crate::fold::{FoldError, fold};

/// A bundle as `handful-export inspect` shows it. Its `Display` is for people.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Everything that the bundle says of itself.
    pub manifest: Manifest,
    /// The backbone's operations, by kind, normalizations folded.
    pub layers: BTreeMap<&'static str, usize>,
    /// Its learned numbers, normalizations folded.
    pub parameters: usize,
    /// Bytes of all files but the lexicon.
    pub bytes: u64,
}

/// Why a bundle's network cannot be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The architecture is impossible.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Its normalizations cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Inspection {
    /// Looks at an opened bundle.
    ///
    /// # Errors
    /// [`InspectError`] for an architecture that no network has.
    pub fn of(bundle: &Bundle) -> Result<Self, InspectError> {
        let graph = bundle.manifest.backbone.architecture.graph();
        // What the numbers are does not matter for how many there are.
        let blank = graph.parameters()?.into_iter();
        let blank = blank.map(|p| (p.name, ndarray::ArrayD::ones(p.shape))).collect();
        let (graph, _) = fold(&graph, &blank)?;
        let mut layers = BTreeMap::new();
        for node in &graph.nodes {
            *layers.entry(kind(&node.op)).or_default() += 1;
        }
        let parameters =
            graph.parameters()?.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        let manifest = bundle.manifest.clone();
        let bytes = manifest.files.values().map(|file| file.bytes).sum();
        Ok(Self { manifest, layers, parameters, bytes })
    }
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

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, space_id, created_by, backbone, preprocess, .. } = &self.manifest;
        let size = preprocess.size;
        writeln!(f, "{name}, by {created_by}, space {space_id:.12}…\n")?;
        let layers: Vec<_> = self.layers.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let views = match preprocess.passes() {
            1 => String::new(),
            passes => format!(", the mean of {passes} looks"),
        };
        writeln!(f, "  network     {size}x{size} to {} values{views}", backbone.embedding_size)?;
        writeln!(f, "  layers      {}", layers.join(", "))?;
        writeln!(
            f,
            "  parameters  {:.2} million, {:.2} GFLOP an image",
            self.parameters as f64 / 1e6,
            backbone.flops as f64 * preprocess.passes() as f64 / 1e9
        )?;
        writeln!(f, "  format      ONNX opset {}, IR {}", backbone.opset, backbone.ir_version)?;
        self.files(f)?;
        self.accuracy(f)?;
        let Manifest { provenance, licenses, verification, .. } = &self.manifest;
        let proved: Vec<_> = verification.iter().map(|v| v.engine.as_str()).collect();
        writeln!(f, "\n  proved on   {}", proved.join(", "))?;
        writeln!(f, "  trained on  {} by {}", provenance.data, provenance.tool)?;
        if !provenance.notes.is_empty() {
            writeln!(f, "  notes       {}", provenance.notes)?;
        }
        writeln!(f, "  weights     {}", licenses.weights)?;
        write!(f, "  data        {}", licenses.data)
    }
}

impl Inspection {
    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { backbone, files, knowledge, .. } = &self.manifest;
        writeln!(f, "\n  {:<28}{:>10}", "file", "MB")?;
        for (name, file) in files {
            let variant = backbone.variants.iter().find(|variant| variant.file == *name);
            let about = match variant {
                Some(variant) => {
                    format!("{} for {}", variant.precision, variant.engines.join(", "))
                }
                None if *name == backbone.file => {
                    format!(
                        "{} for every engine, weights in {}",
                        backbone.precision, backbone.weights
                    )
                }
                None => String::new(),
            };
            let line = format!("  {name:<28}{:>10.2}  {about}", file.bytes as f64 / 1e6);
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "  {:<28}{:>10.2}", "together", self.bytes as f64 / 1e6)?;
        match knowledge {
            Some(names) => {
                let bytes = names.lexicon.bytes as f64 / 1e6;
                writeln!(f, "  {:<28}{bytes:>10.2}  beside the bundle", names.lexicon.file)
            }
            None => writeln!(f, "  it learns from images alone: no lexicon"),
        }
    }

    fn accuracy(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.manifest.accuracy.is_empty() {
            return writeln!(f, "\n  accuracy    not measured");
        }
        writeln!(
            f,
            "\n  {:<18}{:<11}{:<22}{:<16}accuracy",
            "engine", "precision", "episodes", "policy"
        )?;
        for accuracy in &self.manifest.accuracy {
            let Ok(report) = Report::deserialize(&accuracy.report) else {
                writeln!(f, "  {:<18}another program's report", accuracy.engine)?;
                continue;
            };
            let episodes = format!("{}-way {}-shot, {}", report.n_way, report.k_shot, report.split);
            for outcome in &report.results {
                let (share, ci95) = (100.0 * outcome.accuracy, 100.0 * outcome.ci95);
                let (engine, fusion) = (&accuracy.engine, outcome.fusion.to_string());
                let precision = accuracy.precision.to_string();
                writeln!(
                    f,
                    "  {engine:<18}{precision:<11}{episodes:<22}{fusion:<16}{share:.2} ± {ci95:.2} %"
                )?;
            }
        }
        Ok(())
    }
}

//! A bundle's description as text.

use std::fmt;

use few_shot::decision::score::Weights;
use few_shot::evaluation::report::Report;
use models::bundle::{Accuracy, KnowledgeFiles, Manifest, Network};

use super::{DecisionInspection, Inspection, NetworkInspection};
use crate::commands::accuracy;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, space_id, created_by, .. } = &self.manifest;
        writeln!(f, "{name}, by {created_by}, space {space_id:.12}…\n")?;
        self.write_network(f)?;
        self.write_files(f)?;
        write_knowledge(f, self.manifest.knowledge.as_ref())?;
        write_decision(f, self.decision.as_ref())?;
        write_accuracies(f, &self.manifest.accuracy)?;
        write_origin(f, &self.manifest)
    }
}

impl Inspection {
    fn write_network(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { backbone, preprocess, .. } = &self.manifest;
        // Test-time augmentation: the network runs once per view.
        let passes = preprocess.passes();
        let views = if passes == 1 { String::new() } else { format!(", mean of {passes} views") };
        writeln!(
            f,
            "  network     {size}x{size} to {} values{views}",
            backbone.embedding_size,
            size = preprocess.size
        )?;
        match &self.network {
            Some(network) => {
                let gflop = backbone.flops as f64 * passes as f64 / 1e9;
                network.write(f, gflop)?;
            }
            None => writeln!(f, "  layers      those of its ONNX file, of another program")?,
        }
        writeln!(f, "  format      ONNX opset {}, IR {}", backbone.opset, backbone.ir_version)
    }

    fn write_files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  {:<28}{:>10}", "file", "MB")?;
        for (name, file) in &self.manifest.files {
            let purpose = purpose(&self.manifest.backbone, name);
            // Files without a purpose would end in spaces.
            let line = format!("  {name:<28}{:>10.2}  {purpose}", file.bytes as f64 / 1e6);
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "  {:<28}{:>10.2}", "total", self.bytes as f64 / 1e6)
    }
}

impl NetworkInspection {
    fn write(&self, f: &mut fmt::Formatter<'_>, gflop: f64) -> fmt::Result {
        let layers: Vec<_> = self.layers.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        writeln!(f, "  layers      {}", layers.join(", "))?;
        let millions = self.parameters as f64 / 1e6;
        writeln!(f, "  parameters  {millions:.2} million, {gflop:.2} GFLOP an image")
    }
}

/// The arithmetic of a backbone's file and its engines; empty for other files.
fn purpose(backbone: &Network, file: &str) -> String {
    match backbone.variants.iter().find(|variant| variant.file == file) {
        Some(variant) => format!("{} for {}", variant.precision, variant.engines.join(", ")),
        None if file == backbone.file => {
            format!("{} for every engine, weights in {}", backbone.precision, backbone.weights)
        }
        None => String::new(),
    }
}

fn write_knowledge(f: &mut fmt::Formatter<'_>, knowledge: Option<&KnowledgeFiles>) -> fmt::Result {
    match knowledge {
        Some(KnowledgeFiles { lexicon, .. }) => {
            let megabytes = lexicon.bytes as f64 / 1e6;
            writeln!(f, "  {:<28}{megabytes:>10.2}  next to the bundle", lexicon.file)
        }
        None => writeln!(f, "  name knowledge: none; classes are learned from images only"),
    }
}

fn write_decision(
    f: &mut fmt::Formatter<'_>,
    decision: Option<&DecisionInspection>,
) -> fmt::Result {
    let Some(DecisionInspection { background, table }) = decision else {
        return writeln!(f, "  decision: none; every image is accepted");
    };
    let Weights { novelty, overlap, .. } = table.weights;
    let score = match background {
        0 => "plain cosines".to_owned(),
        rows => format!("{rows} background directions (novelty {novelty}, overlap {overlap})"),
    };
    let most = table.limits.by_classes.keys().next_back().copied().unwrap_or(0);
    writeln!(f, "  decision: {score}; limits for 1 to {most} classes")
}

fn write_accuracies(f: &mut fmt::Formatter<'_>, accuracies: &[Accuracy]) -> fmt::Result {
    if accuracies.is_empty() {
        return writeln!(f, "\n  accuracy    not measured");
    }
    writeln!(
        f,
        "\n  {:<18}{:<11}{:<22}{:<16}accuracy",
        "engine", "precision", "episodes", "policy"
    )?;
    for accuracy in accuracies {
        match accuracy::report(accuracy) {
            Ok(report) => write_report(f, accuracy, &report)?,
            Err(reason) => {
                let precision = accuracy.precision.to_string();
                writeln!(f, "  {:<18}{precision:<11}{reason}", accuracy.engine)?;
            }
        }
    }
    Ok(())
}

fn write_report(f: &mut fmt::Formatter<'_>, accuracy: &Accuracy, report: &Report) -> fmt::Result {
    let precision = accuracy.precision.to_string();
    let episodes = format!("{}-way {}-shot, {}", report.n_way, report.k_shot, report.split);
    for outcome in &report.results {
        writeln!(
            f,
            "  {:<18}{precision:<11}{episodes:<22}{:<16}{:.2} ± {:.2} %",
            accuracy.engine,
            outcome.fusion.to_string(),
            100.0 * outcome.accuracy,
            100.0 * outcome.ci95
        )?;
    }
    Ok(())
}

fn write_origin(f: &mut fmt::Formatter<'_>, manifest: &Manifest) -> fmt::Result {
    let Manifest { provenance, licenses, verification, .. } = manifest;
    let engines: Vec<_> = verification.iter().map(|v| v.engine.as_str()).collect();
    writeln!(f, "\n  verified on {}", engines.join(", "))?;
    writeln!(f, "  trained on  {} by {}", provenance.data, provenance.tool)?;
    if !provenance.notes.is_empty() {
        writeln!(f, "  notes       {}", provenance.notes)?;
    }
    writeln!(f, "  license     weights: {}", licenses.weights)?;
    write!(f, "              data: {}", licenses.data)
}
